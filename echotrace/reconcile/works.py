"""What a trace tells of one turn's work: pieces with a place, and durations without one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from echotrace.model.trace import PARTS, ClaimedPart
from echotrace.reconcile.path import Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.trace import TraceSpan, TraceTurn

__all__ = ["AFTER_PLAYOUT", "Clock", "Told", "order_of", "told_by"]

AFTER_PLAYOUT: Final = ("output_transport", "tts_leading_silence")
"""Parts that pass after the pipeline has handed the sound out."""
_NEAR_S: Final = 0.005
_MOST_MS: Final = 86_400_000.0
"""What is longer than a day is no part of an answer."""
_FAINT_MS: Final = 0.5
"""A moment that was written as a span, and no work."""
_WAIT: Final = "endpointing_wait"
_ORDER: Final = {key: at for at, key in enumerate(PARTS)}


class Clock(Protocol):
    """What brings a moment of the trace to the clock that the parts are told on."""

    def to_recording(self, trace_s: float) -> float:
        """Return the moment on that clock."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The work of one turn, on the clock of its parts.

    ``works`` have a place and a length; ``wait`` is the endpointing wait where it has a place, and
    ``ended_s`` when it was over. ``loose`` have a length alone, in the order in which a turn goes
    through them. ``after`` says by key how long what follows the playout took, in ms. ``inside``
    lies in other parts; ``backward`` are parts that begin after they end, because what follows
    began early.
    """

    works: tuple[Work, ...]
    wait: Work | None
    ended_s: float | None
    loose: tuple[ClaimedPart, ...]
    after: dict[str, float]
    inside: tuple[ClaimedPart, ...]
    backward: tuple[ClaimedPart, ...]


def order_of(key: str) -> int:
    """Return where in a turn a part comes; one that nobody knows comes last."""
    return _ORDER.get(key, len(_ORDER))


def told_by(
    turn: TraceTurn, spans: Sequence[TraceSpan], clock: Clock, *, playout_s: float | None
) -> Told:
    """Sort what a turn claims and its spans show; spans of a part count where it is not claimed.

    ``playout_s`` is when the sound was handed out, on the clock of the parts.
    """
    claimed = [part for part in turn.parts if part.inside is None and abs(part.ms) < _MOST_MS]
    placed, unplaced = _placed(claimed, spans)
    works: list[Work] = []
    backward: list[ClaimedPart] = []
    waits: list[Work] = []
    after: dict[str, float] = defaultdict(float)
    for part in placed:
        assert part.start_s is not None
        work = Work(
            key=part.key,
            start_s=clock.to_recording(part.start_s),
            end_s=clock.to_recording(part.start_s + part.ms / 1000.0),
            owner=part.owner,
            owner_kind=part.owner_kind,
        )
        if part.ms < 0.0:
            backward.append(part)
        elif part.key == _WAIT:
            waits.append(work)
        elif part.ms < _FAINT_MS:
            continue
        elif _follows(work, playout_s):
            after[part.key] += part.ms
        else:
            works.append(work)
    loose = []
    for part in unplaced:
        if part.key in AFTER_PLAYOUT:
            after[part.key] += part.ms
        else:
            loose.append(part)
    wait = max(waits, key=lambda work: work.end_s, default=None)
    return Told(
        works=tuple(works),
        wait=wait,
        ended_s=_ended_s(turn, wait, clock),
        loose=tuple(sorted(loose, key=lambda part: order_of(part.key))),
        after=dict(after),
        inside=tuple(part for part in turn.parts if part.inside is not None),
        backward=tuple(backward),
    )


def _placed(
    claimed: Sequence[ClaimedPart], spans: Sequence[TraceSpan]
) -> tuple[list[ClaimedPart], list[ClaimedPart]]:
    """Split into parts with and without a place; as many spans as claims give those theirs."""
    shown: dict[str, list[TraceSpan]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start_s):
        if span.part is not None and span.status != "cancelled":
            shown[span.part].append(span)
    keys: dict[str, list[ClaimedPart]] = defaultdict(list)
    for part in claimed:
        keys[part.key].append(part)
    placed, unplaced = [], []
    for key, parts in keys.items():
        found = shown.pop(key, [])
        at = [part.start_s for part in parts]
        if None in at and len(found) == len(parts):
            at = [span.start_s for span in found]
        for part, start_s in zip(parts, at, strict=True):
            if start_s is None:
                unplaced.append(part)
            else:
                placed.append(_at(part, start_s))
    placed += [_part_of(span) for found in shown.values() for span in found]
    return placed, unplaced


def _at(part: ClaimedPart, start_s: float) -> ClaimedPart:
    return part if part.start_s == start_s else replace(part, start_s=start_s)


def _part_of(span: TraceSpan) -> ClaimedPart:
    end_s = span.end_s if span.first_output_s is None else span.first_output_s
    return ClaimedPart(
        key=span.part or "",
        ms=max(0.0, end_s - span.start_s) * 1000.0,
        owner=span.owner or span.name,
        owner_kind=span.owner_kind or "service",
        start_s=span.start_s,
        source="span",
    )


def _follows(work: Work, playout_s: float | None) -> bool:
    """Whether work is what passes between the playout and the first audible sample."""
    if work.key not in AFTER_PLAYOUT:
        return False
    return playout_s is None or work.end_s > playout_s + _NEAR_S


def _ended_s(turn: TraceTurn, wait: Work | None, clock: Clock) -> float | None:
    """When the pipeline took the turn as ended, by its wait or by its detector's word."""
    if wait is not None:
        return wait.end_s
    user = turn.user
    if user is None or user.end_s is None or user.edge != "detected":
        return None
    return clock.to_recording(user.end_s)
