"""Two reports side by side: scores, figures, turns and words, each difference with its direction.

A is the report that the screen was opened on, B another one of this session.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.reactive import reactive

from echotrace.comparison.conditions import Condition
from echotrace.comparison.figures import FigureChange
from echotrace.comparison.reports import Comparison, Section, compare
from echotrace.comparison.score import DeductionChange, Unscored
from echotrace.comparison.turns import TurnChange
from echotrace.comparison.verdict import Verdict
from echotrace.comparison.words import WordChange
from echotrace.render.console import compare as drawn
from echotrace.render.console.plain import clean
from echotrace.tui.messages import Jump, OpenTurn
from echotrace.tui.places import of_error
from echotrace.tui.screens.full import FullScreen
from echotrace.tui.widgets.compare import (
    SECTIONS,
    CompareDetail,
    CompareHead,
    CompareLines,
    SectionBar,
    SectionHead,
)
from echotrace.tui.widgets.row_list import Row, RowList
from echotrace.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.app import ComposeResult
    from textual.worker import Worker

    from echotrace.render.console.layout import Page
    from echotrace.tui.app import EchoTraceApp
    from echotrace.tui.state import RunLog, RunState

__all__ = ["CompareScreen"]


class CompareScreen(FullScreen):
    """Lays one report beside another; ``x`` swaps them, ``]`` and ``[`` choose another B.

    Args:
        run: A.
        other: B; both have a report.
    """

    AUTO_FOCUS = "RowList"
    DEFAULT_CSS = """
    CompareScreen RowList { height: 1fr; padding: 0 1; }
    CompareScreen.-tall CompareDetail { height: 9; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "next_difference", "Next", tooltip="Next difference", id="compare.next"),
        Binding(
            "p",
            "previous_difference",
            "Previous",
            tooltip="Difference before",
            id="compare.previous",
        ),
        Binding("tab", "turn_section(1)", "Section", tooltip="Next part", id="compare.section"),
        Binding(
            "shift+tab",
            "turn_section(-1)",
            "Section before",
            show=False,
            id="compare.section_before",
        ),
        Binding("1", "show_section(0)", "Score and conditions", show=False, id="compare.score"),
        Binding("2", "show_section(1)", "Figures", show=False, id="compare.figures"),
        Binding("3", "show_section(2)", "Turns", show=False, id="compare.turns"),
        Binding("4", "show_section(3)", "Words", show=False, id="compare.words"),
        Binding("x", "swap", "Swap", tooltip="A becomes B", id="compare.swap"),
        Binding(
            "right_square_bracket",
            "other_report(1)",
            "Other B",
            tooltip="Take the next report as B",
            id="compare.next_report",
        ),
        Binding(
            "left_square_bracket",
            "other_report(-1)",
            "Previous report as B",
            show=False,
            id="compare.previous_report",
        ),
    ]

    section: reactive[Section] = reactive(Section.SCORE, init=False)

    def __init__(self, run: RunState, other: RunState) -> None:
        super().__init__(run)
        self.other = other
        self.comparison: Comparison | None = None
        self.at_end = ""
        self._opened_on = run.report
        self._cursors: dict[Section, int] = {}

    def body(self) -> ComposeResult:
        """Lay out the two names, the sections, the rows, and all about one of them."""
        yield CompareHead()
        yield SectionBar()
        yield SectionHead()
        yield RowList()
        yield CompareDetail()

    def on_mount(self) -> None:
        """Begin to compare."""
        self._begin()

    def _begin(self) -> None:
        self.comparison = None
        self._show()
        _: Worker[None] = self.run_worker(
            self._compare, exclusive=True, group="compare", exit_on_error=False
        )

    async def _compare(self) -> None:
        a, b = self.report, self.other.report
        if b is None:
            return
        found = await asyncio.to_thread(compare, a, b)
        if self.report is a and self.other.report is b:
            self.comparison = found
            self._show()

    def watch_section(self) -> None:
        """Show the rows of the section."""
        self._show()

    def _show(self) -> None:
        """Draw everything anew, the cursor where it was in this section."""
        found = self.comparison
        self.at_end = ""
        for lines in self.query(CompareLines):
            lines.refresh()
        for rows in self.query(RowList):
            if found is None:
                rows.fill([])
            else:
                made = [
                    Row(draw=partial(_lines_of, row, found), about=row)
                    for row in found.rows(self.section)
                ]
                at = self._cursors.get(self.section, 0)
                rows.fill(made or [_nothing(found, self.section)], at=min(at, len(made)))
            self._tell(rows.row)

    def _tell(self, row: Row | None) -> None:
        for detail in self.query(CompareDetail):
            detail.row = row.about if row else None

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        """Tell all about the row that the cursor has come to."""
        event.stop()
        self._tell_end("")
        self._cursors[self.section] = self.query_one(RowList).cursor or 0
        self._tell(event.row)

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Open the turn, or the place of the word."""
        event.stop()
        if isinstance(event.row.about, TurnChange):
            self._open_turn(event.row.about)
        elif isinstance(event.row.about, WordChange):
            self._open_word(event.row.about)

    def _open_turn(self, row: TurnChange) -> None:
        if row.a is None:
            self._say("this turn is only in B: x swaps the two")
            return
        found = self.comparison
        order = tuple(item.a.id for item in (found.turns if found else ()) if item.a)
        self.post_message(OpenTurn(row.a.id, order))

    def _open_word(self, row: WordChange) -> None:
        """Go to the error on the timeline, which is that of the report this was opened on."""
        found = self.comparison
        same = found is not None and found.recording.verdict is Verdict.SAME
        for error, run in ((row.error_a, self.run), (row.error_b, self.other)):
            ours = same or run.report is self._opened_on
            if error is None or not ours or run.report is None:
                continue
            words = run.report.transcription
            place = of_error(error, words.channel_index if words else None)
            if place is not None:
                self.post_message(Jump(place))
                return
        self._say("no place on the timeline of this recording is known for it")

    def _say(self, told: str) -> None:
        self.notify(clean(told), severity="warning", markup=False)

    def action_next_difference(self) -> None:
        """Go to the next difference; after the last one of a section to the next section's."""
        self._seek(1)

    def action_previous_difference(self) -> None:
        """Go to the difference before, also in the section before."""
        self._seek(-1)

    def _seek(self, by: int) -> None:
        found = self.comparison
        if found is None:
            return
        rows = self.query_one(RowList)
        here = rows.cursor if rows.cursor is not None else -1
        beyond = [at for at in found.differences(self.section) if (at - here) * by > 0]
        if beyond:
            rows.go(beyond[0] if by > 0 else beyond[-1])
            return
        at = SECTIONS.index(self.section) + by
        while 0 <= at < len(SECTIONS):
            others = found.differences(SECTIONS[at])
            if others:
                self._cursors[SECTIONS[at]] = others[0] if by > 0 else others[-1]
                self.section = SECTIONS[at]
                return
            at += by
        self._tell_end(f"no difference {'before' if by < 0 else 'after'} this one")

    def _tell_end(self, told: str) -> None:
        """Say over the rows that there is nothing further on."""
        if told != self.at_end:
            self.at_end = told
            self.query_one(SectionHead).refresh()

    def action_turn_section(self, by: int) -> None:
        """Show the next section; after the last one the first."""
        self.section = SECTIONS[(SECTIONS.index(self.section) + by) % len(SECTIONS)]

    def action_show_section(self, at: int) -> None:
        """Show a section by its number."""
        self.section = SECTIONS[at]

    def action_swap(self) -> None:
        """Make A of B and B of A."""
        self.run, self.other = self.other, self.run
        self.query_one(TitleLine).run = self.run
        self._begin()

    def action_other_report(self, by: int) -> None:
        """Take the next or previous report of this session as B."""
        states = [log.snapshot() for log in self._logs]
        mine = next((at for at, run in enumerate(states) if run.report is self.run.report), None)
        usable = [at for at, run in enumerate(states) if run.report is not None and at != mine]
        if len(usable) < 2:
            return
        now = next((at for at in usable if states[at].report is self.other.report), usable[0])
        self.other = states[usable[(usable.index(now) + by) % len(usable)]]
        self._begin()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the key of another B where there is no third report."""
        if action == "other_report":
            return sum(log.report is not None for log in self._logs) > 2
        return super().check_action(action, parameters)

    @property
    def _logs(self) -> Sequence[RunLog]:
        return cast("EchoTraceApp", self.app).logs


def _nothing(found: Comparison, section: Section) -> Row:
    reason = found.why_nothing(section) or "there is no difference to list"
    return Row(draw=lambda page: page.wrapped(Text(page.data(reason)), indent=0))


def _lines_of(row: object, found: Comparison, page: Page) -> Iterator[Text]:
    if isinstance(row, FigureChange):
        yield drawn.figure_line(row, page)
    elif isinstance(row, DeductionChange):
        yield drawn.deduction_line(row, page)
    elif isinstance(row, Unscored):
        yield drawn.unscored_line(row, page)
    elif isinstance(row, Condition):
        yield drawn.condition_line(row, page)
    elif isinstance(row, TurnChange):
        yield drawn.turn_line(row, page)
    elif isinstance(row, WordChange):
        yield drawn.word_line(row, found.words, page)
