"""Which outcome a difference has, and what a comparison of many figures comes to.

A figure is a regression where its 95 % interval lies wholly on the worse side, chance would make
one as bad in less than 2.5 of 100 cases, and it is not surely within the tolerance. It passes
where it cannot have got worse by more than the tolerance. Anything else is not enough evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.stats.paired import Difference

__all__ = [
    "DEFAULT_TOLERANCE",
    "EVIDENCE",
    "METRICS",
    "PASS",
    "REGRESSION",
    "Judged",
    "Metric",
    "judge",
    "margin",
    "overall",
    "show",
]

DEFAULT_TOLERANCE: Final = 0.10
PASS: Final = "pass"  # noqa: S105 - an outcome
REGRESSION: Final = "regression"
EVIDENCE: Final = "not_enough_evidence"
_ALIKE: Final = "every clip came out the same"
_ONE_SIDE: Final = 0.025
_FAMILY: Final = 0.05
"""How often any of the figures may be called a regression by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A figure that runs are compared by.

    ``floor`` is the least tolerance, in ``unit``. ``decides`` tells whether it enters the outcome
    as a whole: times of machines and networks, and prices, do not.
    """

    key: str
    label: str
    unit: str
    floor: float
    decides: bool = True
    more_is_better: bool = False


METRICS: Final = {
    each.key: each
    for each in (
        Metric(key="wer", label="WER", unit="ratio", floor=0.01),
        Metric(
            key="entity_recall",
            label="entity recall",
            unit="ratio",
            floor=0.02,
            more_is_better=True,
        ),
        Metric(key="hallucinated", label="made-up words", unit="words", floor=0.1),
        Metric(key="heard.p50", label="heard gap p50", unit="ms", floor=50.0),
        Metric(key="heard.p95", label="heard gap p95", unit="ms", floor=50.0),
        Metric(key="ttft.p50", label="TTFT p50", unit="ms", floor=50.0, decides=False),
        Metric(key="rtf", label="real-time factor", unit="ratio", floor=0.02, decides=False),
        Metric(key="cost", label="cost per clip", unit="USD", floor=0.0, decides=False),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The outcome of one figure and why; ``chance`` is None where nothing was tested."""

    metric: Metric
    subject: str
    outcome: str
    reason: str
    chance: float | None = None


def margin(metric: Metric, a: float, tolerance: float) -> float:
    """Return how much worse B may be: a share of A's figure, of what is missed for a recall."""
    of = max(0.0, 1.0 - a) if metric.more_is_better else abs(a)
    return max(metric.floor, tolerance * of)


def judge(metric: Metric, a: float, found: Difference, tolerance: float) -> tuple[str, str]:
    """Return the outcome of one difference, and what decided it."""
    allowed = margin(metric, a, tolerance)
    worst, best = found.high, found.low
    if metric.more_is_better:
        worst, best = -found.low, -found.high
    told = f"the tolerance of {show(allowed, metric)}"
    if found.low == found.high == 0.0:
        return PASS, _ALIKE
    if worst <= allowed:
        if worst < 0.0:
            return PASS, "it got better: the whole interval lies on the better side"
        if best > 0.0:
            return PASS, f"it got worse, but by no more than {told}"
        return PASS, f"it cannot have got worse by more than {told}"
    if best > 0.0 and found.chance <= _ONE_SIDE:
        return REGRESSION, "it got worse: the whole interval lies on the worse side"
    if best > 0.0:
        why = "the interval lies on the worse side, but chance would do that in"
        return EVIDENCE, f"{why} {found.chance:.1%} of cases"
    return EVIDENCE, f"it could be worse by up to {show(worst, metric)}, more than {told}"


def overall(judged: Sequence[Judged]) -> tuple[str, str]:
    """Return the outcome of a comparison as a whole, and what decided it.

    It is a regression where one of the deciding figures still is one when all of them are allowed
    for: Holm's steps (Scandinavian Journal of Statistics 6, 1979) keep the chance that any of them
    is a false alarm below 5 %. It passes where every one of them does.
    """
    deciding = [each for each in judged if each.metric.decides]
    if not deciding:
        return EVIDENCE, "the two have no figure in common that decides"
    tested = sorted(
        (each for each in deciding if each.chance is not None), key=lambda each: each.chance or 0.0
    )
    found = []
    for at, each in enumerate(tested):
        if (each.chance or 0.0) > _FAMILY / (len(tested) - at):
            break
        if each.outcome == REGRESSION:
            found.append(each)
    if found:
        return REGRESSION, f"{_listed(found)} got worse beyond chance"
    alone = [each for each in deciding if each.outcome == REGRESSION]
    if alone:
        why = f"looks worse by itself, but chance makes one of {len(tested)} figures look so"
        return EVIDENCE, f"{_listed(alone)} {why} too often"
    unsure = [each for each in deciding if each.outcome != PASS]
    if unsure:
        return EVIDENCE, f"{_listed(unsure)}: {unsure[0].reason}"
    if all(each.reason == _ALIKE for each in deciding):
        return PASS, f"nothing changed: {_ALIKE}"
    return PASS, "no figure that decides can have got worse by more than the tolerance"


def _listed(judged: Sequence[Judged]) -> str:
    named = [f"{each.metric.label} of {each.subject}" for each in judged]
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")


def show(value: float, metric: Metric) -> str:
    """Return a difference for a sentence; rates in points of a percent."""
    if metric.key == "rtf":
        return f"{value:.2g}"
    if metric.unit == "ratio":
        return f"{100.0 * value:.1f} points"
    if metric.unit == "ms":
        return f"{value:,.0f} ms"
    return f"{value:.3g} {metric.unit}"
