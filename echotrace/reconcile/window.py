"""Between which moments a turn's wait lies, and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from echotrace.model.measure import Measurement

if TYPE_CHECKING:
    from echotrace.model.conversation import Turn
    from echotrace.model.reconciled import ClockFit
    from echotrace.model.trace import TraceTurn

__all__ = ["Window", "claimed_gap", "window_of"]


class _Fit(Protocol):
    @property
    def clock(self) -> ClockFit: ...

    def to_recording(self, trace_s: float) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From the caller's end to the agent's start; ``is_heard`` where the recording tells both.

    ``playout_s`` is when the sound was handed out by the trace, on the same clock, and
    ``playout_known`` that the trace says so itself. ``start_earlier_ms`` and its like say how far
    the edges may be off, ``clock_earlier_ms`` and its like how far the trace's moments may be.
    """

    start_s: float | None
    end_s: float | None
    gap_ms: float | None
    is_heard: bool = False
    playout_s: float | None = None
    playout_known: bool = False
    start_earlier_ms: float = 0.0
    start_later_ms: float = 0.0
    end_earlier_ms: float = 0.0
    end_later_ms: float = 0.0
    clock_earlier_ms: float = 0.0
    clock_later_ms: float = 0.0


def window_of(told: TraceTurn, turn: Turn | None, fit: _Fit) -> Window | None:
    """Return where the wait of a turn lies; None where nobody waited, or the gap is not known.

    With ``turn`` the edges are those of the recording, else those of the trace.
    """
    played = _played_s(told, fit)
    if turn is None:
        return _claimed_window(told, fit, played)
    if turn.user is None or turn.agent is None or turn.heard_gap_ms.value is None:
        return None
    user, agent = turn.user, turn.agent
    earlier_ms, later_ms = _reach(fit.clock.offset_ms)
    return Window(
        start_s=user.end_s,
        end_s=agent.start_s,
        gap_ms=turn.heard_gap_ms.value,
        is_heard=True,
        playout_s=played,
        playout_known=played is not None,
        start_earlier_ms=_apart_ms(user.end_low_s, user.end_s),
        start_later_ms=_apart_ms(user.end_s, user.end_high_s),
        end_earlier_ms=_apart_ms(agent.start_low_s, agent.start_s),
        end_later_ms=_apart_ms(agent.start_s, agent.start_high_s),
        clock_earlier_ms=earlier_ms,
        clock_later_ms=later_ms,
    )


def claimed_gap(told: TraceTurn) -> Measurement:
    """Return the latency that the platform states, else what its own times come to."""
    if told.claimed_gap_ms is not None:
        return Measurement.measured(
            round(told.claimed_gap_ms, 1),
            "ms",
            method=f"stated by the trace: {told.claimed_by or 'claimed gap'}",
        )
    user, agent = told.user, told.agent
    if user is None:
        return Measurement.not_measurable("ms", "the agent was not asked in this turn")
    if agent is None or agent.start_s is None:
        return Measurement.not_measurable("ms", "the trace has no answer in this turn")
    if user.end_s is None or user.edge != "speech" or agent.edge == "detected":
        return Measurement.not_measurable("ms", "the trace states no latency for this turn")
    return Measurement.estimated(
        round((agent.start_s - user.end_s) * 1000.0, 1),
        "ms",
        reason="the trace states none: the agent's start less the caller's end by its times",
    )


def _claimed_window(told: TraceTurn, fit: _Fit, played_s: float | None) -> Window | None:
    user, agent = told.user, told.agent
    if user is None and told.claimed_gap_ms is None:
        return None
    start_s = end_s = None
    if user is not None and user.end_s is not None and user.edge == "speech":
        start_s = fit.to_recording(user.end_s)
    if agent is not None and agent.start_s is not None:
        end_s = fit.to_recording(agent.start_s)
    gap_ms = claimed_gap(told).value
    if gap_ms is not None:
        if start_s is None and end_s is not None:
            start_s = end_s - gap_ms / 1000.0
        elif end_s is None and start_s is not None:
            end_s = start_s + gap_ms / 1000.0
    elif start_s is not None and end_s is not None:
        gap_ms = round((end_s - start_s) * 1000.0, 1)
    return Window(
        start_s=start_s,
        end_s=end_s,
        gap_ms=gap_ms,
        playout_s=played_s,
        playout_known=played_s is not None,
    )


def _played_s(told: TraceTurn, fit: _Fit) -> float | None:
    agent = told.agent
    if agent is None or agent.start_s is None or agent.edge != "playout":
        return None
    return fit.to_recording(agent.start_s)


def _apart_ms(low_s: float | None, high_s: float | None) -> float:
    if low_s is None or high_s is None:
        return 0.0
    return max(0.0, high_s - low_s) * 1000.0


def _reach(offset: Measurement | None) -> tuple[float, float]:
    """Return how much earlier and later the trace's moments may lie than they were placed."""
    if offset is None or offset.value is None or offset.low is None or offset.high is None:
        return 0.0, 0.0
    return max(0.0, offset.value - offset.low), max(0.0, offset.high - offset.value)
