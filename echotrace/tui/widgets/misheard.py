"""The misheard words as a table with a cursor, the best explained first; enter opens one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from echotrace.render.console.errors import HEAD, error_rows
from echotrace.tui.lines import page_of
from echotrace.tui.widgets.row_table import ROW_KEYS, RowTable, cells_left, natural_widths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from echotrace.model.report import WordError
    from echotrace.render.console.errors import ErrorRow

__all__ = ["LISTED", "MisheardTable"]

LISTED = 1_000
"""More errors than this are not drawn; they are in the JSON report."""

_SAID, _WHY, _SNR, _EVIDENCE = 1, 2, 3, 4
_NARROWEST = 14


class MisheardTable(RowTable):
    """A row per error; what has no room gives way, the words last of all."""

    HEAD = HEAD
    RIGHT = frozenset({0, _SNR})
    BINDINGS: ClassVar[list[BindingType]] = [
        *ROW_KEYS,
        Binding("enter", "select_cursor", "Open", tooltip="All about this word", id="rows.open"),
    ]

    def lay(self, errors: Sequence[WordError], width: int, *, at: int, ascii_only: bool) -> None:
        """Fill the table for this width, the cursor on the row ``at``."""
        page = page_of(width, ascii_only=ascii_only)
        rows = error_rows(errors[:LISTED], page)
        grid, widths = _fitted(rows, width) if rows else ([], {})
        self.fill(grid, widths, at=at, ascii_only=ascii_only)


def _fitted(rows: Sequence[ErrorRow], width: int) -> tuple[list[list[Text]], dict[int, int]]:
    """Return the cells, and the widths of the columns that have room.

    What was said and heard is kept whole as long as anything else can give way: first the evidence,
    which is told below the table, then the strength of the cause, the SNR and the cause.
    """
    grid = [list(row.cells) for row in rows]
    widths = natural_widths(grid, HEAD)
    for at in [at for at in widths if not any(cells[at].plain for cells in grid)]:
        del widths[at]

    def left() -> int:
        return cells_left(widths, width)

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
