"""The span of a recording that ``--start`` and ``--end`` ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from echotrace.errors import UsageError

__all__ = ["Cut", "check_cut"]


@dataclass(frozen=True, slots=True)
class Cut:
    """Seconds on the recording's clock; ``end_s`` is None for the recording's own end."""

    start_s: float
    end_s: float | None


def check_cut(start_s: float | None, end_s: float | None) -> Cut:
    """Check a cut before any file is opened.

    Raises:
        UsageError: a time is negative or no number, or the cut is empty.
    """
    for name, value, example in (("--start", start_s, 12.5), ("--end", end_s, 30)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(
                f"{name} {value:g} is no time in a recording",
                hint=f"give seconds from its beginning, such as {name} {example:g}",
                code="CUT_INVALID",
            )
    begin = start_s or 0.0
    if end_s is not None and begin >= end_s:
        raise UsageError(
            f"--start {begin:g} is not before --end {end_s:g}",
            hint="the cut goes from --start to --end",
            code="CUT_EMPTY",
        )
    return Cut(begin, end_s)
