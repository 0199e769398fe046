"""A table of turns that draws only the rows in sight, however long the call was."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from echotrace.tui.lines import themed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual import events

__all__ = ["GAP", "KIND", "NOTE", "OVERLAP", "TurnTable"]

OVERLAP = "talk-over ms"
"""A column that is there only while the turns are sorted by it."""
NOTE, KIND, GAP = "note", "kind", "heard gap ms"
_NARROWEST = 12
"""Cells below which there is no column of notes: the one under the cursor is told in full."""
_GAP_FIRST_BELOW = 60
_SCROLLBAR = 1
_HEAD_LINES = 1


class TurnTable(ScrollView, can_focus=True):
    """A row per turn under a head that stays; the cursor is on one of them."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"turns--head", "turns--cursor", "turns--empty"}
    DEFAULT_CSS = """
    TurnTable {
        height: 1fr;
        background: $background;
        color: $foreground;
        & > .turns--head { color: $foreground-muted; text-style: bold; }
        & > .turns--empty { color: $foreground-muted; }
        & > .turns--cursor {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
            text-style: $block-cursor-blurred-text-style;
        }
        &:focus {
            background-tint: $foreground 5%;
            & > .turns--cursor {
                background: $block-cursor-background;
                color: $block-cursor-foreground;
                text-style: $block-cursor-text-style;
            }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Next turn", show=False, id="turns.down"),
        Binding("up,k", "move(-1)", "Previous turn", show=False, id="turns.up"),
        Binding("pagedown", "page(1)", "A page down", show=False, id="turns.page_down"),
        Binding("pageup", "page(-1)", "A page up", show=False, id="turns.page_up"),
        Binding("home,g", "first", "First turn", show=False, id="turns.first"),
        Binding("end,G", "last", "Last turn", show=False, id="turns.last"),
        Binding("enter", "open", "Open", tooltip="All about this turn", id="turns.open"),
    ]

    class Moved(Message):
        """The cursor has come to another row."""

    class Opened(Message):
        """The user wants to know all about the row under the cursor."""

    class HeadPicked(Message):
        """The user clicked a column's head."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(self) -> None:
        super().__init__()
        self._rows: Sequence[Sequence[Text]] = ()
        self._heads: tuple[str, ...] = ()
        self._titles: dict[str, str] = {}
        self._columns: dict[int, int] = {}
        self._at = 0
        self._ascii_only = False

    @property
    def cursor_row(self) -> int:
        """The row that the cursor is on, from 0."""
        return self._at

    def get_row_at(self, row: int) -> list[Text]:
        """Return the cells of a row as they are drawn."""
        variables = self.app.theme_variables
        shown = [themed(self._rows[row][column], variables) for column in self._columns]
        widths = list(self._columns.values())
        shown[0].align("right", widths[0])
        shown[-1].truncate(widths[-1], overflow="crop" if self._ascii_only else "ellipsis")
        return shown

    def lay(
        self,
        rows: Sequence[Sequence[Text]],
        widest: Sequence[int],
        heads: Sequence[str],
        titles: dict[str, str],
        width: int,
        *,
        ascii_only: bool,
    ) -> None:
        """Take in the columns that there is room for; :meth:`show` then takes the rows.

        Columns go from the right until all fit whole; the turn, its gap and what the turns are
        sorted by stay.

        Args:
            rows: all that may ever be shown, in the order of ``heads``; they decide nothing here.
            widest: the cells of the widest text in each column; 0 leaves the column out.
            heads: the names of the columns.
            titles: heads that are written otherwise, such as that of the sorted column.
            width: cells of the panel.
            ascii_only: cut without an ellipsis.
        """
        self._rows, self._heads, self._titles = rows, tuple(heads), titles
        self._ascii_only = ascii_only
        kept = [at for at, cells in enumerate(widest) if cells]
        if width < _GAP_FIRST_BELOW and KIND in heads:
            kind, gap = heads.index(KIND), heads.index(GAP)
            kept.sort(key=lambda at: kind - 0.5 if at == gap else at)
        widths = {at: max(len(self._title(at)), widest[at]) for at in kept}
        note = heads.index(NOTE)
        if note in widths:
            left = width - _across(widths) + widths[note] - _SCROLLBAR
            widths[note] = min(widths[note], left)
            if left < _NARROWEST:
                del widths[note]
        spare = [at for at in widths if at and heads[at] != GAP and heads[at] not in titles]
        while spare and _across(widths) - 1 > width - _SCROLLBAR:
            del widths[spare.pop()]
        self._columns = widths
        self._sized()

    def show(self, rows: Sequence[Sequence[Text]], *, at: int) -> None:
        """Show some rows in this order, the cursor on one of them."""
        self._rows = rows
        self._at = min(max(at, 0), max(0, len(rows) - 1))
        self._sized()
        self._keep_in_sight()

    def move_cursor(self, *, row: int) -> None:
        """Put the cursor on a row, or on the nearest that there is."""
        row = min(max(row, 0), max(0, len(self._rows) - 1))
        if row == self._at:
            return
        left, self._at = self._at, row
        self._refresh_row(left)
        self._refresh_row(row)
        self._keep_in_sight()
        self.post_message(self.Moved())

    def action_move(self, by: int) -> None:
        """Move the cursor by some rows."""
        self.move_cursor(row=self._at + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by some pages."""
        self.move_cursor(row=self._at + by * max(1, self._visible))

    def action_first(self) -> None:
        """Go to the first row."""
        self.move_cursor(row=0)

    def action_last(self) -> None:
        """Go to the last row."""
        self.move_cursor(row=len(self._rows) - 1)

    def action_open(self) -> None:
        """Ask for all about the turn under the cursor."""
        if self._rows:
            self.post_message(self.Opened())

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._keep_in_sight()

    def on_click(self, event: events.Click) -> None:
        """Go to a row, open the one that the cursor is on already, or pick a column's head."""
        place = event.get_content_offset(self)
        if place is None:
            return
        event.stop()
        if place.y < _HEAD_LINES:
            column = self._column_at(place.x + self.scroll_offset.x)
            if column is not None:
                self.post_message(self.HeadPicked(column))
            return
        row = place.y - _HEAD_LINES + self.scroll_offset.y
        if row >= len(self._rows):
            return
        if row == self._at:
            self.action_open()
        else:
            self.move_cursor(row=row)

    def render_line(self, y: int) -> Strip:
        """Draw the head, or the row that stands at this line."""
        base = self.rich_style
        x, width = self.scroll_offset.x, self.size.width
        if y < _HEAD_LINES:
            style = self.get_component_rich_style("turns--head")
            return self._drawn(self._head()).apply_style(style).crop_extend(x, x + width, base)
        row = y - _HEAD_LINES + self.scroll_offset.y
        if row >= len(self._rows):
            if row == 0 and self._columns:
                style = self.get_component_rich_style("turns--empty")
                return Strip([Segment(" no turn fits", style)]).crop_extend(0, width, base)
            return Strip.blank(width, base)
        strip = self._drawn(self.get_row_at(row))
        if row == self._at:
            style = self.get_component_rich_style("turns--cursor")
            whole = Strip([Segment(strip.text, style)])
            return whole.crop_extend(x, x + width, style)
        return strip.apply_style(base).crop_extend(x, x + width, base)

    @property
    def _visible(self) -> int:
        return max(0, self.scrollable_content_region.height - _HEAD_LINES)

    def _title(self, column: int) -> str:
        return self._titles.get(self._heads[column], self._heads[column])

    def _head(self) -> list[Text]:
        return [Text(self._title(column)) for column in self._columns]

    def _drawn(self, cells: Sequence[Text]) -> Strip:
        line = Text(no_wrap=True, end="")
        for text, width in zip(cells, self._columns.values(), strict=True):
            line.append(" ").append_text(text)
            line.append(" " * (width - text.cell_len + 1))
        return Strip(list(line.render(self.app.console)))

    def _column_at(self, x: int) -> str | None:
        for column, width in self._columns.items():
            x -= width + 2
            if x < 0:
                return self._heads[column]
        return None

    def _sized(self) -> None:
        self.virtual_size = Size(_across(self._columns), len(self._rows) + _HEAD_LINES)
        self.refresh()

    def _refresh_row(self, row: int) -> None:
        y = row + _HEAD_LINES - self.scroll_offset.y
        if y >= _HEAD_LINES:
            self.refresh(Region(0, y, self.size.width, 1))

    def _keep_in_sight(self) -> None:
        visible, top = self._visible, self.scroll_offset.y
        if visible < 1:
            return
        if self._at < top:
            top = self._at
        elif self._at >= top + visible:
            top = self._at - visible + 1
        if top != self.scroll_offset.y:
            self.scroll_to(y=top, animate=False, immediate=True, force=True)


def _across(widths: Mapping[int, int]) -> int:
    """Return the cells of all columns, each with one to its left and one to its right."""
    return sum(cells + 2 for cells in widths.values())
