"""The parent's side of the workers: it deals tasks out, and collects an item for each."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from echotrace.benchmark import work
from echotrace.benchmark.item import died_item
from echotrace.benchmark.work import READY, read_frame, write_frame
from echotrace.errors import InternalError
from echotrace.printable import printable_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import IO

    from echotrace.benchmark.plan import Setup, Task
    from echotrace.model.benchmark import RunItem

__all__ = ["StoppedError", "Worker", "work_through"]

_TAIL_BYTES: Final = 4_000
_END_S: Final = 5.0
"""How long a worker may take to free its engine before it is ended."""


class StoppedError(Exception):
    """The user stopped the run; items in work are lost."""


class Worker:
    """One process; it is given a task only after it has answered the one before."""

    def __init__(self, setup: Setup) -> None:
        self.task: Task | None = None
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        self._process = subprocess.Popen(
            [sys.executable, str(Path(work.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={"OPENBLAS_NUM_THREADS": "1", **os.environ},
            start_new_session=True,  # Ctrl-C is the parent's; what it starts ends with it
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._into: BinaryIO = self._process.stdin  # type: ignore[assignment]  # a buffered pipe
        self.out: BinaryIO = self._process.stdout  # type: ignore[assignment]  # the same
        with suppress(BrokenPipeError):  # it is told where its answer is missing
            write_frame(self._into, sys.path)
            write_frame(self._into, setup)

    @property
    def pid(self) -> int:
        """The process, which is also the group of all that it starts."""
        return self._process.pid

    def give(self, task: Task) -> None:
        """Give it a task."""
        self.task = task
        with suppress(BrokenPipeError):  # likewise
            write_frame(self._into, task)

    def take(self) -> Any:
        """Return what it says next.

        Raises:
            EOFError: it has ended.
        """
        return read_frame(self.out)

    def why_dead(self) -> str:
        """Say how the process ended, with the last line that it wrote; it is waited for."""
        self._kill_group()
        status = self._process.wait()
        how = f"it ended with status {status}"
        if status < 0:
            with suppress(ValueError):
                how = f"it was killed by {signal.Signals(-status).name}"
            if -status == signal.SIGKILL:
                how += " (out of memory?)"
        last = self._last_line()
        return f"{how}; its last words: {last}" if last else how

    def end(self) -> None:
        """Let it free its engine and leave; one that does not is killed."""
        with suppress(BrokenPipeError, OSError):
            write_frame(self._into, None)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self.kill()

    def kill(self) -> None:
        """End it and all that it started, at once; may be called twice."""
        self._kill_group()
        with suppress(OSError):
            self._into.close()
        self._process.wait()
        self.out.close()
        self._errors.close()

    def _kill_group(self) -> None:
        if self._process.returncode is None:  # its number belongs to nobody else yet
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _last_line(self) -> str:
        from echotrace.providers.known_secrets import known_secrets
        from echotrace.providers.scrub import scrub

        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _TAIL_BYTES))
        lines = self._errors.read().decode("utf-8", "replace").split("\n")
        said = [line for line in lines if line.strip()]
        return printable_line(scrub(said[-1], known_secrets()))[:300] if said else ""


def work_through(
    tasks: Sequence[Task],
    setup: Setup,
    *,
    jobs: int,
    on_item: Callable[[RunItem], None],
    wake: int | None = None,
) -> None:
    """Do all tasks; ``on_item`` hears of each as soon as it is done, in any order.

    A worker that ends by itself costs the item that it had, and another takes its place.

    Args:
        tasks: in the order in which they are begun.
        setup: what holds for all.
        jobs: how many processes.
        on_item: called in this thread.
        wake: a descriptor; when it can be read, the work is given up.

    Raises:
        StoppedError: ``wake`` was written to.
        InternalError: a worker does not start.
    """
    left = list(reversed(tasks))
    workers: list[Worker] = []
    with selectors.DefaultSelector() as selector:
        if wake is not None:
            selector.register(wake, selectors.EVENT_READ)
        try:
            while len(workers) < min(jobs, len(left)):
                workers.append(_started(setup, selector))
            while workers:
                for key, _ in selector.select():
                    if key.fd == wake:
                        raise StoppedError
                    worker: Worker = key.data
                    if _served(worker, left, on_item):
                        continue
                    selector.unregister(worker.out)
                    workers.remove(worker)
                    worker.end()
                    if left and len(workers) < jobs:
                        workers.append(_started(setup, selector))
        finally:
            for worker in workers:
                worker.kill()


def _started(setup: Setup, selector: selectors.BaseSelector) -> Worker:
    worker = Worker(setup)
    selector.register(worker.out, selectors.EVENT_READ, worker)
    return worker


def _served(worker: Worker, left: list[Task], on_item: Callable[[RunItem], None]) -> bool:
    """Take what a worker says and give it the next task; False where there is no use for it."""
    try:
        said = worker.take()
    except EOFError:
        why = worker.why_dead()
        if worker.task is None:
            raise InternalError("a worker of the benchmark does not start", why=why) from None
        on_item(died_item(worker.task, why))
        return False
    if said != READY:
        on_item(said)
    if not left:
        return False
    worker.give(left.pop())
    return True
