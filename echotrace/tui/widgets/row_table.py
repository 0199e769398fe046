"""A table of rows with a cursor whose columns are fitted to the width that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding
from textual.widgets import DataTable

from echotrace.tui.lines import themed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ROW_KEYS", "RowTable", "cells_left", "natural_widths"]

ROW_KEYS = (
    Binding("j", "cursor_down", "Next row", show=False, id="rows.down"),
    Binding("k", "cursor_up", "Previous row", show=False, id="rows.up"),
    Binding("home,g", "scroll_top", "First row", show=False, id="rows.first"),
    Binding("end,G", "scroll_bottom", "Last row", show=False, id="rows.last"),
)
"""The keys of every table of rows, under the names that those of a list of rows have."""

_SCROLLBAR = 1
_MARGINS = 2


class RowTable(DataTable[Text]):
    """Draws cells under ``HEAD``; a subclass says which columns there is room for."""

    HEAD: ClassVar[tuple[str, ...]] = ()
    RIGHT: ClassVar[frozenset[int]] = frozenset()
    """The columns that end at their right edge, as numbers do."""

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cell_padding=1)

    def fill(
        self,
        grid: Sequence[Sequence[Text]],
        widths: Mapping[int, int],
        *,
        at: int,
        ascii_only: bool,
    ) -> None:
        """Show the columns that have a width, in cells, the cursor on the row ``at``.

        Without rows the table is not there.
        """
        self.clear(columns=True)
        self.display = bool(grid)
        if not grid:
            return
        for column, cells in widths.items():
            self.add_column(self.HEAD[column], width=cells, key=self.HEAD[column])
        variables = self.app.theme_variables
        for number, row in enumerate(grid):
            shown = [themed(row[column], variables) for column in widths]
            for text, (column, cells) in zip(shown, widths.items(), strict=True):
                text.truncate(cells, overflow="crop" if ascii_only else "ellipsis")
                if column in self.RIGHT:
                    text.align("right", cells)
            self.add_row(*shown, key=str(number))
        self.move_cursor(row=at)


def natural_widths(grid: Sequence[Sequence[Text]], head: Sequence[str]) -> dict[int, int]:
    """Return what the longest cell of each column takes, its head included."""
    return {
        at: max(len(name), *(cells[at].cell_len for cells in grid)) for at, name in enumerate(head)
    }


def cells_left(widths: Mapping[int, int], width: int) -> int:
    """Return how many cells of a width such columns leave; less than 0 where they are too wide."""
    return width - _SCROLLBAR - sum(cells + _MARGINS for cells in widths.values())
