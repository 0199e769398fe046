"""The latency waterfall: nested spans as bars on one time axis, growing while the run is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text
from textual.reactive import reactive

from echotrace.model.measure import Status
from echotrace.render.console.axis import Axis, axis_of, drawable
from echotrace.render.console.figures import MOCK, figure, milliseconds, number
from echotrace.render.console.lane import brief_lane, lane_lines
from echotrace.render.console.tree import rows_of
from echotrace.tui.state import RUNNING, SPAN_OF_STAGE
from echotrace.tui.widgets.missing import state_of
from echotrace.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.report import Pipeline, SpanRecord
    from echotrace.render.console.layout import Page
    from echotrace.render.console.tree import Row
    from echotrace.tui.state import RunState

__all__ = ["WaterfallPanel"]

MAX_ROWS = 200
_FEW = 6
"""Up to so many spans are never folded into their stages."""
_LANE = 7
"""About so many lines are the pipeline's."""
_WHOLE_LANE_FROM = 28
"""A panel so high has room for what is to know of each part of the pipeline."""
_MIN_BAR = 10
_ROOMY = 60
_CPU_FROM = 100
_SLOW = "<- SLOW"
_FAILED = "FAILED"
_EIGHTHS = " ▏▎▍▌▋▊▉"


class WaterfallPanel(Panel):
    """One row per span; a stage that failed shows its error under its row."""

    now_ns: reactive[int] = reactive(0)

    def watch_now_ns(self) -> None:
        """Let the bars of what is running grow; the number of rows stays."""
        if self.run is not None and self.run.open_ns:
            self.redraw(layout=False)

    def heading(self, page: Page) -> Text:
        """Return the title with the total and the bottleneck."""
        title = Text("Waterfall", style="bold")
        report = self.run.report if self.run else None
        if report is None or report.latency is None:
            return title
        title.append(f"  {page.data(figure(report.latency.e2e_ms))}", "dim")
        if report.latency.bottleneck:
            name = page.data(report.latency.bottleneck, limit=24)
            title.append(f", longest: {name}", "dim")
        spans = len(report.latency.spans)
        if self._folded and spans > _FEW and spans >= self._room:
            title.append(f"; enter: all {spans:,} spans", "dim")
        return title

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield the pipeline's lane if there is one, then the axis, rows, stages without any."""
        run = self.run
        if run is None:
            return
        if self._pipeline is not None:
            if self.is_maximized or self.size.height >= _WHOLE_LANE_FROM:
                yield from lane_lines(self._pipeline, page, indent=0)
                yield Text()
            else:
                yield from brief_lane(self._pipeline, page)
            yield from page.wrapped(Text("This run", style="bold"), indent=0)
        rows, hidden = rows_of(run.spans_at(self.now_ns), MAX_ROWS)
        rows = self._shown(rows)
        if rows:
            yield from _chart(rows, run, page)
            if hidden:
                yield Text(f"{hidden:,} shorter spans are not shown", style="dim")
        yield from _without_rows(rows, run, page)

    @property
    def _pipeline(self) -> Pipeline | None:
        return self.run.report.pipeline if self.run and self.run.report else None

    @property
    def _folded(self) -> bool:
        """Whether only the stages are drawn: where the whole tree would need scrolling."""
        return (self.screen.has_class("-short") or self._pipeline is not None) and (
            not self.is_maximized
        )

    @property
    def _room(self) -> int:
        return self.size.height - (_LANE if self._pipeline is not None else 0)

    def _shown(self, rows: list[Row]) -> list[Row]:
        if not self._folded or len(rows) <= _FEW or len(rows) < self._room:
            return rows
        return [row for row in rows if row.depth <= 1 or row.span.status == "failed"]


def _errors(run: RunState) -> dict[str, str]:
    """Return by span name why a stage has no result."""
    errors = {}
    names = run.report.analyzers if run.report else run.stages
    for stage in names:
        word, reason = state_of(stage, run)
        if word in ("unavailable", "failed") and reason:
            errors[SPAN_OF_STAGE.get(stage, stage)] = reason
    probes = run.report.probes if run.report else None
    llm, tts = (probes.llm, probes.tts) if probes else (None, None)
    firsts = {"llm": llm.ttft_ms if llm else None, "tts": tts.ttfa_ms if tts else None}
    for stage, first in firsts.items():
        if first is not None and first.status is Status.UNAVAILABLE:
            errors[SPAN_OF_STAGE[stage]] = str(first.reason)
    return errors


def _without_rows(rows: Sequence[Row], run: RunState, page: Page) -> Iterator[Text]:
    """Yield a line for each stage without a span: it waits, or never ran, and why."""
    drawn = {row.span.name for row in rows}
    stages = dict.fromkeys((*run.asked, *run.stages, *(run.report.analyzers if run.report else ())))
    for stage in stages:
        name = SPAN_OF_STAGE.get(stage, stage)
        word, reason = state_of(stage, run)
        if name in drawn or word in ("ok", "measured"):
            continue
        failed = word in ("unavailable", "failed")
        line = Text.assemble((page.data(name, limit=40), ""), "  ")
        line.append(_FAILED if failed else word, "bold red" if failed else "dim")
        if reason:
            line.append(f": {page.data(reason)}", "" if failed else "dim")
        yield from page.wrapped(line, indent=0)
    if not rows and not stages:
        over = run.phase.is_over
        yield Text("no spans" if over else "waiting for the first stage", style="dim")


def _chart(rows: Sequence[Row], run: RunState, page: Page) -> Iterator[Text]:
    names = [page.data(row.span.name, limit=60) for row in rows]
    times = [milliseconds(row.span.duration_ms) for row in rows]
    flags = [_flags(row.span, page) for row in rows]
    step = 2 if page.width >= _ROOMY else 1
    widest = max(step * row.depth + cell_len(name) for row, name in zip(rows, names, strict=True))
    left = min(widest, max(12, page.width * 3 // 10))
    middle = max(9, *(len(shown) for shown in times))
    cpus = [
        f"cpu {milliseconds(row.span.cpu_ms)}" if row.span.cpu_ms is not None else ""
        for row in rows
    ]
    third = max(map(len, cpus)) if page.width >= _CPU_FROM else 0
    right = max(cell_len(shown) for shown in flags)
    bars = page.width - left - middle - 4 - (third + 2 if third else 0)
    beside = bars - right - 1 >= _MIN_BAR
    bars = max(_MIN_BAR, bars - right - 1 if right and beside else bars)
    axis = axis_of([row.span for row in rows], bars, label_cells=9)
    yield _scale(axis, page.width - bars - (right + 1 if right and beside else 0))
    errors = _errors(run)
    for row, name, shown, cpu, flag in zip(rows, names, times, cpus, flags, strict=True):
        indent = min(step * row.depth, left // 2)
        cut = page.data(name, limit=left - indent)
        line = Text(" " * indent)
        line.append(cut, "bold" if row.depth <= 1 else "")
        line.append(" " * (left - indent - cell_len(cut) + 2))
        line.append(shown.rjust(middle), "dim" if row.depth > 1 else "")
        if third:
            line.append(f"  {cpu.rjust(third)}", "dim")
        line.append("  ")
        line.append_text(_bar(row.span, axis, page))
        if flag and beside:
            line.append(f" {flag}", _flag_style(row.span))
        line.rstrip()
        yield line
        if flag and not beside:
            yield Text.assemble(" " * (indent + 2), (flag, _flag_style(row.span)))
        error = errors.pop(row.span.name, None)
        if error is not None:
            told = Text.assemble((page.data(error), "red"))
            yield from page.wrapped(told, indent=min(indent + 2, page.width // 3))


def _scale(axis: Axis, before: int) -> Text:
    drawn = ""
    for tick in axis.ticks():
        at = int(axis.cell(tick))
        label = number(tick, 0 if tick == int(tick) else 2)
        if not drawn:
            label = f"{label} ms"
        if len(drawn) <= at and at + len(label) <= axis.cells:
            drawn = drawn.ljust(at) + label + " "
    return Text(" " * before + drawn.rstrip(), style="dim")


def _bar(span: SpanRecord, axis: Axis, page: Page) -> Text:
    fill, style = _look(span, page)
    guide = page.glyphs.guide
    cells = [" "] * axis.cells
    for tick in axis.ticks():
        cells[min(axis.cells - 1, int(axis.cell(tick)))] = guide
    start_ms = drawable(span.start_ms)
    begin = axis.cell(start_ms)
    length = axis.cell(start_ms + drawable(span.duration_ms)) - begin
    first = max(0, min(axis.cells - 1, int(begin)))
    smooth = fill == "█"
    if smooth and length < 1 / 8:
        drawn = page.glyphs.sliver
    elif smooth:
        eighths = round(length * 8)
        drawn = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
    else:
        drawn = fill * max(1, round(length))
    drawn = drawn[: axis.cells - first]
    bar = Text.assemble(("".join(cells[:first]), "dim"), (drawn, style))
    return bar.append("".join(cells[first + len(drawn) :]), "dim")


def _look(span: SpanRecord, page: Page) -> tuple[str, str]:
    glyphs = page.glyphs
    if span.status not in ("ok", RUNNING):
        return glyphs.failed, "red"
    if span.simulated:
        return glyphs.simulated, "magenta"
    if span.status == RUNNING:
        return glyphs.empty, "cyan"
    return glyphs.bar, "yellow" if span.slow else "cyan"


def _flags(span: SpanRecord, page: Page) -> str:
    flags = []
    if span.slow:
        flags.append(_SLOW)
    if span.simulated:
        flags.append(MOCK)
    if span.status == "failed":
        flags.append(_FAILED)
    elif span.status == RUNNING:
        flags.append(page.glyphs.ellipsis)
    elif span.status != "ok":
        flags.append(page.data(span.status, limit=12).upper())
    return " ".join(flags)


def _flag_style(span: SpanRecord) -> str:
    if span.status not in ("ok", RUNNING):
        return "bold red"
    return "bold yellow" if span.slow else "magenta" if span.simulated else "dim"
