"""JSON as it is defined and no more: without NaN, infinity, endless digits and half characters."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

from echotrace.printable import printable

__all__ = ["strict_json", "with_whole_characters"]

_MAX_DIGITS: Final = 19
_HALF_PAIRS: Final = re.compile("[\ud800-\udfff]")
"""Bytes of a foreign name or text that were no UTF-8: they stand as ``\\xNN``, as everywhere."""


def strict_json(text: str | bytes) -> Any:
    """Read a document.

    Raises:
        ValueError: it is no JSON, or holds what JSON has no word for.
        RecursionError: it is nested too deeply.
    """
    document = json.loads(text, parse_constant=_refused, parse_int=_bounded, parse_float=_finite)
    json.dumps(document, ensure_ascii=False).encode()  # refuses half a surrogate pair
    return document


def with_whole_characters(text: str) -> str:
    """Return a written document whose half surrogate pairs stand as printable text."""
    return _HALF_PAIRS.sub(lambda match: json.dumps(printable(match[0]))[1:-1], text)


def _refused(name: str) -> None:
    raise ValueError(f"{name} is not allowed in JSON")


def _bounded(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    """Return a number; JSON has no infinity, but digits that stand for one as a float."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:_MAX_DIGITS]} is too large a number")
    return number
