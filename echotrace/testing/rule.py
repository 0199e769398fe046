"""A rule of a plug-in, how it is said that one is broken, and the first of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from unittest import SkipTest

from echotrace.plugins import find_plugins
from echotrace.printable import printable_line

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BrokenRuleError", "check_rules", "load_class", "require", "said"]

_MOST_CHARS = 300


class BrokenRuleError(AssertionError):
    """A rule does not hold; ``rule`` is its name, ``expected`` and ``got`` say what differs."""

    def __init__(self, rule: str, *, expected: str, got: str) -> None:
        super().__init__(f"{rule}: expected {expected}; got {got}")
        self.rule = rule
        self.expected = expected
        self.got = got


def require(holds: object, rule: str, *, expected: str, got: str) -> None:
    """Go on when a rule holds.

    Raises:
        BrokenRuleError: it does not.
    """
    if not holds:
        raise BrokenRuleError(rule, expected=expected, got=got)


def said(value: object) -> str:
    """Return a value or an error as one short printable line."""
    if isinstance(value, BaseException):
        text = f"{type(value).__name__}: {value}" if str(value) else type(value).__name__
    else:
        text = repr(value)
    text = printable_line(text)
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}..."


def load_class(group: str, name: str) -> Any:
    """Return the class of an entry point.

    Raises:
        BrokenRuleError: it is not registered, is taken by another package, or cannot be imported.
    """
    rule = "it is found by its entry point"
    registry = find_plugins(group)
    known = ", ".join(registry.plugins)
    expected = f"{name!r} in the group echotrace.{group}"
    require(name in registry.plugins, rule, expected=expected, got=f"only {known}")
    taken = [item.message for item in registry.findings if repr(name) in item.message]
    require(not taken, rule, expected="a name of its own", got="; ".join(taken))
    ref = registry.plugins[name]
    try:
        return ref.load()
    except Exception as error:
        expected = f"{ref.target} of the package {ref.distribution} to be imported"
        raise BrokenRuleError(rule, expected=expected, got=said(error)) from error


def check_rules(case: object, whose: str) -> None:
    """Call every ``test_`` method of ``case``; one that is set to None is left out.

    Raises:
        AssertionError: it lists every rule that is broken, one a line.
    """
    broken: list[str] = []
    rules: list[Any] = [getattr(case, name) for name in sorted(dir(case)) if name[:5] == "test_"]
    for rule in filter(callable, rules):
        with suppress(SkipTest):
            broken += _broken_by(rule)
    if broken:
        lines = "\n".join(dict.fromkeys(broken))
        raise AssertionError(f"{whose} breaks these rules:\n{lines}")


def _broken_by(rule: Callable[[], object]) -> list[str]:
    try:
        rule()
    except AssertionError as error:
        return [str(error)]
    return []
