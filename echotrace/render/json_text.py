"""JSON for programs that are strict about it."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["dumps"]


def dumps(value: Any) -> str:
    """Return the value as one line of JSON without NaN and without half characters."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    return text.encode("utf-8", errors="replace").decode("utf-8")
