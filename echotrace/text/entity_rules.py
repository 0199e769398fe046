"""The rules that find one kind of entity each, at a given token of an English text.

A rule returns the compared value and the end of what it found, or None. Spoken and written forms
have one value, so that "twenty five dollars and ten cents" is "$25.10" and "half past three" is
"3:30". A time with neither a.m. nor p.m. nor an hour above 12 stays as it is: "3:30" is not
"15:30". A date in figures with slashes is read month first, unless that is no month.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeGuard

from echotrace.text.entity_numbers import digit_run, number_at, ordinal_at
from echotrace.text.entity_words import (
    CURRENCY_CODES,
    CURRENCY_SIGNS,
    DECADES,
    DIGITS,
    HALVES,
    MAJOR_UNITS,
    MINOR_UNITS,
    MONTHS,
    NEGATIONS,
    ORDINALS,
    RELATIVE_DAYS,
    SCALES,
    TEENS,
    TENS,
    Token,
    Tokens,
    words_of,
)

if TYPE_CHECKING:
    from echotrace.text.entity_numbers import Number

__all__ = ["ambiguous", "date", "may_begin", "money", "negation", "time"]

Found = tuple[str, int]
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_FIGURES = re.compile(r"(\d{1,2})([/.])(\d{1,2})(?:\2(\d{4}|\d{2}))?")
_CLOCK = re.compile(r"(\d{1,2})[:.h](\d{2})(?::\d{2})?(am|pm|a\.m|p\.m)?")
_HOUR = re.compile(r"(\d{1,2})(am|pm|a\.m|p\.m)")
_FRACTION = re.compile(r"1/[23458]|2/[35]|3/[458]|4/5|[57]/8")
_SIGNED = re.compile(r"(?:us(?=\$))?([$£€¥₹])([\d,]*\.?\d+)(k|m|bn|b)?")
_SIGN_LAST = re.compile(r"([\d,]*\.?\d+)([$£€¥₹])")
_CENTS = re.compile(r"(\d{1,2})¢")
_SUFFIXES: Final = {"k": 3, "m": 6, "b": 9, "bn": 9}
_BIG: Final = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_BEFORE_DATE: Final = words_of("on dated date born due since until by till")
_BEFORE_FIGURE: Final = words_of("order room gate flight case ticket bus table line number ref")
_COUNTED: Final = words_of(
    "people men women children percent per minute second hour day week month year mile am pm "
    "a.m p.m thousand million billion dollar euro pound"
)
_NO_PLURALS: Final = words_of("is was as this us yes thanks plus less its has does unless towards")
_BEFORE_TIME: Final = words_of("at by until till around about before after from")
_LONGEST_TOKEN: Final = 80
_LONGEST: Final = 25  # digits of an amount; Decimal keeps 28
_BEGINNERS: Final = words_of(
    "hundred oh double triple minus negative the noon midnight can point"
).union(
    CURRENCY_CODES,
    DIGITS,
    TEENS,
    TENS,
    DECADES,
    SCALES,
    ORDINALS,
    MONTHS,
    NEGATIONS,
    HALVES,
    RELATIVE_DAYS,
)


def may_begin(token: Token) -> bool:
    """Whether any rule but that for addresses can begin with this token: most words need none."""
    text = token.text
    if len(text) > _LONGEST_TOKEN:
        return False
    is_code = len(text) <= 4 and token.raw.isupper()
    return len(text) == 1 or text in _BEGINNERS or is_code or not text.isalpha()


def ambiguous(text: str) -> str | None:
    """Return the date that a written fraction may be as well, "1/2", so that both are compared."""
    return _figures(text) if _FRACTION.fullmatch(text) else None


def date(tokens: Tokens, begin: int) -> Found | None:
    """Return a date as "march 3 2024", "march 3", "march 2024" or the word for a day.

    "24/7" is none, and a fraction such as "1/2" only after a word such as "on".
    """
    text = tokens[begin].text
    if (text == "24/7" or _FRACTION.fullmatch(text)) and not (
        begin and tokens[begin - 1].text in _BEFORE_DATE
    ):
        return None
    if text in RELATIVE_DAYS:
        return text, begin + 1
    if text[0].isdigit() and (written := _figures(text)) is not None:
        return written, begin + 1
    if text in MONTHS:
        return _month_first(tokens, begin)
    day = _day(tokens, begin + (text == "the"))
    if day is None:
        return None
    number, end = day
    end += end < len(tokens) and tokens[end].text == "of"
    if end >= len(tokens) or tokens[end].text not in MONTHS:
        return None
    return _with_year(tokens, f"{MONTHS[tokens[end].text]} {number}", end + 1)


def _month_first(tokens: Tokens, begin: int) -> Found | None:
    month = MONTHS[tokens[begin].text]
    if begin + 1 >= len(tokens) or (tokens[begin].stop and not tokens[begin].raw.istitle()):
        return (month, begin + 1) if _is_clear(tokens[begin]) else None
    year = _year(tokens, begin + 1)
    if year is not None:
        return f"{month} {year[0]}", year[1]
    day = _day(tokens, begin + 1 + (tokens[begin + 1].text == "the"))
    if day is not None:
        return _with_year(tokens, f"{month} {day[0]}", day[1])
    return (month, begin + 1) if _is_clear(tokens[begin]) else None


def _is_clear(token: Token) -> bool:
    """Return whether a month alone can be nothing else; "march", "may" and "mar" can."""
    return len(token.text) > 4 and token.text != "march"


def _day(tokens: Tokens, begin: int) -> tuple[int, int] | None:
    if begin >= len(tokens):
        return None
    found = ordinal_at(tokens, begin)
    if found is None and (run := digit_run(tokens, begin)) and len(run[0]) <= 2:
        found = (int(run[0]), run[1])
    return found if found is not None and 1 <= found[0] <= 31 else None


def _with_year(tokens: Tokens, day: str, end: int) -> Found:
    if end < len(tokens) and not tokens[end - 1].stop:
        year = _year(tokens, end)
        if year is not None:
            return f"{day} {year[0]}", year[1]
    return day, end


def _year(tokens: Tokens, begin: int) -> Found | None:
    begin += tokens[begin].text == "of" and begin + 1 < len(tokens)
    number = number_at(tokens, begin)
    if number is None or not re.fullmatch(r"1[5-9]\d\d|2[01]\d\d", number.value):
        return None
    return number.value, number.end


def _figures(text: str) -> str | None:
    if iso := _ISO_DATE.fullmatch(text):
        year, month, day = iso[1], int(iso[2]), int(iso[3])
    elif (written := _FIGURES.fullmatch(text)) and (written[2] == "/" or written[4]):
        month, day = int(written[1]), int(written[3])
        if month > 12 or written[2] == ".":
            month, day = day, month
        year = written[4] or ""
        year = f"20{year}" if len(year) == 2 else year
    else:
        return None
    names = list(dict.fromkeys(MONTHS.values()))
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return f"{names[month - 1]} {day} {year}".rstrip()


def time(tokens: Tokens, begin: int) -> Found | None:
    """Return a time of day as "3:30", "3:30 pm" or, from 13:00 on, as p.m."""
    text = tokens[begin].text
    if text == "noon":
        return "12:00 pm", begin + 1
    if text == "midnight":
        return "12:00 am", begin + 1
    if clock := _CLOCK.fullmatch(text):
        half, end = _half(tokens, begin + 1) if not clock[3] else (clock[3][0], begin + 1)
        if ":" in text or half or "h" in text:
            return _clock(int(clock[1]), int(clock[2]), half, end)
        return None
    if hour := _HOUR.fullmatch(text):
        return _clock(int(hour[1]), 0, hour[2][0], begin + 1)
    return _past_or_to(tokens, begin) or _spoken_clock(tokens, begin)


def _past_or_to(tokens: Tokens, begin: int) -> Found | None:
    start = begin + (tokens[begin].text == "a" and begin + 1 < len(tokens))
    text = tokens[start].text
    if text in HALVES:
        minutes, end = HALVES[text], start + 1
    elif start == begin and (run := digit_run(tokens, begin)) and int(run[0]) in range(5, 30, 5):
        minutes, end = int(run[0]), run[1]
    else:
        return None
    end += end < len(tokens) and tokens[end].text == "minutes"
    if end + 1 >= len(tokens) or tokens[end].text not in ("past", "to", "after", "before", "till"):
        return None
    before = tokens[end].text in ("to", "before", "till")
    if (before and minutes == 30) or (
        tokens[end].text in ("after", "before") and text != "quarter"
    ):
        return None
    run = digit_run(tokens, end + 1)
    if run is None or not 1 <= int(run[0]) <= 12 or len(run[0]) > 2:
        return None
    if before and text not in HALVES and tokens[end].text == "to" and not _says_time(tokens, begin):
        return None  # "ten to twelve people" is no time
    hour = int(run[0])
    if before:
        hour, minutes = (hour - 2) % 12 + 1, 60 - minutes
    half, after = _half(tokens, run[1])
    return _clock(hour, minutes, half, after)


def _spoken_clock(tokens: Tokens, begin: int) -> Found | None:
    run = digit_run(tokens, begin)
    if run is None or not 1 <= int(run[0]) <= 12 or tokens[begin].text.startswith("0"):
        return None
    hour, end = int(run[0]), run[1]
    minutes, after = _minutes(tokens, end)
    half, last = _half(tokens, after)
    oclock = last < len(tokens) and tokens[last].text in ("o'clock", "oclock")
    if oclock:
        half, last = _half(tokens, last + 1)
        return _clock(hour, minutes, half, last)
    if half or (after > end and _says_time(tokens, begin)):
        return _clock(hour, minutes, half, last)
    half, last = _half(tokens, end)
    return _clock(hour, 0, half, last) if half else None


def _says_time(tokens: Tokens, begin: int) -> bool:
    return begin > 0 and tokens[begin - 1].text in _BEFORE_TIME


def _minutes(tokens: Tokens, begin: int) -> tuple[int, int]:
    """Return the minutes that are spoken after an hour, and their end; 0 when there are none."""
    if begin >= len(tokens) or tokens[begin - 1].comma:
        return 0, begin
    if tokens[begin].text in ("oh", "o", "zero", "0") and begin + 1 < len(tokens):
        run = digit_run(tokens, begin + 1)
        return (int(run[0]), run[1]) if run and len(run[0]) == 1 else (0, begin)
    run = digit_run(tokens, begin)
    if run is None or len(run[0]) != 2 or not 10 <= int(run[0]) <= 59:
        return 0, begin
    following = digit_run(tokens, run[1]) if run[1] < len(tokens) else None
    return (0, begin) if following and not tokens[run[1] - 1].comma else (int(run[0]), run[1])


def _half(tokens: Tokens, begin: int) -> tuple[str, int]:
    """Return "a" or "p" for a.m. and p.m. after a time, and their end."""
    if begin < len(tokens) and tokens[begin].text in ("am", "pm", "a.m", "p.m"):
        return tokens[begin].text[0], begin + 1
    if (
        begin + 1 < len(tokens)
        and tokens[begin].text in ("a", "p")
        and tokens[begin + 1].text == "m"
    ):
        return tokens[begin].text, begin + 2
    return "", begin


def _clock(hour: int, minutes: int, half: str, end: int) -> Found | None:
    if hour > 24 or minutes > 59:
        return None
    if not half and (hour > 12 or hour == 0):
        half = "a" if hour in (0, 24) else "p"
    if not half:
        return f"{hour}:{minutes:02d}", end
    return f"{(hour - 1) % 12 + 1}:{minutes:02d} {half}m", end


def money(tokens: Tokens, begin: int) -> Found | None:
    """Return an amount as "USD 25.10"."""
    text = tokens[begin].text
    if text in CURRENCY_SIGNS and begin + 1 < len(tokens):
        amount_of = number_at(tokens, begin + 1)
        if not _is_amount(amount_of):
            return None
        return _with_cents(tokens, amount_of.amount, CURRENCY_SIGNS[text], amount_of.end)
    if text in CURRENCY_CODES and begin + 1 < len(tokens) and not tokens[begin].comma:
        amount_of = number_at(tokens, begin + 1)
        return (
            (_money(amount_of.amount, MAJOR_UNITS[text]), amount_of.end)
            if _is_amount(amount_of)
            else None
        )
    if len(text) > _LONGEST:
        return None
    if signed := _SIGNED.fullmatch(text):
        amount = _decimal(signed[2]).scaleb(_SUFFIXES.get(signed[3] or "", 0))
        end = begin + 1
        if end < len(tokens) and tokens[end].text in _BIG:
            amount, end = amount.scaleb(_BIG[tokens[end].text]), end + 1
        currency = CURRENCY_SIGNS[signed[1]]
        return _with_cents(tokens, amount, currency, end)
    if (cents := _CENTS.fullmatch(text)) is not None:
        return _money(_decimal(cents[1]) / 100, "USD"), begin + 1
    if last := _SIGN_LAST.fullmatch(text):
        return _money(_decimal(last[1]), CURRENCY_SIGNS[last[2]]), begin + 1
    if text == "a" and begin + 1 < len(tokens) and tokens[begin + 1].text in MAJOR_UNITS:
        return _with_cents(tokens, Decimal(1), MAJOR_UNITS[tokens[begin + 1].text], begin + 2)
    number = number_at(tokens, begin)
    if not _is_amount(number) or number.end >= len(tokens) or tokens[number.end - 1].stop:
        return None
    place = number.end + (tokens[number.end].text == "us" and number.end + 1 < len(tokens))
    unit = tokens[place].text
    if unit in MAJOR_UNITS:
        return _with_cents(tokens, number.amount, MAJOR_UNITS[unit], place + 1)
    if unit in MINOR_UNITS:
        return _money(number.amount / 100, MINOR_UNITS[unit]), place + 1
    return None


def _is_amount(number: Number | None) -> TypeGuard[Number]:
    return number is not None and len(number.value) < _LONGEST and "/" not in number.value


def _with_cents(tokens: Tokens, amount: Decimal, currency: str, end: int) -> Found:
    """Add "and ten cents", or "fifty" right after the unit, to an amount.

    Pence and cents are hundredths of any currency here.
    """
    place = end + (end < len(tokens) and tokens[end].text == "and")
    cents = number_at(tokens, place) if place < len(tokens) and not tokens[end - 1].stop else None
    if (
        cents is not None
        and cents.end < len(tokens)
        and tokens[cents.end].text in MINOR_UNITS
        and len(cents.value) <= 2
        and amount == amount.to_integral()
    ):
        return _money(amount + cents.amount / 100, currency), cents.end + 1
    if cents is not None and place == end and _are_bare_cents(tokens, end, cents, amount):
        return _money(amount + cents.amount / 100, currency), cents.end
    return _money(amount, currency), end


def _are_bare_cents(tokens: Tokens, begin: int, cents: Number, amount: Decimal) -> bool:
    """Whether "a dollar fifty" is meant, and not "five dollars twenty minutes ago"."""
    unit = tokens[begin - 1]
    if unit.comma or unit.text not in MAJOR_UNITS or not tokens[begin].text.isalpha():
        return False
    if not re.fullmatch(r"[1-9]\d", cents.value) or amount != amount.to_integral():
        return False
    if cents.end == len(tokens) or tokens[cents.end - 1].comma:
        return True
    after = tokens[cents.end].text
    is_plural = after.endswith("s") and after not in _NO_PLURALS
    return not is_plural and after not in _COUNTED and after not in MAJOR_UNITS


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", "") or "0")


def _money(amount: Decimal, currency: str) -> str:
    if amount * 100 == (amount * 100).to_integral():
        return f"{currency} {amount:.2f}"
    return f"{currency} {amount.normalize():f}"


def negation(tokens: Tokens, begin: int) -> Found | None:
    """Return "not" for every form of it, and the other words that deny as they are."""
    text = tokens[begin].text
    end = begin + 1
    if text.endswith("n't"):
        return "not", end
    if text == "can" and end < len(tokens) and tokens[end].text == "not":
        return "not", end + 1
    if text == "no" and end < len(tokens) and tokens[end].text[0].isdigit():
        token, before = tokens[begin], tokens[begin - 1] if begin else None
        begins = before is None or before.stop
        if token.dot or (token.raw == "No" and not begins and not token.comma):
            return None  # "No. 5"
        if before is not None and before.text in _BEFORE_FIGURE and not token.comma:
            return None  # "room no 5"
    value = NEGATIONS.get(text)
    return None if value is None else (value, end)
