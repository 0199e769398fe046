"""What differs between OpenAI-compatible servers, and what the server says of its own time."""

import re

import pytest

from echotrace.providers.llm.chunks import ChunkReader
from tests.fakes.llm_servers import (
    DONE,
    GROQ_FIRST,
    LlmServer,
    Pause,
    Reply,
    error,
    groq_chunk,
    ollama_part,
    openai_answer,
    sse,
)

pytestmark = pytest.mark.on_a_clock

GOOD = openai_answer("Yes.", " No.")
NO_USAGE = {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"]}]}
NO_MAX = {
    "error": {
        "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead.",
        "code": "unsupported_parameter",
    }
}


def refuses(*names):
    """A server that knows none of these parameters, as real ones say it."""

    def answer(seen):
        for name in names:
            if name in seen.body:
                body = NO_USAGE if name == "stream_options" else {"error": f"unknown: {name}"}
                return error(422 if name == "stream_options" else 400, body)
        return GOOD

    return answer


def test_a_server_that_refuses_the_usage_is_asked_once_more_and_remembered(ask):
    with LlmServer(refuses("stream_options")) as server:
        asked = ask("openai", server.url, times=3)
    assert ["stream_options" in seen.body for seen in server.chats] == [True, False, False, False]
    cold, *warm = asked.samples
    assert [sample.status for sample in asked.samples] == ["ok"] * 3
    assert cold.code == "LLM_ASKED_AGAIN"
    assert cold.reason.startswith("asked again without stream_options, which the server refused")
    assert "(422)" in cold.reason
    assert [(sample.code, sample.reason) for sample in warm] == [(None, None)] * 2
    assert asked.provider.requests_sent == 4


def test_the_time_of_the_refused_request_is_in_no_figure_but_in_queued(ask):
    def answer(seen):
        if "stream_options" in seen.body:
            return error(400, NO_USAGE, before_headers=(Pause(0.1),))
        return GOOD

    with LlmServer(answer) as server:
        sample = ask("openai", server.url, times=1).sample
    assert sample.phases[0].name == "queued"
    assert sample.phases[0].duration_ms >= 100
    rest_ms = sum(phase.duration_ms for phase in sample.phases[1:])
    assert sample.total_ms <= rest_ms + 0.01
    assert re.search(r"after \d{3,} ms$", sample.reason)


@pytest.mark.parametrize("body", [NO_MAX, {"error": "unknown field: max_tokens"}])
def test_a_model_that_refuses_max_tokens_gets_the_other_name(ask, body):
    def answer(seen):
        return error(400, body) if "max_tokens" in seen.body else GOOD

    with LlmServer(answer) as server:
        asked = ask("openai", server.url, max_tokens=17)
    assert [seen.body.get("max_completion_tokens") for seen in server.chats] == [None, 17, 17]
    assert "without max_tokens" in asked.samples[0].reason
    assert asked.sample.status == "ok"


def test_both_options_may_be_refused_one_after_the_other(ask):
    with LlmServer(refuses("stream_options", "max_tokens")) as server:
        asked = ask("openai", server.url)
    assert len(server.chats) == 4
    assert "without stream_options" in asked.samples[0].reason
    assert "without max_tokens" in asked.samples[0].reason
    assert asked.sample.status == "ok"


@pytest.mark.parametrize(
    ("status", "body", "requests"),
    [
        (400, {"error": "bad temperature"}, 1),
        (404, NO_USAGE, 1),
        (429, NO_USAGE, 1),
        (500, NO_USAGE, 1),
        (400, {"error": "max_tokens and max_completion_tokens are both wrong"}, 2),
        (422, {"error": "no stream_options, no max_tokens, no max_completion_tokens"}, 3),
    ],
)
def test_nothing_else_is_ever_tried_again(ask, status, body, requests):
    with LlmServer(lambda _: error(status, body)) as server:
        asked = ask("openai", server.url, times=1)
    assert len(server.chats) == requests
    assert asked.sample.status == "failed"
    assert asked.sample.http_status == status


@pytest.mark.parametrize("first", [b'{"choices": []}', b"[1]", b"\n {}", b"<html>"])
def test_a_document_that_calls_itself_a_stream_is_told_as_one(ask, first):
    with LlmServer(lambda _: Reply(steps=(first,))) as server:
        asked = ask("openai", server.url, times=1)
    assert asked.error.code == "LLM_NOT_A_STREAM"


def test_comments_and_a_stream_without_its_last_empty_line_are_read(ask):
    steps = (
        b": OPENROUTER PROCESSING\n\n",
        b"\xef\xbb\xbf".join((b"", b"")),
        GROQ_FIRST.replace(b"data: ", b"data:").replace(b"\n", b"\r\n"),
        b"event: message\nid: 3\n" + groq_chunk({"content": "Yes."}),
        groq_chunk({}, "stop").rstrip(b"\n") + b"\n",
    )
    with LlmServer(lambda _: Reply(steps=steps)) as server:
        asked = ask("openai", server.url, times=1)
    assert (asked.sample.status, asked.sample.first_sentence) == ("ok", "Yes.")


def test_an_answer_that_only_the_done_mark_ends_is_whole(ask):
    steps = (groq_chunk({"content": "Yes."}), DONE)
    with LlmServer(lambda _: Reply(steps=steps)) as server:
        asked = ask("openai", server.url, times=1)
    assert asked.sample.status == "ok"
    assert asked.sample.total_ms is not None


def test_text_instead_of_a_chunk_is_an_error_of_the_stream(ask):
    with LlmServer(lambda _: Reply(steps=(sse('"overloaded"'),))) as server:
        asked = ask("openai", server.url, times=1)
    assert asked.error.code == "LLM_STREAM_ERROR"
    assert "overloaded" in asked.error.why


GROQ_USAGE = {"queue_time": 0.002, "prompt_time": 0.003, "completion_time": 0.01}


@pytest.mark.parametrize("name", ["groq", "openai"])
def test_the_servers_own_times_stand_beside_ours_and_the_rest_is_the_network(ask, name):
    usage = {"completion_tokens": 1, "prompt_tokens": 9, "total_tokens": 10, **GROQ_USAGE}
    end = groq_chunk({}, "stop", x_groq={"id": "r", "usage": usage})
    steps = (groq_chunk({"content": "Yes."}), Pause(0.03), end, DONE)
    with LlmServer(lambda _: Reply(steps=steps)) as server:
        sample = ask(name, server.url).sample
    assert sample.server.source == "x_groq.usage"
    assert sample.server.total_ms == pytest.approx(15)
    assert sample.network_ms == pytest.approx(sample.total_ms - 15)
    assert sample.network_ms >= 14
    assert sample.tokens == 1


def test_the_times_of_ollama_are_nanoseconds_and_its_total_holds_the_load(ask):
    end = ollama_part(
        done=True,
        done_reason="stop",
        eval_count=5,
        prompt_eval_count=9,
        load_duration=4_000_000,
        prompt_eval_duration=2_000_000,
        eval_duration=9_000_000,
        total_duration=16_000_000,
    )
    reply = Reply(
        steps=(ollama_part("Yes."), Pause(0.03), end), content_type="application/x-ndjson"
    )
    with LlmServer(lambda _: reply) as server:
        sample = ask("ollama", server.url).sample
    found = sample.server
    assert (found.source, found.queue_ms) == ("ollama", None)
    times = (found.load_ms, found.prompt_ms, found.generation_ms, found.total_ms)
    assert times == pytest.approx((4, 2, 9, 16))
    assert sample.network_ms == pytest.approx(sample.total_ms - 16)
    assert (sample.tokens, sample.prompt_tokens) == (5, 9)


def test_a_header_was_written_before_the_reply_so_it_is_set_against_the_first_byte(ask):
    reply = openai_answer(
        "Yes.",
        gap_s=0.05,
        headers=(("openai-processing-ms", "7"),),
        before_headers=(Pause(0.02),),
    )
    with LlmServer(lambda _: reply) as server:
        sample = ask("openai", server.url).sample
    assert (sample.server.source, sample.server.total_ms) == ("openai-processing-ms", 7)
    waited = sum(p.duration_ms for p in sample.phases if p.name in ("request_sent", "waiting"))
    assert sample.network_ms == pytest.approx(waited - 7, abs=0.01)
    assert sample.network_ms < sample.total_ms - 50


def test_a_server_that_says_nothing_leaves_the_network_unknown(ask):
    with LlmServer(lambda _: GOOD) as server:
        sample = ask("openai", server.url).sample
    assert sample.server is sample.network_ms is None


def test_a_reader_knows_whether_the_model_has_finished():
    reader = ChunkReader()
    list(reader.events({"choices": [{"delta": {"content": "a"}}]}, 1))
    assert not reader.finished
    list(reader.events({"choices": [{"delta": {}, "finish_reason": "stop"}]}, 2))
    assert reader.finished
