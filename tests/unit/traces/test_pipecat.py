"""pipecat's own figures beside ours.

Tolerances: pipecat measures with a clock of its own at frames, spans are stamped by the tracer a
moment later; on the machine that wrote the captures the two differ by up to 2 ms, and by up to
12 ms where the first audio frame had to queue (``speech_synthesis``).
"""

import json
from collections import defaultdict

import pytest

from echotrace.model.trace import PARTS
from echotrace.traces.read import read_trace
from tests.fakes.trace_files import (
    CAPTURES,
    DATA,
    call,
    document,
    own_figures,
    span,
    write,
    written_spans,
)

PIPECAT = [name for name in CAPTURES if name.startswith("pipecat")]
TIMED = ["pipecat-1.14", "pipecat-1.0"]


def read(name):
    return read_trace(str(CAPTURES[name]))


def sums(parts):
    found = defaultdict(float)
    for part in parts:
        found[part.key] += part.ms
    return found


def codes(trace):
    return [finding.code for finding in trace.findings]


@pytest.mark.parametrize("name", PIPECAT)
def test_nothing_that_pipecat_wrote_is_lost(name):
    written = written_spans(name)
    trace = read(name)
    assert {item.id for item in trace.spans} == set(written)
    for item in trace.spans:
        was = written[item.id]
        assert (item.name, item.start_s, item.end_s) == (was["name"], was["start_s"], was["end_s"])
        assert item.parent_id == was["parent_id"]
        assert item.attributes == was["attributes"]
    assert "resources" in trace.left_over


@pytest.mark.parametrize("name", TIMED)
def test_the_claimed_gaps_are_those_that_pipecat_prints(name):
    gaps = [turn.claimed_gap_ms for turn in read(name).turns if turn.claimed_gap_ms is not None]
    printed = [item["value"] * 1000 for item in own_figures(name)["latency"]]
    assert gaps == pytest.approx(printed, abs=0.6)


def test_the_parts_are_those_of_pipecats_own_breakdown():
    figures = own_figures("pipecat-1.14")
    stop_ms = figures["settings"]["vad_stop_secs"] * 1000
    own = [item for item in figures["breakdowns"] if item["measured_from"] == "user_silence"]
    turns = [turn for turn in read("pipecat-1.14").turns if turn.claimed_gap_ms is not None]
    assert len(turns) == len(own) == 6
    names = {"llm_tool_call": "tool_call", "function_handler": "tool_call"}
    for turn, breakdown in zip(turns, own, strict=True):
        printed = defaultdict(float)
        for item in breakdown["contributions"]:
            printed[names.get(item["key"], item["key"])] += item["duration_secs"] * 1000
        ours = sums(turn.parts)
        ours["transcription"] -= stop_ms  # the spans do not tell the VAD's wait
        for key in ("transcription", "turn_detection", "llm_inference", "sentence_aggregation"):
            assert ours[key] == pytest.approx(printed[key], abs=2.0), key
        assert ours["tool_call"] == pytest.approx(printed["tool_call"], abs=2.0)
        assert ours["speech_synthesis"] == pytest.approx(printed["speech_synthesis"], abs=12.0)
        assert turn.user.end_s == pytest.approx(breakdown["user_turn_start_time"], abs=0.001)
        rest = turn.claimed_gap_ms - sum(part.ms for part in turn.parts)
        assert 0.0 < rest < 14.0


@pytest.mark.parametrize("name", PIPECAT)
def test_the_script_of_the_call(name):
    trace = read(name)
    figures = own_figures(name)["settings"]
    assert (trace.kind, trace.clock, trace.session_id) == ("pipecat", "unix", "call-0001")
    assert [turn.id for turn in trace.turns] == [1, 2, 3, 4, 5, 6, 7]
    assert [turn.interrupted for turn in trace.turns] == [False] * 3 + [True, False, False, True]
    assert not any(turn.aborted for turn in trace.turns)
    greeting, *answers = trace.turns
    assert greeting.user is None
    assert greeting.claimed_gap_ms is None
    assert greeting.agent.text == "Hello, this is the restaurant."
    for turn in answers:
        keys = [part.key for part in turn.parts]
        assert set(keys) <= set(PARTS)
        found = sums(turn.parts)
        tokens = 2 if turn.id == 3 else 1
        assert found["llm_inference"] == pytest.approx(tokens * figures["llm_ttft"] * 1000, abs=6)
        assert found["speech_synthesis"] == pytest.approx(figures["tts_ttfb"] * 1000, abs=60)
        for one, two in zip(turn.parts, turn.parts[1:], strict=False):
            assert one.start_s + one.ms / 1000 == pytest.approx(two.start_s, abs=1e-6)
    tool = [part for part in trace.turns[2].parts if part.key == "tool_call"]
    assert tool[-1].owner == "check_table"
    assert tool[-1].owner_kind == "bot"
    assert tool[-1].ms == pytest.approx(figures["tool"] * 1000, abs=5)
    cut_short = trace.turns[5]
    assert cut_short.user.text == "Yes, I think book the table for seven."
    assert cut_short.agent.text == "Done, the table is booked."


def test_the_callers_edges_as_far_as_each_release_tells_them():
    new, middle, old = (read(name).turns[1].user for name in PIPECAT)
    assert new.edge == middle.edge == "speech"
    assert 1.5 < new.end_s - new.start_s < 3.0
    assert middle.start_s is None
    assert middle.end_s is not None
    assert (old.edge, old.end_s) == ("detected", None)
    assert old.start_s is not None


def test_a_turns_length_is_never_taken_for_a_latency():
    old = read("pipecat-0.0.98")
    assert all(turn.claimed_gap_ms is None for turn in old.turns)
    assert all(turn.attributes["turn.duration_seconds"] > 2 for turn in old.turns)


def test_owners_and_usage():
    new, middle, old = map(read, PIPECAT)
    assert new.usage == {
        "llm_input_tokens": 820.0,
        "llm_output_tokens": 91.0,
        "llm_cached_input_tokens": 64.0,
        "llm_reasoning_tokens": 0.0,
        "tts_characters": 435.0,
        "stt_audio_s": pytest.approx(36.42),
    }
    for key in ("llm_input_tokens", "llm_cached_input_tokens", "llm_reasoning_tokens"):
        assert middle.usage[key] == old.usage[key] == new.usage[key]
    for trace, llm in ((new, "fake:fake-llm-1-2026"), (old, "fake")):
        owners = {part.key: part.owner for part in trace.turns[1].parts}
        assert owners["llm_inference"] == llm
        assert owners["speech_synthesis"] == "fake:fake-tts-1"


def test_spans_know_their_turn_part_and_first_output():
    trace = read("pipecat-1.14")
    by_turn = [item for item in trace.spans if item.turn == 6]
    assert [item.name for item in by_turn] == ["stt", "turn", "llm", "stt", "tts", "llm", "tts"]
    dropped, spoken = (item for item in by_turn if item.name == "tts")
    assert dropped.status == "cancelled"
    assert dropped.first_output_s is None
    assert spoken.first_output_s - spoken.start_s == pytest.approx(0.1367, abs=1e-4)
    assert {item.name: item.part for item in by_turn} == {
        "turn": None,
        "stt": "transcription",
        "llm": "llm_inference",
        "tts": "speech_synthesis",
    }


def test_the_wait_of_the_detector_is_told_apart_where_the_bot_says_it(tmp_path):
    spans = call()
    silent = read_trace(write(tmp_path, document(*spans)))
    assert codes(silent) == ["TRACE_WAIT_UNKNOWN"]
    assert sums(silent.turns[0].parts)["transcription"] == pytest.approx(400)
    spans[0] = span("conversation", 1, 0.0, 20.0, vad__stop_secs=0.15)
    told = read_trace(write(tmp_path, document(*spans)))
    assert not told.findings
    found = sums(told.turns[0].parts)
    assert found["endpointing_wait"] == pytest.approx(150)
    assert found["transcription"] == pytest.approx(250)
    assert told.turns[0].parts[0].owner_kind == "setting"


def test_an_unanswered_turn_is_aborted(tmp_path):
    spans = [
        span("conversation", 1, 0.0, 20.0),
        span("turn", 2, 1.0, 9.0, 1, turn__number=1, turn__was_interrupted=True),
        span("stt", 3, 0.8, 4.0, 2, metrics__ttfb=0.4, transcript="hello"),
        span("llm", 4, 4.1, 4.2, 2, metrics__ttfb=0.3),
        span("tts", 5, 4.2, 4.2005, 2, metrics__ttfb=0.0003, text="never"),
    ]
    (turn,) = read_trace(write(tmp_path, document(*spans))).turns
    assert turn.aborted
    assert not turn.interrupted
    assert turn.agent is None
    assert turn.parts == ()
    assert turn.user.end_s - turn.user.start_s == pytest.approx(2.8)


def test_words_between_that_nobody_answers_do_not_hide_the_greeting(tmp_path):
    spans = [
        span("turn", 2, 0.0, 9.0, turn__number=1),
        span("llm", 3, 0.1, 1.0, 2, metrics__ttfb=0.3),
        span("tts", 4, 0.5, 2.0, 2, metrics__ttfb=0.1, text="welcome"),
        span("stt", 5, 1.5, 1.9, 2, metrics__ttfb=0.2, transcript="mhm"),
    ]
    (turn,) = read_trace(write(tmp_path, document(*spans))).turns
    assert turn.user is None
    assert turn.agent.text == "welcome"
    assert not turn.aborted


def test_a_killed_pipeline_leaves_the_open_turn_readable(tmp_path):
    spans = [item for item in call() if item["name"] not in ("conversation", "turn")]
    trace = read_trace(write(tmp_path, document(*spans)))
    assert "TRACE_ORPHANS" in codes(trace)
    (turn,) = trace.turns
    assert (turn.id, turn.claimed_gap_ms) == (1, None)
    assert turn.agent.start_s - turn.user.end_s == pytest.approx(1.0)
    assert {item.turn for item in trace.spans} == {1}


def test_turn_numbers_that_repeat_become_numbers_of_their_own(tmp_path):
    turns = [span("turn", n, n, n + 1, turn__number=min(n, 2)) for n in (1, 2, 3)]
    trace = read_trace(write(tmp_path, document(*turns)))
    assert [turn.id for turn in trace.turns] == [1, 2, 3]


def test_a_speech_to_speech_service_as_its_source_names_the_spans(tmp_path):
    spans = [
        *call()[:2],
        span("llm_setup", 3, 0.0, 0.0, 2),
        span(
            "llm_response", 4, 6.0, 6.0, 2, metrics__ttfb=0.45, output="hi", service__operation="x"
        ),
    ]
    (turn,) = read_trace(write(tmp_path, document(*spans))).turns
    assert (turn.claimed_gap_ms, turn.agent.text, turn.aborted) == (1000.0, "hi", False)
    assert [(part.key, part.ms) for part in turn.parts] == [("llm_inference", 450.0)]


def test_scopes_may_be_lost_on_the_way(tmp_path):
    trace = read_trace(write(tmp_path, document(*call(), scope="")))
    assert trace.kind == "pipecat"


def test_pipecats_own_breakdowns_as_a_trace(tmp_path):
    own = own_figures("pipecat-1.14")["breakdowns"]
    lines = "\n".join(json.dumps(item) for item in own)
    trace = read_trace(write(tmp_path, lines, "breakdowns.jsonl"))
    spans = read("pipecat-1.14")
    assert trace.kind == "pipecat"
    assert [turn.claimed_gap_ms for turn in trace.turns[1:]] == pytest.approx(
        [turn.claimed_gap_ms for turn in spans.turns[1:]], abs=0.6
    )
    assert trace.turns[0].parts == ()
    for turn, item in zip(trace.turns[1:], own[1:], strict=True):
        told = sum(part.ms for part in turn.parts)
        rest = sum(c["duration_secs"] for c in item["contributions"] if c["key"] == "pipeline")
        assert told + rest * 1000 == pytest.approx(turn.claimed_gap_ms, abs=0.01)
        assert turn.attributes == item
        assert {part.key for part in turn.parts} <= set(PARTS)


def test_metrics_frames_as_a_trace():
    trace = read_trace(str(DATA / "pipecat-1.14" / "metrics_frames.jsonl"))
    spans = read("pipecat-1.14")
    heard = [turn for turn in trace.turns if not turn.aborted]
    assert [turn.aborted for turn in trace.turns].count(True) == 1
    for turn, other in zip(heard, spans.turns, strict=True):
        ours, theirs = sums(turn.parts), sums(other.parts)
        for key in ("transcription", "llm_inference", "speech_synthesis"):
            assert ours[key] == pytest.approx(theirs[key], abs=1e-6), key
        assert ours["tts_leading_silence"] == pytest.approx(190, abs=5)
    assert trace.usage["llm_input_tokens"] == spans.usage["llm_input_tokens"]
    assert trace.usage["tts_characters"] == spans.usage["tts_characters"]
