"""Aligned words as lines: which word stands in which line and column at a given width.

A transcript has up to 20,000 words and a screen draws fifty of them, so the lines are numbers only;
text is made for the lines that are seen.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.cells import cell_len

from echotrace.model.report import Word
from echotrace.render.console.diff import signed
from echotrace.render.console.plain import cut_middle, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Paragraph", "Piece", "WordLines", "Words", "after", "before", "lay_out"]

LONGEST = 40
"""Of a single word at most so many lines are drawn; the middle of a longer one is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Words that one side speaks without a break; ``first`` is the first of them.

    ``channel`` is where they are heard, None if that is not known; ``end_s`` belongs to a line of
    a dialogue, of which no more than the beginning and the end may be known.
    """

    first: int
    role: str = ""
    channel: int | None = None
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Words:
    """Columns of words: one side alone, or what was said over what was heard.

    ``sides`` hold one cleaned word or ``""`` per column, ``kinds`` what the column is (equal,
    substitute, delete, insert). ``heard`` are the engine's words behind the columns and ``errors``
    the numbers of the errors in the report, -1 for none; ``start_s`` is nan where no time is known.
    ``flagged`` marks what may be made up, ``unsure`` what the engine itself gives little.
    """

    sides: tuple[Sequence[str], ...]
    kinds: Sequence[str]
    heard: Sequence[Word | None]
    errors: Sequence[int]
    start_s: Sequence[float]
    flagged: Sequence[int]
    unsure: Sequence[int]
    paragraphs: tuple[Paragraph, ...]
    places: Sequence[int]
    """The columns that "next" and "previous" go to."""
    spaced: bool = True
    """Whether this language puts spaces between words."""

    @property
    def gap(self) -> int:
        """Return the cells between two columns; only one over the other needs them always."""
        return 1 if self.spaced or len(self.sides) > 1 else 0

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self.kinds)

    def shown(self, at: int) -> tuple[str, ...]:
        """Return a column as it is drawn, an error in its brackets."""
        if len(self.sides) == 1:
            return (self.sides[0][at],)
        return signed(self.kinds[at], self.sides[0][at], self.sides[1][at])

    def paragraph_of(self, at: int) -> Paragraph | None:
        """Return the paragraph that a column stands in."""
        found = bisect_right(self.paragraphs, at, key=lambda item: item.first)
        return self.paragraphs[found - 1] if found else None

    def next_place(self, at: int) -> int | None:
        """Return the first place behind a column."""
        return after(self.places, at)

    def previous_place(self, at: int) -> int | None:
        """Return the last place in front of a column."""
        return before(self.places, at)


def after(places: Sequence[int], at: int) -> int | None:
    """Return the first of some sorted places behind ``at``."""
    found = bisect_right(places, at)
    return places[found] if found < len(places) else None


def before(places: Sequence[int], at: int) -> int | None:
    """Return the last of some sorted places in front of ``at``."""
    found = bisect_left(places, at)
    return places[found - 1] if found else None


@dataclass(frozen=True, slots=True)
class Piece:
    """A column, or a part of one that is wider than a line, and where in its line it begins."""

    column: int
    part: int
    x: int
    texts: tuple[str, ...]
    width: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordLines:
    """The lines of some words at one width; columns, parts and cells are numbers in arrays."""

    words: Words
    room: int
    columns: array[int]
    parts: array[int]
    xs: array[int]
    line_starts: array[int]
    column_starts: array[int]
    split: dict[int, tuple[tuple[str, ...], ...]] = field(repr=False)

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self.line_starts)

    def line_of(self, column: int) -> int:
        """Return the line in which a column begins."""
        return bisect_right(self.line_starts, self.column_starts[column]) - 1

    def x_of(self, column: int) -> int:
        """Return the cell at which a column begins."""
        return self.xs[self.column_starts[column]]

    def span_of(self, line: int) -> range:
        """Return the columns of which some part is in a line."""
        first, last = self._pieces(line)
        return range(self.columns[first], self.columns[last - 1] + 1)

    def nearest(self, line: int, x: int) -> int:
        """Return the column of a line that holds the cell ``x``, or the last one before it."""
        first, last = self._pieces(line)
        return self.columns[max(first, bisect_right(self.xs, x, first, last) - 1)]

    def line(self, number: int) -> Iterator[Piece]:
        """Yield what stands in a line from left to right."""
        for at in range(*self._pieces(number)):
            column, part = self.columns[at], self.parts[at]
            found = self.split.get(column)
            texts = self.words.shown(column) if found is None else found[part]
            yield Piece(column, part, self.xs[at], texts, max(map(cell_len, texts)))

    def _pieces(self, line: int) -> tuple[int, int]:
        after_it = line + 1
        last = self.line_starts[after_it] if after_it < len(self.line_starts) else len(self.columns)
        return self.line_starts[line], last


def lay_out(words: Words, room: int, *, ellipsis: str = "...") -> WordLines:
    """Fill lines of ``room`` cells with whole columns; a paragraph begins a line.

    A column wider than a line is cut into parts of which each has a line.
    """
    room = max(1, room)
    columns, parts, xs = array("l"), array("l"), array("l")
    line_starts, column_starts = array("l"), array("l")
    split: dict[int, tuple[tuple[str, ...], ...]] = {}
    breaks = {item.first for item in words.paragraphs}
    x = room + 1
    for column in range(len(words)):
        if column in breaks:
            x = room + 1
        shown = words.shown(column)
        width = max(len(text) if text.isascii() else cell_len(text) for text in shown)
        column_starts.append(len(columns))
        if width <= room:
            if x + width > room:
                line_starts.append(len(columns))
                x = 0
            columns.append(column)
            parts.append(0)
            xs.append(x)
            x += width + words.gap
            continue
        split[column] = _parts(shown, room, ellipsis)
        for part in range(len(split[column])):
            line_starts.append(len(columns))
            columns.append(column)
            parts.append(part)
            xs.append(0)
        x = max(map(cell_len, split[column][-1])) + words.gap
    return WordLines(
        words=words,
        room=room,
        columns=columns,
        parts=parts,
        xs=xs,
        line_starts=line_starts,
        column_starts=column_starts,
        split=split,
    )


def _parts(shown: tuple[str, ...], room: int, ellipsis: str) -> tuple[tuple[str, ...], ...]:
    whole = [pieces(cut_middle(text, LONGEST * room, ellipsis=ellipsis), room) for text in shown]
    most = max(map(len, whole))
    return tuple(tuple(side[at] if at < len(side) else "" for side in whole) for at in range(most))
