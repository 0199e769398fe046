"""How much of what partial results showed was taken back.

A partial result is shown to somebody or something that acts on it: every word that changes later
was acted on in vain.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Rewrites", "count_rewrites"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrites:
    """What the partial results of one utterance showed, and what of it did not last.

    ``words_rewritten`` is never above ``words_shown``.
    """

    words_shown: int
    words_rewritten: int
    characters_rewritten: int


def count_rewrites(partials: Sequence[str], final: str) -> Rewrites:
    """Compare each text with the next one, and the last partial result with the final text.

    Words go by their place. A word is shown when a partial result holds it at a place where the
    text before had another word or none; it is rewritten when the next text has another word or
    none there. So each shown word either stands in the final text or is rewritten once. Words are
    compared as they are understood: without case and without punctuation at their edges.

    Characters go as a display would have to erase them: from one text to the next, those after
    the beginning that both share, with case and punctuation, white space taken as one space. Over
    the characters of the final text this is the normalised erasure of Arivazhagan et al., 2020,
    counted in characters.
    """
    texts = [*(" ".join(text.split()) for text in partials), " ".join(final.split())]
    rows = [[_word(word) for word in text.split()] for text in texts]
    shown = rewritten = erased = 0
    for before, after in pairwise([[], *rows[:-1]]):
        shown += _differing(after, before)
    for before, after in pairwise(rows):
        rewritten += _differing(before, after)
    for text, following in pairwise(texts):
        erased += len(text) - _shared(text, following)
    return Rewrites(words_shown=shown, words_rewritten=rewritten, characters_rewritten=erased)


def _differing(words: list[str], others: list[str]) -> int:
    """Count the places of ``words`` where ``others`` has another word or none."""
    pairs = zip_longest(words, others[: len(words)])
    return sum(word != other for word, other in pairs)


def _shared(text: str, other: str) -> int:
    """Return the length of the beginning that two texts share."""
    if other.startswith(text):
        return len(text)
    return next(
        (index for index, pair in enumerate(zip(text, other, strict=False)) if pair[0] != pair[1]),
        min(len(text), len(other)),
    )


def _word(text: str) -> str:
    bare = text.casefold()
    first, last = 0, len(bare)
    while first < last and _is_edge(bare[first]):
        first += 1
    while last > first and _is_edge(bare[last - 1]):
        last -= 1
    return bare[first:last] or bare


def _is_edge(character: str) -> bool:
    return unicodedata.category(character)[0] == "P"
