"""One run of a local program: its text goes in, its output comes out with stamps.

The three pipes are watched by one selector, itself watched by the event loop, so that a program
which reads late, writes early or complains at length never waits for us, and nothing here needs a
task or a thread that could outlive the run.
"""

from __future__ import annotations

import math
import os
import selectors
import signal
import subprocess
from contextlib import suppress
from time import perf_counter_ns
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Program"]

_PIECE_BYTES: Final = 64 << 10
_KEPT_BYTES: Final = 4 << 10
_REAP_LIMIT_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 0.02


class Program:
    """A program that was started in a session of its own.

    Its process group is killed at the end. A child that left that group by a session of its own
    (``setsid``) is not found again and lives on.

    ``started_ns`` is when the system had started it, ``fed_ns`` when the last of its text had gone
    in or it had closed its input; both are ``time.perf_counter_ns()``.

    Args:
        words: the program and its arguments.
        text: what goes to its standard input; None closes that at once.
        environment: its whole environment.

    Raises:
        OSError: the system refuses to start it.
        ValueError: a word cannot be handed over.
    """

    def __init__(
        self, words: Sequence[str], text: bytes | None, environment: Mapping[str, str]
    ) -> None:
        self._process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=dict(environment),
            start_new_session=True,
        )
        self.started_ns = perf_counter_ns()
        self.fed_ns: int | None = self.started_ns if text is None else None
        self._left = memoryview(text or b"")
        self._complaints = bytearray()
        self._selector = selectors.DefaultSelector()
        process = self._process
        assert process.stdout is not None
        assert process.stderr is not None
        self._stdout: IO[bytes] = process.stdout
        self._stderr: IO[bytes] = process.stderr
        self._watch(self._stdout, selectors.EVENT_READ)
        self._watch(self._stderr, selectors.EVENT_READ)
        if process.stdin is not None:
            self._watch(process.stdin, selectors.EVENT_WRITE)

    def _watch(self, pipe: IO[bytes], events: int) -> None:
        os.set_blocking(pipe.fileno(), False)
        self._selector.register(pipe, events)

    async def read(self) -> tuple[bytes, int] | None:
        """Return the next piece that it writes and when it came; None once it closed its output."""
        import anyio

        data = b""
        while not data:
            if self._stdout.closed:
                return None
            # always through the event loop, or a program that floods us would stop the clock
            await anyio.wait_readable(self._selector)
            for key, _ in self._selector.select(0):
                if key.fileobj is self._stdout:
                    data = self._take(self._stdout)
                    came_ns = perf_counter_ns()
                elif key.fileobj is self._stderr:
                    self._hear()
                else:
                    self._feed()
        return data, came_ns

    async def ended(self, limit_s: float | None = None) -> int | None:
        """Wait until it has ended, and return its status as ``subprocess`` gives it.

        None when it goes on after ``limit_s``; without a limit it is waited for.
        """
        import anyio

        pause = 0.0005
        end = math.inf if limit_s is None else anyio.current_time() + limit_s
        while (status := self._process.poll()) is None:
            self._hear()
            if anyio.current_time() >= end:
                return None
            await anyio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
        self._hear()
        return status

    def complaints(self) -> bytes:
        """Return the last 4 KiB that it wrote to standard error."""
        return bytes(self._complaints)

    def kill(self) -> None:
        """Kill all that is left of it, take its status, and close the pipes; may be called twice.

        Nothing is awaited, so that it can be called while a task is cancelled.
        """
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.returncode is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_REAP_LIMIT_S)
        self._selector.close()
        for pipe in (self._process.stdin, self._stdout, self._stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _take(self, pipe: IO[bytes]) -> bytes:
        """Read what is there; at its end the pipe is closed."""
        try:
            data = os.read(pipe.fileno(), _PIECE_BYTES)
        except BlockingIOError:
            return b""
        if not data:
            self._drop(pipe)
        return data

    def _hear(self) -> None:
        """Take what it wrote to standard error, and keep the end of it."""
        if not self._stderr.closed:
            self._complaints += self._take(self._stderr)
            del self._complaints[:-_KEPT_BYTES]

    def _feed(self) -> None:
        """Give it as much of the text as it takes; a program may well ignore its input."""
        pipe = self._process.stdin
        assert pipe is not None
        try:
            self._left = self._left[os.write(pipe.fileno(), self._left) :]
        except BlockingIOError:
            return
        except OSError:
            self._left = self._left[:0]
        if not self._left:
            self.fed_ns = perf_counter_ns()
            self._drop(pipe)

    def _drop(self, pipe: IO[bytes]) -> None:
        self._selector.unregister(pipe)
        with suppress(OSError):
            pipe.close()
