"""The page of a benchmark run: verdict, engines, gates; conditions, clips and failures folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.render.console.figures import MOCK, figure, percent
from echotrace.render.console.run.frontier import doubled, point_name
from echotrace.render.markdown.comparison import comparison_blocks
from echotrace.render.markdown.escape import code_block, text
from echotrace.render.markdown.parts import absent, cell, diff_lines, findings, gates, head, ranged
from echotrace.render.markdown.sheet import Block, details, table
from echotrace.render.verdicts import counted, run_verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from echotrace.model.benchmark import BenchmarkRun, Cell, WorstClip
    from echotrace.model.measure import Measurement
    from echotrace.model.transcription import DiffOp

__all__ = ["run_blocks"]

_WITH_WORDS = 5
_FIGURES: tuple[tuple[str, str, Callable[[Cell], Measurement]], ...] = (
    ("entity recall", "", lambda item: item.entity_recall),
    ("hallucinated", "", lambda item: item.hallucinated_words),
    ("gap p50", "", lambda item: item.heard_gap_ms.p50),
    ("gap p95", "", lambda item: item.heard_gap_ms.p95),
    ("missed", "", lambda item: item.missed_responses),
    ("RTF", "rtf", lambda item: item.rtf),
    ("SNR error", "", lambda item: item.snr_error_db),
    ("cost", "", lambda item: item.cost_usd),
)


def run_blocks(run: BenchmarkRun) -> Iterator[Block]:
    """Yield the blocks, the most telling first."""
    yield head("EchoTrace benchmark", run_verdict(run))
    listed = [item.name for item in run.header.engines]
    told = [counted(run.header.clips, "clip"), ", ".join(listed) or "no engines"]
    if run.header.manifest:
        told.append(run.header.manifest)
    yield Block(name="what was run", head=" · ".join(text(part, limit=500) for part in told))
    yield from gates(run.gates)
    whole = [item for item in run.cells if item.condition is None]
    if whole:
        yield _matrix("engines", "engine", [item.engine for item in whole], whole)
    yield from _models(run)
    if run.comparison is not None:
        yield Block(name="comparison", head=f"#### Beside {text(run.comparison.a)}")
        yield from comparison_blocks(run.comparison)
    yield from findings(run.warnings)
    yield from _conditions(run)
    yield from _frontiers(run)
    yield from _worst(run)
    yield from _failures(run)
    rows = [(label, read(item)) for item in run.cells for label, _, read in _FIGURES]
    missing = absent([*(("WER", item.wer) for item in run.cells), *rows])
    if missing is not None:
        yield missing


def _matrix(name: str, what: str, names: Sequence[str], cells: Sequence[Cell]) -> Block:
    """Return the rows of a matrix without the columns in which nothing was measured."""
    columns = [
        (label, metric, read)
        for label, metric, read in _FIGURES
        if any(read(item).value is not None for item in cells)
    ]
    has_failed = any(item.failed for item in cells)
    heads = [what, "clips", "WER", *(label for label, _, _ in columns), *(["failed"] * has_failed)]
    rows = [
        [
            text(named),
            f"{item.clips:,}",
            ranged(item.wer),
            *(cell(read(item), metric=metric) for _, metric, read in columns),
            *([f"{item.failed:,}"] * has_failed),
        ]
        for named, item in zip(names, cells, strict=True)
    ]
    return table(name, heads, rows, right=range(1, len(heads)))


def _models(run: BenchmarkRun) -> Iterator[Block]:
    if not run.llm_cells:
        return
    rows = [
        (
            text(f"{MOCK} " * item.simulated + item.engine),
            f"{item.ttft_ms.n:,}",
            cell(item.ttft_ms.p50),
            cell(item.ttft_ms.p95),
            cell(item.ttft_ms.worst),
            cell(item.cost_usd),
            f"{item.failed:,}",
        )
        for item in run.llm_cells
    ]
    heads = ("language model", "probes", "TTFT p50", "p95", "worst", "cost", "failed")
    yield table("language models", heads, rows, noun="models", right=range(1, 7))


def _conditions(run: BenchmarkRun) -> Iterator[Block]:
    for engine in dict.fromkeys(item.engine for item in run.cells):
        rows = [item for item in run.cells if item.engine == engine and item.condition]
        if len(rows) > 1:
            labels = [item.condition.label if item.condition else "" for item in rows]
            block = _matrix(f"conditions of {engine}", "condition", labels, rows)
            yield details(block, f"{engine} by condition")


def _frontiers(run: BenchmarkRun) -> Iterator[Block]:
    lines = []
    for item in run.frontiers:
        steps = " → ".join(
            f"{text(point_name(point, item.unit), limit=60)} {cell(point.wer)}"
            for point in item.points
        )
        found = item.breakpoint
        doubles = f"n/a: {text(found.reason or '')}"
        if found.value is not None:
            doubles = doubled(item, text(figure(found)) if item.is_bound else cell(found))
        lines.append((text(item.engine), text(item.series), steps, doubles))
    if lines:
        heads = ("engine", "what gets worse", "WER", "WER doubles")
        block = table("degradation", heads, lines, noun="curves")
        yield details(block, "Degradation")


def _worst(run: BenchmarkRun) -> Iterator[Block]:
    if not run.worst:
        return
    diffs: dict[tuple[str, str], tuple[DiffOp, ...]] = {}
    for item in run.items:
        if item.diff:
            diffs.setdefault((item.clip, item.engine), item.diff)
    lines = [
        f"- {text(clip.clip)} ({text(clip.engine)}, {text(clip.condition.label)}): "
        f"{text(_figures(clip))}"
        for clip in run.worst
    ]
    block = Block(name="worst clips", lines=tuple(lines), noun="clips")
    yield details(block, f"Worst clips ({len(run.worst):,})")
    for clip in run.worst[:_WITH_WORDS]:
        if diff := diffs.get((clip.clip, clip.engine)):
            block = Block(name="words of the worst clips", head=code_block(diff_lines(diff)))
            yield details(block, f"{clip.clip}, {clip.engine}")


def _figures(clip: WorstClip) -> str:
    told = []
    if clip.wer is not None:
        told.append(f"WER {percent(clip.wer)}")
    if clip.edits is not None and clip.words is not None:
        told.append(f"{counted(clip.edits, 'edit')} in {counted(clip.words, 'word')}")
    if clip.worst_heard_gap_ms is not None:
        told.append(f"heard gap {clip.worst_heard_gap_ms:,.0f} ms")
    return ", ".join([*told, clip.why])


def _failures(run: BenchmarkRun) -> Iterator[Block]:
    failed = [item for item in run.items if item.status == "failed"]
    lines = []
    for item in failed:
        error = item.error
        why = ": ".join(part for part in (error.message, error.why) if part) if error else ""
        code = error.code if error else "UNKNOWN"
        lines.append((text(code), text(item.clip or "probe"), text(item.engine), text(why)))
    if lines:
        block = table("failures", ("code", "clip", "engine", "why"), lines, noun="failures")
        yield details(block, f"Failed ({len(lines):,})")
    if run.header.skipped:
        rows = [(text(file.path), text(file.reason)) for file in run.header.skipped]
        block = table("skipped files", ("file", "why"), rows, noun="files")
        yield details(block, f"Skipped files ({len(rows):,})")
