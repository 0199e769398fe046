"""The small language of gates and filters: comparisons joined by and, or, not and parentheses.

``wer > 0.10``, ``score < 80 or snr < 10``, ``kind = barge_in and yield > 800``. Evaluation is
Kleene's three-valued logic: a figure that was not measured makes a comparison neither true nor
false.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from echotrace.errors import UsageError
from echotrace.printable import printable

__all__ = ["Expression", "Figure", "Verdict", "parse"]

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<op>>=|<=|!=|==|[<>=()])"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*(?:-[A-Za-z_][A-Za-z0-9_.]*)*)"
    r"|\"(?P<text>[^\"]*)\")"
)
_MAX_LENGTH = 1000
_MAX_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Figure:
    """What a name stands for: a value, or the reason why there is none.

    ``at_least`` marks a number that is a lower bound: a comparison that a larger one would turn is
    unknown, and ``reason`` says what the number lacks.
    """

    value: float | str | None
    reason: str | None = None
    at_least: bool = False


Lookup = Callable[[str], Figure]


@dataclass(frozen=True, slots=True)
class Verdict:
    """True, False or (None) unknown, with the figure that decided it, or why it is unknown."""

    holds: bool | None
    value: float | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Compare:
    name: str
    op: str
    literal: float | str

    def verdict(self, lookup: Lookup) -> Verdict:
        figure = lookup(self.name)
        if figure.value is None:
            return Verdict(None, reasons=(f"{self.name}: {figure.reason or 'not measured'}",))
        number = isinstance(figure.value, (int, float))
        shown = float(figure.value) if number else None
        if number != isinstance(self.literal, (int, float)):
            if self.op in ("=", "==", "!="):
                return Verdict(self.op == "!=", shown)
            kind = "a number" if number else "a word"
            return Verdict(None, reasons=(f"{self.name} is {kind}: it has no order with that",))
        if figure.at_least and not self._is_settled(figure.value):
            reason = f"{self.name} is at least {shown:g}: {figure.reason or 'it is a lower bound'}"
            return Verdict(None, reasons=(reason,))
        return Verdict(_OPERATORS[self.op](figure.value, self.literal), shown)

    def _is_settled(self, bound: Any) -> bool:
        """Whether every number from ``bound`` up gives the same truth."""
        if self.op in ("=", "==", "!="):
            return bool(bound > self.literal)
        compare = _OPERATORS[self.op]
        return compare(bound, self.literal) is compare(math.inf, self.literal)

    def names(self) -> Iterator[str]:
        yield self.name


@dataclass(frozen=True, slots=True)
class _Not:
    inner: _Node

    def verdict(self, lookup: Lookup) -> Verdict:
        inner = self.inner.verdict(lookup)
        holds = None if inner.holds is None else not inner.holds
        return Verdict(holds, inner.value, inner.reasons)

    def names(self) -> Iterator[str]:
        return self.inner.names()


@dataclass(frozen=True, slots=True)
class _Join:
    decisive: bool
    """The value of one side that settles the whole: True for ``or``, False for ``and``."""
    left: _Node
    right: _Node

    def verdict(self, lookup: Lookup) -> Verdict:
        sides = (self.left.verdict(lookup), self.right.verdict(lookup))
        for side in sides:
            if side.holds is self.decisive:
                return side
        unknown = [side for side in sides if side.holds is None]
        if unknown:
            reasons = tuple(reason for side in unknown for reason in side.reasons)
            return Verdict(None, reasons=reasons)
        # Both sides made the outcome; what follows a condition is what the expression is about.
        return sides[1] if sides[1].value is not None else sides[0]

    def names(self) -> Iterator[str]:
        yield from self.left.names()
        yield from self.right.names()


_Node = _Compare | _Not | _Join


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression, with the text that it came from."""

    text: str
    root: _Node

    def verdict(self, lookup: Lookup) -> Verdict:
        """Evaluate over whatever ``lookup`` gives for each name."""
        return self.root.verdict(lookup)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the expression reads, in order of appearance."""
        return tuple(self.root.names())


def parse(text: str, *, word: Callable[[str], str] = str) -> Expression:
    """Parse an expression; names are not checked here, since filters have names of their own.

    Args:
        text: the expression.
        word: gives for a literal word the one that figures are compared with.

    Raises:
        UsageError: the text does not fit the language; the message points at the place.
    """
    if printable(text) != text:
        raise UsageError(
            f"the expression {printable(text)!r} holds characters that cannot be shown", code="GATE"
        )
    if len(text) > _MAX_LENGTH:
        raise UsageError(f"the expression is longer than {_MAX_LENGTH} characters", code="GATE")
    return Expression(text, _Parser(text, word).whole())


class _Parser:
    def __init__(self, text: str, word: Callable[[str], str]) -> None:
        self._text = text
        self._literal = word
        self._tokens = list(self._scan())
        self._next = 0
        self._depth = 0

    def _scan(self) -> Iterator[tuple[str, str, int]]:
        place, end = 0, len(self._text.rstrip())
        while place < end:
            match = _TOKEN.match(self._text, place)
            if match is None:
                raise self._error(place, "no number, word or sign of the language begins there")
            kind = match.lastgroup or ""
            yield kind, match.group(kind), match.start(kind)
            place = match.end()

    def whole(self) -> _Node:
        node = self._either()
        if self._next < len(self._tokens):
            raise self._error(self._tokens[self._next][2], "the expression is complete before it")
        return node

    def _either(self) -> _Node:
        node = self._both()
        while self._word("or"):
            node = _Join(True, node, self._both())
        return node

    def _both(self) -> _Node:
        node = self._single()
        while self._word("and"):
            node = _Join(False, node, self._single())
        return node

    def _single(self) -> _Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise UsageError(f"the expression nests deeper than {_MAX_DEPTH} levels", code="GATE")
        try:
            if self._word("not"):
                return _Not(self._single())
            if self._symbol("("):
                node = self._either()
                if not self._symbol(")"):
                    raise self._error(self._here(), "a closing parenthesis is missing")
                return node
            return self._compare()
        finally:
            self._depth -= 1

    def _compare(self) -> _Compare:
        kind, name, place = self._take()
        if kind != "name":
            raise self._error(place, "the name of a figure is expected")
        if "-" in name:
            raise self._error(place, "the name of a figure is written with _ and not with -")
        kind, op, place = self._take()
        if kind != "op" or op not in _OPERATORS:
            raise self._error(place, "one of > >= < <= = != is expected")
        kind, literal, place = self._take()
        if kind == "number":
            return _Compare(name, op, float(literal))
        if kind in ("name", "text"):
            return _Compare(name, op, self._literal(literal))
        raise self._error(place, "a number or a word is expected")

    def _take(self) -> tuple[str, str, int]:
        if self._next >= len(self._tokens):
            return "end", "", len(self._text)
        self._next += 1
        return self._tokens[self._next - 1]

    def _here(self) -> int:
        return self._tokens[self._next][2] if self._next < len(self._tokens) else len(self._text)

    def _word(self, word: str) -> bool:
        return self._accept("name", word)

    def _symbol(self, symbol: str) -> bool:
        return self._accept("op", symbol)

    def _accept(self, kind: str, value: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next][:2] == (kind, value):
            self._next += 1
            return True
        return False

    def _error(self, place: int, problem: str) -> UsageError:
        rest = self._text[place:].strip()
        found = f"at {rest[:20]!r}" if rest else "at its end"
        return UsageError(
            f"the expression {self._text!r} does not fit {found}",
            why=problem,
            hint='write it like "wer > 0.10" or "score < 80 or snr < 10"',
            code="GATE",
        )
