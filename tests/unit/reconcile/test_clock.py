import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echotrace import analyze
from echotrace.fixtures.calls import build_call, find_speech_clips
from echotrace.fixtures.traced_call import EPOCH_S, Pipeline, trace_of, unhurried
from echotrace.model.conversation import Conversation, Turn, TurnSide
from echotrace.model.trace import Trace, TraceSide, TraceTurn
from echotrace.reconcile.clock import fit_clock
from echotrace.traces.read import read_trace
from tests.fakes.talk import summary
from tests.fakes.traced_talk import NO_GAP, call, heard, later, on_clock

SPEECH = Path(__file__).resolve().parents[4] / "shared/audio/librispeech"
CAPTURES = Path(__file__).resolve().parents[2] / "data/traces"
few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def truth():
    return call(1)


@pytest.fixture(scope="module")
def made(truth):
    return trace_of(truth)


@pytest.fixture(scope="module")
def fit(truth, made):
    return fit_clock(made.trace, heard(truth))


def off_ms(fit, traced, at_s=60.0):
    """How far from the truth a moment of the recording comes out."""
    return (fit.to_recording(traced.to_trace(at_s)) - at_s) * 1000


def ids(fit):
    return [(told and told.id, turn and turn.id) for told, turn in fit.pairs]


def test_offset_and_drift_of_a_call(truth, made, fit):
    clock = fit.clock
    assert (clock.status, clock.reason, fit.holds) == ("fitted", None, True)
    assert abs(off_ms(fit, made)) < 5
    assert abs(off_ms(fit, made, clock.offset_ms.value / 1000)) < 15
    assert abs(clock.drift_ppm.value - 150) < 60
    assert clock.offset_ms.low < made.to_recording(clock.origin_s) * 1000 < clock.offset_ms.high
    assert clock.drift_ppm.low < 150 < clock.drift_ppm.high
    assert (clock.matches, clock.unmatched_trace, clock.unmatched_recording) == (12, 0, 0)
    assert 0 < clock.residual_ms < 10
    assert ids(fit) == [(number, number) for number in range(1, 13)]


def test_the_offset_is_where_the_first_event_lies_in_the_recording(fit):
    assert fit.to_recording(fit.clock.origin_s) * 1000 == pytest.approx(fit.clock.offset_ms.value)


def test_transport_and_leading_silence_become_a_lag_and_no_offset(fit):
    assert fit.lags_ms["agent.start.playout"] == pytest.approx(270, abs=8)
    assert fit.lags_ms["agent.end.playout"] == pytest.approx(80, abs=8)
    assert "caller's edges" in fit.clock.offset_ms.method


def test_a_long_call_gives_its_drift_to_a_few_ppm():
    truth = call(2, turns=150)
    traced = trace_of(truth, drift_ppm=-240.0)
    clock = fit_clock(traced.trace, heard(truth, edge_ms=15.0)).clock
    assert clock.drift_ppm.value == pytest.approx(-240, abs=10)
    assert clock.matches == 150


def test_the_longest_wait_of_a_detector_bounds_what_its_edges_leave_open(truth):
    traced = trace_of(truth, edge="detected", pipeline=Pipeline(endpointing_ms=700))
    clock = fit_clock(traced.trace, heard(truth)).clock
    assert clock.status == "fitted"
    assert clock.offset_ms.status == "estimated"
    assert "transport" in clock.offset_ms.reason
    true_ms = (traced.to_recording(clock.origin_s)) * 1000
    assert clock.offset_ms.low < true_ms < clock.offset_ms.high
    assert clock.offset_ms.value == pytest.approx(true_ms + 270, abs=15)


@pytest.mark.parametrize("edge", ["speech", "detected"])
def test_a_trace_of_the_caller_alone(truth, edge):
    traced = trace_of(truth, edge=edge)
    turns = tuple(replace(turn, agent=None) for turn in traced.trace.turns)
    clock = fit_clock(replace(traced.trace, turns=turns), heard(truth)).clock
    assert (clock.status, clock.offset_ms.status) == (
        "fitted",
        "measured" if edge == "speech" else "estimated",
    )


@given(by_s=st.floats(-1e6, 1e6))
@few
def test_a_clock_that_began_elsewhere_changes_nothing(truth, made, fit, by_s):
    moved = fit_clock(on_clock(made.trace, lambda at: at - EPOCH_S + by_s), heard(truth))
    assert moved.clock.origin_s == pytest.approx(fit.clock.origin_s - EPOCH_S + by_s)
    assert moved.clock.offset_ms.value == pytest.approx(fit.clock.offset_ms.value, abs=0.1)
    assert moved.clock.drift_ppm.value == pytest.approx(fit.clock.drift_ppm.value, abs=1)
    assert ids(moved) == ids(fit)


@given(by_s=st.floats(-0.5, 3_600))
@few
def test_a_recording_that_begins_earlier_moves_the_offset(truth, made, fit, by_s):
    moved = fit_clock(made.trace, later(heard(truth), by_s))
    difference_ms = moved.clock.offset_ms.value - fit.clock.offset_ms.value
    assert difference_ms == pytest.approx(by_s * 1000, abs=0.1)


@given(ppm=st.floats(-1_000, 1_000))
@few
def test_a_slower_clock_changes_the_drift_by_as_much(truth, made, fit, ppm):
    slowed = on_clock(made.trace, lambda at: EPOCH_S + (at - EPOCH_S) / (1 + ppm / 1e6))
    drift = fit_clock(slowed, heard(truth)).clock.drift_ppm.value
    assert drift == pytest.approx(fit.clock.drift_ppm.value + ppm, abs=2)


@given(seed=st.integers(0, 1_000))
@few
def test_the_order_of_turns_does_not_matter(truth, made, fit, seed):
    turns = list(made.trace.turns)
    random.Random(seed).shuffle(turns)
    mixed = fit_clock(replace(made.trace, turns=tuple(turns)), heard(truth))
    assert mixed.clock.offset_ms.value == pytest.approx(fit.clock.offset_ms.value, abs=0.01)
    assert ids(mixed) == ids(fit)


@given(seed=st.integers(0, 1_000))
@few
def test_turns_missing_on_both_sides_keep_the_fit_and_are_told(seed):
    truth = call(seed, turns=18)
    traced = trace_of(truth, seed=seed, missing=0.3)
    fit = fit_clock(traced.trace, heard(truth, seed, lost=0.3))
    assert abs(off_ms(fit, traced)) < 15
    both = [pair for pair in ids(fit) if None not in pair]
    assert all(told == turn for told, turn in both)
    assert len(both) == fit.clock.matches
    assert fit.clock.unmatched_trace == len(traced.trace.turns) - len(both)
    assert len(fit.pairs) == len(both) + fit.clock.unmatched_trace + fit.clock.unmatched_recording


@given(seed=st.integers(0, 1_000), jitter_ms=st.sampled_from([15.0, 30.0, 50.0]))
@few
def test_jitter_moves_the_offset_by_no_more_than_it_is_worth(seed, jitter_ms):
    truth = call(seed, turns=16)
    traced = trace_of(truth, seed=seed, jitter_ms=jitter_ms)
    fit = fit_clock(traced.trace, heard(truth, seed))
    assert fit.clock.status == "fitted"
    assert abs(off_ms(fit, traced)) < 5 + jitter_ms


def test_twenty_traces_of_other_calls_are_refused():
    truths = [call(seed) for seed in range(5)]
    fits = [
        fit_clock(trace_of(told).trace, heard(truth))
        for truth in truths
        for told in truths
        if told is not truth
    ]
    assert [fit.clock.status for fit in fits] == ["refused"] * 20
    assert all(fit.clock.reason and fit.clock.offset_ms is None for fit in fits)
    assert not any(fit.holds for fit in fits)
    assert all(told is None or turn is None for told, turn in fits[0].pairs)
    assert len(fits[0].pairs) == 24


@pytest.mark.parametrize(
    ("turns", "seed", "other"), [(3, 3, 13), (3, 6, 11), (3, 13, 3), (3, 8, 3), (4, 8, 3)]
)
def test_a_few_turns_of_another_call_that_happen_to_fit_are_refused(turns, seed, other):
    clock = fit_clock(
        trace_of(call(seed, turns=turns)).trace, heard(call(other, turns=turns))
    ).clock
    assert (clock.status, clock.offset_ms) == ("refused", None)
    own = fit_clock(trace_of(call(seed, turns=turns)).trace, heard(call(seed, turns=turns))).clock
    assert own.status == "fitted"


@pytest.mark.slow
@pytest.mark.parametrize("condition", ["clean", "telephone15"])
def test_the_clock_of_a_call_of_human_voices(tmp_path, condition):
    if not SPEECH.is_dir():
        pytest.skip("the folder of human speech beside the project is not there")
    found = find_speech_clips(SPEECH)
    built = unhurried(build_call(found, seed=7, index=1, condition=condition))
    path = tmp_path / "call.wav"
    soundfile.write(path, built.samples.T, built.sample_rate_hz, subtype="PCM_16")
    report = analyze(path, stages=("turns",), settings={"audio.caller_channel": 0})
    traced = trace_of(built.truth)
    fit = fit_clock(traced.trace, report.conversation)
    true_ms = traced.to_recording(fit.clock.origin_s) * 1000
    assert fit.clock.offset_ms.value == pytest.approx(true_ms, abs=15)
    assert fit.clock.drift_ppm.low <= traced.drift_ppm <= fit.clock.drift_ppm.high
    assert fit.lags_ms["agent.start.playout"] == pytest.approx(270, abs=15)


def test_turns_like_clockwork_fit_at_several_offsets():
    truth = call(3, turns=14, every_s=6.0)
    regular = replace(truth, turns=truth.turns[1:])
    clock = fit_clock(trace_of(regular).trace, heard(regular)).clock
    assert clock.status == "refused"
    assert "two offsets fit nearly alike, 6.0 s apart" in clock.reason
    stated = replace(trace_of(regular).trace, recording_start_s=EPOCH_S - 3.7)
    assert fit_clock(stated, heard(regular)).clock.status == "fitted"


@pytest.mark.parametrize("jump_s", [-20.0, -0.6, 0.25, 3.0])
def test_a_clock_that_jumps_is_refused_and_the_jump_told(jump_s):
    truth = call(4, turns=20)
    traced = trace_of(truth)
    at_s = traced.to_trace(truth.turns[11].user.start_s - 0.2)
    jumped = on_clock(traced.trace, lambda at: at + jump_s * (at > at_s))
    clock = fit_clock(jumped, heard(truth)).clock
    assert clock.status == "refused"
    way = "forward" if jump_s > 0 else "back"
    assert f"jumps {way} by about" in clock.reason
    told_s = float(clock.reason.split("about ")[1].split(" s")[0])
    assert told_s == pytest.approx(abs(jump_s), abs=0.06)


def test_a_clock_that_was_set_during_the_call():
    truth = call(4)
    traced = trace_of(truth)
    half_s = traced.to_trace(40.0)
    jumped = on_clock(traced.trace, lambda at: at if at > half_s else at - EPOCH_S)
    clock = fit_clock(jumped, heard(truth)).clock
    assert (clock.status, "more than a day" in clock.reason) == ("refused", True)


def test_times_in_whole_seconds_are_too_coarse(truth, made):
    clock = fit_clock(on_clock(made.trace, lambda at: float(int(at))), heard(truth)).clock
    assert clock.status == "refused"
    assert "ms from the best line" in clock.reason or "fits this recording nowhere" in clock.reason


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_turns_are_refused(truth, made, count):
    clock = fit_clock(made.trace, replace(heard(truth), turns=heard(truth).turns[:count])).clock
    assert clock.status == "refused"
    assert "turns" in clock.reason


def test_three_turns_are_enough(truth, made):
    short = fit_clock(made.trace, replace(heard(truth), turns=heard(truth).turns[2:5]))
    assert abs(off_ms(short, made, 20.0)) < 20
    assert short.clock.drift_ppm.value is None
    assert "taken as none" in short.clock.drift_ppm.reason


def test_where_the_recording_begins_is_taken_from_a_trace_that_says_so(truth, made):
    trace = replace(made.trace, recording_start_s=EPOCH_S - 3.7)
    fit = fit_clock(trace, replace(heard(truth), turns=heard(truth).turns[:2]))
    assert fit.clock.status == "stated"
    assert fit.clock.offset_ms.status == "estimated"
    assert abs(off_ms(fit, made, 10.0)) < 10
    assert ids(fit)[:2] == [(1, 1), (2, 2)]


def test_a_wrong_statement_does_not_keep_the_right_offset_from_being_found(truth, made, fit):
    wrong = replace(made.trace, recording_start_s=EPOCH_S - 500.0)
    assert fit_clock(wrong, heard(truth)).clock == fit.clock


def test_the_users_offset_overrides(truth, made, fit):
    given_ms = fit.clock.offset_ms.value + 40
    told = fit_clock(made.trace, heard(truth), offset_ms=given_ms)
    assert told.clock.status == "given"
    assert told.clock.offset_ms.value == pytest.approx(given_ms, abs=0.001)
    assert told.to_recording(told.clock.origin_s) * 1000 == pytest.approx(given_ms, abs=0.001)
    assert told.clock.drift_ppm.value is None
    assert ids(told) == ids(fit)


def test_an_offset_that_meets_nothing_is_still_the_users(truth, made):
    told = fit_clock(made.trace, heard(truth), offset_ms=5e6)
    assert (told.clock.status, told.clock.matches) == ("given", 0)
    assert len(told.pairs) == 24


@pytest.mark.parametrize(
    "turns",
    [
        (),
        (TraceTurn(id=1),),
        (TraceTurn(id=1, user=TraceSide(), agent=TraceSide(start_s=float("nan"))),),
    ],
)
def test_a_trace_that_says_of_nobody_when_they_spoke(truth, turns):
    fit = fit_clock(Trace(kind="retell", clock="session", turns=turns), heard(truth))
    assert (fit.clock.status, "when anybody spoke" in fit.clock.reason) == ("refused", True)
    assert len(fit.pairs) == len(turns) + 12


def test_a_recording_of_one_voice(made, truth):
    silent = Conversation(
        status="not_measurable", reason="the recording has one channel", summary=summary([], [])
    )
    clock = fit_clock(made.trace, silent).clock
    assert (clock.status, clock.matches) == ("refused", 0)
    assert "one channel" in clock.reason
    assert fit_clock(made.trace, silent, offset_ms=10.0).clock.status == "given"


@pytest.mark.parametrize("sample", ["pipecat-1.14", "pipecat-1.0", "livekit-1.8", "livekit-1.5"])
def test_what_pipecat_and_livekit_wrote_meets_what_was_heard(sample):
    """Their agent speaks 190 ms after its sound was handed over; the recording has their clock."""
    spans = sorted((CAPTURES / sample).glob("spans.otlp.*"))[0]
    known = json.loads((CAPTURES / sample / "heard.json").read_text("utf-8"))
    began_s = known["recording_started_at"]
    turns = []
    for number, said in enumerate(known["turns"], 1):
        user = TurnSide(start_s=said["caller_from"] - began_s, end_s=said["caller_to"] - began_s)
        answer_s = said["agent_audible_from"]
        agent = answer_s and TurnSide(start_s=answer_s - began_s, end_s=answer_s - began_s + 1.0)
        turns.append(Turn(id=number, kind="response", user=user, agent=agent, heard_gap_ms=NO_GAP))
    fit = fit_clock(
        read_trace(str(spans)),
        Conversation(status="measured", summary=summary([], []), turns=tuple(turns)),
    )
    assert fit.clock.status == "fitted"
    assert fit.to_recording(began_s) == pytest.approx(0.0, abs=0.03)
    assert fit.lags_ms["agent.start.playout"] == pytest.approx(195, abs=25)
