"""A measured quantity, its status and the findings that go with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

__all__ = ["Finding", "JsonValue", "Measurement", "RunStatus", "Severity", "Status"]

JsonValue = Any
"""A value that JSON can hold: None, bool, int, float, str, or a list or dict of those."""


class Status(str, Enum):
    """How far a figure can be trusted; the last three carry a reason instead of a value."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    SIMULATED = "simulated"
    NOT_MEASURABLE = "not_measurable"
    UNAVAILABLE = "unavailable"
    NOT_RUN = "not_run"

    @property
    def has_value(self) -> bool:
        """Whether a figure of this status carries a value."""
        return self in (Status.MEASURED, Status.ESTIMATED, Status.SIMULATED)

    @property
    def is_scored(self) -> bool:
        """Whether a figure of this status may enter the reliability score: measured ones only."""
        return self is Status.MEASURED


class RunStatus(str, Enum):
    """Whether everything that was asked for could be had."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"


class Severity(str, Enum):
    """How much a finding matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One figure with its unit, status and evidence.

    ``value`` is None exactly when ``status`` says that nothing was measured; then ``reason`` says
    why. ``low`` and ``high`` bound a 95 % interval in ``unit``; ``n`` counts the samples behind it.
    ``band`` is the word of the threshold profile (good, noisy, critical, ...), when it has one.
    """

    unit: str
    status: Status
    value: float | None = None
    reason: str | None = None
    method: str | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    band: str | None = None

    def __post_init__(self) -> None:
        if self.status.has_value != (self.value is not None):
            raise ValueError(f"a {self.status.value} figure and value={self.value!r} contradict")
        if not self.status.has_value and not self.reason:
            raise ValueError(f"a {self.status.value} figure needs a reason")

    @classmethod
    def measured(cls, value: float, unit: str, **extra: Any) -> Measurement:
        """A figure that was measured; ``extra`` sets method, low, high, n."""
        return cls(value=value, unit=unit, status=Status.MEASURED, **extra)

    @classmethod
    def estimated(cls, value: float, unit: str, *, reason: str, **extra: Any) -> Measurement:
        """A figure from a weaker method; ``reason`` says which weakness."""
        return cls(value=value, unit=unit, status=Status.ESTIMATED, reason=reason, **extra)

    @classmethod
    def simulated(cls, value: float, unit: str, *, reason: str, **extra: Any) -> Measurement:
        """A figure from a mock or a simulated stream; it never enters a score."""
        return cls(value=value, unit=unit, status=Status.SIMULATED, reason=reason, **extra)

    @classmethod
    def not_measurable(cls, unit: str, reason: str) -> Measurement:
        """The input does not allow this figure."""
        return cls(unit=unit, status=Status.NOT_MEASURABLE, reason=reason)

    @classmethod
    def unavailable(cls, unit: str, reason: str) -> Measurement:
        """The figure was asked for, but a provider or a model failed."""
        return cls(unit=unit, status=Status.UNAVAILABLE, reason=reason)

    @classmethod
    def not_run(cls, unit: str, reason: str) -> Measurement:
        """Nobody asked for this figure in this run."""
        return cls(unit=unit, status=Status.NOT_RUN, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something the reader should know, with what to do about it.

    ``code`` is stable and in capitals (``TRUNCATED``, ``NO_SPEECH``); ``at_s`` is a place on the
    recording's clock in seconds, when there is one.
    """

    code: str
    severity: Severity
    message: str
    hint: str | None = None
    at_s: float | None = None
