"""Every way in which a provider can fail: a status, one readable line, a hint, one request."""

import asyncio
import re
import socket
import time

import pytest

from tests.fakes.llm_servers import (
    DONE,
    GROQ_FIRST,
    Drop,
    LlmServer,
    Pause,
    Reply,
    Stall,
    after_warm_up,
    document_reply,
    error,
    groq_answer,
    groq_chunk,
    groq_end,
    gzip_bomb,
    ollama_answer,
    ollama_end,
    ollama_part,
    openai_answer,
    sse,
)

pytestmark = pytest.mark.on_a_clock

NDJSON = {"content_type": "application/x-ndjson"}
GOOD = {
    "groq": groq_answer("a", "b"),
    "openai": openai_answer("a", "b"),
    "ollama": ollama_answer("a", "b"),
}
ALL = tuple(GOOD)
NO_MODEL = {
    "error": {
        "message": "The model `test` does not exist or you do not have access to it.",
        "type": "invalid_request_error",
        "code": "model_not_found",
    }
}
WHOLE_GROQ = {
    "id": "1",
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}],
}
HTML = "<!DOCTYPE html><title>Sign in</title>"


def word(text="a"):
    return groq_chunk({"content": text})


# name, protocol (sse is that of groq and of openai), the bad reply, code, a fragment of the reason
FAULTS = [
    ("401", "sse", error(401, {"error": {"message": "no"}}), "LLM_KEY_REFUSED", "401"),
    ("401", "ollama", error(401, {"error": "unauthorized"}), "LLM_KEY_REFUSED", "401"),
    ("403", "sse", error(403, {"error": {"message": "geo"}}), "LLM_KEY_REFUSED", "says: geo"),
    ("404 model", "sse", error(404, NO_MODEL), "LLM_MODEL_UNKNOWN", "'test'"),
    (
        "400 retired",
        "sse",
        error(400, {"error": {"message": "gone", "code": "model_decommissioned"}}),
        "LLM_MODEL_UNKNOWN",
        "'test'",
    ),
    (
        "404 model",
        "ollama",
        error(404, {"error": "model 'test' not found"}),
        "LLM_MODEL_UNKNOWN",
        "'test'",
    ),
    ("404 page", "sse", error(404, HTML, "text/html"), "LLM_NOT_FOUND", "(404)"),
    ("404 page", "ollama", error(404, "404 page not found", "text/plain"), "LLM_NOT_FOUND", "404"),
    ("400", "sse", error(400, {"error": {"message": "bad"}}), "LLM_REQUEST_REFUSED", "bad"),
    ("400 bare", "ollama", error(400, ""), "LLM_REQUEST_REFUSED", "gave no reason"),
    ("422 list", "sse", error(422, ["x"]), "LLM_REQUEST_REFUSED", '["x"]'),
    (
        "429",
        "sse",
        error(429, {"error": {"message": "slow"}}, headers=(("Retry-After", "3600"),)),
        "LLM_RATE_LIMIT",
        "retry after 3600 s; the server says: slow",
    ),
    (
        "429 date",
        "sse",
        error(429, "", headers=(("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"),)),
        "LLM_RATE_LIMIT",
        "retry after Wed, 21 Oct",
    ),
    ("429 bare", "ollama", error(429, ""), "LLM_RATE_LIMIT", "does not say for how long"),
    ("500", "sse", error(500, {"error": {"message": "boom"}}), "LLM_SERVER_ERROR", "boom"),
    ("503 html", "sse", error(503, HTML, "text/html"), "LLM_SERVER_ERROR", "an HTML page"),
    ("500", "ollama", error(500, {"error": "out of memory"}), "LLM_SERVER_ERROR", "out of memory"),
    (
        "302",
        "ollama",
        error(302, "", headers=(("Location", "http://192.0.2.1/api/chat"),)),
        "LLM_REDIRECT",
        "http://192.0.2.1/api/chat",
    ),
    (
        "307",
        "sse",
        error(307, "", headers=(("Location", "http://192.0.2.1/x"),)),
        "LLM_REDIRECT",
        "not followed",
    ),
    (
        "malformed event",
        "sse",
        Reply(steps=(GROQ_FIRST, b"data: {broken\n\n", DONE)),
        "LLM_MALFORMED",
        "no valid event",
    ),
    ("scalar event", "sse", Reply(steps=(sse("5"), DONE)), "LLM_BROKEN_STREAM", "broke off"),
    (
        "choices are text",
        "sse",
        Reply(steps=(sse({"choices": "no"}), DONE)),
        "LLM_BROKEN_STREAM",
        "broke off after 0 tokens",
    ),
    (
        "no UTF-8",
        "sse",
        Reply(steps=(b'data: {"choices": [{"x": "\xff\xfe"}]}\n\n',)),
        "LLM_MALFORMED",
        "no valid event",
    ),
    (
        "malformed line",
        "ollama",
        Reply(steps=(ollama_part("a"), b"{broken\n"), **NDJSON),
        "LLM_MALFORMED",
        "no valid event",
    ),
    ("line is a list", "ollama", Reply(steps=(b"[1]\n",), **NDJSON), "LLM_MALFORMED", "no valid"),
    ("no message", "ollama", Reply(steps=(b"{}\n",), **NDJSON), "LLM_MALFORMED", "no valid event"),
    (
        "one document",
        "sse",
        document_reply(WHOLE_GROQ),
        "LLM_NOT_A_STREAM",
        "one JSON document",
    ),
    (
        "one document",
        "ollama",
        Reply(
            steps=(ollama_part("whole answer", done=True),),
            content_type="application/json",
            framing="length",
        ),
        "LLM_NOT_A_STREAM",
        "one piece",
    ),
    (
        "indented document",
        "ollama",
        Reply(steps=(b'{\n  "done": true\n}',), content_type="application/json"),
        "LLM_NOT_A_STREAM",
        "one JSON document",
    ),
    (
        "HTML",
        "sse",
        Reply(steps=(HTML.encode(),), content_type="text/html"),
        *["LLM_NOT_A_STREAM", "HTML page"],
    ),
    (
        "HTML",
        "ollama",
        Reply(steps=(HTML.encode(),), content_type="text/html; charset=utf-8"),
        *["LLM_NOT_A_STREAM", "HTML page"],
    ),
    ("only done mark", "sse", Reply(steps=(DONE,)), "LLM_BROKEN_STREAM", "after 0 tokens"),
    ("nothing at all", "sse", Reply(), "LLM_BROKEN_STREAM", "after 0 tokens"),
    ("nothing at all", "ollama", Reply(**NDJSON), "LLM_BROKEN_STREAM", "after 0 tokens"),
    ("no token", "sse", Reply(steps=(GROQ_FIRST, groq_end(0), DONE)), "LLM_EMPTY", "single token"),
    ("no token", "ollama", Reply(steps=(ollama_end(0),), **NDJSON), "LLM_EMPTY", "single token"),
    ("ends early", "sse", Reply(steps=(GROQ_FIRST, word())), "LLM_BROKEN_STREAM", "after 1 token"),
    (
        "ends early",
        "ollama",
        Reply(steps=(ollama_part("a"), ollama_part("b")), **NDJSON),
        "LLM_BROKEN_STREAM",
        "after 2 tokens",
    ),
    ("dropped", "sse", Reply(steps=(word(), Drop())), "LLM_BROKEN_STREAM", "broke off"),
    (
        "dropped",
        "ollama",
        Reply(steps=(ollama_part("a"), Drop()), **NDJSON),
        *["LLM_BROKEN_STREAM", "broke off"],
    ),
    (
        "dropped HTTP/1.0",
        "sse",
        Reply(steps=(word(), Drop()), framing="close", http="HTTP/1.0"),
        *["LLM_BROKEN_STREAM", "after 1 token"],
    ),
    ("no HTTP", "sse", Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n"), "LLM_BROKEN_STREAM", "no HTTP"),
    ("no answer", "ollama", Reply(raw=b""), "LLM_BROKEN_STREAM", "closed the connection"),
    (
        "error event",
        "sse",
        Reply(steps=(word(), sse({"error": {"message": "over capacity"}}))),
        "LLM_STREAM_ERROR",
        "over capacity",
    ),
    (
        "x_groq error",
        "sse",
        Reply(steps=(groq_chunk({"content": "a"}, x_groq={"error": "stopped early"}),)),
        "LLM_STREAM_ERROR",
        "stopped early",
    ),
    (
        "error line",
        "ollama",
        Reply(steps=(ollama_part("a"), b'{"error": "runner died"}\n'), **NDJSON),
        "LLM_STREAM_ERROR",
        "runner died",
    ),
    (
        "huge line",
        "sse",
        Reply(steps=(b"data: " + b"x" * 65536,) * 64),
        *["LLM_REPLY_TOO_LARGE", "128 KiB"],
    ),
    (
        "huge line",
        "ollama",
        Reply(steps=(b"x" * 65536,) * 64, **NDJSON),
        *["LLM_REPLY_TOO_LARGE", "128 KiB"],
    ),
    (
        "endless comments",
        "groq",
        Reply(steps=((b": keep going\n\n" * 5000),) * 200),
        *["LLM_REPLY_TOO_LARGE", "8 MiB"],
    ),
    (
        "gzip bomb",
        "sse",
        lambda: Reply(steps=(gzip_bomb(32),), headers=(("Content-Encoding", "gzip"),)),
        "LLM_REPLY_TOO_LARGE",
        "128 KiB",
    ),
    (
        "false gzip",
        "sse",
        Reply(steps=(word(),), headers=(("Content-Encoding", "gzip"),)),
        "LLM_MALFORMED",
        "it is called gzip and cannot be unpacked",
    ),
    (
        "unasked brotli",
        "ollama",
        Reply(steps=(b"\x0b\x02\x80",), headers=(("Content-Encoding", "br"),), **NDJSON),
        "LLM_MALFORMED",
        "content encoding 'br'",
    ),
]  # fmt: skip - one row, one fault


def rows():
    for fault in FAULTS:
        for provider in ("groq", "openai") if fault[1] == "sse" else (fault[1],):
            yield pytest.param(provider, fault, id=f"{provider}-{fault[0]}".replace(" ", "-"))


@pytest.mark.parametrize(("provider", "fault"), list(rows()))
def test_a_fault_is_named_and_never_hidden(ask, provider, fault):
    _, _, bad, code, fragment = fault
    with LlmServer(after_warm_up(GOOD[provider], bad), models=("tiny", "test2")) as server:
        asked = ask(provider, server.url)
    assert asked.samples[0].status == "ok"
    sample, error = asked.sample, asked.error
    assert (sample.status, sample.code) == ("failed", code) == ("failed", error.code)
    assert fragment in sample.reason
    assert re.fullmatch(r"[^\n\r\t\x1b]{10,400}", sample.reason)
    assert error.hint
    assert sample.ttft_ms is sample.total_ms is sample.tokens is sample.first_sentence is None
    assert len(server.chats) == 2
    assert sample.phases[0].name == "queued"
    assert sum(phase.duration_ms for phase in sample.phases) > 0


# Names, what the sample got through, and the one that was going on when it was given up.
STALLS = [
    ("sse", Reply(before_headers=(Stall(),)), "no token within 0.4 s", "waiting"),
    ("sse", Reply(steps=(GROQ_FIRST, Stall())), "no token within 0.4 s", "first_token"),
    ("sse", Reply(steps=(GROQ_FIRST, word(), word(), Stall())), "after 2 tokens", "streaming"),
    (
        "sse",
        Reply(steps=(GROQ_FIRST, groq_chunk({"reasoning": "a"}), Stall())),
        *("went silent after 1 token", "reasoning"),
    ),
    ("sse", Reply(steps=(b": ping\n\n", Pause(0.1)) * 50), "no token within", "first_token"),
    ("sse", Reply(steps=(GROQ_FIRST, Pause(0.1)) * 50), "no token within 0.4 s", "first_token"),
    ("ollama", Reply(before_headers=(Stall(),)), "no token within 0.4 s", "waiting"),
    ("ollama", Reply(steps=(ollama_part("a"), Stall()), **NDJSON), "after 1 token:", "streaming"),
]


def stalls():
    for kind, *stall in STALLS:
        for provider in ("groq", "openai") if kind == "sse" else (kind,):
            yield (provider, *stall)


@pytest.mark.parametrize(("provider", "bad", "fragment", "phase"), list(stalls()))
def test_a_stall_ends_after_the_limit_in_the_part_where_it_stood(
    ask, provider, bad, fragment, phase
):
    with LlmServer(after_warm_up(GOOD[provider], bad)) as server:
        asked = ask(provider, server.url, timeout_s=0.4)
    assert fragment in asked.sample.reason
    assert asked.error.code == "LLM_STALL"
    assert "llm.timeout_s" in asked.error.hint
    assert len(server.chats) == 2
    assert asked.sample.phases[-1].name == phase
    assert sum(phase.duration_ms for phase in asked.sample.phases) >= 390


@pytest.mark.parametrize("provider", ALL)
def test_a_refused_connection(ask, provider):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    asked = ask(provider, f"http://127.0.0.1:{port}", times=1)
    assert f"nothing listens at 127.0.0.1:{port}" in asked.sample.reason
    assert asked.provider.requests_sent == 0
    assert asked.sample.reused is None
    assert asked.sample.phases[-1].name == "connect"
    if provider == "ollama":
        assert "ollama serve" in asked.error.hint


@pytest.mark.parametrize("provider", ALL)
def test_a_name_that_does_not_exist(ask, provider):
    asked = ask(provider, "http://echotrace-test.invalid:9", times=1)
    assert asked.error.code == "LLM_DNS"
    assert "echotrace-test.invalid:9 could not be resolved" in asked.sample.reason
    assert asked.provider.requests_sent == 0
    assert asked.sample.phases[-1].name == "dns"


@pytest.mark.parametrize("provider", ALL)
def test_no_tls_where_tls_was_asked_for(ask, provider):
    with LlmServer(lambda _: GOOD[provider]) as server:
        asked = ask(provider, server.url.replace("http:", "https:"), times=1)
    assert asked.error.code == "LLM_TLS"
    assert asked.sample.phases[-1].name == "tls"
    assert server.chats == []


@pytest.mark.parametrize("provider", ALL)
def test_a_certificate_of_nobody(ask, provider, authority, environment):
    with LlmServer(lambda _: GOOD[provider], tls=authority.server_context()) as server:
        refused = ask(provider, server.url, times=1)
        environment.setenv("SSL_CERT_FILE", str(authority.certificate))
        trusted = ask(provider, server.url, times=1)
    assert "TLS: " in refused.sample.reason
    assert "SSL_CERT_FILE" in refused.error.hint
    assert trusted.sample.status == "ok"
    assert trusted.phase_ms("tls") > 0


@pytest.mark.parametrize("provider", ["groq", "openai"])
def test_unknown_models_get_the_nearest_names(ask, provider):
    bad = error(404, NO_MODEL)
    names = ("whisper-large-v3", "openai/gpt-oss-20b", "openai/gpt-oss-120b")
    with LlmServer(lambda _: bad, models=names) as server:
        asked = ask(provider, server.url, times=1, model="gpt-oss-20")
    assert "openai/gpt-oss-20b" in asked.error.hint
    assert server.listings == 1
    assert asked.sample.http_status == 404  # of the prompt, not of the list that was asked for
    assert asked.provider.requests_sent == 2


def test_an_unknown_ollama_model_can_be_pulled(ask):
    bad = error(404, {"error": "model 'qwen3:0.6b' not found"})
    with LlmServer(lambda _: bad, models=("qwen3:1.7b",)) as server:
        asked = ask("ollama", server.url, times=1, model="qwen3:0.6b")
    assert "ollama pull qwen3:0.6b" in asked.error.hint
    assert "qwen3:1.7b" in asked.error.hint


@pytest.mark.parametrize("provider", ["ollama", "openai"])
def test_without_a_named_model_the_first_one_is_taken_and_the_connection_stays_cold(ask, provider):
    names = ("newest:1b", "older:1b")
    with LlmServer(lambda _: GOOD[provider], models=names) as server:
        asked = ask(provider, server.url, model=None)
    assert asked.provider.model == "newest:1b"
    assert {seen.body["model"] for seen in server.chats} == {"newest:1b"}
    assert server.listing_connections == [1]
    assert [seen.connection for seen in server.chats] == [2, 2]
    assert [sample.reused for sample in asked.samples] == [False, True]


@pytest.mark.parametrize(
    ("provider", "words"), [("ollama", "ollama pull"), ("openai", "--llm openai:MODEL")]
)
def test_a_server_without_any_model_says_what_to_do(ask, provider, words):
    with LlmServer(lambda _: GOOD[provider]) as server:
        asked = ask(provider, server.url, model=None)
    assert asked.refused.code == "LLM_MODEL_UNKNOWN"
    assert words in asked.refused.hint
    assert server.chats == []


def test_a_server_without_a_list_of_models_is_told_apart_from_one_without_models(ask):
    with LlmServer(lambda _: GOOD["openai"]) as server:
        asked = ask("openai", f"{server.url}/elsewhere", model=None)
    assert asked.refused.code == "LLM_NOT_FOUND"


@pytest.mark.parametrize("provider", ALL)
def test_control_characters_of_a_server_do_not_reach_the_report(ask, provider):
    bad = error(500, {"error": {"message": "\x1b[31mred\x1b[0m\r\nnext" + "x" * 5000}})
    with LlmServer(lambda _: bad) as server:
        asked = ask(provider, server.url, times=1)
    assert asked.sample.reason.isprintable()
    assert "next" in asked.sample.reason
    assert len(asked.sample.reason) < 400


@pytest.mark.parametrize("provider", ALL)
def test_a_rate_limit_is_told_and_never_slept_through(ask, provider):
    bad = error(429, {"error": "slow"}, headers=(("Retry-After", "30"),))
    begun_s = time.monotonic()
    with LlmServer(lambda _: bad) as server:
        asked = ask(provider, server.url, times=1)
    assert "retry after 30 s" in asked.sample.reason
    assert len(server.chats) == 1
    assert time.monotonic() - begun_s < 25


@pytest.mark.parametrize("provider", ALL)
def test_a_failure_does_not_harm_the_next_request(ask, provider):
    def second_fails(seen):
        return error(503, "") if seen.index == 1 else GOOD[provider]

    with LlmServer(second_fails) as server:
        asked = ask(provider, server.url, times=3)
    assert [sample.status for sample in asked.samples] == ["ok", "failed", "ok"]
    assert [sample.index for sample in asked.samples] == [0, 1, 2]
    starts = [sample.start_ms for sample in asked.samples]
    assert starts == sorted(starts)
    assert len(server.chats) == 3


@pytest.mark.parametrize("provider", ALL)
def test_cancelling_in_the_middle_leaves_nothing_behind(provider, settings_for):
    """The server stalls; the request is cancelled once it has reached it."""
    from echotrace.providers.llm.base import BUILT_IN_PROMPT
    from echotrace.providers.llm.choose import build, choose
    from echotrace.providers.llm.measure import take_sample
    from echotrace.providers.taken import Due

    async def run(server):
        settings = settings_for(provider, server.url)
        asked = build(choose(settings), settings)
        due = Due(index=0, cold=True, due_ns=0, origin_ns=0)
        work = take_sample(asked, prompt=BUILT_IN_PROMPT, max_tokens=9, limit_s=10, due=due)
        task = asyncio.create_task(work)
        while not server.chats:  # noqa: ASYNC110 - the server is a thread, not a task
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asked.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with LlmServer(lambda _: Reply(before_headers=(Stall(),))) as server:
        asyncio.run(run(server))
