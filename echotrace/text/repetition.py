"""Repetition loops: a recogniser that got stuck says the same words over and over.

People repeat themselves too: "no no no", a number with four zeros, "okay bye, okay bye". So one
word has to come six times in a row, two words four times, and three or more words three times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Loop", "find_loops", "least_times"]

LONGEST: Final = 24
"""Words: longer phrases that come three times in a row are read aloud, not looped."""


@dataclass(frozen=True, slots=True)
class Loop:
    """Words [first, last) are ``times`` whole repetitions of their first ``length`` words.

    A last repetition that breaks off belongs to them.
    """

    first: int
    last: int
    length: int

    @property
    def times(self) -> int:
        """How often the phrase is said in whole."""
        return (self.last - self.first) // self.length


def least_times(length: int) -> int:
    """Return how often a phrase of so many words must come in a row to be a loop."""
    return {1: 6, 2: 4}.get(length, 3)


def find_loops(words: Sequence[str]) -> tuple[Loop, ...]:
    """Return the loops in order; none overlap, and each has the shortest phrase that makes it.

    Letter case and punctuation around a word do not count; what holds neither letter nor digit is
    passed over.
    """
    kept: list[int] = []
    plain: list[str] = []
    for index, word in enumerate(words):
        bare = "".join(letter for letter in word.casefold() if letter.isalnum())
        if bare:
            kept.append(index)
            plain.append(bare)
    found: list[Loop] = []
    taken = bytearray(len(plain))
    for length in range(1, min(LONGEST, len(plain) // 3) + 1):
        for first, last in _repeats(plain, length):
            if (last - first) // length >= least_times(length) and not any(taken[first:last]):
                taken[first:last] = b"\1" * (last - first)
                found.append(Loop(first, last, length))
    return tuple(_on_words(loop, kept) for loop in sorted(found, key=lambda loop: loop.first))


def _on_words(loop: Loop, kept: Sequence[int]) -> Loop:
    """Give a loop of plain words the places of the words themselves."""
    first, last = kept[loop.first], kept[loop.last - 1] + 1
    if last - first == loop.last - loop.first:
        return Loop(first, last, loop.length)
    # Dashes between the words lengthen the phrase; the first one tells by how much.
    return Loop(first, last, kept[loop.first + loop.length] - first)


def _repeats(words: Sequence[str], length: int) -> Iterator[tuple[int, int]]:
    """Yield the longest stretches whose words each equal the one ``length`` before."""
    first = 0
    for index in range(length, len(words) + 1):
        if index < len(words) and words[index] == words[index - length]:
            continue
        if index - first > length:
            yield first, index
        first = index - length + 1
