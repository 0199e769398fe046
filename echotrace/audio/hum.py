"""Mains hum: a line at 50 or 60 Hz, or at twice that, which stands as steady as no voice does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LINES", "MIN_FRAMES", "Hum", "HumMeter", "find_hum", "with_sound"]

MAINS_HZ: Final = (50, 60)
LINES: Final = (50, 60, 100, 120)
PROMINENCE_DB: Final = 15.0
"""How far a line must stand above the frequencies beside it."""
LOWEST_DBFS: Final = -75.0
MIN_FRAMES: Final = 4
"""2.5 s: in less a held vowel is as steady as a hum."""
_FRAME_S: Final = 1.0
_TOP_HZ: Final = 140
_MOST_FRAMES: Final = 1024
_QUANTILE: Final = 0.25
"""Speech comes and goes, a hum is there in the quietest quarter too."""
_WIDTH_HZ: Final = 1
_BESIDE_HZ: Final = (4, 9)
_COARSE_HZ: Final = 4_000


@dataclass(frozen=True, slots=True)
class Hum:
    """A mains frequency in Hz, the level of its strongest line, and how far that stands out."""

    mains_hz: int
    level_dbfs: float
    prominence_db: float


class HumMeter:
    """Streaming: power at 0 to 140 Hz in frames of 1 s, one every half second.

    At most 1,024 frames are kept: every second one is left out when there are more. Half seconds
    begin at fixed samples, so that the block size never changes a result.
    """

    def __init__(self, rate_hz: int) -> None:
        self._factor = max(1, rate_hz // _COARSE_HZ)
        self._hop = round(rate_hz / self._factor * _FRAME_S / 2)
        size = 2 * self._hop
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
        # A line of amplitude a gives a / 2 times the sum of the window, which is size / 2.
        self._scale = 8.0 / size**2
        # A triangle over two steps: a tone at 3,950 Hz, which the coarse rate turns into 50 Hz,
        # loses 76 dB by it, and 140 Hz less than 0.04 dB.
        rise = (np.arange(self._factor) + 0.5) / self._factor**2
        self._triangle = np.stack([rise, rise[::-1]], axis=1).astype(np.float32)
        self._carry = np.zeros(1, np.float32)
        self._buffer = np.empty(self._hop * self._factor, np.float32)
        self._filled = 0
        self._half: NDArray[np.float32] | None = None
        self._number = 0
        self._stride = 1
        self._rows: list[NDArray[np.float32]] = []

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take finite samples (frames,); the array is not kept or changed."""
        taken, total, room = 0, samples.size, self._buffer.size
        while taken < total:
            size = min(room - self._filled, total - taken)
            self._buffer[self._filled : self._filled + size] = samples[taken : taken + size]
            self._filled += size
            taken += size
            if self._filled == room:
                self._filled = 0
                half = self._coarse()
                if self._half is not None:
                    self._take(np.concatenate([self._half, half]))
                self._half = half

    def _coarse(self) -> NDArray[np.float32]:
        rising, falling = (self._buffer.reshape(-1, self._factor) @ self._triangle).T
        half: NDArray[np.float32] = falling + np.concatenate([self._carry, rising[:-1]])
        self._carry = rising[-1:].copy()
        return half

    def _take(self, frame: NDArray[np.float32]) -> None:
        self._number += 1
        if (self._number - 1) % self._stride:
            return
        spectrum = np.fft.rfft((frame - frame.mean()) * self._window)[: _TOP_HZ + 1]
        power = (spectrum.real**2 + spectrum.imag**2) * self._scale
        self._rows.append(power.astype(np.float32))
        if len(self._rows) > _MOST_FRAMES:
            self._rows = self._rows[::2]
            self._stride *= 2

    def result(self) -> NDArray[np.float32]:
        """Return the power of a line at each Hz, (frames, 141); 1 is a mean square of 1."""
        return np.array(self._rows, np.float32).reshape(-1, _TOP_HZ + 1)


def find_hum(power: NDArray[np.float32]) -> Hum | None:
    """Return the mains hum in frames (frames, 141) of power per Hz, None when there is none.

    The caller checks that there are :data:`MIN_FRAMES` with sound; see :func:`with_sound`.
    """
    rows = with_sound(power)
    if len(rows) < MIN_FRAMES:
        return None
    steady = np.quantile(rows.astype(np.float64), _QUANTILE, axis=0)
    best: Hum | None = None
    for mains in MAINS_HZ:
        for line in (mains, 2 * mains):
            level = 10 * math.log10(max(float(steady[line - 1 : line + 2].max()), 1e-15))
            low, high = _BESIDE_HZ
            beside = np.r_[
                steady[line - high : line - low + 1], steady[line + low : line + high + 1]
            ]
            over = level - 10 * math.log10(max(float(np.median(beside)), 1e-15))
            if over < PROMINENCE_DB or level < LOWEST_DBFS:
                continue
            if best is None or over > best.prominence_db:
                best = Hum(mains, level, over)
    return best


def with_sound(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the frames that hold any sound: digital silence tells nothing of a hum."""
    heard: NDArray[np.float32] = power[power.sum(axis=1) > 1e-12]
    return heard
