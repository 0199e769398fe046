"""What goes into an analyzer beside the audio, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from echotrace.model.measure import Finding

__all__ = ["Inputs", "Outcome"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Texts that belong to the recording.

    ``reference`` is what was really said, or None; ``transcript_path`` names a file with what the
    user's own pipeline heard, or None. ``key_terms`` are words and names that must not be misheard.
    """

    reference: str | None = None
    transcript_path: str | None = None
    key_terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The typed result of a built-in analyzer, and its findings."""

    data: T
    findings: tuple[Finding, ...] = ()
