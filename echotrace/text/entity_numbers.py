"""Numbers, spoken or written, as digit strings: "thirty six" is 36, "five five five" is 555.

Spoken numbers come in two kinds. One has words of size ("two thousand and twenty four") and is
added up; the other is read out piece by piece ("nineteen ninety nine", "five five five one two")
and is put together. No sum ever turns digits that were read out into another number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from echotrace.text.entity_words import (
    DECADES,
    DIGITS,
    FRACTIONS,
    MONTHS,
    ORDINALS,
    SCALES,
    TEENS,
    TENS,
    Tokens,
    words_of,
)

__all__ = ["Atom", "Number", "digit_run", "number_at", "ordinal_at"]

_PLAIN = re.compile(r"\d+")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+")
_DECIMAL = re.compile(r"(\d+|\d{1,3}(?:,\d{3})+)?\.(\d+)")
_PHONE = re.compile(r"\+?\(?\d[\d().-]*\d")
_COUNTRY = re.compile(r"\+\d{1,3}")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_SIGNED = re.compile(r"-(\d+(?:\.\d+)?|\d{1,3}(?:,\d{3})+(?:\.\d+)?)")
_FRACTION = re.compile(r"(?:(\d{1,12})-)?(\d{1,2})/(\d{1,2})")
_BEFORE_A_POINT: Final = words_of(
    "a an the this that each every any some one what which no my your his her its our their good "
    "key main last first next same whole selling starting turning boiling melting focal"
)
_NO_FRACTION_BEFORE: Final = words_of(
    "avenue street road floor grade grader graders party parties world person"
).union(MONTHS)
_SIGNS: Final = ("minus", "negative")
_REPEATS: Final = {"double": 2, "triple": 3}
_TELEPHONE_GROUPS: Final = ([1, 3, 3, 4], [1, 3, 7], [3, 3, 4], [3, 4, 4], [3, 7], [3, 4])
_AREA_CODE_GROUPS: Final = ([5, 6], [4, 3, 4], [4, 6], [5, 3, 3])
_LONGEST: Final = 40
_MOST_GROUPS: Final = 5


@dataclass(frozen=True, slots=True)
class Number:
    """A number in the tokens ``[begin, end)``; ``value`` is its digits, perhaps with "." in them.

    ``read_out`` counts the pieces of a number that was put together, else 0; ``sized`` says that
    it was spoken with a word of size, so that it is a quantity whatever its length.
    """

    value: str
    end: int
    read_out: int = 0
    sized: bool = False

    @property
    def amount(self) -> Decimal:
        """The same as a quantity."""
        return Decimal(self.value)


@dataclass(frozen=True, slots=True)
class Atom:
    """One piece of a number: a digit, a number below a hundred, or digits as written."""

    digits: str
    end: int
    weak: bool = False  # "oh" is a zero only beside other digits
    single: bool = False  # one digit, or one said to be doubled
    country: bool = False  # "+44" begins a telephone number


def number_at(tokens: Tokens, begin: int) -> Number | None:
    """Return the longest number that begins at a token, or None."""
    if begin not in tokens.numbers:
        tokens.numbers[begin] = _number_at(tokens, begin)
    return tokens.numbers[begin]


def _number_at(tokens: Tokens, begin: int) -> Number | None:
    found = _fraction(tokens, begin)
    if found is None:
        found = _whole_at(tokens, begin)
        found = found and _with_fraction(tokens, found)
    return found


def _fraction(tokens: Tokens, begin: int) -> Number | None:
    """Return "two thirds", "a quarter of", "2/3" or "3-1/2"; one half is 0.5, a third "1/3"."""
    text = tokens[begin].text
    if text[0].isdigit() and (written := _FRACTION.fullmatch(text)):
        value = _quotient(int(written[2]), int(written[3]), int(written[1] or 0))
        return None if value is None else Number(value, begin + 1, sized=True)
    if begin + 1 >= len(tokens) or tokens[begin].comma:
        return None
    name, end = tokens[begin + 1].text, begin + 2
    parts = FRACTIONS.get(name)
    if parts is None:
        return None
    if text == "a" and end < len(tokens) and tokens[end].text == "of" and not tokens[end - 1].comma:
        count = "1"
    else:
        count = DIGITS.get(text, text if _PLAIN.fullmatch(text) else "")
    after = tokens[end + (text == "a")].text if end + (text == "a") < len(tokens) else ""
    if after in _NO_FRACTION_BEFORE and not tokens[end - 1].comma:
        return None
    if not count or len(count) > 1 or (count == "1") is name.endswith("s"):
        return None
    value = _quotient(int(count), parts)
    return None if value is None else Number(value, end, sized=True)


def _quotient(count: int, parts: int, whole: int = 0) -> str | None:
    """Return a fraction below one, or a whole number and one, in digits if it has few of them."""
    if not 0 < count < parts or parts > 16:
        return None
    exact = 1000 * count % parts == 0
    if not exact:
        return f"{whole} {count}/{parts}" if whole else f"{count}/{parts}"
    return f"{(whole + Decimal(count) / parts).normalize():f}"


def _with_fraction(tokens: Tokens, number: Number) -> Number:
    """Add "and a half" or "1/2" to a whole number."""
    end = number.end
    if (
        end >= len(tokens)
        or tokens[end - 1].comma
        or number.read_out
        or not _PLAIN.fullmatch(number.value)
        or len(number.value) > _LONGEST
    ):
        return number
    rest = None
    if tokens[end].text == "and" and end + 2 < len(tokens):
        name = FRACTIONS.get(tokens[end + 2].text)
        if tokens[end + 1].text == "a" and name in (2, 4):
            rest = Number(_quotient(1, name) or "", end + 3)
        elif not tokens[end + 1].text[0].isdigit():
            rest = _fraction(tokens, end + 1)
    elif _FRACTION.fullmatch(tokens[end].text):
        rest = _fraction(tokens, end)
    if rest is None or not rest.value.startswith("0."):
        return number
    whole = Number(number.value + rest.value[1:], rest.end, sized=True)
    return _scaled(tokens, whole) or whole


def _whole_at(tokens: Tokens, begin: int) -> Number | None:
    text = tokens[begin].text
    if text[0].isdigit() or text[0] in "+.(":
        if (written := _written(text)) is not None:
            first = Number(written, begin + 1)
            return _scaled(tokens, first) or first
        if not _PLAIN.fullmatch(text):
            return _joined(tokens, begin)
    if text[0] == "-":
        signed = _SIGNED.fullmatch(text) if len(text) <= _LONGEST else None
        return signed and Number(text.replace(",", ""), begin + 1)
    if text == "point":
        return _bare_point(tokens, begin)
    if (sized := _sized(tokens, begin)) is not None:
        return _with_point(tokens, sized)
    if text == "half":
        return _half_of(tokens, begin)
    if text in _SIGNS:
        if begin + 1 == len(tokens) or tokens[begin + 1].text in _SIGNS:
            return None
        inner = number_at(tokens, begin + 1)
        return inner and Number(f"-{inner.value}", inner.end)
    joined = _joined(tokens, begin)
    return joined and _with_point(tokens, joined)


def _half_of(tokens: Tokens, begin: int) -> Number | None:
    """Return "half a million" in digits."""
    if begin + 2 >= len(tokens) or tokens[begin + 1].text != "a":
        return None
    scale = SCALES.get(tokens[begin + 2].text)
    return None if scale is None else Number(str(scale // 2), begin + 3, sized=True)


def digit_run(tokens: Tokens, begin: int) -> tuple[str, int] | None:
    """Return the digits and the end of one piece: a digit, a two-digit number or written digits."""
    atom = _atom(tokens, begin)
    if atom is None or atom.weak or len(atom.digits) > _LONGEST:
        return None
    return atom.digits, atom.end


def ordinal_at(tokens: Tokens, begin: int) -> tuple[int, int] | None:
    """Return the value and the end of an ordinal up to 99: "third", "twenty first", "21st"."""
    text = tokens[begin].text
    if (written := _ORDINAL.fullmatch(text)) and len(written[1]) <= 2:
        return int(written[1]), begin + 1
    if text in TENS and begin + 1 < len(tokens) and not tokens[begin].comma:
        unit = ORDINALS.get(tokens[begin + 1].text, 99)
        if unit < 10:
            return 10 * TENS[text] + unit, begin + 2
    if text in ORDINALS:
        return ORDINALS[text], begin + 1
    return None


def _written(text: str) -> str | None:
    """Return the value of "1,234" and "3.50", None for anything else."""
    if len(text) > _LONGEST:
        return None
    if _GROUPED.fullmatch(text):
        return text.replace(",", "")
    if found := _DECIMAL.fullmatch(text):
        return f"{(found[1] or '0').replace(',', '')}.{found[2]}"
    return None


def _scaled(tokens: Tokens, first: Number) -> Number | None:
    """Return "3.5 million" in digits."""
    if first.end < len(tokens) and not tokens[first.end - 1].comma:
        scale = SCALES.get(tokens[first.end].text)
        if scale is not None:
            amount = first.amount * scale
            return Number(f"{amount.normalize():f}", first.end + 1, sized=True)
    return None


def _bare_point(tokens: Tokens, begin: int) -> Number | None:
    """Return "point five", which is 0.5, but is none in "at this point five people came"."""
    if begin and tokens[begin - 1].text in _BEFORE_A_POINT and not tokens[begin - 1].comma:
        return None
    if begin + 1 >= len(tokens) or tokens[begin].comma or not tokens[begin + 1].text.isalpha():
        return None
    found = _with_point(tokens, Number("0", begin))
    return found if found.end > begin else None


def _with_point(tokens: Tokens, number: Number) -> Number:
    """Add the digits that were spoken after "point"."""
    end = number.end
    if end + 1 >= len(tokens) or tokens[end].text != "point" or "." in number.value:
        return number
    digits, place = "", end + 1
    while place < len(tokens) and len(digits) < _LONGEST and (atom := _atom(tokens, place)):
        digits += atom.digits
        place = atom.end
        if tokens[place - 1].comma:
            break
    if not digits:
        return number
    whole = Number(f"{number.value}.{digits}", place)
    return _scaled(tokens, whole) or whole


def _sized(tokens: Tokens, begin: int) -> Number | None:
    """Return a number with "hundred", "thousand" and so on in it, added up; None without them."""
    if _hundred(tokens, begin) and _are_digits(tokens, begin + 2, 3):
        return None  # "eight hundred five five five" is the beginning of a telephone number
    total, end, limit, found = 0, begin, 10**15, False
    while end < len(tokens):
        part = _below_thousand(tokens, end, first=end == begin)
        if part is None:
            break
        value, after, had_size = part
        scale = SCALES.get(tokens[after].text) if after < len(tokens) else None
        if scale is not None and scale < limit and not tokens[after - 1].comma:
            total, end, limit, found = total + value * scale, after + 1, scale, True
        elif found or had_size:
            if value >= limit or (scale is not None and found):
                break
            return Number(str(total + value), after, sized=True)
        else:
            return None
        if tokens[end - 1].stop:
            break
        if end + 1 < len(tokens) and tokens[end].text == "and" and _atom_value(tokens, end + 1):
            end += 1
    if not found:
        return None
    end -= tokens[end - 1].text == "and"
    return Number(str(total), end, sized=True)


def _below_thousand(tokens: Tokens, begin: int, *, first: bool) -> tuple[int, int, bool] | None:
    """Return value and end of "three hundred and five", and whether "hundred" was in it."""
    text = tokens[begin].text
    if text == "a" and first and begin + 1 < len(tokens):
        if tokens[begin + 1].text != "hundred" and tokens[begin + 1].text not in SCALES:
            return None
        value, end = 1, begin + 1
    elif text == "hundred" or (first and text in SCALES):
        value, end = 1, begin
    else:
        atom = _atom_value(tokens, begin)
        if atom is None:
            return None
        value, end = atom
    if end >= len(tokens) or tokens[end].text != "hundred" or value >= 100:
        return value, end, False
    value, end = value * 100, end + 1
    if end < len(tokens) and not tokens[end - 1].comma:
        skip = 1 if tokens[end].text == "and" and end + 1 < len(tokens) else 0
        rest = _atom_value(tokens, end + skip)
        is_next = rest is not None and rest[1] < len(tokens) and tokens[rest[1]].text == "hundred"
        if rest is not None and 0 < rest[0] < 100 and not is_next:
            value, end = value + rest[0], rest[1]
    return value, end, True


def _hundred(tokens: Tokens, begin: int) -> Atom | None:
    """Return "nine hundred" as the digits 900, which it is only among digits that are read out."""
    if begin + 1 >= len(tokens) or tokens[begin + 1].text != "hundred" or tokens[begin].comma:
        return None
    digit = DIGITS.get(tokens[begin].text, "0")
    return None if digit == "0" else Atom(f"{digit}00", begin + 2, single=True)


def _are_digits(tokens: Tokens, begin: int, count: int) -> bool:
    """Whether that many single digits follow each other from a place on."""
    places = range(begin, begin + count)
    if tokens[begin - 1].stop or places.stop > len(tokens):
        return False
    atoms = [_atom(tokens, place) for place in places]
    return all(atom and len(atom.digits) == 1 for atom in atoms)


def _atom_value(tokens: Tokens, begin: int) -> tuple[int, int] | None:
    atom = _atom(tokens, begin)
    if atom is None or atom.weak or len(atom.digits) > 3 or tokens[begin].text in _REPEATS:
        return None
    return int(atom.digits), atom.end


def _joined(tokens: Tokens, begin: int) -> Number | None:
    """Put together the pieces of a number that was read out; see ``_belong``."""
    atoms: list[Atom] = []
    singles = 0
    end = begin
    while end < len(tokens) and (atom := _atom(tokens, end)):
        hundred = _hundred(tokens, end)
        if hundred and (singles >= 3 or _are_digits(tokens, end + 2, 3)):
            atom = hundred
        if atoms:
            last = tokens[end - 1]
            are_single = atom.single and atoms[-1].single and tokens[end].word != last.word
            if last.stop or (last.comma and not are_single):
                break
        singles = singles + 1 if atom.single else 0
        atoms.append(atom)
        end = atom.end
        if len(atoms) == _MOST_GROUPS and not all(atom.single for atom in atoms[:3]):
            break
    while atoms and atoms[-1].weak and all(atom.weak for atom in atoms):
        atoms.pop()
    if not atoms or (atoms[0].weak and len(atoms) < 3):
        return None
    taken = _belong(atoms)
    if taken == 1 and atoms[0].weak:
        return None
    digits = "".join(atom.digits for atom in atoms[:taken])
    pieces = taken if taken > 1 else 0
    return Number(digits, atoms[taken - 1].end, pieces)


def _belong(atoms: list[Atom]) -> int:
    """Return how many of the pieces are one number.

    Single digits are, with what follows them; so are groups of the lengths of a telephone number, a
    year in two halves ("nineteen ninety nine", "nineteen oh five") and "one twenty three". Others
    stand alone: "20 30 40" are three numbers.
    """
    lengths = [len(atom.digits) for atom in atoms]
    singles = next((i for i, atom in enumerate(atoms) if not atom.single), len(atoms))
    if singles >= 3 or atoms[0].country:
        return len(atoms)
    for groups in _TELEPHONE_GROUPS:
        if lengths[: len(groups)] == groups:
            return len(groups)
    if atoms[0].digits[0] == "0":
        for groups in _AREA_CODE_GROUPS:
            if lengths[: len(groups)] == groups:
                return len(groups)
    if lengths == [2, 2] and atoms[0].digits[0] != "0":
        return 2
    if lengths[:3] == [2, 1, 1] and atoms[1].digits == "0":
        return 3
    if singles >= 2:
        return singles
    if lengths[:2] == [1, 2] and atoms[0].digits != "0":
        return 2
    return 1


def _atom(tokens: Tokens, begin: int) -> Atom | None:
    if begin >= len(tokens):
        return None
    if begin not in tokens.atoms:
        tokens.atoms[begin] = _atom_at(tokens, begin)
    return tokens.atoms[begin]


def _atom_at(tokens: Tokens, begin: int) -> Atom | None:
    text = tokens[begin].text
    if _PLAIN.fullmatch(text) or _COUNTRY.fullmatch(text):
        digits = text.lstrip("+")
        is_country = text[0] == "+"
        single = len(digits) == 1 and not is_country
        return Atom(digits, begin + 1, single=single, country=is_country)
    if _PHONE.fullmatch(text):
        digits = re.sub(r"\D", "", text)
        if len(digits) >= 7 or re.fullmatch(r"\d(?:-\d){2,}", text):
            return Atom(digits, begin + 1)
    if text in DIGITS:
        return Atom(DIGITS[text], begin + 1, single=True)
    if text in TEENS:
        return Atom(TEENS[text], begin + 1)
    if text in TENS:
        unit = tokens[begin + 1].text if begin + 1 < len(tokens) else ""
        if unit in DIGITS and unit != "zero" and not tokens[begin].comma:
            return Atom(f"{TENS[text]}{DIGITS[unit]}", begin + 2)
        return Atom(f"{TENS[text]}0", begin + 1)
    if text in DECADES:
        return Atom(f"{TENS[DECADES[text]]}0", begin + 1)
    if text in ("oh", "o"):
        return Atom("0", begin + 1, weak=True, single=True)
    if text in _REPEATS and begin + 1 < len(tokens) and tokens[begin + 1].text not in _REPEATS:
        inner = _atom(tokens, begin + 1)
        if inner is not None and len(inner.digits) == 1:
            return Atom(inner.digits * _REPEATS[text], inner.end, single=True)
    return None
