"""What turn measurement has to reach, per condition, and whether a score does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from turn_taking.scoring import Score

COVERAGE = 0.90
WIDTH_OVER_MEAN_ERROR = 4.0
RECALL = PRECISION = 0.90
YIELD_MS = 100.0


@dataclass(frozen=True)
class Bound:
    """Of true turns: the least share measured; mean and 95th percentile of absolute errors."""

    measured: float
    mean_ms: float
    p95_ms: float
    false_critical_barge_ins: float | None = None
    """Per call; None where none is set."""
    barge_ins: bool = True
    """Whether barge-ins must be found and read here (10 dB and above)."""


TEN_DB = 0.1
POOLED = "10 dB and above"
TOO_NOISY = ("white5", "babble5")
BOUNDS = {
    "clean": Bound(0.95, 20, 60, 0.0),
    "white20": Bound(0.95, 20, 60, TEN_DB),
    "telephone15": Bound(0.92, 35, 100, TEN_DB),
    "white10": Bound(0.85, 60, 150, TEN_DB),
    "pink10": Bound(0.85, 60, 150, TEN_DB),
    "office10": Bound(0.85, 60, 150, TEN_DB),
    "white5": Bound(0.70, 80, 200, barge_ins=False),
    "babble15": Bound(0.60, 100, 250, TEN_DB),
    "babble10": Bound(0.40, 100, 250, TEN_DB),
    "babble5": Bound(0.0, 100, 250, barge_ins=False),
}
BARGE_INS_ONLY = Bound(0.0, np.inf, np.inf, TEN_DB)


def misses(condition: str, score: Score) -> list[str] | None:
    """Name each bound that the score does not reach; None where the condition has none.

    A figure without any value behind it (no turn measured, no barge-in in these calls) misses
    nothing by itself: the share measured says so.
    """
    bound = BARGE_INS_ONLY if condition == POOLED else BOUNDS.get(condition)
    if bound is None:
        return None
    missed = []

    def check(name: str, value: float | None, limit: float, *, at_least: bool = False) -> None:
        if value is not None and (value < limit if at_least else value > limit):
            sign = "<" if at_least else ">"
            missed.append(f"{name} {value:.3g} {sign} {limit:g}")

    check("refused", float(score.refused), 0.0)
    errors = np.abs(score.errors_ms)
    check("measured", share(len(errors), score.true_turns), bound.measured, at_least=True)
    check("mean", float(errors.mean()) if len(errors) else None, bound.mean_ms)
    check("p95", float(np.quantile(errors, 0.95)) if len(errors) else None, bound.p95_ms)
    coverage = share(sum(score.covered), len(score.covered))
    check("coverage", coverage, COVERAGE, at_least=True)
    width = float(np.median(score.widths_ms)) if score.widths_ms else None
    check("width", width, WIDTH_OVER_MEAN_ERROR * bound.mean_ms)
    if bound.barge_ins:
        hit, false = score.hit["barge_in"], score.false["barge_in"]
        check("recall", share(hit, score.true["barge_in"]), RECALL, at_least=True)
        check("precision", share(hit, hit + false), PRECISION, at_least=True)
        yields = np.abs(score.yield_errors_ms)
        check("yield", float(yields.mean()) if len(yields) else None, YIELD_MS)
        check("backchannel called barge-in", float(score.backchannels_called_barge_in), 0.0)
        missed_found = share(score.hit["missed_response"], score.true["missed_response"])
        check("missed responses found", missed_found, RECALL, at_least=True)
    if bound.false_critical_barge_ins is not None:
        wrong = share(score.false_critical["barge_in"] + score.graded_too_high, score.calls)
        check("false critical barge-ins", wrong, bound.false_critical_barge_ins)
    return missed


def share(part: float, whole: float) -> float | None:
    """``part`` of ``whole``, None of nothing."""
    return part / whole if whole else None
