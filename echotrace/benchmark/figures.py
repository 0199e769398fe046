"""One figure in two runs: what each has, the difference, and its outcome."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from echotrace.benchmark.regression import EVIDENCE, REGRESSION, Judged, Metric, judge
from echotrace.model.benchmark import FigureComparison
from echotrace.model.measure import Measurement, Status
from echotrace.stats.paired import Difference, quantile_difference, statistic_difference
from echotrace.stats.percentiles import counted, quantile_figure
from echotrace.stats.ratios import MIN_UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.stats.ratios import Statistic

    Row = tuple[float, float]

__all__ = ["Told", "Values", "of_quantile", "of_rows", "per_unit", "quantile_of", "side_by_side"]

_SEED: Final = 19_790_101
_NOTHING: Final = Difference(
    value=0.0,
    low=0.0,
    high=0.0,
    improvement=0.5,
    chance=1.0,
    detectable=0.0,
    how="every pair alike",
)
_NO_SHARE: Final = "; it decides nothing, as times and prices depend on the machine and the hour"


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What a figure is made of on both sides.

    ``why_not`` says why the two cannot be judged at all, ``lost`` why B may be worse than it looks;
    ``doubt`` why both are only estimates. ``unpaired_why`` is told beside an unpaired result.
    """

    metric: Metric
    subject: str
    tolerance: float
    paired: bool
    n: int
    a: Measurement
    b: Measurement
    why_not: str = ""
    lost: str = ""
    unpaired_why: str = ""
    what: str = "clip"


@dataclass(frozen=True, slots=True)
class Told:
    """A figure and its part in the outcome as a whole."""

    figure: FigureComparison
    judged: Judged = field(repr=False)


def of_rows(
    values: Values, a: Sequence[Row], b: Sequence[Row], statistic: Statistic
) -> Told | None:
    """Return the difference of a pooled ratio or a mean; rows of pairs are in one order."""
    why, few = _why_not(values), _too_few(values.what, min(len(a), len(b)))
    if why is None and few and _are_alike(values, a, b):
        return _told(values, _NOTHING)
    if why := why or few:
        return side_by_side(values, why)
    found = statistic_difference(
        a,
        b,
        statistic,
        paired=values.paired,
        more_is_better=values.metric.more_is_better,
        seed=_SEED,
    )
    return _told(values, found)


def of_quantile(
    values: Values, a: Sequence[Sequence[float]], b: Sequence[Sequence[float]], q: float
) -> Told | None:
    """Return the difference of a quantile of values in groups; those of pairs in one order."""
    why, few = _why_not(values), _too_few(values.what, min(len(a), len(b)))
    if why is None and few and _are_alike(values, a, b):
        return _told(values, _NOTHING)
    if why := why or few:
        return side_by_side(values, why)
    found = quantile_difference(
        a, b, q, paired=values.paired, more_is_better=values.metric.more_is_better, seed=_SEED
    )
    return _told(values, found)


def quantile_of(groups: Sequence[Sequence[float]], q: float, what: str) -> Measurement:
    """Return a quantile of all values, or how many it lacks."""
    every = [value for group in groups for value in group]
    if not every:
        return Measurement.not_measurable("ms", f"no {what} was measured")
    return quantile_figure(every, q, "ms", what=what)


def side_by_side(values: Values, why: str) -> Told | None:
    """Return both figures without a judgement; None where neither run has it."""
    a, b = values.a, values.b
    if a.value is None and b.value is None:
        return None
    if a.value is not None and b.value is not None:
        difference = _difference(values, b.value - a.value, method=f"no interval: {why}")
    else:
        difference = Measurement.not_measurable(values.metric.unit, why)
    return _made(values, difference, None, EVIDENCE, why)


def _why_not(values: Values) -> str | None:
    for name, each in (("A", values.a), ("B", values.b)):
        if each.value is None:
            return f"{name} has none: {each.reason}"
    if values.why_not:
        return values.why_not
    for name, each in (("A", values.a), ("B", values.b)):
        if each.status is not Status.MEASURED:
            return f"{name} is {each.status.value}: {each.reason}"
    return None


def _are_alike(values: Values, a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Whether nothing changed in any pair: that needs no statistics, however few there are."""
    return values.paired and len(a) > 0 and list(map(tuple, a)) == list(map(tuple, b))


def _too_few(what: str, count: int) -> str | None:
    if count >= MIN_UNITS:
        return None
    return f"{counted(count, what)} {'is' if count == 1 else 'are'} too few: it takes {MIN_UNITS}"


def _told(values: Values, found: Difference) -> Told:
    outcome, reason = judge(values.metric, values.a.value or 0.0, found, values.tolerance)
    if values.lost and outcome != REGRESSION:
        outcome, reason = EVIDENCE, f"{values.lost}; of the others: {reason}"
    method = f"{found.how}, 95 % interval over {counted(values.n, values.what)}"
    difference = _difference(values, found.value, method=method, low=found.low, high=found.high)
    return _made(values, difference, found, outcome, reason)


def _difference(
    values: Values,
    value: float,
    *,
    method: str,
    low: float | None = None,
    high: float | None = None,
) -> Measurement:
    doubted = [each for each in (values.a, values.b) if each.status is not Status.MEASURED]
    return Measurement(
        unit=values.metric.unit,
        status=doubted[0].status if doubted else Status.MEASURED,
        value=value,
        reason=doubted[0].reason if doubted else None,
        method=method,
        low=low,
        high=high,
        n=values.n,
    )


def _made(
    values: Values, difference: Measurement, found: Difference | None, outcome: str, reason: str
) -> Told:
    if values.unpaired_why:
        reason = f"{reason}; not paired: {values.unpaired_why}"
    if not values.metric.decides:
        reason += _NO_SHARE
    figure = FigureComparison(
        metric=values.metric.key,
        label=values.metric.label,
        unit=values.metric.unit,
        subject=values.subject,
        paired=values.paired,
        n=values.n,
        a=values.a,
        b=values.b,
        difference=difference,
        improvement_probability=found.improvement if found else None,
        minimum_detectable_effect=found.detectable if found and found.detectable else None,
        outcome=outcome,
        reason=reason,
        more_is_better=values.metric.more_is_better,
        decides=values.metric.decides,
    )
    judged = Judged(
        metric=values.metric,
        subject=values.subject,
        outcome=outcome,
        reason=reason,
        chance=found.chance if found else None,
    )
    return Told(figure, judged)


def per_unit(rows: Sequence[Row], unit: str, *, none: str) -> Measurement:
    """Return the sum of the first over the sum of the second; ``n`` counts rows."""
    if not rows:
        return Measurement.not_measurable(unit, none)
    value = math.fsum(row[0] for row in rows) / math.fsum(row[1] for row in rows)
    return Measurement.measured(value, unit, n=len(rows))
