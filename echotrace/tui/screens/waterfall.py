"""The waterfall: every span of a run as a tree of bars on one axis, and all about one of them."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll

from echotrace.render.console.figures import milliseconds
from echotrace.render.console.pipeline_trace import brief_pipeline, whole_pipeline
from echotrace.render.console.plain import clean
from echotrace.render.console.span import span_lines
from echotrace.tui.lines import page_of
from echotrace.tui.screens.full import FullScreen
from echotrace.tui.span_rows import FoldedTree, facts_of, reasons_of, tree_of
from echotrace.tui.widgets.drawn_lines import DrawnLines
from echotrace.tui.widgets.span_bars import path_glyph
from echotrace.tui.widgets.span_layout import Widths, head_line, ruler_line, widths_of
from echotrace.tui.widgets.span_tree import SpanTreeView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult
    from textual.worker import Worker

    from echotrace.model.report import SpanRecord
    from echotrace.render.console.layout import Page
    from echotrace.tui.state import RunState

__all__ = ["WaterfallScreen"]

_AT_ONCE = 2_000
"""So many spans are laid out before the first frame; more, behind it."""
_OPEN = 200
"""Up to so many spans are unfolded at first."""
_LEAST_MS = 0.01
"""The shortest part of a run that fills the axis."""
_TALL = 36
"""So many lines have room for what is to know of each part of the pipeline."""
_ROW_KEYS = frozenset({"fold", "path", "bottleneck", "zoom", "whole"})
"""Actions whose keys are in the footer, where there are rows."""


class WaterfallScreen(FullScreen):
    """Spans that fold, the critical path marked, a cursor, and below it all about its span."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "fold", "Fold", tooltip="Fold or unfold this span", id="waterfall.fold"),
        Binding(
            "n",
            "path(1)",
            "Critical path",
            tooltip="Next span of the critical path",
            id="waterfall.next",
        ),
        Binding(
            "p",
            "path(-1)",
            "Previous span of the critical path",
            show=False,
            id="waterfall.previous",
        ),
        Binding(
            "b",
            "bottleneck",
            "Bottleneck",
            tooltip="Go to where most of the time went",
            id="waterfall.bottleneck",
        ),
        Binding(
            "plus,equals_sign",
            "zoom",
            "Zoom",
            key_display="+",
            tooltip="Let this span fill the axis",
            id="waterfall.zoom_in",
        ),
        Binding(
            "minus,underscore",
            "zoom_out",
            "Back to the axis before",
            show=False,
            id="waterfall.zoom_out",
        ),
        Binding("0", "whole", "Whole", tooltip="The whole run on the axis", id="waterfall.fit"),
        Binding("o", "unfold_all", "Unfold every span", show=False, id="waterfall.unfold_all"),
        Binding("c", "fold_all", "Fold every span", show=False, id="waterfall.fold_all"),
        Binding(
            "v", "lane", "Show or hide the pipeline's lane", show=False, id="waterfall.pipeline"
        ),
        Binding(
            "J,shift+down",
            "detail(1)",
            "Scroll the detail down",
            show=False,
            id="waterfall.detail_down",
        ),
        Binding(
            "K,shift+up", "detail(-1)", "Scroll the detail up", show=False, id="waterfall.detail_up"
        ),
        Binding("down,j", "move(1)", "Next row", show=False, id="waterfall.down"),
        Binding("up,k", "move(-1)", "Row before", show=False, id="waterfall.up"),
        Binding(
            "right,l",
            "right",
            "Unfold, or go to the first span inside",
            show=False,
            id="waterfall.right",
        ),
        Binding(
            "left,h", "left", "Fold, or go to the span around", show=False, id="waterfall.left"
        ),
        Binding("pagedown", "page(1)", "A page down", show=False, id="waterfall.page_down"),
        Binding("pageup", "page(-1)", "A page up", show=False, id="waterfall.page_up"),
        Binding("home,g", "edge(0)", "First row", show=False, id="waterfall.first"),
        Binding("end,G", "edge(1)", "Last row", show=False, id="waterfall.last"),
    ]
    DEFAULT_CSS = """
    WaterfallScreen { background: $background; }
    WaterfallScreen #told { padding: 0 1; }
    WaterfallScreen #lane { padding: 0 1; max-height: 50%; border-bottom: solid $foreground 25%; }
    WaterfallScreen #spans { layout: vertical; height: 1fr; }
    WaterfallScreen #tree { height: 1fr; width: 1fr; padding: 0 0 0 1; }
    WaterfallScreen #axis { padding: 0 1 0 0; }
    WaterfallScreen #detail {
        height: 7;
        max-height: 50%;
        padding: 0 1;
        border-top: solid $foreground 25%;
        border-title-align: right;
        border-title-color: $foreground-muted;
        scrollbar-size-vertical: 1;
        scrollbar-color: $foreground 40%;
        scrollbar-background: $background;
    }
    WaterfallScreen.-lane #detail { height: 5; }
    WaterfallScreen.-tall #detail { height: 14; }
    WaterfallScreen.-wide #spans { layout: horizontal; }
    WaterfallScreen.-wide #detail {
        width: 46;
        height: 1fr;
        max-height: 100%;
        border-top: none;
        border-left: solid $foreground 25%;
    }
    """

    def __init__(self, run: RunState) -> None:
        super().__init__(run)
        self._reasons = reasons_of(run)
        self._zooms: list[tuple[float, float]] = []
        self._ended = ""
        self.is_loading = False

    def body(self) -> ComposeResult:
        """Lay out the pipeline's lane, the heading, the tree under its axis, and the detail."""
        lane = DrawnLines(self._lane, id="lane")
        lane.display = self.report.pipeline is not None
        self.set_class(lane.display, "-lane")
        yield lane
        yield DrawnLines(self._told, id="told")
        with Container(id="spans"):
            with Container(id="tree"):
                yield DrawnLines(self._axis, id="axis")
                yield SpanTreeView()
            with VerticalScroll(id="detail", can_focus=False):
                yield DrawnLines(self._detail, id="facts")

    def on_mount(self) -> None:
        """Lay the spans out: few at once, many in a thread."""
        spans = self._spans
        self.query_one("#spans").display = bool(spans)
        if len(spans) > _AT_ONCE:
            self.is_loading = True
            # Not a coroutine: one that is replaced before it starts is never awaited.
            _: Worker[None] = self.run_worker(
                self._load, exclusive=True, group="waterfall", exit_on_error=False
            )
        elif spans:
            self.view.show(*self._laid())

    def on_resize(self) -> None:
        """Tell of the pipeline what there is room for."""
        self.query_one("#lane", DrawnLines).redraw()

    @property
    def view(self) -> SpanTreeView:
        """The rows."""
        return self.query_one(SpanTreeView)

    @property
    def _spans(self) -> tuple[SpanRecord, ...]:
        latency = self.report.latency
        return latency.spans if latency is not None else ()

    async def _load(self) -> None:
        laid = await asyncio.to_thread(self._laid)
        self.is_loading = False
        self.view.show(*laid)

    def _laid(self) -> tuple[FoldedTree, Widths]:
        latency = self.report.latency
        tree = tree_of(self._spans, latency.bottleneck if latency else None)
        folded = FoldedTree(tree)
        if len(tree) > _OPEN:
            folded.fold_all()
        return folded, widths_of(tree, page_of(80, ascii_only=self.ascii_only))

    def on_span_tree_view_moved(self) -> None:
        """Tell of the row that the cursor is on now."""
        self._ended = ""
        self.query_one("#told", DrawnLines).redraw()
        self.query_one("#axis", DrawnLines).redraw()
        self.query_one("#facts", DrawnLines).redraw()
        self._detail_box.scroll_home(animate=False)
        self.call_after_refresh(self._hint)

    @property
    def _detail_box(self) -> VerticalScroll:
        return self.query_one("#detail", VerticalScroll)

    def _hint(self) -> None:
        """Say how to see the rest where the detail is longer than its box."""
        box = self._detail_box
        box.border_title = "J K scroll" if box.max_scroll_y else ""

    def _told(self, page: Page) -> Iterator[Text]:
        """Yield what the whole is, or why there are no spans."""
        line = Text.assemble(("Waterfall", "bold"))
        latency = self.report.latency
        if latency is None:
            yield line
            told = (
                "This report holds no latency, so there are no spans to draw. A run always times"
                " itself: analyze the recording again, and they are here."
            )
            yield from page.wrapped(Text(told), indent=0)
            return
        if not latency.spans:
            yield line
            yield from page.wrapped(Text("The run recorded no spans."), indent=0)
            return
        count = len(latency.spans)
        parts = [f"{count:,} span{'s' if count > 1 else ''}"]
        if self._ended:
            line.append(f"  {self._ended}", "yellow")
        if self.is_loading:
            parts = [f"laying out {parts[0]}{page.glyphs.ellipsis}"]
        elif self._zooms:
            first, last = (milliseconds(at) for at in self.view.window_ms)
            parts.append(f"the axis shows {first} to {last}; 0: the whole run")
        else:
            if latency.bottleneck:
                parts.append(f"longest: {page.data(latency.bottleneck, limit=24)}")
            parts.append(f"{path_glyph(page)} critical path")
        line.append("  " + ", ".join(parts), "dim")
        line.truncate(page.width)
        yield line

    def _lane(self, page: Page) -> Iterator[Text]:
        pipeline = self.report.pipeline
        if pipeline is None:
            return
        if self.app.size.height < _TALL:
            yield from brief_pipeline(pipeline, page)
            return
        yield Text.assemble(("Pipeline", "bold"), ("  v hides it", "dim"))
        yield from whole_pipeline(pipeline, page)

    def _axis(self, page: Page) -> Iterator[Text]:
        columns, folded = self.view.columns, self.view.folded
        if columns is None or not folded.visible:
            return
        yield head_line(columns)
        tree, row = folded.tree, folded.cursor
        yield ruler_line(columns, tree.begins_ms[row], tree.ends_ms[row])

    def _detail(self, page: Page) -> Iterator[Text]:
        folded = self.view.folded
        if folded.visible:
            name = folded.tree.spans[folded.cursor].name
            facts = facts_of(folded, folded.cursor, self._reasons.get(name))
            yield from span_lines(facts, page)

    def action_move(self, by: int) -> None:
        """Go so many rows on."""
        self.view.go(self.view.folded.place + by)

    def action_page(self, by: int) -> None:
        """Go a page on."""
        self.action_move(by * self.view.page_rows)

    def action_detail(self, by: int) -> None:
        """Scroll what is told of the span by some lines."""
        self._detail_box.scroll_relative(y=3 * by, animate=False)

    def action_edge(self, last: int) -> None:
        """Go to the first or the last row."""
        self.view.go(len(self.view.folded.visible) - 1 if last else 0)

    def action_fold(self) -> None:
        """Fold or unfold the row of the cursor."""
        folded = self.view.folded
        if not folded.visible:
            return
        row = folded.cursor
        if folded.fold(row) or folded.unfold(row):
            self.view.rows_changed()
        else:
            self._tell(f"{folded.tree.spans[row].name} has no spans inside")

    def action_right(self) -> None:
        """Unfold, or go to the first row inside."""
        folded = self.view.folded
        if folded.visible and folded.unfold(folded.cursor):
            self.view.rows_changed()
        elif folded.visible and folded.tree.sizes[folded.cursor]:
            self.action_move(1)

    def action_left(self) -> None:
        """Fold, or go to the row around this one."""
        folded = self.view.folded
        if not folded.visible:
            return
        parent = folded.tree.parents[folded.cursor]
        if folded.fold(folded.cursor):
            self.view.rows_changed()
        elif parent >= 0:
            folded.reveal(parent)
            self.view.rows_changed()

    def action_fold_all(self) -> None:
        """Show the stages only."""
        self.view.folded.fold_all()
        self.view.rows_changed()

    def action_unfold_all(self) -> None:
        """Show every row."""
        self.view.folded.unfold_all()
        self.view.rows_changed()

    def action_path(self, by: int) -> None:
        """Go to the next or the previous row of the critical path, also one that was hidden."""
        folded = self.view.folded
        path = folded.tree.critical
        at = bisect_right(path, folded.cursor) if by > 0 else bisect_left(path, folded.cursor) - 1
        if 0 <= at < len(path):
            self._go(path[at])
        elif path:
            which = "further on" if by > 0 else "before this one"
            self._ended = f"no span of the critical path {which}"
            self.query_one("#told", DrawnLines).redraw()

    def action_bottleneck(self) -> None:
        """Go to the span in which most of the critical path was spent."""
        worst = self.view.folded.tree.bottleneck
        if worst is not None:
            self._go(worst)
        elif self.view.folded.visible:
            self._tell("no span of this run is its bottleneck")

    def _go(self, row: int) -> None:
        self.view.folded.reveal(row)
        self.view.rows_changed()

    def action_zoom(self) -> None:
        """Let the span under the cursor fill the axis."""
        view, tree = self.view, self.view.folded.tree
        if not view.folded.visible:
            return
        row = view.folded.cursor
        begin, end = tree.begins_ms[row], tree.ends_ms[row]
        spare = max(0.0, _LEAST_MS - (end - begin)) / 2
        window = (begin - spare, end + spare)
        if window == view.window_ms:
            self._tell("this span fills the axis already")
            return
        self._zooms.append(view.window_ms)
        view.zoom(window)

    def action_zoom_out(self) -> None:
        """Go back to what the axis showed before."""
        if self._zooms:
            self.view.zoom(self._zooms.pop())

    def action_whole(self) -> None:
        """Show the whole run on the axis."""
        if self._zooms:
            first, self._zooms = self._zooms[0], []
            self.view.zoom(first)

    def action_lane(self) -> None:
        """Show or hide the pipeline's lane."""
        lane = self.query_one("#lane")
        if self.report.pipeline is None:
            self._tell("this report holds no estimate of the pipeline")
        else:
            lane.display = not lane.display
            self.set_class(lane.display, "-lane")

    def _tell(self, what: str) -> None:
        self.notify(clean(what, ascii_only=self.ascii_only), markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys of the rows where there are none."""
        if action in _ROW_KEYS:
            return bool(self.run.report and self._spans)
        return super().check_action(action, parameters)
