"""The span of a probing stage: what both probes write on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from echotrace.telemetry.ambient import CURRENT
from echotrace.telemetry.collector import ActiveSpan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.probes import RequestSample

__all__ = [
    "MEASURING",
    "connection_of",
    "fail_stage",
    "load_backend",
    "mark_stage",
    "time_of",
]

MEASURING: Final = ("signal", "turns", "transcription")
"""The stages that work on the recording."""


def mark_stage(**attributes: Any) -> None:
    """Set attributes on the span of the analyzer, where one is open."""
    span = CURRENT.get()
    if isinstance(span, ActiveSpan):
        span.set(**attributes)


def fail_stage(code: str) -> None:
    """Mark the span of the analyzer as failed, where one is open."""
    span = CURRENT.get()
    if isinstance(span, ActiveSpan):
        span.fail(code)


async def load_backend() -> None:
    """Import what anyio needs on this loop, which otherwise falls into the first request."""
    from anyio.lowlevel import checkpoint

    await checkpoint()


def connection_of(warm: Sequence[RequestSample]) -> str:
    """Say over what kind of connection most requests went, for the method of a figure."""
    anew = sum(item.reused is False for item in warm)
    if 2 * anew <= len(warm):
        return "warm connection"
    return "a new connection each time, whose set-up is not in it"


def time_of(sample: RequestSample) -> float | None:
    """Return a whole request in ms without what passed on this side before it could begin.

    One that was cut has no whole.
    """
    if sample.status == "cut":
        return None
    parts = [phase.duration_ms for phase in sample.phases if phase.name != "queued"]
    return sum(parts) if parts else sample.total_ms
