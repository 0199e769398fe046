"""Integrated loudness of one channel after ITU-R BS.1770-4, from K-weighted power per frame.

The K curve is applied to the power of a spectrum instead of to the samples: a recursive filter is
slow in numpy, and the mean square of a block is all that the standard takes from it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.model.measure import Measurement

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["k_weights", "loudness_lufs"]

_RATE_HZ: Final = 48_000
_SHELF: Final = (
    (1.53512485958697, -2.69169619938640, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
_HIGH_PASS: Final = (
    (1.0, -2.0, 1.0),
    (1.0, -1.99004745483398, 0.99007225036621),
)
"""Tables 1 and 2 of BS.1770-4, at 48 kHz: (numerator, denominator)."""
_OFFSET: Final = -0.691
_ABSOLUTE_GATE_LUFS: Final = -70.0
_RELATIVE_GATE_LU: Final = -10.0
_BLOCK_S: Final = 0.4
_BLOCK_FRAMES: Final = 16
"""400 ms of frames, one every 25 ms: 15 lie within the block, two count by half."""
_HOP_FRAMES: Final = 4
"""100 ms: blocks overlap by three quarters."""


def k_weights(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the power response of the K curve at each frequency, from the standard's own filters.

    Frequencies above 24 kHz get the response there: the curve is flat by then.
    """
    z = np.exp(-2j * np.pi * np.minimum(frequency_hz, _RATE_HZ / 2) / _RATE_HZ)
    response = np.ones_like(z)
    for numerator, denominator in (_SHELF, _HIGH_PASS):
        response *= _polynomial(numerator, z) / _polynomial(denominator, z)
    return np.asarray(response.real**2 + response.imag**2, np.float64)


def _polynomial(factors: tuple[float, ...], z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    first, second, third = factors
    return np.asarray(first + z * (second + z * third), np.complex128)


def loudness_lufs(k_power: NDArray[np.float32], step_s: float) -> Measurement:
    """Gate blocks of 400 ms at -70 LUFS and 10 LU below the rest, and average what is left.

    ``k_power`` (frames,) is the K-weighted mean square of frames of ``2 * step_s`` seconds.
    """
    blocks = _blocks(k_power.astype(np.float64))
    if not len(blocks):
        return Measurement.not_measurable("LUFS", f"shorter than {_BLOCK_S * 1000:.0f} ms")
    audible = blocks[blocks > _power(_ABSOLUTE_GATE_LUFS)]
    if not len(audible):
        return Measurement.not_measurable("LUFS", "nothing is louder than -70 LUFS")
    threshold = audible.mean() * 10 ** (_RELATIVE_GATE_LU / 10)
    kept = audible[audible > threshold]
    value = _OFFSET + 10 * math.log10(float(kept.mean()))
    return Measurement.measured(value, "LUFS", method="ITU-R BS.1770-4, gated", n=len(kept))


def _blocks(k_power: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = _BLOCK_FRAMES - 1
    if len(k_power) < inside:
        return np.zeros(0)
    # The first and the last block have no frame that reaches over the recording's edge.
    padded = np.concatenate([k_power[:1], k_power, k_power[-1:]])
    halves = padded[:-1] + padded[1:]
    sums = np.concatenate([np.zeros(1), np.cumsum(halves)])
    blocks = (sums[_BLOCK_FRAMES:] - sums[:-_BLOCK_FRAMES]) / (2 * _BLOCK_FRAMES)
    return np.asarray(blocks[::_HOP_FRAMES], np.float64)


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))
