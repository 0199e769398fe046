"""Plain-text search over aligned words, across the borders of words, on each side."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.tui.word_rows import Words

__all__ = ["WordIndex", "WordSearch", "folded"]


def folded(text: str) -> str:
    """Return text in lower case, character by character, so that no place in it moves."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


class _Side:
    """The words of one side as one text, with the column that each stretch of it came from."""

    def __init__(self, words: Sequence[str], joint: str) -> None:
        self.columns = array("l", (at for at, word in enumerate(words) if word))
        self.starts = array("l")
        begin = 0
        for at in self.columns:
            self.starts.append(begin)
            begin += len(words[at]) + len(joint)
        self._gap = len(joint)
        self.text = joint.join(folded(words[at]) for at in self.columns)

    def find(self, query: str) -> array[int]:
        """Return where the query stands in the text, from left to right, none over another."""
        return array("l", (found.start() for found in re.finditer(re.escape(query), self.text)))

    def columns_of(self, found: Sequence[int]) -> Iterator[int]:
        """Yield the column in which each of these places is."""
        for place in found:
            yield self.columns[bisect_right(self.starts, place) - 1]

    def whole_words(self, text: str) -> Iterator[range]:
        """Yield the columns of each place of a text that begins and ends with a word."""
        for place in self.find(text):
            first = bisect_right(self.starts, place) - 1
            last = bisect_right(self.starts, place + len(text) - 1) - 1
            end = self.starts[last + 1] - self._gap if last + 1 < len(self.starts) else None
            whole = place + len(text) == (len(self.text) if end is None else end)
            if self.starts[first] == place and whole:
                yield range(self.columns[first], self.columns[last] + 1)


class WordIndex:
    """What a search looks through; made once for some words.

    Args:
        words: their cleaned texts; without a gap between them they are searched as one word.
    """

    def __init__(self, words: Words) -> None:
        self.joint = " " if words.spaced else ""
        self.sides = tuple(_Side(side, self.joint) for side in words.sides)

    def whole_words(self, text: str) -> Iterator[range]:
        """Yield the columns of every place, on either side, where a text is written as it is."""
        wanted = self.joint.join(folded(text).split())
        if not wanted:
            return
        for side in self.sides:
            yield from side.whole_words(wanted)

    def search(self, query: str) -> WordSearch:
        """Return every match of a plain text; upper and lower case are the same."""
        return WordSearch(self, query)


class WordSearch:
    """The matches of one query; a match counts by the column that it begins in.

    A word said and heard alike matches on both sides and counts once.
    """

    def __init__(self, index: WordIndex, query: str) -> None:
        self.query = index.joint.join(folded(query).split())
        self._sides = index.sides
        self._found = tuple(side.find(self.query) if self.query else () for side in index.sides)
        matched = zip(self._sides, self._found, strict=True)
        self.places = sorted({at for side, found in matched for at in side.columns_of(found)})

    def number(self, column: int) -> int:
        """Return which match (from 1) the column is at or behind; 0 before the first."""
        return bisect_right(self.places, column)

    def spans(self, side: int, column: int, length: int) -> Iterator[tuple[int, int]]:
        """Yield the matched characters of a word of this length, as stretches within it."""
        text, found = self._sides[side], self._found[side]
        if not found or not length:
            return
        at = bisect_left(text.columns, column)
        if at == len(text.columns) or text.columns[at] != column:
            return
        begin = text.starts[at]
        first = bisect_right(found, begin - len(self.query))
        while first < len(found) and found[first] < begin + length:
            start = max(0, found[first] - begin)
            yield start, min(length, found[first] + len(self.query) - begin)
            first += 1
