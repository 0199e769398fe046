"""What lies inside the parts of a turn, or ran beside them: told, and never added."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Measurement
from echotrace.model.reconciled import TurnPart
from echotrace.reconcile.pieces import BY_TRACE, FAINT_MS, Piece, rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.trace import ClaimedPart
    from echotrace.reconcile.works import Clock, Told

__all__ = ["parts_beside"]

_HIDDEN_MS: Final = 20.0
"""Work that ran beside the path for less is not told."""
_MOST: Final = 12
_WAIT: Final = "endpointing_wait"


def parts_beside(
    told: Told,
    pieces: Sequence[Piece],
    clock: Clock,
    *,
    begin_s: float,
    handed_s: float,
    waited: bool,
) -> list[TurnPart]:
    """Return parts that the trace puts inside others, that begin backwards, or ran beside.

    Args:
        told: the work of the turn.
        pieces: the parts that were laid.
        clock: that of the parts.
        begin_s: the caller's end.
        handed_s: when the sound was handed out.
        waited: the turn begins with its endpointing wait, which may have gone on beside others.
    """
    found = [_told_inside(part, clock, part.inside or _WAIT) for part in told.inside]
    for part in told.backward:
        if part.start_s is not None and part.ms <= -FAINT_MS:
            at_s = clock.to_recording(part.start_s)
            found.append(_told_inside(part, clock, _host(pieces, at_s - 1e-4) or _WAIT))
    hidden = [*told.works]
    if told.wait is not None and waited:
        wait = replace(told.wait, start_s=max(told.wait.start_s, begin_s))
        hidden.append(wait)
    for work in sorted(hidden, key=lambda work: work.start_s):
        start_s, end_s = max(work.start_s, begin_s), min(work.end_s, handed_s)
        for piece in pieces:
            if piece.key != work.key or piece.start_s is None or piece.end_s is None:
                continue
            if piece.start_s <= start_s + 0.001:
                start_s = max(start_s, piece.end_s)
            elif piece.end_s >= end_s - 0.001:
                end_s = min(end_s, piece.start_s)
        ms = (end_s - start_s) * 1000.0
        host = _host(pieces, (start_s + end_s) / 2.0)
        if ms < _HIDDEN_MS or host is None or host == work.key:
            continue
        found.append(
            TurnPart(
                key=work.key,
                owner=work.owner,
                owner_kind=work.owner_kind,
                ms=Measurement.measured(round(ms, 1), "ms", method="ran beside it"),
                start_s=rounded(start_s),
                end_s=rounded(end_s),
                inside=host,
            )
        )
    return found[:_MOST]


def _told_inside(part: ClaimedPart, clock: Clock, host: str) -> TurnPart:
    start_s = None if part.start_s is None else clock.to_recording(part.start_s)
    end_s = None if start_s is None else start_s + part.ms / 1000.0
    return TurnPart(
        key=part.key,
        owner=part.owner,
        owner_kind=part.owner_kind,
        ms=Measurement.measured(round(part.ms, 1), "ms", method=BY_TRACE),
        start_s=rounded(start_s),
        end_s=rounded(end_s),
        inside=host,
    )


def _host(pieces: Sequence[Piece], at_s: float) -> str | None:
    """Return the part that a moment belongs to."""
    for piece in pieces:
        if piece.start_s is None or piece.end_s is None:
            continue
        if piece.start_s <= at_s < piece.end_s:
            return piece.key
    return None
