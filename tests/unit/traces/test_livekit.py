"""LiveKit's own figures beside ours.

Tolerances: what LiveKit states in attributes and what it prints are the same numbers; the edges of
spans agree with them to 0.05 ms in 1.8 and 1.3, and to 1.2 ms in 1.5, where the caller's turn is
closed a moment after the delay was taken.
"""

import copy
import json

import pytest

from echotrace.model.trace import PARTS
from echotrace.traces.read import read_trace
from tests.fakes.trace_files import (
    CAPTURES,
    DATA,
    document,
    own_figures,
    span,
    write,
    written_spans,
)

LIVEKIT = [name for name in CAPTURES if name.startswith("livekit")]
REPORT = DATA / "livekit-1.8" / "session_report.json"


def read(name):
    return read_trace(str(CAPTURES[name]))


def answers(name):
    """LiveKit's own figures of the answers that were spoken, each after its caller's."""
    found, heard = [], None
    for message in own_figures(name)["chat_messages"]:
        if message["role"] == "user":
            heard = message["metrics"]
        elif heard is not None and "e2e_latency" in message["metrics"]:
            found.append({**heard, "user": heard, **message["metrics"]})
    return found


def total(parts):
    return sum(part.ms for part in parts if part.inside is None)


def part(turn, key):
    return sum(item.ms for item in turn.parts if item.key == key)


@pytest.mark.parametrize("name", LIVEKIT)
def test_nothing_that_livekit_wrote_is_lost(name):
    written = written_spans(name)
    trace = read(name)
    assert {item.id for item in trace.spans} == set(written)
    for item in trace.spans:
        was = written[item.id]
        kept = dict(item.attributes)
        events = [(each["name"], each["attributes"]) for each in kept.pop("otlp.events", [])]
        assert (item.name, item.start_s, item.end_s) == (was["name"], was["start_s"], was["end_s"])
        assert item.parent_id == was["parent_id"]
        assert kept == was["attributes"]
        assert events == was["events"]


@pytest.mark.parametrize("name", LIVEKIT)
def test_the_figures_are_those_that_livekit_prints(name):
    turns = [turn for turn in read(name).turns if turn.claimed_gap_ms is not None]
    own = answers(name)
    assert len(turns) == len(own) >= 6
    for turn, figures in zip(turns, own, strict=True):
        assert turn.claimed_gap_ms == pytest.approx(figures["e2e_latency"] * 1000, abs=0.05)
        assert total(turn.parts) == pytest.approx(turn.claimed_gap_ms, abs=1.2)
        assert turn.agent.start_s == pytest.approx(figures["started_speaking_at"], abs=0.001)
        assert turn.user.end_s == pytest.approx(figures["user"]["stopped_speaking_at"], abs=0.0012)
        if name == "livekit-1.3":  # when the detector said so, 0.1 s late: not told as speech
            assert turn.user.start_s is None
        else:
            began_s = figures["user"]["started_speaking_at"]
            assert turn.user.start_s == pytest.approx(began_s, abs=0.002)
        assert part(turn, "endpointing_wait") == figures["end_of_turn_delay"] * 1000
        assert part(turn, "transcription") == figures["transcription_delay"] * 1000
        inference = [item.ms for item in turn.parts if item.key == "llm_inference"][-1]
        assert inference == pytest.approx(figures["llm_node_ttft"] * 1000, abs=8)


@pytest.mark.parametrize("name", LIVEKIT)
def test_transcription_lies_inside_the_wait(name):
    for turn in read(name).turns:
        for item in turn.parts:
            assert item.key in PARTS
            assert item.inside == ("endpointing_wait" if item.key == "transcription" else None)


@pytest.mark.parametrize("name", LIVEKIT)
def test_preemptive_generation_makes_a_part_negative(name):
    for turn in read(name).turns:
        for item in turn.parts:
            if item.key == "turn_detection":
                is_early = not name.endswith("nopreempt")
                assert item.ms == pytest.approx(-159 if is_early else 24, abs=6)
                owner = "preemptive generation" if is_early else "on_user_turn_completed"
                assert item.owner == owner


@pytest.mark.parametrize("name", LIVEKIT)
def test_the_script_of_the_call(name):
    trace = read(name)
    assert (trace.kind, trace.clock, trace.findings) == ("livekit", "unix", ())
    assert [turn.id for turn in trace.turns] == list(range(1, 9))
    greeting, first, tool, cut, _, broken, last, goodbye = trace.turns
    assert greeting.user is None
    assert greeting.claimed_gap_ms is None
    assert first.user.text == "Hello, I would like to book a table."
    assert first.agent.text == "Of course. For how many people should I book it?"
    assert [item.owner for item in tool.parts if item.key == "tool_call"][-1] == "check_table"
    assert part(tool, "tool_call") == pytest.approx(258, abs=5)
    assert len([item for item in tool.parts if item.key == "llm_inference"]) == 2
    assert cut.interrupted
    assert goodbye.interrupted
    assert broken.aborted or broken.interrupted
    assert broken.user.text == "Yes, I think"
    assert last.user.text == "book the table for seven."
    assert not last.interrupted
    assert [turn.aborted for turn in trace.turns].count(True) == (name != "livekit-1.8")


def test_owners_names_and_usage():
    new, old = read("livekit-1.8"), read("livekit-1.3")
    owners = {item.key: (item.owner, item.owner_kind) for item in new.turns[1].parts}
    assert owners == {
        "endpointing_wait": ("endpointing delay 0.6 s", "setting"),
        "transcription": ("fakestt:fake-stt-1", "service"),
        "turn_detection": ("preemptive generation", "setting"),
        "llm_inference": ("fakellm:fake-llm-1", "service"),
        "sentence_aggregation": ("sentence tokenizer", "setting"),
        "speech_synthesis": ("faketts:fake-tts-1", "service"),
        "output_transport": ("audio output", "pipeline"),
    }
    assert new.session_id.startswith("RM_")
    assert old.session_id is None
    assert new.usage["llm_output_tokens"] == old.usage["llm_output_tokens"] == 93
    assert new.usage["tts_characters"] == old.usage["tts_characters"] == 446


def test_spans_know_their_turn_and_first_output():
    trace = read("livekit-1.8")
    nodes = [item for item in trace.spans if item.turn == 3]
    assert {"user_turn", "eou_wait", "agent_turn", "llm_request_run", "agent_speaking"} <= {
        item.name for item in nodes
    }
    assert {item.name for item in trace.spans if item.turn is None} == {
        *("agent_session", "session_start", "start_agent_activity", "setup_toolsets", "on_enter"),
        *("session_close", "drain_agent_activity", "on_exit"),
    }
    llms = [item for item in nodes if item.name == "llm_node"]
    assert [item.first_output_s - item.start_s for item in llms] == pytest.approx(
        [0.3627, 0.3008], abs=1e-4
    )
    assert [item.status for item in trace.spans if item.name == "agent_turn"].count(
        "cancelled"
    ) == 3


def session(*spans):
    return document(span("agent_session", 1, 0, 60), *spans, scope="livekit-agents")


def spoken(number, begin_s, parent):
    return span("agent_speaking", number, begin_s, begin_s + 2, parent)


def test_a_zero_delay_is_no_measurement(tmp_path):
    spans = (
        span("user_turn", 2, 1, 4, 1, lk__end_of_turn_delay=0.0, lk__user_transcript="hi"),
        span("user_speaking", 3, 1, 3, 2),
        span("agent_turn", 4, 4, 9, 1, lk__user_input="hi", lk__speech_id="s"),
        span("llm_node", 5, 4.1, 5, 4, lk__response__ttft=0.2),
        spoken(6, 5, 4),
    )
    (turn,) = read_trace(write(tmp_path, session(*spans))).turns
    assert turn.claimed_gap_ms is None
    assert turn.user.edge == "detected"
    assert [item.key for item in turn.parts] == ["llm_inference"]


def test_answers_are_paired_by_their_delays_or_their_words_or_their_time(tmp_path):
    spans = (
        span("user_turn", 2, 1, 4, 1, lk__end_of_turn_delay=0.5, lk__user_transcript="same"),
        span("user_turn", 3, 6, 8, 1, lk__end_of_turn_delay=0.6, lk__user_transcript="same"),
        span("user_turn", 4, 10, 12, 1, lk__end_of_turn_delay=0.7, lk__user_transcript="other"),
        span("user_turn", 5, 20, 21, 1),
        span("agent_turn", 6, 8, 10, 1, lk__user_input="same", lk__end_of_turn_delay=0.6),
        spoken(7, 8.5, 6),
        span("agent_turn", 8, 12, 15, 1, lk__user_input="said before the last word"),
        spoken(9, 12.5, 8),
        span("agent_turn", 10, 16, 19, 1),
        spoken(11, 16.5, 10),
        span("agent_turn", 12, 30, 31, 1, lk__speech_id="dropped"),
    )
    turns = read_trace(write(tmp_path, session(*spans))).turns
    found = [
        (
            turn.user.end_s - turn.user.start_s if turn.user and turn.user.end_s else None,
            turn.agent is not None,
            turn.aborted,
        )
        for turn in turns
    ]
    assert found == [
        (pytest.approx(2.5), False, True),
        (pytest.approx(1.4), True, False),
        (pytest.approx(1.3), True, False),
        (None, True, False),
        (None, False, True),
    ]


def test_a_streaming_voice_whose_request_opens_before_there_is_text(tmp_path):
    spans = (
        span("user_turn", 2, 1, 4, 1, lk__end_of_turn_delay=0.5, lk__user_transcript="hi"),
        span("eou_wait", 3, 3.5, 4, 2, lk__eou__outcome="committed"),
        span("agent_turn", 4, 4, 9, 1, lk__user_input="hi", lk__e2e_latency=1.5),
        span("llm_node", 5, 4, 5, 4, lk__response__ttft=0.4),
        span("tts_node", 6, 4, 7, 4, lk__response__ttfb=0.2),
        span("tts_request", 7, 4, 7, 6),
        spoken(8, 5, 4),
    )
    (turn,) = read_trace(write(tmp_path, session(*spans))).turns
    assert total(turn.parts) == pytest.approx(turn.claimed_gap_ms)
    assert part(turn, "sentence_aggregation") == pytest.approx(400)
    assert part(turn, "speech_synthesis") == pytest.approx(200)


def test_a_caller_who_goes_on_is_timed_from_the_last_wait(tmp_path):
    spans = (
        span("user_turn", 2, 1, 6, 1, lk__end_of_turn_delay=0.5, lk__pii__user_transcript="hi"),
        span("eou_wait", 3, 2, 2.3, 2, lk__eou__outcome="user_resumed"),
        span("eou_wait", 4, 5.5, 6, 2, lk__eou__outcome="committed"),
    )
    (turn,) = read_trace(write(tmp_path, session(*spans))).turns
    assert turn.user.end_s - turn.user.start_s == pytest.approx(4.5)


def test_the_session_report_says_the_same_and_where_the_recording_begins():
    report, spans = read_trace(str(REPORT)), read("livekit-1.8")
    document = json.loads(REPORT.read_text("utf-8"))
    assert report.kind == "livekit"
    assert report.recording_start_s == document["audio_recording_started_at"]
    assert report.recording_path == "audio.ogg"
    assert report.producer_version == document["sdk_version"] == "1.8.9"
    assert report.session_id == spans.session_id
    assert len(report.turns) == len(spans.turns)
    for turn, other in zip(report.turns, spans.turns, strict=True):
        assert turn.claimed_gap_ms == other.claimed_gap_ms
        assert (turn.interrupted, turn.aborted) == (other.interrupted, other.aborted)
        assert turn.agent.start_s == pytest.approx(other.agent.start_s, abs=1e-4)
        if turn.user is None or turn.id == 3:
            continue
        assert total(turn.parts) == pytest.approx(turn.claimed_gap_ms, abs=0.01)
        for item in other.parts:
            assert part(turn, item.key) == pytest.approx(part(other, item.key), abs=1.0)
    tool = report.turns[2]
    assert part(tool, "turn_detection") == pytest.approx(21, abs=0.1)  # the hook alone
    assert part(tool, "tool_call") == pytest.approx(257.5, abs=0.1)
    (call,) = report.spans
    assert (call.owner, call.part, call.turn) == ("check_table", "tool_call", 3)
    assert report.usage["llm_output_tokens"] == 93


def test_nothing_of_the_session_report_is_lost():
    report = read_trace(str(REPORT))
    document = json.loads(REPORT.read_text("utf-8"))
    items = document.pop("chat_history")["items"]
    kept = [
        turn.attributes[side]
        for turn in report.turns
        for side in ("user", "agent")
        if side in turn.attributes
    ] + report.left_over["chat_history"]
    assert sorted(kept, key=lambda item: item["id"]) == sorted(items, key=lambda item: item["id"])
    for key, value in document.items():
        if key not in ("audio_recording_path", "audio_recording_started_at", "sdk_version"):
            assert report.left_over[key] == value


def test_a_report_of_a_release_whose_voice_figure_holds_the_wait_for_a_sentence(tmp_path):
    document = json.loads(REPORT.read_text("utf-8"))
    for item in document["chat_history"]["items"]:
        metrics = item.get("metrics", {})
        if "llm_node_ttfs" in metrics:
            waited = metrics.pop("llm_node_ttfs") - metrics["llm_node_ttft"]
            metrics["tts_node_ttfb"] += waited
    turn = read_trace(write(tmp_path, document)).turns[1]
    assert part(turn, "sentence_aggregation") == 0
    voice = next(item for item in turn.parts if item.key == "speech_synthesis")
    assert "holds the wait" in voice.source
    assert total(turn.parts) == pytest.approx(turn.claimed_gap_ms)


def test_broken_figures_in_a_report_are_missing_and_not_wrong(tmp_path):
    document = json.loads(REPORT.read_text("utf-8"))
    items = document["chat_history"]["items"]
    broken = copy.deepcopy(document)
    for item in broken["chat_history"]["items"]:
        item["metrics"] = dict.fromkeys(item.get("metrics", {}), "soon")
    broken["usage"] = [3, {"type": "llm_usage", "input_tokens": None}]
    trace = read_trace(write(tmp_path, broken))
    assert all(turn.claimed_gap_ms is None and not turn.parts for turn in trace.turns)
    document["chat_history"]["items"] = [items[3]["id"], None, *items]
    assert len(read_trace(write(tmp_path, document)).turns) == 8
