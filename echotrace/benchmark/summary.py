"""A run, whole: its cells, frontiers, worst clips and what its reader should know."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from echotrace.benchmark.cells import cell, llm_cell
from echotrace.benchmark.frontier import frontiers
from echotrace.benchmark.rows import (
    by_clip,
    condition_order,
    errors_of,
    once,
    plain_condition,
    units,
)
from echotrace.benchmark.shared_cores import with_shared_cores
from echotrace.benchmark.worst import worst_clips
from echotrace.model.benchmark import BenchmarkRun
from echotrace.model.measure import Finding, RunStatus, Severity
from echotrace.stats.percentiles import counted
from echotrace.stats.ratios import MIN_UNITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from echotrace.model.benchmark import Cell, ClipCondition, Frontier, RunHeader, RunItem

__all__ = ["summarise"]


def summarise(header: RunHeader, items: Sequence[RunItem]) -> BenchmarkRun:
    """Return the figures over the items of a run, in whichever order they were written."""
    kept = once(items)
    plain = [replace(item, condition=plain_condition(item.condition)) for item in kept]
    clips = _by_engine(header, plain, kind="clip", engine_kind="stt")
    probes = _by_engine(header, plain, kind="llm", engine_kind="llm")
    doubts = {engine.name: engine.doubt for engine in header.engines}
    cells: list[Cell] = []
    curves: list[Frontier] = []
    for engine, found in clips.items():
        of_engine = _cells(engine, found, doubts.get(engine))
        cells += of_engine
        curves += frontiers(of_engine)
    missing = max(0, header.items - len(kept))
    failed = sum(item.status != "ok" for item in kept)
    status = RunStatus.PARTIAL if missing or failed else RunStatus.COMPLETE
    if failed == len(kept):
        status = RunStatus.FAILED
    run = BenchmarkRun(
        header=header,
        status=status,
        cells=tuple(cells),
        llm_cells=tuple(llm_cell(engine, found) for engine, found in probes.items()),
        frontiers=tuple(curves),
        worst=worst_clips(clips),
        items=kept,
        missing=missing,
        warnings=tuple(_warnings(header, kept, clips, doubts, failed=failed, missing=missing)),
        tool=header.tool,
    )
    return with_shared_cores(run)


def _by_engine(
    header: RunHeader, items: Sequence[RunItem], *, kind: str, engine_kind: str
) -> dict[str, list[RunItem]]:
    found: dict[str, list[RunItem]] = {
        engine.name: [] for engine in header.engines if engine.kind == engine_kind
    }
    for item in items:
        if item.kind == kind:
            found.setdefault(item.engine, []).append(item)
    return {
        engine: sorted(each, key=lambda item: (item.clip, item.repeat))
        for engine, each in found.items()
    }


def _cells(engine: str, items: Sequence[RunItem], doubt: str | None) -> list[Cell]:
    grouped: defaultdict[ClipCondition, list[RunItem]] = defaultdict(list)
    for item in items:
        grouped[item.condition].append(item)
    return [
        cell(engine, None, items, doubt=doubt),
        *(
            cell(engine, condition, grouped[condition], doubt=doubt)
            for condition in sorted(grouped, key=condition_order)
        ),
    ]


def _warnings(
    header: RunHeader,
    items: Sequence[RunItem],
    clips: Mapping[str, Sequence[RunItem]],
    doubts: Mapping[str, str | None],
    *,
    failed: int,
    missing: int,
) -> Iterator[Finding]:
    if failed:
        codes = Counter(item.error.code for item in items if item.error)
        listed = ", ".join(f"{code} {count}" for code, count in codes.most_common(3))
        yield Finding(
            code="ITEMS_FAILED",
            severity=Severity.WARNING,
            message=f"{failed:,} of {len(items):,} items failed ({listed or 'no reason given'});"
            " figures are over the others",
            hint="look at the failed items, and run again with --resume",
        )
    if missing:
        yield Finding(
            code="ITEMS_MISSING",
            severity=Severity.WARNING,
            message=f"{missing:,} of {header.items:,} items are missing: the run was stopped",
            hint="go on with --resume",
        )
    if header.skipped:
        first = header.skipped[0]
        yield Finding(
            code="FILES_SKIPPED",
            severity=Severity.WARNING,
            message=f"{counted(len(header.skipped), 'file')} could not be taken, the first is"
            f" {first.path}: {first.reason}",
        )
    for engine, found in clips.items():
        yield from _of_engine(engine, found, doubts.get(engine))
    names = {item.normalizer for item in items if item.normalizer is not None}
    if len(names) > 1:
        yield Finding(
            code="NORMALIZERS_MIXED",
            severity=Severity.WARNING,
            message=f"words were normalised in {len(names)} different ways: pooled error rates"
            " count by more than one rule",
        )


def _of_engine(engine: str, items: Sequence[RunItem], doubt: str | None) -> Iterator[Finding]:
    doubts = {item.doubt for item in items if item.doubt} | ({doubt} - {None} if doubt else set())
    for each in sorted(doubts):
        yield Finding(
            code="RATES_ESTIMATED",
            severity=Severity.WARNING,
            message=f"{engine}: error rates are estimates: {each}",
        )
    spoken = {clip: each for clip, each in by_clip(items).items() if errors_of(each) is not None}
    count = len(units(spoken))
    what = "clip" if count == len(spoken) else "text"
    unheard = sum(map(_is_unheard, items))
    if unheard:
        yield Finding(
            code="ENGINE_NOT_RUN",
            severity=Severity.WARNING,
            message=f"{engine}: no speech was found for {unheard:,} of {len(items):,} transcripts,"
            " so the engine was not run: their words count as missed",
            hint="listen to those clips, and leave out what nobody can hear",
        )
    if 0 < count < MIN_UNITS:
        yield Finding(
            code="FEW_CLIPS",
            severity=Severity.INFO,
            message=f"{engine}: {counted(count, what)} with a reference"
            f" {'is' if count == 1 else 'are'} too few for an interval",
            hint=f"use {MIN_UNITS} {what}s or more, and 50 to tell small differences",
        )
    cached = sum(item.cached for item in items)
    if cached and cached < len(items):
        yield Finding(
            code="PARTLY_CACHED",
            severity=Severity.INFO,
            message=f"{engine}: {cached:,} of {len(items):,} transcripts came from the cache;"
            " its real-time factor is that of the others",
        )


def _is_unheard(item: RunItem) -> bool:
    """Whether words were said but no speech was found, so that no engine was asked."""
    counts = item.counts
    if counts is None or item.status != "ok" or item.cached or item.inference_ms is not None:
        return False
    return counts.reference_words > 0 and counts.hypothesis_words == 0
