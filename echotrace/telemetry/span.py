"""A finished span, and the events that a collector tells its listeners.

All times are nanoseconds of ``time.perf_counter_ns()``, which on Linux is CLOCK_MONOTONIC, so that
stamps of other processes on the same machine can be compared with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Span", "SpanEvent", "SpanStatus"]

SpanStatus = Literal["ok", "failed", "cancelled"]
"""How a span ended: ``failed`` by an exception, ``cancelled`` when it was stopped from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One timed piece of work that has ended.

    ``id`` is unique in its collector and grows with the order of start; ``parent_id`` is the span
    it ran in, None at the top. ``cpu_ns`` is None where CPU time could not be counted; what it
    counts is said by whatever made the span (``collector.span``, ``timed``, ``record``).
    """

    id: int
    name: str
    start_ns: int
    end_ns: int
    cpu_ns: int | None = None
    status: SpanStatus = "ok"
    attributes: dict[str, Any] = field(default_factory=dict)
    parent_id: int | None = None

    @property
    def duration_ms(self) -> float:
        """Wall-clock time from start to end."""
        return (self.end_ns - self.start_ns) / 1e6

    @property
    def cpu_ms(self) -> float | None:
        """CPU time, or None where it could not be counted."""
        return None if self.cpu_ns is None else self.cpu_ns / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """What a listener hears: a span has started, or it has ended and ``span`` holds it.

    ``at_ns`` is when the event was made; ``attributes`` are those the span has at that moment.
    """

    kind: Literal["started", "ended"]
    id: int
    name: str
    parent_id: int | None
    at_ns: int
    attributes: dict[str, Any]
    span: Span | None = None
