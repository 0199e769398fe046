"""The requests of the probes as a table with a cursor, each with a bar of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from echotrace.render.console.axis import Axis
from echotrace.render.console.figures import MOCK, milliseconds
from echotrace.render.console.layout import style_of
from echotrace.render.console.phases import end_ms, headline_ms, is_mock, phase_bar
from echotrace.tui.lines import page_of
from echotrace.tui.widgets.row_table import ROW_KEYS, RowTable, cells_left, natural_widths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.render.console.layout import Page
    from echotrace.tui.requests import Request

__all__ = ["RequestTable"]

HEAD = ("#", "probe", "status", "TTFT/TTFA", "sentence", "total", "timeline")
_NUMBER, _STATUS, _FIRST, _SENTENCE, _TOTAL, _PARTS = 0, 2, 3, 4, 5, 6
_NARROWEST = 12
_CODE = 16


class RequestTable(RowTable):
    """A row per request; where there is little room, the figures stay and the bars give way."""

    HEAD = HEAD
    RIGHT = frozenset({_NUMBER, _FIRST, _SENTENCE, _TOTAL})
    BINDINGS: ClassVar[list[BindingType]] = [
        *ROW_KEYS,
        Binding("enter", "select_cursor", "Open", tooltip="All about this request", id="rows.open"),
    ]

    def lay(self, requests: Sequence[Request], width: int, *, at: int, ascii_only: bool) -> None:
        """Fill the table for this width, the cursor on the row ``at``."""
        page = page_of(width, ascii_only=ascii_only)
        grid = [_cells(request, page) for request in requests]
        widths = _fitted(grid, width) if grid else {}
        if _PARTS in widths:
            axis = _axis(requests, widths[_PARTS])
            for row, request in zip(grid, requests, strict=True):
                row[_PARTS] = _bar(request, axis, page)
        self.fill(grid, widths, at=at, ascii_only=ascii_only)


def _cells(request: Request, page: Page) -> list[Text]:
    """Return the cells of a row; the last one is drawn once its width is known."""
    sample = request.sample
    service = Text(request.service, style="bold")
    if is_mock(request.probe):
        service.append(f" {MOCK}", "magenta")
    word = sample.code if sample.status == "failed" and sample.code else sample.status
    status = Text(page.data(word, limit=_CODE), style_of(sample.status) or "yellow")
    return [
        Text("cold" if sample.cold else f"{sample.index:,}", style="dim" if sample.cold else ""),
        service,
        status,
        _time(headline_ms(sample), "bold"),
        _time(request.sentence_ms),
        _time(sample.total_ms),
        Text(),
    ]


def _axis(requests: Sequence[Request], cells: int) -> Axis:
    """Return one axis for all, so that the bars can be compared."""
    end = end_ms(request.sample for request in requests)
    return Axis(first_ms=0.0, last_ms=max(end, 0.001), cells=cells, label_cells=cells)


def _bar(request: Request, axis: Axis, page: Page) -> Text:
    sample = request.sample
    failed = sample.status == "failed"
    return phase_bar(sample.phases, axis, page, mock=is_mock(request.probe), failed=failed)


def _time(value_ms: float | None, style: str = "") -> Text:
    return Text(milliseconds(value_ms), style) if value_ms is not None else Text("-", "dim")


def _fitted(grid: Sequence[Sequence[Text]], width: int) -> dict[int, int]:
    """Return the widths of the columns that have room, the bars' being what is left."""
    widths = natural_widths(grid, HEAD[:_PARTS])
    if all(cells[_SENTENCE].plain == "-" for cells in grid):
        del widths[_SENTENCE]

    def left() -> int:
        return cells_left(widths, width)

    room = cells_left({**widths, _PARTS: 0}, width)
    if room >= _NARROWEST:
        return {**widths, _PARTS: room}
    for at in (_SENTENCE, _TOTAL):
        if left() < 0:
            widths.pop(at, None)
    if left() < 0:
        widths[_STATUS] = max(1, widths[_STATUS] + left())
    return widths
