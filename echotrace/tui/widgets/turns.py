"""The turns as a table that one sorts and filters, with a cursor; or why there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from echotrace.errors import UsageError
from echotrace.render.console.conversation import headline, summary_rows, unmeasured
from echotrace.render.console.figures import number
from echotrace.render.console.layout import style_of
from echotrace.render.console.turns import HEAD, turn_rows
from echotrace.tui.lines import content, page_of
from echotrace.tui.messages import OpenTurn
from echotrace.tui.turn_figures import EXAMPLE, MAIN, TurnFigures, parse_filter
from echotrace.tui.turn_order import Order, Sift, ordered, sift, told_order, value_of
from echotrace.tui.widgets.missing import missing
from echotrace.tui.widgets.panel import Panel, PanelBody
from echotrace.tui.widgets.turn_table import OVERLAP, TurnTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult

    from echotrace.expressions import Expression
    from echotrace.model.conversation import Conversation, Turn
    from echotrace.model.report import Report
    from echotrace.render.console.layout import Page
    from echotrace.render.console.turns import TurnRow

__all__ = ["TurnTable", "TurnsPanel"]

_INTERVALS_FROM = 100
_EDGES = 4
"""Cells of a panel's upper edge beside its title."""
_MEASURED = "measured"
_SORTED = {
    Order.HEARD: "heard gap ms",
    Order.YIELD: "yield ms",
    Order.OVERLAP: OVERLAP,
    Order.SNR: "SNR",
    Order.TIME: "at",
}
"""The column that shows what an order goes by."""
_BEFORE = HEAD.index("heard gap ms")
_HEADS = (*HEAD[:_BEFORE], OVERLAP, *HEAD[_BEFORE:])
_REASON = 80
_ABSENT = {"heard": "heard gap", "gap": "heard gap"}
_KEPT = 3
_HELPS = tuple(
    f"{', '.join(MAIN[:names])}; {keys}"
    for names, keys in (
        (len(MAIN), "enter applies, escape gives up"),
        (7, "enter applies, escape gives up"),
        (5, "enter applies"),
    )
)
"""What a filter may name, for lines of different widths."""
_HELP_LINES = 2


class TurnsPanel(Panel):
    """The table, above it the filter, and under it the whole note of the turn under the cursor."""

    DEFAULT_CSS = """
    TurnsPanel {
        & > #turn-filter { display: none; height: 1; }
        & > #turn-told { display: none; height: auto; max-height: 2; color: $foreground-muted; }
        &.-wrong > #turn-told { max-height: 3; }
        &.-asking > #turn-filter { display: block; }
        &.-told > #turn-told { display: block; }
        &.-wrong > #turn-told { color: $text-error; }
        &.-asking, &.-told { min-height: 7; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "ask", "Filter", tooltip="Filter the turns", id="turns.filter"),
        Binding(
            "o", "order", "Sort", tooltip="Sort the turns by the next figure", id="turns.order"
        ),
        Binding("O", "reverse", "Turn the order round", show=False, id="turns.reverse"),
        Binding("escape", "clear", "Leave the filter", show=False, id="turns.clear"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.order = Order.WORST
        self.is_reversed = False
        self.filter: Expression | None = None
        self._shown: Report | None = None
        self._figures: TurnFigures | None = None
        self._turns: list[Turn] = []
        self._sift: Sift | None = None
        self._made: _Made | None = None
        self._kept: list[_Made] = []
        self._laid = 0

    def compose(self) -> ComposeResult:
        """Hold the table above the lines; one of the two is all there is on a small screen."""
        yield Input(placeholder=EXAMPLE, id="turn-filter", compact=True)
        yield Static("", id="turn-told", markup=False)
        yield TurnTable()
        yield from super().compose()

    @property
    def conversation(self) -> Conversation | None:
        """What the report says of the conversation, if it says anything."""
        return self.run.report.conversation if self.run and self.run.report else None

    def allow_focus(self) -> bool:
        """Leave the focus to the table where there is one."""
        return not self._has_turns

    def focus_turns(self, *, scroll_visible: bool = True) -> None:
        """Put the cursor into the table, or the focus on what stands in its place."""
        target = self.query_one(TurnTable) if self._has_turns else self
        target.focus(scroll_visible=scroll_visible)

    def go_to(self, turn_id: int) -> None:
        """Put the cursor on a turn, where the table shows it."""
        for row, turn in enumerate(self._turns):
            if turn.id == turn_id:
                self.query_one(TurnTable).move_cursor(row=row)
                return

    def watch_run(self) -> None:
        """Fill the table anew."""
        self._fill()
        super().watch_run()

    def on_mount(self) -> None:
        """Colour the table anew when the theme changes."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._fill())

    def on_resize(self) -> None:
        """Lay the columns out for the new width."""
        if self._has_turns and self.size.width != self._laid:
            self._fill()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Answer the keys of the table only where there is one, escape only where it helps."""
        if action in ("ask", "order", "reverse"):
            return self._has_turns and not self.has_class("-asking")
        if action == "clear":
            return self.has_class("-asking") or self.filter is not None
        return True

    def action_ask(self) -> None:
        """Open the line of the filter, with the present one in it."""
        line = self.query_one("#turn-filter", Input)
        line.value = self.filter.text if self.filter else ""
        line.cursor_position = len(line.value)
        self.add_class("-asking")
        self._tell_help()
        line.focus()
        self.call_after_refresh(self._gather)

    def _gather(self) -> None:
        """Find the words of every turn while the filter is being typed, not when it is sent."""
        if self._figures is not None:
            self._figures.gather()

    def action_order(self) -> None:
        """Sort by the next figure that any turn has."""
        choices = list(Order)
        for step in range(1, len(choices) + 1):
            order = choices[(choices.index(self.order) + step) % len(choices)]
            if order is Order.WORST or self._has_figure(order):
                self._sort(order, is_reversed=False)
                return

    def action_reverse(self) -> None:
        """Turn the order round; what was not measured stays last."""
        self._sort(self.order, is_reversed=not self.is_reversed)

    def action_clear(self) -> None:
        """Give up the line that is open, else show all turns again."""
        asking = self.has_class("-asking")
        if not asking:
            self.filter = None
        self._close_line()
        self._arrange(at=self.query_one(TurnTable).cursor_row if asking else 0)

    def on_turn_table_head_picked(self, event: TurnTable.HeadPicked) -> None:
        """Sort by the column whose head was clicked, the other way round the second time."""
        event.stop()
        order = next((order for order, head in _SORTED.items() if head == event.column), None)
        if order is not None:
            self._sort(order, is_reversed=order is self.order and not self.is_reversed)

    def on_turn_table_moved(self, event: TurnTable.Moved) -> None:
        """Tell the note of the turn that the cursor has come to; nothing else is drawn."""
        event.stop()
        for body in self.query(PanelBody):
            body.forget(layout=False)

    def on_turn_table_opened(self, event: TurnTable.Opened) -> None:
        """Ask for the sheet of the turn, which walks through the turns in this order."""
        event.stop()
        turn = self._turns[self.query_one(TurnTable).cursor_row]
        self.post_message(OpenTurn(turn.id, tuple(item.id for item in self._turns)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Apply the filter, or tell what is wrong with it; an empty line clears it."""
        event.stop()
        text = event.value.strip()
        try:
            self.filter = parse_filter(text) if text else None
        except UsageError as error:
            parts = (error.what, error.why, error.hint)
            self._tell("; ".join(filter(None, parts)), wrong=True)
            return
        self._close_line()
        self._arrange(at=0)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another text is another question."""
        event.stop()
        if self.has_class("-wrong"):
            self._tell_help()

    def heading(self, page: Page) -> Text:
        """Return the title with the order and the number that people argue about."""
        title = Text("Turns", style="bold")
        heard = self.conversation
        if heard is None:
            return title
        if heard.status != _MEASURED and not heard.turns:
            word = page.data(heard.status.replace("_", " "), limit=20)
            return title.append(f"  {word}", style_of(heard.status) or "dim")
        parts = [title, next(headline(heard.summary.heard_gap_ms, page))]
        if heard.turns:
            order = Text(told_order(self.order, is_reversed=self.is_reversed), style="dim")
            whole = Text("  ").join([*parts, order])
            plain = self.order is Order.WORST and not self.is_reversed
            if whole.cell_len + _EDGES <= self.size.width:
                return whole
            if not plain:
                return Text("  ").join([title, order, *parts[1:]])
        return Text("  ").join(parts)

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield the note under the cursor, or why there is no table."""
        heard = self.conversation
        if self._has_turns:
            if self._turns and self._made:
                at = min(max(self.query_one(TurnTable).cursor_row, 0), len(self._turns) - 1)
                yield from _told(self._made.row(self._turns[at]), page)
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

    @property
    def _has_turns(self) -> bool:
        heard = self.conversation
        return heard is not None and bool(heard.turns)

    def _has_figure(self, order: Order) -> bool:
        heard, figures = self.conversation, self._figures
        if heard is None or figures is None:
            return False
        values = (value_of(turn, order, figures.overlap) for turn in heard.turns)
        if order is Order.OVERLAP:
            return any(values)  # where nobody talks over anybody there is nothing to sort
        return any(value is not None for value in values)

    def _sort(self, order: Order, *, is_reversed: bool) -> None:
        self.order, self.is_reversed = order, is_reversed
        self._arrange(at=0)

    def _close_line(self) -> None:
        """Take the line of the filter away; the keys are the table's again."""
        had = self.query_one("#turn-filter", Input).has_focus
        self.remove_class("-asking", "-wrong")
        if had:
            self.focus_turns()

    def _tell_help(self) -> None:
        """Tell what a filter may name, as much of it as there is room for."""
        page = page_of(max(1, self.size.width), ascii_only=self.ascii_only)
        fit = (text for text in _HELPS if len(page.wrapped(Text(text), indent=0)) <= _HELP_LINES)
        self._tell(next(fit, _HELPS[-1]))

    def _tell(self, text: str, *, wrong: bool = False) -> None:
        page = page_of(max(self.size.width, 40), ascii_only=self.ascii_only)
        self.set_class(bool(text), "-told")
        self.set_class(wrong, "-wrong")
        self.query_one("#turn-told", Static).update(content([Text(page.data(text))]))

    def _fill(self) -> None:
        """Make the rows of a report, once, and lay them out for the present width."""
        report = self.run.report if self.run else None
        heard = self.conversation
        same = report is self._shown
        if not same:
            self._figures = TurnFigures(report) if report else None
            self.filter = None
            self.remove_class("-asking", "-wrong")
        self._shown, self._laid = report, self.size.width
        for table in self.query(TurnTable):
            at = table.cursor_row if same else 0
            table.display = self._has_turns
            if heard is not None and heard.turns:
                self._made = self._made_of(heard)
            self._arrange(at=at)
        for body in self.query(PanelBody):
            body.set_class(self._has_turns, "-detail")

    def _made_of(self, heard: Conversation) -> _Made:
        """Return the rows of a conversation; those of the last few are kept."""
        brief = self.size.width < _INTERVALS_FROM
        for made in self._kept:
            if made.is_of(heard, brief, self.ascii_only):
                return made
        page = page_of(self.size.width, ascii_only=self.ascii_only)
        made = _Made(heard, page, brief=brief)
        self._kept = [made, *self._kept[: _KEPT - 1]]
        return made

    def _arrange(self, *, at: int) -> None:
        """Sort, filter and show the rows that there are."""
        heard, figures, made = self.conversation, self._figures, self._made
        self._turns, self._sift = [], None
        if heard is None or not heard.turns or figures is None or made is None:
            self._tell("")
            return
        turns = ordered(heard, self.order, figures.overlap, is_reversed=self.is_reversed)
        if self.filter is not None:
            self._sift = sift(turns, self.filter, figures.look_up)
            turns = list(self._sift.kept)
        self._turns = turns
        overlaps: dict[int, Text] = {}
        if self.order is Order.OVERLAP:
            values = ((turn, value_of(turn, self.order, figures.overlap)) for turn in turns)
            overlaps = {id(turn): Text(number(v) if v is not None else "n/a") for turn, v in values}
        table = self.query_one(TurnTable)
        rows = [made.cells(turn, overlaps.get(id(turn))) for turn in turns]
        talked_over = len(OVERLAP) if overlaps else 0
        widest = [*made.widest[:_BEFORE], talked_over, *made.widest[_BEFORE:]]
        table.lay(rows, widest, _HEADS, self._titles(), self.size.width, ascii_only=self.ascii_only)
        table.show(rows, at=at)
        self._tell_sift(self._sift, len(heard.turns))
        self.redraw(layout=False)

    def _titles(self) -> dict[str, str]:
        """Return the head of the sorted column with a sign of its direction."""
        head = _SORTED.get(self.order)
        if head is None:
            return {}
        falls = self.order.is_falling is not self.is_reversed
        sign = ("v" if falls else "^") if self.ascii_only else ("▼" if falls else "▲")
        return {head: f"{head} {sign}"}

    def _tell_sift(self, found: Sift | None, count: int) -> None:
        if found is None or self.filter is None:
            self._tell("")
            return
        kept = f"{len(found.kept):,}" if found.kept else "none"
        told = [f"{kept} of {count:,} turn{'' if count == 1 else 's'}: {self.filter.text}"]
        unknown = len(found.unknown)
        for names, often in found.absent:
            unknown -= often
            lacks = " and no ".join(dict.fromkeys(_ABSENT.get(name, name) for name in names))
            told.append(f"{often:,} {'has' if often == 1 else 'have'} no {lacks}")
        if unknown:
            more = len(found.reasons) - 1
            why = found.reasons[0] if found.reasons else "no reason given"
            page = page_of(self.size.width, ascii_only=self.ascii_only)
            told.append(f"{unknown:,} could not be told: {page.data(why, limit=_REASON)}")
            told[-1] += f" and {more:,} other reason{'' if more == 1 else 's'}" if more > 0 else ""
        if not found.kept and "kind" in self.filter.names:
            kinds = {turn.kind for turn in (*found.dropped, *found.unknown)}
            told.append(f"the kinds here: {', '.join(sorted(kinds))}")
        self._tell("; ".join([*told, "escape clears"]))


class _Made:
    """The rows of a conversation as texts; to sort or filter them makes none anew."""

    def __init__(self, heard: Conversation, page: Page, *, brief: bool) -> None:
        self._of = (heard, brief, page.ascii_only)
        rows = turn_rows(heard, heard.turns, page, brief=brief)
        self._rows = {id(turn): row for turn, row in zip(heard.turns, rows, strict=True)}
        self._cells = {key: row.cells for key, row in self._rows.items()}
        columns = zip(*self._cells.values(), strict=True)
        self.widest = [max(text.cell_len for text in column) for column in columns]

    def is_of(self, heard: Conversation, brief: bool, ascii_only: bool) -> bool:
        return self._of[0] is heard and self._of[1:] == (brief, ascii_only)

    def row(self, turn: Turn) -> TurnRow:
        return self._rows[id(turn)]

    def cells(self, turn: Turn, overlap: Text | None) -> tuple[Text, ...]:
        """Return the texts of a row in the order of the table's heads."""
        cells = self._cells[id(turn)]
        return (*cells[:_BEFORE], overlap or Text(), *cells[_BEFORE:])


def _told(row: TurnRow, page: Page) -> Iterator[Text]:
    lead = Text(f"turn {row.turn_id:,}", style="dim")
    note = row.note if row.note.plain else Text("nothing to add", style="dim")
    yield from page.wrapped(Text.assemble(lead, ": ", note), indent=0)
