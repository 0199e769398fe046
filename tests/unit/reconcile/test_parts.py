"""The parts of one turn add up to what was heard, whatever the trace says."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.model.measure import Measurement, Status
from echotrace.model.trace import PARTS
from echotrace.reconcile.parts import turn_parts
from tests.fakes.traced_turns import END_S, Shift, heard, part, span, told

SEQUENCE = (
    part("endpointing_wait", 0, 600, owner_kind="setting"),
    part("transcription", 0, 440, inside="endpointing_wait"),
    part("llm_inference", 600, 300),
    part("sentence_aggregation", 900, 60),
    part("speech_synthesis", 960, 90),
)
PLAYED_MS, GAP_MS = 1055.0, 1325.0


def parts_of(turn, recorded, spans=(), silence=None, fit=None):
    return turn_parts(turn, recorded, fit or Shift(), spans, leading_silence_ms=silence)


def figures(parts):
    return {item.key: item.ms.value for item in parts if item.inside is None}


def total(parts):
    return math.fsum(item.ms.value for item in parts if item.inside is None and item.ms.value)


def test_a_turn_in_order():
    parts = parts_of(told(*SEQUENCE, played_ms=PLAYED_MS), heard(GAP_MS))
    assert figures(parts) == {
        "endpointing_wait": 600.0,
        "llm_inference": 300.0,
        "sentence_aggregation": 60.0,
        "speech_synthesis": 90.0,
        "tts_leading_silence": 270.0,
        "unaccounted": 5.0,
    }
    assert [item.inside for item in parts if item.key == "transcription"] == ["endpointing_wait"]
    assert [item.owner for item in parts][:2] == ["own-endpointing_wait", "own-llm_inference"]
    assert parts[0].owner_kind == "setting"
    silence = next(item for item in parts if item.key == "tts_leading_silence")
    assert silence.ms.status is Status.ESTIMATED
    assert silence.ms.reason.startswith("at most")
    assert silence.owner == "own-speech_synthesis"


def test_parts_at_an_edge_have_its_bounds_and_the_clocks():
    parts = parts_of(
        told(*SEQUENCE, played_ms=PLAYED_MS), heard(GAP_MS, edge_ms=30.0), fit=Shift(spread_ms=40.0)
    )
    bounds = {item.key: (item.ms.low, item.ms.high) for item in parts if item.inside is None}
    assert bounds["endpointing_wait"] == (550.0, 650.0)
    assert bounds["tts_leading_silence"] == (220.0, 320.0)
    assert bounds["llm_inference"] == (None, None)
    assert bounds["unaccounted"] == (None, None)


def test_the_recording_knows_the_callers_end_better_than_the_trace():
    late = told(*SEQUENCE, played_ms=PLAYED_MS, user_end_ms=0.0)
    moved = heard(GAP_MS + 25.0, end_s=END_S - 0.025)
    assert figures(parts_of(late, moved))["endpointing_wait"] == 625.0
    unset = told(
        part("transcription", 0, 320),
        part("llm_inference", 500, 300),
        part("speech_synthesis", 800, 90),
        played_ms=890,
    )
    found = figures(parts_of(unset, moved))
    assert found["transcription"] == 345.0
    assert "endpointing_wait" not in found
    assert found["unaccounted"] == 180.0


def test_a_wait_that_the_trace_does_not_tell_lasts_until_its_first_work():
    turn = told(part("llm_inference", 620, 300), part("speech_synthesis", 920, 80), played_ms=1000)
    parts = parts_of(turn, heard(1100.0))
    wait = parts[0]
    assert (wait.key, wait.ms.value, wait.ms.status) == ("endpointing_wait", 620.0, "estimated")
    spoken = parts_of(told(part("speech_synthesis", 920, 80), played_ms=1000), heard(1100.0))
    assert figures(spoken)["unaccounted"] == 920.0


def test_a_detectors_word_ends_the_wait():
    turn = told(
        part("llm_inference", 650, 300),
        part("speech_synthesis", 950, 50),
        played_ms=1000,
        user_edge="detected",
        user_end_ms=600.0,
    )
    found = figures(parts_of(turn, heard(1100.0)))
    assert (found["endpointing_wait"], found["unaccounted"]) == (600.0, 50.0)


def test_preemptive_generation_hides_the_rest_of_the_wait():
    turn = told(
        part("endpointing_wait", 0, 600),
        part("turn_detection", 600, -160, owner="preemptive generation"),
        part("llm_inference", 440, 300),
        part("speech_synthesis", 740, 100),
        played_ms=840,
    )
    parts = parts_of(turn, heard(840.0))
    assert figures(parts) == {
        "endpointing_wait": 440.0,
        "llm_inference": 300.0,
        "speech_synthesis": 100.0,
        "unaccounted": 0.0,
    }
    inside = [(item.key, item.ms.value, item.inside) for item in parts if item.inside]
    assert inside == [
        ("turn_detection", -160.0, "llm_inference"),
        ("endpointing_wait", 160.0, "llm_inference"),
    ]


def test_work_that_began_before_the_caller_ended_makes_the_wait_negative():
    turn = told(part("llm_inference", -200, 300), part("speech_synthesis", 100, 80), played_ms=180)
    found = figures(parts_of(turn, heard(180.0)))
    assert found["endpointing_wait"] == -200.0
    assert found["llm_inference"] == 300.0
    early = parts_of(told(*SEQUENCE, played_ms=PLAYED_MS), heard(-300.0))
    assert total(early) == -300.0


def test_durations_without_a_place_are_laid_in_their_order():
    turn = told(
        part("speech_synthesis", None, 90),
        part("endpointing_wait", None, 454),
        part("llm_inference", None, 700),
        part("transcription", None, 0),
        played_ms=1400,
    )
    parts = parts_of(turn, heard(1500.0))
    assert [item.key for item in parts][:4] == [
        "endpointing_wait",
        "transcription",
        "llm_inference",
        "speech_synthesis",
    ]
    starts = [round((item.start_s - END_S) * 1000) for item in parts[:4]]
    assert starts == [0, 454, 454, 1154]
    assert figures(parts)["unaccounted"] == 156.0


def test_more_parts_than_gap_leave_a_negative_remainder():
    turn = told(part("llm_inference", None, 900), part("speech_synthesis", None, 400))
    parts = parts_of(turn, heard(1000.0))
    assert figures(parts)["unaccounted"] == -300.0


def test_spans_stand_for_parts_that_nobody_claims():
    turn = told(played_ms=1000)
    spans = (
        span("llm_inference", 500, 1900, first_ms=800),
        span("tool_call", 300, 480, status="cancelled"),
        span("speech_synthesis", 800, 2500, first_ms=990),
    )
    found = figures(parts_of(turn, heard(1200.0), spans))
    assert found == {
        "endpointing_wait": 500.0,
        "llm_inference": 300.0,
        "speech_synthesis": 190.0,
        "tts_leading_silence": 200.0,
        "unaccounted": 10.0,
    }
    claims = told(part("llm_inference", None, 250), played_ms=1000)
    parts = parts_of(claims, heard(1200.0), spans)
    llm = next(item for item in parts if item.key == "llm_inference")
    assert (llm.ms.value, llm.start_s) == (250.0, END_S + 0.5)


def test_transport_and_silence_are_told_apart_by_what_is_known():
    audible = Measurement.measured(190.0, "ms", method="audio")
    by_audio = figures(
        parts_of(told(*SEQUENCE, played_ms=PLAYED_MS), heard(GAP_MS), silence=audible)
    )
    assert (by_audio["output_transport"], by_audio["tts_leading_silence"]) == (80.0, 190.0)
    parts = parts_of(told(*SEQUENCE, played_ms=PLAYED_MS), heard(GAP_MS), silence=audible)
    bounds = {item.key: (item.ms.low, item.ms.high) for item in parts}
    assert bounds["output_transport"] == (0.0, 80.0)
    assert bounds["tts_leading_silence"] == (180.0, 280.0)
    for claim in (part("tts_leading_silence", None, 190), part("output_transport", None, 80)):
        turn = told(*SEQUENCE, claim, played_ms=PLAYED_MS)
        found = figures(parts_of(turn, heard(GAP_MS)))
        assert (found["output_transport"], found["tts_leading_silence"]) == (80.0, 190.0)


def test_the_queue_before_the_playout_is_not_the_way_to_the_caller():
    queue = part("output_transport", 1050, 5)
    after = part("output_transport", 1055, 80)
    found = parts_of(told(*SEQUENCE, queue, played_ms=PLAYED_MS), heard(GAP_MS))
    assert figures(found)["output_transport"] == 5.0
    assert figures(found)["tts_leading_silence"] == 270.0
    found = parts_of(told(*SEQUENCE, after, played_ms=PLAYED_MS), heard(GAP_MS))
    assert figures(found)["output_transport"] == 80.0
    assert figures(found)["tts_leading_silence"] == 190.0


def test_sound_that_was_heard_before_it_was_handed_out_is_a_remainder():
    found = figures(parts_of(told(*SEQUENCE, played_ms=PLAYED_MS), heard(1035.0)))
    assert found["unaccounted"] == -15.0
    assert "tts_leading_silence" not in found


def test_without_a_playout_the_way_out_begins_with_the_first_sound():
    found = figures(parts_of(told(*SEQUENCE), heard(GAP_MS)))
    assert found["tts_leading_silence"] == 275.0


def test_without_a_recording_the_parts_add_up_to_the_claim():
    turn = told(*SEQUENCE, played_ms=PLAYED_MS, claimed_ms=1060.0)
    parts = parts_of(turn, None)
    assert total(parts) == 1060.0
    assert figures(parts)["unaccounted"] == 10.0
    assert "tts_leading_silence" not in figures(parts)
    bare = told(
        part("llm_inference", None, 700), part("x", None, 5), user_end_ms=None, claimed_ms=900.0
    )
    assert figures(parts_of(bare, None)) == {"llm_inference": 700.0, "x": 5.0, "unaccounted": 195.0}


def test_where_nobody_waited_there_are_no_parts():
    assert (
        parts_of(
            told(*SEQUENCE, played_ms=PLAYED_MS),
            heard(0.0).__class__(
                id=1,
                kind="unanswered",
                user=heard(1).user,
                agent=None,
                heard_gap_ms=Measurement.not_measurable("ms", "nobody answered"),
            ),
        )
        == ()
    )


keys = st.sampled_from([key for key in PARTS if key != "unaccounted"] + ["a_new_part"])
claims = st.builds(
    part,
    keys,
    st.none() | st.floats(-900, 3000),
    st.floats(-300, 1500),
    inside=st.none() | st.none() | keys,
)


@st.composite
def spans_of(draw):
    start = draw(st.floats(-900, 3000))
    ms = draw(st.floats(0, 1500))
    first = draw(st.none() | st.floats(0, 1))
    return span(
        draw(keys), start, start + ms, first_ms=None if first is None else start + first * ms
    )


@given(
    claimed=st.lists(claims, max_size=8),
    spans=st.lists(spans_of(), max_size=6),
    gap_ms=st.floats(-1500, 6000),
    played_ms=st.none() | st.floats(-500, 5000),
    edge=st.sampled_from(["speech", "detected"]),
    end_ms=st.none() | st.floats(-400, 1500),
    silence_ms=st.none() | st.floats(0, 900),
)
def test_parts_always_add_up_to_the_heard_gap(
    claimed, spans, gap_ms, played_ms, edge, end_ms, silence_ms
):
    turn = told(*claimed, played_ms=played_ms, user_edge=edge, user_end_ms=end_ms)
    silence = None if silence_ms is None else Measurement.measured(silence_ms, "ms")
    recorded = heard(gap_ms)
    parts = parts_of(turn, recorded, spans, silence, Shift(spread_ms=7.0))
    own = [item for item in parts if item.inside is None]
    assert sum(round(item.ms.value * 10) for item in own) == round(recorded.heard_gap_ms.value * 10)
    assert [item.key for item in own].count("unaccounted") == 1
    for item in own:
        assert item.ms.value == round(item.ms.value, 1)
        low, high = item.ms.low, item.ms.high
        assert low is None or low <= item.ms.value <= high
        if item.start_s is not None and item.ms.value >= 0:
            assert (item.end_s - item.start_s) * 1000 == pytest.approx(item.ms.value, abs=0.3)


@given(claimed=st.lists(claims, max_size=6), claimed_ms=st.floats(0, 4000), played=st.booleans())
def test_parts_add_up_to_the_claim_without_a_recording(claimed, claimed_ms, played):
    turn = told(*claimed, played_ms=1000.0 if played else None, claimed_ms=claimed_ms)
    parts = parts_of(turn, None)
    assert total(parts) == pytest.approx(round(claimed_ms, 1), abs=1e-6) or not parts


@given(order=st.permutations(SEQUENCE))
def test_the_order_of_claims_does_not_matter(order):
    one = parts_of(told(*SEQUENCE, played_ms=PLAYED_MS), heard(GAP_MS))
    assert parts_of(told(*order, played_ms=PLAYED_MS), heard(GAP_MS)) == one
