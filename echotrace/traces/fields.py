"""The keys of one line written for us: taken as what they must be, or refused by name."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any

from echotrace.errors import InputError
from echotrace.printable import printable_line
from echotrace.traces.values import bounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.measure import JsonValue

__all__ = ["Fields"]

_SHOWN_CHARS = 60
_LATEST_S = 1e10
"""The year 2286; what is above it is in milliseconds."""


class Fields:
    """One object of a trace file and where it stands (``trace.jsonl, line 3``).

    A key that is missing or null gives None. Each method raises an InputError that names the place,
    the key and what stands there when that is of another type.
    """

    def __init__(self, raw: dict[str, Any], place: str) -> None:
        self.place = place
        self._raw = raw
        self._taken: set[str] = set()

    def seconds(self, key: str) -> float | None:
        """A time on the trace's clock."""
        found = self._number(key, "a time is a number of seconds")
        if found is not None and abs(found) > _LATEST_S:
            why = "a time is a number of seconds, and so many are none"
            hint = "divide milliseconds by 1,000, nanoseconds by 1,000,000,000"
            raise self._wrong(key, self._raw[key], why, hint=hint)
        return found

    def number(self, key: str) -> float | None:
        """A number."""
        return self._number(key, "a number is expected")

    def whole(self, key: str) -> int | None:
        """A whole number."""
        value = self._take(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise self._wrong(key, value, "a whole number is expected")

    def text(self, key: str) -> str | None:
        """Text."""
        value = self._take(key)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(key, value, "text is expected")

    def flag(self, key: str) -> bool | None:
        """True or false."""
        value = self._take(key)
        if value is None or isinstance(value, bool):
            return value
        raise self._wrong(key, value, "true or false is expected")

    def one_of(self, key: str, known: Sequence[str]) -> str | None:
        """One of a few words."""
        value = self.text(key)
        if value is None or value in known:
            return value
        near = difflib.get_close_matches(value, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(known)}"
        raise self._wrong(key, value, "that is none of its values", hint=hint)

    def mapping(self, key: str) -> dict[str, Any]:
        """An object, empty where there is none."""
        value = self._take(key)
        if value is None or isinstance(value, dict):
            return {name: bounded(item) for name, item in (value or {}).items()}
        raise self._wrong(key, value, "an object is expected")

    def needed(self, key: str, value: Any) -> Any:
        """The value of a key that must be there."""
        if value is None:
            raise InputError(
                f"{self.place}: {key} is missing",
                hint="docs/traces.md has each line with its keys",
                code="TRACE_FIELD",
            )
        return value

    def rest(self) -> dict[str, JsonValue]:
        """What nobody asked for, to be kept."""
        return {key: bounded(item) for key, item in self._raw.items() if key not in self._taken}

    def _take(self, key: str) -> Any:
        self._taken.add(key)
        return self._raw.get(key)

    def _number(self, key: str, wanted: str) -> float | None:
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, value, wanted)
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
        if not math.isfinite(found):
            raise self._wrong(key, value, wanted)
        return found

    def _wrong(self, key: str, value: Any, why: str, *, hint: str | None = None) -> InputError:
        shown = printable_line(repr(value))
        shown = shown if len(shown) <= _SHOWN_CHARS else shown[: _SHOWN_CHARS - 1] + "…"
        return InputError(
            f"{self.place}: {key} is {shown}",
            why=why,
            hint=hint or "docs/traces.md has each line with its keys",
            code="TRACE_FIELD",
        )
