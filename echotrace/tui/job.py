"""What the app is to show: a recording to profile, or a report that exists already."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from echotrace.config.settings import Settings
from echotrace.expressions import Expression
from echotrace.model.report import Report
from echotrace.model.run import RunRequest

__all__ = ["Job", "Saved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run to make; ``output`` names a file that gets the report's JSON when it is done."""

    name: str
    request: RunRequest
    settings: Settings
    gates: tuple[Expression, ...] = ()
    output: Path | None = None

    @property
    def path(self) -> str:
        """The recording, as the user named it."""
        return self.request.path

    @property
    def synthetic(self) -> bool:
        """Whether the recording is known to be synthetic."""
        return self.request.synthetic

    @property
    def asked(self) -> tuple[str, ...]:
        """The stages that were named."""
        return self.request.stages or ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A report that was made earlier."""

    name: str
    report: Report

    @property
    def path(self) -> str:
        """The recording that it is about."""
        return self.report.source.path

    @property
    def synthetic(self) -> bool:
        """Whether that recording is synthetic."""
        return self.report.source.synthetic

    @property
    def asked(self) -> tuple[str, ...]:
        """The stages, which the report names."""
        return ()
