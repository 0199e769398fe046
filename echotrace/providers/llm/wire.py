"""The HTTP client under both SDKs: stamps, limits, and no connection that was not asked for.

The SDKs give no time stamps, follow redirects, read proxies and netrc from the environment and
buffer without limit. This transport sits below them: it stamps the moment a request goes out and
every piece comes in, refuses what ``--offline`` forbids, and stops a reply that grows without end.

Environment proxies are deliberately not used: the figure would be the proxy's, and a loopback
address would leave the machine. Certificates of ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` are used.
"""

from __future__ import annotations

import logging
import ssl
import time
import zlib
from typing import TYPE_CHECKING, Any

import httpx

from echotrace.providers.llm.address import is_loopback
from echotrace.providers.llm.base import Exchange
from echotrace.providers.llm.scrub import SecretFilter, scrub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from echotrace.config.secrets import Secret

__all__ = ["ReplyStoppedError", "Wire"]

MAX_REPLY_BYTES = 8 << 20
MAX_EVENT_BYTES = 128 << 10
MAX_ERROR_BYTES = 64 << 10
_PIECE_BYTES = 64 << 10
_SSE_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_LINE_ENDS = (b"\n", b"\r")
_LOGGERS = (
    "httpcore.connection",
    "httpcore.http11",
    "httpx",
    "groq._base_client",
    "groq._response",
)


class ReplyStoppedError(Exception):
    """A reply that is stopped on this side; ``code`` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Wire(httpx.AsyncBaseTransport):
    """One provider's transport, and the record of its latest exchange.

    Args:
        timeout_s: limit for connecting and, as a backstop, for silence.
        offline: refuse every host but loopback.
        tls: the address is https; without it no certificates are loaded, and none is trusted.
        secrets: texts that are taken out of whatever the server sends back.
        event_per_line: replies are NDJSON; otherwise server-sent events.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        offline: bool,
        tls: bool,
        secrets: tuple[Secret, ...],
        event_per_line: bool,
    ) -> None:
        trusted = (
            httpx.create_ssl_context(trust_env=True)
            if tls
            else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )
        self._inner = httpx.AsyncHTTPTransport(
            verify=trusted,
            trust_env=False,
            retries=0,
            limits=httpx.Limits(max_connections=2, keepalive_expiry=60.0),
        )
        self.timeout = httpx.Timeout(timeout_s + 1.0, connect=min(0.8 * timeout_s, 10.0))
        self.exchange: Exchange | None = None
        self.requests_sent = 0
        self._offline = offline
        self._secrets = secrets
        self._ends = _LINE_ENDS if event_per_line else _SSE_ENDS
        self._filter = SecretFilter(secrets)

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments for the ``httpx.AsyncClient`` that goes on top."""
        return {
            "transport": self,
            "timeout": self.timeout,
            "trust_env": False,
            "follow_redirects": False,
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request with stamps; an error's body is read here, up to a limit."""
        if self._offline and not is_loopback(request.url.host):
            raise ReplyStoppedError(
                "LLM_OFFLINE", f"--offline forbids a connection to {request.url.host}"
            )
        for name in _LOGGERS:  # a filter that is there already is not added again
            logging.getLogger(name).addFilter(self._filter)
        exchange = self.exchange = Exchange(started_ns=time.perf_counter_ns())
        request.headers["accept-encoding"] = "identity"
        request.extensions = {**request.extensions, "trace": self._tracer(exchange)}
        reply = await self._inner.handle_async_request(request)
        exchange.received_ns = time.perf_counter_ns()
        exchange.status = reply.status_code
        exchange.content_type = reply.headers.get("content-type", "").partition(";")[0].lower()
        exchange.retry_after = self._header(reply, "retry-after")
        exchange.location = self._header(reply, "location")
        headers = [
            (key, scrub(value, self._secrets))
            for key, value in reply.headers.multi_items()
            if key not in ("content-encoding", "content-length", "transfer-encoding")
        ]
        stream = _GuardedStream(reply, exchange, self._ends)
        if reply.status_code < 300:
            if "html" in exchange.content_type:
                await stream.aclose()
                raise ReplyStoppedError("LLM_NOT_A_STREAM", "the server answered with an HTML page")
            return httpx.Response(reply.status_code, headers=headers, stream=stream)
        body = scrub((await stream.head(MAX_ERROR_BYTES)).decode("utf-8", "replace"), self._secrets)
        exchange.body = body
        return httpx.Response(reply.status_code, headers=headers, content=body.encode())

    async def aclose(self) -> None:
        """Close the connections and take the filters off the libraries' loggers."""
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._filter)
        await self._inner.aclose()

    def _header(self, reply: httpx.Response, name: str) -> str | None:
        value = reply.headers.get(name)
        return None if value is None else scrub(value, self._secrets)[:200]

    def _tracer(self, exchange: Exchange) -> Any:
        begun: dict[str, int] = {}

        async def trace(name: str, info: dict[str, Any]) -> None:
            now = time.perf_counter_ns()
            step, _, state = name.rpartition(".")
            begun.setdefault(name, now)
            if state == "complete" and step == "connection.connect_tcp":
                exchange.connect_ms = (now - begun[f"{step}.started"]) / 1e6
            elif state == "complete" and step == "connection.start_tls":
                exchange.tls_ms = (now - begun[f"{step}.started"]) / 1e6
            elif name == "http11.send_request_headers.started":
                exchange.sent_ns = now
                self.requests_sent += 1

        return trace


class _GuardedStream(httpx.AsyncByteStream):
    """A reply's body, stamped, unpacked and limited.

    A limit on one event matters beside that on the whole: both SDKs join the pieces of an
    unfinished event by copying, which a server could make quadratic and block the event loop.
    """

    def __init__(self, reply: httpx.Response, exchange: Exchange, ends: tuple[bytes, ...]) -> None:
        stream = reply.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("an asynchronous transport gave a synchronous stream")
        self._stream = stream
        self._exchange = exchange
        self._ends = ends
        self._encoding = reply.headers.get("content-encoding", "identity").strip().lower()
        self._total = 0
        self._open = 0
        self._tail = b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        unpack = self._unpacker()
        async for raw in self._stream:
            self._exchange.received_ns = time.perf_counter_ns()
            for piece in unpack(raw):
                self._guard(piece)
                yield piece

    async def head(self, limit: int) -> bytes:
        """Return at most ``limit`` bytes of the body and close it, whatever becomes of the rest."""
        kept = bytearray()
        try:
            async for piece in self:
                kept += piece
                if len(kept) >= limit:
                    break
        except (httpx.HTTPError, ReplyStoppedError, zlib.error):
            pass
        finally:
            await self.aclose()
        return bytes(kept[:limit])

    async def aclose(self) -> None:
        """Give the connection back."""
        await self._stream.aclose()

    def _guard(self, piece: bytes) -> None:
        self._total += len(piece)
        joined = self._tail + piece
        end = max(joined.rfind(mark) + len(mark) if mark in joined else -1 for mark in self._ends)
        self._open = self._open + len(piece) if end < 0 else len(joined) - end
        self._tail = joined[-3:]
        if self._open > MAX_EVENT_BYTES:
            raise ReplyStoppedError(
                "LLM_REPLY_TOO_LARGE", f"one event of the reply exceeds {MAX_EVENT_BYTES >> 10} KiB"
            )
        if self._total > MAX_REPLY_BYTES:
            raise ReplyStoppedError(
                "LLM_REPLY_TOO_LARGE", f"the reply exceeds {MAX_REPLY_BYTES >> 20} MiB"
            )

    def _unpacker(self) -> Any:
        if self._encoding in ("", "identity"):
            return lambda raw: (raw,)
        if self._encoding not in ("gzip", "x-gzip", "deflate"):
            raise ReplyStoppedError(
                "LLM_MALFORMED", f"unknown content encoding {self._encoding[:40]!r}"
            )
        inflate = zlib.decompressobj(47)

        def unpack(raw: bytes) -> Iterator[bytes]:
            rest = raw
            while rest:
                yield inflate.decompress(rest, _PIECE_BYTES)
                rest = inflate.unconsumed_tail

        return unpack
