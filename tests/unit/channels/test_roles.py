"""Who is who, from the features alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.audio.features import ChannelFeatures
from echotrace.audio.levels import ActiveLevel
from echotrace.audio.roles import SURE, RoleGuess, contradicts, infer_roles

FRAME_S = 0.032
NOTHING = np.zeros(0, np.float32)


def channel(spans, *, duration_s=60.0, floor_dbfs=-100.0, levels=(-26.0,), probability=0.0):
    """Features of a channel that speaks in ``spans``, each at its level in dBFS."""
    frames = round(duration_s / FRAME_S)
    power = np.full(frames, 10 ** (floor_dbfs / 10) * (floor_dbfs > -99))
    heard = np.full(frames, probability, np.float32)
    for number, (start_s, end_s) in enumerate(spans):
        where = slice(round(start_s / FRAME_S), round(end_s / FRAME_S))
        power[where] = 10 ** (levels[number % len(levels)] / 10)
        heard[where] = 0.99
    return ChannelFeatures(
        start_s=0.0,
        duration_s=duration_s,
        frame_s=FRAME_S,
        mean=np.zeros(frames),
        variance=power,
        speech_probability=heard,
        webrtc_speech=np.zeros(0, np.bool_),
        spectra_frames=np.zeros(0, np.int64),
        power_spectra=np.zeros((0, 257), np.float32),
        column_s=1.0,
        envelope_min=NOTHING.copy(),
        envelope_max=NOTHING.copy(),
        active_level=ActiveLevel(float(np.mean(levels)), 0.4) if spans else None,
    )


AGENT = [(1.0, 5.0), (10.0, 15.0), (20.0, 26.0), (31.0, 36.0), (42.0, 48.0)]
CALLER = [(6.0, 8.0), (16.0, 17.5), (27.0, 29.0), (37.0, 39.0), (49.0, 50.0)]


def agent(**changed):
    return channel(AGENT, **changed)


def caller(**changed):
    return channel(CALLER, **({"floor_dbfs": -55.0, "levels": (-24.0, -30.0, -27.0)} | changed))


@pytest.mark.parametrize("swapped", [False, True])
def test_a_plain_call_is_told_whichever_way_round(swapped):
    pair = [caller(), agent()]
    guess = infer_roles(pair[::-1] if swapped else pair)
    assert (guess.caller, guess.agent) == ((1, 0) if swapped else (0, 1))
    assert guess.confidence > SURE
    assert f"channel {guess.agent} speaks first" in guess.evidence
    assert all(f"channel {guess.caller}" not in words for words in guess.evidence)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_caller_who_answers_with_a_word_is_no_agent(swapped):
    pair = [channel([(0.2, 0.6), *CALLER], floor_dbfs=-55.0), agent()]
    guess = infer_roles(pair[::-1] if swapped else pair)
    assert guess.caller == int(swapped)
    assert f"channel {guess.caller} begins with a word only" in guess.evidence


@pytest.mark.parametrize("swapped", [False, True])
def test_a_caller_who_speaks_first_is_known_by_the_room(swapped):
    pair = [
        channel([(0.2, 2.0), *CALLER[1:]], floor_dbfs=-45.0),
        channel(AGENT[1:], floor_dbfs=-100.0),
    ]
    guess = infer_roles(pair[::-1] if swapped else pair)
    assert guess.caller == int(swapped)
    assert f"channel {guess.agent} has less noise between words" in guess.evidence


@pytest.mark.parametrize("swapped", [False, True])
def test_a_crowd_is_the_callers_and_nothing_else_counts(swapped):
    pair = [caller(probability=0.6, floor_dbfs=-36.0), agent()]
    guess = infer_roles(pair[::-1] if swapped else pair)
    assert guess.caller == int(swapped)
    assert guess.evidence == (f"channel {guess.caller} has a crowd in it",)


def test_words_put_in_while_the_other_talks_on_are_a_callers():
    alike = [channel(AGENT[:2]), channel(AGENT[:2])]
    with_words = [channel([*AGENT[:2], (22.0, 22.3), (33.0, 33.4)]), channel(AGENT)]
    assert infer_roles(alike).evidence == ()
    assert "channel 0 puts in words while the other talks on" in infer_roles(with_words).evidence


def test_channels_that_are_alike_leave_only_their_order():
    guess = infer_roles([channel(AGENT), channel(AGENT)])
    assert guess.caller == 0
    assert 0.6 < guess.confidence < 0.7


@pytest.mark.parametrize(
    "features", [[], [agent()], [agent(), channel([])], [agent(), caller(), caller()]]
)
def test_without_two_voices_there_is_no_guess(features):
    assert infer_roles(features) is None


@st.composite
def talks(draw):
    edges = sorted(draw(st.sets(st.integers(0, 1_800), min_size=2, max_size=24)))
    spans = [(a * FRAME_S, b * FRAME_S) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    return channel(
        [(a, b) for a, b in spans if b - a > 0.2],
        floor_dbfs=draw(st.sampled_from([-100.0, -70.0, -50.0, -40.0])),
        levels=draw(st.lists(st.floats(-35, -20), min_size=1, max_size=5)),
        probability=draw(st.sampled_from([0.0, 0.2, 0.45])),
    )


@given(first=talks(), second=talks())
@settings(max_examples=80)
def test_swapping_the_channels_turns_the_evidence_round(first, second):
    one, other = infer_roles([first, second]), infer_roles([second, first])
    assert (one is None) == (other is None)
    if one is None:
        return
    assert 0.5 <= one.confidence < 1.0
    odds = [
        math.log(guess.confidence / (1 - guess.confidence)) * (1 if guess.agent == 1 else -1)
        for guess in (one, other)
    ]
    # Log-odds for "channel 1 is the agent": what the order is worth stays, the rest turns round.
    assert (odds[0] + odds[1]) / 2 == pytest.approx(0.7, abs=1e-6)


@pytest.mark.parametrize(
    ("caller_index", "confidence", "named", "expected"),
    [(0, 0.95, 1, True), (0, 0.95, 0, False), (0, 0.89, 1, False), (1, 0.9, 0, True)],
)
def test_only_a_sure_guess_contradicts(caller_index, confidence, named, expected):
    guess = RoleGuess(
        caller=caller_index, agent=1 - caller_index, confidence=confidence, evidence=()
    )
    assert contradicts(guess, named) is expected
    assert contradicts(None, named) is False


def test_the_demo_call_is_told(call, extract):
    guess = infer_roles(extract(call))
    assert (guess.caller, guess.agent) == (0, 1)
    assert guess.confidence > 0.8
