"""One normaliser for both sides of a comparison, named with its version in every report.

``whisper-en`` is the rules published with Whisper, from the ``whisper-normalizer`` package, which
write "thirty six" and "36" alike, undo contractions, and fold British into American spelling, with
our repairs of their faults (see ``repairs``). ``basic`` is the published rules for any language:
lower case, no punctuation. ``none`` compares the text as it stands, less the characters that nobody
can see; only the raw WER counts those. Around the rules stands what a hostile or very long text
needs: the same result in linear time, and no exception.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from echotrace.model.report import Normalizer
from echotrace.text.characters import ascii_digits, without_invisible
from echotrace.text.repairs import (
    AFTER,
    AREA_CODES,
    BEFORE,
    BETWEEN,
    Repair,
    finish_numbers,
    without_marks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

__all__ = ["NORMALIZERS", "TextNormalizer", "english_normalizer", "normalizer_for", "raw_tokens"]

NORMALIZERS: Final = ("none", "basic", "whisper-en")
_CHUNK_WORDS = 2_000
_OPENERS = re.compile(r"[<\[]")
_CLOSERS = re.compile(r"[>\]]")
_LEFT_OVER = str.maketrans("<[(", "{{{")
_SAID = re.compile(r" ?\+?\d[\d .-]{1,14}(?=\))")
_ONES = "ones"
_INVISIBLE = "invisible-characters"
_SCRIPT_DIGITS = "digits-of-scripts"
_ANY_LANGUAGE = (_INVISIBLE, _SCRIPT_DIGITS, AREA_CODES, *BETWEEN)


def raw_tokens(text: str) -> list[str]:
    """Split a text at white space and change nothing else but its Unicode form (NFC).

    "é" typed as one character or as two is the same text. Case and punctuation count, and so do
    invisible characters, such as a mark of direction: this is the text as the file holds it.
    """
    return unicodedata.normalize("NFC", text).split()


class TextNormalizer:
    """Turns a text into the words that are compared.

    The same text always gives the same words. Normalised again they mostly stay as they are;
    numbers beside each other may be read anew, as one longer number.

    Args:
        info: the name, the version and the repairs that stand in reports.
        rules: the published normaliser, one string to one string; None leaves the text as it is.
        vocabulary: words whose neighbours matter to ``rules`` (numbers, currencies), so that a
            long text is never cut beside one of them.
        repairs: our own rules around the published ones, in their order.
    """

    def __init__(
        self,
        info: Normalizer,
        rules: Callable[[str], str] | None,
        vocabulary: Collection[str] = (),
        repairs: Sequence[Repair] = (),
    ) -> None:
        self.info = info
        self._rules = rules
        self._vocabulary = frozenset(vocabulary)
        self._before = [repair.text for repair in repairs if repair.text]
        self._after = [repair.tokens for repair in repairs if repair.tokens]

    @property
    def regroups(self) -> bool:
        """Whether words that differ only by their spaces count as the same."""
        return BETWEEN[0] in self.info.repairs

    def __call__(self, text: str) -> list[str]:
        """Return the normalised words; a word without any letter or digit is no word."""
        if _INVISIBLE in self.info.repairs:
            text = without_invisible(text)
        if _SCRIPT_DIGITS in self.info.repairs:
            text = ascii_digits(text)
        if self._rules is None:
            return raw_tokens(text)
        words = _without_brackets(text, keep_digits=AREA_CODES in self.info.repairs).split()
        if self._before:
            text = " ".join(words).lower()
            for before in self._before:
                text = before(text)
            words = text.split()
        tokens: list[str] = []
        for chunk in self._chunks(words):
            tokens += self._normalize(" ".join(chunk), self._rules).split()
        tokens = [token for token in tokens if any(map(str.isalnum, token))]
        for after in self._after:
            tokens = after(tokens)
        return without_marks(tokens) if self._before else tokens

    def _normalize(self, text: str, rules: Callable[[str], str]) -> str:
        try:
            return rules(text)
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
def normalizer_for(language: str, name: str = "auto") -> TextNormalizer:
    """Return the normaliser of that name.

    Args:
        language: a language code such as ``en`` or ``de``; it decides what ``auto`` is:
            ``whisper-en`` for English, else ``basic``, which knows no numbers.
        name: ``auto`` or one of ``NORMALIZERS``, whatever the language.

    Raises:
        ValueError: there is no normaliser of that name.
    """
    if name == "auto":
        is_english = language == "en" or language.startswith(("en-", "en_"))
        return normalizer_for("", "whisper-en" if is_english else "basic")
    if language:
        return normalizer_for("", name)
    if name == "whisper-en":
        return english_normalizer((*BEFORE, *AFTER), also=(*_ANY_LANGUAGE, _ONES))
    if name == "basic":
        from whisper_normalizer.basic import BasicTextNormalizer

        info = Normalizer(
            name="basic", version=version("whisper-normalizer"), repairs=_ANY_LANGUAGE
        )
        return TextNormalizer(info, BasicTextNormalizer(preserve_marks=True))
    if name == "none":
        info = Normalizer(
            name="none", version=f"Unicode {unicodedata.unidata_version}", repairs=(_INVISIBLE,)
        )
        return TextNormalizer(info, None)
    raise ValueError(f"there is no normaliser {name!r}; there are {', '.join(NORMALIZERS)}")


def english_normalizer(
    repairs: Sequence[Repair] = (), *, also: Sequence[str] = ()
) -> TextNormalizer:
    """Return the published English rules with the repairs given, those of no rule by name."""
    from whisper_normalizer.english import EnglishTextNormalizer

    english = EnglishTextNormalizer()
    vocabulary = {"and", "a", "half", *english.standardize_numbers.words}
    if _ONES in also:
        english.standardize_numbers.postprocess = finish_numbers
    info = Normalizer(
        name="whisper-en",
        version=version("whisper-normalizer"),
        repairs=(*(repair.name for repair in repairs), *also),
    )
    return TextNormalizer(info, english, vocabulary, repairs)


def _without_brackets(text: str, *, keep_digits: bool) -> str:
    """Drop what stands in brackets, as the published rules do, but in linear time.

    Their patterns look for a closing bracket from every opening one, so a megabyte of "(" would
    never end. What opens and never closes becomes another symbol, which they then drop.
    """
    text = _cut(text, _OPENERS, _CLOSERS, shortest=0)
    said = _SAID if keep_digits else None
    text = _cut(text, re.compile(r"\("), re.compile(r"\)"), shortest=1, said=said)
    return text.translate(_LEFT_OVER)


def _cut(
    text: str,
    opener: re.Pattern[str],
    closer: re.Pattern[str],
    *,
    shortest: int,
    said: re.Pattern[str] | None = None,
) -> str:
    kept: list[str] = []
    position = 0
    search = 0
    while (begin := opener.search(text, search)) and (end := closer.search(text, begin.end())):
        if end.start() - begin.end() < shortest or (said and said.match(text, begin.end())):
            search = begin.end()
            continue
        kept.append(text[position : begin.start()])
        position = search = end.end()
    kept.append(text[position:])
    return "".join(kept)
