"""Which event of a trace is which edge in the recording, and which turn is which."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, replace
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from echotrace.model.conversation import Turn
    from echotrace.model.trace import Trace, TraceSide, TraceTurn
    from echotrace.reconcile.line import Line

__all__ = [
    "REACH_S",
    "Events",
    "Matches",
    "find_events",
    "match_events",
    "pair_turns",
    "placed_turns",
]

REACH_S: Final = 0.5
"""An event further from where the line puts it is taken for another one."""

_DAY_S: Final = 86_400.0
_LAGS_S: Final = {
    ("user", "start", "speech"): (-0.15, 0.5),
    ("user", "end", "speech"): (-0.5, 0.15),
    ("user", "start", "detected"): (-1.0, 0.05),
    ("user", "end", "detected"): (-2.5, 0.05),
    ("agent", "start", "playout"): (-0.05, 2.0),
    ("agent", "end", "playout"): (-1.0, 1.0),
    ("agent", "start", "detected"): (-1.0, 0.5),
    ("agent", "end", "detected"): (-2.5, 0.5),
}
"""How much later than it was written down an event may be heard: a detector tells of speech late,
and sound is handed over before it is heard (and has silence at its head)."""
_OTHER_LAGS_S: Final = (-0.5, 1.0)
_ANCHORS: Final = (
    "user.end.speech",
    "user.start.speech",
    "agent.start.speech",
    "agent.start.playout",
    "user.end.detected",
    "agent.start.detected",
    "user.start.detected",
)
_WEIGHTS: Final = {("user", "end"): 3.0, ("agent", "start"): 3.0}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Events:
    """Everything of one kind on both sides: both sorted by time, each with the turn it is of.

    ``within_s`` is half the width of each edge's interval in the recording, ``lags_s`` bounds how
    much later than the anchor kind these may be heard.
    """

    kind: str
    trace_s: NDArray[np.float64]
    trace_turns: NDArray[np.int64]
    heard_s: NDArray[np.float64]
    heard_turns: NDArray[np.int64]
    within_s: NDArray[np.float64]
    lags_s: tuple[float, float] = (0.0, 0.0)

    @property
    def most(self) -> int:
        """How many matches there can be."""
        return min(len(self.trace_s), len(self.heard_s))

    def within(self, first_s: float, last_s: float) -> Events:
        """Return the trace's events between two moments, with every edge of the recording."""
        some = slice(
            int(np.searchsorted(self.trace_s, first_s)),
            int(np.searchsorted(self.trace_s, last_s, side="right")),
        )
        return replace(self, trace_s=self.trace_s[some], trace_turns=self.trace_turns[some])

    def without(self, trace_turns: set[int], heard_turns: set[int]) -> Events:
        """Return what is left when some turns are taken away on either side."""
        kept = ~np.isin(self.trace_turns, list(trace_turns))
        left = ~np.isin(self.heard_turns, list(heard_turns))
        return replace(
            self,
            trace_s=self.trace_s[kept],
            trace_turns=self.trace_turns[kept],
            heard_s=self.heard_s[left],
            heard_turns=self.heard_turns[left],
            within_s=self.within_s[left],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matches:
    """Pairs of an event and an edge, as arrays of one length."""

    kinds: NDArray[np.str_]
    trace_s: NDArray[np.float64]
    heard_s: NDArray[np.float64]
    trace_turns: NDArray[np.int64]
    heard_turns: NDArray[np.int64]
    within_s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.trace_s)

    def shifted(self, by_s: NDArray[np.float64]) -> Matches:
        """Return the same pairs with the recording's side moved."""
        return replace(self, heard_s=self.heard_s + by_s)

    def rest_s(self, line: Line) -> NDArray[np.float64]:
        """Return how much later than the line puts it each event is heard."""
        names, of = np.unique(self.kinds, return_inverse=True)
        lags = np.asarray([line.lags_s.get(name, 0.0) for name in names.tolist()], np.float64)
        places = line.places(self.trace_s, "")
        return np.asarray(self.heard_s - places - (lags[of.reshape(-1)] if len(of) else 0.0))


def placed_turns(trace: Trace) -> tuple[frozenset[int], float | None]:
    """Return which turns lie within a day of most others, and when the first event of these was.

    A turn further away was stamped by another clock, or before the clock was set. There is no
    first event where no turn says when anybody spoke.
    """
    times = {at: [moment for _, _, moment in _moments(turn)] for at, turn in enumerate(trace.turns)}
    everything = [moment for own in times.values() for moment in own]
    if not everything:
        return frozenset(times), None
    middle = median(everything)
    near = frozenset(
        at for at, own in times.items() if all(abs(moment - middle) <= _DAY_S for moment in own)
    )
    return near, min((moment for at in near for moment in times[at]), default=middle)


def find_events(
    trace_turns: Sequence[TraceTurn], near: frozenset[int], turns: Sequence[Turn], origin_s: float
) -> tuple[tuple[Events, ...], str | None]:
    """Return the events of each kind that both sides have, and the kind that anchors the offset.

    The anchor is what the trace knows best: where it believes that the caller's speech ended.
    """
    told: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    for at, trace_turn in enumerate(trace_turns):
        for name, edge, moment in _moments(trace_turn) if at in near else ():
            told[f"{name}.{edge}"].append((moment - origin_s, at))
    heard: defaultdict[str, list[tuple[float, int, float]]] = defaultdict(list)
    for at, turn in enumerate(turns):
        for role, side in (("user", turn.user), ("agent", turn.agent)):
            if side is not None:
                spread_s = _half_s(side.start_low_s, side.start_high_s)
                heard[f"{role}.start"].append((side.start_s, at, spread_s))
                spread_s = _half_s(side.end_low_s, side.end_high_s)
                heard[f"{role}.end"].append((side.end_s, at, spread_s))
    found = []
    for kind in sorted(told):
        edges = heard[kind.rpartition(".")[0]]
        if edges:
            events, edges = sorted(told[kind]), sorted(edges)
            found.append(
                Events(
                    kind=kind,
                    trace_s=np.asarray([each[0] for each in events], np.float64),
                    trace_turns=np.asarray([each[1] for each in events], np.int64),
                    heard_s=np.asarray([each[0] for each in edges], np.float64),
                    heard_turns=np.asarray([each[1] for each in edges], np.int64),
                    within_s=np.asarray([each[2] for each in edges], np.float64),
                )
            )
    anchor = _anchor(found)
    if anchor is None:
        return (), None
    earliest, latest = _lags(anchor) if not anchor.endswith(".speech") else (0.0, 0.0)
    bounded = []
    for item in found:
        low, high = _lags(item.kind)
        bounds = (0.0, 0.0) if item.kind == anchor else (low - latest, high - earliest)
        bounded.append(replace(item, lags_s=bounds))
    return tuple(bounded), anchor


def _moments(turn: TraceTurn) -> Iterable[tuple[str, str, float]]:
    sides: tuple[tuple[str, TraceSide | None], ...] = (("user", turn.user), ("agent", turn.agent))
    for role, side in sides:
        if side is not None:
            if side.start_s is not None and isfinite(side.start_s):
                yield f"{role}.start", side.edge, side.start_s
            if side.end_s is not None and isfinite(side.end_s):
                yield f"{role}.end", side.edge, side.end_s


def _half_s(low_s: float | None, high_s: float | None) -> float:
    return 0.0 if low_s is None or high_s is None else max(0.0, high_s - low_s) / 2


def _anchor(found: list[Events]) -> str | None:
    """Return the first of the anchors with nearly as many events as any; else the fullest kind."""
    most = {item.kind: item.most for item in found}
    enough = max(most.values(), default=0) / 2
    for kind in _ANCHORS:
        if most.get(kind, 0) >= max(enough, 1):
            return kind
    return max(most, key=lambda kind: most[kind], default=None)


def _lags(kind: str) -> tuple[float, float]:
    role, which, edge = kind.split(".", 2)
    return _LAGS_S.get((role, which, edge), _OTHER_LAGS_S)


def match_events(events: Iterable[Events], line: Line, *, reach_s: float = REACH_S) -> Matches:
    """Match every event to the edge that it is nearest to and that is nearest to it.

    Such pairs never cross: of two events the later one has the later edge.
    """
    kinds: list[str] = []
    parts: list[tuple[NDArray[np.float64], ...]] = []
    turns: list[tuple[NDArray[np.int64], ...]] = []
    for item in events:
        if not item.most:
            continue
        places = line.places(item.trace_s, item.kind)
        edges = _nearest(places, item.heard_s)
        back = _nearest(item.heard_s, places)
        own = np.arange(len(places))
        kept = (back[edges] == own) & (np.abs(item.heard_s[edges] - places) <= reach_s)
        kinds += [item.kind] * int(kept.sum())
        chosen = edges[kept]
        parts.append((item.trace_s[kept], item.heard_s[chosen], item.within_s[chosen]))
        turns.append((item.trace_turns[kept], item.heard_turns[chosen]))
    nothing, nobody = np.zeros(0), np.zeros(0, np.int64)
    return Matches(
        kinds=np.asarray(kinds, np.str_),
        trace_s=np.concatenate([nothing, *(pair[0] for pair in parts)]),
        heard_s=np.concatenate([nothing, *(pair[1] for pair in parts)]),
        trace_turns=np.concatenate([nobody, *(pair[0] for pair in turns)]),
        heard_turns=np.concatenate([nobody, *(pair[1] for pair in turns)]),
        within_s=np.concatenate([nothing, *(pair[2] for pair in parts)]),
    )


def _nearest(wanted: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each of the sorted ``wanted`` where the nearest of the sorted ``there`` stands."""
    after = np.clip(np.searchsorted(there, wanted), 1, len(there) - 1) if len(there) > 1 else None
    if after is None:
        return np.zeros(len(wanted), np.int64)
    nearer = np.abs(there[after - 1] - wanted) <= np.abs(there[after] - wanted)
    return np.asarray(np.where(nearer, after - 1, after), np.int64)


def pair_turns(matches: Matches) -> dict[int, int]:
    """Return which turn of the recording each turn of the trace is, by their places.

    Where events of one turn point to different turns, the caller's end and the agent's start count
    most, and no two pairs cross: the heaviest chain that rises on both sides.
    """
    weights: defaultdict[tuple[int, int], float] = defaultdict(float)
    begins: dict[int, float] = {}
    for kind, moment, told, heard in zip(
        matches.kinds.tolist(),
        matches.trace_s.tolist(),
        matches.trace_turns.tolist(),
        matches.heard_turns.tolist(),
        strict=True,
    ):
        role, which, _ = kind.split(".", 2)
        weights[told, heard] += _WEIGHTS.get((role, which), 1.0)
        begins[told] = min(moment, begins.get(told, moment))
    order = sorted(weights, key=lambda pair: (begins[pair[0]], pair[0], -pair[1]))
    return _heaviest_chain(order, weights)


def _heaviest_chain(
    order: list[tuple[int, int]], weights: dict[tuple[int, int], float]
) -> dict[int, int]:
    """Return the heaviest strictly rising chain; pairs come by the trace, edges falling.

    ``ends`` and ``totals`` hold, both rising, the last edge and the weight of chains that none
    with an earlier edge outweighs.
    """
    ends: list[int] = []
    totals: list[float] = []
    lasts: list[tuple[int, int]] = []
    before: dict[tuple[int, int], tuple[int, int] | None] = {}
    for pair in order:
        at = bisect_right(ends, pair[1] - 1)
        total = weights[pair] + (totals[at - 1] if at else 0.0)
        before[pair] = lasts[at - 1] if at else None
        until = at
        while until < len(ends) and totals[until] <= total:
            until += 1
        if until > at or at == len(ends) or ends[at] != pair[1]:
            ends[at:until], totals[at:until], lasts[at:until] = [pair[1]], [total], [pair]
    chain: dict[int, int] = {}
    last = lasts[-1] if lasts else None
    while last is not None:
        chain[last[0]] = last[1]
        last = before[last]
    return chain
