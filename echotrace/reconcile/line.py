"""A straight line between two clocks, fitted so that a few wrong matches do not move it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echotrace.reconcile.match import Matches

__all__ = ["Line", "Spread", "fit_line", "step_in"]

_BIWEIGHT: Final = 4.685
"""Tukey's constant: 95 % of the efficiency of least squares on normal errors."""
_TO_SIGMA: Final = 1.4826
_EDGE_S: Final = 0.008
"""How far an edge is off at best: a frame of the level that it is found in."""
_LEAST_SIGMA: Final = 0.2
_ROUNDS: Final = 30
_FEW_ROUNDS: Final = 8
_SETTLED_S: Final = 1e-6
_NORMAL_95: Final = 1.959964
_SPLITS: Final = 40
_BESIDE: Final = 3
"""Fewest turns before and after a jump."""
_LEAST_JUMP_S: Final = 0.08
_JUMP_GAIN: Final = 0.7
_STEADY_S: Final = 0.012
"""No jump hides in events that lie this near to a straight line."""
_FAR_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Recording time = trace time * (1 + drift) + offset_s, trace time from its first event.

    ``lags_s`` says by kind of event how much later than the line it is heard.
    """

    offset_s: float
    drift: float = 0.0
    lags_s: dict[str, float] = field(default_factory=dict)

    def at(self, trace_s: float) -> float:
        """Return where a moment of the trace lies in the recording."""
        return trace_s * (1.0 + self.drift) + self.offset_s

    def places(self, trace_s: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
        """Return where events of a kind should be heard."""
        shift_s = self.offset_s + self.lags_s.get(kind, 0.0)
        return np.asarray(trace_s * (1.0 + self.drift) + shift_s, np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Half the width of the 95 % intervals; None where too few turns say anything."""

    offset_s: float | None = None
    drift: float | None = None


def fit_line(
    matches: Matches,
    start: Line,
    *,
    free: tuple[str, ...],
    steady: bool = False,
    rounds: int = _ROUNDS,
) -> tuple[Line, Spread]:
    """Fit offset, drift and the lags of the ``free`` kinds to matches, beginning at ``start``.

    Least squares with Tukey's biweight. An edge counts by the interval that the recording gives
    it, and each side has a scale of its own (the median absolute distance), because a detector's
    edges scatter more than the playing of sound. The intervals are
    those of an M-estimator (Huber and Ronchetti, "Robust Statistics", 2009, section 7.6), with the
    errors of one turn taken together. ``steady`` holds the drift where it is; few ``rounds`` are
    enough where another fit follows.
    """
    if not len(matches):
        return start, Spread()
    groups = _Groups(matches)
    lagged = [kind for kind in free if kind in groups.names]
    x = matches.trace_s
    middle = float(np.mean(x))
    columns = [np.ones_like(x), x - middle]
    columns += [(matches.kinds == kind).astype(np.float64) for kind in lagged]
    if steady:
        del columns[1]
    design = np.stack(columns, axis=1)
    held = [start.lags_s.get(kind, 0.0) if kind not in lagged else 0.0 for kind in groups.names]
    y = matches.heard_s - np.asarray(held)[groups.of] - x * (1.0 + start.drift)
    slope = [] if steady else [0.0]
    lags = [start.lags_s.get(kind, 0.0) for kind in lagged]
    beta = np.asarray([start.offset_s, *slope, *lags], np.float64)
    for _ in range(rounds):
        weights = groups.weights(y - design @ beta)
        moved = _solve(design, y, weights) - beta
        beta = beta + moved
        if float(np.abs(design @ moved).max()) < _SETTLED_S:
            break
    added = 0.0 if steady else float(beta[1])
    lags = [float(lag) for lag in beta[1 if steady else 2 :]]
    line = Line(
        offset_s=float(beta[0]) - middle * added,
        drift=start.drift + added,
        lags_s=start.lags_s | dict(zip(lagged, lags, strict=True)),
    )
    weights = groups.weights(y - design @ beta)
    at_origin = np.zeros(design.shape[1])
    at_origin[0] = 1.0
    if not steady:
        at_origin[1] = -middle
    return line, _spread(design, (y - design @ beta) * weights, weights, matches, at_origin)


class _Groups:
    """The kinds of the matches, and how much each match counts by the scatter of those like it."""

    def __init__(self, matches: Matches) -> None:
        names, of = np.unique(matches.kinds, return_inverse=True)
        self.names: list[str] = names.tolist()
        self.of = of.reshape(-1)
        scales = [name.partition(".")[0] + name.rpartition(".")[2] for name in self.names]
        own = np.asarray(scales, np.str_)[self.of]
        self._expected = np.hypot(_EDGE_S, matches.within_s / 2)
        self._members = [np.flatnonzero(own == scale) for scale in dict.fromkeys(scales)]

    def weights(self, rest: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.empty_like(rest)
        shares = rest / self._expected
        everything = _sigma(shares)
        for members in self._members:
            own = shares[members]
            few = 4.0 / (4.0 + len(own))
            sigma = few * everything + (1.0 - few) * _sigma(own)
            kept = np.clip(own / (_BIWEIGHT * sigma), -1.0, 1.0)
            found[members] = (1.0 - kept**2) ** 2 / (sigma * self._expected[members]) ** 2
        return found if found.any() else np.ones_like(rest)


def _sigma(shares: NDArray[np.float64]) -> float:
    return max(_LEAST_SIGMA, _TO_SIGMA * float(np.median(np.abs(shares))))


def _solve(
    design: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve weighted least squares; what nothing tells anything about stays near zero."""
    weighted = design * weights[:, None]
    scale = np.sqrt(np.maximum((design * weighted).sum(axis=0), 1e-30))
    normal = (design.T @ weighted) / np.outer(scale, scale)
    return np.asarray(np.linalg.pinv(normal, hermitian=True) @ (weighted.T @ y / scale) / scale)


def _spread(
    design: NDArray[np.float64],
    pulls: NDArray[np.float64],
    weights: NDArray[np.float64],
    matches: Matches,
    at_origin: NDArray[np.float64],
) -> Spread:
    turns = np.unique(matches.trace_turns, return_inverse=True)[1].reshape(-1)
    count = int(turns.max()) + 1
    free = count - 2
    if free < 1:
        return Spread()
    bread = np.linalg.pinv(design.T @ (design * weights[:, None]), hermitian=True)
    # How much of its own place each match explains: where that is much, its rest is too small.
    own = np.clip(np.einsum("ij,jk,ik->i", design, bread, design) * weights, 0.0, 0.9)
    shares = np.zeros(count)
    np.add.at(shares, turns, own)
    scores = np.zeros((count, design.shape[1]))
    np.add.at(scores, turns, design * pulls[:, None])
    scores /= 1.0 - np.clip(shares[:, None], 0.0, 0.7)
    covariance = bread @ (scores.T @ scores) @ bread * (count - 1) / count
    # Student's t by the first term of its expansion: a call has few turns.
    wide = _NORMAL_95 * (1.0 + (_NORMAL_95**2 + 1.0) / (4.0 * free))
    offset_s = wide * math.sqrt(max(0.0, float(at_origin @ covariance @ at_origin)))
    if not at_origin[1:].any():
        return Spread(offset_s=offset_s)
    return Spread(offset_s=offset_s, drift=wide * math.sqrt(max(0.0, float(covariance[1, 1]))))


def step_in(matches: Matches, line: Line, *, free: tuple[str, ...]) -> tuple[float, float] | None:
    """Return when the trace's clock jumped and by how much, in seconds; None for a steady clock.

    A line with one jump has to lie much nearer to the events than the best straight one.
    """
    order = np.argsort(matches.trace_s, kind="stable")
    turns = matches.trace_turns[order]
    new = np.r_[True, turns[1:] != turns[:-1]]
    begins = np.flatnonzero(new)[_BESIDE : -_BESIDE + 1]
    if not len(begins):
        return None
    straight = _misfit(matches, line, free)
    if straight < _STEADY_S:
        return None
    best: tuple[float, float, float] | None = None
    for at in begins[np.unique(np.linspace(0, len(begins) - 1, _SPLITS).astype(int))]:
        after = np.zeros(len(order))
        after[order[at:]] = 1.0
        jump_s = _jump(matches.trace_s, matches.rest_s(line), after)
        misfit = _misfit(matches.shifted(-jump_s * after), line, free)
        if best is None or misfit < best[0]:
            best = misfit, float(matches.trace_s[order[at]]), -jump_s
    if best is None or abs(best[2]) < _LEAST_JUMP_S or best[0] > _JUMP_GAIN * straight:
        return None
    return best[1], best[2]


def _jump(
    trace_s: NDArray[np.float64], rest: NDArray[np.float64], after: NDArray[np.float64]
) -> float:
    """Return by how much later events are heard from a moment on, by least absolute distances."""
    design = np.stack([np.ones_like(rest), trace_s - float(trace_s.mean()), after], axis=1)
    beta = np.zeros(3)
    for _ in range(_ROUNDS):
        moved = _solve(design, rest, 1.0 / np.maximum(np.abs(rest - design @ beta), 0.01)) - beta
        beta = beta + moved
        if float(np.abs(moved).max()) < 1e-4:
            break
    return float(beta[2])


def _misfit(matches: Matches, line: Line, free: tuple[str, ...]) -> float:
    """Return how far the events lie from the best line through them, on average."""
    rest = matches.rest_s(fit_line(matches, line, free=free, rounds=_FEW_ROUNDS)[0])
    return float(np.mean(np.minimum(np.abs(rest), _FAR_S)))
