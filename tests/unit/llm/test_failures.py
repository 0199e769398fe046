"""Every way in which a provider can fail: a status, one readable line, a hint, one request."""

import asyncio
import re
import shutil
import socket
import ssl
import subprocess

import pytest

from echotrace.model.measure import Status
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
    sse,
)

NDJSON = {"content_type": "application/x-ndjson"}
GROQ_GOOD = groq_answer("a", "b")
OLLAMA_GOOD = ollama_answer("a", "b")
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


# name, provider, the bad reply, code, a fragment of the reason
FAULTS = [
    ("401", "groq", error(401, {"error": {"message": "no"}}), "LLM_KEY_REFUSED", "401"),
    ("401", "ollama", error(401, {"error": "unauthorized"}), "LLM_KEY_REFUSED", "401"),
    ("403", "groq", error(403, {"error": {"message": "geo"}}), "LLM_KEY_REFUSED", "says: geo"),
    ("404 model", "groq", error(404, NO_MODEL), "LLM_MODEL_UNKNOWN", "'test'"),
    (
        "400 retired",
        "groq",
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
    ("404 page", "groq", error(404, HTML, "text/html"), "LLM_NOT_FOUND", "(404)"),
    ("404 page", "ollama", error(404, "404 page not found", "text/plain"), "LLM_NOT_FOUND", "404"),
    ("400", "groq", error(400, {"error": {"message": "bad"}}), "LLM_REQUEST_REFUSED", "bad"),
    ("400 bare", "ollama", error(400, ""), "LLM_REQUEST_REFUSED", "gave no reason"),
    ("422 list", "groq", error(422, ["x"]), "LLM_REQUEST_REFUSED", '["x"]'),
    (
        "429",
        "groq",
        error(429, {"error": {"message": "slow"}}, headers=(("Retry-After", "3600"),)),
        "LLM_RATE_LIMIT",
        "retry after 3600 s; the server says: slow",
    ),
    (
        "429 date",
        "groq",
        error(429, "", headers=(("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"),)),
        "LLM_RATE_LIMIT",
        "retry after Wed, 21 Oct",
    ),
    ("429 bare", "ollama", error(429, ""), "LLM_RATE_LIMIT", "does not say for how long"),
    ("500", "groq", error(500, {"error": {"message": "boom"}}), "LLM_SERVER_ERROR", "boom"),
    ("503 html", "groq", error(503, HTML, "text/html"), "LLM_SERVER_ERROR", "an HTML page"),
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
        "groq",
        error(307, "", headers=(("Location", "http://192.0.2.1/x"),)),
        "LLM_REDIRECT",
        "not followed",
    ),
    (
        "malformed event",
        "groq",
        Reply(steps=(GROQ_FIRST, b"data: {broken\n\n", DONE)),
        "LLM_MALFORMED",
        "no valid event",
    ),
    ("scalar event", "groq", Reply(steps=(sse("5"), DONE)), "LLM_BROKEN_STREAM", "broke off"),
    (
        "choices are text",
        "groq",
        Reply(steps=(sse({"choices": "no"}), DONE)),
        "LLM_BROKEN_STREAM",
        "broke off after 0 tokens",
    ),
    (
        "no UTF-8",
        "groq",
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
        "groq",
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
        "groq",
        Reply(steps=(HTML.encode(),), content_type="text/html"),
        *["LLM_NOT_A_STREAM", "HTML page"],
    ),
    (
        "HTML",
        "ollama",
        Reply(steps=(HTML.encode(),), content_type="text/html; charset=utf-8"),
        *["LLM_NOT_A_STREAM", "HTML page"],
    ),
    ("only done mark", "groq", Reply(steps=(DONE,)), "LLM_BROKEN_STREAM", "after 0 tokens"),
    ("nothing at all", "groq", Reply(), "LLM_BROKEN_STREAM", "after 0 tokens"),
    ("nothing at all", "ollama", Reply(**NDJSON), "LLM_BROKEN_STREAM", "after 0 tokens"),
    ("no token", "groq", Reply(steps=(GROQ_FIRST, groq_end(0), DONE)), "LLM_EMPTY", "single token"),
    ("no token", "ollama", Reply(steps=(ollama_end(0),), **NDJSON), "LLM_EMPTY", "single token"),
    ("ends early", "groq", Reply(steps=(GROQ_FIRST, word())), "LLM_BROKEN_STREAM", "after 1 token"),
    (
        "ends early",
        "ollama",
        Reply(steps=(ollama_part("a"), ollama_part("b")), **NDJSON),
        "LLM_BROKEN_STREAM",
        "after 2 tokens",
    ),
    ("dropped", "groq", Reply(steps=(word(), Drop())), "LLM_BROKEN_STREAM", "broke off"),
    (
        "dropped",
        "ollama",
        Reply(steps=(ollama_part("a"), Drop()), **NDJSON),
        *["LLM_BROKEN_STREAM", "broke off"],
    ),
    (
        "dropped HTTP/1.0",
        "groq",
        Reply(steps=(word(), Drop()), framing="close", http="HTTP/1.0"),
        *["LLM_BROKEN_STREAM", "after 1 token"],
    ),
    ("no HTTP", "groq", Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n"), "LLM_BROKEN_STREAM", "no HTTP"),
    ("no answer", "ollama", Reply(raw=b""), "LLM_BROKEN_STREAM", "closed the connection"),
    (
        "error event",
        "groq",
        Reply(steps=(word(), sse({"error": {"message": "over capacity"}}))),
        "LLM_STREAM_ERROR",
        "over capacity",
    ),
    (
        "x_groq error",
        "groq",
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
        "groq",
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
        "groq",
        Reply(
            steps=(gzip_bomb(256),),
            headers=(("Content-Encoding", "gzip"),),
        ),
        "LLM_REPLY_TOO_LARGE",
        "128 KiB",
    ),
    (
        "false gzip",
        "groq",
        Reply(steps=(word(),), headers=(("Content-Encoding", "gzip"),)),
        "LLM_MALFORMED",
        "no valid event",
    ),
    (
        "unasked brotli",
        "ollama",
        Reply(steps=(b"\x0b\x02\x80",), headers=(("Content-Encoding", "br"),), **NDJSON),
        "LLM_MALFORMED",
        "content encoding 'br'",
    ),
]  # fmt: skip - one row, one fault


def ids(fault):
    return f"{fault[1]}-{fault[0]}".replace(" ", "-")


@pytest.mark.parametrize("when", ["at-once", "after-warm-up"])
@pytest.mark.parametrize("fault", FAULTS, ids=ids)
def test_a_fault_is_named_and_never_hidden(probe, fault, when):
    _, provider, bad, code, fragment = fault
    good = GROQ_GOOD if provider == "groq" else OLLAMA_GOOD
    warm_up_forgives = code == "LLM_EMPTY" or fragment == "one piece"
    answer = after_warm_up(good, bad) if when == "after-warm-up" else lambda _: bad
    with LlmServer(answer, models=("tiny", "test2")) as server:
        ran = probe(provider, server.url, probes=3)
    figure = ran.probe.ttft_ms
    assert figure.status is Status.UNAVAILABLE
    assert fragment in figure.reason
    assert re.fullmatch(r"[^\n\r\t\x1b]{10,400}", figure.reason)
    assert ran.probe.samples_ms == ()
    assert not ran.probe.simulated
    assert ran.probe.provider == provider
    finding = ran.finding("LLM_UNAVAILABLE")
    assert code in finding.message
    assert finding.hint
    assert len(server.chats) == (1 if when == "at-once" and not warm_up_forgives else 2)
    stage = ran.span("llm_ttft")[0]
    assert stage.status == "failed"
    assert stage.attributes["error"] == code
    last = [span for span in ran.spans if span.name in ("warm_up", "probe")][-1]
    assert (last.status, last.attributes["code"]) == ("failed", code)


def test_a_failure_after_good_probes_keeps_them_and_says_so(probe):
    def third_fails(seen):
        return error(429, "") if seen.index == 3 else GROQ_GOOD

    with LlmServer(third_fails) as server:
        ran = probe("groq", server.url, probes=5)
    assert ran.probe.ttft_ms.status is Status.MEASURED
    assert ran.probe.ttft_ms.n == len(ran.probe.samples_ms) == 2
    assert len(server.chats) == 4
    assert "2 of 5 probes" in ran.finding("LLM_PROBES_LOST").message
    assert "LLM_UNAVAILABLE" not in ran.codes


STALLS = [
    ("groq", Reply(before_headers=(Stall(),)), "no token within 1 s"),
    ("groq", Reply(steps=(GROQ_FIRST, Stall())), "no token within 1 s"),
    ("groq", Reply(steps=(GROQ_FIRST, word(), word(), Stall())), "went silent after 2 tokens"),
    ("groq", Reply(steps=(b": ping\n\n", Pause(0.2)) * 50), "no token within 1 s"),
    ("groq", Reply(steps=(GROQ_FIRST, Pause(0.2)) * 50), "no token within 1 s"),
    ("ollama", Reply(before_headers=(Stall(),)), "no token within 1 s"),
    ("ollama", Reply(steps=(ollama_part("a"), Stall()), **NDJSON), "went silent after 1 token:"),
]


@pytest.mark.parametrize(("provider", "bad", "fragment"), STALLS)
def test_a_stall_ends_after_the_limit(probe, provider, bad, fragment):
    good = GROQ_GOOD if provider == "groq" else OLLAMA_GOOD
    with LlmServer(after_warm_up(good, bad)) as server:
        ran = probe(provider, server.url, timeout_s=1.0)
        assert ran.probe.ttft_ms.status is Status.UNAVAILABLE
    assert fragment in ran.probe.ttft_ms.reason
    assert "LLM_STALL" in ran.finding("LLM_UNAVAILABLE").message
    assert "llm.timeout_s" in ran.finding("LLM_UNAVAILABLE").hint
    assert len(server.chats) == 2
    assert 1_000 <= ran.span("probe")[0].duration_ms < 10_000


@pytest.mark.parametrize("provider", ["groq", "ollama"])
def test_a_stall_in_the_warm_up_ends_after_the_limit(probe, provider):
    with LlmServer(lambda _: Reply(steps=(Stall(),))) as server:
        ran = probe(provider, server.url, timeout_s=1.0)
    assert "no token within 1 s" in ran.probe.ttft_ms.reason
    assert ran.probe.warm_up_ms.status is Status.UNAVAILABLE
    assert len(server.chats) == 1


@pytest.mark.parametrize("provider", ["groq", "ollama"])
def test_a_refused_connection(probe, provider):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ran = probe(provider, f"http://127.0.0.1:{port}")
    assert f"nothing listens at 127.0.0.1:{port}" in ran.probe.ttft_ms.reason
    assert ran.probe.sent_to is None
    if provider == "ollama":
        assert "ollama serve" in ran.finding("LLM_UNAVAILABLE").hint


@pytest.mark.parametrize("provider", ["groq", "ollama"])
def test_a_name_that_does_not_exist(probe, provider):
    ran = probe(provider, "http://echotrace-test.invalid:9")
    assert "LLM_DNS" in ran.finding("LLM_UNAVAILABLE").message
    assert "echotrace-test.invalid:9 could not be resolved" in ran.probe.ttft_ms.reason
    assert "SENT_TO" not in ran.codes
    assert ran.probe.sent_to is None


def test_no_tls_where_tls_was_asked_for(probe):
    with LlmServer(lambda _: GROQ_GOOD) as server:
        ran = probe("groq", server.url.replace("http:", "https:"))
    assert "LLM_TLS" in ran.finding("LLM_UNAVAILABLE").message
    assert server.chats == []


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
@pytest.mark.parametrize("provider", ["groq", "ollama"])
def test_a_certificate_of_nobody(probe, provider, tmp_path, environment):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            key,
            "-out",
            certificate,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip - the command reads best in its own lines
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    good = GROQ_GOOD if provider == "groq" else OLLAMA_GOOD
    with LlmServer(lambda _: good, tls=tls) as server:
        refused = probe(provider, server.url)
        environment.setenv("SSL_CERT_FILE", str(certificate))
        trusted = probe(provider, server.url)
    assert "TLS: self" in refused.probe.ttft_ms.reason
    assert "SSL_CERT_FILE" in refused.finding("LLM_UNAVAILABLE").hint
    assert trusted.probe.ttft_ms.status is Status.MEASURED
    assert trusted.span("warm_up")[0].attributes["tls_ms"] > 0


def test_unknown_models_get_the_nearest_names(probe):
    bad = error(404, NO_MODEL)
    names = ("whisper-large-v3", "openai/gpt-oss-20b", "openai/gpt-oss-120b")
    with LlmServer(lambda _: bad, models=names) as server:
        ran = probe("groq", server.url, model="gpt-oss-20")
    assert "openai/gpt-oss-20b" in ran.finding("LLM_UNAVAILABLE").hint
    assert server.listings == 1


def test_an_unknown_ollama_model_can_be_pulled(probe):
    bad = error(404, {"error": "model 'qwen3:0.6b' not found"})
    with LlmServer(lambda _: bad, models=("qwen3:1.7b",)) as server:
        ran = probe("ollama", server.url, model="qwen3:0.6b")
    hint = ran.finding("LLM_UNAVAILABLE").hint
    assert "ollama pull qwen3:0.6b" in hint
    assert "qwen3:1.7b" in hint


def test_ollama_without_a_named_model_takes_the_first_one(probe):
    with LlmServer(lambda _: OLLAMA_GOOD, models=("newest:1b", "older:1b")) as server:
        ran = probe("ollama", server.url, model=None)
    assert ran.probe.model == "newest:1b"
    assert {seen.body["model"] for seen in server.chats} == {"newest:1b"}


def test_ollama_without_any_model_says_how_to_get_one(probe):
    with LlmServer(lambda _: OLLAMA_GOOD) as server:
        ran = probe("ollama", server.url, model=None)
    assert "has no model" in ran.probe.ttft_ms.reason
    assert "ollama pull" in ran.finding("LLM_UNAVAILABLE").hint
    assert server.chats == []


def test_control_characters_of_a_server_do_not_reach_the_report(probe):
    bad = error(500, {"error": {"message": "\x1b[31mred\x1b[0m\r\nnext" + "x" * 5000}})
    with LlmServer(lambda _: bad) as server:
        ran = probe("groq", server.url)
    text = ran.probe.ttft_ms.reason + ran.finding("LLM_UNAVAILABLE").message
    assert text.isprintable()
    assert "next" in text
    assert len(ran.probe.ttft_ms.reason) < 400


@pytest.mark.parametrize("when", ["build", "warm-up", "probe"])
def test_cancelling_leaves_nothing_behind(when, environment):
    """The server stalls; the run is cancelled once the request has reached it."""
    from echotrace.analyzers.llm_probe import LlmProbeAnalyzer
    from echotrace.config.settings import LlmSettings, Settings
    from echotrace.telemetry import TelemetryCollector

    environment.setenv("GROQ_API_KEY", "k" * 30)
    stall = Reply(steps=(GROQ_FIRST, Stall()))
    collector = TelemetryCollector()

    async def run(server):
        settings = Settings(llm=LlmSettings(provider="groq", base_url=server.url, model="test"))
        task = asyncio.create_task(LlmProbeAnalyzer(collector).analyze("", settings=settings))
        wanted = {"build": 0, "warm-up": 1, "probe": 2}[when]
        await asyncio.sleep(0)
        while len(server.chats) < wanted:  # noqa: ASYNC110 - the server is a thread, not a task
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    answer = after_warm_up(GROQ_GOOD, stall) if when == "probe" else lambda _: stall
    with LlmServer(answer) as server:
        asyncio.run(run(server))
    assert collector.spans
    stopped = {"build": "llm_ttft", "warm-up": "warm_up", "probe": "probe"}[when]
    by_name = {span.name: span.status for span in collector.spans}
    assert by_name[stopped] == by_name["llm_ttft"] == "cancelled"
