"""What the samples of one word tell and no frame of 32 ms does: noise under it, and broken waves.

The pauses beside a word know nothing of a noise that sounds only while it is said. What tells it
is the floor of its own spectrum: between the harmonics and the sounds of speech a fifth of all
bins is nearly empty, while noise fills them all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.flat_tops import AT_FULL_SCALE, FlatTops
from echotrace.audio.resample import RATE_HZ
from echotrace.audio.snr import LOWEST_RATIO

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Wave = NDArray[np.float32]

__all__ = ["LEAST_NOISE_S", "LONGEST_S", "SURE_DB", "flat_samples", "held_runs", "noise_db"]

LEAST_NOISE_S: Final = 0.2
"""A shorter word is looked at with this much around its middle: a vowel alone has no gaps."""
LONGEST_S: Final = 3.0
"""Nothing longer is one word."""
SURE_DB: Final = 8.0
"""What the floor says above is not used. Clean words of synthetic voices have 12 dB and more there;
of 212 cuts of real speech 1 in 30 has less than this."""
LEAST_HELD_S: Final = 0.015
"""Twice the longest crest of an overdriven low voice."""
_HELD_SLOPE: Final = 5e-5
"""Largest step within a frozen value; resampling leaves ripples."""
_HELD_SHARE: Final = 0.02
_HELD_LEVEL: Final = 0.009
"""A frozen value further from zero than one step of 8 bits is no silence."""
_WINDOW: Final = 1024
"""64 ms: it parts the harmonics of a low voice."""
_HOP: Final = 256
_QUANTILE: Final = 0.2
_OF_MEAN: Final = -math.log1p(-_QUANTILE)
"""The quantile of noise, whose power in a bin is exponential, over its mean."""
_QUIETEST: Final = 1e-8
_FLAT: Final = 4e-5
_EDGES_HZ: Final = (30, 100, 300, 600, 1000, 1500, 2200, 3200, 4500, 6000, 7800)
_BANDS: Final = tuple(
    (math.ceil(low * _WINDOW / RATE_HZ), math.ceil(high * _WINDOW / RATE_HZ))
    for low, high in pairwise(_EDGES_HZ)
)
_WITHIN: Final = np.arange(_WINDOW)
_SHAPE: Final = np.hanning(_WINDOW + 1)[:_WINDOW].astype(np.float32)
_SCALE: Final = 2.0 / (_WINDOW * float(np.sum(_SHAPE.astype(np.float64) ** 2)))


@dataclass(frozen=True, slots=True)
class Held:
    """A value that stands still, from ``first`` to before ``end`` in samples."""

    first: int
    end: int


def noise_db(samples: Wave) -> float | None:
    """Return the SNR that the floor of a word's own spectrum leaves it, at 16 kHz.

    It is a measurement only below SURE_DB: in noise that sounds under one word its median is within
    1 dB of the truth. A part of the word without noise may hide it, and another voice has gaps like
    any voice. None for less than 64 ms, and for silence.
    """
    if len(samples) < _WINDOW:
        return None
    begins = np.arange(0, len(samples) - _WINDOW + 1, _HOP)
    frames = samples[begins[:, None] + _WITHIN] * _SHAPE
    bins = np.fft.rfft(frames, axis=1)
    power = (bins.real**2 + bins.imag**2)[:, _BANDS[0][0] : _BANDS[-1][1]]
    total = np.sort(power.sum(axis=1, dtype=np.float64))
    loud = float(total[len(total) // 2 :].mean()) * _SCALE
    if loud < _QUIETEST:
        return None
    begin, floor = _BANDS[0][0], 0.0
    for low, high in _BANDS:
        values = power[:, low - begin : high - begin].ravel()
        rank = int(_QUANTILE * (len(values) - 1))
        floor += float(np.partition(values, rank)[rank]) * (high - low)
    noise = floor * _SCALE / _OF_MEAN
    ratio = max(loud - noise, 0.0) / max(noise, 1e-15)
    return 10.0 * math.log10(max(ratio, LOWEST_RATIO))


def flat_samples(samples: Wave) -> int:
    """Return the samples in flat tops at the word's own peaks, which may lie below the channel's.

    Only of samples that were never resampled: that rounds the kinks off.
    """
    found = 0
    for sign, high in ((1, samples.max(initial=0.0)), (-1, -samples.min(initial=0.0))):
        peak = float(high)
        near = samples >= peak - _FLAT if sign > 0 else samples <= _FLAT - peak
        if np.count_nonzero(near) >= 3:
            tops = FlatTops(RATE_HZ, math.inf)
            tops.push(samples, peak, sign)
            found += tops.result().samples
    return found


def held_runs(samples: Wave, zero: float = 0.0) -> tuple[Held, ...]:
    """Return where one value stands for 15 ms or more that is no silence: a frozen sample."""
    least = round(LEAST_HELD_S * RATE_HZ)
    if len(samples) <= least:
        return ()
    wave = samples - np.float32(zero)
    still = np.abs(np.diff(wave)) <= _HELD_SLOPE
    if np.count_nonzero(still) < least - 1:
        return ()
    edges = np.flatnonzero(np.diff(still.view(np.int8), prepend=0, append=0))
    firsts, ends = edges[0::2], edges[1::2] + 1
    values = wave[(firsts + ends) // 2]
    bound = max(_HELD_LEVEL, _HELD_SHARE * float(np.abs(wave).max()))
    chosen = (ends - firsts >= least) & (np.abs(values) >= bound)
    chosen &= np.abs(samples[firsts]) < AT_FULL_SCALE
    return tuple(
        Held(first, end)
        for first, end in zip(firsts[chosen].tolist(), ends[chosen].tolist(), strict=True)
    )
