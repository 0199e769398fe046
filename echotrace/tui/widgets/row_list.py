"""A list of rows of several lines with a cursor; only the lines in sight are drawn."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from echotrace.render.console.layout import Page
from echotrace.tui.lines import content, page_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.events import Click

__all__ = ["UNFOLDED", "Row", "RowList"]

UNFOLDED = 200
"""Of more rows than this each shows its first line only, but the one under the cursor all."""
_KEPT = 1_000
_CURSOR = "row-list--cursor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: ``draw`` makes its lines, ``about`` is what it tells of.

    The cursor passes over a row that is about nothing.
    """

    draw: Callable[[Page], Iterable[Text]]
    about: object | None = None


class RowList(ScrollView, can_focus=True):
    """Rows below each other, and a cursor among those that are about something."""

    class Opened(Message):
        """The user wants what the row is about."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    class Moved(Message):
        """The cursor has come to another row."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    COMPONENT_CLASSES: ClassVar[set[str]] = {_CURSOR}
    DEFAULT_CSS = """
    RowList {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        scrollbar-color: $foreground 40%;
        scrollbar-background: $background;
        text-wrap: nowrap;
        & > .row-list--cursor { background: $primary 30%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor_down", "Next row", show=False, id="rows.down"),
        Binding("up,k", "cursor_up", "Previous row", show=False, id="rows.up"),
        Binding("home,g", "first", "First row", show=False, id="rows.first"),
        Binding("end,G", "last", "Last row", show=False, id="rows.last"),
        Binding("pagedown", "page_rows(1)", "A page down", show=False, id="rows.page_down"),
        Binding("pageup", "page_rows(-1)", "A page up", show=False, id="rows.page_up"),
        Binding("enter", "open", "Open", tooltip="Open what the row is about", id="rows.open"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.rows: tuple[Row, ...] = ()
        self.cursor: int | None = None
        self._stops: list[int] = []
        self._tops: list[int] = [0]
        self._made: dict[int, list[Text]] = {}
        self._width = 0

    @property
    def row(self) -> Row | None:
        """The row under the cursor; None where it can stand on none."""
        return None if self.cursor is None else self.rows[self.cursor]

    def fill(self, rows: Sequence[Row], *, at: int = 0) -> None:
        """Show these rows, the cursor on the first one from ``at`` on that it can stand on."""
        self.rows = tuple(rows)
        self._stops = [number for number, row in enumerate(self.rows) if row.about is not None]
        following = [number for number in self._stops if number >= at] or self._stops[-1:]
        self.cursor = following[0] if following else None
        self._made.clear()
        self._measure()
        self.refresh(layout=True)
        self.scroll_home(animate=False)
        if at:
            self._show_cursor()

    def height_at(self, width: int) -> int:
        """Return how many lines there are where the list is so many cells wide."""
        self._fit(width - self.styles.scrollbar_size_vertical)
        return self._tops[-1]

    def go(self, at: int) -> None:
        """Put the cursor on this row, and the row in sight."""
        if at == self.cursor or self.rows[at].about is None:
            self._show_cursor()
            return
        before, self.cursor = self.cursor, at
        if self._folds:
            self._measure()
            self.refresh()
        elif self._width:
            for number in (before, at):
                if number is not None:
                    self.refresh_lines(self._tops[number], self._height(number))
        self._show_cursor()
        self.post_message(self.Moved(self.rows[at]))

    def action_cursor_down(self) -> None:
        """Go to the next row; after the last one what follows comes into sight."""
        self._step(1)

    def action_cursor_up(self) -> None:
        """Go to the row before; above the first one what precedes comes into sight."""
        self._step(-1)

    def action_first(self) -> None:
        """Go to the first row."""
        if self._stops:
            self.go(self._stops[0])
        self.scroll_home(animate=False)

    def action_last(self) -> None:
        """Go to the last row."""
        if self._stops:
            self.go(self._stops[-1])
        self.scroll_end(animate=False)

    def action_page_rows(self, pages: int) -> None:
        """Go as many rows on as fill the screen."""
        if self.cursor is None or not self._width:
            self.scroll_relative(y=pages * self.size.height, animate=False)
            return
        line = self._top(self.cursor) + pages * max(1, self.size.height - 1)
        wanted = self._at_line(min(max(line, 0), self._tops[-1] - 1))
        if pages > 0:
            following = min(bisect_left(self._stops, wanted), len(self._stops) - 1)
        else:
            following = max(bisect_right(self._stops, wanted) - 1, 0)
        self.go(self._stops[following])

    def action_open(self) -> None:
        """Ask for what the row under the cursor is about."""
        if self.row is not None:
            self.post_message(self.Opened(self.row))

    def on_resize(self) -> None:
        """Lay the rows out for the new width."""
        if self._fit(self._room):
            self._show_cursor()
            self.refresh()

    def on_focus(self) -> None:
        """Draw the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Take the cursor away."""
        self.refresh()

    def on_click(self, event: Click) -> None:
        """Go to the row; a click on the one with the cursor opens it."""
        line = event.y + self.scroll_offset.y
        if not 0 <= line < self._tops[-1]:
            return
        at = self._at_line(line)
        if at == self.cursor:
            self.action_open()
        elif self.rows[at].about is not None:
            self.go(at)

    def render_line(self, y: int) -> Strip:
        """Return one line of those in sight."""
        y += self.scroll_offset.y
        width = self.size.width
        if not 0 <= y < self._tops[-1]:
            return Strip.blank(width, self.rich_style)
        at = self._at_line(y)
        lit = at == self.cursor and self.has_focus
        style = self.get_visual_style(_CURSOR) if lit else self.visual_style
        lines = self._lines(at)
        if self._folds and at != self.cursor:
            line = _first_of(lines, self._page)
        else:
            line = lines[y - self._top(at)]
        if lit and style.background is not None and style.background.ansi is not None:
            line = Text(line.plain)  # the terminal's own colours: a hue may be the cursor's too
        shown = Visual.to_strips(
            self, content([line]), width, 1, style, apply_selection=False, pad=True
        )
        whole = shown[0] if shown else Strip.blank(width, style.rich_style)
        return whole.adjust_cell_length(width, style.rich_style)

    @property
    def _room(self) -> int:
        return self.scrollable_content_region.width

    @property
    def _page(self) -> Page:
        return page_of(self._width, ascii_only=self.app.has_class("-ascii"))

    @property
    def _folds(self) -> bool:
        return len(self.rows) > UNFOLDED

    def _fit(self, width: int) -> bool:
        """Take this width; returns whether it is a new one."""
        if width <= 0 or width == self._width:
            return False
        self._width = width
        self._made.clear()
        self._measure()
        return True

    def _measure(self) -> None:
        """Find out where each row begins; of many rows all but one are one line high."""
        if not self._width:
            self._tops = [0]
            return
        if self._folds:
            own = len(self._lines(self.cursor)) if self.cursor is not None else 1
            self._tops = [len(self.rows) - 1 + own]
        else:
            heights = (len(self._lines(at)) for at in range(len(self.rows)))
            self._tops = list(accumulate(heights, initial=0))
        size = Size(self._width, self._tops[-1])
        if self.virtual_size != size:
            self.virtual_size = size

    def _top(self, at: int) -> int:
        if not self._folds:
            return self._tops[at]
        own = self._height(self.cursor) if self.cursor is not None and at > self.cursor else 1
        return at + own - 1

    def _height(self, at: int) -> int:
        return len(self._lines(at)) if not self._folds or at == self.cursor else 1

    def _at_line(self, y: int) -> int:
        """Return the number of the row that has this line."""
        if not self._folds:
            return bisect_right(self._tops, y) - 1
        if self.cursor is None or y < self.cursor:
            return y
        return max(self.cursor, y - self._height(self.cursor) + 1)

    def _lines(self, at: int) -> list[Text]:
        if at not in self._made:
            if len(self._made) >= _KEPT:
                self._made.clear()
            self._made[at] = list(self.rows[at].draw(self._page)) or [Text()]
        return self._made[at]

    def _step(self, by: int) -> None:
        if self.cursor is None:
            following = -1
        elif by > 0:
            following = bisect_right(self._stops, self.cursor)
        else:
            following = bisect_left(self._stops, self.cursor) - 1
        if 0 <= following < len(self._stops):
            self.go(self._stops[following])
        else:
            self.scroll_relative(y=by, animate=False)

    def _show_cursor(self) -> None:
        """Scroll as far as the row needs it; with the first one comes what precedes it."""
        if self.cursor is None or not self._width or self.size.height <= 0:
            return
        top, height = self._top(self.cursor), self._height(self.cursor)
        if self.cursor == self._stops[0] and top + height <= self.size.height:
            self.scroll_home(animate=False)
        else:
            self.scroll_to_region(
                Region(0, top, self._width, min(height, self.size.height)),
                animate=False,
                force=True,
            )


def _first_of(lines: Sequence[Text], page: Page) -> Text:
    """Return the first line, with a sign behind it where others follow."""
    if len(lines) == 1:
        return lines[0]
    sign = page.glyphs.ellipsis
    line = lines[0].copy()
    line.truncate(max(1, page.width - len(sign)))
    return line.append(sign, "dim")
