"""JSON fields of somebody else's making, taken as what they should be or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from echotrace.model.measure import JsonValue

__all__ = ["bounded", "duration", "integer", "mapping", "number", "parsed", "sequence", "text"]

_MAX_NUMBER: Final = 1e30
"""Above it (infinity too) stands no figure of a call; a NaN compares as too large."""

_MAX_DURATION_S: Final = 86_400.0


def number(value: JsonValue) -> float | None:
    """A number that can be reckoned with, also one in a string; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) <= _MAX_NUMBER else None


def duration(value: JsonValue) -> float | None:
    """A length of time in seconds; what is longer than a day is no length of anything in a call."""
    found = number(value)
    return None if found is None or abs(found) > _MAX_DURATION_S else found


def integer(value: JsonValue) -> int | None:
    """A whole number, also one that stands in a string; None for everything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = number(value)
    return int(found) if found is not None and found.is_integer() else None


def text(value: JsonValue) -> str | None:
    """A string that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def mapping(value: JsonValue) -> dict[str, Any]:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: JsonValue) -> list[Any]:
    """An array, or an empty one."""
    return value if isinstance(value, list) else []


MAX_DEPTH: Final = 32
"""How deeply nested a foreign value is kept; below that stands ``TOO_DEEP``."""

TOO_DEEP: Final = "(nested too deeply)"


def bounded(value: JsonValue, *, depth: int = MAX_DEPTH) -> JsonValue:
    """A foreign JSON value whose nesting no later encoder can trip over."""
    if not isinstance(value, dict | list):
        return value
    if depth <= 0:
        return TOO_DEEP
    if isinstance(value, list):
        return [bounded(item, depth=depth - 1) for item in value]
    return {key: bounded(item, depth=depth - 1) for key, item in value.items()}


def parsed(value: JsonValue) -> JsonValue:
    """The JSON inside a string attribute, or None where there is none."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(value, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
