import json
from pathlib import Path

import pytest

from echotrace.traces.read import read_trace

CALL = Path(__file__).parents[2] / "data/traces/elevenlabs-2.78/call.json"


def call():
    return json.loads(CALL.read_text("utf-8"))


def read(folder, value):
    path = folder / "call.json"
    path.write_text(json.dumps(value), "utf-8")
    return read_trace(str(path))


def test_the_agent_s_lines_are_placed_by_when_they_were_made():
    trace = read_trace(str(CALL))
    assert (trace.kind, trace.clock, trace.session_id) == ("elevenlabs", "unix", "conv_01")
    first = trace.turns[1]
    assert first.user.start_s is None
    assert (first.agent.start_s, first.agent.end_s) == (1795316406.35, None)
    assert [turn.id for turn in trace.turns if turn.interrupted] == [4]
    assert [turn.id for turn in trace.turns if turn.aborted] == []


def test_metrics_become_the_claimed_gap_and_its_parts():
    trace = read_trace(str(CALL))
    gaps = [turn.claimed_gap_ms and round(turn.claimed_gap_ms, 6) for turn in trace.turns]
    assert gaps == [None, 1040, 2040, 1090, 840, None, 990]
    assert trace.turns[1].claimed_by == "convai_ttf_audio_since_silence"
    parts = [(part.key, round(part.ms, 6), part.owner) for part in trace.turns[2].parts]
    assert parts == [
        ("transcription", 120, "elevenlabs"),
        ("llm_inference", 410, "gemini-2.5-flash"),
        ("tool_call", 520, "check_table"),
        ("llm_inference", 340, "gemini-2.5-flash"),
        ("sentence_aggregation", 130, "first sentence"),
        ("speech_synthesis", 180, "eleven_flash_v2_5"),
    ]
    assert trace.turns[0].parts == ()
    assert trace.usage == {"llm_input_tokens": 3600, "llm_output_tokens": 70}


def test_nothing_of_the_document_is_lost():
    held = call()
    trace = read_trace(str(CALL))
    for key in held.keys() - {"conversation_id", "transcript"}:
        assert trace.left_over[key] == held[key]
    kept = [turn.attributes for turn in trace.turns]
    raws = [raw for each in kept for raw in (each.get("user"), each.get("agent")) if raw]
    raws += [raw for each in kept for raw in each.get("tools", ())]
    assert sorted(map(json.dumps, raws)) == sorted(map(json.dumps, held["transcript"]))


def test_times_in_whole_seconds_place_nothing(tmp_path):
    held = call()
    for line in held["transcript"]:
        del line["created_at_unix_ms"]
    trace = read(tmp_path, held)
    assert {turn.agent.start_s for turn in trace.turns if turn.agent} == {None}
    assert [finding.code for finding in trace.findings] == ["TRACE_TIMES_COARSE"]
    assert trace.turns[1].claimed_gap_ms == pytest.approx(1040)


def test_the_webhook_s_envelope_and_its_spans_are_read(tmp_path):
    held = call()
    span = {
        "traceId": "1" * 32,
        "spanId": "2" * 16,
        "name": "elevenlabs.conversation",
        "startTimeUnixNano": "1795316400000000000",
        "endTimeUnixNano": "1795316432000000000",
        "attributes": [{"key": "elevenlabs.agent.text", "value": {"stringValue": "Hi"}}],
    }
    scope = {"scope": {"name": "elevenlabs-convai"}, "spans": [span]}
    held["otlp_traces"] = {"resourceSpans": [{"scopeSpans": [scope]}]}
    trace = read(tmp_path, {"type": "post_call_transcription", "data": held})
    (found,) = trace.spans
    assert (found.name, found.start_s) == ("elevenlabs.conversation", 1795316400.0)
    assert found.attributes == {"elevenlabs.agent.text": "Hi"}
    assert trace.left_over["otlp_traces"] == {"scopes": [{"name": "elevenlabs-convai"}]}


@pytest.mark.parametrize("metrics", [None, {"metrics": None}, {"metrics": {"x": 3}}, 7])
def test_lines_without_metrics_claim_nothing(tmp_path, metrics):
    held = call()
    for line in held["transcript"]:
        line["conversation_turn_metrics"] = metrics
        line["tool_results"] = None
    trace = read(tmp_path, held)
    assert {turn.claimed_gap_ms for turn in trace.turns} == {None}
    assert {turn.parts for turn in trace.turns} == {()}
