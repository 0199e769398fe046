"""The words that matter to one user: product names, places, people.

A term is looked for as whole words, whatever their case; "'s" and a plural's "s" may follow it. In
scripts that put no spaces between words it is looked for anywhere in a word. Spaces, hyphens and
apostrophes do not count, as nobody hears them: "EchoTrace" is "echo trace". But a term begins where
a word does and ends where one ends, so that "acme" is not in "acmeism".
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from echotrace.errors import InputError
from echotrace.files import read_regular
from echotrace.printable import printable
from echotrace.text.entity_words import clean_word
from echotrace.text.scripts import holds_unspaced

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["KeyTerms", "read_key_terms"]

_MAX_BYTES: Final = 2**20
_MAX_TERMS: Final = 10_000
_MAX_WORDS: Final = 32
_PREFIX: Final = 4
_ENDINGS: Final = ("", "s", "es")


def read_key_terms(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read a file of terms: UTF-8, one a line; "#" begins a comment line, doubles are dropped.

    Raises:
        InputError: the file cannot be read, is no text, is too large or holds no term.
    """
    name = printable(str(path))
    try:
        data = read_regular(path, limit=_MAX_BYTES)
    except OSError as error:
        why = error.strerror or str(error)
        raise _unusable(f"the key terms in {name} cannot be read", why) from None
    if len(data) > _MAX_BYTES:
        raise _unusable(f"the key terms in {name} are too large", "at most 1 MB is read")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _unusable(
            f"the key terms in {name} are no UTF-8 text", f"line {line}: {error.reason}"
        ) from None
    kept: dict[tuple[str, ...], str] = {}
    for term in map(str.strip, text.splitlines()):
        if not term.startswith("#") and (words := _normal(term)):
            kept.setdefault(words, term)
    if len(kept) > _MAX_TERMS:
        raise _unusable(
            f"{name} holds {len(kept):,} key terms", f"at most {_MAX_TERMS:,} are looked for"
        )
    if not kept:
        raise _unusable(f"{name} holds no key term", "every line is empty or a comment")
    return tuple(kept.values())


def _unusable(what: str, why: str) -> InputError:
    return InputError(
        what,
        why=why,
        hint="give a UTF-8 text with one term on each line; # begins a comment",
        code="KEY_TERMS",
    )


class KeyTerms:
    """Terms made ready for looking; the order in which they are given does not matter."""

    def __init__(self, terms: Iterable[str]) -> None:
        spaced: dict[str, str] = {}
        unspaced: dict[str, str] = {}
        normal = sorted({words for term in terms if (words := _normal(term))})
        for words in normal:
            kept, term = " ".join(words), _squeezed("".join(words))
            if holds_unspaced(kept):
                unspaced.setdefault(term, kept)
            elif len(words) <= _MAX_WORDS and term:
                spaced.setdefault(term, kept)
        self.count = len(spaced) + len(unspaced)
        self._spaced = _Terms(spaced)
        self._unspaced = _Terms(unspaced)

    def find(self, words: Sequence[str]) -> Iterator[tuple[str, int, int]]:
        """Yield the normal form of each term found, and its written words ``[first, last)``."""
        if not self.count:
            return
        text = _Text(words)
        if self._unspaced.terms:
            yield from self._anywhere(text, words)
        if self._spaced.terms:
            yield from self._at_words(text)

    def _anywhere(self, text: _Text, words: Sequence[str]) -> Iterator[tuple[str, int, int]]:
        """Look for the terms of scripts without spaces, wherever in such a word they begin."""
        free_from = 0
        for part, begin in enumerate(text.begins[:-1]):
            if not holds_unspaced(words[text.places[part]]):
                continue
            for place in range(max(begin, free_from), text.begins[part + 1]):
                term = self._unspaced.longest_at(text.joined, place)
                if term:
                    free_from = place + len(term)
                    last = bisect_left(text.begins, free_from) - 1
                    yield self._unspaced.terms[term], text.places[part], text.places[last] + 1
                    if free_from > text.begins[part + 1]:
                        break

    def _at_words(self, text: _Text) -> Iterator[tuple[str, int, int]]:
        """Look for terms that begin where a word does and end where one ends."""
        part = 0
        while part < len(text.places):
            length, term = self._spaced.words_at(text, part)
            if term:
                last = text.places[part + length - 1] + 1
                yield self._spaced.terms[term], text.places[part], last
            part += length or 1


class _Text:
    """A text without what parts words, and where its words begin in it."""

    def __init__(self, words: Sequence[str]) -> None:
        self.places: list[int] = []
        self.begins: list[int] = [0]
        pieces: list[str] = []
        known: dict[str, tuple[str, ...]] = {}
        for index, word in enumerate(words):
            parts = known.get(word)
            if parts is None:
                parts = known[word] = tuple(filter(None, map(_squeezed, _normal(word))))
            for part in parts:
                pieces.append(part)
                self.places.append(index)
                self.begins.append(self.begins[-1] + len(part))
        self.joined = "".join(pieces)


class _Terms:
    """Terms by how they begin and how long they are, so that few places need a closer look."""

    def __init__(self, terms: dict[str, str]) -> None:
        self.terms = terms
        lengths: dict[str, set[int]] = {}
        for term in terms:
            lengths.setdefault(term[:_PREFIX], set()).add(len(term))
        self._lengths = {key: sorted(found, reverse=True) for key, found in lengths.items()}

    def _lengths_at(self, text: str, place: int) -> Iterator[int]:
        for size in range(_PREFIX, 0, -1):
            yield from self._lengths.get(text[place : place + size], ())

    def longest_at(self, text: str, place: int) -> str:
        """Return the longest term at a place of a text, else an empty one."""
        for length in self._lengths_at(text, place):
            if (term := text[place : place + length]) in self.terms:
                return term
        return ""

    def words_at(self, text: _Text, part: int) -> tuple[int, str]:
        """Return how many words from one on are a term, perhaps with an ending, and the term."""
        begin = text.begins[part]
        longest = text.begins[min(part + 2 * _MAX_WORDS, len(text.places))] - begin
        for length in self._lengths_at(text.joined, begin):
            if length > longest:
                continue
            for ending in _ENDINGS:
                end = begin + length + len(ending)
                place = bisect_left(text.begins, end, lo=part + 1)
                if place == len(text.begins) or text.begins[place] != end:
                    continue
                if length < 2 and ending:
                    continue
                if not text.joined.startswith(ending, begin + length):
                    continue
                if end - text.begins[place - 1] <= len(ending):
                    continue  # the ending stands as a word of its own
                if (term := text.joined[begin : begin + length]) in self.terms:
                    return place - part, term
        return 0, ""


def _squeezed(word: str) -> str:
    """Return a word without the marks inside it that are not heard: "o'brien" is "obrien"."""
    return word.replace("'", "") or word


def _normal(text: str) -> tuple[str, ...]:
    """Return the words that are compared: case, Unicode form and outer punctuation do not count."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())
    cleaned = (clean_word(part).strip("-") for part in folded.replace("-", " ").split())
    return tuple(part for part in cleaned if any(map(str.isalnum, part)))
