"""The search for a leak: a source's spectrum matched against the other channel at every lag.

The other channel is whitened by what it holds, and many windows are summed: what belongs to the
source adds up in phase, everything else does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from echotrace.audio.resample import RATE_HZ
from echotrace.audio.stop import ShouldStop, check
from echotrace.audio.vad import FRAME_SAMPLES, LEAVE_PROBABILITY, runs, speech_mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.audio.bleed_fit import Samples
    from echotrace.audio.features import ChannelFeatures

    Signal = NDArray[np.float64]
    Spectrum = NDArray[np.complex128]

__all__ = ["WINDOW", "Trace", "search"]

WINDOW_FRAMES: Final = 46
WINDOW: Final = WINDOW_FRAMES * FRAME_SAMPLES
"""1.47 s of the source; with the lags before and behind it just below 2^15 samples."""
EARLIEST: Final = -50 * RATE_HZ // 1000
LATEST: Final = 500 * RATE_HZ // 1000
LAGS: Final = LATEST - EARLIEST
SIZE: Final = 1 << 15
MAX_WINDOWS: Final = 160
"""Four minutes of speech, spread over the recording, whatever its length."""
MIN_WINDOWS: Final = 4
MIN_SPEECH: Final = 0.4
LOUD_DB: Final = 20.0
"""Source frames this far below its active level still count as its speech."""
LOUDER: Final = 2.0
"""A source has to be 3 dB louder than what it is said to leave on the other channel."""
LOWEST_HZ: Final = 150.0
HIGHEST_HZ: Final = 7_600.0
SMOOTH_BINS: Final = 64
"""31 Hz on either side: speech is smooth over that in 1.5 s, mains hum and tones are not."""
MAX_LINE: Final = 16.0
"""A line's power counts up to so many times that of its surroundings."""
BELOW_PEAK: Final = 1e-4
"""Where the source is 40 dB below its strongest band, what it has is noise."""
FLOOR: Final = 1e-6
"""Less than -60 dB below the source is not looked for: whitening silence would drown the rest."""
DYNAMIC: Final = 1e-3
"""Whitening over 30 dB: what a band limit leaves beyond it is no better evidence than the rest."""
SIGNIFICANT: Final = 8.0
"""Standard deviations of a sum without a leak; over 8,800 lags it stays below 5."""
SIGNIFICANT_HALF: Final = 4.0
"""The same in each half of the windows: one strange window is no leak."""
PEAKS: Final = 3
APART: Final = 5 * RATE_HZ // 1000
BESIDE: Final = 0.1
"""What is a tenth of the highest peak may be its own shadow, a pitch period beside it."""
BAND_HZ: Final = 125.0
BAND_SIGNIFICANT: Final = 4.0
"""Standard deviations from which the gain of a band is one."""
MIN_BANDS: Final = 3
REVERSE: Final = 4.0
"""A noise that both channels have is less than 12 dB louder in one of them."""
SHARED: Final = 2.0
"""In the pauses a leak has the gain that it has in speech, measured within 10 %; a noise in both
channels has four times that and more."""
PAUSE_FRAMES: Final = 4
PAUSE: Final = PAUSE_FRAMES * FRAME_SAMPLES
GUARD_FRAMES: Final = 2
PAUSE_BINS: Final = 8
MAX_PAUSES: Final = 200
_PAUSE_TAPER: Final = np.hanning(PAUSE)
DIGITAL_SILENCE_POWER: Final = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """A leak that was found: ``z`` standard deviations at ``lag`` samples behind the source.

    ``gain`` is about its amplitude relative to the source; ``begins`` are the first frames of the
    windows in which the source speaks.
    """

    source: int
    target: int
    lag: int
    z: float
    gain: float
    begins: tuple[int, ...]


def search(
    samples: Samples,
    features: Sequence[ChannelFeatures],
    source: int,
    target: int,
    should_stop: ShouldStop,
) -> Trace | None:
    """Look for what ``source`` leaves on ``target``, -50 to 500 ms behind it.

    Raises:
        Stopped: ``should_stop``, asked once per window, said so.
    """
    begins = _windows(features, source, target)
    if len(begins) < MIN_WINDOWS:
        return None
    sums = _Sums(SIZE, smooth_bins=SMOOTH_BINS)
    for number, begin in enumerate(begins):
        check(should_stop)
        x = np.diff(samples.at(source, begin - 1, WINDOW + 1)) * _TAPER * _TAPER[::-1]
        y = np.diff(samples.at(target, begin + EARLIEST - 1, WINDOW + LAGS + 1))
        sums.add(x, y, half=number % 2)
    halves, z = sums.deviations(LAGS)
    peaks = _peaks(np.abs(z))
    least = max(SIGNIFICANT, BESIDE * abs(z[peaks[0]]))
    found: list[Trace] = []
    for peak in peaks:
        agree = halves[:, peak] * np.sign(z[peak])
        if abs(z[peak]) < least or agree.min() < SIGNIFICANT_HALF:
            continue
        bands = sums.bands(peak)
        if not _is_shared(samples, features, source, target, peak + EARLIEST, bands):
            found.append(
                Trace(
                    source=source,
                    target=target,
                    lag=peak + EARLIEST,
                    z=float(abs(z[peak])),
                    gain=bands.gain,
                    begins=tuple(begins),
                )
            )
    return max(found, key=lambda trace: trace.gain, default=None)


def _windows(features: Sequence[ChannelFeatures], source: int, target: int) -> list[int]:
    """Return the first frames of windows where the source speaks, in order.

    Of more than are needed those are taken, spread over the recording, where the other channel is
    quietest beside it.
    """
    item, level = features[source], features[source].active_level
    if level is None:
        return []
    least = 10.0 ** ((level.level_dbfs - LOUD_DB) / 10.0)
    loud = speech_mask(item.speech_probability) & (item.variance > least)
    count = min(len(loud), len(features[target].variance)) // WINDOW_FRAMES
    shape = (count, WINDOW_FRAMES)
    used = count * WINDOW_FRAMES
    speech = loud[:used].reshape(shape).mean(axis=1)
    own = item.variance[:used].reshape(shape).mean(axis=1)
    other = features[target].variance[:used].reshape(shape).mean(axis=1)
    fit = np.flatnonzero((speech >= MIN_SPEECH) & (own > LOUDER * other))
    if len(fit) > MAX_WINDOWS:
        groups = np.array_split(fit, MAX_WINDOWS)
        fit = np.array([group[np.argmin(other[group] / own[group])] for group in groups])
    return [int(number) * WINDOW for number in fit]


_TAPER: Final = np.minimum(1.0, (np.arange(WINDOW) + 0.5) / (2 * FRAME_SAMPLES))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bands:
    """Amplitude relative to the source per band, where it is clear, and the source's power."""

    gains: Signal
    clear: NDArray[np.bool_]
    own: Signal

    @property
    def gain(self) -> float:
        """The amplitude of the leak relative to the source, over all of its band."""
        return float(np.sqrt((self.gains**2 * self.own).sum() / max(float(self.own.sum()), 1e-300)))


class _Sums:
    """Whitened cross-spectra summed over windows, the even and the odd ones apart.

    Args:
        size: of the transforms.
        smooth_bins: over how many bins to either side a spectrum is smoothed.
    """

    def __init__(self, size: int, *, smooth_bins: int) -> None:
        bins = size // 2 + 1
        hertz = np.fft.rfftfreq(size, 1 / RATE_HZ)
        self._band = (hertz > LOWEST_HZ) & (hertz < HIGHEST_HZ)
        self._size = size
        self._smooth_bins = smooth_bins
        self._cross: Spectrum = np.zeros((2, bins), np.complex128)
        self._spread = np.zeros((2, bins))
        self._scale = np.zeros(bins)
        self._own = np.zeros(bins)

    def add(self, x: Signal, y: Signal, *, half: int) -> None:
        """Take a window of the source and what may hold its leak, both at most ``size`` long."""
        source, other = np.fft.rfft(x, self._size), np.fft.rfft(y, self._size)
        product, weighted = _product(source, other, self._band, self._smooth_bins)
        self._cross[half] += product
        self._spread[half] += product.real**2 + product.imag**2
        self._scale += weighted
        self._own += source.real**2 + source.imag**2

    def deviations(self, lags: int) -> tuple[Signal, Signal]:
        """Return the correlation in standard deviations of one without a leak: (2, lags), (lags,).

        Without a leak the products of a bin have random phases, and their sum a variance that is
        the sum of their powers.
        """
        sums = np.fft.irfft(self._cross, self._size)[:, :lags]
        variance = np.maximum(2.0 * self._spread.sum(axis=1) / self._size**2, 1e-300)
        halves = sums / np.sqrt(variance)[:, None]
        return halves, sums.sum(axis=0) / np.sqrt(variance.sum())

    def bands(self, lag: int) -> _Bands:
        """Return the gain at a lag, band by band.

        What chance alone adds to the power of a sum is taken off; 0 where nothing is left.
        """
        bins = len(self._own)
        turned = self._cross.sum(axis=0) * np.exp(2j * np.pi * np.arange(bins) * lag / self._size)
        width = round(BAND_HZ * self._size / RATE_HZ)
        cross, spread, scale, own = (
            item[: bins // width * width].reshape(-1, width).sum(axis=1)
            for item in (turned, self._spread.sum(axis=0), self._scale, self._own)
        )
        power = np.abs(cross) ** 2
        return _Bands(
            gains=np.sqrt(np.maximum(power - spread, 0.0)) / np.maximum(scale, 1e-300),
            clear=power > BAND_SIGNIFICANT**2 * spread,
            own=own,
        )


def _product(
    x: Spectrum, y: Spectrum, band: NDArray[np.bool_], bins: int
) -> tuple[Spectrum, Signal]:
    """Return the cross-spectrum over the other channel's power, and the source's power over it.

    Lines (hum, tones) are cut down in both, so that they cannot outweigh the rest.
    """
    own, other = x.real**2 + x.imag**2, y.real**2 + y.imag**2
    smooth_own, smooth_other = _smooth(own, bins), _smooth(other, bins)
    heard = band & (smooth_own > BELOW_PEAK * float(smooth_own[band].max(initial=0.0)))
    least = DYNAMIC * float(smooth_other[band].mean())
    weight = np.where(heard, 1.0, 0.0) / (
        np.maximum(smooth_other, other / MAX_LINE) + least + FLOOR * smooth_own + 1e-30
    )
    line = np.maximum(1.0, np.sqrt(own / (MAX_LINE * smooth_own + 1e-30)))
    weight /= line
    return np.conj(x) * y * weight, own * weight


def _smooth(power: Signal, bins: int) -> Signal:
    total = np.cumsum(np.concatenate([np.zeros(bins + 1), power, np.zeros(bins)]))
    return np.asarray((total[2 * bins + 1 :] - total[: -2 * bins - 1]) / (2 * bins + 1))


def _peaks(height: Signal) -> list[int]:
    """Return the lags of the highest values that lie apart, the highest first."""
    left, found = height.copy(), []
    for _ in range(PEAKS):
        peak = int(np.argmax(left))
        found.append(peak)
        left[max(0, peak - APART) : peak + APART + 1] = 0.0
    return found


def _is_shared(
    samples: Samples,
    features: Sequence[ChannelFeatures],
    source: int,
    target: int,
    lag: int,
    bands: _Bands,
) -> bool:
    """Whether what goes together at a lag is a noise that both channels have, and no leak.

    A leak has the same gain whether its source speaks or not. A common noise has a gain near one in
    the pauses, and the smaller a gain the louder that speaks which counts as its source.
    """
    quiet = np.ones(min(len(item.variance) for item in features), np.bool_)
    for item in features:
        quiet &= _away_from(item.speech_probability[: len(quiet)] > LEAVE_PROBABILITY)
    begins = [
        at * FRAME_SAMPLES
        for first, last in runs(quiet)
        for at in range(first, last - PAUSE_FRAMES + 1, PAUSE_FRAMES)
    ]
    sums = _Sums(2 * PAUSE, smooth_bins=PAUSE_BINS)
    for begin in begins[:: -(-len(begins) // MAX_PAUSES) or 1]:
        x = samples.at(source, begin, PAUSE)
        y = samples.at(target, begin + lag, PAUSE)
        if min(x.var(), y.var()) >= DIGITAL_SILENCE_POWER:
            sums.add(*(np.diff(item, prepend=item[0]) * _PAUSE_TAPER for item in (x, y)), half=0)
    pauses = sums.bands(0)
    # Much louder in the target than in its "source" it is that one's leak in the other direction.
    told = pauses.clear & bands.clear & (pauses.gains < REVERSE)
    weight = bands.own * told
    if told.sum() < MIN_BANDS:
        return False
    ratio = np.log(pauses.gains[told] / bands.gains[told])
    return float((ratio * weight[told]).sum() / weight.sum()) > math.log(SHARED)


def _away_from(mask: NDArray[np.bool_], frames: int = GUARD_FRAMES) -> NDArray[np.bool_]:
    near = np.convolve(mask, np.ones(2 * frames + 1), mode="same") > 0.5
    return np.asarray(~near)
