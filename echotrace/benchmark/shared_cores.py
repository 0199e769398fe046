"""Real-time factors of a run whose workers shared the machine's cores."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echotrace.model.measure import Finding, Measurement, Severity, Status

if TYPE_CHECKING:
    from echotrace.model.benchmark import BenchmarkRun, RunHeader

__all__ = ["jobs_of", "with_shared_cores"]


def with_shared_cores(run: BenchmarkRun) -> BenchmarkRun:
    """Mark real-time factors that were measured while other workers were busy as estimates."""
    jobs = jobs_of(run.header)
    if jobs < 2:
        return run
    why = f"{jobs} workers shared the machine's cores"
    cells = tuple(replace(cell, rtf=_estimate(cell.rtf, why)) for cell in run.cells)
    if all(old.rtf is new.rtf for old, new in zip(run.cells, cells, strict=True)):
        return run
    finding = Finding(
        code="SHARED_CORES",
        severity=Severity.INFO,
        message=f"real-time factors are estimates: {why}",
        hint="--jobs 1 --no-cache for honest times",
    )
    return replace(run, cells=cells, warnings=(*run.warnings, finding))


def _estimate(figure: Measurement, why: str) -> Measurement:
    if figure.status is not Status.MEASURED:
        return figure
    return replace(figure, status=Status.ESTIMATED, reason=why)


def jobs_of(header: RunHeader) -> int:
    """Return how many workers a run had at most."""
    jobs = header.settings.get("jobs", 1)
    return jobs if isinstance(jobs, int) else 1
