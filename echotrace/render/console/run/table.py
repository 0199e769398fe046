"""A table of figures that always fits: what has no room beside stands in a second one below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from echotrace.model.measure import Measurement, Status
from echotrace.render.console.figures import figure, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.render.console.layout import Page

__all__ = ["Column", "Reasons", "name_limit", "shown", "tables"]

_GAP = 2
_CELL = 16
"""The most that a figure may take; a foreign unit can be of any length."""
_SHARE = 3
"""The names take at most this part of a page."""


@dataclass(frozen=True, slots=True)
class Column:
    """A head over cells, one for each row."""

    head: str
    cells: tuple[Text, ...]


class Reasons:
    """Why figures are not there or are only estimates, each reason told once."""

    def __init__(self) -> None:
        self._labels: dict[tuple[str, str], list[str]] = {}

    def note(self, label: str, item: Measurement) -> None:
        """Remember the reason of a figure that is not plainly measured."""
        if item.status is not Status.MEASURED and item.reason:
            labels = self._labels.setdefault((words(item.status.value), item.reason), [])
            if label not in labels:
                labels.append(label)

    def lines(self, page: Page, *, indent: int = 2) -> Iterator[Text]:
        """Yield a line for each reason, behind the figures it is about."""
        for (status, reason), labels in self._labels.items():
            told = f"{', '.join(labels)}: {status}, {reason}"
            yield from page.wrapped(Text(page.data(told), style="dim"), indent=indent)


def shown(item: Measurement, page: Page, *, metric: str = "", bare: bool = False) -> Text:
    """Return a figure for a cell: ``~`` before an estimate, ``n/a`` where there is none.

    ``bare`` leaves out a unit that the head names.
    """
    if item.value is None:
        return Text("n/a", style="dim")
    text = figure(item, metric=metric)
    if bare:
        text = text.removesuffix(f" {item.unit}")
    mark = "~" if item.status is Status.ESTIMATED else ""
    return Text(f"{mark}{page.data(text, limit=_CELL)}")


def name_limit(page: Page) -> int:
    """Return how many cells a name in the first column may have."""
    return max(12, page.width // _SHARE)


def tables(
    names: Column, columns: Sequence[Column], page: Page, *, indent: int = 2
) -> Iterator[Text]:
    """Yield the rows under their heads; the names stand again before what has no room beside."""
    first = max((cell.cell_len for cell in names.cells), default=0)
    first = max(first, cell_len(names.head))
    rest = list(columns)
    while rest:
        room = page.width - indent - first
        taken: list[tuple[Column, int]] = []
        while rest:
            width = max(cell_len(rest[0].head), *(cell.cell_len for cell in rest[0].cells), 0)
            if taken and width + _GAP > room:
                break
            taken.append((rest.pop(0), width))
            room -= width + _GAP
        yield _line(
            Text(names.head), [(Text(item.head), width) for item, width in taken], first, indent
        )
        for at, name in enumerate(names.cells):
            row = [(item.cells[at], width) for item, width in taken]
            yield _line(name, row, first, indent, is_head=False)
        if rest:
            yield Text()


def _line(
    name: Text,
    cells: Sequence[tuple[Text, int]],
    first: int,
    indent: int,
    *,
    is_head: bool = True,
) -> Text:
    line = Text(" " * indent)
    line.append_text(name)
    line.append(" " * (first - name.cell_len))
    for cell, width in cells:
        line.append(" " * (_GAP + width - cell.cell_len))
        line.append_text(cell)
    if is_head:
        line.stylize("dim")
    return line
