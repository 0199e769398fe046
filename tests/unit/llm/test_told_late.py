"""What a server tells only at the end, or where it was not asked: reasoning, counts, errors."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.providers.llm import document
from echotrace.providers.llm.base import TokenEvent
from echotrace.providers.llm.chunks import ChunkReader, cut_off
from echotrace.providers.llm.plugin import _wrong
from echotrace.providers.llm.thoughts import Thoughts
from tests.fakes.llm_key import KEY
from tests.fakes.llm_servers import (
    DONE,
    GROQ_FIRST,
    Drop,
    LlmServer,
    Pause,
    Reply,
    Stall,
    document_reply,
    groq_chunk,
    ollama_part,
)

pytestmark = pytest.mark.on_a_clock


def sorted_out(*pieces):
    thoughts = Thoughts()
    events = [event for at, piece in enumerate(pieces) for event in thoughts.feed(piece, at)]
    return [*events, *thoughts.rest()]


def told(events):
    return [(event.kind, event.at_ns, event.text) for event in events]


def read(*chunks):
    reader = ChunkReader()
    return [event for at, chunk in enumerate(chunks) for event in reader.events(chunk, at)]


def chunk(delta, finish=None, **more):
    return {"choices": [{"delta": delta, "finish_reason": finish}], **more}


def test_every_held_piece_of_a_split_mark_keeps_its_own_time():
    pieces = ["<", "think", ">", "hmm", " ok", "</", "think>", "\n\n", "Hel", "lo. ", "Yes."]
    kinds = ["reasoning"] * 8 + ["answer"] * 3
    found = told(sorted_out(*pieces))
    assert found == list(zip(kinds, range(11), pieces, strict=True))


def test_a_piece_that_holds_both_is_told_as_both():
    assert told(sorted_out("<think>so</think>\n\nHi")) == [
        ("reasoning", 0, "<think>so</think>\n\n"),
        ("answer", 0, "Hi"),
    ]


HEADLESS = ("Okay. The user wants x.\n</think>\n\nHello you. Bye.", "Hello you. Bye.")


@given(st.lists(st.integers(1, len(HEADLESS[0]) - 1), max_size=8, unique=True))
def test_reasoning_that_the_prompt_opened_is_taken_back_at_its_end(cuts):
    text, answer = HEADLESS
    ends = [0, *sorted(cuts), len(text)]
    events = sorted_out(*(text[a:b] for a, b in pairwise(ends)))
    (turn,) = [at for at, event in enumerate(events) if event.all_reasoning]
    assert events[turn].kind == "reasoning"
    assert "".join(event.text for event in events) == text
    later = [event for event in events[turn + 1 :] if event.kind == "answer"]
    assert "".join(event.text for event in later) == answer


@pytest.mark.parametrize("mark", [("</", "think>"), ("<", "/think>"), ("\n", "<", "/", "think>")])
def test_no_reasoning_at_all_after_an_opened_mark(mark):
    events = sorted_out(*mark, "\n\n", "Hi")
    assert [event.all_reasoning for event in events] == [
        at == len(mark) - 1 for at in range(len(events))
    ]
    assert [event.kind for event in events[-3:]] == ["reasoning", "reasoning", "answer"]


@pytest.mark.parametrize(
    "text", ["The pair <think> and </think> it is.", "<b></b>", "a </thinking> b", "</ think>"]
)
def test_an_answer_with_other_marks_stays_one(text):
    for pieces in ((text,), tuple(text)):
        assert {event.kind for event in sorted_out(*pieces)} == {"answer"}


def test_the_mark_means_nothing_where_reasoning_comes_in_a_field_of_its_own():
    events = read(chunk({"reasoning": "so"}), chunk({"content": "The mark </think> ends it."}))
    assert [event.kind for event in events] == ["reasoning", "answer"]


def test_blank_space_before_reasoning_of_its_own_field_is_no_answer():
    deltas = ({"content": "\n"}, {"reasoning_content": "so"}, {"content": "Hi"})
    events = read(*(chunk(delta) for delta in deltas))
    assert told(events) == [("reasoning", 0, "\n"), ("reasoning", 1, "so"), ("answer", 2, "Hi")]


def test_a_headless_thought_over_the_wire(ask):
    words = ["Okay", ". The user", ".\n</think>", "\n\n", "Hello", " you.", " Bye."]
    steps = []
    for word in words:
        steps += [groq_chunk({"content": word}), Pause(0.02)]
    steps += [groq_chunk({}, "stop"), DONE]
    with LlmServer(lambda _: Reply(steps=tuple(steps))) as server:
        asked = ask("openai", server.url, times=1)
    seen = server.chats[0]
    assert asked.sample.ttfat_ms >= (seen.step_ns[4] - seen.received_ns) / 1e6
    assert asked.sample.ttft_ms < asked.sample.ttfat_ms - 60
    assert asked.sample.first_sentence == "Hello you."
    assert asked.phase_ms("reasoning") > 60


@pytest.mark.parametrize(
    ("reason", "cut"),
    [
        *((name, True) for name in ("length", "LENGTH", "max_tokens", "content_filter")),
        *((name, False) for name in ("stop", "tool_calls", "", None, 3, "eos_token")),
    ],
)
def test_reasons_to_finish(reason, cut):
    assert cut_off(reason) is cut


@pytest.mark.parametrize(("finish", "sentence"), [("length", None), ("stop", "word word")])
@pytest.mark.parametrize("name", ["groq", "openai", "ollama"])
def test_a_sentence_cut_off_by_the_limit_is_none(ask, name, finish, sentence):
    if name == "ollama":
        kind = "application/x-ndjson"
        steps = (
            ollama_part("word "),
            ollama_part("word"),
            ollama_part(done=True, done_reason=finish),
        )
    else:
        kind = "text/event-stream"
        words = (groq_chunk({"content": "word "}), groq_chunk({"content": "word"}))
        steps = (GROQ_FIRST, *words, groq_chunk({}, finish), DONE)
    with LlmServer(lambda _: Reply(steps=steps, content_type=kind)) as server:
        asked = ask(name, server.url, times=1)
    assert asked.sample.first_sentence == sentence
    assert (asked.sample.first_sentence_ms is None) is (sentence is None)
    assert asked.sample.status == "ok"


def usage(prompt, completion, reasoning, total):
    details = {} if reasoning is None else {"reasoning_tokens": reasoning}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": total,
        "completion_tokens_details": details,
    }


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ((11, 500, 450, 511), (500, 450)),  # within the completion, as OpenAI counts
        ((32, 9, 94, 135), (103, 94)),  # beside it, as xAI counts
        ((10, 100, 40, 150), (140, 40)),
        ((10, 5, 40, None), (45, 40)),
        ((10, 100, 40, None), (100, 40)),
        ((10, 100, 0, 110), (100, 0)),
        ((10, 100, None, 110), (100, None)),
        ((10, None, 40, 50), (None, 40)),
        ((10, 100, "many", 110), (100, None)),
    ],
)
def test_counted_reasoning(counts, found):
    done = read(chunk({"content": "a"}, "stop", usage=usage(*counts)))[-1]
    assert (done.tokens, done.reasoning_tokens) == found


def test_hidden_reasoning_over_the_wire(ask):
    steps = [GROQ_FIRST]
    for _ in range(6):
        steps += [groq_chunk({"content": "a "}), Pause(0.02)]
    steps += [groq_chunk({}, "stop"), groq_chunk(None, usage=usage(11, 506, 500, 517)), DONE]
    with LlmServer(lambda _: Reply(steps=tuple(steps))) as server:
        asked = ask("openai", server.url, times=1)
    assert (asked.sample.tokens, asked.sample.tokens_counted) == (506, True)
    assert asked.sample.tokens_per_s < 200  # six streamed tokens; with the hidden ones thousands


@pytest.mark.parametrize(
    ("timings", "prompt"),
    [
        ({"prompt_n": 1, "cache_n": 40}, 41),
        ({"prompt_n": 41, "cache_n": 0}, 41),
        ({"prompt_n": 1}, None),  # an older server: the rest may lie in the cache
        ({"cache_n": 40}, None),
        ({"prompt_n": 1, "cache_n": -1}, None),
    ],
)
def test_the_prompt_by_llama_cpp(timings, prompt):
    done = read(chunk({"content": "a"}, "stop", timings=timings))[-1]
    assert done.prompt_tokens == prompt
    counted = read(chunk({"content": "a"}, "stop", timings=timings, usage=usage(9, 1, None, 10)))
    assert counted[-1].prompt_tokens == 9


CREDIT = {"error": {"message": "Insufficient credit", "code": 402}}


@pytest.mark.parametrize("name", ["groq", "openai"])
@pytest.mark.parametrize("body", [CREDIT, {"error": "Insufficient credit"}])
def test_an_error_with_a_good_status_is_quoted(ask, name, body):
    with LlmServer(lambda _: document_reply(body)) as server:
        asked = ask(name, server.url, times=2)
    assert asked.error.code == "LLM_STREAM_ERROR"
    assert asked.error.what == f"{name} reported an error instead of a stream"
    assert asked.error.why == "the server says: Insufficient credit"
    assert [sample.http_status for sample in asked.samples] == [200, 200]


def test_an_error_that_calls_itself_a_stream_is_quoted(ask):
    steps = (b'{"error": {"mess', Pause(0.02), b'age": "Insufficient credit"}}')
    with LlmServer(lambda _: Reply(steps=steps)) as server:
        asked = ask("openai", server.url, times=1)
    assert asked.error.why == "the server says: Insufficient credit"


@pytest.mark.parametrize("name", ["groq", "openai"])
def test_a_quoted_error_shows_no_key(ask, name):
    with LlmServer(lambda _: document_reply({"error": f"bad key {KEY}"})) as server:
        asked = ask(name, server.url, times=1)
    assert "bad key" in asked.error.why
    assert KEY not in asked.error.why + asked.sample.reason


@pytest.mark.parametrize("name", ["groq", "openai"])
@pytest.mark.parametrize(
    "steps",
    [
        (b'{"error": {"message": "', Stall()),
        (b'{"error": {"message": "', Drop()),
        (b'{"error": "' + b"x" * 200_000 + b'"}',),
        (b"[" * 60_000,),
        (b"no JSON",),
        (b'{"choices": [], "error": null}',),
    ],
    ids=["stall", "drop", "large", "deep", "text", "no-error"],
)
def test_a_document_that_cannot_be_read_is_still_told_as_one(ask, monkeypatch, name, steps):
    monkeypatch.setattr(document, "_LIMIT_S", 0.1)
    reply = Reply(steps=steps, content_type="application/json")
    with LlmServer(lambda _: reply) as server:
        asked = ask(name, server.url, times=1)
    assert asked.error.code == "LLM_NOT_A_STREAM"
    assert asked.error.why == "the server answered with one JSON document"


@pytest.mark.parametrize("field", ["tokens", "prompt_tokens", "reasoning_tokens"])
@pytest.mark.parametrize("count", ["7", -1, 1.5])
def test_a_count_of_a_plug_in_that_is_none_is_refused(field, count):
    event = TokenEvent(kind="done", at_ns=1)
    assert _wrong(event) is None
    assert _wrong(replace(event, **{field: 7})) is None
    assert "count of tokens" in _wrong(replace(event, **{field: count}))
