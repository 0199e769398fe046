import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.errors import InputError
from echotrace.traces.document import parse_document
from echotrace.traces.minimal import read
from echotrace.traces.read import read_trace

SESSION = {"type": "session", "session_id": "s-1", "pipeline": "bot", "clock": "session"}
TURN = {
    "type": "turn",
    "turn": 1,
    "user_start_s": 1.0,
    "user_end_s": 2.0,
    "agent_start_s": 3.25,
    "agent_end_s": 5.0,
    "user_text": "<script>alert(1)</script>",
}
STT = {"type": "span", "turn": 1, "name": "stt", "owner": "a:b", "start_s": 1.0, "end_s": 2.5}
WAIT = {"type": "span", "turn": 1, "part": "endpointing_wait", "start_s": 2.0, "end_s": 2.625}
LLM = {
    "type": "span",
    "turn": 1,
    "part": "llm_inference",
    "owner": "groq:llama",
    "start_s": 2.625,
    "end_s": 4.0,
    "first_output_s": 2.875,
}
TTS = {
    "type": "span",
    "turn": 1,
    "part": "speech_synthesis",
    "start_s": 3.0,
    "end_s": 4.5,
    "first_output_s": 3.125,
}
CALL = (SESSION, TURN, STT, WAIT, LLM, TTS)


def lines(*objects):
    return "".join(json.dumps(each) + "\n" for each in objects)


def trace(*objects):
    return read(parse_document(lines(*objects), name="t.jsonl"))


def refused(*objects):
    with pytest.raises(InputError) as caught:
        trace(*objects)
    assert caught.value.code == "TRACE_FIELD"
    return caught.value


def parts(found):
    return [(part.key, part.ms, part.inside) for part in found.parts]


def test_a_file_is_told_by_its_lines(tmp_path):
    path = tmp_path / "call.jsonl"
    path.write_text(lines(*CALL), "utf-8")
    found = read_trace(str(path))
    assert (found.kind, found.clock, found.session_id) == ("minimal", "session", "s-1")
    assert found.producer == "bot"
    (turn,) = found.turns
    assert (turn.user.start_s, turn.user.end_s, turn.user.edge) == (1.0, 2.0, "speech")
    assert (turn.agent.start_s, turn.agent.end_s, turn.agent.edge) == (3.25, 5.0, "playout")
    assert turn.user.text == "<script>alert(1)</script>"
    assert (turn.interrupted, turn.aborted) == (False, False)


def test_stages_become_parts_up_to_their_first_output():
    (turn,) = trace(*CALL).turns
    assert parts(turn) == [
        ("transcription", 500.0, "endpointing_wait"),
        ("endpointing_wait", 625.0, None),
        ("llm_inference", 250.0, None),
        ("sentence_aggregation", 125.0, None),
        ("speech_synthesis", 125.0, None),
    ]
    assert [part.owner_kind for part in turn.parts] == [
        "service",
        "setting",
        "service",
        "setting",
        "service",
    ]
    assert turn.claimed_gap_ms == 1250.0
    assert turn.claimed_by == "agent_start_s - user_end_s"


def test_what_is_stated_goes_before_what_is_worked_out():
    (turn,) = trace(TURN | {"claimed_gap_ms": 900}, LLM | {"inside": "tool_call"}).turns
    assert (turn.claimed_gap_ms, turn.claimed_by) == (900.0, "claimed_gap_ms")
    assert parts(turn) == [("llm_inference", 250.0, "tool_call")]


@given(order=st.permutations(CALL))
def test_the_order_of_lines_changes_nothing(order):
    assert trace(*order).turns == trace(*CALL).turns


def test_a_turn_may_come_in_pieces():
    first = {"type": "turn", "turn": 1, "user_start_s": 1.0}
    marks = [
        {"type": "mark", "turn": 1, "mark": "user_stopped", "at_s": 2.0, "told_s": 2.5},
        {"type": "mark", "turn": 1, "mark": "agent_started", "at_s": 3.0},
        {"type": "mark", "turn": 1, "mark": "agent_started", "at_s": 3.5},
        {"type": "mark", "turn": 1, "mark": "agent_stopped", "at_s": 4.0},
        {"type": "mark", "turn": 1, "mark": "agent_stopped", "at_s": 4.5},
        {"type": "mark", "turn": 1, "mark": "interrupted", "at_s": 4.5},
    ]
    (turn,) = trace(first, *marks).turns
    assert (turn.user.start_s, turn.user.end_s) == (1.0, 2.0)
    assert (turn.agent.start_s, turn.agent.end_s) == (3.0, 4.5)
    assert turn.interrupted
    assert parts(turn) == [("endpointing_wait", 500.0, None)]
    assert turn.parts[0].owner_kind == "setting"


def test_what_the_caller_did_not_wait_for_is_no_part():
    cancelled = LLM | {"id": "try", "status": "cancelled", "start_s": 2.5}
    del cancelled["first_output_s"]
    nested = LLM | {"id": "in", "parent_id": "out", "start_s": 2.7, "end_s": 2.8}
    later = TTS | {"start_s": 3.5, "first_output_s": 3.75}
    after = LLM | {"start_s": 3.3, "end_s": 3.9, "first_output_s": 3.5}
    found = trace(TURN, cancelled, LLM | {"id": "out"}, nested, TTS, later, after)
    assert [part.key for part in found.turns[0].parts] == [
        "llm_inference",
        "sentence_aggregation",
        "speech_synthesis",
    ]
    assert len(found.spans) == 6


def test_turns_without_an_answer_are_aborted_but_not_those_talked_through():
    agent = {"type": "turn", "turn": 1, "agent_start_s": 0.0, "agent_end_s": 5.0}
    aside = {"type": "turn", "turn": 2, "user_start_s": 2.0, "user_end_s": 2.4}
    last = {"type": "turn", "turn": 3, "user_start_s": 6.0, "user_end_s": 7.0}
    assert [turn.aborted for turn in trace(agent, aside, last).turns] == [False, False, True]


def test_words_usage_and_unknown_fields_are_kept():
    word = {"type": "word", "turn": 1, "role": "user", "text": "hi", "start_s": 1, "end_s": 1.5}
    found = trace(
        SESSION | {"region": "eu"},
        TURN | {"mood": "calm"},
        STT | {"attributes": {"a": [1, None]}, "retries": 2},
        word,
        {"type": "usage", "llm_input_tokens": 3, "unit_price": None},
        {"type": "usage", "llm_input_tokens": 4},
        {"type": "weather", "rain": True},
    )
    assert found.left_over == {"region": "eu", "lines": [{"type": "weather", "rain": True}]}
    assert found.turns[0].attributes == {"mood": "calm"}
    assert found.turns[0].user.words[0].text == "hi"
    assert found.spans[0].attributes == {"a": [1, None], "retries": 2}
    assert found.usage == {"llm_input_tokens": 7}
    assert [note.code for note in found.findings] == ["TRACE_LINES_UNKNOWN"]


@pytest.mark.parametrize(
    ("line", "said", "why"),
    [
        (TURN | {"user_end_s": "2.0"}, "user_end_s is '2.0'", "a number of seconds"),
        (TURN | {"user_end_s": True}, "user_end_s is True", "a number of seconds"),
        (TURN | {"user_end_s": 1795316405200}, "user_end_s is 1795316405200", "so many are none"),
        (TURN | {"turn": 1.5}, "turn is 1.5", "a whole number"),
        (TURN | {"turn": None}, "turn is missing", ""),
        (TURN | {"interrupted": "no"}, "interrupted is 'no'", "true or false"),
        (TURN | {"user_text": 5}, "user_text is 5", "text"),
        (STT | {"start_s": None}, "start_s is missing", ""),
        (STT | {"attributes": []}, "attributes is []", "an object"),
        (STT | {"owner": "\x1b[31m" + "x" * 90, "end_s": "\x1b"}, "end_s is '\\x1b'", "seconds"),
        ({"type": "word", "turn": 1, "role": "bot", "text": "x"}, "role is 'bot'", "none of"),
        ({"type": "mark", "turn": 1, "mark": "began", "at_s": 1}, "mark is 'began'", "none of"),
        (SESSION | {"clock": "wall"}, "clock is 'wall'", "none of"),
    ],
)
def test_a_wrong_value_names_line_and_key(line, said, why):
    error = refused(TURN, line)
    assert error.what.startswith(f"t.jsonl, line 2: {said}")
    assert why in (error.why or "")
    assert len(error.what) < 120


def test_an_unknown_part_names_the_nearest():
    error = refused(STT | {"part": "llm_inferance"})
    assert error.hint == "did you mean 'llm_inference'?"


def test_spans_that_contradict_themselves_are_told_and_kept():
    found = trace(
        TURN,
        STT | {"id": "a", "end_s": 0.5},
        STT | {"id": "a", "parent_id": "gone"},
        LLM | {"id": "b", "first_output_s": 1.0},
    )
    assert {note.code for note in found.findings} == {
        "TRACE_SPANS_BACKWARDS",
        "TRACE_DUPLICATE_IDS",
        "TRACE_ORPHANS",
    }
    assert [span.id for span in found.spans] == ["a", "a#2", "b"]
    assert all(span.end_s >= span.start_s for span in found.spans)
    assert {span.parent_id for span in found.spans} == {None}


def test_of_several_sessions_the_longest_is_read():
    other = {"type": "session", "session_id": "s-2"}
    found = trace(*({**each, "session": "s-1"} for each in CALL), other, {**TURN, "session": "s-2"})
    assert found.session_id == "s-1"
    (note,) = found.findings
    assert note.code == "TRACE_SEVERAL_CALLS"
    assert "2 sessions" in note.message


def test_one_array_of_lines_is_as_good():
    document = parse_document(json.dumps(list(CALL)), name="t.json")
    assert read(document).turns == trace(*CALL).turns
    wrong = parse_document(json.dumps([SESSION, TURN | {"turn": "1"}]), name="t.json")
    with pytest.raises(InputError, match="item 2: turn is '1'"):
        read(wrong)


def test_times_of_day_are_told_from_seconds_of_a_session():
    later = {key: value + 1.7e9 for key, value in TURN.items() if key.endswith("_s")}
    assert trace(TURN | later).clock == "unix"
    assert trace(TURN).clock == "session"


MANUAL = Path(__file__).parents[3] / "docs/traces.md"


@pytest.mark.skipif(not MANUAL.exists(), reason="the manual is not here")
def test_the_manual_s_lines_are_read_without_a_finding():
    found = re.search(r"```jsonl\n(.*?)```", MANUAL.read_text("utf-8"), re.DOTALL)
    made = read(parse_document(found[1], name="t.jsonl"))
    assert made.findings == ()
    assert made.left_over == {}
    (turn,) = made.turns
    assert turn.claimed_gap_ms == 1150
    assert {part.key for part in turn.parts} == {
        "endpointing_wait",
        "transcription",
        "llm_inference",
        "sentence_aggregation",
        "speech_synthesis",
    }
