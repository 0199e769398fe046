"""Watching a plug-in at work: what it opens, what it prints, and whether it ever ends."""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

__all__ = ["NeverEnds", "opened", "run_alone"]

T = TypeVar("T")

_OPENS = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.startfile",
        "os.system",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
        "subprocess.Popen",
    }
)
"""Names of the interpreter's audit events (PEP 578) of connections, look-ups and programs."""


class NeverEnds(Exception):  # noqa: N818 - said as a rule that is broken, by who runs it
    """Work did not end in its time, not even when it was cancelled."""


class _Watch:
    """What one thread, and those that it starts, opened while it was watched."""

    def __init__(self) -> None:
        self.found: list[str] = []
        me = threading.get_ident()
        self._others = {thread.ident for thread in threading.enumerate()} - {me}

    def take(self, event: str, arguments: tuple[Any, ...]) -> None:
        if threading.get_ident() in self._others:
            return
        told = arguments[1:2] if event.startswith("socket.") and len(arguments) > 1 else arguments
        self.found.append(f"{event}{told[:1]!r}"[:200])


_watches: list[_Watch] = []
_hooked = threading.Event()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watches and event in _OPENS:
        for watch in tuple(_watches):
            watch.take(event, arguments)


@contextmanager
def opened() -> Iterator[list[str]]:
    """Return a list that fills with the connections, look-ups and programs begun meanwhile.

    The interpreter's audit hook sees them whatever library makes them; it stays for the life of
    the process, because Python cannot take one back, and does nothing when nobody watches.
    """
    if not _hooked.is_set():
        _hooked.set()
        sys.addaudithook(_audit)
    watch = _Watch()
    _watches.append(watch)
    try:
        yield watch.found
    finally:
        _watches.remove(watch)


def run_alone(work: Callable[[], Coroutine[Any, Any, T]], *, limit_s: float) -> T:
    """Run a coroutine in a thread with an event loop of its own.

    So it may be called inside a running loop too, and code that blocks its loop for ever costs its
    time and not the test run.

    Raises:
        NeverEnds: it took longer than ``limit_s``.
        BaseException: whatever the work raised.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    async def bounded() -> T:
        return await asyncio.wait_for(work(), limit_s)

    def run() -> None:
        try:
            results.append(asyncio.run(bounded()))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, name="conformance", daemon=True)
    thread.start()
    thread.join(2 * limit_s)
    if results:
        return results[0]
    if errors and not isinstance(errors[0], (TimeoutError, asyncio.TimeoutError)):
        raise errors[0]
    raise NeverEnds(f"it did not end within {limit_s:g} s")
