"""A series of requests: one cold, then the measured ones, spaced, perhaps several at a time.

A failure is kept and the series goes on, unless it is one that the next request would only repeat
(a refused key), or one that asks to be left alone (a rate limit).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from echotrace.errors import ProviderError
from echotrace.model.probes import ProbeFailure, RequestSample
from echotrace.providers.taken import Due, Taken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence

__all__ = ["Plan", "Series", "reason_of", "run_series"]

P = TypeVar("P")
S = TypeVar("S", bound=RequestSample)

_LASTING: Final = (
    "_KEY_MISSING",
    "_KEY_REFUSED",
    "_MODEL_UNKNOWN",
    "_NOT_FOUND",
    "_OFFLINE",
    "_DNS",
    "_TLS",
    "_CONNECTION_REFUSED",
    "_CONNECT_TIMEOUT",
    "_CONNECTION_FAILED",
    "_RATE_LIMIT",
    "_REQUEST_REFUSED",
    "_REDIRECT",
    "_HTML",
    "_NOT_A_STREAM",
    "_NOT_AUDIO",
    "_COMMAND_MISSING",
    "_NOT_EXECUTABLE",
    "_SILENT",
)
"""How the codes of failures end that one more request would only meet again."""
_PATIENCE: Final = 5
"""So many failures of one worker in a row end a series."""
_PATIENCE_WITH_SILENCE: Final = 2
"""So many in a row when the latest was silence, each of which takes the whole time limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many measured requests, the pause between two of one worker, and the workers."""

    count: int
    spacing_s: float
    concurrency: int = 1
    cold: bool = True


@dataclass(slots=True)
class Series(Generic[S]):
    """What a series left: all samples in the order in which they were due, and the errors."""

    plan: Plan
    taken: list[Taken[S]] = field(default_factory=list)
    ended_by: ProviderError | None = None

    @property
    def samples(self) -> tuple[S, ...]:
        """Every request that was made."""
        return tuple(item.sample for item in sorted(self.taken, key=lambda one: one.sample.index))

    @property
    def warm(self) -> tuple[S, ...]:
        """The measured requests that were answered."""
        return tuple(item for item in self.samples if not item.cold and item.status != "failed")

    @property
    def cold(self) -> S | None:
        """The first cold request that was answered."""
        return next((item for item in self.samples if item.cold and item.status != "failed"), None)

    @property
    def not_made(self) -> int:
        """How many measured requests were given up before they were made."""
        return self.plan.count - sum(not item.cold for item in self.samples)

    @property
    def errors(self) -> tuple[ProviderError, ...]:
        """The errors of all requests that failed, those of the cold ones first."""
        found = sorted(self.taken, key=lambda one: (not one.sample.cold, one.sample.index))
        return tuple(item.error for item in found if item.error is not None)

    @property
    def error(self) -> ProviderError | None:
        """What ended the series, else its first error."""
        return self.ended_by or next(iter(self.errors), None)

    @property
    def failures(self) -> tuple[ProbeFailure, ...]:
        """The failures by kind, the most frequent first."""
        by_code: dict[str, list[ProviderError]] = {}
        for error in self.errors:
            by_code.setdefault(error.code, []).append(error)
        kinds = (
            ProbeFailure(
                code=code, count=len(same), reason=reason_of(same[0]), hint=same[0].hint or None
            )
            for code, same in by_code.items()
        )
        return tuple(sorted(kinds, key=lambda kind: -kind.count))


def reason_of(error: ProviderError) -> str:
    """Return what happened and why, in one line."""
    return f"{error.what}: {error.why}" if error.why else error.what


class _Runner(Generic[P, S]):
    def __init__(self, plan: Plan, take: Callable[[P, Due], Awaitable[Taken[S]]]) -> None:
        self.series: Series[S] = Series(plan)
        self._take = take
        self._index = 0
        self._left = plan.count
        self._origin_ns: int | None = None

    async def open(self, worker: P) -> None:
        """Make the cold request, again where it failed and may be tried again."""
        failed = 0
        while self.series.ended_by is None:
            taken = await self._one(worker, cold=True)
            if taken.error is None:
                return
            failed += 1
            self._judge(taken.error, failed, cold=True)
            await self._pause()

    async def measure(self, worker: P) -> None:
        """Make measured requests until none is left."""
        failed = 0
        while self.series.ended_by is None and self._left > 0:
            await self._pause()
            if self._left <= 0:
                return
            self._left -= 1
            taken = await self._one(worker, cold=False)
            failed = 0 if taken.error is None else failed + 1
            if taken.error is not None:
                self._judge(taken.error, failed, cold=False)

    async def _pause(self) -> None:
        if self.series.ended_by is None and self.series.taken:
            await asyncio.sleep(self.series.plan.spacing_s)

    async def _one(self, worker: P, *, cold: bool) -> Taken[S]:
        now_ns = time.perf_counter_ns()
        if self._origin_ns is None:
            self._origin_ns = now_ns
        due = Due(index=self._index, cold=cold, due_ns=now_ns, origin_ns=self._origin_ns)
        self._index += 1
        taken = await self._take(worker, due)
        self.series.taken.append(taken)
        return taken

    def _judge(self, error: ProviderError, in_a_row: int, *, cold: bool) -> None:
        silent = error.code.endswith("_STALL")
        lasting = error.code.endswith(_LASTING) or (cold and silent)
        if lasting or in_a_row >= (_PATIENCE_WITH_SILENCE if silent else _PATIENCE):
            self.series.ended_by = self.series.ended_by or error


async def run_series(
    workers: Sequence[P], take: Callable[[P, Due], Awaitable[Taken[S]]], plan: Plan
) -> Series[S]:
    """Let each worker make its cold request; after all of them they share the measured ones.

    Args:
        workers: one for each request at a time; each has a connection of its own.
        take: makes one request; what it raises ends the series.
        plan: how many, and how far apart.
    """
    runner: _Runner[P, S] = _Runner(plan, take)
    if plan.cold:
        await _together(runner.open(worker) for worker in workers)
    await _together(runner.measure(worker) for worker in workers)
    return runner.series


async def _together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all at the same time; when one raises the others are stopped before it is passed on."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
