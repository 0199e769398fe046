"""The HTTP client under all SDKs: stamps, limits, and no connection that was not asked for.

The SDKs give no time stamps, follow redirects, read proxies and netrc from the environment and
buffer without limit. This transport sits below them and stands on httpcore's connection pool. It
stamps every part of an exchange, refuses what ``--offline`` forbids, and stops a reply that grows
without end.

Environment proxies are deliberately not used: the figure would be the proxy's, and a loopback
address would leave the machine. Certificates of ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` are used.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from echotrace.errors import ConfigError
from echotrace.providers.address import is_loopback
from echotrace.providers.exchange import Exchange
from echotrace.providers.network import TimedBackend, recording
from echotrace.providers.reply_body import (
    LINE_ENDS,
    SSE_ENDS,
    ReplyBody,
    ReplyStoppedError,
    as_httpx_errors,
)
from echotrace.providers.scrub import SecretFilter, scrub
from echotrace.providers.server_time import processing_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.config.secrets import Secret
    from echotrace.providers.address import Address

__all__ = ["LINE_ENDS", "SSE_ENDS", "ReplyStoppedError", "Wire", "refused_address"]

MAX_REPLY_BYTES = 8 << 20
MAX_ERROR_BYTES = 64 << 10
_UNPACKED = ("content-encoding", "content-length", "transfer-encoding")
_LOGGERS = (
    "httpcore.connection",
    "httpcore.http11",
    "httpx",
    "groq._base_client",
    "groq._response",
)


class Wire(httpx.AsyncBaseTransport):
    """One provider's transport, and the record of its latest exchange.

    Args:
        timeout_s: limit for connecting and, as a backstop, for silence.
        offline: refuse every host but loopback, and every name that stands for another address.
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
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trusted,
            max_connections=2,
            keepalive_expiry=60.0,
            retries=0,
            network_backend=TimedBackend(loopback_only=offline),
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
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
        with recording(exchange), as_httpx_errors():
            reply = await self._pool.handle_async_request(self._as_httpcore(request, exchange))
        headers = httpx.Headers(reply.headers)
        exchange.status = reply.status
        exchange.content_type = headers.get("content-type", "").partition(";")[0].lower()
        exchange.retry_after = self._header(headers, "retry-after")
        exchange.location = self._header(headers, "location")
        exchange.request_id = self._header(headers, "x-request-id")
        exchange.processing_header, exchange.processing_ms = processing_time(headers)
        shown = [
            (key, scrub(value, self._secrets))
            for key, value in headers.multi_items()
            if key not in _UNPACKED
        ]
        body = ReplyBody(
            reply,
            encoding=headers.get("content-encoding", "identity"),
            exchange=exchange,
            ends=self._ends,
            max_bytes=self._max_reply_bytes,
        )
        if reply.status < 300:
            if "html" in exchange.content_type:
                await body.aclose()
                raise ReplyStoppedError("HTML", "the server answered with an HTML page")
            return httpx.Response(reply.status, headers=shown, stream=body)
        text = scrub((await body.head(MAX_ERROR_BYTES)).decode("utf-8", "replace"), self._secrets)
        exchange.body = text
        return httpx.Response(reply.status, headers=shown, content=text.encode())

    async def aclose(self) -> None:
        """Close the connections and take the filters off the libraries' loggers."""
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._filter)
        await self._pool.aclose()

    def _header(self, headers: httpx.Headers, name: str) -> str | None:
        value = headers.get(name)
        return None if value is None else scrub(value, self._secrets)[:200]

    def _as_httpcore(self, request: httpx.Request, exchange: Exchange) -> httpcore.Request:
        if not isinstance(request.stream, httpx.AsyncByteStream):
            raise TypeError("an asynchronous client gave a synchronous stream")
        url = request.url
        return httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions={**request.extensions, "trace": self._tracer(exchange)},
        )

    def _tracer(self, exchange: Exchange) -> Any:
        async def trace(name: str, _: dict[str, Any]) -> None:
            if name == "http11.send_request_headers.started":
                exchange.sent_ns = time.perf_counter_ns()
                self.requests_sent += 1
            elif name == "http11.send_request_body.complete":
                exchange.uploaded_ns = time.perf_counter_ns()

        return trace


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
