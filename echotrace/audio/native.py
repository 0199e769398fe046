"""What only the native samples know, per channel: clipping, DC, peak, lost packets, spectra.

Clipping that is plain in the file is gone after downmixing and resampling (a left channel clipped
for two thirds of its samples shows none in a 16 kHz mono copy), and so are the exact zeros of a
lost packet and everything above 8 kHz: these are counted before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from echotrace.audio.dropouts import Still, StillMeter
from echotrace.audio.flat_tops import AT_FULL_SCALE, Cells, FlatTops, FullScaleRuns, cell_samples
from echotrace.audio.hum import HumMeter
from echotrace.audio.spectrum import NativeSpectrum, SpectrumMeter

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LIMIT", "Moments", "NativeMeter", "NativeStats"]

LIMIT = 8.0
"""Amplitudes beyond this (18 dB over full scale) are no sound but a broken or unscaled file."""

_CORRELATED_S = 0.1
_LEAST_AC = 1e-3
"""Beside a DC offset, less than this share of it is the rounding of sums of 32-bit samples."""
_NO_DENORMALS = np.float32(1e-20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Sums over one channel, and what follows from them alone."""

    samples: int
    sum: float
    sum_squares: float

    @property
    def dc_offset(self) -> float:
        """The mean of all samples."""
        return self.sum / self.samples if self.samples else 0.0

    @property
    def rms(self) -> float:
        """The root of the mean square, DC included."""
        return math.sqrt(self.sum_squares / self.samples) if self.samples else 0.0

    @property
    def ac_rms(self) -> float:
        """The root of the mean square about the mean."""
        if not self.samples:
            return 0.0
        return math.sqrt(max(0.0, self.sum_squares / self.samples - self.dc_offset**2))


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeStats(Moments):
    """One channel at its native rate; amplitudes are linear, full scale is 1.

    ``clipped_samples`` counts samples in runs of at least 3, per polarity, that stay within 0.1 %
    of full scale; where full scale is not met, those in flat tops at the channel's own peak that
    the wave enters and leaves with a kink (clipping that was turned down afterwards).
    ``first_clipped`` is the sample where the first run begins, counted from the first one read.
    ``clipped_cells`` (n, 2) int64 are the first samples of the cells of 20 ms that hold clipping,
    in order, and the clipped samples in each. ``non_finite_samples`` were read as 0,
    ``out_of_range_samples`` as +-8. ``stills`` are places that look like lost packets,
    ``spectrum`` and ``hum_power`` what loudness, bandwidth and hum are computed from: see
    :mod:`echotrace.audio.dropouts`, ``spectrum`` and ``hum``.
    """

    index: int
    sample_rate_hz: int
    highest: float
    lowest: float
    clipped_samples: int
    clipped_runs: int
    non_finite_samples: int
    out_of_range_samples: int
    first_clipped: int | None
    stills: tuple[Still, ...]
    spectrum: NativeSpectrum = field(repr=False, compare=False)
    hum_power: NDArray[np.float32] = field(repr=False, compare=False)
    clipped_cells: NDArray[np.int64] = field(repr=False, compare=False)

    @property
    def peak(self) -> float:
        """The largest absolute sample."""
        return max(self.highest, -self.lowest)

    @property
    def clipping_ratio(self) -> float:
        """Clipped samples over all samples, 0 to 1."""
        return self.clipped_samples / self.samples if self.samples else 0.0


class NativeMeter:
    """Streaming counts over blocks of (channels, frames); it also makes the samples safe.

    ``integer`` says that the samples come from integers, which spares the search for NaN.
    ``gain`` scales a file of numbers far beyond full scale. ``full_scale`` is the largest amplitude
    that the coding has, less than 1 in 8 bits and in telephone codings.
    """

    def __init__(
        self,
        channels: int,
        rate_hz: int,
        *,
        integer: bool = False,
        gain: float = 1.0,
        full_scale: float = 1.0,
    ) -> None:
        self._rate_hz = rate_hz
        self._integer = integer
        self._gain = np.float32(gain)
        self._channels = [_Channel(rate_hz, full_scale) for _ in range(channels)]
        self._cross = 0.0

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Count a block and return it without NaN, infinities, denormals or absurd amplitudes."""
        if not block.shape[1]:
            return block
        for index, channel in enumerate(self._channels):
            samples = block[index]
            if not self._integer:
                with np.errstate(invalid="ignore", over="ignore", under="ignore"):
                    block[index] = channel.make_safe(samples, self._gain)
            channel.count(block[index])
        if len(self._channels) == 2:
            self._cross += float(np.dot(block[0], block[1]))
        return block

    @property
    def largest(self) -> float:
        """The largest finite amplitude met before it was clamped."""
        return max(channel.largest for channel in self._channels)

    def correlation(self) -> float | None:
        """Correlation of the two channels at lag 0, DC removed.

        None without two live channels, and below 0.1 s: a few samples always go together somehow.
        """
        shortest = _CORRELATED_S * self._rate_hz
        if len(self._channels) != 2 or self._channels[0].samples < shortest:
            return None
        first, second = pair = [channel.moments() for channel in self._channels]
        if any(each.ac_rms < max(1e-6, _LEAST_AC * abs(each.dc_offset)) for each in pair):
            return None
        mean = self._cross / first.samples - first.dc_offset * second.dc_offset
        return mean / (first.ac_rms * second.ac_rms)

    def finish(self) -> tuple[NativeStats, ...]:
        """The counts so far, per channel."""
        return tuple(
            channel.stats(index, self._rate_hz) for index, channel in enumerate(self._channels)
        )


class _Channel:
    def __init__(self, rate_hz: int, full_scale: float) -> None:
        level = AT_FULL_SCALE * full_scale
        self.samples = 0
        self.sum = self.sum_squares = 0.0
        self.highest, self.lowest = -math.inf, math.inf
        self.non_finite = self.out_of_range = 0
        self.largest = 0.0
        self.full_scale = (FullScaleRuns(rate_hz, level), FullScaleRuns(rate_hz, level))
        self.flat_tops = (FlatTops(rate_hz, level), FlatTops(rate_hz, level))
        self.stills = StillMeter(rate_hz)
        self.spectrum = SpectrumMeter(rate_hz)
        self.hum = HumMeter(rate_hz)

    def make_safe(self, samples: NDArray[np.float32], gain: np.float32) -> NDArray[np.float32]:
        high, low = float(samples.max()), float(samples.min())  # NaN spreads through both
        if not (math.isfinite(high) and math.isfinite(low)):
            good = np.isfinite(samples)
            self.non_finite += samples.size - int(np.count_nonzero(good))
            samples = np.where(good, samples, np.float32(0))
            high, low = float(samples.max()), float(samples.min())
        self.largest = max(self.largest, high, -low)
        if gain != 1:
            samples = samples * gain
            high, low = high * float(gain), low * float(gain)
        if max(high, -low) > LIMIT:
            self.out_of_range += int(np.count_nonzero(np.abs(samples) > LIMIT))
            samples = np.clip(samples, np.float32(-LIMIT), np.float32(LIMIT))
        # Adding and taking away 1e-20 leaves every audible sample as it is and turns denormals,
        # which slow every later filter down a hundredfold, into zero.
        safe: NDArray[np.float32] = (samples + _NO_DENORMALS) - _NO_DENORMALS
        return safe

    def count(self, samples: NDArray[np.float32]) -> None:
        high, low = float(samples.max()), float(samples.min())
        self.samples += samples.size
        self.sum += float(samples.sum())
        self.sum_squares += float(np.dot(samples, samples))
        self.highest, self.lowest = max(self.highest, high), min(self.lowest, low)
        for number, (highest, sign) in enumerate(((high, 1), (-low, -1))):
            self.full_scale[number].push(samples, highest, sign)
            self.flat_tops[number].push(samples, highest, sign)
        self.stills.push(samples)
        self.spectrum.push(samples)
        self.hum.push(samples)

    def moments(self) -> Moments:
        return Moments(samples=self.samples, sum=self.sum, sum_squares=self.sum_squares)

    def stats(self, index: int, rate_hz: int) -> NativeStats:
        clipped = [found.result() for found in (*self.full_scale, *self.flat_tops)]
        return NativeStats(
            index=index,
            sample_rate_hz=rate_hz,
            samples=self.samples,
            sum=self.sum,
            sum_squares=self.sum_squares,
            highest=self.highest if self.samples else 0.0,
            lowest=self.lowest if self.samples else 0.0,
            clipped_samples=sum(found.samples for found in clipped),
            clipped_runs=sum(found.runs for found in clipped),
            non_finite_samples=self.non_finite,
            out_of_range_samples=self.out_of_range,
            first_clipped=min(
                (found.first for found in clipped if found.first is not None), default=None
            ),
            stills=self.stills.result(),
            spectrum=self.spectrum.result(),
            hum_power=self.hum.result(),
            clipped_cells=_cells((item.cells for item in clipped), cell_samples(rate_hz)),
        )


def _cells(found: Iterable[Cells], size: int) -> NDArray[np.int64]:
    total: Cells = {}
    for cells in found:
        for cell, count in cells.items():
            total[cell] = total.get(cell, 0) + count
    table = np.array(sorted(total.items()), np.int64).reshape(-1, 2)
    table[:, 0] *= size
    return table
