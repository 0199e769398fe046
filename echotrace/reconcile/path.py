"""What an answer waited for: its critical path, walked back from the moment it was handed out.

Each instant belongs to the work that the answer waited for last. Before a piece of work came the
one that ended last before it began; where nothing had just ended, whatever was under way.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CLOSE_S", "Path", "Step", "Work", "walk_back"]

CLOSE_S: Final = 0.02
"""Work that ends this little after what waited for it had ended: two clocks measured them."""
_CONTIGUOUS_S: Final = 0.05
"""Before the caller's end only work that follows on what came before belongs to the answer."""
_FAINT_S: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Work on one part, on any one clock; ``number`` is its place among the turn's parts.

    ``end_s`` is when what follows could begin: the first token or sound of a stage that streams.
    """

    key: str
    start_s: float
    end_s: float
    owner: str = ""
    owner_kind: str = "service"
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A stretch of the path that belongs to one piece of work; it may be only a part of it."""

    work: Work
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """The steps in the order of time, without the wait for the caller's end.

    ``begins_s`` is where the path begins. ``waited`` tells whether it begins with the wait for
    the caller's end, so that this wait lasts until then.
    """

    steps: tuple[Step, ...]
    begins_s: float
    waited: bool = False


def walk_back(
    works: Iterable[Work], *, from_s: float, until_s: float, ended_s: float | None = None
) -> Path:
    """Walk from ``from_s`` back to the caller's end at ``until_s``, or past it where work does.

    ``ended_s`` is when the pipeline took the turn as ended, None where that is not known. The path
    begins there where nothing that the answer waited for ended later, and before it where work
    that it waited for had begun already.
    """
    lasting = (work for work in works if work.end_s - work.start_s > _FAINT_S)
    ended = sorted(lasting, key=lambda work: (work.end_s, -work.start_s))
    running: list[tuple[float, int, Work]] = []
    steps: list[Step] = []
    cursor = from_s

    def path(begins_s: float, *, waited: bool = False) -> Path:
        return Path(steps=tuple(reversed(steps)), begins_s=begins_s, waited=waited)

    while True:
        while ended and ended[-1].end_s > cursor + CLOSE_S:
            work = ended.pop()
            heapq.heappush(running, (work.start_s, len(ended), work))
        while ended and ended[-1].start_s >= cursor - _FAINT_S:
            ended.pop()
        before = ended[-1] if ended else None
        is_waiting = ended_s is not None and ended_s > cursor + CLOSE_S
        earliest_s = cursor - _CONTIGUOUS_S if is_waiting else min(until_s, cursor - _CONTIGUOUS_S)
        if before is not None and before.end_s < earliest_s:
            before = None
        if is_waiting and before is None:
            return path(cursor, waited=True)
        floor_s = before.end_s if before is not None else min(until_s, cursor)
        if ended_s is not None and not is_waiting:
            floor_s = max(floor_s, ended_s) if before is not None else ended_s
        handover_s = _FAINT_S if before is None and ended_s is None else CLOSE_S
        if running and floor_s < cursor - handover_s and running[0][0] < cursor - _FAINT_S:
            begin_s = max(running[0][0], floor_s)
            steps.append(Step(work=running[0][2], start_s=begin_s, end_s=cursor))
            cursor = begin_s
        elif ended_s is not None and not is_waiting and floor_s <= ended_s:
            return path(min(ended_s, cursor), waited=True)
        elif before is None:
            return path(cursor)
        else:
            ended.pop()
            end_s = min(before.end_s, cursor)
            steps.append(Step(work=before, start_s=before.start_s, end_s=end_s))
            cursor = before.start_s
