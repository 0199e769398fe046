"""Levels in dBFS: conversions and the active speech level of ITU-T P.56, method B, streaming.

0 dBFS is a power of 1.0 (a full-scale square wave, which telephony calls dBov).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BLOCK_SAMPLES",
    "MIN_POWER",
    "ActiveLevel",
    "ActiveLevelMeter",
    "active_level",
    "amplitude_dbfs",
    "power_dbfs",
    "power_from_db",
]

MIN_POWER: Final = 1e-15
"""-150 dBFS: a power below this (half a 24-bit step is -149 dBFS) is digital silence."""

BLOCK_SAMPLES: Final = 64
"""4 ms at 16 kHz: the envelope of P.56 moves with 30 ms, so 4 ms blocks lose below 0.01 dB."""

SMOOTHING_S: Final = 0.03
HANGOVER_BLOCKS: Final = 50
"""200 ms."""
MARGIN_DB: Final = 15.9
"""A threshold counts as the right one when it lies this far below the level that it gives."""

_DECAY: Final = math.exp(-BLOCK_SAMPLES / 16_000 / SMOOTHING_S)
_STEP: Final = 50
_LAG: Final = np.arange(_STEP)[:, None] - np.arange(_STEP)[None, :]
_KERNEL: Final = np.where(_LAG >= 0, (1 - _DECAY) * _DECAY ** np.maximum(_LAG, 0), 0.0)
_CARRY: Final = _DECAY ** np.arange(1, _STEP + 1)
_THRESHOLDS: Final = 2.0 ** np.arange(-24, 1)


def power_dbfs(power: float) -> float:
    """Return 10 log10(power), never below that of MIN_POWER."""
    return 10.0 * math.log10(max(power, MIN_POWER))


def amplitude_dbfs(amplitude: float) -> float:
    """Return 20 log10 |amplitude|, never below that of MIN_POWER."""
    return power_dbfs(amplitude * amplitude)


def power_from_db(level_db: float) -> float:
    """Return the power ratio of a level in dB."""
    return float(10.0 ** (level_db / 10.0))


@dataclass(frozen=True, slots=True)
class ActiveLevel:
    """Active speech level in dBFS and the share of time (0 to 1) that was active."""

    level_dbfs: float
    activity: float


class ActiveLevelMeter:
    """ITU-T P.56 method B over a stream: thresholds 6 dB apart, one-pole smoother twice.

    Its state is a few numbers whatever the length. Raw samples are taken as they come; whoever
    expects a DC offset removes it first.
    """

    def __init__(self) -> None:
        self._sum_of_squares = 0.0
        self._active_samples = np.zeros(len(_THRESHOLDS), np.int64)
        self._samples = 0
        self._smooth = [0.0, 0.0]
        self._recent = np.zeros(HANGOVER_BLOCKS)

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take samples (frames,) at 16 kHz; only the last call may hold no multiple of 64."""
        count = len(samples)
        if not count:
            return
        whole = count // BLOCK_SAMPLES * BLOCK_SAMPLES
        blocks = samples[:whole].reshape(-1, BLOCK_SAMPLES)
        size = np.full(len(blocks), BLOCK_SAMPLES, np.int64)
        magnitude = np.abs(blocks).mean(axis=1, dtype=np.float64)
        self._sum_of_squares += float(np.einsum("ij,ij->i", blocks, blocks, dtype=np.float64).sum())
        if whole < count:
            rest = samples[whole:].astype(np.float64)
            magnitude = np.append(magnitude, np.abs(rest).mean())
            size = np.append(size, count - whole)
            self._sum_of_squares += float(rest @ rest)
        self._samples += count
        for stage in (0, 1):
            magnitude, self._smooth[stage] = _one_pole(magnitude, self._smooth[stage])
        history = np.concatenate([self._recent, magnitude])
        self._recent = history[-HANGOVER_BLOCKS:]
        held = np.lib.stride_tricks.sliding_window_view(history, HANGOVER_BLOCKS + 1).max(axis=1)
        reached = np.searchsorted(_THRESHOLDS, held, side="right")
        per_bin = np.bincount(reached, weights=size, minlength=len(_THRESHOLDS) + 1)
        self._active_samples += np.rint(per_bin[::-1].cumsum()[::-1][1:]).astype(np.int64)

    def result(self) -> ActiveLevel | None:
        """Return the level so far; None where there was nothing but digital silence."""
        if self._sum_of_squares < MIN_POWER * max(self._samples, 1) or not self._active_samples[0]:
            return None
        usable = self._active_samples > 0
        active = self._active_samples[usable].astype(np.float64)
        level = 10.0 * np.log10(self._sum_of_squares / active)
        excess = level - 20.0 * np.log10(_THRESHOLDS[usable]) - MARGIN_DB
        below = np.flatnonzero(excess <= 0.0)
        if not len(below):
            chosen = float(level[-1])
        elif below[0] == 0:
            chosen = float(level[0])
        else:
            at = int(below[0])
            share = excess[at - 1] / (excess[at - 1] - excess[at])
            chosen = float(level[at - 1] + share * (level[at] - level[at - 1]))
        activity = self._sum_of_squares / power_from_db(chosen) / self._samples
        return ActiveLevel(chosen, min(1.0, activity))


def active_level(samples: NDArray[np.float32]) -> ActiveLevel | None:
    """Return the active speech level of one whole channel (frames,) at 16 kHz."""
    meter = ActiveLevelMeter()
    meter.push(samples)
    return meter.result()


def _one_pole(values: NDArray[np.float64], state: float) -> tuple[NDArray[np.float64], float]:
    """Smooth ``values``; a small matrix per 50 steps stands for the recursion."""
    smooth = np.empty(len(values))
    for at in range(0, len(values), _STEP):
        part = values[at : at + _STEP]
        size = len(part)
        smooth[at : at + size] = _KERNEL[:size, :size] @ part + _CARRY[:size] * state
        state = float(smooth[at + size - 1])
    return smooth, state
