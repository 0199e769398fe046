"""The estimate of the probes and the pipeline's own trace, as one part of the report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Measurement, Status
from echotrace.model.pipeline import Pipeline, PipelinePart
from echotrace.stats.quantiles import quantile

if TYPE_CHECKING:
    from echotrace.model.reconciled import PipelineTrace

__all__ = ["with_trace"]

_ESTIMATES: Final = (Status.MEASURED, Status.ESTIMATED)


def with_trace(estimate: Pipeline | None, trace: PipelineTrace | None) -> Pipeline | None:
    """Add the trace to the estimate, or let it stand alone where no real service was probed.

    Then the total is the heard gap, its median where there are turns enough.
    """
    if trace is None:
        return estimate
    if estimate is not None and estimate.total_ms.status in _ESTIMATES:
        return replace(estimate, trace=trace)
    return Pipeline(
        total_ms=_total(trace),
        percentiles=trace.heard_gap_ms,
        parts=() if trace.clock.status == "refused" else _parts(trace),
        kind="trace",
        trace=trace,
    )


def _parts(trace: PipelineTrace) -> tuple[PipelinePart, ...]:
    return tuple(
        PipelinePart(key=part.key, owner=part.owner, owner_kind=part.owner_kind, ms=part.ms)
        for part in trace.parts
    )


def _total(trace: PipelineTrace) -> Measurement:
    """Return the median heard gap; of a few turns an estimate."""
    figures = [turn.heard_gap_ms.value for turn in trace.turns if turn.counted]
    values = [value for value in figures if value is not None]
    median = trace.heard_gap_ms.p50
    if median.value is not None or not values:
        return median
    why = median.reason or "too few turns"
    value = round(quantile(values, 0.5), 1)
    return Measurement.estimated(value, "ms", reason=why, n=len(values))
