"""The turns of two reports of one recording, paired by their place on it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from echotrace.comparison.verdict import Verdict, judged
from echotrace.model.conversation import Turn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.conversation import TurnSide
    from echotrace.model.measure import Measurement
    from echotrace.model.report import Report

__all__ = ["TurnChange", "TurnChanges", "pair_by_time", "turn_changes"]

_MOST_CANDIDATES = 4_000_000
"""Turns of a call overlap few others; where all overlap all, none are paired."""

Pairs = list[tuple[Turn | None, Turn | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnChange:
    """A turn in both reports, or in one; ``verdict`` is that of its heard gap where that moved."""

    a: Turn | None
    b: Turn | None
    verdict: Verdict
    why: str = ""

    @property
    def difference(self) -> float | None:
        """The heard gap of B less that of A in ms; None where one was not measured."""
        if self.a is None or self.b is None:
            return None
        left, right = self.a.heard_gap_ms.value, self.b.heard_gap_ms.value
        return None if left is None or right is None else right - left


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnChanges:
    """The rows, the largest change of the heard gap first, or why there are none."""

    rows: tuple[TurnChange, ...] = ()
    reason: str = ""


def turn_changes(a: Report, b: Report, *, unlike: str) -> TurnChanges:
    """Pair the turns of two reports and order them by how far their heard gap moved.

    Turns of one recording are the same where they lie at the same time, whatever their numbers.
    ``unlike`` says why the recordings are not the same: no turn of one is a turn of the other.
    """
    left = a.conversation.turns if a.conversation else ()
    right = b.conversation.turns if b.conversation else ()
    if not left and not right:
        return TurnChanges(reason=_why_none(a, b))
    if unlike:
        return TurnChanges(reason=unlike)
    pairs = pair_by_time(left, right)
    if pairs is None:
        return TurnChanges(reason="too many turns overlap to tell which are the same")
    rows = sorted((_change(before, after) for before, after in pairs), key=_order)
    return TurnChanges(rows=tuple(rows))


def pair_by_time(a: Sequence[Turn], b: Sequence[Turn]) -> Pairs | None:
    """Pair the turns that share most of their time, each at most once.

    The measure is the time that both have, side by side, over the time that either has; the best
    pairs are taken first. None if too many turns overlap to look at all pairs.
    """
    left, right = _sorted(a), _sorted(b)
    found: list[tuple[float, int, int, int, int]] = []
    for looked_at, (first, second) in enumerate(_overlapping(left, right)):
        if looked_at >= _MOST_CANDIDATES:
            return None
        share = _share(left[first], right[second])
        if share > 0:
            found.append((-share, min(first, second), max(first, second), first, second))
    found.sort()
    mate: dict[int, int] = {}
    taken: set[int] = set()
    for *_, first, second in found:
        if first not in mate and second not in taken:
            mate[first] = second
            taken.add(second)
    pairs: Pairs = [(turn, right[mate[at]] if at in mate else None) for at, turn in enumerate(left)]
    return [*pairs, *((None, turn) for at, turn in enumerate(right) if at not in taken)]


def _overlapping(left: Sequence[Turn], right: Sequence[Turn]) -> Iterator[tuple[int, int]]:
    """Yield the positions of turns that may touch; both are in the order of their begin."""
    spans = [_span(turn) for turn in right]
    reached = list(accumulate((end for _, end in spans), max))
    for first, turn in enumerate(left):
        begin, end = _span(turn)
        for second in range(bisect_left(reached, begin), len(right)):
            if spans[second][0] > end:
                break
            yield first, second


def _sorted(turns: Sequence[Turn]) -> list[Turn]:
    return sorted(turns, key=lambda turn: (*_span(turn), turn.id, turn.kind, _gap(turn)))


def _gap(turn: Turn) -> float:
    return turn.heard_gap_ms.value if turn.heard_gap_ms.value is not None else float("inf")


def _span(turn: Turn) -> tuple[float, float]:
    sides = [side for side in (turn.user, turn.agent) if side]
    begin = min((side.start_s for side in sides), default=0.0)
    return begin, max((begin, *(side.end_s for side in sides)))


def _share(a: Turn, b: Turn) -> float:
    sides = ((a.user, b.user), (a.agent, b.agent))
    if all(_place(one) == _place(other) for one, other in sides):
        return 1.0
    both = sum(_both(one, other) for one, other in sides)
    lengths = sum(_length(side) for pair in sides for side in pair)
    return both / (lengths - both) if lengths > both else 0.0


def _place(side: TurnSide | None) -> tuple[float, float] | None:
    return (side.start_s, side.end_s) if side else None


def _length(side: TurnSide | None) -> float:
    return max(0.0, side.end_s - side.start_s) if side else 0.0


def _both(a: TurnSide | None, b: TurnSide | None) -> float:
    if a is None or b is None:
        return 0.0
    return max(0.0, min(a.end_s, b.end_s) - max(a.start_s, b.start_s))


def _change(a: Turn | None, b: Turn | None) -> TurnChange:
    if a is None or b is None:
        verdict = Verdict.ONLY_B if a is None else Verdict.ONLY_A
        return TurnChange(a=a, b=b, verdict=verdict, why="the other report has no such turn")
    verdict, why = _judged_gap(a.heard_gap_ms, b.heard_gap_ms)
    if not verdict.is_difference:
        alike, reason = _rest(a, b)
        verdict, why = (alike, reason) if alike.is_difference else (Verdict.SAME, "")
    return TurnChange(a=a, b=b, verdict=verdict, why=why)


def _judged_gap(a: Measurement, b: Measurement) -> tuple[Verdict, str]:
    """Judge a gap; below 0 the agent began too early, and then less is not better."""
    verdict, why = judged(a, b, more_is_better=False, by_edges=True)
    if verdict in (Verdict.ONLY_A, Verdict.ONLY_B):
        only = Verdict.GAP_A if verdict is Verdict.ONLY_A else Verdict.GAP_B
        return only, "both have the turn, and the other report does not have its gap"
    early = a.value is not None and b.value is not None and min(a.value, b.value) < 0
    if early and verdict in (Verdict.BETTER, Verdict.WORSE):
        return Verdict.CHANGED, "a gap below 0 is an early start: less of it is not better"
    return verdict, why


def _rest(a: Turn, b: Turn) -> tuple[Verdict, str]:
    if a.kind != b.kind:
        return Verdict.CHANGED, "the turn is of another kind"
    if a.yield_ms is None and b.yield_ms is None:
        return Verdict.SAME, ""
    if a.yield_ms is None or b.yield_ms is None:
        who = "B" if a.yield_ms is None else "A"
        return Verdict.CHANGED, f"the caller barged in in {who} only"
    verdict, why = judged(a.yield_ms, b.yield_ms, more_is_better=False, by_edges=True)
    if verdict in (Verdict.ONLY_A, Verdict.ONLY_B):
        who = "A" if verdict is Verdict.ONLY_A else "B"
        return Verdict.CHANGED, f"the yield was measured in {who} only"
    return verdict, f"yield: {why}" if why else ""


def _order(row: TurnChange) -> tuple[int, float, float, int]:
    moved = row.difference
    turn = row.a or row.b
    number, begin = (turn.id, _span(turn)[0]) if turn else (0, 0.0)
    if moved:
        return 0, -abs(moved), begin, number
    if not row.verdict.is_difference:
        return 3, 0.0, begin, number
    return (2 if row.a is None or row.b is None else 1), 0.0, begin, number


def _why_none(a: Report, b: Report) -> str:
    told = []
    for name, report in (("A", a), ("B", b)):
        call, entry = report.conversation, report.analyzers.get("turns")
        if call is None:
            reason = entry.reason if entry and entry.reason else "the turns were not analysed"
        else:
            reason = call.reason or "no turn was heard"
        told.append(f"{name}: {reason}")
    return "; ".join(told)
