"""How far a long piece of work is, how fast it goes, and how long it will take."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

from echotrace.cli.streams import tell

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType

    from rich.status import Status

__all__ = ["Meter", "duration_text", "size_text"]

_EVERY_S: Final = 5.0
"""How often a line is told where no terminal shows one that changes."""
_REDRAWN_S: Final = 0.1


class Meter:
    """Progress on stderr: a line that changes on a terminal, elsewhere one every few seconds.

    The rate leaves out what was there already, which takes no time.
    """

    def __init__(self, noun: str, total: int, *, quiet: bool = False) -> None:
        self._noun = noun
        self._total = total
        self._quiet = quiet
        self._context: AbstractContextManager[Status] | None = None
        self._status: Status | None = None
        self._began = self._told = time.monotonic()

    def __enter__(self) -> Meter:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console

            self._context = Console(stderr=True).status("")
            self._status = self._context.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._context is not None:
            self._context.__exit__(kind, error, traceback)

    def show(self, done: int, *, already: int = 0) -> None:
        """Tell how much is done, where it is time to."""
        now = time.monotonic()
        wait_s = _EVERY_S if self._status is None else _REDRAWN_S
        if self._quiet or now - self._told < wait_s:
            return
        self._told = now
        line = progress_line(self._noun, done, self._total, done - already, now - self._began)
        if self._status is None:
            tell(f"echotrace: {line}")
        else:
            from rich.text import Text

            self._status.update(Text(line))


def progress_line(noun: str, done: int, total: int, worked: int, elapsed_s: float) -> str:
    """Return such as ``120 of 800 files, 24.1 files/s, 28 s left``."""
    text = f"{done} of {total} {noun}"
    if worked <= 0 or elapsed_s <= 0:
        return text
    rate = worked / elapsed_s
    return f"{text}, {rate:.1f} {noun}/s, {duration_text((total - done) / rate)} left"


def duration_text(seconds: float) -> str:
    """Return a duration as a reader wants it: ``40 s``, ``3 min``, ``2 h 10 min``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def size_text(size: float) -> str:
    """Return a number of bytes as ``12 kB``, ``3.4 MB`` or ``1.2 GB``."""
    for unit, least in (("GB", 1e9), ("MB", 1e6)):
        if size >= least:
            return f"{size / least:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"
