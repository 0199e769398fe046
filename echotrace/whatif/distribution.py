"""The distribution of the gap before and after, turn by turn, and who comes within a target."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Measurement, Status
from echotrace.model.whatif import GapChange, PartChange, TargetShare, WhatIfTurn
from echotrace.stats.percentiles import NEEDED, percentiles
from echotrace.stats.quantiles import quantile
from echotrace.whatif.cases import Cases
from echotrace.whatif.replay import Replayed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from echotrace.whatif.change import Change
    from echotrace.whatif.replay import Wait

__all__ = ["Outcome", "gap_change", "outcome_of", "part_change", "target_share", "wilson"]

METHOD: Final = "each turn recomputed from its parts"
_SEED: Final = 1
_PAIRED: Final = "paired by turn"
_Z: Final = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All waits before and after; ``reason`` says why what comes after is no measurement."""

    cases: Cases
    results: tuple[Replayed, ...]
    status: Status
    reason: str

    @property
    def before_ms(self) -> list[float]:
        """The gaps as the report has them."""
        return [case.gap_ms for case in self.cases.items]

    @property
    def after_ms(self) -> list[float]:
        """The gaps after the changes, in the same order."""
        return [round(result.gap_ms, 3) for result in self.results]

    def turns(self, changes: Mapping[str, Change]) -> tuple[WhatIfTurn, ...]:
        """Return each turn before and after."""
        return tuple(
            WhatIfTurn(
                turn_id=case.turn_id,
                trace_turn_id=case.trace_turn_id,
                before_ms=case.gap_ms,
                after_ms=after,
                held_ms=result.held_ms,
                held_by=result.held_by,
                is_bound=result.is_bound,
                lacks=tuple(key for key in changes if key not in case.part_keys()),
            )
            for case, result, after in zip(
                self.cases.items, self.results, self.after_ms, strict=True
            )
        )


def outcome_of(cases: Cases, waits: Sequence[Wait], changes: Mapping[str, Change]) -> Outcome:
    """Replay every wait of the cases with the changes."""
    results = tuple(wait.replay(changes) for wait in waits)
    bounds = sum(result.is_bound for result in results)
    said = [METHOD if cases.basis != "estimate" else "sums of probed parts, some of them changed"]
    if bounds:
        of = f"{bounds:,} of {len(results):,} {cases.one}s"
        said.append(f"a lower bound in {of}: what ran beside the shortened part is not known")
    if cases.reason:
        said.append(cases.reason)
    simulated = cases.status is Status.SIMULATED
    return Outcome(
        cases=cases,
        results=results,
        status=Status.SIMULATED if simulated else Status.ESTIMATED,
        reason="; ".join(said),
    )


def part_change(change: Change, cases: Cases) -> PartChange:
    """Return what a change does to its part, over the turns that have it."""
    before: list[float] = []
    after: list[float] = []
    lacking = negative = inside = 0
    for case in cases.items:
        there = [piece.ms for piece in case.pieces if piece.key == change.key]
        within = [piece.ms for piece in case.inside if piece.key == change.key]
        if not there and not within:
            lacking += 1
            continue
        ms = sum(there) if there else max(within)
        if min(there or within) < 0.0:
            negative += 1
            continue
        inside += not there
        before.append(ms)
        after.append(change.of(ms))
    return PartChange(
        key=change.key,
        how=change.how,
        value=change.value,
        before_ms=_median(before, cases.status, cases.reason, cases.one),
        after_ms=_median(after, _changed(cases.status), "as asked", cases.one),
        turns=len(before),
        inside=inside,
        lacking=lacking,
        negative=negative,
        owners=cases.owners.get(change.key, ()),
    )


def _changed(status: Status) -> Status:
    return Status.SIMULATED if status is Status.SIMULATED else Status.ESTIMATED


def _median(values: Sequence[float], status: Status, reason: str | None, one: str) -> Measurement:
    if not values:
        return Measurement.not_measurable("ms", f"no {one} has it")
    return Measurement(
        unit="ms",
        status=status,
        value=round(quantile(values, 0.5), 1),
        reason=reason,
        method="median",
        n=len(values),
    )


def gap_change(outcome: Outcome) -> GapChange:
    """Return both distributions and what moved, each quantile with a paired interval."""
    cases, before, after = outcome.cases, outcome.before_ms, outcome.after_ms
    missing = sum(cases.left_out.values())
    worst = Measurement(
        unit="ms",
        status=outcome.status,
        value=round(max(after) - max(before), 1),
        reason=outcome.reason,
        method="largest less largest",
        n=len(after),
    )
    return GapChange(
        before=percentiles(
            before,
            "ms",
            not_measured=missing,
            seed=_SEED,
            status=cases.status,
            reason=cases.reason,
            what=cases.one,
        ),
        after=percentiles(
            after,
            "ms",
            not_measured=missing,
            seed=_SEED,
            status=outcome.status,
            reason=outcome.reason,
            what=cases.one,
        ),
        p50_ms=_moved(outcome, 0.5),
        p95_ms=_moved(outcome, 0.95),
        worst_ms=worst,
    )


def _moved(outcome: Outcome, q: float) -> Measurement:
    """Return how far a quantile moves; where no turn gets slower, neither can it."""
    before, after = outcome.before_ms, outcome.after_ms
    if len(before) < NEEDED[q]:
        why = f"{len(before):,} of the {NEEDED[q]} {outcome.cases.one}s that it needs"
        return Measurement.not_measurable("ms", why)
    from echotrace.stats.paired import quantile_difference

    found = quantile_difference(
        [[value] for value in before],
        [[value] for value in after],
        q,
        paired=True,
        seed=_SEED,
    )
    deltas = [new - old for old, new in zip(before, after, strict=True)]
    low = found.low if min(deltas) < 0.0 else max(found.low, 0.0)
    high = found.high if max(deltas) > 0.0 else min(found.high, 0.0)
    return Measurement(
        unit="ms",
        status=outcome.status,
        value=round(found.value, 1),
        reason=outcome.reason,
        method=f"{_PAIRED}; {found.how}",
        low=round(low, 1) + 0.0,
        high=round(high, 1) + 0.0,
        n=len(before),
    )


def target_share(target_ms: float, outcome: Outcome) -> TargetShare:
    """Return how many turns stay within a target before and after."""
    pairs = list(zip(outcome.before_ms, outcome.after_ms, strict=True))
    gained = sum(after <= target_ms < before for before, after in pairs)
    lost = sum(before <= target_ms < after for before, after in pairs)
    count = len(pairs)
    cases = outcome.cases
    return TargetShare(
        target_ms=target_ms,
        before=_share(
            sum(before <= target_ms for before, _ in pairs), count, cases.status, cases.reason
        ),
        after=_share(
            sum(after <= target_ms for _, after in pairs), count, outcome.status, outcome.reason
        ),
        difference=_share_moved(gained, lost, count, outcome),
        gained=gained,
        lost=lost,
    )


def _share_moved(gained: int, lost: int, count: int, outcome: Outcome) -> Measurement:
    """Return the difference of two paired shares, that of the gains less that of the losses.

    Its interval joins Wilson's of both by their distances, with the correlation of two kinds of one
    draw (Zou and Donner, Statistics in Medicine 27, 2008): it has a width where no turn changed.
    """
    up, down = gained / count, lost / count
    (up_low, up_high), (down_low, down_high) = wilson(gained, count), wilson(lost, count)
    alone = (1.0 - up) * (1.0 - down)
    related = -math.sqrt(up * down / alone) if alone > 0.0 else -1.0
    value = up - down
    low = value - _joined(up - up_low, down_high - down, related)
    high = value + _joined(up_high - up, down - down_low, related)
    return Measurement(
        unit="ratio",
        status=outcome.status,
        value=round(value, 6),
        reason=outcome.reason,
        method=f"{_PAIRED}; score interval of those that change",
        low=round(max(-1.0, low), 6),
        high=round(min(1.0, high), 6),
        n=count,
    )


def _joined(one: float, other: float, related: float) -> float:
    return math.sqrt(max(0.0, one * one + other * other - 2.0 * related * one * other))


def _share(hits: int, count: int, status: Status, reason: str | None) -> Measurement:
    """Return a share of turns with Wilson's score interval."""
    low, high = wilson(hits, count)
    return Measurement(
        unit="ratio",
        status=status,
        value=round(hits / count, 6),
        reason=reason,
        method="Wilson score interval",
        low=round(low, 6),
        high=round(high, 6),
        n=count,
    )


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, also where none or all are hits.

    E. B. Wilson, Journal of the American Statistical Association 22 (1927).
    """
    z2 = _Z * _Z
    middle = (hits + z2 / 2.0) / (count + z2)
    half = _Z * math.sqrt(hits * (count - hits) / count + z2 / 4.0) / (count + z2)
    share_ = hits / count
    return min(share_, max(0.0, middle - half)), max(share_, min(1.0, middle + half))
