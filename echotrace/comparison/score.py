"""What two scores lost and what they leave out; what was gained is told, but not which is better.

The points of a score follow limits that a report does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.comparison.conditions import why_limits_unknown
from echotrace.comparison.figures import FigureChange
from echotrace.comparison.verdict import Verdict, judged
from echotrace.model.measure import Measurement
from echotrace.model.report import Deduction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echotrace.model.report import Report, Score

__all__ = ["DeductionChange", "Unscored", "score_changes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeductionChange:
    """What one metric costs the score in each report; None where it costs nothing."""

    metric: str
    a: Deduction | None
    b: Deduction | None
    verdict: Verdict
    why: str = ""

    @property
    def difference(self) -> float:
        """The points that B gets back, negative where it loses more than A."""
        return (self.a.points if self.a else 0.0) - (self.b.points if self.b else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """A core metric that does not enter one of the scores, or neither; the reasons, None if in."""

    metric: str
    a: str | None
    b: str | None
    verdict: Verdict


def score_changes(a: Report, b: Report) -> Iterator[FigureChange | DeductionChange | Unscored]:
    """Yield the two scores, what each lost, and the metrics that one of them is without."""
    yield _scores(a, b)
    yield from _deductions(a, b)
    left, right = ({item.metric: item.reason for item in side.score.not_scored} for side in (a, b))
    for metric in sorted(left | right):
        out_a, out_b = left.get(metric), right.get(metric)
        yield Unscored(metric=metric, a=out_a, b=out_b, verdict=_scored_in(out_a, out_b))


def _scores(a: Report, b: Report) -> FigureChange:
    left, right = _points(a.score), _points(b.score)
    verdict, why = judged(left, right, more_is_better=True)
    if verdict in (Verdict.BETTER, Verdict.WORSE, Verdict.SAME):
        one, other = ({item.metric for item in side.score.not_scored} for side in (a, b))
        if a.score.profile != b.score.profile:
            verdict, why = Verdict.UNLIKE, why_limits_unknown(a, b)
        elif one != other:
            verdict, why = Verdict.UNLIKE, "not the same metrics entered the two scores"
        elif verdict is not Verdict.SAME:
            verdict, why = Verdict.CHANGED, why_limits_unknown(a, b)
    return FigureChange(label="score", metric="score", a=left, b=right, verdict=verdict, why=why)


def _scored_in(a: str | None, b: str | None) -> Verdict:
    if a is not None and b is not None:
        return Verdict.SAME
    return Verdict.ONLY_A if a is None else Verdict.ONLY_B


def _points(score: Score) -> Measurement:
    if score.value is None:
        reasons = "; ".join(f"{item.metric}: {item.reason}" for item in score.not_scored)
        return Measurement.not_measurable("points", reasons or "no core metric was measured")
    return Measurement.measured(score.value, "points", band=score.grade)


def _deductions(a: Report, b: Report) -> list[DeductionChange]:
    """Return one row per metric and count, the largest change of the score first."""
    left, right = _by_metric(a.score.deductions), _by_metric(b.score.deductions)
    why = why_limits_unknown(a, b)
    rows = []
    for key in sorted(left.keys() | right.keys()):
        before, after = left.get(key), right.get(key)
        verdict = _cost(before, after)
        if a.score.profile != b.score.profile:
            verdict = Verdict.UNLIKE
        told = why if verdict is not Verdict.SAME else ""
        rows.append(DeductionChange(metric=key[0], a=before, b=after, verdict=verdict, why=told))
    return sorted(rows, key=lambda row: -abs(row.difference))


def _cost(a: Deduction | None, b: Deduction | None) -> Verdict:
    if a is None or b is None:
        return Verdict.ONLY_B if a is None else Verdict.ONLY_A
    return Verdict.SAME if (a.points, a.value) == (b.points, b.value) else Verdict.CHANGED


def _by_metric(deductions: Iterable[Deduction]) -> dict[tuple[str, int], Deduction]:
    found: dict[tuple[str, int], Deduction] = {}
    for item in deductions:
        at = 0
        while (item.metric, at) in found:
            at += 1
        found[item.metric, at] = item
    return found
