import json
from pathlib import Path

import pytest

from echotrace.errors import InputError
from echotrace.traces.read import read_trace

CALL = Path(__file__).parents[2] / "data/traces/vapi-3.0/call.json"


def call():
    return json.loads(CALL.read_text("utf-8"))


def read(folder, value):
    path = folder / "call.json"
    path.write_text(json.dumps(value), "utf-8")
    return read_trace(str(path))


def test_messages_become_turns_on_unix_time():
    trace = read_trace(str(CALL))
    assert (trace.kind, trace.clock) == ("vapi", "unix")
    assert trace.session_id == "0d2a6a10-7a1e-4f0c-9f6e-1f1f6a2f9a01"
    assert [(turn.user is not None, turn.agent is not None) for turn in trace.turns] == [
        (False, True),
        *[(True, True)] * 4,
        (True, False),
        (True, True),
    ]
    first = trace.turns[1]
    assert (first.user.start_s, first.user.end_s) == (1795316403.1, 1795316405.2)
    assert (first.agent.start_s, first.agent.end_s) == (1795316406.35, 1795316409.1)
    assert first.user.text == "Hello, I would like to book a table."
    assert [turn.id for turn in trace.turns if turn.interrupted] == [4]
    assert [turn.id for turn in trace.turns if turn.aborted] == [6]


def test_latencies_go_to_the_answered_turns_in_their_order():
    trace = read_trace(str(CALL))
    assert [turn.claimed_gap_ms for turn in trace.turns] == [
        None,
        *(771, 1984, 811, 636),
        None,
        759,
    ]
    assert {turn.claimed_by for turn in trace.turns} == {None, "turnLatency"}
    parts = [(part.key, part.ms, part.owner, part.owner_kind) for part in trace.turns[1].parts]
    assert parts == [
        ("endpointing_wait", 340, "config: startSpeakingPlan", "setting"),
        ("transcription", 188, "deepgram:nova-3", "service"),
        ("llm_inference", 412, "openai:gpt-4.1-mini", "service"),
        ("speech_synthesis", 171, "cartesia:voice-a", "service"),
    ]
    assert [finding.code for finding in trace.findings] == ["TRACE_CLAIM_LEAVES_OUT"]


def test_a_tool_is_a_placed_part_of_its_turn():
    trace = read_trace(str(CALL))
    (span,) = trace.spans
    assert (span.owner, span.part, span.turn) == ("check_table", "tool_call", 3)
    assert span.end_s - span.start_s == pytest.approx(0.52)
    tool = trace.turns[2].parts[-1]
    assert (tool.key, tool.owner_kind, tool.start_s) == ("tool_call", "bot", span.start_s)
    assert tool.ms == pytest.approx(520)


def test_figures_of_the_call_and_what_was_used():
    trace = read_trace(str(CALL))
    assert trace.call_totals["turnLatencyAverage"] == 992.2
    assert trace.call_totals["toTransportLatencyAverage"] == 58
    assert trace.usage == {
        "llm_input_tokens": 1834,
        "llm_cached_input_tokens": 512,
        "llm_output_tokens": 112,
        "tts_characters": 262,
        "cost_usd": 0.0741,
    }


def test_nothing_of_the_document_is_lost():
    held = call()
    trace = read_trace(str(CALL))
    left = trace.left_over
    assert left["x_unknown_future_field"] == {"keep": "me"}
    for key in held.keys() - {"messages", "id", "artifact"}:
        assert left[key] == held[key]
    kept = [turn.attributes for turn in trace.turns]
    raws = [raw for each in kept for raw in (each.get("user"), each.get("agent")) if raw]
    raws += [raw for each in kept for raw in each.get("tools", ())]
    raws += left["artifact"]["messages"]
    assert sorted(map(json.dumps, raws)) == sorted(map(json.dumps, held["artifact"]["messages"]))


def test_latencies_that_cannot_be_paired_are_given_to_no_turn(tmp_path):
    held = call()
    latencies = held["artifact"]["performanceMetrics"]["turnLatencies"]
    latencies.pop()
    trace = read(tmp_path, held)
    assert [turn.claimed_gap_ms for turn in trace.turns] == [None] * 7
    (note,) = trace.findings
    assert note.code == "TRACE_CLAIMS_UNPAIRED"
    assert "4 turn latencies for 5 answered turns" in note.message
    assert trace.left_over["artifact"]["performanceMetrics"]["turnLatencies"] == latencies


def test_the_webhook_s_envelope_and_times_in_seconds_are_understood(tmp_path):
    held = call()
    for message in held["artifact"]["messages"]:
        message["time"] /= 1000
        if "endTime" in message:
            message["endTime"] /= 1000
    trace = read(tmp_path, {"message": held | {"type": "end-of-call-report"}})
    assert trace.kind == "vapi"
    assert trace.turns[1].user.end_s == pytest.approx(1795316405.2)


def test_without_times_of_day_the_seconds_from_the_start_are_taken(tmp_path):
    held = call()
    for message in held["artifact"]["messages"]:
        del message["time"]
    trace = read(tmp_path, held)
    assert trace.clock == "session"
    assert trace.turns[1].user.start_s == 3.1


@pytest.mark.parametrize(
    "broken",
    [
        {"artifact": {"performanceMetrics": {"turnLatencies": [None, 3, "x"]}, "messages": [7]}},
        {"artifact": {"performanceMetrics": 5, "messages": {"role": "user"}}},
        {"artifact": {"performanceMetrics": {}}, "messages": None, "costs": "free"},
    ],
)
def test_a_call_without_a_message_is_refused(tmp_path, broken):
    with pytest.raises(InputError) as caught:
        read(tmp_path, broken)
    assert caught.value.code == "TRACE_NOTHING_READ"


def test_odd_values_cost_only_themselves(tmp_path):
    held = call()
    held["artifact"]["messages"][2] |= {"time": "soon", "endTime": [1], "message": {"no": "text"}}
    held["artifact"]["performanceMetrics"]["turnLatencies"][0] = {"modelLatency": "412"}
    trace = read(tmp_path, held)
    first = trace.turns[1]
    assert (first.user.start_s, first.user.end_s, first.user.text) == (None, None, None)
    assert first.claimed_gap_ms is None
    assert [(part.key, part.ms) for part in first.parts] == [("llm_inference", 412)]
