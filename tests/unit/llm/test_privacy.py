"""The key never comes out, the call's words never go out, and what went out is told."""

import json
import logging
import traceback

import pytest

from echotrace.model.codec import to_plain
from echotrace.model.measure import Severity, Status
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
    "no HTTP": Reply(raw=f"{KEY}\r\n".encode()),
}


@pytest.mark.parametrize("name", ECHOES)
def test_a_key_that_the_server_echoes_stays_inside(probe, caplog, name):
    caplog.set_level(logging.DEBUG)
    with LlmServer(lambda _: ECHOES[name], models=(KEY, "test2")) as server:
        ran = probe("groq", server.url)
    assert server.chats[0].headers["authorization"] == f"Bearer {KEY}"
    everything = "\n".join(
        (
            repr(ran),
            json.dumps(to_plain(ran.probe)),
            *(json.dumps(to_plain(finding)) for finding in ran.findings),
            *(repr(span) for span in ran.spans),
            caplog.text,
            *(repr((record.msg, record.args)) for record in caplog.records),
        )
    )
    assert ran.probe.ttft_ms.reason or name == "answer"
    assert [piece for piece in pieces_of_key() if piece in everything] == []


@pytest.mark.parametrize("name", ["401", "500", "event", "malformed"])
def test_exceptions_hold_no_key(name, environment):
    import asyncio

    from echotrace.config.settings import LlmSettings, Settings
    from echotrace.errors import ProviderError
    from echotrace.providers.llm.choose import build, choose

    environment.setenv("GROQ_API_KEY", KEY)

    async def ask(url):
        settings = Settings(llm=LlmSettings(provider="groq", base_url=url))
        provider = build(choose(settings), settings)
        try:
            await provider.warm_up()
        finally:
            await provider.close()

    with LlmServer(lambda _: ECHOES[name]) as server, pytest.raises(ProviderError) as caught:
        asyncio.run(ask(server.url))
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__dict__)
    assert [piece for piece in pieces_of_key() if piece in text] == []
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_the_library_loggers_are_left_as_they_were(probe):
    loggers = [logging.getLogger(name) for name in ("httpcore.http11", "groq._base_client")]
    before = [list(logger.filters) for logger in loggers]
    with LlmServer(lambda _: groq_answer("a")) as server:
        probe("groq", server.url)
    assert [list(logger.filters) for logger in loggers] == before


def test_an_ollama_key_goes_to_ollama_alone_and_stays_inside(probe, environment, caplog):
    caplog.set_level(logging.DEBUG)
    environment.setenv("OLLAMA_API_KEY", KEY)
    with LlmServer(lambda _: error(403, {"error": f"no: {KEY}"})) as server:
        ran = probe("ollama", server.url)
    assert server.chats[0].headers["authorization"] == f"Bearer {KEY}"
    text = repr(ran) + caplog.text
    assert "no: " in ran.probe.ttft_ms.reason
    assert [piece for piece in pieces_of_key() if piece in text] == []


def test_the_groq_key_does_not_go_to_ollama(probe, environment):
    environment.setenv("GROQ_API_KEY", KEY)
    with LlmServer(lambda _: ollama_answer("a", "b")) as server:
        probe("ollama", server.url)
    assert all("authorization" not in seen.headers for seen in server.chats)


def test_a_password_in_the_address_is_not_shown(probe):
    with LlmServer(lambda _: ollama_answer("a", "b")) as server:
        ran = probe("ollama", server.url.replace("//", "//user:hunter2@"))
    assert ran.probe.sent_to == server.host
    assert "hunter2" not in repr(ran)


def test_what_went_where_is_told_when_it_left_the_machine(probe, environment):
    """The name leads to this machine here; only its spelling makes it a foreign host."""
    import socket

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


def test_a_redirect_cannot_lead_the_key_elsewhere(probe):
    with LlmServer(lambda _: groq_answer("a")) as elsewhere:
        away = error(307, "", headers=(("Location", f"{elsewhere.url}/openai/v1/x"),))
        with LlmServer(lambda _: away) as server:
            ran = probe("groq", server.url)
    assert ran.probe.ttft_ms.status is Status.UNAVAILABLE
    assert elsewhere.connections == 0
