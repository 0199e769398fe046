"""What a benchmark tells while it is on, and how it is stopped."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from echotrace.cli.streams import tell
from echotrace.errors import ExitCode
from echotrace.printable import printable_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from echotrace.benchmark.progress import Progress
    from echotrace.model.benchmark import RunItem, SkippedFile

__all__ = ["Shown", "Stop", "signals_heard", "tell_skipped"]

_NAMED: Final = 10
"""How many skipped files and failed items are named before the rest is only counted."""
_STEPS: Final = 20
"""Lines of progress where stderr is no terminal."""
_CLEAR: Final = "\r\x1b[K"


def tell_skipped(skipped: Sequence[SkippedFile]) -> None:
    """Name the first files that could not be taken, and count the others."""
    for each in skipped[:_NAMED]:
        tell(f"echotrace: skipped {each.path}: {printable_line(each.reason)}")
    if len(skipped) > _NAMED:
        tell(f"echotrace: skipped {len(skipped)} files in all")


class Shown:
    """Shows progress on stderr: one line that is written again on a terminal, else some lines."""

    def __init__(self, progress: Progress, *, quiet: bool) -> None:
        self._progress = progress
        self._quiet = quiet
        self._is_tty = not quiet and sys.stderr.isatty()
        self._next = 1.0 / _STEPS

    def __enter__(self) -> Shown:
        if self._is_tty:
            self._rewrite()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def add(self, item: RunItem) -> None:
        """Count an item, and name it where it failed."""
        progress = self._progress
        progress.add(failed=item.status != "ok")
        if item.error is not None and progress.failed <= _NAMED:
            self.end()
            why = f": {item.error.why}" if item.error.why else ""
            what = f"{item.clip} with {item.engine}" if item.clip else item.engine
            tell(f"echotrace: {what} failed: {item.error.message}{why}")
            if progress.failed == _NAMED:
                tell("echotrace: further failures are only counted")
        if self._is_tty:
            self._rewrite()
        elif not self._quiet and progress.done >= self._next * progress.total:
            tell(f"echotrace: {progress.text()}")
            self._next = (progress.done * _STEPS // progress.total + 1) / _STEPS

    def end(self) -> None:
        """Take the line away."""
        if self._is_tty:
            _to_stderr(_CLEAR)

    def _rewrite(self) -> None:
        _to_stderr(_CLEAR + self._progress.text()[: _width() - 1])


def _width() -> int:
    with suppress(OSError, ValueError):
        return os.get_terminal_size(2).columns or 80
    return 80


def _to_stderr(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


@dataclass(slots=True)
class Stop:
    """The first signal is told to whoever reads ``wake``; the second ends the process."""

    wake: int
    code: ExitCode = ExitCode.INTERRUPTED


@contextmanager
def signals_heard() -> Iterator[Stop]:
    """Hear SIGINT and SIGTERM in the block instead of what is done about them outside."""
    wake, told = os.pipe()
    stop = Stop(wake)
    heard: list[int] = []

    def hear(number: int, _frame: FrameType | None) -> None:
        code = ExitCode.TERMINATED if number == signal.SIGTERM else ExitCode.INTERRUPTED
        if heard:
            os._exit(code)  # the workers end with their pipes
        heard.append(number)
        stop.code = code
        os.write(told, b"\0")

    before = {each: signal.signal(each, hear) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(wake)
        os.close(told)
