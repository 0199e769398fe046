"""The key never comes out, the call's words never go out, and what went out is told."""

import asyncio
import json
import logging
import socket
import traceback

import pytest

from echotrace.model.codec import to_plain
from echotrace.model.measure import Severity, Status
from echotrace.providers.llm.base import BUILT_IN_PROMPT
from echotrace.providers.llm.choose import build, choose
from tests.fakes.llm_key import KEY, pieces_of_key
from tests.fakes.llm_servers import (
    LlmServer,
    Reply,
    error,
    groq_answer,
    groq_chunk,
    ollama_answer,
    sse,
)

ECHO = {"error": {"message": f"Invalid key {KEY} (Bearer {KEY}) {KEY[:20]}... {KEY[-12:]}"}}
ECHOES = {
    "401": error(401, ECHO),
    "403": error(403, ECHO),
    "404": error(404, {"error": {"message": f"model {KEY} not found", "code": "model_not_found"}}),
    "429": error(429, ECHO, headers=(("Retry-After", KEY), ("X-Echo", f"Bearer {KEY}"))),
    "500": error(500, ECHO),
    "500 text": error(500, f"key={KEY[4:30]}", "text/plain"),
    "302": error(302, "", headers=(("Location", f"http://h/?key={KEY}"),)),
    "event": Reply(steps=(sse(ECHO),)),
    "x_groq": Reply(steps=(groq_chunk({"content": "a"}, x_groq={"error": f"bad {KEY}"}),)),
    "malformed": Reply(steps=(f"data: {{{KEY}\n\n".encode(),)),
    "answer": groq_answer(KEY, headers=(("X-Echo", KEY),)),
    "answer in parts": groq_answer("It is ", KEY[:6], KEY[6:30], KEY[30:], ". Yes."),
    "request id": groq_answer("Hi.", headers=(("X-Request-Id", KEY),)),
    "no HTTP": Reply(raw=f"{KEY}\r\n".encode()),
}


@pytest.mark.parametrize("provider", ["groq", "openai"])
@pytest.mark.parametrize("name", ECHOES)
def test_a_key_that_the_server_echoes_stays_inside(ask, caplog, provider, name):
    caplog.set_level(logging.DEBUG)
    with LlmServer(lambda _: ECHOES[name], models=(KEY, "test2")) as server:
        asked = ask(provider, server.url, times=1)
    assert server.chats[0].headers["authorization"] == f"Bearer {KEY}"
    everything = "\n".join(
        (
            repr(asked),
            json.dumps([to_plain(sample) for sample in asked.samples]),
            str(asked.error),
            repr(asked.error and asked.error.__dict__),
            repr(vars(asked.provider)),
            caplog.text,
            *(repr((record.msg, record.args)) for record in caplog.records),
        )
    )
    assert asked.error or name in ("answer", "answer in parts", "request id")
    assert [piece for piece in pieces_of_key() if piece in everything] == []


@pytest.mark.parametrize("name", ["401", "500", "event", "malformed"])
@pytest.mark.parametrize("provider", ["groq", "openai"])
def test_exceptions_hold_no_key(name, provider, settings_for):
    async def stream(url):
        settings = settings_for(provider, url)
        asked = build(choose(settings), settings)
        try:
            async for _ in asked.stream(BUILT_IN_PROMPT, max_tokens=1):
                pass
        finally:
            await asked.close()

    from echotrace.errors import ProviderError

    with LlmServer(lambda _: ECHOES[name]) as server, pytest.raises(ProviderError) as caught:
        asyncio.run(stream(server.url))
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__dict__)
    assert [piece for piece in pieces_of_key() if piece in text] == []
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("provider", ["groq", "openai"])
def test_the_library_loggers_are_left_as_they_were(ask, provider):
    names = ("httpcore.http11", "httpcore.connection", "httpx", "groq._base_client")
    loggers = [logging.getLogger(name) for name in names]
    before = [list(logger.filters) for logger in loggers]
    with LlmServer(lambda _: groq_answer("a"), models=("a",)) as server:
        ask(provider, server.url, model=None)
    assert [list(logger.filters) for logger in loggers] == before


def test_an_ollama_key_goes_to_ollama_alone_and_stays_inside(ask, environment, caplog):
    caplog.set_level(logging.DEBUG)
    environment.setenv("OLLAMA_API_KEY", KEY)
    with LlmServer(lambda _: error(403, {"error": f"no: {KEY}"})) as server:
        asked = ask("ollama", server.url, times=1)
    assert server.chats[0].headers["authorization"] == f"Bearer {KEY}"
    text = repr(asked) + caplog.text
    assert "no: " in asked.sample.reason
    assert [piece for piece in pieces_of_key() if piece in text] == []


@pytest.mark.parametrize(
    ("provider", "answer"),
    [("ollama", ollama_answer("a", "b")), ("openai", groq_answer("a", "b"))],
)
def test_the_groq_key_goes_to_groq_alone(ask, environment, provider, answer):
    environment.setenv("GROQ_API_KEY", KEY)
    with LlmServer(lambda _: answer, models=("a",)) as server:
        assert ask(provider, server.url, key=None, model=None).sample.status == "ok"
    assert all("authorization" not in seen.headers for seen in server.chats)


def test_a_password_in_the_address_is_not_shown(ask):
    with LlmServer(lambda _: ollama_answer("a", "b")) as server:
        asked = ask("ollama", server.url.replace("//", "//user:hunter2@"))
    assert asked.provider.sent_to == server.host
    assert "hunter2" not in repr(asked) + repr(vars(asked.provider))


def test_what_went_where_is_told_when_it_left_the_machine(probe, environment):
    """The name leads to this machine here; only its spelling makes it a foreign host."""
    real = socket.getaddrinfo

    def resolve(host, *args, **kwargs):
        return real(
            "127.0.0.1" if host in ("llm.example", b"llm.example") else host, *args, **kwargs
        )

    environment.setattr(socket, "getaddrinfo", resolve)
    with LlmServer(lambda _: groq_answer("a")) as server:
        port = server.host.rpartition(":")[2]
        ran = probe("groq", f"http://llm.example:{port}", probes=2)
        refused = probe("groq", f"http://llm.example:{port}", offline=True)
    assert ran.probe.ttft_ms.status is Status.MEASURED
    assert ran.probe.prompt_source == "built-in"
    assert ran.probe.sent_to == f"llm.example:{port}"
    finding = ran.finding("SENT_TO")
    assert finding.severity is Severity.INFO
    assert f"3 requests with EchoTrace's built-in prompt went to llm.example:{port}" in (
        finding.message
    )
    assert "SENT_TO" not in refused.codes
    assert len(server.chats) == 3


@pytest.mark.parametrize("provider", ["groq", "openai"])
def test_a_redirect_cannot_lead_the_key_elsewhere(ask, provider):
    with LlmServer(lambda _: groq_answer("a")) as elsewhere:
        away = error(307, "", headers=(("Location", f"{elsewhere.url}/openai/v1/x"),))
        with LlmServer(lambda _: away) as server:
            asked = ask(provider, server.url, times=1)
    assert asked.error.code == "LLM_REDIRECT"
    assert elsewhere.connections == 0
