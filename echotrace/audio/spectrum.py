"""A spectrum every 25 ms of the native samples, folded at once into loudness and bands.

Both need a transform of every sample, and the transform is what costs: it is made once here. What
is kept grows by 4 bytes per 25 ms; the band powers stay a table of fixed size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from echotrace.audio.loudness import k_weights

__all__ = ["LEVEL_STEP_DB", "LOWEST_DBFS", "STEP_S", "NativeSpectrum", "SpectrumMeter"]

STEP_S: Final = 0.025
LOWEST_DBFS: Final = -90.0
LEVEL_STEP_DB: Final = 3.0
_LEVELS: Final = 32
_BINS_PER_BAND: Final = 5
_FRAMES_PER_CHUNK: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeSpectrum:
    """What the spectra of one channel's frames add up to; frames are 50 ms, one every 25 ms.

    ``k_power`` (frames,) float32 is the K-weighted mean square of each frame under a window whose
    squares add up to 1. ``band_power`` (levels, bands) float64 sums the power in bands of
    ``band_hz`` over the frames whose level, from 100 Hz up, lies in the same 3 dB; ``frames``
    (levels,) counts them. The lowest level also holds everything below -90 dBFS.
    """

    step_s: float
    band_hz: float
    k_power: NDArray[np.float32]
    frames: NDArray[np.int64]
    band_power: NDArray[np.float64]


class SpectrumMeter:
    """Streaming: samples of any length go in, and whole chunks of 3.2 s are transformed.

    The chunks begin at fixed samples, so that the block size never changes a result.
    """

    def __init__(self, rate_hz: int) -> None:
        self._hop = hop = round(rate_hz * STEP_S)
        frequency_hz = np.arange(hop + 1, dtype=np.float64) * (rate_hz / (2 * hop))
        # A real spectrum holds every frequency twice, zero and the last one excepted.
        both = np.full(hop + 1, 2.0)
        both[[0, -1]] = 1.0
        scale = both / (2 * hop * hop)
        self._k = np.repeat((scale * k_weights(frequency_hz)).astype(np.float32), 2)
        self._bands = hop // _BINS_PER_BAND
        self._scale = np.float32(scale[1])
        self.band_hz = _BINS_PER_BAND * rate_hz / (2 * hop)
        self._window = np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop)).astype(np.float32)
        self._ones = np.ones(2 * _BINS_PER_BAND, np.float32)
        self._buffer = np.empty((_FRAMES_PER_CHUNK + 1) * hop, np.float32)
        self._filled = 0
        self._k_power: list[NDArray[np.float32]] = []
        self._frames = np.zeros(_LEVELS, np.int64)
        self._power = np.zeros((_LEVELS, self._bands))

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take finite samples (frames,); the array is not kept or changed."""
        taken, total, room = 0, samples.size, self._buffer.size
        while taken < total:
            size = min(room - self._filled, total - taken)
            self._buffer[self._filled : self._filled + size] = samples[taken : taken + size]
            self._filled += size
            taken += size
            if self._filled == room:
                powers = self._transform(self._buffer)
                self._k_power.append(powers[0])
                self._frames += powers[1]
                self._power += powers[2]
                self._buffer[: self._hop] = self._buffer[-self._hop :]
                self._filled = self._hop

    def result(self) -> NativeSpectrum:
        """Return the sums so far; a rest of less than one frame is left out."""
        k_power, frames, power = self._transform(self._buffer[: self._filled])
        return NativeSpectrum(
            step_s=STEP_S,
            band_hz=self.band_hz,
            k_power=np.concatenate([*self._k_power, k_power]),
            frames=self._frames + frames,
            band_power=self._power + power,
        )

    def _transform(
        self, samples: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
        hop = self._hop
        count = samples.size // hop - 1
        if count < 1:
            none = np.zeros(_LEVELS, np.int64)
            return np.zeros(0, np.float32), none, np.zeros((_LEVELS, self._bands))
        halves = samples[: (count + 1) * hop].reshape(count + 1, hop)
        sums = halves @ np.ones(hop, np.float32)
        mean = (sums[:-1] + sums[1:]) / np.float32(2 * hop)
        frames = np.empty((count, 2 * hop), np.float32)
        np.subtract(halves[:-1], mean[:, None], out=frames[:, :hop])
        np.subtract(halves[1:], mean[:, None], out=frames[:, hop:])
        frames *= self._window
        # Single precision whatever numpy: before its second version it always used double.
        parts = np.fft.rfft(frames, axis=1).astype(np.complex64, copy=False).view(np.float32)
        np.square(parts, out=parts)
        k_power = parts @ self._k
        whole = parts[:, : 2 * _BINS_PER_BAND * self._bands]
        bands = (whole.reshape(-1, 2 * _BINS_PER_BAND) @ self._ones).reshape(count, self._bands)
        bands *= self._scale
        level = 10.0 * np.log10(np.maximum(bands[:, 1:].sum(axis=1, dtype=np.float64), 1e-12))
        rows = ((level - LOWEST_DBFS) / LEVEL_STEP_DB).astype(np.int64).clip(0, _LEVELS - 1)
        chosen = (rows == np.arange(_LEVELS)[:, None]).astype(np.float64)
        return k_power, np.bincount(rows, minlength=_LEVELS), chosen @ bands
