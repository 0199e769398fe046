"""Latency against cut-offs: every endpointing wait from 0 to 1,500 ms, with the other changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Measurement
from echotrace.model.whatif import EndpointingPrice, WaitPoint
from echotrace.stats.percentiles import NEEDED
from echotrace.stats.quantiles import quantile
from echotrace.whatif.change import Change
from echotrace.whatif.distribution import outcome_of, wilson
from echotrace.whatif.endpointing import REASON, SHORTEST_PAUSE_MS, cut_offs, pauses_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from echotrace.model.report import Report
    from echotrace.model.whatif import PartChange
    from echotrace.whatif.distribution import Outcome
    from echotrace.whatif.endpointing import Pauses
    from echotrace.whatif.replay import Wait

__all__ = ["ENDPOINTING", "endpointing_price"]

ENDPOINTING: Final = "endpointing_wait"
_LAST_MS: Final = 1500
_STEP_MS: Final = 50


def endpointing_price(
    report: Report,
    waits: Sequence[Wait],
    changes: Mapping[str, Change],
    part: PartChange,
    asked: Outcome,
) -> EndpointingPrice:
    """Return what the asked wait would cut off, and what every other one would.

    The present wait is the median of the part. Each point's gaps are those of all changes, with the
    wait of the point in place of the asked one.
    """
    pauses = pauses_of(report)
    present_ms, asked_ms = part.before_ms.value, part.after_ms.value
    if pauses.reason is not None or present_ms is None or asked_ms is None:
        return EndpointingPrice(
            status="not_measurable",
            reason=pauses.reason or part.before_ms.reason,
            not_replayed=pauses.not_replayed,
            present_ms=present_ms,
            asked_ms=asked_ms,
        )
    marks = {present_ms: "present", asked_ms: "asked"}
    if present_ms == asked_ms:
        marks = {asked_ms: "both"}
    grid = {float(wait) for wait in range(0, _LAST_MS + 1, _STEP_MS)} | set(marks)
    found = pauses.all_ms
    return EndpointingPrice(
        status="estimated",
        reason=REASON,
        turns=len(pauses.turns_ms),
        not_replayed=pauses.not_replayed,
        pauses=len(found),
        longest_pause_ms=found[-1] if found else None,
        shortest_pause_ms=SHORTEST_PAUSE_MS,
        present_ms=present_ms,
        asked_ms=asked_ms,
        more_per_100=_more(pauses, present_ms, asked_ms),
        frontier=tuple(
            _point(wait, pauses, waits, changes, asked, marks.get(wait)) for wait in sorted(grid)
        ),
    )


def _point(
    wait_ms: float,
    pauses: Pauses,
    waits: Sequence[Wait],
    changes: Mapping[str, Change],
    asked: Outcome,
    mark: str | None,
) -> WaitPoint:
    outcome = asked
    if mark not in ("asked", "both"):
        wait = Change(key=ENDPOINTING, how="set", value=wait_ms)
        outcome = outcome_of(asked.cases, waits, {**changes, ENDPOINTING: wait})
    gaps = outcome.after_ms
    if len(gaps) < NEEDED[0.5]:
        why = f"{len(gaps):,} of the {NEEDED[0.5]} {asked.cases.one}s that a median needs"
        middle = Measurement.not_measurable("ms", why)
    else:
        middle = Measurement(
            unit="ms",
            status=outcome.status,
            value=round(quantile(gaps, 0.5), 1),
            reason=outcome.reason,
            n=len(gaps),
        )
    cut = cut_offs(pauses, wait_ms)
    return WaitPoint(
        wait_ms=wait_ms,
        gap_p50_ms=middle,
        gap_worst_ms=round(max(gaps), 1),
        cut_offs_per_100=cut.per_100,
        turns_cut=cut.turns,
        pauses=cut.pauses,
        mark=mark,
    )


def _more(pauses: Pauses, present_ms: float, asked_ms: float) -> Measurement:
    """Return how many more turns the asked wait cuts off: those between the two, all one way."""
    shorter, longer = sorted((present_ms, asked_ms))
    count = len(pauses.turns_ms)
    between = cut_offs(pauses, shorter).turns - cut_offs(pauses, longer).turns
    low, high = (100.0 * end for end in wilson(between, count))
    value = 100.0 * between / count
    if asked_ms > present_ms:
        value, low, high = -value, -high, -low
    return Measurement.estimated(
        round(value, 2) + 0.0,
        "per 100 turns",
        reason=REASON,
        method="Wilson score interval",
        low=round(low, 2) + 0.0,
        high=round(high, 2) + 0.0,
        n=count,
    )
