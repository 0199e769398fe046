from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.fixtures.traced_call import trace_of
from echotrace.model.trace import Trace, TraceSide, TraceTurn
from echotrace.reconcile.line import Line
from echotrace.reconcile.match import (
    Events,
    Matches,
    find_events,
    match_events,
    pair_turns,
    placed_turns,
)
from tests.fakes.traced_talk import call, heard

times = st.lists(st.integers(0, 60_000), unique=True, max_size=30).map(
    lambda found: np.asarray(sorted(found), np.float64) / 1000
)


def events(told_s, heard_s, kind="user.end.speech"):
    return Events(
        kind=kind,
        trace_s=np.asarray(told_s, np.float64),
        trace_turns=np.arange(len(told_s)),
        heard_s=np.asarray(heard_s, np.float64),
        heard_turns=np.arange(len(heard_s)),
        within_s=np.zeros(len(heard_s)),
    )


def matches(*rows):
    """Matches from (kind, trace turn, heard turn); an event lies at its turn's number."""
    kinds, told, found = zip(*rows, strict=True) if rows else ((), (), ())
    return Matches(
        kinds=np.asarray(kinds, np.str_),
        trace_s=np.asarray(told, np.float64),
        heard_s=np.asarray(found, np.float64),
        trace_turns=np.asarray(told, np.int64),
        heard_turns=np.asarray(found, np.int64),
        within_s=np.zeros(len(told)),
    )


@given(told=times, edges=times, offset_s=st.floats(-5, 5), reach_s=st.floats(0.01, 3))
def test_matches_are_near_mutual_and_never_cross(told, edges, offset_s, reach_s):
    line = Line(offset_s=offset_s)
    found = match_events([events(told, edges)], line, reach_s=reach_s)
    assert (np.abs(found.rest_s(line)) <= reach_s + 1e-9).all()
    assert len(set(found.trace_turns.tolist())) == len(found)
    assert len(set(found.heard_turns.tolist())) == len(found)
    assert (np.diff(found.trace_s) > 0).all()
    assert (np.diff(found.heard_s) > 0).all()


@given(told=times)
def test_every_event_meets_its_own_edge(told):
    found = match_events([events(told, told + 3.0)], Line(offset_s=3.0))
    assert found.trace_turns.tolist() == found.heard_turns.tolist() == list(range(len(told)))


def test_a_lag_moves_one_kind_alone():
    told = [1.0, 9.0]
    both = [events(told, told), events(told, [1.3, 9.3], "agent.start.playout")]
    line = Line(offset_s=0.0, lags_s={"agent.start.playout": 0.3})
    assert np.abs(match_events(both, line).rest_s(line)).max() < 1e-9


@pytest.mark.parametrize(
    ("edges", "anchor", "lags_s"),
    [
        (("speech", "playout"), "user.end.speech", (-0.05, 2.0)),
        (("detected", "playout"), "agent.start.playout", (0.0, 0.0)),
        (("speech", "speech"), "user.end.speech", (-0.5, 1.0)),
    ],
)
def test_the_anchor_is_what_the_trace_knows_best(edges, anchor, lags_s):
    truth = call(1)
    trace = trace_of(truth, edge=edges[0]).trace
    told = [
        turn
        if turn.agent is None
        else TraceTurn(
            id=turn.id,
            user=turn.user,
            agent=TraceSide(start_s=turn.agent.start_s, edge=edges[1]),
        )
        for turn in trace.turns
    ]
    near, first_s = placed_turns(Trace(kind="x", clock="unix", turns=tuple(told)))
    found, name = find_events(told, near, heard(truth).turns, first_s)
    assert name == anchor
    bounds = {item.kind: item.lags_s for item in found}
    assert bounds[anchor] == (0.0, 0.0)
    assert bounds[f"agent.start.{edges[1]}"] == pytest.approx(lags_s)


def test_nothing_in_common_has_no_events():
    told = [TraceTurn(id=1, user=TraceSide(start_s=1.0))]
    assert find_events(told, frozenset({0}), (), 0.0) == ((), None)


def test_a_turn_stamped_by_another_clock_is_left_out():
    sides = [1e9 + at for at in (0.0, 5.0, 9.0, 14.0)] + [3.0]
    turns = tuple(
        TraceTurn(id=at, user=TraceSide(start_s=time_s)) for at, time_s in enumerate(sides)
    )
    assert placed_turns(Trace(kind="x", clock="unix", turns=turns)) == (frozenset(range(4)), 1e9)


def test_a_turn_goes_where_its_answer_and_its_end_are():
    rows = [
        ("user.start.speech", 0, 0),
        ("user.end.speech", 0, 1),
        ("agent.start.playout", 0, 1),
        ("user.end.speech", 1, 2),
    ]
    assert pair_turns(matches(*rows)) == {0: 1, 1: 2}


def test_pairs_that_cross_give_way_to_the_heavier_ones():
    rows = [
        ("user.end.speech", 0, 5),
        ("user.start.speech", 0, 5),
        ("user.start.speech", 1, 2),
        ("agent.start.playout", 2, 6),
    ]
    assert pair_turns(matches(*rows)) == {0: 5, 2: 6}


pairs = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), unique=True, max_size=9)


@given(pairs=pairs)
def test_the_chain_of_turns_is_the_heaviest_that_rises(pairs):
    rows = [("user.start.speech", *pair) for pair in pairs]
    chain = pair_turns(matches(*rows))
    ordered = sorted(chain.items())
    assert set(ordered) <= set(pairs)
    assert all(one[1] < next_[1] for one, next_ in pairwise(ordered))
    assert len(chain) == longest(pairs)


def longest(pairs):
    best = {}
    for told, found in sorted(pairs):
        before = [length for (one, other), length in best.items() if one < told and other < found]
        best[told, found] = 1 + max(before, default=0)
    return max(best.values(), default=0)
