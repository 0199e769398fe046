"""The rules for what is spelled or read out: e-mail addresses, order and phone numbers, quantities.

As in ``entity_rules``, a rule returns the compared value and the end of what it found at a token,
or None. "A B one two" is AB12, "john dot smith at example dot com" is john.smith@example.com, and
the kind of a number is told by its length and by the words before it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from echotrace.text.entity_numbers import Number, digit_run, number_at, ordinal_at
from echotrace.text.entity_words import words_of

if TYPE_CHECKING:
    from echotrace.text.entity_words import Token, Tokens

__all__ = ["emails", "in_letters", "number", "order_number"]

Found = tuple[str, int]
_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_DOMAIN = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}")
_USER = re.compile(r"[a-z0-9][\w.+-]*")
_LABEL = re.compile(r"[a-z0-9]+")
_JOINERS: Final = {"dot": ".", "underscore": "_", "dash": "-", "hyphen": "-", "plus": "+"}
_NO_USERS: Final = words_of(
    "look is are it us me you here him her them website site page available found live "
    "online order shop store check and or find more up out one email mail address visit"
)
_MEASURE = re.compile(
    r"(\d[\d,]*(?:\.\d+)?)(?:k|m|b|bn|km|kg|g|mg|ml|l|cm|mm|mb|gb|tb|hz|khz|mhz|db|x|p|s|ms|h|min"
    r"|°?[cf]|v|w|kw)"
)
_PERCENT = re.compile(r"(-?\d[\d,]*(?:\.\d+)?)%")
_IDENTIFIER = re.compile(r"[a-z0-9]+(?:[-/_#][a-z0-9]+)*")
_ASKED_FOR: Final = words_of(
    "order reference ref confirmation booking ticket case invoice tracking account code "
    "id serial flight reservation policy pin member membership customer"
)
_TELEPHONE: Final = words_of("phone telephone mobile cell call dial number reach text fax")
_PRONOUN_BEFORE: Final = words_of(
    "no any every some each which that this the another other only last next good right wrong"
)
_PRONOUN_AFTER: Final = words_of("of another is was day thing who more")
_MOST_ID_TOKENS: Final = 40
_FIRST_PARTS: Final = 7  # an order number that was spelled has letters and digits by then
_LONGEST_EMAIL: Final = 255


def emails(tokens: Tokens, *, spelled: bool = True) -> dict[int, Found]:
    """Return every address by the index of its first token; "at" and "dot" may be spoken."""
    found: dict[int, Found] = {}
    free_from = 0
    for index, token in enumerate(tokens):
        if "@" in token.text and len(token.text) < _LONGEST_EMAIL and _EMAIL.fullmatch(token.text):
            found[index] = (token.text, index + 1)
            free_from = index + 1
        elif spelled and token.text in ("at", "@") and free_from < index < len(tokens) - 1:
            domain = _spoken_domain(tokens, index + 1)
            user = domain and _spoken_user(tokens, index - 1, free_from)
            if domain and user:
                name, begin = user
                host, end = domain
                found[begin] = (f"{name}@{host}", end)
                free_from = end
    return found


def _spoken_domain(tokens: Tokens, begin: int) -> Found | None:
    labels, end = _label(tokens, begin)
    while end + 1 < len(tokens) and tokens[end].text in ("dot", "dash", "hyphen", "."):
        more, after = _label(tokens, end + 1)
        if not more:
            break
        labels += ("." if tokens[end].text in ("dot", ".") else "-") + more
        end = after
    return (labels, end) if _DOMAIN.fullmatch(labels) else None


def _label(tokens: Tokens, begin: int) -> Found:
    """Return one part of a domain; letters that were spelled are put together."""
    if begin >= len(tokens):
        return "", begin
    text = tokens[begin].text
    if _DOMAIN.fullmatch(text):
        return text, begin + 1
    if not _LABEL.fullmatch(text):
        return "", begin
    end = begin + 1
    while len(text) == end - begin and end < len(tokens) and len(tokens[end].text) == 1:
        text += tokens[end].text
        end += 1
    return text, end


def _spoken_user(tokens: Tokens, last: int, free_from: int) -> tuple[str, int] | None:
    """Return the name before the "at" and where it begins, read from its end."""
    begin, parts, joined = last + 1, "", False
    while begin > free_from:
        part, first = _user_part(tokens, begin - 1, free_from)
        if not part:
            break
        parts, begin = part + parts, first
        joiner = tokens[begin - 1].text if begin - 1 > free_from else ""
        if joiner not in _JOINERS or tokens[begin - 1].stop:
            break
        parts, begin, joined = _JOINERS[joiner] + parts, begin - 1, True
    if not parts or parts[0] in "._-+" or (not joined and parts in _NO_USERS):
        return None
    return parts, begin


def _user_part(tokens: Tokens, last: int, free_from: int) -> tuple[str, int]:
    """Return one part of a name, with the digits after it: "smith four two" is smith42."""
    begin, digits = last, ""
    while begin >= free_from and (run := digit_run(tokens, begin)) and run[1] <= last + 1:
        digits, begin = run[0] + digits, begin - 1
    if digits:
        run = digit_run(tokens, begin + 1)
        digits, place = "", begin + 1
        while place <= last and (run := digit_run(tokens, place)):
            digits, place = digits + run[0], run[1]
    if begin < free_from:
        return digits, begin + 1
    text = tokens[begin].text
    if not _USER.fullmatch(text) or text in _JOINERS or tokens[begin].stop:
        return digits, begin + 1
    if digits and text in _NO_USERS:
        return digits, begin + 1
    if len(text) == 1:
        while begin > free_from and len(tokens[begin - 1].text) == 1:
            begin -= 1
            text = tokens[begin].text + text
    return text + digits, begin


def order_number(tokens: Tokens, begin: int) -> Found | None:
    """Return letters with digits among them, in capitals and without marks: "AB123"."""
    token = tokens[begin]
    if ordinal_at(tokens, begin) is not None:
        return None
    wanted = _follows(tokens, begin, _ASKED_FOR)
    if _IDENTIFIER.fullmatch(token.text) and (begin == 0 or "#" not in token.text):
        letters = sum(map(str.isalpha, token.text))
        digits = sum(map(str.isdigit, token.text))
        if (
            letters
            and digits >= 2
            and (letters <= 4 or wanted)
            and not _MEASURE.fullmatch(token.text)
        ):
            return re.sub(r"[^A-Z0-9]", "", token.text.upper()), begin + 1
    return _spelled_identifier(tokens, begin, wanted=wanted)


def _spelled_identifier(tokens: Tokens, begin: int, *, wanted: bool) -> Found | None:
    if begin + 2 * _FIRST_PARTS < tokens.digits_until:
        return None
    parts: list[tuple[str, int]] = []
    place = begin
    while place < len(tokens) and len(parts) < _MOST_ID_TOKENS:
        if parts and tokens[place - 1].stop:
            break
        part = _element(
            tokens, place, after_digit=bool(parts) and parts[-1][0][-1].isdigit(), wanted=wanted
        )
        if part is None:
            if not parts or tokens[place].text not in ("dash", "hyphen"):
                break
            place += 1
            continue
        parts.append(part)
        place = part[1]
        if len(parts) == _FIRST_PARTS and _is_of_one_kind(parts):
            tokens.digits_until = _digits_end(tokens, place)
            return None
    while parts and parts[-1][0] in ("A", "I"):
        parts.pop()
    value = "".join(part for part, _ in parts)
    letters, digits = sum(map(str.isalpha, value)), sum(map(str.isdigit, value))
    if digits < 2 or not letters or len(value) < 3:
        return None
    if parts[0][0] in ("A", "I") and letters < 2 and not wanted:
        return None
    return value, parts[-1][1]


def _digits_end(tokens: Tokens, place: int) -> int:
    """Return where the digits end that go on at a place; the end is kept, as that of letters."""
    while place < len(tokens) and not tokens[place - 1].stop and (run := digit_run(tokens, place)):
        place = run[1]
    return place


def in_letters(tokens: Tokens, begin: int) -> bool:
    """Whether so many single letters follow that no entity but an address begins here.

    The end of the run is kept: else each letter of an endless one would be tried anew.
    """
    if begin >= tokens.letters_until:
        end = begin
        while end < len(tokens) and _is_letter(tokens[end]):
            end += 1
            if tokens[end - 1].stop:
                break
        tokens.letters_until = end
    return tokens.letters_until - begin >= _FIRST_PARTS


def _is_letter(token: Token) -> bool:
    return len(token.text) == 1 and token.text.isalpha() and token.text.isascii()


def _is_of_one_kind(parts: list[Found]) -> bool:
    value = "".join(part for part, _ in parts)
    return value.isalpha() or value.isdigit()


def _element(tokens: Tokens, place: int, *, after_digit: bool, wanted: bool) -> Found | None:
    token = tokens[place]
    if token.text == "oh" or (token.text == "o" and after_digit):
        return "0", place + 1
    if _is_letter(token):
        return token.text.upper(), place + 1
    code = token.raw
    if wanted and len(code) <= 4 and code.isascii() and code.isalpha() and code.isupper():
        return code, place + 1
    return digit_run(tokens, place)


def number(tokens: Tokens, begin: int) -> tuple[str, str, int] | None:
    """Return type, value and end of a number: a phone's, an order's, or a quantity."""
    text = tokens[begin].text
    if found := _PERCENT.fullmatch(text):
        return "number", f"{found[1].replace(',', '')}%", begin + 1
    if found := _MEASURE.fullmatch(text):
        return "number", found[1].replace(",", ""), begin + 1
    if (always := _always(tokens, begin)) is not None:
        return "number", "24/7", always
    ordinal = ordinal_at(tokens, begin)
    if ordinal is not None and ordinal[0] > 2:
        value, end = ordinal
        return "number", _ordinal(value), end
    got = number_at(tokens, begin)
    if got is None or (got.value == "1" and _is_pronoun(tokens, begin, got.end)):
        return None
    if got.end < len(tokens) and tokens[got.end].text in ("percent", "%"):
        return "number", f"{got.value}%", got.end + 1
    if [token.text for token in tokens[got.end : got.end + 2]] == ["per", "cent"]:
        return "number", f"{got.value}%", got.end + 2
    return _kind(tokens, begin, got), got.value, got.end


def _always(tokens: Tokens, begin: int) -> int | None:
    """Return the end of "24/7" or "twenty four seven", which is neither a date nor two numbers."""
    text = tokens[begin].text
    if text == "24/7":
        return begin + 1
    if text not in ("24", "twenty") or (begin and digit_run(tokens, begin - 1)):
        return None
    hours = digit_run(tokens, begin)
    if hours is None or hours[0] != "24" or hours[1] >= len(tokens):
        return None
    last, following = tokens[hours[1] - 1], tokens[hours[1]]
    if following.text not in ("seven", "7") or (last.comma and last.word != following.word):
        return None
    days = number_at(tokens, hours[1])
    return days.end if days is not None and days.value == "7" else None


def _ordinal(value: int) -> str:
    last = (
        "th" if value % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    )
    return f"{value}{last}"


def _is_pronoun(tokens: Tokens, begin: int, end: int) -> bool:
    before = tokens[begin - 1].text if begin else ""
    after = tokens[end].text if end < len(tokens) else ""
    return before in _PRONOUN_BEFORE or after in _PRONOUN_AFTER


def _kind(tokens: Tokens, begin: int, found: Number) -> str:
    """Tell a phone number and an order number from a quantity, by length and by what is said."""
    if not found.value.isdigit() or found.sized:
        return "number"
    length = len(found.value)
    if _follows(tokens, begin, _ASKED_FOR) and length >= 3:
        return "order_number"
    if length in (7, *range(10, 16)):
        return "phone"
    if length >= 5 and _follows(tokens, begin, _TELEPHONE):
        return "phone"
    if length > 7 or found.read_out >= 4 or found.value.startswith("00"):
        return "order_number"
    return "number"


def _follows(tokens: Tokens, begin: int, words: frozenset[str]) -> bool:
    return any(token.text in words for token in tokens[max(0, begin - 4) : begin])
