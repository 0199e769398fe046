"""The words that English entities are made of, and a text as the tokens that the rules read."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echotrace.text.entity_numbers import Atom, Number

__all__ = [
    "CURRENCY_CODES",
    "CURRENCY_SIGNS",
    "DECADES",
    "DIGITS",
    "FRACTIONS",
    "HALVES",
    "MAJOR_UNITS",
    "MINOR_UNITS",
    "MONTHS",
    "NEGATIONS",
    "ORDINALS",
    "RELATIVE_DAYS",
    "SCALES",
    "TEENS",
    "TENS",
    "Token",
    "Tokens",
    "clean_word",
    "tokens_of",
    "words_of",
]


def words_of(text: str) -> frozenset[str]:
    """Return the words of a list that is written as a sentence."""
    return frozenset(text.split())


DIGITS: Final = {
    word: str(number)
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    )
}
TEENS: Final = {
    word: str(number)
    for number, word in enumerate(
        [
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ],
        start=10,
    )
}
TENS: Final = {
    word: number
    for number, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
    )
} | {"fourty": 4}
DECADES: Final = {f"{word[:-1]}ies": word for word in TENS}
SCALES: Final = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

_SMALL_ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
]
ORDINALS: Final = {word: number for number, word in enumerate(_SMALL_ORDINALS, start=1)} | {
    f"{word[:-1]}ieth": 10 * ten for word, ten in TENS.items()
}
"""Ordinals of one word; "twenty first" is put together by the rule."""
FRACTIONS: Final = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4} | {
    f"{word}{end}": number
    for number, word in enumerate(_SMALL_ORDINALS[:10], start=1)
    for end in ("", "s")
    if number > 2
}
"""What one part of a whole is called, and how many make the whole."""

_MONTH_NAMES = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
MONTHS: Final = (
    {name: name for name in _MONTH_NAMES}
    | {name[:3]: name for name in _MONTH_NAMES if name not in ("march", "may")}
    | {"mar": "march", "sept": "september"}
)
RELATIVE_DAYS: Final = words_of(
    "monday tuesday wednesday thursday friday saturday sunday today tomorrow yesterday tonight"
)
HALVES: Final = {"half": 30, "quarter": 15}

CURRENCY_SIGNS: Final = {"$": "USD", "£": "GBP", "€": "EUR", "¥": "JPY", "₹": "INR"}
MAJOR_UNITS: Final = {
    "dollar": "USD",
    "dollars": "USD",
    "bucks": "USD",
    "usd": "USD",
    "pound": "GBP",
    "pounds": "GBP",
    "quid": "GBP",
    "gbp": "GBP",
    "euro": "EUR",
    "euros": "EUR",
    "eur": "EUR",
    "yen": "JPY",
    "jpy": "JPY",
    "inr": "INR",
    "rupee": "INR",
    "rupees": "INR",
}
CURRENCY_CODES: Final = words_of("usd gbp eur jpy inr")
"""The units that may stand before an amount."""
MINOR_UNITS: Final = {"cent": "USD", "cents": "USD", "penny": "GBP", "pence": "GBP"}
"""Cents are dollars' when they stand alone, and the other currency's when they follow it."""

NEGATIONS: Final = {
    word: word
    for word in (
        ["no", "not", "never", "none", "nothing", "nobody", "nowhere", "neither", "nor", "without"]
    )
} | {"cannot": "not", "cant": "not", "dont": "not", "wont": "not", "aint": "not"}

_OPENERS = "\"'([{<\u201c\u2018\u00ab\u00bf\u00a1"
_CLOSERS = ".,;:!?\"')]}>\u201d\u2019\u00bb\u2026"
_QUOTES = "\"')]}>\u201d\u2019\u00bb"
_SENTENCE_ENDS = re.compile(r"[.!?;:…]")
_ABBREVIATION = re.compile(r"(?:[a-z]\.)+[a-z]?")
_PLAIN_MARKS = dict.fromkeys(map(ord, "\u2010\u2011\u2013\u2212"), "-") | dict.fromkeys(
    map(ord, "\u2018\u2019`"), "'"
)
_FRACTION_SIGNS = {
    chr(code): unicodedata.normalize("NFKC", chr(code)).replace("\u2044", "/")
    for code in (*range(0xBC, 0xBF), *range(0x2150, 0x215F))
}
_FRACTION_SIGN = re.compile(f"(\\d?)([{''.join(_FRACTION_SIGNS)}])")
_GROUPS = re.compile(r"\d+(?:-\d+)+")
_LONGEST_WORD: Final = 200
_SPELLED_OUT = re.compile(r"[a-z]+(?:-[a-z]+)+")


class Token(NamedTuple):
    """A word or a part of one, as the rules read it.

    ``text`` is in lower case without the punctuation around it, ``raw`` the same in its own case;
    ``word`` is the index of the written word. ``comma`` and ``stop`` say what follows it: anything
    that parts two numbers, and the end of a sentence; ``dot`` says that it is a full stop.
    """

    text: str
    raw: str
    word: int
    comma: bool = False
    stop: bool = False
    dot: bool = False


class Tokens(list[Token]):
    """The tokens of a text, with what was read from each place already.

    Several rules ask the same of a place; an endless text of numbers would be read many times over.
    """

    def __init__(self, tokens: Iterable[Token] = ()) -> None:
        super().__init__(tokens)
        self.numbers: dict[int, Number | None] = {}
        self.atoms: dict[int, Atom | None] = {}
        self.letters_until = 0  # the end of the run of single letters that was seen last
        self.digits_until = 0  # the same of digits and numbers


def clean_word(word: str) -> str:
    """Return a written word without the punctuation around it, with plain digits and dashes."""
    if word.isascii():
        plain = word.replace("`", "'")
    else:
        plain = unicodedata.normalize("NFKC", _FRACTION_SIGN.sub(_plain_fraction, word))
        plain = plain.translate(_PLAIN_MARKS)
        if not plain.isascii():
            plain = "".join(_plain_digit(char) for char in plain)
    return plain.lstrip(_OPENERS).rstrip(_CLOSERS)


def tokens_of(words: list[str]) -> Tokens:
    """Cut the words of a text into tokens; a word of punctuation alone gives none."""
    tokens = Tokens()
    known: dict[str, list[Token]] = {}
    for index, word in enumerate(words):
        read = known.get(word)
        if read is None:
            read = known[word] = _read(word)
        tokens += [
            Token(text, raw, index, comma, stop, dot) for text, raw, _, comma, stop, dot in read
        ]
    return tokens


def _read(word: str) -> list[Token]:
    """Return the tokens of one word, without its place."""
    raw = clean_word(word)
    if raw[:1] == "#" and raw[1:].isdigit():
        raw = raw[1:]
    text = raw.casefold()
    if not text:
        return []
    tail = word.rstrip(_QUOTES)[-1:]
    stop = bool(_SENTENCE_ENDS.fullmatch(tail))
    if _ABBREVIATION.fullmatch(text):
        text, stop = text.replace(".", ""), False
    comma = stop or tail == ","
    parts = _parts(text)
    last = parts.pop()
    parted = text[0].isdigit()  # "10-20" is two numbers
    return [
        *(Token(part, part, 0, parted) for part in parts),
        Token(last, last if parts else raw, 0, comma, stop, tail == "."),
    ]


def _parts(text: str) -> list[str]:
    """Return the parts of "twenty-five", "10-20" and "this - that"; a phone number stays whole.

    So does a word without end, which nobody says.
    """
    if len(text) > _LONGEST_WORD:
        return [text]
    if "\u2014" in text.strip("\u2014"):
        return [part for part in text.split("\u2014") if part] or [text]
    if "-" not in text:
        return [text]
    if _SPELLED_OUT.fullmatch(text):
        return text.split("-")
    if _GROUPS.fullmatch(text):
        groups = text.split("-")
        digits = sum(map(len, groups))
        singles = len(groups) > 2 and digits == len(groups)
        is_date = len(groups) == 3 and len(groups[0]) == 4 and digits <= 8
        if digits < 7 and not singles and not is_date:
            return groups
    return [text]


def _plain_digit(char: str) -> str:
    value = unicodedata.decimal(char, None)
    return char if value is None else str(value)


def _plain_fraction(found: re.Match[str]) -> str:
    """Write "3½" as "3-1/2", which "31/2" is not."""
    return f"{found[1]}{'-' if found[1] else ''}{_FRACTION_SIGNS[found[2]]}"
