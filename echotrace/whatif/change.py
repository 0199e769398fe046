"""What is asked for: parts set to a time or scaled, as ``KEY=NUMBER``."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from echotrace.errors import UsageError
from echotrace.model.trace import PARTS
from echotrace.printable import printable_line

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CHANGEABLE", "Change", "read_changes"]

CHANGEABLE: Final = tuple(key for key in PARTS if key != "unaccounted")
"""The remainder is nobody's to change: it is what the others do not explain."""

_MOST: Final = {"set": 3_600_000.0, "scale": 1_000.0}
_WHAT: Final = {"set": "a wait in ms", "scale": "a factor"}
_EXAMPLE: Final = {"set": "--set endpointing_wait=300", "scale": "--scale llm_inference=0.5"}


@dataclass(frozen=True, slots=True)
class Change:
    """One part's new time: ``value`` is ms for ``set``, a factor for ``scale``."""

    key: str
    how: str
    value: float

    def of(self, ms: float) -> float:
        """Return the new length of a part that takes ``ms``."""
        return self.value if self.how == "set" else ms * self.value


def read_changes(sets: Iterable[str], scales: Iterable[str]) -> tuple[Change, ...]:
    """Read the assignments of ``--set`` and ``--scale``, in the order of the parts.

    Raises:
        UsageError: there is none, one is no ``KEY=NUMBER``, names no part or one twice, or its
            number is negative, not finite, or beyond sense.
    """
    found: dict[str, Change] = {}
    for how, texts in (("set", sets), ("scale", scales)):
        for text in texts:
            change = _read(text, how)
            if change.key in found:
                raise UsageError(
                    f"{change.key} is changed twice",
                    hint="give each part one --set or one --scale",
                    code="CHANGED_TWICE",
                )
            found[change.key] = change
    if not found:
        raise UsageError(
            "nothing is changed",
            why="a what-if needs at least one --set or --scale",
            hint=f"{_EXAMPLE['set']} {_EXAMPLE['scale']}",
            code="NO_CHANGE",
        )
    return tuple(sorted(found.values(), key=lambda change: PARTS.index(change.key)))


def _read(text: str, how: str) -> Change:
    name, equals, number = text.partition("=")
    shown = printable_line(text[:60])
    if not equals:
        raise UsageError(
            f"--{how} {shown} is no assignment",
            why=f"it takes a part and {_WHAT[how]}, as KEY=NUMBER",
            hint=_EXAMPLE[how],
            code="NO_ASSIGNMENT",
        )
    key = name.strip().lower().replace("-", "_")
    if key == "unaccounted":
        raise UsageError(
            "unaccounted cannot be changed",
            why="it is the remainder that no part explains, and stays as it was measured",
            hint=f"the parts that can: {', '.join(CHANGEABLE)}",
            code="UNKNOWN_PART",
        )
    if key not in CHANGEABLE:
        near = difflib.get_close_matches(key, CHANGEABLE, n=1, cutoff=0.5)
        known = f"the parts: {', '.join(CHANGEABLE)}"
        raise UsageError(
            f"there is no part {printable_line(name[:40])!r}",
            why=known if near else "",
            hint=f"did you mean {near[0]}?" if near else known,
            code="UNKNOWN_PART",
        )
    return Change(key=key, how=how, value=_number(number, how, shown))


def _number(text: str, how: str, shown: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= _MOST[how]:  # also refuses NaN
        raise UsageError(
            f"--{how} {shown} has no value that a part can have",
            why=f"it takes {_WHAT[how]}, a number from 0 to {_MOST[how]:,.0f}",
            hint=_EXAMPLE[how],
            code="BAD_VALUE",
        )
    return value + 0.0  # -0.0 is 0
