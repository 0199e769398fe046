"""A part of a turn while it is being laid, before its figure has bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["BY_TRACE", "FAINT_MS", "Piece", "rounded"]

BY_TRACE: Final = "by the trace"
FAINT_MS: Final = 0.05
"""Less than this is not told."""


@dataclass(slots=True, kw_only=True)
class Piece:
    """A part on its way: where it lies, and whether it touches an edge of the recording.

    ``less_ms`` and ``more_ms`` are how much shorter or longer it may be beside that.
    """

    key: str
    owner: str
    owner_kind: str
    start_s: float | None
    end_s: float | None
    ms: float
    method: str = BY_TRACE
    reason: str | None = None
    at_start: bool = False
    at_end: bool = False
    less_ms: float = 0.0
    more_ms: float = 0.0
    taken_from: str = "trace"


def rounded(at_s: float | None) -> float | None:
    """Return a moment to 0.1 ms."""
    return None if at_s is None else round(at_s, 4)
