"""Connections whose making is timed: DNS, TCP, TLS, and the first byte of every reply.

The HTTP client tells when it begins to connect and when it has, but not how long the name took to
resolve. So this backend, which the connection pool calls for every connection, resolves the name
itself. It then tries the addresses in a staggered race, for an address that does not answer must
not cost the whole limit (RFC 8305, "Happy Eyeballs"). Reading, writing and TLS are httpcore's own.

What is raised here passes through the pool, which drops its cause (``raise error from None``). So
what led to it stands on the error itself, in ``exceptions``, as in a group.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

import anyio
import httpcore

from echotrace.providers.address import is_loopback
from echotrace.providers.reply_body import ReplyStoppedError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from echotrace.providers.exchange import Exchange

__all__ = ["STAGGER_S", "TimedBackend", "alternate", "recording", "resolve"]

STAGGER_S = 0.25
"""How long an address may be silent before the next one is tried too (RFC 8305, section 5)."""

_current: ContextVar[Exchange] = ContextVar("exchange")


@contextmanager
def recording(exchange: Exchange) -> Iterator[None]:
    """Let what is connected, sent and read within be stamped on ``exchange``.

    A variable of the context carries it, because httpcore connects in the task of the request and
    hands the backend nothing that names the request.
    """
    token = _current.set(exchange)
    try:
        yield
    finally:
        _current.reset(token)


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, IPv6 and IPv4 in turn.

    The system's lookup cannot be interrupted, and may wait for a silent server for a minute. So it
    has a thread of its own, which nobody waits for once this is cancelled: those of the event loop
    are joined when it ends.

    Raises:
        socket.gaierror: it has none.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Future[list[str]] = loop.create_future()

    def tell(addresses: list[str], fault: Exception | None) -> None:
        if told.done():  # cancelled
            return
        if fault is None:
            told.set_result(addresses)
        else:
            told.set_exception(fault)

    def look_up() -> None:
        addresses: list[str] = []
        fault: Exception | None = None
        try:
            found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
            addresses = alternate([(family, str(place[0])) for family, _, _, _, place in found])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's
            fault = error
        with suppress(RuntimeError):  # the event loop has ended meanwhile
            loop.call_soon_threadsafe(tell, addresses, fault)

    threading.Thread(target=look_up, name=f"lookup of {host}", daemon=True).start()
    return await told


def alternate(found: Sequence[tuple[int, str]]) -> list[str]:
    """Order addresses so that the families take turns; the system's first one stays first.

    Each address is given once, beside its family. The order within a family stays (RFC 8305,
    section 4).
    """
    families: dict[int, dict[str, None]] = {}
    for family, address in found:
        families.setdefault(family, {})[address] = None
    turns = zip_longest(*families.values())
    return [address for address in chain.from_iterable(turns) if address is not None]


class TimedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections and stamps their parts on the exchange that is being recorded.

    Args:
        resolver: finds the addresses of a name.
        loopback_only: connect to no address that a name has beyond this machine.
    """

    def __init__(
        self,
        resolver: Callable[[str, int], Awaitable[list[str]]] = resolve,
        *,
        loopback_only: bool = False,
    ) -> None:
        self._resolve = resolver
        self._loopback_only = loopback_only
        self._tcp = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve the name and connect to the first address that answers; see ``httpcore``.

        Raises:
            httpcore.ConnectError: there is no address, or none that accepts.
            httpcore.ConnectTimeout: the time is up.
            ReplyStoppedError: every address of the name lies beyond this machine, and none may.
        """
        exchange = _current.get()
        addresses = [host] if _is_address(host) else []
        try:
            with anyio.fail_after(timeout):
                if not addresses:
                    exchange.dns_start_ns = time.perf_counter_ns()
                    addresses = await self._resolve(host, port)
                    exchange.dns_end_ns = time.perf_counter_ns()
                    addresses = self._allowed(host, addresses)
                exchange.connect_start_ns = time.perf_counter_ns()
                stream = await self._race(
                    addresses, port, local_address=local_address, socket_options=socket_options
                )
                exchange.connect_end_ns = time.perf_counter_ns()
        except TimeoutError:
            silent = socket.gaierror(socket.EAI_AGAIN, "no answer in time")
            raise _NotInTimeError([] if addresses else [silent]) from None
        except socket.gaierror as error:
            raise _NotConnectedError(str(error), [error]) from error
        return _TimedStream(stream, exchange)

    async def sleep(self, seconds: float) -> None:
        """Wait; httpcore does so between attempts, of which this project makes one."""
        await anyio.sleep(seconds)

    def _allowed(self, host: str, addresses: list[str]) -> list[str]:
        if not self._loopback_only:
            return addresses
        near = [address for address in addresses if is_loopback(address)]
        if addresses and not near:
            raise ReplyStoppedError(
                "OFFLINE", f"--offline forbids a connection to {addresses[0]}, where {host} leads"
            )
        return near

    async def _race(
        self, addresses: Sequence[str], port: int, **more: Any
    ) -> httpcore.AsyncNetworkStream:
        if len(addresses) == 1:
            return await self._tcp.connect_tcp(addresses[0], port, **more)
        won: list[httpcore.AsyncNetworkStream] = []
        faults: list[Exception] = []

        async def attempt(address: str, ended: anyio.Event) -> None:
            try:
                stream = await self._tcp.connect_tcp(address, port, **more)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                faults.append(error)
                ended.set()
                return
            won.append(stream)
            group.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as group:
                for address in addresses:
                    ended = anyio.Event()
                    group.start_soon(attempt, address, ended)
                    with anyio.move_on_after(STAGGER_S):
                        await ended.wait()
            if not won:
                raise _NotConnectedError("no address answered", faults)
            return won.pop(0)
        finally:
            for stream in won:  # another address answered in the same moment, or all was cancelled
                with anyio.CancelScope(shield=True):
                    await stream.aclose()


class _NotConnectedError(httpcore.ConnectError):
    """There is no connection; ``exceptions`` says how each attempt failed."""

    def __init__(self, message: str, faults: Sequence[Exception]) -> None:
        super().__init__(message)
        self.exceptions = tuple(faults)


class _NotInTimeError(httpcore.ConnectTimeout):
    """There was no connection in time; ``exceptions`` says what was waited for, if not that."""

    def __init__(self, faults: Sequence[Exception]) -> None:
        super().__init__("no answer in time")
        self.exceptions = tuple(faults)


class _TimedStream(httpcore.AsyncNetworkStream):
    """A connection that stamps what is read on the exchange whose request went out last."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, exchange: Exchange) -> None:
        self._stream = stream
        self._exchange = exchange

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        data = await self._stream.read(max_bytes, timeout)
        now_ns = time.perf_counter_ns()
        exchange = self._exchange
        if data and exchange.first_byte_ns is None:
            exchange.first_byte_ns = now_ns
        if exchange.first_byte_ns is not None:  # an end without data ends a reply without a length
            exchange.received_ns = now_ns
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        self._exchange = _current.get()
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
    ) -> httpcore.AsyncNetworkStream:
        self._exchange.tls_start_ns = time.perf_counter_ns()
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):  # httpcore closes it after errors only
                await self._stream.aclose()
            raise
        self._exchange.tls_end_ns = time.perf_counter_ns()
        return _TimedStream(stream, self._exchange)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
