"""A run in a thread with an event loop of its own, so that no engine ever holds up the screen."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from echotrace.tui.messages import RunEnded, SpanMoved, StageMoved

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.message import Message

    from echotrace.model.run import RunOutcome
    from echotrace.telemetry import SpanEvent
    from echotrace.tui.job import Job

__all__ = ["MAX_SPANS", "Runner"]

MAX_SPANS = 2_000
"""Spans of a run that are told while it is on; the report has all of them."""


class Runner:
    """One run of a job; ``tell`` is called in the run's threads and must be safe there.

    Everything heavy (the orchestrator, numpy, the engines) is imported in the thread. It is a
    daemon: an engine that does not stop cannot keep a terminal that the user has left.
    """

    def __init__(self, number: int, job: Job, tell: Callable[[Message], object]) -> None:
        self.number = number
        self._job = job
        self._tell_app = tell
        self._lock = threading.Lock()
        self._told: set[int] = set()
        self._cancelled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[RunOutcome] | None = None
        self._thread = threading.Thread(target=self._work, name=f"run-{number}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Ask the run to stop; ``RunEnded`` follows when it has. Safe to call at any time."""
        with self._lock:
            self._cancelled = True
            if self._loop is not None and self._task is not None:
                with suppress(RuntimeError):  # the loop has just been closed
                    self._loop.call_soon_threadsafe(self._task.cancel)

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread to end and return whether it did; one never started has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        end = RunEnded(self.number)
        try:
            outcome = asyncio.run(self._supervise())
            outcome, end.unwritten = self._finish(outcome)
            end.outcome = outcome
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - the app shows it and the command line tells it
            end.error = error
        self._tell(end)

    async def _supervise(self) -> RunOutcome:
        from echotrace.orchestrator import run
        from echotrace.telemetry import TelemetryCollector

        collector = TelemetryCollector()
        collector.add_listener(self._listen)
        task = asyncio.ensure_future(
            run(
                self._job.request,
                self._job.settings,
                collector=collector,
                on_event=lambda event: self._tell(StageMoved(self.number, event)),
            )
        )
        with self._lock:
            self._loop, self._task = asyncio.get_running_loop(), task
            if self._cancelled:
                task.cancel()
        return await task

    def _listen(self, event: SpanEvent) -> None:
        if event.id not in self._told:
            if len(self._told) >= MAX_SPANS:
                return
            self._told.add(event.id)
        self._tell(SpanMoved(self.number, event))

    def _finish(self, outcome: RunOutcome) -> tuple[RunOutcome, Exception | None]:
        from echotrace.errors import EchoTraceError
        from echotrace.files import write_text
        from echotrace.gates import evaluate_gates

        if self._job.gates:
            gates = evaluate_gates(outcome.report, self._job.gates)
            outcome = replace(outcome, report=replace(outcome.report, gates=gates))
        if self._job.output is not None:
            try:
                write_text(self._job.output, outcome.report.to_json() + "\n")
            except EchoTraceError as error:
                return outcome, error
        return outcome, None

    def _tell(self, message: Message) -> None:
        with suppress(RuntimeError):  # the app's loop is closed: nobody is there to be told
            self._tell_app(message)
