"""The conversation: its figures, and a row per turn that leads to its place in the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.render.console.conversation import headline, loose, summary_rows
from echotrace.render.console.figures import words
from echotrace.render.console.turns import HEAD, turn_rows
from echotrace.render.html.head import at_button
from echotrace.render.html.markup import Markup, Part, el, join
from echotrace.render.html.texts import (
    block_page,
    console_block,
    counted_rest,
    pairs,
    rich,
    sheet,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Report
    from echotrace.render.console.turns import TurnRow

__all__ = ["conversation_block", "turns_block"]

_MOST = 2_000
_RIGHT = (3, 4, 5)


def conversation_block(report: Report) -> Iterator[Part]:
    """Yield the call's figures, or why there are none."""
    result = report.conversation
    if result is None:
        return
    page = sheet()
    if result.reason:
        yield el("p", words(result.status), ": ", result.reason, class_="why")
    if result.hint:
        yield el("p", "try: ", result.hint, class_="hint")
    if result.status == "measured" or result.turns:
        yield from (el("p", rich(line)) for line in headline(result.summary.heard_gap_ms, page))
    yield pairs((label, rich(value)) for label, value in summary_rows(report, result, page))
    yield console_block(loose(result, block_page()))


def turns_block(report: Report) -> Markup | None:
    """Return the table of turns in their order."""
    result = report.conversation
    if result is None or not result.turns:
        return None
    shown = result.turns[:_MOST]
    rows = turn_rows(result, shown, sheet())
    drawn = [_row(row, turn.span_s) for row, turn in zip(rows, shown, strict=True)]
    whole = table(HEAD, drawn, numbers=_RIGHT, label="turns", class_="turns")
    return join([whole, counted_rest(len(result.turns) - _MOST, "turn")])


def _row(row: TurnRow, span_s: tuple[float, float] | None) -> Markup:
    cells = [el("td", rich(cell), class_="num" if at in _RIGHT else None)
             for at, cell in enumerate(row.cells[2:], start=2)]  # fmt: skip
    number = f"{row.turn_id:,}"
    if span_s is None:
        return el("tr", el("td", number), el("td"), *cells)
    begin, end = (f"{place:.3f}" for place in span_s)
    go = at_button(span_s[0], number)
    return el("tr", el("td", go), el("td", rich(row.at)), *cells, data_at=begin, data_until=end)
