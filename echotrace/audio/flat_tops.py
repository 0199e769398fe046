"""Where a wave was cut off: runs at full scale, and flat tops that were turned down afterwards.

At full scale a run of samples is clipping by itself. Below it a crest that lasts is not: a tone of
50 Hz spends seven samples of 16 kHz within 0.1 % of its peak. What tells them apart is the kink.
A round crest leaves the top slowly, a wave that was cut off arrives and leaves at full speed.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "AT_FULL_SCALE",
    "CELL_S",
    "Cells",
    "Clipped",
    "FlatTops",
    "FullScaleRuns",
    "cell_samples",
]

AT_FULL_SCALE: Final = 0.999
"""Samples within 0.1 % of full scale are at full scale."""

CELL_S: Final = 0.02
"""How finely the places of clipping are kept: a fifth of the shortest word."""
MOST_CELLS: Final = 100_000
"""33 minutes of nothing but clipping, per polarity; what comes after is counted without a place."""
Cells = dict[int, int]
"""Clipped samples by cell, numbered from the first sample on."""
_RUN: Final = 3
_QUIETEST_PEAK: Final = 0.02
_LONGEST_PLATEAU_S: Final = 0.05
_FLATNESS: Final = 4e-5
"""1.3 steps of 16 bits: what turning down and rounding again leaves of a flat top."""
_BESIDE: Final = 32
"""How many samples beside a run are looked at, at most; a third of its length before that."""
_KINK: Final = 10.0
"""How far the wave must drop there, in steps of the recording. A crest spreads over one step; a
third of its length further out a parabola has dropped 2 more, and the flattest crest there is (a
tone and a ninth of its third harmonic, of the fourth order) 9."""
_KINK_OF_3: Final = 16.0
"""A run of 3 may end one sample from its middle: twice as far, that crest has dropped 15 steps."""


def cell_samples(rate_hz: int) -> int:
    """Return how many samples a cell has."""
    return max(1, round(CELL_S * rate_hz))


@dataclass(frozen=True, slots=True)
class Clipped:
    """Clipped samples, the runs that they form, the first run's first sample, and the places."""

    samples: int = 0
    runs: int = 0
    first: int | None = None
    cells: Cells = field(default_factory=dict)


class FullScaleRuns:
    """Runs of at least 3 samples of one polarity at full scale, over blocks of any length."""

    def __init__(self, rate_hz: int, level: float) -> None:
        self._cell = cell_samples(rate_hz)
        self._cells: Cells = {}
        self._level = level
        self._samples = self._runs = self._open = self._seen = 0
        self._first: int | None = None

    def push(self, samples: NDArray[np.float32], high: float, sign: int) -> None:
        """Take samples, to be multiplied by ``sign``; ``high`` is the highest product."""
        if high < self._level:
            self._close()
            self._seen += samples.size
            return
        level = self._level
        starts, ends = _runs_of(samples >= level if sign > 0 else samples <= -level)
        lengths = ends - starts
        if starts[0] == 0:
            lengths[0] += self._open
        else:
            self._close()
        ends += self._seen
        self._seen += samples.size
        self._open = 0
        if ends[-1] == self._seen:
            self._open = int(lengths[-1])
            ends, lengths = ends[:-1], lengths[:-1]
        enough = lengths >= _RUN
        self._samples += int(lengths[enough].sum())
        self._runs += int(np.count_nonzero(enough))
        if enough.any():
            begins = ends[enough] - lengths[enough]
            if self._first is None:
                self._first = int(begins[0])
            self._mark(begins, ends[enough])

    def _close(self) -> None:
        if self._open >= _RUN:
            begin = self._seen - self._open
            self._samples += self._open
            self._runs += 1
            self._first = begin if self._first is None else self._first
            self._mark(np.array([begin]), np.array([self._seen]))
        self._open = 0

    def result(self) -> Clipped:
        """What was found so far, the run at the end included."""
        ended = copy(self)
        ended._cells = dict(self._cells)
        ended._close()
        return Clipped(ended._samples, ended._runs, ended._first, ended._cells)

    def _mark(self, begins: NDArray[np.intp], ends: NDArray[np.intp]) -> None:
        """Add runs to the cells that they lie in."""
        cells, at = np.unique(begins // self._cell, return_inverse=True)
        inside = np.minimum(ends, (begins // self._cell + 1) * self._cell) - begins
        sums = np.bincount(at, weights=inside).astype(np.int64)
        for cell, count in zip(cells.tolist(), sums.tolist(), strict=True):
            self._add(cell, count)
        over = ends > (begins // self._cell + 1) * self._cell
        for begin, end in zip(begins[over].tolist(), ends[over].tolist(), strict=True):
            for cell in range(begin // self._cell + 1, (end - 1) // self._cell + 1):
                self._add(cell, min(end - cell * self._cell, self._cell))
                if len(self._cells) >= MOST_CELLS:
                    break

    def _add(self, cell: int, count: int) -> None:
        if cell in self._cells or len(self._cells) < MOST_CELLS:
            self._cells[cell] = self._cells.get(cell, 0) + count


class FlatTops:
    """Flat tops of one polarity below full scale, while the top itself may still rise.

    A step of the recording is the distance from the top to the next lower sample there is, which
    in 8 bits and in telephone codings is far; it is at least 1.3 steps of 16 bits. It is only
    known at the end, so a run is kept with its drop, not with a verdict.
    """

    def __init__(self, rate_hz: int, ceiling: float) -> None:
        self._longest = round(_LONGEST_PLATEAU_S * rate_hz)
        self._ceiling = ceiling
        self._level = _QUIETEST_PEAK
        self._top = self._below = -math.inf
        self._is_over = False
        self._runs: _Runs = {}
        self._cell = cell_samples(rate_hz)
        self._cells: _KinkCells = {}
        self._kept = np.empty(0, np.float32)
        self._done = self._seen = 0

    def push(self, samples: NDArray[np.float32], high: float, sign: int) -> None:
        """Take samples, to be multiplied by ``sign``; ``high`` is the highest product."""
        if self._is_over:
            return
        self._seen += samples.size
        if high >= self._ceiling:
            self._is_over = True
            return
        if high < self._level and self._done == self._kept.size:
            self._below = max(self._below, high)
            tail = samples[-_BESIDE:] * np.float32(sign)
            self._kept = np.concatenate([self._kept, tail])[-_BESIDE:]
            self._done = self._kept.size
            return
        self._rise(high)
        data = np.concatenate([self._kept, samples * np.float32(sign)])
        self._below = max(
            self._below, float(np.max(data, initial=-math.inf, where=data < self._level))
        )
        cut = self._scan(data, self._runs, self._cells)
        begin = max(0, cut - _BESIDE)
        if data.size - cut > self._longest + _BESIDE:
            # A constant voltage: so much of it is enough to know it for one when it ends.
            begin = cut = data.size - self._longest - _BESIDE
        self._kept, self._done = data[begin:].copy(), cut - begin

    def _rise(self, high: float) -> None:
        level = high - _FLATNESS
        if level > self._level:
            if self._top < level:
                self._below = max(self._below, self._top)
            self._level = level
            lowest = _bin(level)
            self._runs = {key: run for key, run in self._runs.items() if key[0] >= lowest}
            self._cells = {cell: of for cell, of in self._cells.items() if of[0] >= lowest}
        self._top = max(self._top, high)

    def _scan(
        self,
        data: NDArray[np.float32],
        runs: _Runs,
        cells: _KinkCells,
        *,
        at_end: bool = False,
    ) -> int:
        """Add the runs whose surroundings are known; return where the first unknown one begins."""
        starts, ends = _runs_of(data >= self._level)
        lengths = ends - starts
        beside = np.clip(lengths // 3, 1, _BESIDE)
        waits = (ends + beside > data.size) & ((lengths <= self._longest) | (ends == data.size))
        waits &= starts >= self._done
        cut = data.size if at_end or not waits.any() else int(starts[np.argmax(waits)])
        chosen = (starts >= self._done) & (starts < cut)
        chosen &= (lengths >= _RUN) & (lengths <= self._longest)
        if not chosen.any():
            return cut
        starts, ends, lengths = starts[chosen], ends[chosen], lengths[chosen]
        lows, drops = _drops(data, starts, ends, beside[chosen])
        kinks = drops / np.where(lengths == _RUN, _KINK_OF_3, _KINK)
        sharp = kinks > _FLATNESS
        base = self._seen - data.size
        for start, length, low, kink in zip(
            starts[sharp].tolist(),
            lengths[sharp].tolist(),
            lows[sharp].tolist(),
            kinks[sharp].tolist(),
            strict=True,
        ):
            key = _bin(low), _bin(kink)
            samples, count, first = runs.get(key, (0, 0, base + start))
            runs[key] = samples + length, count + 1, first
            cell = (base + start) // self._cell
            if cell in cells or len(cells) < MOST_CELLS:
                _, sharpest, clipped = cells.get(cell, (key[0], key[1], 0))
                cells[cell] = key[0], max(sharpest, key[1]), clipped + length
        return cut

    def result(self) -> Clipped:
        """What was found so far, the run at the end included; none where full scale is met."""
        step = max(_FLATNESS, self._top - self._below)
        if self._is_over or not math.isfinite(step):
            return Clipped()
        runs, cells = dict(self._runs), dict(self._cells)
        self._scan(self._kept, runs, cells, at_end=True)
        found = [run for (_, kink), run in runs.items() if kink > _bin(step)]
        return Clipped(
            sum(samples for samples, _, _ in found),
            sum(count for _, count, _ in found),
            min((first for _, _, first in found), default=None),
            {cell: clipped for cell, (_, kink, clipped) in cells.items() if kink > _bin(step)},
        )


_Runs = dict[tuple[int, int], tuple[int, int, int]]
"""(lowest sample, kink) in steps of 0.001 % -> (samples, runs, the first one's first sample)."""
_KinkCells = dict[int, tuple[int, int, int]]
"""Cell -> (lowest sample of the last run, sharpest kink, samples): the verdict comes at the end,
and is that of the sharpest run for the whole cell."""


def _runs_of(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    edges = np.flatnonzero(np.diff(mask.view(np.int8), prepend=0, append=0))
    return edges[0::2], edges[1::2]


def _drops(
    data: NDArray[np.float32],
    starts: NDArray[np.intp],
    ends: NDArray[np.intp],
    beside: NDArray[np.intp],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return each run's lowest sample and how far below it the wave lies on its flatter side.

    A side beyond the recording's first or last sample is left out of account.
    """
    padded = np.append(data, np.float32(0))
    lows = _lowest(padded, starts, ends)
    before = lows - _lowest(padded, np.maximum(starts - beside, 0), starts)
    after = lows - _lowest(padded, ends, np.minimum(ends + beside, data.size))
    endless = np.float32(np.inf)
    drops = np.minimum(
        np.where(starts > 0, before, endless), np.where(ends < data.size, after, endless)
    )
    return lows, np.where(np.isfinite(drops), drops, np.float32(0))


def _lowest(
    padded: NDArray[np.float32], begins: NDArray[np.intp], ends: NDArray[np.intp]
) -> NDArray[np.float32]:
    pairs = np.stack([begins, ends], axis=1).ravel()
    lowest: NDArray[np.float32] = np.minimum.reduceat(padded, pairs)[0::2]
    return lowest


def _bin(amplitude: float) -> int:
    return math.floor(1e5 * math.log(max(amplitude, 1e-6)))
