"""Running one analysis under Ctrl-C and SIGTERM, and turning its outcome into an exit code."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from echotrace.cli.streams import tell
from echotrace.errors import ExitCode, worst_exit_code

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from echotrace.model.run import RunOutcome

__all__ = ["exit_code_of", "run_until_signal", "signals_restored"]

T = TypeVar("T")

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


def run_until_signal(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine; the first signal cancels it cleanly, a second one leaves at once.

    Raises:
        typer.Exit: a signal came; its code is 130 or 143.
    """
    received: list[signal.Signals] = []

    async def supervise() -> T:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work)

        def stop(number: signal.Signals) -> None:
            if received:
                os._exit(_CODES[received[0]])
            received.append(number)
            tell("echotrace: stopping; nothing was written (Ctrl-C again to leave at once)")
            task.cancel()

        for number in _CODES:
            loop.add_signal_handler(number, stop, number)
        return await task

    with signals_restored():
        try:
            return asyncio.run(supervise())
        except asyncio.CancelledError:
            raise typer.Exit(_CODES[received[0]] if received else ExitCode.INTERRUPTED) from None


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
