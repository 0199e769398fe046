"""Calls written down as truth, without sound, and what a recording of them would give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from echotrace.fixtures.truth import CallTruth, Span, TrueTurn
from echotrace.model.conversation import Conversation, Turn, TurnSide
from echotrace.model.measure import Measurement
from tests.fakes.talk import summary

NO_GAP = Measurement.not_measurable("ms", "not asked for")


def call(seed, turns=12, *, every_s=None):
    """A call of a greeting, answers, one missed response and one barge-in; or all turns alike."""
    random = np.random.default_rng([41, seed])
    found = [TrueTurn(id=1, kind="greeting", user=None, agent=Span(start_s=0.6, end_s=3.1))]
    at_s = 3.1
    for number in range(2, turns + 1):
        kind = {5: "missed_response", 8: "barge_in"}.get(number, "response")
        begin_s = at_s + float(random.uniform(0.4, 1.8))
        if every_s is not None:
            kind, begin_s = "response", number * every_s
        elif kind == "barge_in":
            begin_s = at_s - 0.7
        user = Span(start_s=begin_s, end_s=begin_s + float(random.uniform(0.7, 4.0)))
        gap_s = float(random.uniform(1.25, 3.0))
        length_s = float(random.uniform(1.0, 5.0))
        if every_s is not None:
            user, gap_s, length_s = Span(start_s=begin_s, end_s=begin_s + 1.2), 1.4, 1.7
        agent = Span(start_s=user.end_s + gap_s, end_s=user.end_s + gap_s + length_s)
        at_s = agent.end_s
        if kind == "missed_response":
            found.append(TrueTurn(id=number, kind=kind, user=user, agent=None))
            at_s = user.end_s + 3.0
            continue
        found.append(
            TrueTurn(
                id=number,
                kind=kind,
                user=user,
                agent=agent,
                heard_gap_ms=gap_s * 1000,
                yield_ms=700.0 if kind == "barge_in" else None,
            )
        )
    return CallTruth(
        sample_rate_hz=16_000,
        duration_s=at_s + 1.0,
        seed=seed,
        index=1,
        condition={},
        voices={},
        caller=(),
        agent=(),
        turns=tuple(found),
        incidents=(),
        versions={},
        levels_dbfs={},
        floors_dbfs={},
    )


def heard(truth, seed=1, *, edge_ms=4.0, lost=0.0, moved_s=0.0):
    """What the turns stage would say: edges that scatter, some turns lost, the whole moved."""
    random = np.random.default_rng([17, seed])
    turns = []
    for turn in truth.turns:
        user, agent = (_side(side, edge_ms / 1000, moved_s, random) for side in _sides(turn))
        if random.random() >= lost:
            turns.append(
                Turn(id=turn.id, kind=turn.kind, user=user, agent=agent, heard_gap_ms=NO_GAP)
            )
    return Conversation(status="measured", summary=summary([], []), turns=tuple(turns))


def later(conversation, by_s):
    """The same conversation, recorded with more silence before it."""

    def moved(side):
        return side and replace(side, start_s=side.start_s + by_s, end_s=side.end_s + by_s)

    turns = (
        replace(turn, user=moved(turn.user), agent=moved(turn.agent)) for turn in conversation.turns
    )
    return replace(conversation, turns=tuple(turns))


def on_clock(trace, change):
    """The same trace as another clock would have stamped it."""

    def stamped(side):
        if side is None:
            return None
        start_s, end_s = (at if at is None else change(at) for at in (side.start_s, side.end_s))
        return replace(side, start_s=start_s, end_s=end_s)

    turns = (
        replace(turn, user=stamped(turn.user), agent=stamped(turn.agent)) for turn in trace.turns
    )
    return replace(trace, turns=tuple(turns))


def _sides(turn):
    return turn.user, turn.agent


def _side(span, edge_s, moved_s, random):
    off = random.normal(0.0, edge_s, 2)
    if span is None:
        return None
    start_s, end_s = span.start_s + off[0] + moved_s, span.end_s + off[1] + moved_s
    return TurnSide(
        start_s=start_s,
        end_s=end_s,
        start_low_s=start_s - 3 * edge_s,
        start_high_s=start_s + 3 * edge_s,
        end_low_s=end_s - 3 * edge_s,
        end_high_s=end_s + 3 * edge_s,
    )
