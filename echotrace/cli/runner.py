"""Running one analysis under Ctrl-C and SIGTERM, and turning its outcome into an exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import typer

from echotrace.cli.document import DOCUMENT, write_failed
from echotrace.cli.streams import tell
from echotrace.errors import EchoTraceError, ExitCode, InternalError, worst_exit_code

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from echotrace.model.run import RunOutcome

__all__ = ["exit_code_of", "run_until_signal", "signals_restored"]

T = TypeVar("T")

_CODES: Final = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
_END: Final = b"\0"
"""Written where the numbers of signals are: no signal has this one."""
_SHOW_CURSOR: Final = b"\x1b[?25h"
"""A status line hides it."""
_LAST_MOMENT_S: Final = 2.0


def run_until_signal(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine; the first signal cancels it cleanly, a second one leaves at once.

    The second one does so also when foreign code gives the event loop no turn any more.

    Raises:
        typer.Exit: a signal came; its code is 130 or 143.
        InternalError: the coroutine was cancelled or interrupted, and no signal had come.
    """
    signals = _Signals()

    async def supervise() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
        signals.cancel_with(lambda: loop.call_soon_threadsafe(task.cancel))
        return await task

    try:
        with signals.heard():
            result = asyncio.run(supervise())
    except BaseException as error:
        if signals.code is not None:
            raise typer.Exit(signals.code) from None
        if not isinstance(error, (asyncio.CancelledError, KeyboardInterrupt)):
            raise
        raise InternalError(
            "the run broke off by itself",
            why=f"something in it raised {type(error).__name__}, and no signal had come",
        ) from None
    if signals.code is not None:  # it was said that nothing is written
        raise typer.Exit(signals.code)
    return result


class _Signals:
    """Hears SIGINT and SIGTERM in a thread, which nothing that blocks the main thread holds up.

    The interpreter writes the number of each signal to a socket as soon as it comes; a handler
    would have to wait until the main thread has left a call that cannot be interrupted.
    """

    def __init__(self) -> None:
        self.code: ExitCode | None = None
        self._cancel: Callable[[], object] | None = None
        self._lock = threading.Lock()
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)

    def cancel_with(self, cancel: Callable[[], object]) -> None:
        """Name what the first signal does; it may have come already."""
        with self._lock:
            self._cancel = cancel
            if self.code is not None:
                cancel()

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hear the signals in the body, which the main thread runs."""
        listener = threading.Thread(target=self._listen, name="signals", daemon=True)
        before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        try:
            listener.start()
            with signals_restored():
                for number in _CODES:
                    signal.signal(number, _hear)
                yield
        finally:
            signal.set_wakeup_fd(before)
            self._writer.send(_END)
            listener.join()
            self._reader.close()
            self._writer.close()

    def _listen(self) -> None:
        while (byte := self._reader.recv(1)) != _END:
            if byte[0] not in [int(number) for number in _CODES]:
                continue
            if self.code is not None:
                _leave(self.code)
            tell("echotrace: stopping; nothing was written (Ctrl-C again to leave at once)")
            with self._lock:
                self.code = _CODES[signal.Signals(byte[0])]
                if self._cancel is not None:
                    with suppress(RuntimeError):  # the loop has ended already
                        self._cancel()


def _hear(_number: int, _frame: object) -> None:
    """Stand in for a signal's default action: what it asks for is done in the thread."""


def _leave(code: ExitCode) -> NoReturn:
    """End the process; what is owed first gets a moment, which a reader that is gone may spend."""
    writer = threading.Thread(target=_write_what_is_owed, daemon=True)
    writer.start()
    writer.join(_LAST_MOMENT_S)
    os._exit(code)


def _write_what_is_owed() -> None:
    with suppress(Exception):
        if DOCUMENT.owed and not DOCUMENT.begun:
            write_failed(EchoTraceError("interrupted", code="INTERRUPTED"))
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb"):
        os.write(2, _SHOW_CURSOR)


@contextmanager
def signals_restored() -> Iterator[None]:
    """Put signal handlers back: an event loop leaves the default actions behind when it closes.

    Those end the process where it stands, with the terminal as it is.
    """
    before = {number: signal.getsignal(number) for number in (*_CODES, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code_of(outcome: RunOutcome) -> ExitCode:
    """Return the one exit code for a run: its failures and its gates, by the project's order."""
    codes = [failure.exit_code for failure in outcome.failures]
    for gate in outcome.report.gates:
        if gate.outcome == "fail":
            codes.append(ExitCode.GATE_FAILED)
        elif gate.outcome == "not_enough_evidence":
            codes.append(ExitCode.EVIDENCE)
    return worst_exit_code(codes)
