"""Differences between two runs: B less A, with an interval and what chance could have made of it.

Paired runs saw the same clips: a clip is drawn with both its sides, so that what makes it hard for
both does not count as a difference. Two questions are asked. The interval says how large the
difference may be; the exchange of sides says how often one as bad would come about if nothing had
changed. A regression must pass both.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.stats.ratios import (
    CAP,
    LARGE,
    RESAMPLES,
    Statistic,
    checked,
    draws,
    moments,
    student,
    studentised,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

__all__ = ["Difference", "quantile_difference", "statistic_difference"]

_BLOCK: Final = 1 << 20
_POWER: Final = NormalDist().inv_cdf(0.8)
_SLACK: Final = 1e-9
_DIGITS: Final = 12
"""A difference of two equal sums of unlike order is no difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """B less A, with its 95 % interval.

    ``improvement`` is the share of resamples in which B is better, ties counted half.
    ``chance`` is how often a difference as bad for B comes about when nothing has changed (one
    side). ``detectable`` is what a comparison of this size finds in 80 of 100 cases.
    """

    value: float
    low: float
    high: float
    improvement: float
    chance: float
    detectable: float
    how: str


def statistic_difference(
    a: ArrayLike,
    b: ArrayLike,
    statistic: Statistic,
    *,
    paired: bool,
    more_is_better: bool = False,
    resamples: int = RESAMPLES,
    seed: int,
) -> Difference:
    """Return the difference of a pooled ratio or a mean between two runs.

    The interval is that of the studentised bootstrap (as ``ratio_interval``), and nowhere nearer
    than Student's: where a few clips out of many changed, all one way, the bootstrap alone believes
    them too soon. The chance is that of studentised differences as sides (paired) or clips
    (unpaired) are exchanged (Janssen, Statistics & Probability Letters 36, 1997; Chung & Romano,
    Annals of Statistics 41, 2013). The share of resamples in which B is better is the "probability
    of improvement" of Bisani & Ney (2004). Beyond 5,000 units all three are the normal ones.

    Args:
        a: (n, k) rows of A, one per clip, as ``ratio_interval`` takes them.
        b: rows of B; when ``paired``, row i of both is the same clip.
        statistic: of the column totals.
        paired: whether it is.
        more_is_better: whether a positive difference is an improvement.
        resamples: how many, for the interval and for the exchange each.
        seed: the same gives the same.

    Raises:
        ValueError: fewer than two units, numbers that are not finite, or unequal lengths of pairs.
    """
    one, other = checked(a), checked(b)
    if paired and len(one) != len(other):
        raise ValueError(f"{len(one)} and {len(other)} units are no pairs")
    two = _Paired(one, other, statistic) if paired else _Unpaired(one, other, statistic)
    own, error = two.whole()
    own = round(own, _DIGITS)
    fewest = min(len(one), len(other))
    if error == 0.0:
        return _no_spread(own, fewest, more_is_better=more_is_better, paired=paired)
    reach = student(0.975, fewest - 1)
    if fewest > LARGE:
        return _normal(own, error, reach, more_is_better=more_is_better, paired=paired)
    rng = np.random.default_rng(seed)
    values, errors = _joined(two.resampled(rng, resamples))
    found = studentised(values, errors, own)
    upper = min(CAP, max(reach, float(np.quantile(found, 0.975))))
    lower = min(CAP, max(reach, -float(np.quantile(found, 0.025))))
    values_0, errors_0 = _joined(two.exchanged(rng, resamples))
    null = studentised(values_0, errors_0, 0.0)
    return Difference(
        value=own,
        low=own - upper * error,
        high=own + lower * error,
        improvement=_improvement(values, more_is_better=more_is_better),
        chance=_chance(null, min(CAP, max(-CAP, own / error)), more_is_better=more_is_better),
        detectable=(reach + _POWER) * error,
        how=f"{'paired' if paired else 'unpaired'} studentised bootstrap",
    )


def quantile_difference(
    a: Sequence[Sequence[float]],
    b: Sequence[Sequence[float]],
    q: float,
    *,
    paired: bool,
    more_is_better: bool = False,
    resamples: int = RESAMPLES,
    seed: int,
) -> Difference:
    """Return the difference of a quantile of all values, which come in groups such as calls.

    Groups are drawn whole, as the turns of a call are no independent samples. The interval reaches
    as far as the further of the percentiles of the resamples and Student's t times their standard
    deviation; the chance is that of the exchange of sides or groups, as in
    ``statistic_difference``.

    Args:
        a: the values of each group of A, in order; a group may be empty.
        b: those of B; when ``paired``, group i of both is the same call.
        q: 0 to 1.
        paired: whether it is.
        more_is_better: whether a positive difference is an improvement.
        resamples: how many, for the interval and for the exchange each.
        seed: the same gives the same.

    Raises:
        ValueError: fewer than two groups, no values, or unequal numbers of pairs.
    """
    if paired and len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} groups are no pairs")
    fewest = min(len(a), len(b))
    if fewest < 2 or not any(map(len, a)) or not any(map(len, b)):
        raise ValueError("a difference of quantiles needs two groups of each, and values")
    pool = _Pool(a, b, q, paired=paired)
    own = pool.own()
    rng = np.random.default_rng(seed)
    values = np.concatenate(list(pool.resampled(rng, resamples)))
    null = np.concatenate(list(pool.exchanged(rng, resamples)))
    values, null = values[np.isfinite(values)], null[np.isfinite(null)]
    error = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    if error == 0.0:
        return _no_spread(own, fewest, more_is_better=more_is_better, paired=paired)
    reach = student(0.975, fewest - 1) * error
    low, high = (float(each) for each in np.quantile(values, (0.025, 0.975)))
    return Difference(
        value=own,
        low=min(low, own - reach),
        high=max(high, own + reach),
        improvement=_improvement(values, more_is_better=more_is_better),
        chance=_chance(null, own, more_is_better=more_is_better),
        detectable=reach + _POWER * error,
        how=f"{'paired' if paired else 'unpaired'} bootstrap of whole groups",
    )


def _no_spread(own: float, count: int, *, more_is_better: bool, paired: bool) -> Difference:
    """Return the difference where every unit says the same: two equal sides, or one shift.

    Two samples without spread may still differ in what neither has shown (``ratio_interval``).
    """
    better = 0.5 if own == 0.0 else float((own > 0.0) is more_is_better)
    worse = own != 0.0 and (own > 0.0) is not more_is_better
    unseen = 0.0 if paired else 1.0 - 0.025 ** (1.0 / count)
    return Difference(
        value=own,
        low=own - unseen,
        high=own + unseen,
        improvement=better,
        chance=0.5**count if worse else 1.0,
        detectable=0.0,
        how="every pair says the same" if paired else "bound by what may not have shown",
    )


def _normal(
    own: float, error: float, reach: float, *, more_is_better: bool, paired: bool
) -> Difference:
    """Return the difference of very many units, whose studentised value is a normal one."""
    worse = NormalDist().cdf((-own if more_is_better else own) / error)
    return Difference(
        value=own,
        low=own - reach * error,
        high=own + reach * error,
        improvement=1.0 - worse,
        chance=1.0 - worse,
        detectable=(reach + _POWER) * error,
        how=f"{'paired' if paired else 'unpaired'}, from the standard error",
    )


def _improvement(values: Array, *, more_is_better: bool) -> float:
    sign = 1.0 if more_is_better else -1.0
    return float(((sign * values > _SLACK).mean() + (sign * values >= -_SLACK).mean()) / 2.0)


def _chance(null: Array, own: float, *, more_is_better: bool) -> float:
    """Return the share of exchanges as bad as what was seen, itself counted as one of them."""
    sign = -1.0 if more_is_better else 1.0
    worse = int((sign * null >= sign * own - _SLACK).sum())
    return (1 + worse) / (1 + len(null))


def _joined(parts: Iterator[tuple[Array, Array]]) -> tuple[Array, Array]:
    values, errors = zip(*parts, strict=True)
    return np.concatenate(values), np.concatenate(errors)


class _Paired:
    """Rows of both sides in one, so that a clip is drawn with both."""

    def __init__(self, a: Array, b: Array, statistic: Statistic) -> None:
        self._rows = np.concatenate((a, b), axis=1)
        self._statistic = statistic

    def _moments(self, weights: Array, rows: Array) -> tuple[Array, Array]:
        return moments(weights, rows, _difference_of(self._statistic, rows.shape[1] // 2))

    def whole(self) -> tuple[float, float]:
        value, error = self._moments(np.ones((1, len(self._rows))), self._rows)
        return float(value[0]), float(error[0])

    def resampled(self, rng: np.random.Generator, count: int) -> Iterator[tuple[Array, Array]]:
        for weights in draws(rng, len(self._rows), count):
            yield self._moments(weights, self._rows)

    def exchanged(self, rng: np.random.Generator, count: int) -> Iterator[tuple[Array, Array]]:
        """Swap both sides of each clip or not: rows as they are and swapped, weights 0 and 1."""
        units, columns = self._rows.shape
        half = columns // 2
        swapped = np.concatenate((self._rows[:, half:], self._rows[:, :half]), axis=1)
        both = np.concatenate((self._rows, swapped))
        for size in _sizes(count, 2 * units):
            kept = rng.integers(0, 2, size=(size, units)).astype(np.float64)
            yield self._moments(np.concatenate((kept, 1.0 - kept), axis=1), both)


def _difference_of(statistic: Statistic, half: int) -> Statistic:
    def difference(totals: Array) -> tuple[Array, Array]:
        one, up = statistic.of(totals[..., :half])
        other, down = statistic.of(totals[..., half:])
        return other - one, np.concatenate((-up, down), axis=-1)

    return Statistic(difference)


class _Unpaired:
    """Two samples that are drawn each by itself."""

    def __init__(self, a: Array, b: Array, statistic: Statistic) -> None:
        self._a, self._b, self._statistic = a, b, statistic

    def whole(self) -> tuple[float, float]:
        value, error = self._difference(
            np.ones((1, len(self._a))), self._a, np.ones((1, len(self._b))), self._b
        )
        return float(value[0]), float(error[0])

    def _difference(self, to_a: Array, a: Array, to_b: Array, b: Array) -> tuple[Array, Array]:
        one, error_a = moments(to_a, a, self._statistic)
        other, error_b = moments(to_b, b, self._statistic)
        return other - one, np.hypot(error_a, error_b)

    def resampled(self, rng: np.random.Generator, count: int) -> Iterator[tuple[Array, Array]]:
        for size in _sizes(count, len(self._a) + len(self._b)):
            to_a = np.concatenate(list(draws(rng, len(self._a), size)))
            to_b = np.concatenate(list(draws(rng, len(self._b), size)))
            yield self._difference(to_a, self._a, to_b, self._b)

    def exchanged(self, rng: np.random.Generator, count: int) -> Iterator[tuple[Array, Array]]:
        both = np.concatenate((self._a, self._b))
        first = np.zeros(len(both))
        first[: len(self._a)] = 1.0
        for size in _sizes(count, len(both)):
            to_a = rng.permuted(np.tile(first, (size, 1)), axis=1)
            yield self._difference(to_a, both, 1.0 - to_a, both)


def _sizes(count: int, width: int) -> Iterator[int]:
    at_once = max(1, _BLOCK // width)
    for first in range(0, count, at_once):
        yield min(at_once, count - first)


class _Pool:
    """All values of both sides in order, and which group of which side each belongs to."""

    def __init__(
        self, a: Sequence[Sequence[float]], b: Sequence[Sequence[float]], q: float, *, paired: bool
    ) -> None:
        self._q, self._paired = q, paired
        self._groups = len(a), len(b)
        values = np.array([value for group in (*a, *b) for value in group], dtype=np.float64)
        if not np.isfinite(values).all() or not 0.0 <= q <= 1.0:
            raise ValueError("a value is not finite, or q is outside 0 to 1")
        groups = np.repeat(np.arange(len(a) + len(b)), [len(group) for group in (*a, *b)])
        order = np.argsort(values, kind="stable")
        self._values, self._group = values[order], groups[order]

    def own(self) -> float:
        weights = np.ones((1, sum(self._groups)))
        return float(self._differences(weights, self._side(weights))[0])

    def _side(self, weights: Array) -> Array:
        """Return which groups (m, both) lie on side A, as they were given."""
        side = np.zeros_like(weights)
        side[:, : self._groups[0]] = 1.0
        return side

    def resampled(self, rng: np.random.Generator, count: int) -> Iterator[Array]:
        for size in _sizes(count, len(self._values) + sum(self._groups)):
            to_a = np.concatenate(list(draws(rng, self._groups[0], size)))
            to_b = to_a
            if not self._paired:
                to_b = np.concatenate(list(draws(rng, self._groups[1], size)))
            weights = np.concatenate((to_a, to_b), axis=1)
            yield self._differences(weights, self._side(weights))

    def exchanged(self, rng: np.random.Generator, count: int) -> Iterator[Array]:
        for size in _sizes(count, len(self._values) + sum(self._groups)):
            weights = np.ones((size, sum(self._groups)))
            if self._paired:
                kept = rng.integers(0, 2, size=(size, self._groups[0])).astype(np.float64)
                side = np.concatenate((kept, 1.0 - kept), axis=1)
            else:
                side = rng.permuted(self._side(weights), axis=1)
            yield self._differences(weights, side)

    def _differences(self, weights: Array, side: Array) -> Array:
        of_a = self._quantiles((weights * side)[:, self._group])
        of_b = self._quantiles((weights * (1.0 - side))[:, self._group])
        return of_b - of_a

    def _quantiles(self, weights: Array) -> Array:
        """Return the quantile (definition 7) of values repeated so often; NaN without any."""
        counted = np.cumsum(weights, axis=1)
        total = counted[:, -1]
        position = np.maximum(total - 1.0, 0.0) * self._q
        below = np.floor(position)
        above = np.minimum(below + 1.0, np.maximum(total - 1.0, 0.0))
        low = self._values[np.argmax(counted > below[:, None], axis=1)]
        high = self._values[np.argmax(counted > above[:, None], axis=1)]
        return np.where(total > 0, low + (high - low) * (position - below), np.nan)
