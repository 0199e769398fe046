"""Bytes into events, and chunks of every shape into tokens."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.providers.llm.chunks import ChunkReader, StreamError
from echotrace.providers.llm.sse import SseReader
from echotrace.providers.llm.thoughts import Thoughts


def events_of(*pieces):
    reader = SseReader()
    found = [data for piece in pieces for data in reader.feed(piece)]
    return [*found, *reader.end()]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b": note\n\ndata: a\n\n: note\n", [b"a"]),
        (b"event: message\nid: 7\nretry: 5\ndata: a\n\n", [b"a"]),
        (b"event: ping\n\ndata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data\n\n", [b""]),
        (b"data: a\n", [b"a"]),
        (b"data: a\n\ndata: cut in the mid", [b"a"]),
        (b"database: a\n\n", []),
        (b"\n\n\n", []),
        (b"data: a:b\n\n", [b"a:b"]),
        ("data: \u2028 ü\n\n".encode(), ["\u2028 ü".encode()]),
    ],
)
def test_events(stream, events):
    assert events_of(stream) == events
    assert events_of(*(stream[at : at + 1] for at in range(len(stream)))) == events


@given(
    st.lists(st.sampled_from([b"data: x", b"data:y", b"", b": c", b"event: e"]), max_size=12),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.data(),
)
def test_neither_line_ends_nor_packets_matter(lines, end, data):
    stream = b"".join(line + end for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert events_of(*pieces) == events_of(b"".join(line + b"\n" for line in lines))


def chunk(delta=None, finish=None, **more):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"object": "chat.completion.chunk", "choices": choices, **more}


def as_objects(item):
    """The same as an SDK gives it."""
    if isinstance(item, dict):
        return SimpleNamespace(**{key: as_objects(value) for key, value in item.items()})
    return [as_objects(part) for part in item] if isinstance(item, list) else item


def read(*chunks, complete=False):
    """Kind and text of each event, and the last ``done``; objects and dictionaries must agree."""
    told = []
    for items in (chunks, [as_objects(item) for item in chunks]):
        reader = ChunkReader()
        events = [event for at, item in enumerate(items) for event in reader.events(item, at)]
        if complete:
            events += reader.complete(len(chunks))
        told.append(events)
    assert told[0] == told[1]
    return told[0]


def kinds(events):
    return [(event.kind, event.text) for event in events if event.kind != "done"]


@pytest.mark.parametrize(
    ("delta", "found"),
    [
        ({"role": "assistant"}, [("role", "")]),
        ({"role": "assistant", "content": ""}, [("role", "")]),
        ({"role": "assistant", "content": None}, [("role", "")]),
        ({"role": "assistant", "content": "Hi"}, [("answer", "Hi")]),
        ({"content": "Hi"}, [("answer", "Hi")]),
        ({"content": ""}, []),
        ({"reasoning": "so"}, [("reasoning", "so")]),
        ({"reasoning_content": "so"}, [("reasoning", "so")]),
        ({"reasoning": "so", "reasoning_content": "so"}, [("reasoning", "so")]),
        ({"reasoning": None, "reasoning_content": "so", "content": None}, [("reasoning", "so")]),
        ({"reasoning_content": "so", "content": "Hi"}, [("reasoning", "so"), ("answer", "Hi")]),
        ({"content": [{"type": "text", "text": "Hi"}]}, [("answer", "Hi")]),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "so"}]}]},
            [("reasoning", "so")],
        ),
        ({"content": 5}, []),
        ({"tool_calls": []}, []),
        ({}, []),
    ],
)
def test_a_delta(delta, found):
    assert kinds(read(chunk(delta))) == found


@pytest.mark.parametrize("item", [5, "text", None, [], {}, {"choices": "no"}, {"choices": [3]}])
def test_what_is_no_chunk_says_nothing(item):
    assert list(ChunkReader().events(item, 1)) == []


@pytest.mark.parametrize(
    "item",
    [
        {"error": {"message": "over capacity"}},
        {"error": "over capacity"},
        {"object": "error", "message": "over capacity", "code": 500},
        chunk({"content": "a"}, x_groq={"error": "over capacity"}),
        {"event": "error", "data": {"error": {"message": "over capacity"}}},
    ],
)
def test_an_error_inside_the_stream(item):
    with pytest.raises(StreamError, match="over capacity"):
        list(ChunkReader().events(item, 1))


def test_a_named_event_as_the_sdk_hands_it_on_is_read():
    wrapped = {"event": "chunk", "data": chunk({"content": "a"})}
    assert kinds(ChunkReader().events(SimpleNamespace(**wrapped), 1)) == [("answer", "a")]


def test_the_count_may_come_after_the_end():
    usage = {"completion_tokens": 7, "prompt_tokens": 9}
    events = read(chunk({"content": "a"}), chunk({}, "stop"), chunk(usage=usage))
    done = [event for event in events if event.kind == "done"]
    assert [(event.at_ns, event.tokens, event.prompt_tokens) for event in done] == [
        (1, None, None),
        (2, 7, 9),
    ]


def test_a_count_with_every_piece_ends_nothing():
    pieces = [
        chunk({"content": "a"}, usage={"completion_tokens": at, "prompt_tokens": 9})
        for at in (1, 2)
    ]
    events = read(*pieces, chunk({}, "stop"))
    assert [event.kind for event in events] == ["answer", "answer", "done"]
    assert events[-1].tokens == 2


def test_the_done_mark_ends_an_answer_that_told_no_reason():
    assert [event.kind for event in read(chunk({"content": "a"}), complete=True)] == [
        *("answer", "done")
    ]
    assert read(chunk({"role": "assistant"}), complete=True)[-1].kind == "role"
    assert len(read(chunk({"content": "a"}, "stop"), complete=True)) == 2


@pytest.mark.parametrize("bad", [True, -1, "7", 1.5, None])
def test_a_count_that_is_none_is_not_taken(bad):
    events = read(chunk({"content": "a"}, "stop", usage={"completion_tokens": bad}))
    assert events[-1].tokens is None


def test_groq_times_are_seconds_and_the_queue_is_added_to_its_total():
    usage = {"queue_time": 0.05, "prompt_time": 0.01, "completion_time": 0.2, "total_time": 0.21}
    server = read(chunk({}, "stop", x_groq={"usage": usage}))[-1].server
    assert server.source == "x_groq.usage"
    times = (server.queue_ms, server.prompt_ms, server.generation_ms, server.total_ms)
    assert times == pytest.approx((50, 10, 200, 260))
    assert server.load_ms is None


def test_a_total_that_holds_more_than_its_parts_stands():
    usage = {"prompt_time": 0.01, "completion_time": 0.2, "total_time": 0.5}
    assert read(chunk({}, "stop", usage=usage))[-1].server.total_ms == pytest.approx(500)


def test_llama_cpp_times_are_milliseconds():
    timings = {"prompt_n": 9, "prompt_ms": 12.5, "predicted_n": 30, "predicted_ms": 300.0}
    done = read(chunk({}, "stop", timings=timings))[-1]
    assert (done.server.source, done.tokens) == ("timings", 30)
    assert (done.server.prompt_ms, done.server.generation_ms) == (12.5, 300.0)
    assert done.server.total_ms == 312.5


@pytest.mark.parametrize("bad", ["fast", -1, None, True, float("nan"), 1e300])
def test_a_time_that_is_none_is_not_taken(bad):
    usage = {"prompt_time": bad, "completion_time": bad, "total_time": bad}
    assert read(chunk({}, "stop", x_groq={"usage": usage}))[-1].server is None
    timings = {"prompt_ms": bad, "predicted_ms": 3.0}
    assert read(chunk({}, "stop", timings=timings))[-1].server is None


def sorted_out(*pieces):
    thoughts = Thoughts()
    events = [event for at, piece in enumerate(pieces) for event in thoughts.feed(piece, at)]
    return [*events, *thoughts.rest()]


def joined(events, kind):
    return "".join(event.text for event in events if event.kind == kind)


THOUGHTS = [
    ("<think>so</think>Hi", "<think>so</think>", "Hi"),
    ("<think>\n\n</think>\n\nHi", "<think>\n\n</think>\n\n", "Hi"),
    ("<think>so", "<think>so", ""),
    ("<thin", "", "<thin"),
    ("<b>Hi</b>", "", "<b>Hi</b>"),
    ("Hi <think>so</think>", "", "Hi <think>so</think>"),
    ("<think>a</thin</think>Hi", "<think>a</thin</think>", "Hi"),
    ("plain", "", "plain"),
    (" plain", "", " plain"),
]


@pytest.mark.parametrize(("text", "thought", "answer"), THOUGHTS)
def test_thoughts_inside_the_content(text, thought, answer):
    for pieces in ((text,), tuple(text)):
        events = sorted_out(*pieces)
        assert joined(events, "reasoning") == thought
        assert joined(events, "answer") == answer


@given(st.sampled_from(THOUGHTS), st.data())
def test_how_thoughts_were_cut_does_not_matter(case, data):
    text, thought, answer = case
    cuts = sorted(data.draw(st.lists(st.integers(1, len(text)), max_size=5, unique=True)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True) if a < b]
    events = sorted_out(*pieces)
    assert (joined(events, "reasoning"), joined(events, "answer")) == (thought, answer)
    stamps = [event.at_ns for event in events]
    assert stamps == sorted(stamps)


def test_what_was_held_back_keeps_its_own_time():
    events = sorted_out("<", "thi", "rd>")
    assert [(event.kind, event.at_ns, event.text) for event in events] == [
        ("answer", 0, "<"),
        ("answer", 1, "thi"),
        ("answer", 2, "rd>"),
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["choices", "delta", "content", "usage", "x_groq", "timings", "role"]
                ),
                inner,
                max_size=4,
            )
        ),
    )
)  # fmt: skip - any JSON with the names that count
def test_no_document_breaks_the_reader(item):
    json.dumps(item)
    for event in ChunkReader().events(item, 1):
        assert isinstance(event.text, str)
