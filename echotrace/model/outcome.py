"""What goes into an analyzer beside the audio, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from echotrace.model.measure import Finding

__all__ = ["Inputs", "Outcome"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Texts that belong to the recording, or to the probes.

    ``reference`` is what was really said, or None; ``transcript_path`` names a file with what the
    user's own pipeline heard, or None. ``key_terms`` are words and names that must not be misheard.
    ``prompt`` is what probes of a language model ask instead of the built-in question;
    with ``prompt_from_call`` they ask what the caller said. ``speech`` is what probes of a speech
    synthesiser speak. ``trace_path`` names a file with the pipeline's own trace of the call,
    ``trace_kind`` its format where that is not to be told by the content, and ``trace_offset_ms``
    where its first speech event lies in the recording.
    """

    reference: str | None = None
    transcript_path: str | None = None
    key_terms: tuple[str, ...] = ()
    prompt: str | None = None
    prompt_from_call: bool = False
    speech: str | None = None
    trace_path: str | None = None
    trace_kind: str | None = None
    trace_offset_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The typed result of a built-in analyzer, and its findings."""

    data: T
    findings: tuple[Finding, ...] = ()
