"""The HTTP client under all SDKs: stamps, limits, and no connection that was not asked for.

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
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from echotrace.errors import ConfigError
from echotrace.providers.address import is_loopback
from echotrace.providers.exchange import Exchange
from echotrace.providers.scrub import SecretFilter, scrub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from echotrace.config.secrets import Secret
    from echotrace.providers.address import Address

__all__ = ["LINE_ENDS", "SSE_ENDS", "ReplyStoppedError", "Wire", "refused_address"]

MAX_REPLY_BYTES = 8 << 20
MAX_EVENT_BYTES = 128 << 10
MAX_ERROR_BYTES = 64 << 10
_PIECE_BYTES = 64 << 10
SSE_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
LINE_ENDS = (b"\n", b"\r")
_LOGGERS = (
    "httpcore.connection",
    "httpcore.http11",
    "httpx",
    "groq._base_client",
    "groq._response",
)


class ReplyStoppedError(Exception):
    """A reply that is stopped on this side; ``code`` says why, without the kind of service."""

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
        ends: what ends an event of a reply; empty for a reply that is one document.
        max_reply_bytes: how much a reply may unpack to.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        offline: bool,
        tls: bool,
        secrets: tuple[Secret, ...],
        ends: tuple[bytes, ...] = (),
        max_reply_bytes: int = MAX_REPLY_BYTES,
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
        self._ends = ends
        self._max_reply_bytes = max_reply_bytes
        self._filter = SecretFilter(secrets)

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments for the ``httpx.AsyncClient`` that goes on top."""
        return {
            "transport": self,
            "timeout": self.timeout,
            "trust_env": False,
            "follow_redirects": False,
        }

    def guard_logs(self) -> None:
        """Keep secrets and uploads out of the libraries' logs, until ``aclose``.

        Each request does so; an SDK that logs a request before it gets here needs it earlier.
        """
        for name in _LOGGERS:  # a filter that is there already is not added again
            logging.getLogger(name).addFilter(self._filter)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request with stamps; an error's body is read here, up to a limit."""
        if self._offline and not is_loopback(request.url.host):
            raise ReplyStoppedError(
                "OFFLINE", f"--offline forbids a connection to {request.url.host}"
            )
        self.guard_logs()
        exchange = self.exchange = Exchange(started_ns=time.perf_counter_ns())
        request.headers["accept-encoding"] = "identity"
        request.extensions = {**request.extensions, "trace": self._tracer(exchange)}
        reply = await self._inner.handle_async_request(request)
        exchange.received_ns = time.perf_counter_ns()
        exchange.status = reply.status_code
        exchange.content_type = reply.headers.get("content-type", "").partition(";")[0].lower()
        exchange.retry_after = self._header(reply, "retry-after")
        exchange.location = self._header(reply, "location")
        exchange.request_id = self._header(reply, "x-request-id")
        exchange.processing_ms = _milliseconds(reply.headers.get("openai-processing-ms"))
        headers = [
            (key, scrub(value, self._secrets))
            for key, value in reply.headers.multi_items()
            if key not in ("content-encoding", "content-length", "transfer-encoding")
        ]
        stream = _GuardedStream(reply, exchange, self._ends, self._max_reply_bytes)
        if reply.status_code < 300:
            if "html" in exchange.content_type:
                await stream.aclose()
                raise ReplyStoppedError("HTML", "the server answered with an HTML page")
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
            elif name == "http11.send_request_body.complete":
                exchange.uploaded_ns = now

        return trace


class _GuardedStream(httpx.AsyncByteStream):
    """A reply's body, stamped, unpacked and limited.

    A limit on one event matters beside that on the whole: both SDKs join the pieces of an
    unfinished event by copying, which a server could make quadratic and block the event loop.
    """

    def __init__(
        self,
        reply: httpx.Response,
        exchange: Exchange,
        ends: tuple[bytes, ...],
        max_bytes: int,
    ) -> None:
        stream = reply.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("an asynchronous transport gave a synchronous stream")
        self._stream = stream
        self._exchange = exchange
        self._ends = ends
        self._max_bytes = max_bytes
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
        if self._total > self._max_bytes:
            raise ReplyStoppedError(
                "REPLY_TOO_LARGE", f"the reply exceeds {self._max_bytes >> 20} MiB"
            )
        if not self._ends:
            return
        joined = self._tail + piece
        end = max(joined.rfind(mark) + len(mark) if mark in joined else -1 for mark in self._ends)
        self._open = self._open + len(piece) if end < 0 else len(joined) - end
        self._tail = joined[-3:]
        if self._open > MAX_EVENT_BYTES:
            raise ReplyStoppedError(
                "REPLY_TOO_LARGE", f"one event of the reply exceeds {MAX_EVENT_BYTES >> 10} KiB"
            )

    def _unpacker(self) -> Any:
        if self._encoding in ("", "identity"):
            return lambda raw: (raw,)
        if self._encoding not in ("gzip", "x-gzip", "deflate"):
            raise ReplyStoppedError(
                "MALFORMED", f"unknown content encoding {self._encoding[:40]!r}"
            )
        inflate = zlib.decompressobj(47)

        def unpack(raw: bytes) -> Iterator[bytes]:
            rest = raw
            while rest:
                yield inflate.decompress(rest, _PIECE_BYTES)
                rest = inflate.unconsumed_tail

        return unpack


@contextmanager
def refused_address(name: str, address: Address) -> Iterator[None]:
    """Turn what the HTTP libraries raise while a client is made into one clear error.

    Raises:
        ConfigError: they refuse the address or the certificates.
    """
    try:
        yield
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ConfigError(
            f"{name}'s address {address.shown} cannot be used",
            why=f"the HTTP library refuses it ({type(error).__name__})",
            code="BAD_BASE_URL",
        ) from None
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            "the certificates of SSL_CERT_FILE or SSL_CERT_DIR cannot be used",
            why=error.strerror or type(error).__name__,
            hint="correct the variable, or unset it",
            code="BAD_CERTIFICATES",
        ) from None


def _milliseconds(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None
