"""The search for the offset between two clocks, and whether another one would do as well."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.reconcile.line import Line, fit_line
from echotrace.reconcile.match import REACH_S, match_events, pair_turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from echotrace.reconcile.match import Events

__all__ = ["LARGEST_DRIFT", "Candidate", "free_kinds", "grow", "search"]

LARGEST_DRIFT: Final = 0.005
"""Clocks of computers drift by less than 1e-4; beyond this something else is wrong."""

_BIN_S: Final = 0.05
_APART_S: Final = 0.4
"""Two candidates are at least this far apart."""
_CANDIDATES: Final = 12
_SLACK_S: Final = 0.2
_BLOCK_TURNS: Final = 32
_BLOCKS: Final = 4
_NEAR_S: Final = 0.03
_STEADY_TURNS: Final = 5
"""A drift is sought in no fewer turns than this: in fewer it follows any accident."""
_ROUNDS: Final = 4
_FITS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to lay a trace over a recording.

    ``score`` counts matched events, each by how near it is; ``quality`` is its share of what
    could be matched at best. ``at_s`` is the offset in the middle of the events that were used.
    """

    line: Line
    score: float
    quality: float
    at_s: float
    first_s: float
    last_s: float


def free_kinds(events: Sequence[Events]) -> tuple[str, ...]:
    """Return the kinds of events that have a lag of their own."""
    return tuple(item.kind for item in events if item.lags_s != (0.0, 0.0))


def search(
    events: Sequence[Events], *, window_s: tuple[float, float] | None = None
) -> tuple[Candidate, Candidate | None] | None:
    """Return the best way and the best one that is another; None where nothing meets.

    Of a long trace a few stretches are tried, because a drift smears the whole. ``window_s``
    bounds the offset.
    """
    best: tuple[Candidate, Candidate | None] | None = None
    for first_s, last_s in _blocks(events):
        found = [
            _refined(events, line, first_s, last_s)
            for line in _votes(events, first_s, last_s, window_s)
        ]
        found = [each for each in found if _allowed(events, each.line, window_s)]
        if not found:
            continue
        found.sort(key=lambda each: -each.score)
        if best is None or found[0].quality > best[0].quality:
            best = found[0], _other(events, found)
    return best


def _allowed(events: Sequence[Events], line: Line, window_s: tuple[float, float] | None) -> bool:
    """Whether fitting has left offset and lags about where they may be."""
    if window_s and not window_s[0] - REACH_S <= line.offset_s <= window_s[1] + REACH_S:
        return False
    return all(
        item.lags_s[0] - _SLACK_S <= line.lags_s.get(item.kind, 0.0) <= item.lags_s[1] + _SLACK_S
        for item in events
    )


def _other(events: Sequence[Events], found: Sequence[Candidate]) -> Candidate | None:
    """Return the best candidate that pairs turns differently from the first one, for the most."""
    own = _pairs(events, found[0])
    for each in found[1:]:
        its = _pairs(events, each)
        if len(own & its) <= min(len(own), len(its)) / 2:
            return each
    return None


def _pairs(events: Sequence[Events], candidate: Candidate) -> set[tuple[int, int]]:
    parts = [item.within(candidate.first_s, candidate.last_s) for item in events]
    return set(pair_turns(match_events(parts, candidate.line)).items())


def grow(events: Sequence[Events], candidate: Candidate) -> Candidate:
    """Fit the whole trace, from the stretch that was searched outwards on both sides."""
    first_s, last_s, line = candidate.first_s, candidate.last_s, candidate.line
    times = np.concatenate([item.trace_s for item in events])
    earliest, latest = float(times.min()), float(times.max())
    while first_s > earliest or last_s < latest:
        wider = max(last_s - first_s, 60.0) / 2
        first_s, last_s = max(earliest, first_s - wider), min(latest, last_s + wider)
        line = _settled(events, line, first_s, last_s)
    return _scored(events, line, first_s, last_s)


def _blocks(events: Sequence[Events]) -> list[tuple[float, float]]:
    times = np.sort(np.concatenate([item.trace_s for item in events]))
    turns = len(np.unique(np.concatenate([item.trace_turns for item in events])))
    count = max(1, round(turns / _BLOCK_TURNS))
    if count == 1:
        return [(float(times[0]), float(times[-1]))]
    chosen = np.unique(np.linspace(0, count - 1, min(count, _BLOCKS)).astype(int))
    size = len(times) / count
    return [(float(times[int(at * size)]), float(times[int((at + 1) * size) - 1])) for at in chosen]


def _votes(
    events: Sequence[Events], first_s: float, last_s: float, window_s: tuple[float, float] | None
) -> list[Line]:
    """Return the offsets, with lags, at which most events of a stretch fall on an edge.

    Every distance between an event and an edge is a vote. A kind with a lag votes for all offsets
    that its lag allows, with the most votes that it has in that range.
    """
    parts = [item.within(first_s, last_s) for item in events]
    distances = [(item.heard_s[None, :] - item.trace_s[:, None]).ravel() for item in parts]
    lowest = min((float(each.min()) for each in distances if len(each)), default=None)
    if lowest is None:
        return []
    highest = max(float(each.max()) for each in distances if len(each))
    if window_s is not None:
        lowest, highest = max(lowest, window_s[0]), min(highest, window_s[1])
    reach_s = max(max(abs(low), abs(high)) for low, high in (item.lags_s for item in parts))
    base_s = lowest - reach_s - 2 * _BIN_S
    bins = int((highest + reach_s - base_s) / _BIN_S) + 4
    if bins < 5:
        return []
    total = np.zeros(bins)
    counts: list[NDArray[np.float64]] = []
    for item, each in zip(parts, distances, strict=True):
        at = ((each - base_s) / _BIN_S).astype(np.int64)
        count = np.bincount(at[(each >= base_s) & (at < bins)], minlength=bins).astype(np.float64)
        counts.append(np.convolve(count, np.ones(3), mode="same"))
        total += _most_ahead(counts[-1], *_lag_bins(item))
    if window_s is not None:
        centres = base_s + (np.arange(bins) + 0.5) * _BIN_S
        total[(centres < window_s[0]) | (centres > window_s[1])] = 0.0
    found = []
    for _ in range(_CANDIDATES):
        peak = int(np.argmax(total))
        if total[peak] <= 0.0:
            break
        found.append(_voted(parts, counts, peak, base_s))
        near = round(_APART_S / _BIN_S)
        total[max(0, peak - near) : peak + near + 1] = 0.0
    return found


def _lag_bins(item: Events) -> tuple[int, int]:
    return round(item.lags_s[0] / _BIN_S), round(item.lags_s[1] / _BIN_S)


def _most_ahead(count: NDArray[np.float64], low: int, high: int) -> NDArray[np.float64]:
    """Return for each bin the largest of the bins ``low`` to ``high`` further on."""
    if low == high == 0:
        return count
    padded = np.concatenate([np.zeros(max(0, -low)), count, np.zeros(max(0, high))])
    begin = max(0, -low) + low
    windows = np.lib.stride_tricks.sliding_window_view(padded[begin:], high - low + 1)
    return np.asarray(windows.max(axis=1)[: len(count)])


def _voted(
    parts: Sequence[Events], counts: Sequence[NDArray[np.float64]], peak: int, base_s: float
) -> Line:
    lags = {}
    for item, count in zip(parts, counts, strict=True):
        low, high = _lag_bins(item)
        if low != high:
            begin = max(0, peak + low)
            window = count[begin : peak + high + 1]
            # The middle of a plateau, so that equal votes around the lag do not lean to one side.
            tops = np.flatnonzero(window == window.max())
            lags[item.kind] = (begin + float(tops.mean()) - peak) * _BIN_S
    return Line(offset_s=base_s + (peak + 0.5) * _BIN_S, lags_s=lags)


def _refined(events: Sequence[Events], line: Line, first_s: float, last_s: float) -> Candidate:
    return _scored(events, _settled(events, line, first_s, last_s), first_s, last_s)


def _settled(events: Sequence[Events], line: Line, first_s: float, last_s: float) -> Line:
    """Match and fit in turn, until it settles."""
    parts = [item.within(first_s, last_s) for item in events]
    free = free_kinds(events)
    for _ in range(_ROUNDS):
        matches = match_events(parts, line)
        if not len(matches):
            return line
        steady = len(np.unique(matches.trace_turns)) < _STEADY_TURNS
        fitted, _ = fit_line(matches, line, free=free, steady=steady, rounds=_FITS)
        if abs(fitted.drift) > LARGEST_DRIFT:
            fitted, _ = fit_line(matches, line, free=free, steady=True, rounds=_FITS)
        moved = max(abs(fitted.at(at) - line.at(at)) for at in (first_s, last_s))
        line = fitted
        if moved < 1e-4:
            break
    return line


def _scored(events: Sequence[Events], line: Line, first_s: float, last_s: float) -> Candidate:
    """Count what is matched: 1 for an event on its edge, 0 for one as far off as can be."""
    parts = [item.within(first_s, last_s) for item in events]
    rest = np.abs(match_events(parts, line).rest_s(line))
    near = np.log((REACH_S + _NEAR_S) / (rest + _NEAR_S)) / math.log((REACH_S + _NEAR_S) / _NEAR_S)
    score = float(near.sum())
    most = sum(item.most for item in parts)
    middle = (first_s + last_s) / 2
    return Candidate(
        line=line,
        score=score,
        quality=score / most if most else 0.0,
        at_s=line.at(middle) - middle,
        first_s=first_s,
        last_s=last_s,
    )
