from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.analyzers.turn_taking.sounds import audible
from echotrace.audio.stretches import ChannelSpeech, Edge, Stretch
from tests.fakes.talk import summary, taken

SECONDS = 120.0


@st.composite
def speech(draw, most=14):
    """A channel whose edges lie on whole ms, some of them uncertain and some sounds very short."""
    at_ms, found = 0, []
    for _ in range(draw(st.integers(0, most))):
        at_ms += draw(st.sampled_from([205, 250, 400, 650, 699, 700, 1500, 2999, 3000, 6000]))
        at_ms += draw(st.integers(0, 900))
        begin_ms = at_ms
        at_ms += draw(st.sampled_from([20, 59, 60, 100, 250, 399, 400, 900, 2500, 7000]))
        spread = st.sampled_from([0, 4, 30, 90, 260])
        found.append(
            Stretch(
                start=_edge(begin_ms, draw(spread), draw(spread)),
                end=_edge(at_ms, draw(spread), draw(spread)),
            )
        )
    crowd = draw(st.sampled_from(["quiet", "steady", "crowd"]))
    return ChannelSpeech(stretches=tuple(found), snr_db=None, surroundings=crowd)


def _edge(at_ms, early_ms, late_ms):
    return Edge(at_s=at_ms / 1000, low_s=(at_ms - early_ms) / 1000, high_s=(at_ms + late_ms) / 1000)


def moved(side, by_ms):
    def shift(edge):
        return Edge(
            at_s=round(edge.at_s + by_ms / 1000, 3),
            low_s=round(edge.low_s + by_ms / 1000, 3),
            high_s=round(edge.high_s + by_ms / 1000, 3),
        )

    return ChannelSpeech(
        stretches=tuple(
            Stretch(start=shift(item.start), end=shift(item.end)) for item in side.stretches
        ),
        surroundings=side.surroundings,
    )


def spans(side):
    return [(item.start.at_s, item.end.at_s) for item in audible(side)]


@settings(max_examples=60)
@given(speech(), speech())
def test_turns_are_numbered_in_order_and_disjoint_per_side(caller, agent):
    turns = taken(caller, agent, end_s=SECONDS).turns
    assert [turn.id for turn in turns] == list(range(1, len(turns) + 1))
    begins = [(turn.user or turn.agent).start_s for turn in turns]
    assert all(one - other < 0.1 for one, other in pairwise(begins))
    for read in (lambda turn: turn.user, lambda turn: turn.agent):
        sides = [read(turn) for turn in turns if read(turn)]
        assert all(item.start_s < item.end_s for item in sides)
        assert all(one.end_s < other.start_s for one, other in pairwise(sides))
    assert sum(turn.first for turn in turns) == any(turn.user for turn in turns)


@settings(max_examples=60)
@given(speech(), speech())
def test_a_gap_is_the_agents_start_less_the_users_end(caller, agent):
    for turn in taken(caller, agent, end_s=SECONDS).turns:
        gap = turn.heard_gap_ms
        if gap.value is None:
            assert gap.reason
            continue
        assert gap.value == round((turn.agent.start_s - turn.user.end_s) * 1000.0, 1)
        assert gap.low <= gap.value <= gap.high
        assert round(gap.high - gap.low, 1) <= 400.0
        assert turn.agent.start_s - turn.user.start_s >= 0.0999
        assert turn.agent.end_s > turn.user.end_s


@settings(max_examples=60)
@given(speech(), speech())
def test_every_sound_of_the_caller_is_in_one_turn_or_one_backchannel(caller, agent):
    found = taken(caller, agent, end_s=SECONDS)
    places = [(turn.user.start_s, turn.user.end_s) for turn in found.turns if turn.user]
    places += [
        (item.at_s, round(item.at_s + item.duration_ms.value / 1000.0, 4))
        for item in found.incidents
        if item.type == "backchannel"
    ]
    for start_s, end_s in spans(caller):
        assert sum(low <= start_s and end_s <= high for low, high in places) == 1


@settings(max_examples=60)
@given(speech(), speech())
def test_every_sound_of_the_agent_is_in_a_turn_or_inside_the_callers(caller, agent):
    turns = taken(caller, agent, end_s=SECONDS).turns
    answers = [(turn.agent.start_s, turn.agent.end_s) for turn in turns if turn.agent]
    users = [(turn.user.start_s, turn.user.end_s) for turn in turns if turn.user]
    for start_s, end_s in spans(agent):
        assert sum(low <= start_s and end_s <= high for low, high in answers) == 1 or any(
            low < start_s and end_s <= high for low, high in users
        )


@settings(max_examples=60)
@given(speech(), speech(), st.integers(0, 5_000_000))
def test_moving_everything_in_time_changes_no_figure(caller, agent, by_ms):
    here = taken(caller, agent, end_s=SECONDS)
    by_s = by_ms / 1000
    there = taken(
        moved(caller, by_ms), moved(agent, by_ms), start_s=by_s, end_s=round(SECONDS + by_s, 3)
    )
    for one, other in zip(here.turns, there.turns, strict=True):
        assert (one.kind, one.id, one.first) == (other.kind, other.id, other.first)
        assert figures(one.heard_gap_ms) == figures(other.heard_gap_ms)
        assert figures(one.yield_ms) == figures(other.yield_ms)
    for one, other in zip(here.incidents, there.incidents, strict=True):
        assert (one.type, one.severity, one.turn_id) == (other.type, other.severity, other.turn_id)
        assert round(other.at_s - one.at_s, 4) == by_s
        assert figures(one.duration_ms) == figures(other.duration_ms)


def figures(item):
    """The numbers of a figure; a bound is the end of a square root, so within 0.1 ms."""
    if item is None or item.value is None:
        return None
    return (item.status, item.value, pytest.approx(item.low, abs=0.11), item.unit)


@settings(max_examples=60)
@given(speech(), speech())
def test_clicks_change_nothing(caller, agent):
    quiet = [taken(caller, agent, end_s=200.0), taken(agent, caller, end_s=200.0)]
    clicks = tuple(
        Stretch(start=_edge(150_000 + k * 700, 0, 0), end=_edge(150_059 + k * 700, 0, 0))
        for k in range(5)
    )
    loud = ChannelSpeech(stretches=caller.stretches + clicks, surroundings=caller.surroundings)
    assert [taken(loud, agent, end_s=200.0), taken(agent, loud, end_s=200.0)] == quiet


@settings(max_examples=60)
@given(speech(), speech())
def test_dead_air_never_overlaps_speech(caller, agent):
    for item in taken(caller, agent, end_s=SECONDS).incidents:
        if item.type != "dead_air":
            continue
        assert item.duration_ms.value >= 3000.0
        end_s = round(item.at_s + item.duration_ms.value / 1000.0, 4)
        for sound in (*spans(caller), *spans(agent)):
            assert sound[1] <= item.at_s or sound[0] >= end_s


@settings(max_examples=60)
@given(speech(), speech())
def test_incidents_are_critical_only_when_their_low_bound_is(caller, agent):
    least = {"barge_in": 1000.0, "dead_air": 5000.0, "missed_response": 5000.0}
    found = taken(caller, agent, end_s=SECONDS)
    assert list(found.incidents) == sorted(found.incidents, key=lambda item: (item.at_s, item.type))
    for item in found.incidents:
        assert item.turn_id is None or 1 <= item.turn_id <= len(found.turns)
        if item.severity.value == "critical":
            assert item.duration_ms.low >= least[item.type]


@settings(max_examples=60)
@given(speech(), speech())
def test_the_summary_agrees_with_turns_and_incidents(caller, agent):
    found = taken(caller, agent, end_s=SECONDS)
    figures = summary(caller, agent, end_s=SECONDS)
    for kind, count in (
        ("barge_in", figures.barge_ins),
        ("backchannel", figures.backchannels),
        ("early_start", figures.early_starts),
        ("missed_response", figures.missed_responses),
        ("dead_air", figures.dead_airs),
    ):
        assert sum(item.type == kind for item in found.incidents) == count
    answered = [turn for turn in found.turns if turn.user and turn.agent]
    assert figures.heard_gap_ms.n + figures.heard_gap_ms.not_measured == len(answered)
    ratios = [
        item.talk_ratio.value for item in figures.channels if item.talk_ratio.value is not None
    ]
    assert not ratios or sum(ratios) == pytest.approx(1.0, abs=2e-6)
    if figures.overlap_ratio.value is not None:
        assert 0.0 <= figures.overlap_ratio.value <= 1.0
