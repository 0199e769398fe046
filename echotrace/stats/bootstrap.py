"""Bootstrap confidence intervals, the same for the same seed."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.stats.quantiles import quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["RESAMPLES", "bootstrap_interval", "quantile_interval"]

RESAMPLES: Final = 2000
_LARGE: Final = 5_000
_BLOCK_NUMBERS: Final = 1 << 20
"""Numbers that are resampled at once: 8 MB, whatever the length of the sample."""


def bootstrap_interval(
    values: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], ArrayLike],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int,
) -> tuple[float, float]:
    """Return (low, high) of a statistic by the percentile bootstrap (Efron, 1979).

    ``values`` has shape (n,) or (n, k); whole entries are drawn with replacement, so that an entry
    may be a pair such as (errors, words). ``statistic`` gets an array (m, n) or (m, n, k) of m
    samples and returns m numbers: one call serves many resamples. The interval is widened to hold
    the statistic of the sample itself, which the bootstrap alone does not promise.

    Raises:
        ValueError: fewer than two entries, a value or a statistic that is not finite, or an
            impossible ``confidence`` or ``resamples``.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim == 0 or len(sample) < 2:
        raise ValueError("an interval needs at least two values")
    if not np.isfinite(sample).all():
        raise ValueError("a value is not finite")
    if not 0.0 < confidence < 1.0 or resamples < 1:
        raise ValueError(f"confidence {confidence} and {resamples} resamples make no interval")
    rng = np.random.default_rng(seed)
    at_once = max(1, _BLOCK_NUMBERS // sample.size)
    found = np.empty(resamples)
    for first in range(0, resamples, at_once):
        count = min(at_once, resamples - first)
        drawn = sample[rng.integers(0, len(sample), size=(count, len(sample)))]
        found[first : first + count] = statistic(drawn)
    own = float(np.asarray(statistic(sample[None])).reshape(()))
    if not np.isfinite(found).all() or not np.isfinite(own):
        raise ValueError("the statistic is not finite")
    tail = (1.0 - confidence) / 2.0
    ends = found.tolist()
    return min(own, quantile(ends, tail)), max(own, quantile(ends, 1.0 - tail))


def _order_interval(values: Sequence[float], q: float, confidence: float) -> tuple[float, float]:
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    if not np.isfinite(ordered).all() or not 0.0 <= q <= 1.0 or not 0.0 < confidence < 1.0:
        raise ValueError("a value is not finite, or q or the confidence is outside 0 to 1")
    count = len(ordered)
    spread = NormalDist().inv_cdf(0.5 + confidence / 2.0) * math.sqrt(count * q * (1.0 - q))
    low = max(0, math.floor(count * q - spread) - 1)
    high = min(count - 1, math.ceil(count * q + spread))
    return float(ordered[low]), float(ordered[high])


def quantile_interval(
    values: Sequence[float],
    q: float,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int,
) -> tuple[float, float]:
    """Return (low, high) of the ``q`` quantile, as :func:`bootstrap_interval` finds it.

    Above 5,000 values, where resampling takes seconds, the interval is that of the order statistics
    (Conover, "Practical Nonparametric Statistics", 1999, section 3.2), which agrees with it.

    Raises:
        ValueError: as there, or ``q`` is outside 0 to 1.
    """
    if len(values) > _LARGE:
        return _order_interval(values, q, confidence)

    def statistic(samples: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.quantile(samples, q, axis=-1))

    return bootstrap_interval(
        values, statistic, confidence=confidence, resamples=resamples, seed=seed
    )
