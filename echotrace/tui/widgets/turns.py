"""The turns as a table, the worst first, with a cursor; or why there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from echotrace.render.console.conversation import headline, summary_rows, unmeasured
from echotrace.render.console.layout import style_of
from echotrace.render.console.turns import HEAD, turn_rows, worst_first
from echotrace.tui.lines import page_of, themed
from echotrace.tui.widgets.missing import missing
from echotrace.tui.widgets.panel import Panel, PanelBody

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult

    from echotrace.model.conversation import Conversation
    from echotrace.render.console.layout import Page
    from echotrace.render.console.turns import TurnRow

__all__ = ["TurnTable", "TurnsPanel"]

_NOTE = len(HEAD) - 1
_KIND = HEAD.index("kind")
_GAP = HEAD.index("heard gap ms")
_NARROWEST = 12
"""Cells below which there is no column of notes: the one under the cursor is told in full."""
_GAP_FIRST_BELOW = 60
_SCROLLBAR = 1
_INTERVALS_FROM = 100
_MEASURED = "measured"


class TurnTable(DataTable[Text]):
    """A row per turn; the cursor is on one of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Next turn", show=False, id="turns.down"),
        Binding("k", "cursor_up", "Previous turn", show=False, id="turns.up"),
        Binding("home,g", "scroll_top", "Worst turn", show=False, id="turns.first"),
        Binding("end,G", "scroll_bottom", "Best turn", show=False, id="turns.last"),
        Binding("enter", "app.zoom", "Panel to full screen and back", show=False, id="turns.zoom"),
    ]

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cell_padding=1)


class TurnsPanel(Panel):
    """The table, and under it the whole note of the turn that the cursor is on."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[TurnRow] = []
        self._shown: Conversation | None = None
        self._laid = 0

    def compose(self) -> ComposeResult:
        """Hold the table above the lines; one of the two is all there is on a small screen."""
        yield TurnTable()
        yield from super().compose()

    @property
    def conversation(self) -> Conversation | None:
        """What the report says of the conversation, if it says anything."""
        return self.run.report.conversation if self.run and self.run.report else None

    def allow_focus(self) -> bool:
        """Leave the focus to the table where there is one."""
        return not self._rows

    def focus_turns(self, *, scroll_visible: bool = True) -> None:
        """Put the cursor into the table, or the focus on what stands in its place."""
        target = self.query_one(TurnTable) if self._rows else self
        target.focus(scroll_visible=scroll_visible)

    def watch_run(self) -> None:
        """Fill the table anew."""
        self._fill()
        super().watch_run()

    def on_mount(self) -> None:
        """Colour the table anew when the theme changes."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._fill())

    def on_resize(self) -> None:
        """Lay the columns out for the new width."""
        if self._rows and self.size.width != self._laid:
            self._fill()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell the note of the turn that the cursor has come to."""
        event.stop()
        self.redraw(layout=True)

    def heading(self, page: Page) -> Text:
        """Return the title with the number that people argue about."""
        title = Text("Turns", style="bold")
        heard = self.conversation
        if heard is None:
            return title
        if heard.status != _MEASURED and not heard.turns:
            word = page.data(heard.status.replace("_", " "), limit=20)
            return title.append(f"  {word}", style_of(heard.status) or "dim")
        return Text("  ").join([title, next(headline(heard.summary.heard_gap_ms, page))])

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield the note under the cursor, or why there is no table."""
        heard = self.conversation
        if self._rows:
            at = self.query_one(TurnTable).cursor_row
            yield from _told(self._rows[min(max(at, 0), len(self._rows) - 1)], page)
            return
        if heard is None:
            yield from missing("turns", "turns", self.run, page)
            return
        if heard.status == _MEASURED:
            yield Text("no turns: nobody took one in this recording", style="dim")
        yield from unmeasured(heard, page, indent=0)
        report = self.run.report if self.run else None
        if report is not None:
            yield from page.pairs(summary_rows(report, heard, page), indent=0)

    def _fill(self) -> None:
        heard = self.conversation
        width = self.size.width
        page = page_of(width, ascii_only=self.ascii_only)
        turns = worst_first(heard) if heard else []
        brief = width < _INTERVALS_FROM
        self._rows = turn_rows(heard, turns, page, brief=brief) if heard else []
        for table in self.query(TurnTable):
            at = table.cursor_row
            table.clear(columns=True)
            table.display = bool(self._rows)
            if self._rows:
                _lay(table, self._rows, page)
                table.move_cursor(row=at if self._shown is heard else 0)
        self._shown, self._laid = heard, width
        for body in self.query(PanelBody):
            body.set_class(bool(self._rows), "-detail")


def _lay(table: TurnTable, rows: list[TurnRow], page: Page) -> None:
    """Give each column the width of its widest cell, and the notes what is left of the panel."""
    grid = [row.cells for row in rows]
    kept = [at for at in range(len(HEAD)) if any(cells[at].plain for cells in grid)]
    if page.width < _GAP_FIRST_BELOW:
        kept.sort(key=lambda at: _KIND - 0.5 if at == _GAP else at)
    widths = {at: max(len(HEAD[at]), *(cells[at].cell_len for cells in grid)) for at in kept}
    if _NOTE in widths:
        others = sum(width for at, width in widths.items() if at != _NOTE)
        left = page.width - others - 2 * len(kept) - _SCROLLBAR
        widths[_NOTE] = min(widths[_NOTE], left)
        if left < _NARROWEST:
            kept.remove(_NOTE)
    for at in kept:
        table.add_column(HEAD[at], width=widths[at], key=HEAD[at])
    for number, cells in enumerate(grid):
        shown = [themed(cells[at], table.app.theme_variables) for at in kept]
        shown[0].align("right", widths[kept[0]])
        shown[-1].truncate(widths[kept[-1]], overflow="crop" if page.ascii_only else "ellipsis")
        table.add_row(*shown, key=str(number))


def _told(row: TurnRow, page: Page) -> Iterator[Text]:
    lead = Text(f"turn {row.turn_id:,}", style="dim")
    note = row.note if row.note.plain else Text("nothing to add", style="dim")
    yield from page.wrapped(Text.assemble(lead, ": ", note), indent=0)
