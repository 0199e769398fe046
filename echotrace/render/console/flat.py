"""Any JSON value as rows of a name and a text: for results that have no view of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from echotrace.render.console.figures import MOCK, number, quantity, words

__all__ = ["flat"]

_LONGEST = 2_000


def flat(data: Any, *, depth: int) -> Iterator[tuple[str, str]]:
    """Yield a row per value with its dotted name; what nests deeper than ``depth`` is one text."""
    return _flat("", data, depth)


def _flat(key: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and "status" in value and "unit" in value:
        yield key, _figure(value)
    elif isinstance(value, Mapping) and value and depth:
        for name, item in value.items():
            yield from _flat(f"{key}.{name}" if key else str(name), item, depth - 1)
    elif isinstance(value, (list, tuple)) and value and depth:
        if all(isinstance(item, (str, int, float)) for item in value):
            yield key, ", ".join(_scalar(item) for item in value[:50])
        else:
            for at, item in enumerate(value):
                yield from _flat(f"{key}[{at}]", item, depth - 1)
    else:
        yield key, _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**12 else str(value)[:_LONGEST]
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else number(value, 1)
    if value is None:
        return "n/a"
    return str(value)[:_LONGEST]


def _figure(item: Mapping[str, Any]) -> str:
    """Show a dict that has the shape of a Measurement as one."""
    value, status = item.get("value"), str(item["status"])
    if not isinstance(value, (int, float)):
        return f"n/a  {words(status)}: {item.get('reason') or 'no reason given'}"
    shown = quantity(float(value), str(item["unit"]))
    if status == "simulated":
        return f"{MOCK} {shown}"
    return shown if status == "measured" else f"{shown}  {words(status)}"
