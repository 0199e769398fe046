"""Exact quantiles of kept values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["quantile"]


def quantile(values: Iterable[float], q: float) -> float:
    """Return the ``q`` quantile (0 to 1) of finite values, between two of them by proportion.

    It is definition 7 of Hyndman and Fan, "Sample quantiles in statistical packages" (1996):
    position (n - 1) q in the sorted values, linear in between. numpy and spreadsheets use the
    same one, so that users can check a figure by hand.

    Raises:
        ValueError: there are no values, one is not finite, or ``q`` is outside 0 to 1.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, so no quantile")
    if not all(map(math.isfinite, ordered)):
        raise ValueError("a value is not finite")
    if not 0.0 <= q <= 1.0:
        raise ValueError(f"q is {q}, it must lie between 0 and 1")
    position = (len(ordered) - 1) * q
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    share = position - below
    low, high = ordered[below], ordered[above]
    # Both products stay finite where high - low would not, and never leave the two values.
    return min(high, max(low, low * (1.0 - share) + high * share))
