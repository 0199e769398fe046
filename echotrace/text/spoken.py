"""Figures as they are said: clock times, days, fractions, ranges and prices, for the English rules.

Every function takes a lower-case text with single spaces between its words, in linear time. What a
figure means is told by its shape: "10-15" is a range and "555-1212" a telephone number, "2/3" is a
fraction and "12/25/2024" a row of digits. Two shapes mislead: a date "3/4" reads as a fraction, and
a score "3-1" as a range.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "KEEP",
    "SLASH",
    "clock_times",
    "days",
    "digit_pairs",
    "fractions",
    "one_dollar",
    "plus_signs",
    "plus_words",
    "ranges",
    "slashes",
]

KEEP: Final = "\ue000"
"""After a word: the published rules, and those that join numbers, leave it as it is."""
SLASH: Final = "\ue002"
"""Stands for a slash, which the published rules would make a space."""

_ONES: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS: Final = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NUMBER_WORDS: Final = frozenset(
    (*_ONES, *_TEENS, *_TENS, "zero", "oh", "hundred", "thousand", "double", "triple", "point")
)
_EDGES: Final = ".,;:!?\"'()-"
_NEIGHBOUR: Final = 12
"""Characters looked at for the word before or after; longer words are no numbers."""


def _is_beside_number(found: re.Match[str]) -> bool:
    text = found.string
    before = text[max(0, found.start() - _NEIGHBOUR) : found.start()].split(" ")[-2:-1]
    after = text[found.end() : found.end() + _NEIGHBOUR].split(" ")[1:2]
    beside = [word.strip(_EDGES) for word in (*before, *after)]
    return any(word in _NUMBER_WORDS or word[:1].isdecimal() for word in beside)


_HOURS: Final = {word: hour for hour, word in enumerate((*_ONES, *_TEENS[:3]), 1)}
_MINUTES: Final = {"five": 5, "ten": 10, "twenty": 20, "twenty five": 25, "twenty-five": 25}
_HOUR: Final = rf"(?P<hour>{'|'.join(_HOURS)}|1[0-2]|0?[1-9])\b(?![:.,]?\d)"
_NO_AMOUNT: Final = (
    r"(?! (?:per|percent|dollars?|cents?|hundred|thousand|million|billion|point|and a half)\b)"
)
_CLOCK: Final = re.compile(
    r"\b(?:half past |(?P<quarter>(?:a |(?<!the ))quarter (?:past|(?P<to>to)) )"
    rf"|(?<!-)(?P<minute>{'|'.join(sorted(_MINUTES, reverse=True))}|5|10|20|25) past )"
    rf"{_HOUR}{_NO_AMOUNT}"
)
_FULL_HOUR: Final = re.compile(rf"\b{_HOUR} oclock\b")


def clock_times(text: str) -> str:
    """Write "half past three" as 3:30, "quarter to five" as 4:45, "three oclock" as three."""
    return _FULL_HOUR.sub(r"\g<hour>", _CLOCK.sub(_as_clock, text))


def _as_clock(found: re.Match[str]) -> str:
    said = found["hour"]
    hour = _HOURS.get(said) or int(said)
    if found["to"]:
        return f"{(hour - 2) % 12 + 1}:45"
    if found["quarter"]:
        return f"{hour}:15"
    if minute := found["minute"]:
        return f"{hour}:{_MINUTES.get(minute) or int(minute):02d}"
    return f"{hour}:30"


_MONTH: Final = (
    "(?:january|february|march|april|may|june|july|august|september|october|november|december)"
)
_FIRSTS: Final = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"),
    *("tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth"),
    *("seventeenth", "eighteenth", "nineteenth"),
)
_DAYS: Final = {
    **{word: day for day, word in enumerate(_FIRSTS, 1)},
    **{f"twenty {word}": 20 + day for day, word in enumerate(_FIRSTS[:9], 1)},
    "twentieth": 20,
    "thirtieth": 30,
    "thirty first": 31,
}
_SAID_DAY: Final = (
    f"(?:{'|'.join(sorted(_DAYS, reverse=True)).replace(' ', '[ -]')})"
    r"|(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)"
)
_MONTH_DAY: Final = re.compile(
    rf"\b(?P<month>{_MONTH},? (?:the )?)(?P<day>{_SAID_DAY}"
    r"|(?:3[01]|[12]\d|0?[1-9])(?=,? (?:19|20)\d\d\b))(?![\w-])"
)
_DAY_MONTH: Final = re.compile(rf"(?<![\w.,:/-])(?P<day>{_SAID_DAY})(?= of {_MONTH}\b)")


def days(text: str) -> str:
    """Write the day beside a month's name as a number: "march third" is "march 3"."""
    text = _MONTH_DAY.sub(lambda found: found["month"] + _day(found["day"]), text)
    return _DAY_MONTH.sub(lambda found: _day(found["day"]), text)


def _day(said: str) -> str:
    day = _DAYS.get(said.replace("-", " ")) or int(said.rstrip("stndrh"))
    return ("one" if day == 1 else str(day)) + KEEP


_VULGAR: Final = {
    "\u00bc": "1/4", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3", "\u2155": "1/5",
    "\u2156": "2/5", "\u2157": "3/5", "\u2158": "4/5", "\u2159": "1/6", "\u215a": "5/6",
    "\u215b": "1/8", "\u215c": "3/8", "\u215d": "5/8", "\u215e": "7/8",
}  # fmt: skip
_VULGARS: Final = re.compile(f" ?([{''.join(_VULGAR)}])")
_PARTS: Final = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 6: "sixth", 8: "eighth"}
_PART_WORDS: Final = "third|quarter|fifth|sixth|seventh|eighth|ninth|tenth"
_WRITTEN: Final = re.compile(
    r"(?<![\w.,:/$\u00a3\u20ac+-])(?:(?P<whole>\d{1,3}) )?(?P<top>[1-7])/(?P<bottom>[2-68])"
    r"(?![\d/]|[.,:-]\d)"
)
_ONE_PART: Final = re.compile(rf"(?<!ty )(?<!ty-)\b(?:one|1)[ -]({_PART_WORDS})\b(?!-)")
_ONE_FOURTH: Final = re.compile(r"\b(?:one|1)[ -]fourth\b(?! of july)")
_FOURTHS: Final = re.compile(r"\bfourths\b")


def fractions(text: str) -> str:
    """Write 2/3 as "2 thirds", and keep the third of "one third" from being an ordinal number."""
    text = _VULGARS.sub(lambda found: f" {_VULGAR[found[1]]} ", text)
    text = _FOURTHS.sub("quarters", _ONE_FOURTH.sub("one quarter", text))
    text = _WRITTEN.sub(_as_parts, text)
    return _ONE_PART.sub(rf"one \1{KEEP}", text)


def _as_parts(found: re.Match[str]) -> str:
    top, bottom = int(found["top"]), int(found["bottom"])
    if top >= bottom:
        return found[0]
    part = _PARTS[bottom]
    said = f"one {part}" if top == 1 else f"{top} {part}s"
    return f"{found['whole']} and {said}" if found["whole"] else said


_PAIRS: Final = re.compile(
    r"(?<![\w.,:/$\u00a3\u20ac+-])(?:(?P<day>24/7|24-7|(?:24|twenty[ -]four)[ /-]seven)"
    r"|50[/-]50|fifty[ /-]fifty)(?![\w/]|[.,:-]\d)"
)


def digit_pairs(text: str) -> str:
    """Write "24/7" and "50/50" alike however said; beside other numbers they are digits."""

    def apply(found: re.Match[str]) -> str:
        if _is_beside_number(found):
            return found[0]
        return f"24{SLASH}7" if found["day"] else f"50{SLASH}50"

    return _PAIRS.sub(apply, text)


_SLASHES: Final = re.compile(r"(?<![\w.,:/-])(\d+)/(?=\d)(?!\d+[/-]\d)(?!\d+\.\d)")


def slashes(text: str) -> str:
    """Keep the slash between two numbers, so that 9/11 is not 911; a date has three numbers."""
    return _SLASHES.sub(rf"\1{SLASH}", text)


_DASH: Final = "[\u2010-\u2014-]"
_NUMBER: Final = r"(?:\d{1,3}(?:,\d{3})+|\d{1,4}(?:[.:]\d{1,2})?)"
_RANGE: Final = re.compile(
    rf"(?<![\w.,:/+\u2010-\u2014-])(?<!\d )(?P<first>{_NUMBER}) ?{_DASH} ?"
    rf"(?P<sign>[$\u00a3\u20ac]?)(?P<last>{_NUMBER})(?!\d|[.,:/]\d| ?{_DASH} ?\d)"
)
_YEARS: Final = range(1500, 2100)


def ranges(text: str) -> str:
    """Write the dash of "10-15" as "to"; the groups of a telephone number keep it."""
    return _RANGE.sub(_as_range, text)


def _as_range(found: re.Match[str]) -> str:
    first, last = found["first"], found["last"]
    return f"{first} to {found['sign']}{last}" if _is_range(first, last) else found[0]


def _is_range(first: str, last: str) -> bool:
    if not (first.isdecimal() and last.isdecimal()):
        return True
    if len(first) <= 2 >= len(last):
        return not any(len(number) > 1 and number[0] == "0" for number in (first, last))
    low, high = int(first), int(last)
    if low >= high or first[0] == "0":
        return False
    if (len(first), len(last)) == (4, 4) and low in _YEARS and high in _YEARS:
        return True
    alike = (len(first), len(last)) in ((2, 3), (3, 3), (4, 4))
    return alike and low % 10 == 0 == high % 10


_A_DOLLAR: Final = re.compile(r"(?<!half )\ba(?= (?:dollar|euro)\b)")


def one_dollar(text: str) -> str:
    """Write "a dollar" as one dollar, but not in "five a dollar"."""
    return _A_DOLLAR.sub(lambda found: "a" if _follows_number(found) else "one", text)


def _follows_number(found: re.Match[str]) -> bool:
    before = found.string[max(0, found.start() - _NEIGHBOUR) : found.start()].split(" ")[-2:-1]
    return any(word.strip(_EDGES) in _NUMBER_WORDS or word[-1:].isdecimal() for word in before)


_PLUS: Final = re.compile(r" ?(?:(?<=\d) ?\+|(?<!\+)\+(?= ?\d)) ?")
_TELEPHONE_DIGITS: Final = 7
"""A plus before at least so many digits opens a telephone number, said or not."""


def plus_signs(text: str) -> str:
    """Write the sign + beside a number as the word, which the published rules would drop."""
    return _PLUS.sub(" plus ", text)


def plus_words(tokens: list[str]) -> list[str]:
    """Split "+3", as the published rules join it; before a telephone number the plus goes."""
    kept: list[str] = []
    for index, token in enumerate(tokens):
        if not (token[0] == "+" and token[1:2].isdecimal()):
            kept.append(token)
            continue
        number = token[1:]
        digits = len(number)
        for other in tokens[index + 1 : index + _TELEPHONE_DIGITS]:
            if not (other.isascii() and other.isdecimal()):
                break
            digits += len(other)
        if digits < _TELEPHONE_DIGITS:
            kept.append("plus")
        kept.append("one" if number == "1" else number)
    return kept
