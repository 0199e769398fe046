"""Run B beside run A: each figure with its difference, and which clips moved.

Clips are paired by their id where their contents are the same too. Of an engine in both runs only
the clips that both have are compared; without such clips the runs are two samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.benchmark.cells import entity_recall, real_time_factor, word_error_rate
from echotrace.benchmark.compare_reports import compare_reports
from echotrace.benchmark.figures import Told, Values, of_quantile, of_rows, per_unit, quantile_of
from echotrace.benchmark.moved import moved_clips, strongest
from echotrace.benchmark.regression import DEFAULT_TOLERANCE, EVIDENCE, METRICS, overall
from echotrace.benchmark.rows import entity_row, errors_of, made_up_row, summed, time_row, units
from echotrace.benchmark.sides import (
    calls_of,
    engine_pairs,
    engines_of,
    same_clips,
    sides_of,
)
from echotrace.model.benchmark import RunComparison
from echotrace.model.measure import Finding, Measurement, Severity
from echotrace.stats.ratios import mean, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from echotrace.benchmark.regression import Metric
    from echotrace.benchmark.sides import Clips, Sides
    from echotrace.errors import EchoTraceError
    from echotrace.model.benchmark import BenchmarkRun, MovedClip, RunItem
    from echotrace.stats.ratios import Statistic

    RowOf = Callable[[Sequence[RunItem]], tuple[float, float] | None]

__all__ = ["CALLS", "DEFAULT_TOLERANCE", "compare_reports", "compare_runs", "failed_comparison"]

CALLS = "calls"
"""The subject of figures that do not depend on an engine."""


def compare_runs(
    a: BenchmarkRun,
    b: BenchmarkRun,
    *,
    a_name: str,
    b_name: str,
    tolerance: float = DEFAULT_TOLERANCE,
) -> RunComparison:
    """Compare run B with run A.

    Args:
        a: the run that B is measured by.
        b: the other.
        a_name: what A is called.
        b_name: what B is called.
        tolerance: how much worse a figure may get, as a share of A's.
    """
    told: list[Told] = []
    moved: list[MovedClip] = []
    warnings: list[Finding] = []
    for engines in engine_pairs(a, b, "stt"):
        sides = sides_of(a, b, engines)
        told += _of_engine(sides, tolerance)
        warnings += _of_sides(sides)
        if sides.paired and not sides.unlike:
            moved += moved_clips(sides.subject, sides.a, sides.b)
    told += _of_calls(a, b, tolerance)
    for names in engine_pairs(a, b, "llm"):
        told += _of_model(a, b, names, tolerance)
    outcome, reason = overall([each.judged for each in told])
    in_a, in_b = _clips_of(a), _clips_of(b)
    return RunComparison(
        a=a_name,
        b=b_name,
        outcome=outcome,
        reason=reason,
        figures=tuple(each.figure for each in told),
        moved=strongest(moved),
        clips_in_both=len(in_a & in_b),
        only_in_a=len(in_a - in_b),
        only_in_b=len(in_b - in_a),
        warnings=(*_of_runs(a, b), *warnings),
    )


def failed_comparison(error: EchoTraceError) -> RunComparison:
    """Return the document of a comparison that could not be made, with the error as its finding."""
    why = f"{error.what}: {error.why}" if error.why else error.what
    finding = Finding(
        code=error.code, severity=Severity.CRITICAL, message=why, hint=error.hint or None
    )
    return RunComparison(
        a="unknown", b="unknown", outcome=EVIDENCE, reason=why, figures=(), warnings=(finding,)
    )


def _clips_of(run: BenchmarkRun) -> set[tuple[str, str | None]]:
    return {
        (item.clip, item.sha256)
        for item in run.items
        if item.kind == "clip" and item.status == "ok"
    }


def _of_engine(sides: Sides, tolerance: float) -> Iterator[Told]:
    for key, row_of, statistic, measure in (
        ("wer", _word_row, ratio(), word_error_rate),
        ("entity_recall", entity_row, ratio(share=True), entity_recall),
        ("hallucinated", made_up_row, mean(), None),
        ("rtf", time_row, ratio(), None),
        ("cost", _cost_row, mean(), None),
    ):
        told = _of_metric(sides, key, row_of, statistic, measure, tolerance)
        if told is not None:
            yield told


def _word_row(repeats: Sequence[RunItem]) -> tuple[float, float] | None:
    found = errors_of(repeats)
    return None if found is None else (float(found.edits), float(found.reference))


def _cost_row(repeats: Sequence[RunItem]) -> tuple[float, float] | None:
    found = [item.cost_usd for item in repeats if item.cost_usd is not None]
    return (sum(found) / len(found), 1.0) if found else None


def _of_metric(
    sides: Sides,
    key: str,
    row_of: RowOf,
    statistic: Statistic,
    measure: Callable[..., Measurement] | None,
    tolerance: float,
) -> Told | None:
    metric = METRICS[key]
    a, b = _with_row(sides.a, row_of), _with_row(sides.b, row_of)
    both = [clip for clip in a if clip in b]
    if sides.paired and both:
        a, b = ({clip: side[clip] for clip in both} for side in (a, b))
    paired = sides.paired and bool(both)
    grouped = units(a)
    rows_a = summed(grouped, a, row_of)
    rows_b = summed(grouped if paired else units(b), b, row_of)
    figures = [
        _figure(side if rows else every, rows, metric, measure)
        for every, side, rows in ((sides.a, a, rows_a), (sides.b, b, rows_b))
    ]
    values = Values(
        metric=metric,
        subject=sides.subject,
        tolerance=tolerance,
        paired=paired,
        n=min(len(rows_a), len(rows_b)),
        a=figures[0],
        b=figures[1],
        why_not=_why_not(sides, key, paired=paired),
        lost=sides.lost,
        unpaired_why=sides.unpaired_why,
        what="clip" if len(grouped) == len(a) else "text",
    )
    return of_rows(values, rows_a, rows_b, statistic)


def _why_not(sides: Sides, key: str, *, paired: bool) -> str:
    """Say why this figure cannot be judged: other words, or no clip that has it on both sides."""
    if sides.unlike and (key in ("wer", "entity_recall") or not sides.paired):
        return sides.unlike
    if key == "rtf" and sides.shared:
        return sides.shared
    return "no clip has it in both" if sides.paired and not paired else ""


def _with_row(clips: Clips, row_of: RowOf) -> Clips:
    return {clip: repeats for clip, repeats in clips.items() if row_of(repeats) is not None}


def _figure(
    clips: Clips,
    rows: Sequence[tuple[float, float]],
    metric: Metric,
    measure: Callable[..., Measurement] | None,
) -> Measurement:
    if measure is not None:
        doubts = [item.doubt for repeats in clips.values() for item in repeats if item.doubt]
        return measure(clips, doubt=doubts[0] if doubts else None)
    if metric.key == "rtf":
        return real_time_factor(clips)
    return per_unit(rows, metric.unit, none="no clip has it")


def _of_calls(a: BenchmarkRun, b: BenchmarkRun, tolerance: float) -> Iterator[Told]:
    one, other = dict(calls_of(a)), dict(calls_of(b))
    if not one and not other:
        return
    same, why = same_clips(one, other)
    if not why:
        one, other = ({clip: side[clip] for clip in same} for side in (one, other))
    groups = [[each[0].heard_gaps_ms for each in side.values()] for side in (one, other)]
    for key, q in (("heard.p50", 0.5), ("heard.p95", 0.95)):
        figures = [quantile_of(side, q, "turn") for side in groups]
        values = Values(
            metric=METRICS[key],
            subject=CALLS,
            tolerance=tolerance,
            paired=not why,
            n=min(map(len, groups)),
            a=figures[0],
            b=figures[1],
            unpaired_why=why,
            what="call",
        )
        told = of_quantile(values, groups[0], groups[1], q)
        if told is not None:
            yield told


def _of_model(
    a: BenchmarkRun, b: BenchmarkRun, names: tuple[str, str], tolerance: float
) -> Iterator[Told]:
    times = []
    simulated = False
    for run, name in zip((a, b), names, strict=True):
        items = [item for item in run.items if item.kind == "llm" and item.engine == name]
        simulated = simulated or any(item.simulated for item in items)
        times.append([(time,) for item in items if item.status == "ok" for time in item.ttft_ms])
    figures = [quantile_of(side, 0.5, "request") for side in times]
    values = Values(
        metric=METRICS["ttft.p50"],
        subject=names[0] if names[0] == names[1] else f"{names[0]} -> {names[1]}",
        tolerance=tolerance,
        paired=False,
        n=min(map(len, times)),
        a=figures[0],
        b=figures[1],
        why_not="a simulated model answered" if simulated else "",
        what="request",
    )
    told = of_quantile(values, times[0], times[1], 0.5)
    if told is not None:
        yield told


def _of_sides(sides: Sides) -> Iterator[Finding]:
    for code, why in (
        ("NOT_PAIRED", sides.unpaired_why),
        ("NOT_ALIKE", sides.unlike),
        ("CLIPS_LOST", sides.lost),
    ):
        if why:
            yield Finding(code=code, severity=Severity.WARNING, message=f"{sides.subject}: {why}")


def _of_runs(a: BenchmarkRun, b: BenchmarkRun) -> Iterator[Finding]:
    for kind in ("stt", "llm"):
        one, other = engines_of(a, kind), engines_of(b, kind)
        if engine_pairs(a, b, kind) and set(one) != set(other) and set(one) & set(other):
            left = [f"{name} (only in A)" for name in one if name not in other]
            left += [f"{name} (only in B)" for name in other if name not in one]
            yield Finding(
                code="ENGINES_LEFT_OUT",
                severity=Severity.INFO,
                message=f"not compared: {', '.join(left)}",
            )
        elif one and other and not engine_pairs(a, b, kind):
            yield Finding(
                code="NO_ENGINE_IN_BOTH",
                severity=Severity.WARNING,
                message=f"no engine is in both: {', '.join(one)} in A, {', '.join(other)} in B",
            )
    identities = [{each.name: each.identity for each in run.header.engines} for run in (a, b)]
    for name in identities[0].keys() & identities[1].keys():
        if identities[0][name] != identities[1][name]:
            yield Finding(
                code="ENGINE_CHANGED",
                severity=Severity.INFO,
                message=f"{name} is not the same in both: its version, model or settings differ",
            )
    if a.header.tool.version != b.header.tool.version:
        yield Finding(
            code="TOOL_CHANGED",
            severity=Severity.INFO,
            message=f"made by EchoTrace {a.header.tool.version} and {b.header.tool.version}",
        )
    for name, run in (("A", a), ("B", b)):
        failed = sum(item.status != "ok" for item in run.items)
        if failed or run.missing:
            yield Finding(
                code="RUN_NOT_WHOLE",
                severity=Severity.WARNING,
                message=f"{name}: {failed:,} items failed and {run.missing:,} are missing",
            )
        if any(item.simulated for item in run.items):
            yield Finding(
                code="SIMULATED",
                severity=Severity.INFO,
                message=f"{name}: a simulated model answered",
            )
