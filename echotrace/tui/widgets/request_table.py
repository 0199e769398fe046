"""The requests of the probes as a table with a cursor, each with a bar of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from echotrace.render.console.axis import Axis
from echotrace.render.console.figures import MOCK, milliseconds
from echotrace.render.console.layout import style_of
from echotrace.render.console.phases import end_ms, headline_ms, is_mock, phase_bar
from echotrace.tui.lines import page_of, themed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.render.console.layout import Page
    from echotrace.tui.requests import Request

__all__ = ["RequestTable"]

HEAD = ("#", "probe", "status", "TTFT/TTFA", "sentence", "total", "timeline")
_NUMBER, _STATUS, _FIRST, _SENTENCE, _TOTAL, _PARTS = 0, 2, 3, 4, 5, 6
_NARROWEST = 12
_SCROLLBAR = 1
_MARGINS = 2
_CODE = 16


class RequestTable(DataTable[Text]):
    """A row per request; where there is little room, the figures stay and the bars give way."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Next request", show=False, id="requests.down"),
        Binding("k", "cursor_up", "Previous request", show=False, id="requests.up"),
        Binding("home,g", "scroll_top", "First request", show=False, id="requests.first"),
        Binding("end,G", "scroll_bottom", "Last request", show=False, id="requests.last"),
        Binding(
            "enter", "select_cursor", "Open", tooltip="All about this request", id="requests.open"
        ),
    ]

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cell_padding=1)

    def lay(self, requests: Sequence[Request], width: int, *, at: int, ascii_only: bool) -> None:
        """Fill the table for this width, the cursor on the row ``at``."""
        self.clear(columns=True)
        self.display = bool(requests)
        if not requests:
            return
        page = page_of(width, ascii_only=ascii_only)
        grid = [_cells(request, page) for request in requests]
        widths = _fitted(grid, width)
        if _PARTS in widths:
            axis = _axis(requests, widths[_PARTS])
            for row, request in zip(grid, requests, strict=True):
                row[_PARTS] = _bar(request, axis, page)
        for column, cells in widths.items():
            self.add_column(HEAD[column], width=cells, key=HEAD[column])
        variables = self.app.theme_variables
        for number, row in enumerate(grid):
            shown = [themed(row[column], variables) for column in widths]
            for text, (column, cells) in zip(shown, widths.items(), strict=True):
                text.truncate(cells, overflow="crop" if ascii_only else "ellipsis")
                if column in (_NUMBER, _FIRST, _SENTENCE, _TOTAL):
                    text.align("right", cells)
            self.add_row(*shown, key=str(number))
        self.move_cursor(row=at)


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
    widths = {
        at: max(len(name), *(cells[at].cell_len for cells in grid))
        for at, name in enumerate(HEAD[:_PARTS])
    }
    if all(cells[_SENTENCE].plain == "-" for cells in grid):
        del widths[_SENTENCE]

    def left() -> int:
        return width - _SCROLLBAR - sum(cells + _MARGINS for cells in widths.values())

    room = left() - _MARGINS
    if room >= _NARROWEST:
        return {**widths, _PARTS: room}
    for at in (_SENTENCE, _TOTAL):
        if left() < 0:
            widths.pop(at, None)
    if left() < 0:
        widths[_STATUS] = max(1, widths[_STATUS] + left())
    return widths
