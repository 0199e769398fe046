"""One wait again, with parts of other lengths; work that ran beside them still takes its time.

The pieces of a wait lie one behind the other. A piece that gets shorter lets the next begin sooner,
but not sooner than work which ran beside it and ended under it: recognition goes on while the
endpointer waits. Such work begins when it began, moved with the piece in which that was.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from echotrace.model.trace import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from echotrace.whatif.cases import Case, Piece, Work
    from echotrace.whatif.change import Change

__all__ = ["Replayed", "Wait", "replay"]

EARLY_MS: Final = 50.0
"""Work that begins less than this before its own piece began with it: clocks are no better."""
_ON_ITS_OWN: Final = ("transcription", "turn_detection", "llm_inference", "tool_call")
"""Work that can begin before the part in front of it ends; the others need that part's output."""
_BESIDE_OTHERS: Final = ("endpointing_wait", *_ON_ITS_OWN)
"""Parts beside which others run that the answer needs as well."""
_ORDER: Final = {key: at for at, key in enumerate(PARTS)}
_FAINT_MS: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The new gap; ``held_ms`` of the saving was taken back by work on ``held_by``."""

    gap_ms: float
    held_ms: float = 0.0
    held_by: str | None = None
    is_bound: bool = False


def replay(case: Case, changes: Mapping[str, Change], *, slack_ms: float = 0.0) -> Replayed:
    """Return the gap of the wait after the changes, in ms; without any it is the same number."""
    return Wait(case, slack_ms=slack_ms).replay(changes)


class Wait:
    """One wait made ready for many replays: its placed pieces in order, and the work bound to each.

    ``slack_ms`` is how far the times of work may be off beside those of the pieces.
    """

    def __init__(self, case: Case, *, slack_ms: float = 0.0) -> None:
        self._case = case
        self._early_ms = EARLY_MS + slack_ms
        placed = [
            _Placed(start_ms=piece.start_ms, end_ms=piece.end_ms, key=piece.key, index=index)
            for index, piece in enumerate(case.pieces)
            if piece.start_ms is not None and piece.end_ms is not None
        ]
        self._placed = sorted(placed, key=lambda item: (item.start_ms, item.end_ms))
        self._own: dict[int, list[Work]] = defaultdict(list)
        self._beside: dict[int, list[Work]] = defaultdict(list)
        for work in case.works:
            self._bind(work)

    def replay(self, changes: Mapping[str, Change]) -> Replayed:
        """Return the gap after the changes; without any it is the same number."""
        pieces = self._case.pieces
        lengths = _lengths(pieces, changes)
        deltas = [new - piece.ms for piece, new in zip(pieces, lengths, strict=True)]
        moved, held_by = self._run(lengths, changes)
        moved += sum(
            delta
            for piece, delta in zip(pieces, deltas, strict=True)
            if piece.start_ms is None or piece.end_ms is None
        )
        held_ms = moved - sum(deltas)
        if held_ms <= _FAINT_MS:
            held_by = None
        return Replayed(
            gap_ms=self._case.gap_ms + (0.0 if abs(moved) < _FAINT_MS else moved),
            held_ms=round(held_ms, 3) if held_by else 0.0,
            held_by=held_by,
            is_bound=any(map(self._is_bound, pieces, deltas)),
        )

    def _is_bound(self, piece: Piece, delta: float) -> bool:
        """Whether a piece that shrinks may have had unknown company."""
        if delta >= 0.0 or self._case.is_sum or piece.key not in _BESIDE_OTHERS:
            return False
        return not self._case.is_watched or piece.start_ms is None

    def _bind(self, work: Work) -> None:
        mine = [
            (min(work.end_ms, item.end_ms) - max(work.start_ms, item.start_ms), at)
            for at, item in enumerate(self._placed)
            if item.key == work.key and work.start_ms < item.end_ms and work.end_ms > item.start_ms
        ]
        if mine:
            at = max(mine)[1]
            early = self._placed[at].start_ms - work.start_ms > self._early_ms
            if early and work.key in _ON_ITS_OWN:
                self._own[at].append(work)
            return
        for at, item in enumerate(self._placed):
            under = item.key in _BESIDE_OTHERS or item.key == "unaccounted"
            ends_here = item.start_ms < work.end_ms <= item.end_ms + _FAINT_MS
            if under and ends_here and self._is_awaited(work, at):
                self._beside[at].append(work)

    def _is_awaited(self, work: Work, at: int) -> bool:
        """Whether what follows the piece can need this work's output."""
        if work.key not in _BESIDE_OTHERS:
            return False
        following = self._placed[at + 1].key if at + 1 < len(self._placed) else "unaccounted"
        return _ORDER[work.key] < _ORDER.get(following, len(PARTS))

    def _run(
        self, lengths: Sequence[float], changes: Mapping[str, Change]
    ) -> tuple[float, str | None]:
        """Return how far the last piece's end moves in ms, and which work held it back most."""
        shift = 0.0
        shifts: list[float] = []
        most, held_by = _FAINT_MS, None
        for at, item in enumerate(self._placed):
            shifts.append(shift)
            due = limit = item.start_ms + shift + lengths[item.index]
            early = [work for work in self._own.get(at, ()) if not _is_set(work, changes)]
            if early:
                over = [self._over(work, item.end_ms, shifts, changes) for work in early]
                limit = max(item.start_ms + shift, *over)
                if limit - due > most:
                    most, held_by = limit - due, early[0].key
            for work in self._beside.get(at, ()):
                done = self._done(work, work.end_ms, shifts, changes)
                if done - limit > most:
                    most, held_by = done - limit, work.key
                limit = max(limit, done)
            shift = limit - item.end_ms
            if abs(shift) < _FAINT_MS:
                shift = 0.0
        return shift, held_by

    def _over(
        self, work: Work, end_ms: float, shifts: Sequence[float], changes: Mapping[str, Change]
    ) -> float:
        """Return when the piece is over whose work began before it."""
        used_ms = min(work.end_ms, end_ms)
        return self._done(work, used_ms, shifts, changes) + end_ms - used_ms

    def _done(
        self, work: Work, until_ms: float, shifts: Sequence[float], changes: Mapping[str, Change]
    ) -> float:
        """Return when the work is done that was done at ``until_ms``."""
        moved = 0.0
        for item, shift in zip(self._placed, shifts, strict=False):
            if item.start_ms <= work.start_ms + self._early_ms:
                moved = shift
        length = max(0.0, until_ms - work.start_ms)
        change = changes.get(work.key)
        return work.start_ms + moved + (length if change is None else change.of(length))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A piece whose place is known; ``index`` is its place among all pieces."""

    start_ms: float
    end_ms: float
    key: str
    index: int


def _is_set(work: Work, changes: Mapping[str, Change]) -> bool:
    change = changes.get(work.key)
    return change is not None and change.how == "set"


def _lengths(pieces: Sequence[Piece], changes: Mapping[str, Change]) -> list[float]:
    """Return the new length of each piece; several of one part share what it is set to."""
    together: dict[str, list[float]] = defaultdict(list)
    for piece in pieces:
        if piece.ms >= 0.0:
            together[piece.key].append(piece.ms)
    lengths, begun = [], set()
    for piece in pieces:
        change = changes.get(piece.key)
        new = piece.ms
        if change is not None and piece.ms >= 0.0:
            total = sum(together[piece.key])
            if total > 0.0:
                new = piece.ms * (change.of(total) / total)
            elif piece.key not in begun:
                new = change.of(0.0)
            begun.add(piece.key)
        lengths.append(new)
    return lengths
