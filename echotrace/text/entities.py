"""The words of a call that must not be misheard: found by rules, compared in their place.

Entities are found in each text by itself. Then both texts are aligned as sequences in which every
entity is one element, so that "twenty five dollars" stands against "$25" whatever the number of
words. One counts as found when the alignment puts the same value against it, or when the same value
stands a little off within the same run of errors; a "not" at another place rescues no missed one.

English has all rules. In other languages figures, e-mail addresses and key terms are looked for,
and the result says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Measurement
from echotrace.model.transcription import Entities, Entity, EntityScore
from echotrace.text import entity_codes, entity_rules
from echotrace.text.entity_words import Tokens, clean_word, tokens_of
from echotrace.text.key_terms import KeyTerms
from echotrace.text.scripts import holds_unspaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["FoundEntity", "compare_entities", "find_entities", "list_entities"]

_UNIT: Final = "ratio"
_TYPES: Final = (
    "number",
    "money",
    "date",
    "time",
    "email",
    "phone",
    "order_number",
    "negation",
    "key_term",
)
_DIGIT_STRINGS: Final = frozenset(("number", "phone", "order_number"))
_FIGURES: Final = _DIGIT_STRINGS | {"money", "date", "time"}
_NEAR: Final = 4
_MAX_WORDS: Final = 50_000  # more than five hours of speech
_METHOD: Final = "found by rule, matched in place by word alignment"
_NO_REFERENCE: Final = "there is no reference"
_FIGURES_ONLY: Final = (
    "only figures, e-mail addresses and key terms are looked for: "
    "the rules for spelled forms are English"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEntity:
    """One entity; ``[first, last)`` are the words of ``text.split()`` that it is written with."""

    type: str
    value: str
    first: int
    last: int
    text: str
    date: str = ""  # what a written fraction is as a date: "1/2" may be January 2
    pieces: int = 0  # that it was read out in, "seven eleven" in 2

    @property
    def compared(self) -> tuple[str, str]:
        """What has to be equal: digits are compared as digits, whatever kind of number they are.

        So is a time that may have been heard as a number: "ten thirty" is "10:30" and "1030".
        """
        if self.type in _DIGIT_STRINGS:
            return "digits", self.value
        if self.type == "time" and not self.value.endswith(("m", ":00")):
            return "digits", self.value.replace(":", "")
        return self.type, self.value


def find_entities(
    text: str, *, language: str = "en", key_terms: Sequence[str] = ()
) -> tuple[FoundEntity, ...]:
    """Return the entities of a text in their order; "10-20" alone is a word that holds two.

    Where rules overlap the most telling one wins: a key term, then an e-mail address, a date, a
    time, money, an order number, a phone number or another number, and last a negation.
    """
    return _find(text.split(), language, KeyTerms(key_terms))


def list_entities(actual: str, *, language: str = "en", key_terms: Sequence[str] = ()) -> Entities:
    """Return the entities of a transcript that has no reference: heard, and no rates."""
    terms = KeyTerms(key_terms)
    if len(words := actual.split()) > _MAX_WORDS:
        return _too_long((), words, terms.count)
    found = _find(words, language, terms)
    none = Measurement.not_measurable(_UNIT, _NO_REFERENCE)
    return Entities(
        recall=none,
        precision=none,
        types=tuple(
            EntityScore(
                type=kind,
                reference=0,
                transcript=sum(item.type == kind for item in found),
                found=0,
                recall=none,
                precision=none,
            )
            for kind in _present(item.type for item in found)
        ),
        items=tuple(
            Entity(type=item.type, outcome="heard", value=item.value, actual=item.text)
            for item in found
        ),
        key_terms=terms.count,
    )


def compare_entities(
    gold: str,
    actual: str,
    *,
    language: str = "en",
    key_terms: Sequence[str] = (),
    gold_word_place: Callable[[int], float | None] | None = None,
) -> Entities:
    """Compare the entities that were said with those that were heard.

    Args:
        gold: what was said.
        actual: what was heard.
        language: English has all rules, another one those for figures.
        key_terms: the user's own.
        gold_word_place: the time in seconds of a word of ``gold.split()``, where it is known.
    """
    terms = KeyTerms(key_terms)
    said_words, heard_words = gold.split(), actual.split()
    if max(len(said_words), len(heard_words)) > _MAX_WORDS:
        return _too_long(said_words, heard_words, terms.count)
    pairs = _pairs(
        _Side(said_words, _find(said_words, language, terms)),
        _Side(heard_words, _find(heard_words, language, terms)),
    )
    items = tuple(_entity(said, heard, gold_word_place) for said, heard in pairs)
    limited = None if _is_english(language) else _FIGURES_ONLY
    types = tuple(
        _score(kind, [item for item in items if item.type == kind], limited)
        for kind in _present(item.type for item in items)
    )
    whole = _score("all", items, limited)
    return Entities(
        recall=whole.recall,
        precision=whole.precision,
        types=types,
        items=items,
        key_terms=terms.count,
    )


def _is_english(language: str) -> bool:
    return language == "en" or language.startswith(("en-", "en_"))


def _find(words: list[str], language: str, terms: KeyTerms) -> tuple[FoundEntity, ...]:
    tokens = tokens_of(words)
    english = _is_english(language)
    found: list[FoundEntity] = []
    taken: set[int] = set()
    for value, first, last in terms.find(words):
        taken.update(range(first, last))
        item = _made("key_term", value, first, last, words)
        found.append(replace(item, text=value) if holds_unspaced(value) else item)
    addresses = entity_codes.emails(tokens, spelled=english)
    place = 0
    while place < len(tokens):
        if tokens[place].word in taken:
            place += 1
            continue
        got = _english(tokens, place, addresses) if english else _figures(tokens, place, addresses)
        if got is None:
            place += 1
            continue
        kind, value, end = got
        first, last = tokens[place].word, tokens[end - 1].word + 1
        if taken.isdisjoint(range(first, last)):
            item = _made(kind, value, first, last, words)
            found.append(_with_readings(item, tokens, place, end) if english else item)
            place = end
        else:
            place += 1
    return tuple(sorted(found, key=lambda item: (item.first, item.last)))


def _made(kind: str, value: str, first: int, last: int, words: list[str]) -> FoundEntity:
    text = " ".join(words[first:last]).strip(".,;:!?\"'")
    return FoundEntity(type=kind, value=value, first=first, last=last, text=text)


def _with_readings(item: FoundEntity, tokens: Tokens, begin: int, end: int) -> FoundEntity:
    if item.type not in _DIGIT_STRINGS:
        return item
    if end == begin + 1 and (date := entity_rules.ambiguous(tokens[begin].text)):
        return replace(item, date=date)
    number = tokens.numbers.get(begin)
    if number is not None and number.value == item.value and number.read_out:
        return replace(item, pieces=number.read_out)
    return item


def _english(
    tokens: Tokens, place: int, addresses: dict[int, tuple[str, int]]
) -> tuple[str, str, int] | None:
    if place in addresses:
        return ("email", *addresses[place])
    if not entity_rules.may_begin(tokens[place]) or entity_codes.in_letters(tokens, place):
        return None
    for kind, rule in (
        ("time", entity_rules.time),
        ("date", entity_rules.date),
        ("money", entity_rules.money),
        ("order_number", entity_codes.order_number),
    ):
        got = rule(tokens, place)
        if got is not None:
            return (kind, *got)
    number = entity_codes.number(tokens, place)
    if number is not None:
        return number
    negation = entity_rules.negation(tokens, place)
    return None if negation is None else ("negation", *negation)


def _figures(
    tokens: Tokens, place: int, addresses: dict[int, tuple[str, int]]
) -> tuple[str, str, int] | None:
    if place in addresses:
        return ("email", *addresses[place])
    digits = "".join(char for char in tokens[place].text if char.isdigit())
    return ("number", digits, place + 1) if digits else None


class _Side:
    """One text as the sequence that is aligned: an entity is one element, so is any other word."""

    def __init__(self, words: list[str], found: Sequence[FoundEntity]) -> None:
        self.elements: list[tuple[str, str]] = []
        self.entities: list[FoundEntity | None] = []
        begin = 0
        for item in found:
            self._add_words(words[begin : item.first])
            self.elements.append(item.compared)
            self.entities.append(item)
            begin = max(begin, item.last)
        self._add_words(words[begin:])

    def _add_words(self, words: list[str]) -> None:
        for word in words:
            text = clean_word(word).casefold()
            if text:
                self.elements.append(("", text))
                self.entities.append(None)


Pair = tuple["FoundEntity | None", "FoundEntity | None"]


def _pairs(said: _Side, heard: _Side) -> list[Pair]:
    """Return what was said beside what was heard in its place, in the order of the call."""
    from rapidfuzz.distance import Levenshtein

    pairs: list[Pair] = []
    run: tuple[list[int], list[int]] = ([], [])
    for step in Levenshtein.opcodes(said.elements, heard.elements):
        left = range(step.src_start, step.src_end)
        right = range(step.dest_start, step.dest_end)
        if step.tag != "equal":
            run[0].extend(left)
            run[1].extend(right)
            continue
        pairs += _run_pairs(said, heard, *run)
        run = ([], [])
        pairs += [
            (said.entities[one], heard.entities[other])
            for one, other in zip(left, right, strict=True)
            if said.entities[one] is not None
        ]
    return pairs + _run_pairs(said, heard, *run)


def _run_pairs(said: _Side, heard: _Side, left: list[int], right: list[int]) -> list[Pair]:
    """Pair the entities of one run of errors: equal ones, then those of a type, then figures."""
    _regroup(said, left, heard, right)
    _regroup(heard, right, said, left)
    ones = [index for index in left if said.entities[index] is not None]
    others = [index for index in right if heard.entities[index] is not None]
    partner: dict[int, int] = {}
    free = set(others)
    for alike in (_is_equal, _is_of_one_type, _are_figures):
        for one in ones:
            if one in partner:
                continue
            for other in _near(one, left, right):
                if other in free and alike(said.entities[one], heard.entities[other]):
                    partner[one] = other
                    free.remove(other)
                    break
    pairs: list[Pair] = [
        (said.entities[one], heard.entities[partner[one]] if one in partner else None)
        for one in ones
    ]
    return pairs + [(None, heard.entities[other]) for other in others if other in free]


def _regroup(side: _Side, places: list[int], other: _Side, others: list[int]) -> None:
    """Make one entity of the parts of "7-11" where the other text has "seven eleven", or 711.

    Only parts of one written word are put together, and only to what was read out piece by piece
    or written with three digits or more: "9-5" is no "ninety five".
    """
    wanted = {
        item.value
        for item in (other.entities[place] for place in others)
        if item is not None
        and item.type in _DIGIT_STRINGS
        and (item.pieces > 1 or (item.text == item.value and len(item.value) > 2))
    }
    if not wanted:
        return
    for place, following in pairwise(places):
        one, two = side.entities[place], side.entities[following]
        if (
            one is not None
            and two is not None
            and one.type == two.type == "number"
            and (one.first, one.last) == (two.first, two.last)
            and following == place + 1
            and one.value + two.value in wanted
        ):
            side.entities[place] = replace(one, value=one.value + two.value)
            side.entities[following] = None


def _is_equal(one: FoundEntity | None, other: FoundEntity | None) -> bool:
    if one is None or other is None:
        return False
    if one.compared == other.compared:
        return True
    return ("date", one.date) == other.compared or one.compared == ("date", other.date)


def _is_of_one_type(one: FoundEntity | None, other: FoundEntity | None) -> bool:
    return one is not None and other is not None and one.type == other.type


def _are_figures(one: FoundEntity | None, other: FoundEntity | None) -> bool:
    return all(item is not None and item.type in _FIGURES for item in (one, other))


def _near(one: int, left: list[int], right: list[int]) -> list[int]:
    """Return the places about as far from the run's beginning, or from its end, as this one."""
    if not right:
        return []
    from_begin = right[0] + one - left[0]
    from_end = right[-1] + one - left[-1]
    return sorted(
        {place + step for place in (from_begin, from_end) for step in range(-_NEAR, _NEAR + 1)}
    )


def _entity(
    said: FoundEntity | None,
    heard: FoundEntity | None,
    gold_word_place: Callable[[int], float | None] | None,
) -> Entity:
    if said is None:
        assert heard is not None
        return Entity(type=heard.type, outcome="added", value=heard.value, actual=heard.text)
    at_s = gold_word_place(said.first) if gold_word_place is not None else None
    outcome = "missed"
    if heard is not None:
        outcome = "found" if _is_equal(said, heard) else "wrong"
    return Entity(
        type=said.type,
        outcome=outcome,
        value=said.value,
        gold=said.text,
        actual=None if heard is None else heard.text,
        at_s=at_s,
    )


def _present(types: Iterable[str]) -> list[str]:
    present = set(types)
    return [kind for kind in _TYPES if kind in present]


def _score(kind: str, items: Sequence[Entity], limited: str | None) -> EntityScore:
    """Count one type; what was heard in an entity's place counts as heard of that entity's type."""
    found = sum(item.outcome == "found" for item in items)
    reference = sum(item.outcome != "added" for item in items)
    transcript = sum(item.outcome != "missed" for item in items)
    return EntityScore(
        type=kind,
        reference=reference,
        transcript=transcript,
        found=found,
        recall=_ratio(found, reference, "the reference holds none", limited),
        precision=_ratio(found, transcript, "the transcript holds none", limited),
    )


def _ratio(part: int, whole: int, none: str, limited: str | None) -> Measurement:
    if not whole:
        return Measurement.not_measurable(_UNIT, none if limited is None else f"{none}; {limited}")
    if limited is not None:
        return Measurement.estimated(part / whole, _UNIT, reason=limited, method=_METHOD, n=whole)
    return Measurement.measured(part / whole, _UNIT, method=_METHOD, n=whole)


def _too_long(said: Sequence[str], heard: Sequence[str], key_terms: int) -> Entities:
    side, words = ("transcript", heard) if len(heard) > _MAX_WORDS else ("reference", said)
    none = Measurement.not_measurable(
        _UNIT,
        f"the {side} has {len(words):,} words: entities are looked for in at most {_MAX_WORDS:,}",
    )
    return Entities(recall=none, precision=none, key_terms=key_terms)
