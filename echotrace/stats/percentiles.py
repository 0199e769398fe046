"""Percentiles with their counts and intervals, made in one place for turns, probes and sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from echotrace.model.conversation import Percentiles
from echotrace.model.measure import Measurement, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["METHOD", "NEEDED", "counted", "percentiles", "quantile_figure"]

NEEDED: Final = {0.5: 5, 0.95: 20, 0.99: 100}
"""Fewest values for each quantile (the metrics page)."""
METHOD: Final = "linear between order statistics, bootstrap interval"
"""How a quantile is taken; beyond 5,000 values its interval is that of the order statistics."""
_NAMES: Final = {0.5: "a median", 0.95: "p95", 0.99: "p99"}


def percentiles(
    values: Sequence[float],
    unit: str,
    *,
    not_measured: int = 0,
    seed: int = 1,
    status: Status = Status.MEASURED,
    reason: str | None = None,
    method: str | None = None,
    what: str = "sample",
    none: Measurement | None = None,
    digits: int = 1,
) -> Percentiles:
    """Return p50, p95, p99 and the worst of ``values``, so that no figure stands on too few.

    Args:
        values: finite, in ``unit``.
        unit: of the values.
        not_measured: how many more were wanted.
        seed: of the bootstrap intervals; the same gives the same.
        status: one that has a value, of every figure that can be told.
        reason: why that status is not ``measured``.
        method: how the values were made; how quantiles are taken is said behind it.
        what: one value in words, for "3 samples were measured; p95 needs 20".
        none: the figure that stands for all four where there are no values.
        digits: decimals that quantiles and their intervals are rounded to.

    Raises:
        ValueError: a value is not finite.
    """
    if not values:
        nothing = none or Measurement.not_measurable(unit, f"no {what} was measured")
        return Percentiles(
            n=0, not_measured=not_measured, p50=nothing, p95=nothing, p99=nothing, worst=nothing
        )
    p50, p95, p99 = (
        quantile_figure(
            values,
            q,
            unit,
            seed=seed,
            status=status,
            reason=reason,
            method=method,
            what=what,
            digits=digits,
        )
        for q in NEEDED
    )
    worst = Measurement(
        unit=unit,
        status=status,
        value=max(values),
        reason=reason,
        method=_joined(method, "largest"),
        n=len(values),
    )
    return Percentiles(
        n=len(values), not_measured=not_measured, p50=p50, p95=p95, p99=p99, worst=worst
    )


def quantile_figure(
    values: Sequence[float],
    q: float,
    unit: str,
    *,
    seed: int = 1,
    status: Status = Status.MEASURED,
    reason: str | None = None,
    method: str | None = None,
    what: str = "sample",
    digits: int = 1,
) -> Measurement:
    """Return one quantile (0.5, 0.95 or 0.99) with its interval, or how many values it lacks.

    The arguments are those of :func:`percentiles`.

    Raises:
        ValueError: a value is not finite.
    """
    count = len(values)
    if count < NEEDED[q]:
        were = "was" if count == 1 else "were"
        return Measurement.not_measurable(
            unit, f"{counted(count, what)} {were} measured; {_NAMES[q]} needs {NEEDED[q]}"
        )
    from echotrace.stats.bootstrap import quantile_interval
    from echotrace.stats.quantiles import quantile

    low, high = quantile_interval(values, q, seed=seed)
    return Measurement(
        unit=unit,
        status=status,
        value=round(quantile(values, q), digits),
        reason=reason,
        method=_joined(method, METHOD),
        low=round(low, digits),
        high=round(high, digits),
        n=count,
    )


def counted(count: int, what: str) -> str:
    """Return ``1 turn`` or ``3 turns``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _joined(method: str | None, how: str) -> str:
    return how if method is None else f"{method}; {how}"
