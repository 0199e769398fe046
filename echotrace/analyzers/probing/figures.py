"""From the samples of a series to its figures: medians with intervals, and percentiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from echotrace.model.conversation import Percentiles
from echotrace.model.measure import Measurement, Status
from echotrace.stats.percentiles import percentiles
from echotrace.stats.quantiles import quantile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MOCK_REASON", "Figures", "unavailable"]

MOCK_REASON: Final = "[MOCK] drawn from a seeded generator; no service was asked"
_FEWEST_FOR_AN_INTERVAL: Final = 5
_SEED: Final = 6


@dataclass(slots=True)
class Figures:
    """Makes one service's figures, and keeps their distributions by name.

    ``asked`` is how many requests were wanted: those that gave no figure are counted, and where
    they are the most, a median is an estimate.
    """

    asked: int = 0
    simulated: bool = False
    percentiles: dict[str, Percentiles] = field(default_factory=dict)

    def latency(
        self,
        name: str,
        values: Sequence[float | None],
        *,
        method: str,
        without: str,
        what: str = "request",
    ) -> Measurement:
        """Return the median of a time in milliseconds, and keep its percentiles under ``name``.

        Args:
            name: of the figure in the report.
            values: one a request; None where it has none.
            method: what is measured.
            without: why there is none, when there is none.
            what: one value in words; those of requests are counted against ``asked``.
        """
        known = [value for value in values if value is not None]
        wanted = max(self.asked, len(values)) if what == "request" else len(values)
        if known:
            self.percentiles[name] = percentiles(
                known,
                "ms",
                not_measured=wanted - len(known),
                seed=_SEED,
                status=Status.SIMULATED if self.simulated else Status.MEASURED,
                reason=MOCK_REASON if self.simulated else None,
                method=method,
                what=what,
            )
        return self.middle(values, "ms", method=method, without=without, what=what)

    def middle(
        self,
        values: Sequence[float | None],
        unit: str,
        *,
        method: str,
        without: str,
        what: str = "request",
    ) -> Measurement:
        """Return the median of ``values`` with its interval from 5 values on, or why there is none.

        Below 5 the median stands without an interval and says on how few it rests.
        """
        known = [value for value in values if value is not None]
        if not known:
            return Measurement.not_measurable(unit, without)
        extra: dict[str, float] = {}
        if len(known) >= _FEWEST_FOR_AN_INTERVAL:
            from echotrace.stats.bootstrap import quantile_interval

            low, high = quantile_interval(known, 0.5, seed=_SEED)
            extra = {"low": round(low, 3), "high": round(high, 3)}
        value = quantile(known, 0.5)
        if self.simulated:
            return Measurement.simulated(
                value, unit, reason=MOCK_REASON, method=method, n=len(known), **extra
            )
        if what == "request" and 2 * len(known) < self.asked:
            few = f"only {len(known)} of {self.asked} requests gave it"
            return Measurement.estimated(
                value, unit, reason=few, method=method, n=len(known), **extra
            )
        return Measurement.measured(value, unit, method=method, n=len(known), **extra)

    def once(self, value: float | None, *, method: str, without: str) -> Measurement:
        """Return a time that is measured a single time, in milliseconds."""
        if value is None:
            return Measurement.not_measurable("ms", without)
        if self.simulated:
            return Measurement.simulated(value, "ms", reason=MOCK_REASON, method=method, n=1)
        return Measurement.measured(value, "ms", method=method, n=1)


def unavailable(names: Mapping[str, str], reason: str) -> dict[str, Any]:
    """Return an unavailable figure for each name, by its unit."""
    return {name: Measurement.unavailable(unit, reason) for name, unit in names.items()}
