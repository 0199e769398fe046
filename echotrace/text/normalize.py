"""One normaliser for both sides of a comparison, named with its version in every report.

The rules are those published with Whisper, from the ``whisper-normalizer`` package: they write
"thirty six" and "36" alike, undo contractions, and fold British into American spelling. Around them
stands what a hostile or very long text needs: the same result in linear time, and no exception.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from echotrace.model.report import Normalizer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

__all__ = ["TextNormalizer", "normalizer_for", "raw_tokens"]

_CHUNK_WORDS = 2_000
_OPENERS = re.compile(r"[<\[]")
_CLOSERS = re.compile(r"[>\]]")
_LEFT_OVER = str.maketrans("<[(", "{{{")


def raw_tokens(text: str) -> list[str]:
    """Split a text at white space and change nothing else but its Unicode form (NFC).

    "é" typed as one character or as two is the same text; case and punctuation count.
    """
    return unicodedata.normalize("NFC", text).split()


class TextNormalizer:
    """Turns a text into the words that are compared.

    Args:
        name: the name that stands in reports, such as ``whisper-en``.
        rules: the published normaliser, one string to one string.
        vocabulary: words whose neighbours matter to ``rules`` (numbers, currencies), so that a
            long text is never cut beside one of them.
    """

    def __init__(
        self, name: str, rules: Callable[[str], str], vocabulary: Collection[str] = ()
    ) -> None:
        self.info = Normalizer(name=name, version=version("whisper-normalizer"))
        self._rules = rules
        self._vocabulary = frozenset(vocabulary)

    def __call__(self, text: str) -> list[str]:
        """Return the normalised words; a word without any letter or digit is no word."""
        words = _without_brackets(text).split()
        tokens: list[str] = []
        for chunk in self._chunks(words):
            tokens += self._normalize(" ".join(chunk)).split()
        return [token for token in tokens if any(map(str.isalnum, token))]

    def _normalize(self, text: str) -> str:
        try:
            return self._rules(text)
        except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError):
            # The number rules fail on some endless digit strings; words are then compared as words.
            lowered = unicodedata.normalize("NFKC", text).lower()
            return "".join(
                " " if unicodedata.category(char)[0] in "SP" else char for char in lowered
            )

    def _chunks(self, words: list[str]) -> Iterator[list[str]]:
        start = 0
        while len(words) - start > 2 * _CHUNK_WORDS:
            end = start + _CHUNK_WORDS
            while end < start + 2 * _CHUNK_WORDS and not (
                self._is_plain(words[end - 1]) and self._is_plain(words[end])
            ):
                end += 1
            yield words[start:end]
            start = end
        if start < len(words):
            yield words[start:]

    def _is_plain(self, word: str) -> bool:
        return word.isascii() and word.isalpha() and word.lower() not in self._vocabulary


@cache
def normalizer_for(language: str) -> TextNormalizer:
    """Return ``whisper-en`` for English, else ``whisper-basic``, which knows no numbers.

    Args:
        language: a language code such as ``en`` or ``de``; anything unknown gets the basic rules.
    """
    if language == "en" or language.startswith(("en-", "en_")):
        from whisper_normalizer.english import EnglishTextNormalizer

        english = EnglishTextNormalizer()
        return TextNormalizer(
            "whisper-en", english, {"and", "a", "half", *english.standardize_numbers.words}
        )
    from whisper_normalizer.basic import BasicTextNormalizer

    return TextNormalizer("whisper-basic", BasicTextNormalizer(preserve_marks=True))


def _without_brackets(text: str) -> str:
    """Drop what stands in brackets, as the published rules do, but in linear time.

    Their patterns look for a closing bracket from every opening one, so a megabyte of "(" would
    never end. What opens and never closes becomes another symbol, which they then drop.
    """
    text = _cut(text, _OPENERS, _CLOSERS, shortest=0)
    text = _cut(text, re.compile(r"\("), re.compile(r"\)"), shortest=1)
    return text.translate(_LEFT_OVER)


def _cut(text: str, opener: re.Pattern[str], closer: re.Pattern[str], *, shortest: int) -> str:
    kept: list[str] = []
    position = 0
    search = 0
    while (begin := opener.search(text, search)) and (end := closer.search(text, begin.end())):
        if end.start() - begin.end() < shortest:
            search = begin.end()
            continue
        kept.append(text[position : begin.start()])
        position = search = end.end()
    kept.append(text[position:])
    return "".join(kept)
