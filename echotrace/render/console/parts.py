"""A titled part inside a block, and the few shapes that such parts share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.timeline import stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.measure import Measurement
    from echotrace.render.console.layout import Page

__all__ = ["columns", "count", "more", "part", "quoted", "said_and_heard", "span", "unsaid"]

_WORD = 40
_SHORTEST = 8
_BESIDE = 26
"""The last column stands beside the others where at least so many cells are left."""


def part(title: str, told: Text, page: Page, *, indent: int = 2) -> list[Text]:
    """Return the line that begins a part: its title and what there is to say of the whole."""
    line = Text.assemble((title, "bold"))
    if told.plain:
        line = Text.assemble(line, "  ", told)
    return page.wrapped(line, indent=indent)


def columns(rows: Sequence[Sequence[Text]], page: Page, *, indent: int = 2) -> list[list[Text]]:
    """Return the lines of each row, the columns aligned over all, the first one to the right.

    A long last column wraps in its place; where the page is too narrow for that, what does not fit
    goes below the second column.
    """
    if not rows:
        return []
    last = len(rows[0]) - 1
    widths = [max(row[at].cell_len for row in rows) for at in range(last)]
    used = indent + sum(width + 2 for width in widths if width)
    longest = max(row[last].cell_len for row in rows)
    if page.width - used >= min(_BESIDE, longest):
        return [_beside(row, widths, used, page, indent) for row in rows]
    return [_below(row, widths[0], page, indent) for row in rows]


def _beside(
    row: Sequence[Text], widths: Sequence[int], used: int, page: Page, indent: int
) -> list[Text]:
    lead = Text(" " * indent)
    for at, width in enumerate(widths):
        gap = " " * (width - row[at].cell_len)
        sides = (gap, row[at]) if at == 0 else (row[at], gap)
        lead.append_text(Text.assemble(*sides, "  " if width else ""))
    lead.rstrip()
    return page.wrapped(row[-1], indent=used, first=lead) if row[-1].plain else [lead]


def _below(row: Sequence[Text], first: int, page: Page, indent: int) -> list[Text]:
    lead = Text.assemble(" " * (indent + first - row[0].cell_len), row[0])
    hang = min(indent + (first + 2 if first else 0), page.width // 2)
    rest = [cell for cell in row[1:] if cell.plain]
    together = Text("  ").join(rest)
    if hang + together.cell_len <= page.width:
        return page.wrapped(together, indent=hang, first=lead)
    lines = page.wrapped(Text("  ").join(rest[:-1]), indent=hang, first=lead)
    return [*lines, *(line for cell in rest[-1:] for line in page.wrapped(cell, indent=hang))]


def more(left_out: int, noun: str, page: Page, *, indent: int = 2) -> list[Text]:
    """Return how many are not listed and where they are; nothing when none is left out."""
    if left_out <= 0:
        return []
    told = f"and {count(left_out, f'more {noun}')}: --export-only has them"
    return page.wrapped(Text(told, style="dim"), indent=indent)


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 word``, ``2,000 words``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def quoted(word: str, page: Page, *, limit: int | None = None) -> str:
    """Return a word in quotation marks, without ``limit`` short enough for a column."""
    if limit is None:
        limit = min(_WORD, max(_SHORTEST, page.width // 2 - 10))
    return f'"{page.data(word, limit=limit)}"'


def said_and_heard(
    gold: str | None, actual: str | None, page: Page, *, limit: int | None = None
) -> Text:
    """Return both sides of a difference; a side that there is not makes it missed or added."""
    said = "" if gold is None else quoted(gold, page, limit=limit)
    heard = "" if actual is None else quoted(actual, page, limit=limit)
    if said and heard:
        return Text.assemble(said, " -> ", (heard, "red"))
    if said:
        return Text.assemble(said, (" missed", "red"))
    return Text.assemble((heard, "red"), " added") if heard else Text()


def span(start_s: float | None, end_s: float | None) -> str:
    """Return a place on the recording's clock; empty where it is not known."""
    if start_s is None:
        return "" if end_s is None else f"to {stamp(end_s)}"
    return stamp(start_s) if end_s is None else f"{stamp(start_s)}-{stamp(end_s)}"


def unsaid(label: str, item: Measurement, page: Page) -> Text:
    """Return why there is no figure."""
    return Text(page.data(f"{label} n/a: {item.reason or 'no reason given'}"), style="dim")
