"""A reply's body on its way in: unpacked and limited, and the errors of the connection under it.

The SDKs buffer without limit, and a server may send without end.
"""

from __future__ import annotations

import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from echotrace.providers.exchange import Exchange

__all__ = ["LINE_ENDS", "SSE_ENDS", "ReplyBody", "ReplyStoppedError", "as_httpx_errors"]

SSE_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
LINE_ENDS = (b"\n", b"\r")
MAX_EVENT_BYTES = 128 << 10
_PIECE_BYTES = 64 << 10
_BLANK = b" \t\r\n\xef\xbb\xbf"
_AS_HTTPX: dict[type[BaseException], type[httpx.TransportError]] = {
    httpcore.TimeoutException: httpx.TimeoutException,
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.NetworkError: httpx.NetworkError,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.ProxyError: httpx.ProxyError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
    httpcore.ProtocolError: httpx.ProtocolError,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
}


class ReplyStoppedError(Exception):
    """A reply that is stopped on this side; ``code`` says why, without the kind of service."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def as_httpx_errors() -> Iterator[None]:
    """Raise httpcore's errors as those of httpx, which the SDKs know; the cause stays."""
    try:
        yield
    except tuple(_AS_HTTPX) as error:
        kind = next(_AS_HTTPX[base] for base in type(error).__mro__ if base in _AS_HTTPX)
        raise kind(str(error)) from error


class ReplyBody(httpx.AsyncByteStream):
    """A reply's body, unpacked and limited; ``ended_ns`` is stamped when it came whole.

    A limit on one event matters beside that on the whole: the SDKs join the pieces of an unfinished
    event by copying, which a server could make quadratic and block the event loop. A stream that
    begins as a page of HTML is stopped here too, because each SDK takes it for something else.

    Args:
        reply: what the connection pool gave.
        encoding: the reply's ``Content-Encoding``.
        exchange: the record of the exchange; the connection stamps each read on it.
        ends: what ends an event; empty for a body that is one document.
        max_bytes: how much the body may unpack to.
    """

    def __init__(
        self,
        reply: httpcore.Response,
        *,
        encoding: str,
        exchange: Exchange,
        ends: tuple[bytes, ...],
        max_bytes: int,
    ) -> None:
        self._reply = reply
        self._encoding = encoding.strip().lower()
        self._exchange = exchange
        self._ends = ends
        self._max_bytes = max_bytes
        self._total = 0
        self._open = 0
        self._tail = b""
        self._begun = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        unpack = self._unpacker()
        with as_httpx_errors():
            async for raw in self._reply.aiter_stream():
                for piece in unpack(raw):
                    self._guard(piece)
                    yield piece
        self._exchange.ended_ns = self._exchange.received_ns

    async def head(self, limit: int) -> bytes:
        """Return at most ``limit`` bytes of the body and close it, whatever becomes of the rest."""
        kept = bytearray()
        try:
            async for piece in self:
                kept += piece
                if len(kept) >= limit:
                    break
        except (httpx.HTTPError, ReplyStoppedError):
            pass
        finally:
            await self.aclose()
        return bytes(kept[:limit])

    async def aclose(self) -> None:
        """Give the connection back."""
        with as_httpx_errors():
            await self._reply.aclose()

    def _guard(self, piece: bytes) -> None:
        self._total += len(piece)
        if self._total > self._max_bytes:
            raise ReplyStoppedError(
                "REPLY_TOO_LARGE", f"the reply exceeds {self._max_bytes >> 20} MiB"
            )
        if not self._ends:
            return
        if not self._begun and (first := piece.lstrip(_BLANK)[:1]):
            self._begun = True
            if first == b"<":  # neither an event nor a line of JSON begins so
                raise ReplyStoppedError("HTML", "the server answered with an HTML page")
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
                "MALFORMED", f"it has the unknown content encoding {self._encoding[:40]!r}"
            )
        inflate = zlib.decompressobj(47)

        def unpack(raw: bytes) -> Iterator[bytes]:
            rest = raw
            while rest:
                try:
                    piece = inflate.decompress(rest, _PIECE_BYTES)
                except zlib.error:
                    raise ReplyStoppedError(
                        "MALFORMED", f"it is called {self._encoding} and cannot be unpacked"
                    ) from None
                yield piece
                rest = inflate.unconsumed_tail

        return unpack
