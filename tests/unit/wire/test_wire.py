"""The transport on real connections: reuse, what ends a reply, and whose exchange is whose."""

import asyncio
import gzip
import logging
import socket
from dataclasses import replace

import httpx
import pytest

from echotrace.config.secrets import Secret
from echotrace.providers.wire import ReplyStoppedError
from tests.fakes.llm_servers import DONE, Drop, LlmServer, Pause, Reply, Stall, error, groq_answer
from tests.fakes.timed_server import TimedServer, Timing

QUICK = Timing(
    tls_ms=0, first_byte_ms=0, reasoning_ms=None, answer_ms=0, token_ms=0, answer=("a", "b")
)
SECRET = Secret("GROQ_API_KEY", "gsk_a-very-long-key-0123456789")


def assert_whole(exchange):
    assert exchange.ended_ns == exchange.received_ns >= exchange.first_byte_ns
    assert exchange.first_byte_ns > exchange.uploaded_ns > exchange.sent_ns


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_an_open_connection_is_used_again(trusted, asker, secure):
    async def ask(url):
        async with asker(url) as one:
            return [(await one.read())[0] for _ in range(3)]

    tls = trusted.server_context() if secure else None
    with TimedServer(QUICK, tls=tls) as server:
        first, *later = asyncio.run(ask(server.url))
    assert [asked.connection for asked in server.asked] == [1, 1, 1]
    assert not first.reused
    assert first.connect_ms > 0
    assert (first.tls_ms is not None) is secure
    for exchange in (first, *later):
        assert_whole(exchange)
    for exchange in later:
        assert exchange.reused
        assert exchange.connect_start_ns is exchange.tls_start_ns is exchange.dns_start_ns is None


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_connection_that_the_server_has_closed_is_opened_anew(trusted, asker, secure):
    async def ask(server):
        async with asker(server.url) as one:
            first, _ = await one.read()
            assert server.closed.acquire(timeout=10)
            second, lines = await one.read()
            return first, second, lines

    tls = trusted.server_context() if secure else None
    with TimedServer(replace(QUICK, close=True), tls=tls) as server:
        first, second, lines = asyncio.run(ask(server))
    assert [asked.connection for asked in server.asked] == [1, 2]
    assert not first.reused
    assert not second.reused
    assert_whole(second)
    assert (lines[-2][1], lines[-1][1]) == ("data: [DONE]", "")


def test_requests_at_the_same_time_keep_their_own_exchange(asker):
    slow = replace(QUICK, first_byte_ms=80.0, answer_ms=160.0)

    async def ask(*urls):
        async def one_of(url):
            async with asker(url) as one:
                return [(await one.read())[0] for _ in range(2)]

        return await asyncio.gather(*(one_of(url) for url in urls))

    with TimedServer(QUICK) as quick, TimedServer(slow) as late:
        found = asyncio.run(ask(quick.url, late.url, quick.url, late.url))
    for exchanges, server in zip(found, (quick, late) * 2, strict=True):
        stamps = {asked.index: asked for asked in server.asked}
        for exchange in exchanges:
            theirs = stamps[int(exchange.request_id)]
            assert exchange.sent_ns < theirs.request_ns < theirs.first_byte_ns
            assert theirs.first_byte_ns < exchange.first_byte_ns <= exchange.ended_ns
            waited_ms = (exchange.first_byte_ns - exchange.sent_ns) / 1e6
            assert waited_ms >= server.timing.first_byte_ms


def test_two_requests_over_one_wire_at_the_same_time_are_not_mixed(asker):
    async def ask(url):
        async with asker(url) as one:
            first = asyncio.create_task(one.read())
            while one.wire.requests_sent == 0:  # noqa: ASYNC110 - the wire has no event for it
                await asyncio.sleep(0)
            one_exchange = one.wire.exchange
            second, lines = await one.read()
            await first
            return one_exchange, second, lines

    with TimedServer(replace(QUICK, first_byte_ms=60.0, answer_ms=90.0)) as server:
        first, second, lines = asyncio.run(ask(server.url))
    assert first is not second
    by_index = {asked.index: asked for asked in server.asked}
    for exchange in (first, second):
        theirs = by_index[int(exchange.request_id)]
        assert exchange.connect_end_ns < exchange.sent_ns < theirs.request_ns
        assert theirs.first_byte_ns < exchange.first_byte_ns
        assert_whole(exchange)
    assert lines


def test_events_of_one_read_have_its_stamp(asker):
    async def ask(url):
        async with asker(url) as one:
            return await one.read()

    steps = (b"data: 1\n\ndata: 2\n\n", Pause(0.03), b"data: 3\n\n")
    with LlmServer(lambda _: Reply(steps=steps)) as server:
        _, lines = asyncio.run(ask(f"{server.url}/openai"))
    at_ns = {line: when for when, line in lines if line}
    assert at_ns["data: 1"] == at_ns["data: 2"] < at_ns["data: 3"]


def fault(asker, reply, kind, read_s=10.0):
    async def ask(url):
        async with asker(url) as one:
            one.client.timeout = httpx.Timeout(10.0, read=read_s)
            with pytest.raises(kind) as caught:
                await one.read()
            return one.wire.exchange, caught.value

    with LlmServer(lambda _: reply) as server:
        return asyncio.run(ask(f"{server.url}/openai"))


def test_a_reply_that_breaks_off_has_no_end(asker):
    reply = Reply(steps=(b"data: 1\n\n", Drop()))
    exchange, _ = fault(asker, reply, httpx.RemoteProtocolError)
    assert exchange.first_byte_ns <= exchange.received_ns
    assert exchange.ended_ns is None


def test_silence_before_the_reply(asker):
    reply = Reply(before_headers=(Stall(),))
    exchange, _ = fault(asker, reply, httpx.ReadTimeout, read_s=0.1)
    assert exchange.uploaded_ns is not None
    assert exchange.first_byte_ns is exchange.ended_ns is exchange.status is None


def test_silence_within_the_reply(asker):
    reply = Reply(steps=(b"data: 1\n\n", Stall()))
    exchange, _ = fault(asker, reply, httpx.ReadTimeout, read_s=0.1)
    assert exchange.first_byte_ns is not None
    assert exchange.ended_ns is None


def test_no_answer_at_all(asker):
    exchange, _ = fault(asker, Reply(raw=b""), httpx.RemoteProtocolError)
    assert exchange.first_byte_ns is exchange.ended_ns is None


def test_a_line_of_ten_megabytes_is_stopped(asker):
    reply = Reply(steps=(b"data: ", *(b"x" * 65536,) * 160))
    exchange, error_ = fault(asker, reply, ReplyStoppedError)
    assert error_.code == "REPLY_TOO_LARGE"
    assert "one event" in str(error_)
    assert exchange.ended_ns is None


def test_html_is_no_reply(asker):
    reply = Reply(steps=(b"<html>",), content_type="text/html; charset=utf-8")
    exchange, error_ = fault(asker, reply, ReplyStoppedError)
    assert error_.code == "HTML"
    assert exchange.status == 200


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "GZIP", "identity"])
def test_what_is_packed_is_unpacked_although_it_was_not_asked_for(asker, coding):
    import zlib

    text = b"data: 1\n\n" + DONE
    packed = {"deflate": zlib.compress(text), "identity": text}.get(coding, gzip.compress(text))
    reply = Reply(steps=(packed[:7], packed[7:]), headers=(("Content-Encoding", coding),))

    async def ask(url):
        async with asker(url) as one:
            return await one.read()

    with LlmServer(lambda _: reply) as server:
        exchange, lines = asyncio.run(ask(f"{server.url}/openai"))
    assert [line for _, line in lines if line] == ["data: 1", "data: [DONE]"]
    assert server.chats[0].headers["accept-encoding"] == "identity"
    assert_whole(exchange)


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
def test_the_end_is_known_in_every_framing(asker, framing):
    http = "HTTP/1.0" if framing == "close" else "HTTP/1.1"

    async def ask(url):
        async with asker(url) as one:
            return await one.read()

    with LlmServer(lambda _: groq_answer("a", framing=framing, http=http)) as server:
        exchange, _ = asyncio.run(ask(f"{server.url}/openai"))
    assert_whole(exchange)
    assert exchange.ended_ns > server.chats[0].step_ns[-1]


def test_an_errors_body_is_read_without_secrets_and_its_headers_are_kept(asker):
    key = SECRET.reveal()
    reply = error(
        429,
        {"error": f"no: {key} {key[4:20]}"},
        headers=(("Retry-After", "7"), ("X-Request-Id", key), ("OpenAI-Processing-Ms", "12")),
    )

    async def ask(url):
        async with asker(url, secrets=(SECRET,)) as one:
            answer = await one.client.post(one.url, json={})
            return one.wire.exchange, answer

    with LlmServer(lambda _: reply) as server:
        exchange, answer = asyncio.run(ask(f"{server.url}/openai"))
    assert answer.status_code == exchange.status == 429
    assert answer.text == exchange.body
    assert exchange.retry_after == "7"
    assert (exchange.processing_header, exchange.processing_ms) == ("openai-processing-ms", 12.0)
    shown = f"{exchange} {answer.headers} {answer.text}"
    assert not any(key[at : at + 8] in shown for at in range(len(key) - 7))
    assert_whole(exchange)


def test_a_redirect_is_not_followed(asker):
    with LlmServer(lambda _: groq_answer("a")) as elsewhere:
        reply = error(302, "", headers=(("Location", f"{elsewhere.url}/x"),))

        async def ask(url):
            async with asker(url) as one:
                return (await one.client.post(one.url, json={})).status_code, one.wire.exchange

        with LlmServer(lambda _: reply) as server:
            status, exchange = asyncio.run(ask(f"{server.url}/openai"))
    assert status == 302
    assert exchange.location == f"{elsewhere.url}/x"
    assert elsewhere.connections == 0


def test_offline_forbids_every_host_but_this_one(asker):
    async def ask(url):
        async with asker(url, offline=True) as one:
            return await one.read()

    with pytest.raises(ReplyStoppedError, match="connection to 192") as caught:
        asyncio.run(ask("http://192.0.2.1"))
    assert caught.value.code == "OFFLINE"
    with TimedServer(QUICK) as server:
        assert_whole(asyncio.run(ask(server.url))[0])


def test_a_proxy_of_the_environment_is_not_used(asker, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, address)

        async def ask(url):
            async with asker(url) as one:
                return await one.read()

        with TimedServer(QUICK) as server:
            assert_whole(asyncio.run(ask(server.url))[0])


def test_a_certificate_of_nobody_is_refused_before_anything_is_sent(authority, asker, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)

    async def ask(url):
        async with asker(url) as one:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await one.read()
            return one.wire.exchange

    with TimedServer(QUICK, tls=authority.server_context()) as server:
        exchange = asyncio.run(ask(server.url))
    assert server.asked == []
    assert exchange.connect_end_ns < exchange.tls_start_ns
    assert exchange.tls_end_ns is exchange.sent_ns is None


def test_the_libraries_logs_hold_no_secret(asker, caplog):
    key = SECRET.reveal()
    for name in ("httpcore.connection", "httpcore.http11", "httpx"):
        caplog.set_level(logging.DEBUG, logger=name)

    async def ask(url):
        async with asker(url, secrets=(SECRET,)) as one:
            await one.client.post(one.url, json={}, headers={"x-echo": key})

    reply = error(400, key, headers=(("X-Key", key),))
    with LlmServer(lambda _: reply) as server:
        asyncio.run(ask(f"{server.url}/openai"))
    assert "receive_response_headers.complete" in caplog.text
    assert key not in caplog.text
    assert not logging.getLogger("httpcore.http11").filters


def test_the_servers_own_time_is_on_the_exchange(asker):
    async def ask(url):
        async with asker(url) as one:
            return (await one.read())[0]

    timing = replace(QUICK, headers=(("Server-Timing", "queue;dur=1.5, total;dur=44"),))
    with TimedServer(timing) as server:
        exchange = asyncio.run(ask(server.url))
    assert (exchange.processing_header, exchange.processing_ms) == ("server-timing", 44.0)
