"""How far a run is, how fast it goes, and when it will be done."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Progress", "duration_text"]

_FIRST: Final = 3
"""Items after which the pace says something."""


class Progress:
    """Counts items; ``done`` of ``total`` had a result before this run began.

    Args:
        total: the items of a whole run.
        done: those that need not be made any more.
        clock: seconds.
    """

    def __init__(
        self, total: int, done: int = 0, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self.total = total
        self.done = done
        self.failed = 0
        self._before = done
        self._clock = clock
        self._begun = clock()

    def add(self, *, failed: bool) -> None:
        """Count one item."""
        self.done += 1
        self.failed += failed

    @property
    def rate(self) -> float | None:
        """Items per second of this run, None while it is too young."""
        made, taken = self.done - self._before, self._clock() - self._begun
        return made / taken if made >= _FIRST and taken > 0 else None

    @property
    def left_s(self) -> float | None:
        """Seconds until the end at this pace, None while nobody can tell."""
        rate = self.rate
        return (self.total - self.done) / rate if rate else None

    def text(self) -> str:
        """Such as ``12/200 items, 1.4/s, 2 min 14 s left, 1 failed``."""
        parts = [f"{self.done}/{self.total} items"]
        rate, left = self.rate, self.left_s
        if rate is not None:
            parts.append(f"{rate:.1f}/s" if rate >= 1 else f"{60 * rate:.1f}/min")
        if left is not None and self.done < self.total:
            parts.append(f"{duration_text(left)} left")
        if self.failed:
            parts.append(f"{self.failed} failed")
        return ", ".join(parts)


def duration_text(seconds: float) -> str:
    """Such as ``8 s``, ``2 min 14 s`` or ``3 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3_600} h {whole % 3_600 // 60} min"
