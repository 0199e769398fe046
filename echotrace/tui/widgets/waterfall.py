"""The latency waterfall: nested spans as bars on one time axis, growing while the run is on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.reactive import reactive

from echotrace.render.console.axis import axis_of
from echotrace.render.console.figures import figure, milliseconds
from echotrace.render.console.pipeline_trace import brief_pipeline, whole_pipeline
from echotrace.render.console.tree import rows_of
from echotrace.tui.span_rows import reasons_of, tree_of
from echotrace.tui.state import SPAN_OF_STAGE
from echotrace.tui.widgets.missing import state_of
from echotrace.tui.widgets.panel import Panel
from echotrace.tui.widgets.span_bars import FAILED, bar, flag_style, guides, path_glyph, scale
from echotrace.tui.widgets.span_bars import flags as flags_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.report import Pipeline, Report
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
_PATH_TO = 2_000
"""Of so many spans the critical path is found between two frames; of more, on their screen."""


class WaterfallPanel(Panel):
    """One row per span; a stage that failed shows its error under its row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", tooltip="Open the spans", id="panel.open"),
    ]

    _path: tuple[Report, frozenset[int]] | None = None
    now_ns: reactive[int] = reactive(0, repaint=False)

    def watch_now_ns(self) -> None:
        """Let the bars of what is running grow; the number of rows stays."""
        if self.run is not None and self.run.open_ns:
            self.redraw(layout=False)

    async def action_open(self) -> None:
        """Open the spans, to fold and unfold; before there is a report, fill the screen."""
        if self._critical is None:
            self.action_zoom()
        else:
            await self.app.run_action("app.waterfall")

    @property
    def _critical(self) -> frozenset[int] | None:
        """The spans of the critical path by identity; None until the run has told its spans."""
        report = self.run.report if self.run else None
        if report is None or report.latency is None:
            return None
        if self._path is None or self._path[0] is not report:
            spans = report.latency.spans
            tree = tree_of(spans if len(spans) <= _PATH_TO else ())
            self._path = (report, frozenset(id(tree.spans[at]) for at in tree.critical))
        return self._path[1]

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
        if self._critical and self.size.width >= _ROOMY:
            title.append(f"; {path_glyph(page)} critical path", "dim")
        spans = len(report.latency.spans)
        if self._folded and spans > _FEW and spans >= self._room:
            title.append(f"; enter: all {spans:,}", "dim")
        return title

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield the pipeline's lane if there is one, then the axis, rows, stages without any."""
        run = self.run
        if run is None:
            return
        if self._pipeline is not None:
            if self.is_maximized or self.size.height >= _WHOLE_LANE_FROM:
                yield from whole_pipeline(self._pipeline, page)
                yield Text()
            else:
                yield from brief_pipeline(self._pipeline, page)
            yield from page.wrapped(Text("This run", style="bold"), indent=0)
        rows, hidden = rows_of(run.spans_at(self.now_ns), MAX_ROWS)
        rows = self._shown(rows)
        if rows:
            yield from _chart(rows, run, page, self._critical or frozenset())
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
        line.append(FAILED if failed else word, "bold red" if failed else "dim")
        if reason:
            line.append(f": {page.data(reason)}", "" if failed else "dim")
        yield from page.wrapped(line, indent=0)
    if not rows and not stages:
        over = run.phase.is_over
        yield Text("no spans" if over else "waiting for the first stage", style="dim")


def _chart(
    rows: Sequence[Row], run: RunState, page: Page, critical: frozenset[int]
) -> Iterator[Text]:
    """Yield the axis and the rows; those of the critical path have its mark where there is room."""
    names = [page.data(row.span.name, limit=60) for row in rows]
    times = [milliseconds(row.span.duration_ms) for row in rows]
    flags = [flags_of(row.span, page) for row in rows]
    step = 2 if page.width >= _ROOMY else 1
    widest = max(step * row.depth + cell_len(name) for row, name in zip(rows, names, strict=True))
    marked = bool(critical) and page.width >= _ROOMY
    edge = 2 if marked else 0
    left = min(widest, max(12, page.width * 3 // 10))
    middle = max(9, *(len(shown) for shown in times))
    cpus = [
        f"cpu {milliseconds(row.span.cpu_ms)}" if row.span.cpu_ms is not None else ""
        for row in rows
    ]
    third = max(map(len, cpus)) if page.width >= _CPU_FROM else 0
    right = max(cell_len(shown) for shown in flags)
    bars = page.width - edge - left - middle - 4 - (third + 2 if third else 0)
    beside = bars - right - 1 >= _MIN_BAR
    bars = max(_MIN_BAR, bars - right - 1 if right and beside else bars)
    axis = axis_of([row.span for row in rows], bars, label_cells=9)
    yield scale(axis, page.width - bars - (right + 1 if right and beside else 0))
    empty = guides(axis, page)
    errors = reasons_of(run)
    for row, name, shown, cpu, flag in zip(rows, names, times, cpus, flags, strict=True):
        indent = min(step * row.depth, left // 2)
        cut = page.data(name, limit=left - indent)
        line = Text(path_glyph(page).ljust(edge) if id(row.span) in critical else " " * edge)
        line.truncate(edge)
        line.append(" " * indent)
        line.append(cut, "bold" if row.depth <= 1 else "")
        line.append(" " * (left - indent - cell_len(cut) + 2))
        line.append(shown.rjust(middle), "dim" if row.depth > 1 else "")
        if third:
            line.append(f"  {cpu.rjust(third)}", "dim")
        line.append("  ")
        line.append_text(bar(row.span, axis, page, empty=empty))
        if flag and beside:
            line.append(f" {flag}", flag_style(row.span))
        line.rstrip()
        yield line
        if flag and not beside:
            yield Text.assemble(" " * (edge + indent + 2), (flag, flag_style(row.span)))
        error = errors.pop(row.span.name, None)
        if error is not None:
            told = Text.assemble((page.data(error), "red"))
            yield from page.wrapped(told, indent=min(edge + indent + 2, page.width // 3))
