"""The clock of a trace laid over that of a recording, or the reason why that cannot be done.

Offsets and lags cannot be told apart by one kind of event: an agent that starts 270 ms later than
its trace says may have a slow transport or a trace whose clock is 270 ms behind. The anchor here
is the caller's speech: where a detector's edges are, with its waits taken off, the caller's edges
in the recording are taken to be. Every other kind of event gets a constant lag of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.model.conversation import Turn
from echotrace.model.measure import Measurement
from echotrace.model.reconciled import ClockFit
from echotrace.model.trace import TraceTurn
from echotrace.reconcile.line import Line, Spread, fit_line
from echotrace.reconcile.match import (
    Matches,
    find_events,
    match_events,
    pair_turns,
    placed_turns,
)
from echotrace.reconcile.refusal import (
    LARGEST_RESIDUAL_MS,
    LEAST_MATCHES,
    NEAR_S,
    ambiguous,
    jumps,
    needed_quality,
    sides,
    too_far,
)
from echotrace.reconcile.search import LARGEST_DRIFT, Candidate, free_kinds, grow, search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.conversation import Conversation
    from echotrace.model.trace import Trace
    from echotrace.reconcile.match import Events

__all__ = ["LARGEST_RESIDUAL_MS", "LEAST_MATCHES", "Fit", "fit_clock"]

_PRIOR_S: Final = 3.0
"""How far from where the trace says the recording begins it is looked for first."""
_ONE_EDGE_S: Final = 0.06
"""Starts may be heard this much earlier than ends by the trace, for both to mean one clock..."""
_HIDDEN_S: Final = 0.4
"""... or this much later: noise hides where speech begins and where it ends."""
_BETWEEN: Final = 0.15
"""The share of the distance between starts and ends by which the clock between them is unsure."""
_WINDOW_S: Final = 0.016
"""Half of a window in which detectors look for speech: their edges may all be late by as much."""
_WIDEST_DRIFT: Final = 5e-4
_ANCHOR_WORDS: Final = {
    "user": "the caller's edges by the trace's detector taken for those in the recording",
    "agent": "the agent's edges by the trace taken for those in the recording",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The clock, the turns that belong together in order of time, and the lags behind them.

    ``lags_ms`` says by kind of event (``agent.start.playout``) how much later than on the trace
    it is heard, beyond the clock: for sound that is handed over, transport and leading silence.
    """

    clock: ClockFit
    pairs: tuple[tuple[TraceTurn | None, Turn | None], ...]
    lags_ms: dict[str, float] = field(default_factory=dict)
    drift: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the trace has a place on the recording's clock."""
        return self.clock.status != "refused"

    def to_recording(self, trace_s: float) -> float:
        """Return the moment on the recording's clock; from the first event on where none holds."""
        offset_ms = self.clock.offset_ms
        offset_s = 0.0 if offset_ms is None else (offset_ms.value or 0.0) / 1000
        return (trace_s - self.clock.origin_s) * (1.0 + self.drift) + offset_s


def fit_clock(trace: Trace, conversation: Conversation, *, offset_ms: float | None = None) -> Fit:
    """Find offset and drift between a trace and a recording, and which turns belong together.

    ``offset_ms`` is where the trace's first speech event lies in the recording, when the user
    knows it. Otherwise the answer is refused, with a reason, when fewer than 3 turns match, when
    the events lie further than 120 ms from the line, when another offset fits nearly as well, and
    when the trace's clock jumps.
    """
    work = _Work(trace, conversation)
    if offset_ms is not None:
        return work.given(offset_ms)
    if conversation.status != "measured" or not conversation.turns:
        reason = conversation.reason or "nobody takes turns in the recording"
        return work.stated(f"the recording has no turns: {reason}")
    if work.apart >= LEAST_MATCHES:
        return work.stated(
            f"the trace's clock jumps by more than a day: {work.apart} of its turns lie elsewhere"
        )
    if not work.placed:
        return work.stated("the trace does not say when anybody spoke")
    if work.anchor is None:
        return work.stated("the trace and the recording have no side in common")
    return work.fitted()


class _Work:
    """One trace and one recording on the way to a fit; times of the trace are from its origin."""

    def __init__(self, trace: Trace, conversation: Conversation) -> None:
        self._trace = trace
        near, first_s = placed_turns(trace)
        self.placed = first_s is not None
        self.apart = len(trace.turns) - len(near)
        self._origin_s = first_s or 0.0
        self._told: Sequence[TraceTurn] = trace.turns
        self._turns: Sequence[Turn] = conversation.turns
        self._events, self.anchor = find_events(self._told, near, self._turns, self._origin_s)

    def given(self, offset_ms: float) -> Fit:
        """Take the user's word for the offset; the lags are fitted and the drift is none."""
        line = Line(offset_s=offset_ms / 1000)
        pairs: dict[int, int] = {}
        if self._events:
            lagged = self._lags(line)
            matches = match_events(self._events, lagged)
            pairs = pair_turns(matches)
            line = lagged
        offset = Measurement.measured(round(offset_ms, 3), "ms", method="given by the user")
        return self._fit("given", line, offset, _no_drift("the offset was given"), pairs)

    def _lags(self, line: Line) -> Line:
        """Return the line with the lag that most events of each kind agree on."""
        lags = {}
        for item in self._events:
            low, high = item.lags_s
            if low == high:
                continue
            distances = (item.heard_s[None, :] - item.trace_s[:, None] - line.offset_s).ravel()
            inside = np.sort(distances[(distances >= low) & (distances <= high)])
            if len(inside):
                counts = np.searchsorted(inside, inside + 0.1) - np.arange(len(inside))
                lags[item.kind] = float(inside[np.argmax(counts)]) + 0.05
        return replace(line, lags_s=lags)

    def stated(self, reason: str) -> Fit:
        """Take the trace's word for where the recording begins; refuse where it says nothing."""
        begins_s = self._trace.recording_start_s
        if begins_s is None or not np.isfinite(begins_s):
            return self._refused(reason)
        stated = self.given((self._origin_s - begins_s) * 1000)
        offset = Measurement.estimated(
            round((self._origin_s - begins_s) * 1000, 3),
            "ms",
            reason=reason,
            method="where the trace says that the recording begins",
        )
        drift = _no_drift(reason)
        clock = replace(
            stated.clock, status="stated", offset_ms=offset, drift_ppm=drift, reason=reason
        )
        return replace(stated, clock=clock)

    def fitted(self) -> Fit:
        """Search, fit and judge."""
        most = min(sides(self._events))
        if most < LEAST_MATCHES:
            return self.stated(
                f"only {most} turns could be matched at all; {LEAST_MATCHES} are needed"
            )
        found = self._searched()
        if found is None:
            return self.stated("no event of the trace falls on an edge in the recording")
        best, other = found
        whole = grow(self._events, best)
        events, line = self._anchored(whole.line)
        line, spread, steady = _final(events, line)
        matches = match_events(events, line)
        near = pair_turns(match_events(events, line, reach_s=NEAR_S))
        residual_ms = _residual_ms(matches, line)
        reason = (
            jumps(events, self._turns, matches, line, near, whole)
            or too_far(len(near), whole, residual_ms, needed=needed_quality(self._events))
            or ambiguous(best, other)
        )
        if reason is not None:
            return self._refused(reason, residual_ms=residual_ms, matches=len(near))
        apart_s = _apart_s(matches, line, events)
        if spread.offset_s is not None:
            unsure_s = math.hypot(spread.offset_s, _BETWEEN * apart_s, _WINDOW_S)
            spread = replace(spread, offset_s=unsure_s)
        offset, drift = self._figures(line, spread, matches, steady=steady)
        pairs = pair_turns(matches)
        return self._fit("fitted", line, offset, drift, pairs, residual_ms=residual_ms)

    def _searched(self) -> tuple[Candidate, Candidate | None] | None:
        """Look where the trace says that the recording begins, then everywhere."""
        begins_s = self._trace.recording_start_s
        if begins_s is not None and np.isfinite(begins_s):
            stated_s = self._origin_s - begins_s
            found = search(self._events, window_s=(stated_s - _PRIOR_S, stated_s + _PRIOR_S))
            if found is not None and found[0].quality >= needed_quality(self._events):
                return found
        return search(self._events)

    def _anchored(self, line: Line) -> tuple[tuple[Events, ...], Line]:
        """Choose which of the caller's edges the clock stands on, and move the line there.

        Both, where they can mean the same clock. Noise hides where speech begins and where it
        ends: starts are read late and ends early, and the clock lies between them, nearer to
        those with the narrower intervals. Where they are further apart the trace's edges are not
        what they are said to be; a detector is late and never early, so that the kind that comes
        later in the recording is the truer one.
        """
        starts, ends = (self._kind(f"user.{which}.speech") for which in ("start", "end"))
        if starts is None or ends is None or self.anchor not in (starts.kind, ends.kind):
            return self._events, line
        later_s = line.lags_s.get(starts.kind, 0.0) - line.lags_s.get(ends.kind, 0.0)
        true = {starts.kind} if later_s > _HIDDEN_S else {ends.kind}
        if -_ONE_EDGE_S <= later_s <= _HIDDEN_S:
            true = {starts.kind, ends.kind}
        moved_s = line.lags_s.get(starts.kind, 0.0) if starts.kind in true else 0.0
        moved_s = moved_s / len(true)
        lags = {kind: lag - moved_s for kind, lag in line.lags_s.items()}
        lags |= {ends.kind: line.lags_s.get(ends.kind, 0.0) - moved_s} | dict.fromkeys(true, 0.0)
        events = tuple(
            replace(item, lags_s=(0.0, 0.0) if item.kind in true else _freed(item))
            for item in self._events
        )
        return events, replace(line, offset_s=line.offset_s + moved_s, lags_s=lags)

    def _kind(self, name: str) -> Events | None:
        return next((item for item in self._events if item.kind == name), None)

    def _figures(
        self, line: Line, spread: Spread, matches: Matches, *, steady: bool
    ) -> tuple[Measurement, Measurement]:
        value, count = round(line.offset_s * 1000, 3), len(matches)
        half_ms = None if spread.offset_s is None else spread.offset_s * 1000
        anchor = self.anchor or ""
        role, _, edge = anchor.split(".", 2)
        evidence = {
            "method": f"biweight line through speech events; {_ANCHOR_WORDS[role]}",
            "low": None if half_ms is None else round(value - half_ms, 3),
            "high": None if half_ms is None else round(value + half_ms, 3),
            "n": count,
        }
        if edge == "playout" and half_ms is not None:
            # Speech is detected after it was: the detector's clock bounds the offset from below.
            told = [lag for kind, lag in line.lags_s.items() if kind.endswith(".detected")]
            evidence["low"] = round(value + max(told) * 1000 - half_ms, 3) if told else None
        if edge == "speech":
            offset = Measurement.measured(value, "ms", **evidence)
        else:
            reason = (
                "the trace tells when sound was handed over and not when it was heard: the offset "
                "holds the transport's delay and the silence before the speech"
                if edge == "playout"
                else "the trace tells when speech was detected, which the detector's wait delays"
            )
            offset = Measurement.estimated(value, "ms", reason=reason, **evidence)
        if steady:
            return offset, _no_drift("the matched turns are too few or too close for it")
        ppm = line.drift * 1e6
        half = (spread.drift or 0.0) * 1e6
        drift = Measurement.measured(
            round(ppm, 2),
            "ppm",
            method="slope of the same line",
            low=round(ppm - half, 2),
            high=round(ppm + half, 2),
            n=count,
        )
        return offset, drift

    def _refused(self, reason: str, *, residual_ms: float | None = None, matches: int = 0) -> Fit:
        clock = ClockFit(
            status="refused",
            origin_s=self._origin_s,
            matches=matches,
            unmatched_trace=len(self._told),
            unmatched_recording=len(self._turns),
            residual_ms=residual_ms,
            reason=reason,
        )
        pairs = [(turn, None) for turn in self._in_order()]
        return Fit(clock=clock, pairs=(*pairs, *((None, turn) for turn in self._turns)))

    def _in_order(self) -> list[TraceTurn]:
        return sorted(self._told, key=lambda turn: (_begin_s(turn), turn.id))

    def _fit(
        self,
        status: str,
        line: Line,
        offset: Measurement,
        drift: Measurement,
        pairs: dict[int, int],
        residual_ms: float | None = None,
    ) -> Fit:
        if residual_ms is None and pairs:
            residual_ms = _residual_ms(match_events(self._events, line), line)
        clock = ClockFit(
            status=status,
            origin_s=self._origin_s,
            offset_ms=offset,
            drift_ppm=drift,
            matches=len(pairs),
            unmatched_trace=len(self._told) - len(pairs),
            unmatched_recording=len(self._turns) - len(pairs),
            residual_ms=residual_ms,
        )
        slope = 0.0 if drift.value is None else drift.value / 1e6
        fit = Fit(clock=clock, pairs=(), lags_ms=_in_ms(line), drift=slope)
        return replace(fit, pairs=self._paired(fit, pairs))

    def _paired(
        self, fit: Fit, pairs: dict[int, int]
    ) -> tuple[tuple[TraceTurn | None, Turn | None], ...]:
        """Return every turn of either side once, in the order of the recording's clock."""
        entries: list[tuple[float, TraceTurn | None, Turn | None]] = []
        for at, told in enumerate(self._told):
            if at in pairs:
                heard = self._turns[pairs[at]]
                entries.append(((heard.span_s or (0.0, 0.0))[0], told, heard))
            else:
                entries.append((fit.to_recording(_begin_s(told)), told, None))
        met = set(pairs.values())
        entries += [
            ((turn.span_s or (0.0, 0.0))[0], None, turn)
            for at, turn in enumerate(self._turns)
            if at not in met
        ]
        entries.sort(key=lambda entry: entry[0])
        return tuple((told, heard) for _, told, heard in entries)


def _final(events: Sequence[Events], line: Line) -> tuple[Line, Spread, bool]:
    """Fit once more; a drift that could be anything within 500 ppm is held at none."""
    free = free_kinds(events)
    spread = Spread()
    for _ in range(3):
        line, spread = fit_line(match_events(events, line), line, free=free)
    if (
        spread.drift is not None
        and spread.drift <= _WIDEST_DRIFT
        and abs(line.drift) <= LARGEST_DRIFT
    ):
        return line, spread, False
    times = np.concatenate([item.trace_s for item in events])
    middle = float(times.max() + times.min()) / 2
    line = replace(line, offset_s=line.at(middle) - middle, drift=0.0)
    for _ in range(3):
        line, spread = fit_line(match_events(events, line), line, free=free, steady=True)
    return line, spread, True


def _freed(item: Events) -> tuple[float, float]:
    low, high = item.lags_s
    return (low, high) if low != high else (-1.0, 1.0)


def _apart_s(matches: Matches, line: Line, events: Sequence[Events]) -> float:
    """Return how far the caller's starts and ends lie from each other, where both are anchors."""
    rest = matches.rest_s(line)
    anchors = [item.kind for item in events if item.lags_s == (0.0, 0.0)]
    medians = [
        float(np.median(rest[matches.kinds == kind]))
        for kind in anchors
        if (matches.kinds == kind).any()
    ]
    return max(medians, default=0.0) - min(medians, default=0.0)


def _residual_ms(matches: Matches, line: Line) -> float | None:
    if not len(matches):
        return None
    return round(float(np.median(np.abs(matches.rest_s(line)))) * 1000, 3)


def _begin_s(turn: TraceTurn) -> float:
    times = [
        at
        for side in (turn.user, turn.agent)
        if side is not None
        for at in (side.start_s, side.end_s)
        if at is not None
    ]
    return min(times, default=float("inf"))


def _no_drift(reason: str) -> Measurement:
    return Measurement.not_measurable("ppm", f"{reason}; it is taken as none")


def _in_ms(line: Line) -> dict[str, float]:
    return {kind: round(lag * 1000, 3) for kind, lag in line.lags_s.items()}
