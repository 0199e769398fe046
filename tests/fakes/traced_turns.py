"""Turns of a trace and of a recording, and a clock between them, without any audio."""

from dataclasses import dataclass

from echotrace.model.conversation import (
    Conversation,
    ConversationSummary,
    Percentiles,
    Turn,
    TurnSide,
)
from echotrace.model.measure import Measurement
from echotrace.model.reconciled import ClockFit
from echotrace.model.trace import ClaimedPart, TraceSide, TraceSpan, TraceTurn

ZERO_S = 100.0
"""Where the recording begins on the trace's clock."""
END_S = 10.0
"""When the caller ends, in the recording."""


@dataclass(frozen=True)
class Shift:
    """A clock whose offset is known, and how well."""

    offset_s: float = -ZERO_S
    spread_ms: float = 0.0

    @property
    def clock(self):
        at = self.offset_s * 1000
        offset = Measurement.measured(at, "ms", low=at - self.spread_ms, high=at + self.spread_ms)
        return ClockFit(status="fitted", offset_ms=offset, matches=5)

    def to_recording(self, trace_s):
        return trace_s + self.offset_s


def part(key, start_ms, ms, **more):
    """A claimed part that begins this long after the caller's end; None leaves its place open."""
    start_s = None if start_ms is None else ZERO_S + END_S + start_ms / 1000
    return ClaimedPart(
        key=key, ms=ms, owner=more.pop("owner", f"own-{key}"), start_s=start_s, **more
    )


def span(key, start_ms, end_ms, number=1, first_ms=None, **more):
    zero_s = ZERO_S + END_S
    return TraceSpan(
        id=f"{key}-{number}",
        name=key,
        part=key,
        owner=f"own-{key}",
        start_s=zero_s + start_ms / 1000,
        end_s=zero_s + end_ms / 1000,
        first_output_s=None if first_ms is None else zero_s + first_ms / 1000,
        turn=1,
        **more,
    )


def told(*parts, played_ms=None, user_edge="speech", user_end_ms=0.0, claimed_ms=None, **more):
    """A turn of the trace, whose caller ends at ``user_end_ms`` by its own opinion."""
    zero_s = ZERO_S + END_S
    user = TraceSide(
        start_s=zero_s - 2.0,
        end_s=None if user_end_ms is None else zero_s + user_end_ms / 1000,
        edge=user_edge,
    )
    agent = None
    if played_ms is not None:
        start_s = zero_s + played_ms / 1000
        agent = TraceSide(start_s=start_s, end_s=start_s + 2.0, edge="playout")
    return TraceTurn(id=1, user=user, agent=agent, parts=parts, claimed_gap_ms=claimed_ms, **more)


def heard(gap_ms, edge_ms=10.0, number=1, end_s=END_S, kind="response"):
    """A turn of the recording; its edges are known to ``edge_ms``."""
    edge_s, start_s = edge_ms / 1000, end_s + gap_ms / 1000
    return Turn(
        id=number,
        kind=kind,
        user=TurnSide(
            start_s=end_s - 2.0,
            end_s=end_s,
            end_low_s=end_s - edge_s,
            end_high_s=end_s + edge_s,
        ),
        agent=TurnSide(
            start_s=start_s,
            end_s=start_s + 2.0,
            start_low_s=start_s - edge_s,
            start_high_s=start_s + edge_s,
        ),
        heard_gap_ms=Measurement.measured(
            round(gap_ms, 1), "ms", low=gap_ms - 2 * edge_ms, high=gap_ms + 2 * edge_ms
        ),
    )


def conversation(*turns):
    """What was heard, with a summary that nobody looks at."""
    none = Measurement.not_measurable("ms", "not looked at")
    nothing = Percentiles(n=0, not_measured=0, p50=none, p95=none, p99=none, worst=none)
    return Conversation(
        status="measured",
        turns=turns,
        summary=ConversationSummary(
            heard_gap_ms=nothing,
            yield_ms=nothing,
            greeting_ms=none,
            first_heard_gap_ms=none,
            dead_air_s=none,
            dead_air_total_s=none,
            talk_over_ms=none,
            overlap_ratio=none,
        ),
    )
