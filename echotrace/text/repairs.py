"""Our repairs of the published English rules: the same speech, written in two ways, compares equal.

Three kinds. ``BEFORE`` rules rewrite the lower-case text before the published rules see it, with
single spaces between its words. ``AFTER`` rules rewrite their tokens. ``BETWEEN`` rules look at
both sides of an alignment and write the transcript the reference's way where only the spaces
differ: the reference is never changed by what was heard, so its number of words is its own.

Every rule takes linear time. What is ambiguous stays as it is: "st" is a saint and a street,
"its" may be "it's". One limit of what is compared: numbers said one after the other are one row of
digits, so "pin one two" and "pin twelve", which are both written 12, are the same.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from echotrace.text.spoken import (
    KEEP,
    SLASH,
    clock_times,
    days,
    digit_pairs,
    fractions,
    one_dollar,
    plus_signs,
    plus_words,
    ranges,
    slashes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from echotrace.model.report import DiffOp

__all__ = [
    "AFTER",
    "AREA_CODES",
    "BEFORE",
    "BETWEEN",
    "Repair",
    "finish_numbers",
    "in_the_words_of",
    "without_marks",
]

_ONE: Final = "one"
"""What the published rules write for a 1 that stands alone."""
_BREAK: Final = "\ue001"
_UNIT_WORDS: Final = "one two three four five six seven eight nine"
_OTHER_WORDS: Final = (
    "zero ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen "
    "twenty thirty forty fifty sixty seventy eighty ninety double triple point"
)
_UNITS: Final = frozenset(_UNIT_WORDS.split())
_NUMBERS: Final = _UNITS | frozenset(_OTHER_WORDS.split())
_DIGITS: Final = _UNITS | {"zero", "oh", "o"}
_EDGES: Final = ".,;:!?\"'()-"
_WORD_DIGITS: Final = 4
"""Numbers up to here are one word: years, times, prices and most quantities."""
_MAX_PIECES: Final = 8
_MAX_JOINED: Final = 60
_REACH: Final = 12
_NEGATIONS: Final = frozenset({"no", "nor", "not"})
"""Words that no change of spaces may take or give: "not able" is not "notable"."""
_MAX_RUN: Final = 2_000
"""A longer run of errors is no matter of spaces: the texts are different ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One rule: the name that stands in reports, and what it does to a text or to its tokens."""

    name: str
    text: Callable[[str], str] | None = None
    tokens: Callable[[list[str]], list[str]] | None = None


def _sub(pattern: str, replacement: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)

    def apply(text: str) -> str:
        return compiled.sub(replacement, text)

    return apply


def _chain(*rules: Callable[[str], str]) -> Callable[[str], str]:
    def apply(text: str) -> str:
        for rule in rules:
            text = rule(text)
        return text

    return apply


_CONTRACTIONS: Final = (
    "don't doesn't didn't isn't aren't wasn't weren't wouldn't couldn't shouldn't haven't hasn't "
    "hadn't can't i'm i've you're they're that's what's there's you've we've they've you'll they'll"
)
_BARE: Final = {whole.replace("'", ""): whole for whole in _CONTRACTIONS.split()}


def _apostrophes_back(text: str) -> str:
    """Give "dont" its apostrophe; only words that are nothing else without it."""
    words = text.split(" ")
    for index, word in enumerate(words):
        bare = word.strip(_EDGES)
        if bare in _BARE:
            words[index] = word.replace(bare, _BARE[bare], 1)
    return " ".join(words)


_SITE: Final = re.compile(r"[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|info|io|co)(?:\.[a-z]{2})?")


def _addresses(text: str) -> str:
    """Write an e-mail address or a web site as it is said: at, dot, underscore."""
    words = text.split(" ")
    for index, word in enumerate(words):
        if "@" not in word and "." not in word:
            continue
        bare = word.strip(_EDGES)
        if "@" in bare:
            bare = bare.replace("_", " underscore ").replace("@", " at ")
        elif not _SITE.fullmatch(bare):
            continue
        words[index] = bare.replace(".", " dot ")
    return " ".join(words)


def _bare_words(text: str) -> tuple[list[str], list[str]]:
    words = text.split(" ")
    return words, [word.strip(_EDGES) for word in words]


def _interjections(text: str) -> str:
    """Keep an "oh" that stands beside no number from becoming 0."""
    words, bare = _bare_words(text)
    at = 0
    for is_oh, run in groupby(bare, lambda word: word in ("o", "oh")):
        end = at + sum(1 for _ in run)
        beside = [*bare[max(0, at - 1) : at], *bare[end : end + 1]]
        if is_oh and not any(map(_is_number, beside)):
            for index in range(at, end):
                words[index] = words[index].replace(bare[index], bare[index] + KEEP, 1)
        at = end
    return " ".join(words)


def _is_number(word: str) -> bool:
    return word in _NUMBERS or word[:1].isdecimal() or word[-1:].isdecimal()


def _hundreds(text: str) -> str:
    """Keep "eight hundred" in a row of digits from being added to or multiplied with the others.

    Else "one eight hundred five five" is 1805 5 and "oh nine hundred" loses its zero.
    """
    words, bare = _bare_words(text)
    kept: list[str] = []
    for index, word in enumerate(words):
        after = bare[index + 1 : index + 3]
        if bare[index] in _UNITS and after[:1] == ["hundred"] and index:
            kept += [_BREAK] if bare[index - 1] in _DIGITS else []
        kept.append(word)
        if bare[index] == "hundred" and len(after) == 2 and _DIGITS.issuperset(after):
            kept.append(_BREAK)
    return " ".join(kept)


def _spoken_cents(tokens: list[str]) -> list[str]:
    """Join the amounts of "four dollars fifty", which the published rules leave as "$4 50"."""
    kept: list[str] = []
    for index, token in enumerate(tokens):
        if (
            _CENTS.fullmatch(token)
            and kept
            and _AMOUNT.fullmatch(kept[-1])
            and not any(map(_is_number_word, tokens[index + 1 : index + 2]))
        ):
            kept[-1] += f".{token}"
        else:
            kept.append(token)
    return kept


_AMOUNT: Final = re.compile(r"[$\u00a3\u20ac]\d+", re.ASCII)
_CENTS: Final = re.compile(r"[1-9]\d", re.ASCII)


def _digit_strings(tokens: list[str]) -> list[str]:
    """Join neighbouring whole numbers and write a long one digit by digit.

    "1 2 3", "1-2-3" and "one two three" are "123". From 5 digits on, each digit is a word, so that
    one wrong digit of an account number is one error and not the loss of the whole; round
    thousands are quantities and stay whole.
    """
    kept: list[str] = []
    at = 0
    for is_run, run in groupby(tokens, _is_number_word):
        end = at + sum(1 for _ in run)
        group = tokens[at:end]
        at = end
        if not is_run or group == [_ONE]:
            kept += group
            continue
        digits = "".join("1" if word == _ONE else word for word in group)
        if len(digits) > _WORD_DIGITS and not digits.endswith("000"):
            kept += digits
        else:
            kept.append(digits)
    return kept


def _is_number_word(word: str) -> bool:
    return word == _ONE or _is_whole(word)


def _is_whole(token: str) -> bool:
    return token.isascii() and token.isdecimal()


def _leading_points(tokens: list[str]) -> list[str]:
    return [
        "0" + token if token[0] == "." and token[1:2].isdecimal() else token for token in tokens
    ]


def _zeros(text: str) -> str:
    return _LEADING_ZEROS.sub(lambda found: " zero" * len(found[0]) + " ", text)


_LEADING_ZEROS: Final = re.compile(r"(?<![\d.,$\u00a3\u20ac\u00a2])0+(?=\d)")

BEFORE: Final = (
    Repair(name="apostrophes", text=_sub("[\u2019\u2018\u02bc\u00b4`\u2032\uff07]", "'")),
    Repair(name="o'clock", text=_sub(r"\bo ?'? ?clock\b", "oclock")),
    Repair(name="o'names", text=_sub(r"\bo'(?=[a-z]{2})", "o")),
    Repair(name="bare-contractions", text=_apostrophes_back),
    Repair(name="cannot", text=_sub(r"\bcannot\b", "can not")),
    Repair(name="okay", text=_sub(r"\b(?:ok|o\.k\.?)(?!\w)", "okay")),
    Repair(name="alright", text=_sub(r"\balright\b", "all right")),
    Repair(
        name="compounds", text=_chain(_sub(r"\be[- ]mail", "email"), _sub(r"\bwi[- ]fi\b", "wifi"))
    ),
    Repair(name="ampersand", text=_sub(r"&(?:amp;)?", " and ")),
    Repair(name="addresses", text=_addresses),
    Repair(name="am-pm", text=_sub(r"\b([ap])\.m\b\.?", r"\1m")),
    Repair(name="decades", text=_sub(r"(?<=\d)'s\b", "s")),
    Repair(
        name="halves",
        text=_chain(
            _sub(r"(?<=\d) ?\u00bd", ".5"),
            _sub("\u00bd", " one half "),
            _sub(r"(?<![\d.,/])(\d+) 1/2(?![\d/])", r"\1.5"),
            _sub(r"(?<![\d/])1/2(?![\d/])", "one half"),
            _sub(r"(?<![\d.,/])(\d+) and a half\b", r"\1.5"),
        ),
    ),
    Repair(
        name="a-hundred",
        text=_sub(r"(?<!half )\ba (?=(?:hundred|thousand|million|billion)\b)", "one "),
    ),
    Repair(name="digit-pairs", text=digit_pairs),
    Repair(name="ranges", text=ranges),
    Repair(name="fractions", text=fractions),
    Repair(name="slashes", text=slashes),
    Repair(name="clock-times", text=clock_times),
    Repair(name="days", text=days),
    Repair(name="a-dollar", text=one_dollar),
    Repair(name="cent-signs", text=_sub(r"(?<=\d) ?\u00a2", " cents")),
    Repair(name="plus-signs", text=plus_signs, tokens=plus_words),
    Repair(name="full-hours", text=_sub(r"\b(\d{1,2}):00\b(?!:)", r"\1")),
    Repair(name="minus", text=_sub(r"(?<!\S)(?<!\d )[-\u2212](?=\d)", "minus ")),
    Repair(name="leading-zeros", text=_zeros),
    Repair(name="hundred-digits", text=_hundreds),
    Repair(name="oh", text=_interjections),
)
"""Rules on the text, in the order in which they are applied."""

AFTER: Final = (
    Repair(name="leading-points", tokens=_leading_points),
    Repair(name="spoken-cents", tokens=_spoken_cents),
    Repair(name="digit-strings", tokens=_digit_strings),
)
"""Rules on the tokens that the published rules leave, in order."""

AREA_CODES: Final = "area-codes"
"""Digits in round brackets are said: they stay, where the published rules drop any brackets."""

BETWEEN: Final = ("word-boundaries", "digit-grouping")
"""Rules of :func:`in_the_words_of`."""

_CENTS_AFTER: Final = re.compile(r"([$\u00a3\u20ac])(\d+) (?:and )?\u00a2(\d{1,2})(?!\S)", re.ASCII)
_ONLY_CENTS: Final = re.compile(r"[$\u00a3\u20ac]0\.(\d{1,2})(?!\S)", re.ASCII)
_LONE_ONE: Final = re.compile(r"(?<!\S)1(s?)(?!\S)")


def finish_numbers(text: str) -> str:
    """Join units and cents, and write a 1 that stands alone as the word.

    It stands in for the published step of this name, which writes any 1 between symbols so and
    thereby turns "1%" and "$1" into "one" and "3.1" into "3 one".
    """
    text = _CENTS_AFTER.sub(lambda found: f"{found[1]}{found[2]}.{int(found[3]):02d}", text)
    text = _ONLY_CENTS.sub(lambda found: f"\u00a2{int(found[1])}", text)
    return _LONE_ONE.sub(r"one\1", text)


def without_marks(tokens: Iterable[str]) -> list[str]:
    """Take out what the rules before put in to keep words from the published ones."""
    return [token.replace(KEEP, "").replace(SLASH, "/") for token in tokens]


def in_the_words_of(diff: Sequence[DiffOp]) -> list[str] | None:
    """Return the transcript's tokens, split and joined as in the reference; None for no change.

    Only inside runs of errors, and only where that leaves fewer of them: "everyday" for "every
    day", or digits in another grouping. So no pair of texts fares worse than without it.
    """
    tokens: list[str] = []
    changed = False
    for is_equal, group in groupby(diff, lambda op: op.op == "equal"):
        ops = list(group)
        actual = [word for op in ops for word in op.actual]
        gold = [word for op in ops for word in op.gold]
        if not is_equal and gold and 2 < len(gold) + len(actual) <= _MAX_RUN:
            better = _regrouped(gold, actual)
            changed = changed or better != actual
            actual = better
        tokens += actual
    return tokens if changed else None


def _regrouped(gold: list[str], actual: list[str]) -> list[str]:
    from rapidfuzz.distance import Levenshtein

    best = actual
    edits = None
    for way in (_joined_alike, _digits_alike):
        for candidate in way(gold, best):
            if candidate == best:
                continue
            if edits is None:
                edits = Levenshtein.distance(gold, best)
            fewer = Levenshtein.distance(gold, candidate)
            if fewer < edits:
                best, edits = candidate, fewer
    return best


def _joined_alike(gold: list[str], actual: list[str]) -> Iterable[list[str]]:
    """Rewrite stretches of the transcript that equal a stretch of the reference but for spaces."""
    places: dict[str, list[tuple[int, int]]] = {}
    for start in range(len(gold)):
        for end, joined in _stretches(gold, start):
            places.setdefault(joined, []).append((start, end))
    found: list[str] = []
    at = pointer = last = 0
    while at < len(actual):
        for end, joined in _stretches(actual, at):
            starts = places.get(joined, ())
            first = bisect_left(starts, (pointer, 0))
            if first == len(starts):
                continue
            begin, stop = starts[first]
            if stop - begin == end - at == 1 or begin - pointer > at - last + _REACH:
                continue
            found += gold[begin:stop]
            at = last = end
            pointer = stop
            break
        else:
            found.append(actual[at])
            at += 1
    yield found


def _stretches(words: list[str], start: int) -> Iterable[tuple[int, str]]:
    """Yield the ends and the letters of the words joined from one on; a negation joins none."""
    joined = ""
    for end in range(start + 1, min(len(words), start + _MAX_PIECES) + 1):
        joined += words[end - 1]
        if len(joined) > _MAX_JOINED:
            return
        is_alone = end == start + 1
        if words[end - 1] in _NEGATIONS and not is_alone:
            return
        yield end, joined
        if is_alone and joined in _NEGATIONS:
            return


def _digits_alike(gold: list[str], actual: list[str]) -> Iterable[list[str]]:
    """Offer the transcript's digits one by one, and joined, where the reference has digits too."""
    if not any(map(_is_whole, gold)):
        return
    runs = [(is_run, list(group)) for is_run, group in groupby(actual, _is_number_word)]
    for split in (True, False):
        found: list[str] = []
        for is_run, group in runs:
            digits = "".join("1" if word == _ONE else word for word in group)
            found += group if not is_run else digits if split else [digits]
        yield found
