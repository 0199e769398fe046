"""Intervals of pooled ratios, such as the edits of all clips over the words of all clips.

Clips are the units: errors come in bunches, so the words of a clip are no independent samples
(Bisani & Ney, ICASSP 2004). The percentile bootstrap over 20 clips holds the truth in only nine of
ten cases, fewer where errors are skewed; studentised by the linearised standard error it keeps its
word. The tables are in docs/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

__all__ = [
    "CAP",
    "LARGE",
    "MIN_UNITS",
    "RESAMPLES",
    "Interval",
    "Statistic",
    "draws",
    "mean",
    "moments",
    "ratio",
    "ratio_interval",
    "student",
]

RESAMPLES: Final = 2000
MIN_UNITS: Final = 10
"""Below it, no interval keeps its word."""
CAP: Final = 6.0
"""No end lies further than this many standard errors away.

A resample that happens to hold no error at all has no spread, and its studentised value no bound;
with few errors that would make the interval as wide as one likes.
"""
LARGE: Final = 5_000
"""Units beyond which nothing is resampled: it takes seconds and says the same."""
_BLOCK: Final = 1 << 20
_FAINT: Final = 1e-7


@dataclass(frozen=True, slots=True)
class Statistic:
    """A smooth function of the column totals that does not change when all are doubled.

    ``of`` gets totals (..., k) and returns values (...) and their gradients (..., k). ``words`` is
    the column that counts what could be wrong: a ratio is then never taken to be surer than that of
    so many independent words. ``lowest`` and ``highest`` are what it can be.
    """

    of: Callable[[Array], tuple[Array, Array]]
    words: int | None = None
    lowest: float = 0.0
    highest: float = math.inf


def _ratio(totals: Array) -> tuple[Array, Array]:
    value = totals[..., 0] / totals[..., 1]
    gradient = np.zeros_like(totals)
    gradient[..., 0], gradient[..., 1] = 1.0 / totals[..., 1], -value / totals[..., 1]
    return value, gradient


def ratio(*, share: bool = False) -> Statistic:
    """Return the ratio of the first column to the second, which counts words or entities."""
    return Statistic(_ratio, words=1, highest=1.0 if share else math.inf)


def mean(*, signed: bool = False) -> Statistic:
    """Return the mean of the first column, where the second is 1 for every unit."""
    return Statistic(_ratio, lowest=-math.inf if signed else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A 95 % interval, the linearised standard error behind it, and how it was made."""

    low: float
    high: float
    standard_error: float
    how: str


def ratio_interval(
    rows: ArrayLike, statistic: Statistic, *, resamples: int = RESAMPLES, seed: int
) -> Interval:
    """Return the 95 % interval of a statistic of column totals, by the studentised bootstrap.

    Units are drawn with replacement; t* = (r* - r) / s*, with s the linearised standard error
    (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, section 12.5; Cochran, "Sampling
    Techniques", 1977, chapter 6), and the ends are r - t*(.975) s and r - t*(.025) s. Without
    spread, as where nothing is wrong, the end is 1 - .025^(1/n): what an event that n units did not
    show may still happen to (Hanley & Lippman-Hand, JAMA 249, 1983). Beyond 5,000 units the
    quantiles are the normal ones.

    Args:
        rows: (n, k), one row per unit; the statistic's denominator is above 0 in each.
        statistic: of the column totals.
        resamples: how many.
        seed: the same gives the same interval.

    Raises:
        ValueError: fewer than two units, or a number that is not finite.
    """
    sample = checked(rows)
    count = len(sample)
    with np.errstate(all="ignore"):
        if not np.isfinite(statistic.of(sample.sum(axis=0))[0]):
            raise ValueError("the statistic is not finite")
    value, error = (float(part[0]) for part in moments(np.ones((1, count)), sample, statistic))
    how = "95 % studentised bootstrap" if count <= LARGE else "95 % from the standard error"
    if error == 0.0:
        unseen = (1.0 - 0.025 ** (1.0 / count)) * max(1.0, abs(value))
        return Interval(
            low=max(statistic.lowest, value - unseen),
            high=min(statistic.highest, value + unseen),
            standard_error=0.0,
            how=f"95 % bound by what {count} alike may not have shown",
        )
    if count > LARGE:
        upper = lower = NormalDist().inv_cdf(0.975)
    else:
        found = np.concatenate(
            [
                studentised(*moments(weights, sample, statistic), value)
                for weights in draws(np.random.default_rng(seed), count, resamples)
            ]
        )
        upper, lower = (float(each) for each in np.quantile(found, (0.975, 0.025)))
        lower = -lower
        if np.abs(found).max() < _FAINT:
            upper = lower = student(0.975, count - 1)
            how = "95 % from the standard error of independent words, as all are alike"
    return Interval(
        low=max(statistic.lowest, min(value, value - upper * error)),
        high=min(statistic.highest, max(value, value + lower * error)),
        standard_error=error,
        how=how,
    )


def checked(rows: ArrayLike) -> Array:
    """Return the rows as an array.

    Raises:
        ValueError: fewer than two, or a number that is not finite.
    """
    sample = np.asarray(rows, dtype=np.float64)
    if sample.ndim != 2 or len(sample) < 2:
        raise ValueError("an interval needs at least two units")
    if not np.isfinite(sample).all():
        raise ValueError("a number is not finite")
    return sample


def draws(rng: np.random.Generator, count: int, resamples: int) -> Iterator[Array]:
    """Yield blocks (m, count) of how often each unit is drawn, with replacement."""
    at_once = max(1, _BLOCK // count)
    for first in range(0, resamples, at_once):
        size = min(at_once, resamples - first)
        picked = rng.integers(0, count, size=(size, count))
        picked += count * np.arange(size)[:, None]
        counted = np.bincount(picked.ravel(), minlength=size * count)
        yield counted.reshape(size, count).astype(np.float64)


def moments(weights: Array, rows: Array, statistic: Statistic) -> tuple[Array, Array]:
    """Return the statistic and its linearised standard error for each row of weights.

    The variance is n / (n - 1) times the sum of squared influences g'x, with g the gradient at the
    totals; the influences themselves add up to 0, as the statistic does not change with scale.
    """
    count, columns = rows.shape
    products = np.einsum("ni,nj->nij", rows, rows).reshape(count, columns * columns)
    totals = weights @ rows
    value, gradient = statistic.of(totals)
    second = (weights @ products).reshape(len(weights), columns, columns)
    terms = gradient[:, :, None] * second * gradient[:, None, :]
    variance = terms.sum(axis=(1, 2))
    variance = np.where(variance < _FAINT**2 * np.abs(terms).sum(axis=(1, 2)), 0.0, variance)
    units = weights.sum(axis=1)
    variance *= units / (units - 1.0)
    if statistic.words is not None:
        binomial = value * (1.0 - value) / totals[:, statistic.words]
        variance = np.maximum(variance, binomial)
    return value, np.sqrt(variance)


def studentised(values: Array, errors: Array, own: float) -> Array:
    """Return (r* - r) / s*, no further out than ``CAP``."""
    away = values - own
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(errors > 0.0, away / errors, np.sign(away) * CAP)
    return np.clip(found, -CAP, CAP)


def student(probability: float, freedom: float) -> float:
    """Return the quantile of Student's t, within .002 of it from 9 degrees of freedom.

    By the expansion in 1 / freedom of Abramowitz & Stegun, "Handbook of Mathematical Functions"
    (1964), 26.7.5.
    """
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4.0,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96.0,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384.0,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160.0,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))
