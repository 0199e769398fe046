"""The misheard words as a table with a cursor, the best explained first; enter opens one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from echotrace.render.console.errors import HEAD, error_rows
from echotrace.tui.lines import page_of, themed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.report import WordError
    from echotrace.render.console.errors import ErrorRow

__all__ = ["LISTED", "MisheardTable"]

LISTED = 1_000
"""More errors than this are not drawn; they are in the JSON report."""

_SAID, _WHY, _SNR, _EVIDENCE = 1, 2, 3, 4
_NARROWEST = 14
_SCROLLBAR = 1
_MARGINS = 2


class MisheardTable(DataTable[Text]):
    """A row per error; what has no room gives way, the words last of all."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Next word", show=False, id="words.down"),
        Binding("k", "cursor_up", "Previous word", show=False, id="words.up"),
        Binding("home,g", "scroll_top", "First word", show=False, id="words.first"),
        Binding("end,G", "scroll_bottom", "Last word", show=False, id="words.last"),
        Binding("enter", "select_cursor", "Open", tooltip="All about this word", id="words.open"),
    ]

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cell_padding=1)

    def lay(self, errors: Sequence[WordError], width: int, *, at: int, ascii_only: bool) -> None:
        """Fill the table for this width, the cursor on the row ``at``."""
        self.clear(columns=True)
        self.display = bool(errors)
        if not errors:
            return
        page = page_of(width, ascii_only=ascii_only)
        rows = error_rows(errors[:LISTED], page)
        grid, widths = _fitted(rows, width)
        for column, cells in widths.items():
            self.add_column(HEAD[column], width=cells, key=HEAD[column])
        variables = self.app.theme_variables
        for number, row in enumerate(grid):
            shown = [themed(row[column], variables) for column in widths]
            for text, (column, cells) in zip(shown, widths.items(), strict=True):
                text.truncate(cells, overflow="crop" if ascii_only else "ellipsis")
                if column in (0, _SNR):
                    text.align("right", cells)
            self.add_row(*shown, key=str(number))
        self.move_cursor(row=at)


def _fitted(rows: Sequence[ErrorRow], width: int) -> tuple[list[list[Text]], dict[int, int]]:
    """Return the cells, and the widths of the columns that have room.

    What was said and heard is kept whole as long as anything else can give way: first the evidence,
    which is told below the table, then the strength of the cause, the SNR and the cause.
    """
    grid = [list(row.cells) for row in rows]
    widths = {
        at: max(len(name), *(cells[at].cell_len for cells in grid))
        for at, name in enumerate(HEAD)
        if any(cells[at].plain for cells in grid)
    }

    def left() -> int:
        return width - _SCROLLBAR - sum(cells + _MARGINS for cells in widths.values())

    if _EVIDENCE in widths and left() < 0:
        widths[_EVIDENCE] += left()
        if widths[_EVIDENCE] < _NARROWEST:
            del widths[_EVIDENCE]
    if _WHY in widths and left() < 0:
        for cells, row in zip(grid, rows, strict=True):
            cells[_WHY] = row.cause
        widths[_WHY] = max(len(HEAD[_WHY]), *(cells[_WHY].cell_len for cells in grid))
    for at in (_SNR, _WHY):
        if left() < 0:
            widths.pop(at, None)
    if _SAID in widths and left() < 0:
        widths[_SAID] = max(1, widths[_SAID] + left())
    return grid, widths
