"""The caller's recorded pauses replayed against an endpointing wait.

A pause inside a turn of the caller that is longer than the wait would have been taken for its end.
A turn is cut off once: what its caller would have done after the agent came in, nobody knows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Measurement, Status
from echotrace.whatif.distribution import wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.conversation import Conversation
    from echotrace.model.report import Report

__all__ = ["SHORTEST_PAUSE_MS", "CutOffs", "Pauses", "cut_offs", "pauses_of"]

SHORTEST_PAUSE_MS: Final = 128.0
"""The speech segments of a report run on over shorter pauses: they lie inside words."""
REASON: Final = (
    "recorded pauses replayed against silence alone; a detector that weighs the words may differ"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """The pauses of each turn of the caller, the longest first; or why there are none to replay.

    ``not_replayed`` turns hold no speech that the signal analysis heard.
    """

    turns_ms: tuple[tuple[float, ...], ...] = ()
    not_replayed: int = 0
    reason: str | None = None

    @property
    def all_ms(self) -> list[float]:
        """Every pause of every turn, rising."""
        return sorted(pause for turn in self.turns_ms for pause in turn)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOffs:
    """What one wait would have cut off: turns, and the pauses that are longer than it."""

    turns: int
    pauses: int
    per_100: Measurement


def pauses_of(report: Report) -> Pauses:
    """Return the pauses between stretches of speech inside the caller's turns."""
    call, signal = report.conversation, report.signal
    if call is None or call.status != Status.MEASURED.value:
        why = call.reason if call is not None else None
        return Pauses(reason=why or "the report has no turns of a recording")
    turns = [turn.user for turn in call.turns if turn.user is not None]
    if not turns:
        return Pauses(reason="the caller has no turn in the recording")
    if signal is None:
        return Pauses(reason="the signal was not analysed, and its speech segments hold the pauses")
    index = _caller(call)
    channel = next((item for item in signal.channels if item.index == index), None)
    if channel is None or not channel.segments:
        return Pauses(reason="no speech segments of the caller's channel are in the report")
    segments = sorted((item.start_s, item.end_s) for item in channel.segments)
    found = []
    for side in turns:
        inside = _within(segments, side.start_s, side.end_s)
        if inside:
            found.append(tuple(sorted(_gaps_ms(inside), reverse=True)))
    if not found:
        return Pauses(reason="no turn of the caller holds speech that the signal analysis heard")
    return Pauses(turns_ms=tuple(found), not_replayed=len(turns) - len(found))


def _caller(call: Conversation) -> int | None:
    return next((item.index for item in call.summary.channels if item.role == "caller"), None)


def _within(
    segments: Sequence[tuple[float, float]], start_s: float, end_s: float
) -> Sequence[tuple[float, float]]:
    """Return the segments that reach into a turn; they are in order and do not overlap."""
    first = bisect_right(segments, start_s, key=lambda item: item[1])
    last = bisect_left(segments, end_s, key=lambda item: item[0])
    return segments[first:last]


def _gaps_ms(segments: Sequence[tuple[float, float]]) -> list[float]:
    gaps = [round(1000.0 * (after[0] - before[1]), 1) for before, after in pairwise(segments)]
    return [gap for gap in gaps if gap > 0.0]


def cut_offs(pauses: Pauses, wait_ms: float) -> CutOffs:
    """Return how many turns hold a pause longer than the wait, per 100, with Wilson's interval."""
    cut = sum(bool(turn) and turn[0] > wait_ms for turn in pauses.turns_ms)
    count = len(pauses.turns_ms)
    low, high = wilson(cut, count)
    reason = REASON
    if wait_ms < SHORTEST_PAUSE_MS:
        reason += f"; a lower bound: pauses under {SHORTEST_PAUSE_MS:.0f} ms are not recorded"
    return CutOffs(
        turns=cut,
        pauses=sum(pause > wait_ms for turn in pauses.turns_ms for pause in turn),
        per_100=Measurement.estimated(
            round(100.0 * cut / count, 2),
            "per 100 turns",
            reason=reason,
            method="Wilson score interval",
            low=round(100.0 * low, 2),
            high=round(100.0 * high, 2),
            n=count,
        ),
    )
