"""The words that matter to one user: product names, places, people.

A term is looked for as whole words, whatever their case; "'s" and a plural's "s" may follow it. In
scripts that put no spaces between words it is looked for anywhere in a word.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from echotrace.errors import InputError
from echotrace.printable import printable
from echotrace.text.entity_words import clean_word

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["KeyTerms", "is_unspaced", "read_key_terms"]

_MAX_BYTES: Final = 2**20
_MAX_TERMS: Final = 10_000
_MAX_WORDS: Final = 32
_UNSPACED: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Kana
    (0x3400, 0x9FFF),  # Han
    (0x20000, 0x3FFFF),  # Han, rare
)


def read_key_terms(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read a file of terms: UTF-8, one a line; "#" begins a comment line, doubles are dropped.

    Raises:
        InputError: the file cannot be read, is no text, is too large or holds no term.
    """
    name = printable(str(path))
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - takes any kind of path
            data = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
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
        normal = {words for term in terms if (words := _normal(term))}
        self.count = len(normal)
        self._spaced: dict[str, list[tuple[str, ...]]] = {}
        unspaced: dict[str, list[str]] = {}
        for words in normal:
            joined = " ".join(words)
            if is_unspaced(joined):
                unspaced.setdefault(joined[0], []).append(joined)
            elif len(words) <= _MAX_WORDS:
                self._spaced.setdefault(words[0], []).append(words)
        for found in self._spaced.values():
            found.sort(key=lambda words: (-len(words), words))
        self._unspaced = {
            first: sorted(found, key=lambda term: (-len(term), term))
            for first, found in unspaced.items()
        }

    def find(self, words: Sequence[str]) -> Iterator[tuple[str, int, int]]:
        """Yield the normal form of each term found, and its written words ``[first, last)``."""
        if not self.count:
            return
        parts: list[str] = []
        places: list[int] = []
        for index, word in enumerate(words):
            normal = _normal(word)
            parts += normal
            places += [index] * len(normal)
            if self._unspaced and is_unspaced(word):
                for part in normal:
                    yield from ((term, index, index + 1) for term in self._inside(part))
        place = 0
        while place < len(parts):
            length = 0
            for first in _stems(parts[place]):
                for term in self._spaced.get(first, ()):
                    heard = parts[place : place + len(term)]
                    if heard[:-1] == list(term[:-1]) and term[-1] in _stems(heard[-1]):
                        length = len(term)
                        yield " ".join(term), places[place], places[place + length - 1] + 1
                        break
                if length:
                    break
            place += length or 1

    def _inside(self, text: str) -> Iterator[str]:
        place = 0
        while place < len(text):
            for term in self._unspaced.get(text[place], ()):
                if text.startswith(term, place):
                    yield term
                    place += len(term) - 1
                    break
            place += 1


def _normal(text: str) -> tuple[str, ...]:
    """Return the words that are compared: case, Unicode form and outer punctuation do not count."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())
    cleaned = (clean_word(part).strip("-") for part in folded.replace("-", " ").split())
    return tuple(part for part in cleaned if any(map(str.isalnum, part)))


def _stems(word: str) -> tuple[str, ...]:
    """Return a word, and the same without a possessive's or a plural's ending."""
    endings = (
        ending
        for ending in ("'s", "'", "es", "s")
        if word.endswith(ending) and len(word) - len(ending) >= 2
    )
    return (word, *(word[: -len(ending)] for ending in endings))


def is_unspaced(text: str) -> bool:
    """Return whether a text is in a script that puts no spaces between words."""
    return not text.isascii() and any(
        first <= code <= last for code in map(ord, text) for first, last in _UNSPACED
    )
