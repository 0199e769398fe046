"""The run's spans as bars on one time axis, nested, as a browser's network panel draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from echotrace.render.console.axis import Axis, axis_of, drawable, scale
from echotrace.render.console.figures import MOCK, figure, milliseconds, note
from echotrace.render.console.lane import lane_lines
from echotrace.render.console.probes import p99
from echotrace.render.console.tree import Row, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.report import Report, SpanRecord
    from echotrace.render.console.layout import Page

__all__ = ["pipeline_block", "waterfall"]

MAX_ROWS = 60
_MIN_BAR = 12
_ROOMY = 60
_CPU_FROM = 100
_INDENT = 2
_SLOW = "<- SLOW"
_FAILED = "FAILED"


def pipeline_block(report: Report, page: Page) -> Iterator[Text]:
    """Yield the pipeline lane as a block of its own; nothing where nothing was put together.

    What a trace tells has its own block.
    """
    if report.pipeline is None or report.pipeline.kind == "trace":
        return
    yield from page.heading("Pipeline", aside="an estimate", style="dim")
    yield from lane_lines(report.pipeline, page)


def waterfall(report: Report, page: Page) -> Iterator[Text]:
    """Yield the pipeline lane, the axis, one row per span, and the run's totals."""
    latency = report.latency
    yield from pipeline_block(report, page)
    if latency is None or not latency.spans:
        yield from page.heading("Waterfall", aside="no spans", style="dim")
    else:
        yield from page.heading("Waterfall", aside="ms since the run began", style="dim")
        rows, hidden = rows_of(latency.spans, MAX_ROWS)
        yield from _chart(rows, page)
        yield from _legend(rows, page)
        if hidden:
            yield Text(f"  {hidden:,} shorter spans are not shown", style="dim")
    if latency is None:
        return
    totals: list[tuple[str, Text]] = []
    if latency.bottleneck:
        totals.append(("bottleneck", Text(page.data(latency.bottleneck), style="bold")))
    total = Text.assemble((page.data(figure(latency.e2e_ms)), "bold"))
    told = latency.e2e_ms.method if latency.e2e_ms.value is not None else note(latency.e2e_ms)
    if told:
        total.append(f"  {page.data(told)}", "dim")
    totals.append(("total", total))
    if report.probes is None or report.probes.llm is None:
        totals.append(("P99", p99(latency.p99_ms, page)))
    yield Text()
    yield from page.pairs(totals)


def _chart(rows: Sequence[Row], page: Page) -> Iterator[Text]:
    names = [page.data(row.span.name, limit=60) for row in rows]
    times = [milliseconds(row.span.duration_ms) for row in rows]
    flags = [_flags(row.span, page) for row in rows]
    step = 2 if page.width >= _ROOMY else 1
    widest = max(step * row.depth + cell_len(name) for row, name in zip(rows, names, strict=True))
    left = min(widest, max(14, page.width * 3 // 10))
    middle = max(len(shown) for shown in times)
    left = min(left, page.width - _INDENT - middle - 4 - _MIN_BAR)
    right = max((cell_len(shown) for shown in flags), default=0)
    bars = page.width - _INDENT - left - middle - 4
    wide = page.width >= _CPU_FROM
    cpus = ["" if row.span.cpu_ms is None else milliseconds(row.span.cpu_ms) for row in rows]
    third = max((len(shown) for shown in cpus), default=0) if wide else 0
    bars -= third + 6 if third else 0
    beside = bars - right - 2 >= _MIN_BAR * 2 if right else True
    bars -= right + 2 if right and beside else 0
    bars = max(bars, _MIN_BAR)
    axis = axis_of([row.span for row in rows], bars, label_cells=7)
    before = _INDENT + left + middle + 4 + (third + 6 if third else 0)
    yield Text.assemble(" " * before, (scale(axis), "dim"))
    for row, name, shown, cpu, flag in zip(rows, names, times, cpus, flags, strict=True):
        indent = min(step * row.depth, left // 2)
        line = Text(" " * (_INDENT + indent))
        cut = page.data(name, limit=left - indent)
        line.append(cut, "bold" if row.depth == 0 else "")
        line.append(" " * (left - indent - cell_len(cut) + 2))
        line.append(shown.rjust(middle), "dim" if row.depth else "")
        if third:
            line.append(f"  {'cpu' if cpu else '   '} {cpu.rjust(third)}", "dim")
        line.append("  ")
        line.append_text(_bar(row.span, axis, page))
        if flag and beside:
            line.append(f"  {flag}", "bold red" if row.span.status != "ok" else "yellow")
        line.rstrip()
        yield line
        if flag and not beside:
            yield Text.assemble(" " * (_INDENT + indent + 2), (flag, "yellow"))


def _bar(span: SpanRecord, axis: Axis, page: Page) -> Text:
    glyphs = page.glyphs
    fill, style = glyphs.bar, "cyan"
    if span.slow:
        style = "yellow"
    if span.simulated:
        fill, style = glyphs.simulated, "magenta"
    if span.status != "ok":
        fill, style = glyphs.failed, "red"
    cells = [" "] * axis.cells
    for tick in axis.ticks():
        cells[min(axis.cells - 1, int(axis.cell(tick)))] = glyphs.guide
    start_ms = drawable(span.start_ms)
    first = max(0, min(axis.cells - 1, int(axis.cell(start_ms))))
    length = axis.cell(start_ms + drawable(span.duration_ms)) - axis.cell(start_ms)
    if fill == glyphs.bar and length < 0.5:
        fill = glyphs.sliver
    last = min(axis.cells, first + max(1, round(length)))
    drawn = Text.assemble(("".join(cells[:first]), "dim"))
    drawn.append(fill * (last - first), style)
    return drawn.append("".join(cells[last:]), "dim")


def _flags(span: SpanRecord, page: Page) -> str:
    flags = []
    if span.slow:
        flags.append(_SLOW)
    if span.simulated:
        flags.append(MOCK)
    if span.status != "ok":
        flags.append(
            _FAILED if span.status == "failed" else page.data(span.status, limit=12).upper()
        )
    return " ".join(flags)


def _legend(rows: Sequence[Row], page: Page) -> Iterator[Text]:
    glyphs = page.glyphs
    parts = []
    if any(row.span.simulated for row in rows):
        parts.append(f"{glyphs.simulated * 3} simulated")
    if any(row.span.status != "ok" for row in rows):
        parts.append(f"{glyphs.failed * 3} failed")
    if parts:
        parts.insert(0, f"{glyphs.bar * 3} measured")
        yield from page.wrapped(Text("   ".join(parts), style="dim"))
