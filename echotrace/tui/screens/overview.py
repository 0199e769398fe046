"""The overview: the whole run on one screen, from the score to the last warning."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.screen import Screen

from echotrace.tui.requests import is_probe_only
from echotrace.tui.widgets.analyzer import AnalyzerPanel, generic_names
from echotrace.tui.widgets.entities import EntitiesPanel, has_entities
from echotrace.tui.widgets.key_bar import KeyBar
from echotrace.tui.widgets.latency import LatencyPanel
from echotrace.tui.widgets.panel import Panel
from echotrace.tui.widgets.probes import ProbesPanel, has_probes
from echotrace.tui.widgets.score import ScorePanel
from echotrace.tui.widgets.signal import SignalPanel
from echotrace.tui.widgets.tabs import ReportTabs
from echotrace.tui.widgets.timeline import TimelinePanel
from echotrace.tui.widgets.title import TitleLine
from echotrace.tui.widgets.transcript import TranscriptPanel
from echotrace.tui.widgets.turns import TurnsPanel
from echotrace.tui.widgets.warnings import WarningsPanel
from echotrace.tui.widgets.waterfall import WaterfallPanel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from echotrace.tui.state import RunState

__all__ = ["OverviewScreen"]


class OverviewScreen(Screen[None]):
    """Arranges the panels: stacked on a small terminal, in columns on a wide one."""

    AUTO_FOCUS = ""
    ESCAPE_TO_MINIMIZE = False  # Textual would do it before a line that one types in is asked
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "minimize", "Give the screen back", show=False, id="overview.minimize"),
    ]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - declared so by Textual
        (0, "-narrow"),
        (72, "-normal"),
        (120, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]  # noqa: RUF012 - declared so by Textual

    def __init__(self) -> None:
        super().__init__()
        self._shown: RunState | None = None
        self._wanted: RunState | None = None
        self._one_at_a_time = asyncio.Lock()

    def compose(self) -> ComposeResult:
        """Lay out title, tabs, panels and the keys."""
        yield TitleLine()
        yield ReportTabs()
        with VerticalScroll(id="body", can_focus=False):
            with Container(id="top"):
                yield ScorePanel()
                yield SignalPanel()
                yield LatencyPanel()
            with Container(id="lower"):
                with Vertical(id="call"):
                    yield TimelinePanel()
                    yield TurnsPanel()
                with Vertical(id="main"):
                    yield WaterfallPanel()
                with Vertical(id="side"):
                    yield TranscriptPanel()
                    yield WarningsPanel()
                    yield EntitiesPanel()
                with Vertical(id="probes"):
                    yield ProbesPanel()
        yield KeyBar()

    def on_mount(self) -> None:
        """Focus the waterfall, but let a small terminal begin with the score."""
        self.query_one(WaterfallPanel).focus(scroll_visible=False)

    async def show(self, run: RunState) -> None:
        """Hand the run to every panel, and give each contributor's analyzer one.

        Like ``tick`` it may come while the app closes, when the widgets are gone already. A run
        that comes while a panel is being put in waits for that; what it overtakes is left out.
        """
        self._wanted = run
        async with self._one_at_a_time:
            if self._wanted is run:
                await self._show(run)

    async def _show(self, run: RunState) -> None:
        for title in self.query(TitleLine):
            title.run = run
        await self._fit_analyzers(generic_names(run))
        moved = self._shown is None or not run.differs_in_spans_only(self._shown)
        self._shown = run
        came = self._arrange(run)
        came_probes = self._arrange_probes(run)
        for panel in self.query(Panel):
            if moved or panel.run is None or isinstance(panel, WaterfallPanel):
                panel.run = run
        if self.focused is None or isinstance(self.focused, WaterfallPanel):
            if came:
                self.query_one(TurnsPanel).focus_turns(scroll_visible=False)
            elif came_probes:
                self.query_one(ProbesPanel).focus_requests(scroll_visible=False)

    def _arrange(self, run: RunState) -> bool:
        """Give a call the first screen: what was heard comes before what this program took.

        Returns whether a call has just come onto the screen.
        """
        heard = run.report.conversation if run.report else None
        asked = (*run.asked, *run.stages, *(run.report.analyzers if run.report else ()))
        self.set_class(heard is not None or "turns" in asked, "-turns")
        words = run.report.transcription if run.report else None
        self.set_class(words is not None, "-words")
        self.set_class(has_entities(run), "-entities")
        call = heard is not None and bool(heard.turns)
        if call == self.has_class("-call"):
            return False
        self.set_class(call, "-call")
        for lower in self.query("#lower"):
            main, side = lower.query_one("#main"), lower.query_one("#side")
            if call:
                lower.move_child(main, after=side)
            else:
                lower.move_child(main, before=side)
        return call

    def _arrange_probes(self, run: RunState) -> bool:
        """Show the probes where there are any; a run without a recording shows little else.

        Returns whether such a run has just come onto the screen.
        """
        self.set_class(has_probes(run.report), "-probes")
        self.set_class(run.report is not None and run.report.pipeline is not None, "-pipeline")
        only = is_probe_only(run.report)
        if only == self.has_class("-probe-only"):
            return False
        self.set_class(only, "-probe-only")
        for lower in self.query("#lower"):
            probes = lower.query_one("#probes")
            if only:
                lower.move_child(probes, before=0)
            else:
                lower.move_child(probes, after=-1)
        return only

    def minimize(self) -> None:
        """Give the screen back, and scroll only as far as the focused panel needs it."""
        self.maximized = None
        if self.focused is not None:
            self.call_after_refresh(self.scroll_to_widget, self.focused, animate=False)

    def focus_turns(self) -> None:
        """Put the cursor among the turns."""
        for panel in self.query(TurnsPanel):
            panel.focus_turns()

    def focus_words(self) -> None:
        """Put the cursor among the misheard words."""
        for panel in self.query(TranscriptPanel):
            panel.focus_words()

    def focus_probes(self) -> None:
        """Put the cursor among the requests of the probes."""
        for panel in self.query(ProbesPanel):
            panel.focus_requests()

    def tick(self, now_ns: int) -> None:
        """Let what is running grow."""
        for waterfall in self.query(WaterfallPanel):
            waterfall.now_ns = now_ns

    def list_reports(self, entries: Sequence[tuple[str, str]], shown: int) -> None:
        """Name the reports of this session; one alone needs no line."""
        self.set_class(len(entries) > 1, "-several")
        for tabs in self.query(ReportTabs):
            tabs.display = len(entries) > 1
            tabs.entries, tabs.shown = tuple(entries), shown

    async def _fit_analyzers(self, names: Sequence[str]) -> None:
        there = {panel.analyzer: panel for panel in self.query(AnalyzerPanel)}
        if tuple(there) == tuple(names):
            return
        for name, panel in there.items():
            if name not in names:
                await panel.remove()
        for side in self.query("#side"):
            await side.mount_all(AnalyzerPanel(name) for name in names if name not in there)
