"""What a written English word sounds like: the spoken words, and a rough guess of the phones.

It is for finding places in audio, where an alignment forgives a wrong vowel; not for synthesis.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["phones_of", "spoken_words"]

_ONES: Final = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
]  # fmt: skip
_TENS: Final = [
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
]  # fmt: skip
_ORDINALS: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_SIGNS: Final = {"&": "and", "%": "percent", "@": "at", "+": "plus", "=": "equals"}
_CURRENCIES: Final = {"$": "dollars", "\u20ac": "euros", "\u00a3": "pounds"}
_PARTS: Final = re.compile(
    r"(?P<currency>[$\u20ac\u00a3])?(?P<number>\d+(?:,\d{3})*)(?:\.(?P<decimals>\d+))?"
    r"(?P<ordinal>(?:st|nd|rd|th)(?![a-z]))?"
    r"|(?P<word>[a-z]+(?:'[a-z]+)*)"
    r"|(?P<dot>(?<=\w)\.(?=\w))"
    r"|(?P<sign>[&%@+=])"
)
_LONGEST_NUMBER: Final = 4
"""More digits than these, without commas, are an account or a telephone number, said one by one."""

_SOUNDS: Final = {
    "tion": "SH AH N", "sion": "ZH AH N", "ough": "AO", "augh": "AO", "eigh": "EY", "igh": "AY",
    "tch": "CH", "sch": "S K", "dge": "JH", "ch": "CH", "sh": "SH", "th": "TH", "ph": "F",
    "gh": "G", "ck": "K", "ng": "NG", "qu": "K W", "wh": "W", "wr": "R", "kn": "N", "ee": "IY",
    "ea": "IY", "oo": "UW", "ou": "AW", "ow": "OW", "oi": "OY", "oy": "OY", "ai": "EY",
    "ay": "EY", "au": "AO", "aw": "AO", "ie": "IY", "ei": "IY", "ey": "IY", "oa": "OW",
    "ue": "UW", "ew": "UW", "er": "ER", "ir": "ER", "ur": "ER", "ar": "AA R", "or": "AO R",
    "ce": "S EH", "ci": "S IH", "cy": "S IY", "a": "AE", "b": "B", "c": "K", "d": "D",
    "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH", "j": "JH", "k": "K", "l": "L",
    "m": "M", "n": "N", "o": "OW", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T",
    "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
_LETTERS: Final = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY",
    "h": "EY CH", "i": "AY", "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N",
    "o": "OW", "p": "P IY", "q": "K Y UW", "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW",
    "v": "V IY", "w": "D AH B AH L Y UW", "x": "EH K S", "y": "W AY", "z": "Z IY",
}  # fmt: skip
_VOWELS: Final = frozenset("aeiouy")


def spoken_words(written: str) -> tuple[str, ...]:
    """Return the words of a-z and apostrophes that a written word is said as.

    Numbers are spelt out: a year in two pairs, more than four digits without commas and digits
    after a leading zero one by one, money with its currency at the end. The result is empty for
    what has no sound (a dash) and for other scripts.
    """
    plain = unicodedata.normalize("NFKD", written.casefold().replace("\u2019", "'"))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    if any(char.isalnum() and not char.isascii() for char in plain):
        return ()
    found: list[str] = []
    for part in _PARTS.finditer(plain):
        if part["word"]:
            found.append(part["word"])
        elif part["number"]:
            found += _number(part["number"], part["decimals"], is_money=bool(part["currency"]))
            if part["ordinal"]:
                found[-1] = _ordinal(found[-1])
            if part["currency"]:
                found.append(_CURRENCIES[part["currency"]])
        else:
            found.append("dot" if part["dot"] else _SIGNS[part["sign"]])
    return tuple(found)


def phones_of(word: str) -> str:
    """Guess the ARPABET phones of a word of a-z, by its letters; of no vowel, letter by letter."""
    letters = word.replace("'", "")
    if not _VOWELS & set(letters):
        return " ".join(_LETTERS[letter] for letter in letters if letter in _LETTERS) or "AH"
    if len(letters) > 3 and letters[-1] == "e" and letters[-2] not in _VOWELS:
        letters = letters[:-1]  # a final e after a consonant is silent
    sounds: list[str] = []
    place = 0
    while place < len(letters):
        size = next(n for n in (4, 3, 2, 1, 0) if n == 0 or letters[place : place + n] in _SOUNDS)
        if size and letters[place : place + size] != letters[place - 1 : place]:
            sounds.append(_SOUNDS[letters[place : place + size]])
        place += size or 1
    return " ".join(sounds) or "AH"


def _number(digits: str, decimals: str | None, *, is_money: bool) -> list[str]:
    whole = digits.replace(",", "")
    one_by_one = len(whole) > 1 and whole[0] == "0"
    if one_by_one or (len(whole) > _LONGEST_NUMBER and "," not in digits) or len(whole) > 9:
        words = [_ONES[int(digit)] for digit in whole]
    elif len(whole) == 4 and "," not in digits and decimals is None and not is_money:
        words = _year(int(whole))
    else:
        words = _cardinal(int(whole))
    if decimals and is_money:
        words += _cardinal(int(decimals[:2]))
    elif decimals:
        words += ["point", *(_ONES[int(digit)] for digit in decimals)]
    return words


def _year(number: int) -> list[str]:
    first, last = divmod(number, 100)
    if first % 10 == 0 and last < 10:
        return _cardinal(number)
    if not last:
        return [*_cardinal(first), "hundred"]
    return [*_cardinal(first), *(["oh"] if last < 10 else []), *_cardinal(last)]


def _cardinal(number: int) -> list[str]:
    for size, name in ((1_000_000, "million"), (1_000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = number % size
            return [*_cardinal(number // size), name, *(_cardinal(rest) if rest else [])]
    if number < len(_ONES):
        return [_ONES[number]]
    tens, ones = divmod(number, 10)
    return [_TENS[tens], *([_ONES[ones]] if ones else [])]


def _ordinal(word: str) -> str:
    if word in _ORDINALS:
        return _ORDINALS[word]
    return f"{word[:-1]}ieth" if word.endswith("y") else f"{word}th"
