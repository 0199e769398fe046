import json
from pathlib import Path

import pytest

from echotrace.traces.read import read_trace

CALL = Path(__file__).parents[2] / "data/traces/retell-6.2/call.json"


def call():
    return json.loads(CALL.read_text("utf-8"))


def read(folder, value):
    path = folder / "call.json"
    path.write_text(json.dumps(value), "utf-8")
    return read_trace(str(path))


def test_words_place_the_lines_in_the_audio():
    trace = read_trace(str(CALL))
    assert (trace.kind, trace.clock, trace.recording_start_s) == ("retell", "session", 0.0)
    first = trace.turns[1]
    assert (first.user.start_s, first.user.end_s, first.user.edge) == (3.1, 5.174, "speech")
    assert first.user.text == "Hello, I would like to book a table."
    assert first.user.words[1].text == "I"
    assert (first.user.words[1].start_s, first.user.words[1].end_s) == (3.363, 3.599)
    assert [turn.id for turn in trace.turns if turn.interrupted] == [4]


def test_a_backchannel_waits_for_no_answer():
    trace = read_trace(str(CALL))
    said = trace.turns[5]
    assert (said.user.text, said.agent, said.aborted) == ("Mm-hm.", None, False)
    assert trace.turns[6].agent is not None


def test_latencies_are_the_call_s_and_no_turn_s():
    trace = read_trace(str(CALL))
    assert {turn.claimed_gap_ms for turn in trace.turns} == {None}
    assert trace.call_totals["e2e.p50"] == 1022.4
    assert trace.call_totals["asr.num"] == 3
    (note,) = trace.findings
    assert note.code == "TRACE_CLAIMS_OF_CALL"
    assert "1,022 ms, without the network" in note.message
    assert trace.usage == {"cost_usd": pytest.approx(0.071), "llm_tokens": 3647}


def test_nothing_of_the_document_is_lost():
    held = call()
    trace = read_trace(str(CALL))
    for key in held.keys() - {"call_id", "transcript_object", "transcript_with_tool_calls"}:
        assert trace.left_over[key] == held[key]
    assert trace.turns[2].attributes["tools"][0]["name"] == "check_table"
    assert trace.turns[3].attributes["agent"]["metadata"] == {"interrupt_id": 1, "response_id": 3}
    words = [
        word
        for turn in trace.turns
        for side in (turn.user, turn.agent)
        if side is not None
        for word in side.words
    ]
    written = [word for line in held["transcript_object"] for word in line["words"]]
    assert [(word.text, word.start_s, word.end_s) for word in words] == [
        (word["word"].strip(), word["start"], word["end"]) for word in written
    ]


def test_other_roles_and_odd_words_are_kept_or_passed_over(tmp_path):
    held = call()
    held["transcript_with_tool_calls"][1]["words"] = [{"word": 3}, None, "x"]
    held["transcript_with_tool_calls"].insert(2, {"role": "dtmf", "digit": "5"})
    trace = read(tmp_path, {"event": "call_ended", "call": held})
    assert trace.turns[1].user.start_s is None
    assert trace.turns[1].user.text == "Hello, I would like to book a table."
    assert trace.left_over["transcript_with_tool_calls"] == [{"role": "dtmf", "digit": "5"}]


def test_the_plain_transcript_is_read_where_the_one_with_tools_is_missing(tmp_path):
    held = call()
    del held["transcript_with_tool_calls"], held["latency"]
    trace = read(tmp_path, held)
    assert len(trace.turns) == 7
    assert trace.findings == ()
