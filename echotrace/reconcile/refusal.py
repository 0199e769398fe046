"""Why a trace cannot be laid over a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.reconcile.line import step_in
from echotrace.reconcile.match import match_events, pair_turns
from echotrace.reconcile.search import free_kinds, search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from echotrace.model.conversation import Turn
    from echotrace.reconcile.line import Line
    from echotrace.reconcile.match import Events, Matches
    from echotrace.reconcile.search import Candidate

__all__ = [
    "LARGEST_RESIDUAL_MS",
    "LEAST_MATCHES",
    "NEAR_S",
    "ambiguous",
    "jumps",
    "needed_quality",
    "sides",
    "too_far",
]

LEAST_MATCHES: Final = 3
LARGEST_RESIDUAL_MS: Final = 120.0
NEAR_S: Final = 0.2
"""Turns count as matched when one of their events is this near to its edge."""

_QUALITY: Final = (0.2, 5.5, 0.3, 0.8)
"""What a fit has to reach: the first, and the second over the events there can be, in bounds."""
_NEXT_BEST: Final = 0.75
"""Another offset that fits this nearly as well leaves open which is right."""
_LEAST_JUMPING: Final = 0.4
_LEAST_TOGETHER: Final = 0.6
"""Two stretches with a jump between them have to explain this share of a perfect fit."""
_STRAYS: Final = 0.1


def needed_quality(events: Sequence[Events]) -> float:
    """Return the share of a perfect fit that a trace has to reach.

    With few events a line and its lags can be laid through some of them by chance. Traces of other
    calls came to 0.54 at most with 10 events, 0.37 with 21 and 0.24 with 43 (182 pairs each); the
    right ones seldom come below 0.7 unless one side lacks turns.
    """
    most = sum(item.most for item in events)
    base, few, lowest, highest = _QUALITY
    return min(highest, max(lowest, base + few / max(most, 1)))


def sides(events: Sequence[Events]) -> tuple[int, int]:
    """Return how many turns of the trace and of the recording have events."""
    return (
        len(np.unique(np.concatenate([item.trace_turns for item in events]))),
        len(np.unique(np.concatenate([item.heard_turns for item in events]))),
    )


def too_far(
    turns: int, whole: Candidate, residual_ms: float | None, *, needed: float
) -> str | None:
    """Say when a fit rests on too few turns, or is none."""
    if turns < LEAST_MATCHES:
        return f"only {turns} turns could be matched; {LEAST_MATCHES} are needed"
    if residual_ms is not None and residual_ms > LARGEST_RESIDUAL_MS:
        return (
            f"the trace's events lie {residual_ms:.0f} ms from the best line, more than "
            f"{LARGEST_RESIDUAL_MS:.0f} ms: its times are too coarse, or it is of another call"
        )
    if whole.quality < needed:
        return (
            "the trace fits this recording nowhere: at the best offset its events come to "
            f"{whole.quality:.0%} of a perfect fit, {needed:.0%} are needed; "
            "it is probably of another call"
        )
    return None


def ambiguous(best: Candidate, other: Candidate | None) -> str | None:
    """Say when another offset, at which other turns belong together, fits nearly as well."""
    if other is None or other.score < _NEXT_BEST * best.score:
        return None
    return (
        f"two offsets fit nearly alike, {abs(best.at_s - other.at_s):.1f} s apart: the trace may "
        "be of another call"
    )


def jumps(
    events: Sequence[Events],
    turns: Sequence[Turn],
    matches: Matches,
    line: Line,
    near: dict[int, int],
    whole: Candidate,
) -> str | None:
    """Say when the trace's clock jumps.

    A short jump bends the line that was fitted; after a long one a second offset fits what the
    first one leaves over, and all of that comes before or after what the first one explains.
    """
    if whole.quality >= _LEAST_JUMPING:
        small = step_in(matches, line, free=free_kinds(events))
        if small is not None:
            return _words(line.at(small[0]), small[1])
    left = [item.without(set(near), set(near.values())) for item in events]
    left = [item for item in left if item.most]
    if not left or min(sides(left)) < LEAST_MATCHES or len(near) < LEAST_MATCHES:
        return None
    found = search(left)
    most = sum(item.most for item in events)
    if found is None or whole.score + found[0].score < _LEAST_TOGETHER * most:
        return None
    more = pair_turns(match_events(left, found[0].line, reach_s=NEAR_S))
    if len(more) < LEAST_MATCHES:
        return None
    some, others = (_begins(turns, pairs) for pairs in (near, more))
    jump_s = line.offset_s - found[0].line.offset_s
    if np.median(others) < np.median(some):
        some, others, jump_s = others, some, -jump_s
    if (some > others[0]).sum() > _STRAYS * len(some):
        return None
    return _words(float(others[0]), jump_s)


def _begins(turns: Sequence[Turn], pairs: dict[int, int]) -> NDArray[np.float64]:
    spans = [turns[heard].span_s for heard in pairs.values()]
    return np.sort(np.asarray([span[0] for span in spans if span is not None], np.float64))


def _words(at_s: float, jump_s: float) -> str:
    way = "forward" if jump_s > 0 else "back"
    return (
        f"the trace's clock jumps {way} by about {abs(jump_s):.2f} s "
        f"near {max(at_s, 0.0):.0f} s of the recording"
    )
