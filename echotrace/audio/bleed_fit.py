"""The path of a leak as a short filter: weighted least squares over pieces where the source speaks.

The caller's own words in those pieces are noise to the fit, so every 32 ms weigh by the inverse of
what the filter cannot explain there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.resample import RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Signal = NDArray[np.float64]

__all__ = ["FRAME", "Fit", "Samples", "agreement", "fit_leak", "frame_powers", "gain_from"]

TAPS: Final = 2048
"""128 ms: what a telephone line and a furnished room spread a leak over."""
LEAD: Final = 128
"""8 ms of taps before the strongest lag: a band limit rings before it too."""
SIZE: Final = 1 << 15
FRAME: Final = 512
PASSES: Final = 3
PRE_EMPHASIS: Final = 0.9
"""Speech has most of its power below 1 kHz; without it the fit leaves the consonants."""
RIDGE: Final = 1e-7
"""What keeps bands without any signal from a division by zero."""
FLOOR: Final = 1e-6
"""-60 dB below the source: less than that is not worth a fit."""
RISE: Final = RATE_HZ / 1000
FALL: Final = RATE_HZ / 50
LEAST_SHARE: Final = 1e-3
"""What a tap may have that lies far from the strongest one: a second reflection."""
RESIDUAL_QUANTILE: Final = 0.9
"""Nine of ten frames of the source leave less than what is told."""
LOCAL_ERROR: Final = 1e-3
"""The filter explains no frame better than to -30 dB: more would be trust in chance."""
DEPENDENT: Final = 8
"""Neighbouring samples of speech are alike: so many count as one."""
SWAY: Final = 0.35
"""How far the gain of a leak strays from its mean, before anything is known of a place."""
MAX_GAIN: Final = 4.0
TOLERANCE: Final = 1e-6
MAX_STEPS: Final = 80


class Samples:
    """Exact samples around any place of a recording, zeros where it has none.

    Args:
        read: as :meth:`echotrace.audio.handle.Audio.read`.
        start_s: the recording's beginning; frame 0 lies there.
        end_s: its end.
    """

    def __init__(
        self, read: Callable[[int, float, float], NDArray[np.float32]], start_s: float, end_s: float
    ) -> None:
        self._read = read
        self._start_s = start_s
        self.frames = round((end_s - start_s) * RATE_HZ)

    def at(self, channel: int, begin: int, count: int) -> Signal:
        """Return ``count`` samples of a channel from frame ``begin`` on, which may be negative."""
        result = np.zeros(count)
        first, last = max(0, begin), min(self.frames, begin + count)
        if first < last:
            origin = self._start_s
            found = self._read(channel, origin + first / RATE_HZ, origin + last / RATE_HZ)
            result[first - begin : first - begin + len(found)] = found
        return result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A path, ``taps`` from ``first_lag`` on, and its level and that of what it leaves.

    Both levels are relative to the source's: ``attenuation_db`` below it, ``residual_db`` above.
    """

    taps: Signal
    first_lag: int
    attenuation_db: float
    residual_db: float


def fit_leak(
    samples: Samples,
    source: int,
    target: int,
    begins: Sequence[int],
    *,
    window: int,
    lag: int,
    gain: float,
) -> Fit | None:
    """Fit the filter from ``source`` to ``target`` whose strongest lag is ``lag``.

    Args:
        samples: the recording.
        source: the channel that leaks.
        target: the channel it leaks into.
        begins: first frames of pieces where the source speaks.
        window: the length of a piece; with the taps it fits into 2^15 samples.
        lag: in samples, negative where the target is ahead.
        gain: about the amplitude of the leak relative to its source.

    Returns:
        None where no power is explained.

    The normal equations of a weighted fit are solved with the Toeplitz matrix of the weighted
    autocorrelation, which is nearly theirs, and the rest is fitted again: the gradient is exact, so
    that the error of the matrix goes away within a few passes.
    """
    if gain <= 0.0:
        return None
    first_lag = lag - LEAD
    pieces = _Pieces(samples, source, target, begins, window, first_lag)
    taps = np.zeros(TAPS)
    for _ in range(PASSES):
        auto, cross = pieces.correlate(taps)
        if auto[0] <= 0.0:
            return None
        ridge = 1.0 / _prior(gain) + RIDGE * auto[0]
        taps = taps + _solved(auto, cross - ridge * taps, ridge)
    return pieces.judge(taps, first_lag)


def _prior(gain: float) -> Signal:
    """Return the variance of each tap before anything is known: strong first, then fading.

    It sums to the square of ``gain``; a room loses about 4 dB in 20 ms.
    """
    after = np.arange(TAPS) - LEAD
    shape = np.exp(-np.where(after < 0, -after / RISE, after / FALL)) + LEAST_SHARE
    return np.asarray(gain * gain * shape / shape.sum())


def _solved(auto: Signal, cross: Signal, ridge: Signal) -> Signal:
    """Solve (Toeplitz + diagonal) taps = cross by preconditioned conjugate gradients.

    A product with the matrix is two transforms, so that nothing grows with the square of the taps;
    in front stands T. Chan's circulant matrix (R. Chan and M. Ng, Conjugate Gradient Methods for
    Toeplitz Systems, SIAM Review 38, 1996).
    """
    size = len(auto)
    order = np.arange(size)
    embedded = np.fft.rfft(np.concatenate([auto, [0.0], auto[:0:-1]])).real
    mirrored = np.concatenate([[0.0], auto[:0:-1]])
    circulant = np.fft.rfft(((size - order) * auto + order * mirrored) / size).real
    circulant = np.maximum(circulant, 0.0) + float(np.median(ridge))
    result = np.zeros(size)
    rest = cross.copy()
    ready = np.fft.irfft(np.fft.rfft(rest) / circulant, size)
    direction, power = ready, float((rest * ready).sum())
    enough = TOLERANCE**2 * float((rest * rest).sum())
    for _ in range(MAX_STEPS):
        if float((rest * rest).sum()) <= enough:
            break
        moved = np.fft.irfft(np.fft.rfft(direction, 2 * size) * embedded, 2 * size)[:size]
        moved += ridge * direction
        step = power / float((direction * moved).sum())
        result += step * direction
        rest = rest - step * moved
        ready = np.fft.irfft(np.fft.rfft(rest) / circulant, size)
        before, power = power, float((rest * ready).sum())
        direction = ready + power / before * direction
    return result


class _Pieces:
    """The pieces that a fit is made from: spectra of the source, and the target beside them."""

    def __init__(
        self,
        samples: Samples,
        source: int,
        target: int,
        begins: Sequence[int],
        window: int,
        first_lag: int,
    ) -> None:
        self._samples = samples
        self._source, self._target = source, target
        self._begins = begins
        self._window = window // FRAME * FRAME
        self._first_lag = first_lag
        self._emphasised = [
            (x[TAPS - 1 :], np.fft.rfft(x, SIZE), y)
            for x, y in (map(_emphasised, pair) for pair in self._each())
        ]

    def _each(self) -> Iterator[tuple[Signal, Signal]]:
        """Yield the source with its history (TAPS - 1 samples) and what may hold its leak."""
        for begin in self._begins:
            x = self._samples.at(self._source, begin - TAPS + 1, self._window + TAPS - 1)
            yield x, self._samples.at(self._target, begin + self._first_lag, self._window)

    def correlate(self, taps: Signal) -> tuple[Signal, Signal]:
        """Return weighted auto- and cross-correlation of the source with what is not explained."""
        bins = SIZE // 2 + 1
        auto, cross = np.zeros(bins, np.complex128), np.zeros(bins, np.complex128)
        response = np.fft.rfft(taps, SIZE)
        fitted = bool(taps.any())
        weighted = np.zeros(TAPS - 1 + self._window)
        for x, spectrum, y in self._emphasised:
            rest = y - _filtered(spectrum, response, len(y)) if fitted else y
            weight = _weight(rest, x, per_frame=fitted)
            weighted[TAPS - 1 :] = weight * rest
            cross += np.fft.rfft(weighted, SIZE) * np.conj(spectrum)
            weighted[TAPS - 1 :] = weight * x
            auto += np.fft.rfft(weighted, SIZE) * np.conj(spectrum)
        return np.fft.irfft(auto, SIZE)[:TAPS], np.fft.irfft(cross, SIZE)[:TAPS]

    def judge(self, taps: Signal, first_lag: int) -> Fit | None:
        """Measure how strong the leak is and what is left of it."""
        response = np.fft.rfft(taps, SIZE)
        sources, rests, leaks, gains = [], [], [], []
        for x, y in self._each():
            leak = _filtered(np.fft.rfft(x, SIZE), response, len(y))
            gain = gain_from(*agreement(y, leak))
            sources.append(frame_powers(x[TAPS - 1 :]))
            rests.append(frame_powers(y - gain * leak))
            leaks.append(frame_powers(leak))
            gains.append(np.full(len(leaks[-1]), gain))
        own, rest, leaked = (np.concatenate(item) for item in (sources, rests, leaks))
        if leaked.sum() <= 0.0 or own.sum() <= 0.0:
            return None
        # The mean gain, not the mean of its square: chance alone makes that larger.
        gain = float((np.concatenate(gains) * leaked).sum() / leaked.sum())
        leaked *= gain * gain
        if leaked.sum() <= 0.0:
            return None
        attenuation_db = 10.0 * np.log10(own.sum() / leaked.sum())
        loud = leaked > np.mean(leaked)
        share = float(np.quantile(rest[loud] / leaked[loud], RESIDUAL_QUANTILE))
        return Fit(
            taps=taps,
            first_lag=first_lag,
            attenuation_db=float(attenuation_db),
            residual_db=float(-attenuation_db + min(0.0, 10.0 * np.log10(max(share, 1e-6)))),
        )


def _filtered(
    spectrum: NDArray[np.complex128], response: NDArray[np.complex128], size: int
) -> Signal:
    return np.asarray(np.fft.irfft(spectrum * response, SIZE)[TAPS - 1 : TAPS - 1 + size])


def agreement(heard: Signal, leak: Signal) -> tuple[float, float]:
    """Return what a stretch of whole frames says about a leak's gain: a sum and its weight.

    Frames weigh by the inverse of what the leak does not explain, the caller's own words included.
    Sums of several stretches may be added up.
    """
    shape = (-1, FRAME)
    y, p = heard.reshape(shape), leak.reshape(shape)
    both, own = np.einsum("ij,ij->i", y, p), np.einsum("ij,ij->i", p, p)
    if own.max(initial=0.0) <= 0.0:
        return 0.0, 0.0
    total, gain = np.einsum("ij,ij->i", y, y), 1.0
    for _ in range(2):
        rest = np.maximum(total - 2.0 * gain * both + gain * gain * own, 0.0) + LOCAL_ERROR * own
        weight = FRAME / DEPENDENT / np.maximum(rest, 1e-30)
        sums = float((weight * both).sum()), float((weight * own).sum())
        gain = gain_from(*sums)
    return sums


def gain_from(both: float, own: float) -> float:
    """Return the local gain of a leak, 1 where nothing speaks for another one."""
    return min(MAX_GAIN, max(0.0, (both + 1.0 / SWAY**2) / (own + 1.0 / SWAY**2)))


def _emphasised(signal: Signal) -> Signal:
    result: Signal = signal.copy()
    result[1:] -= PRE_EMPHASIS * signal[:-1]
    return result


def frame_powers(signal: Signal) -> Signal:
    """Return the mean power of each whole frame; one of all that there is where it is shorter."""
    if len(signal) < FRAME:
        return np.array([float(np.mean(signal * signal)) if len(signal) else 0.0])
    frames = signal[: len(signal) // FRAME * FRAME].reshape(-1, FRAME)
    return np.asarray(np.einsum("ij,ij->i", frames, frames) / FRAME)


def _weight(rest: Signal, x: Signal, *, per_frame: bool) -> Signal:
    """Return the inverse power of what is not explained, smooth, faded at both ends."""
    floor = FLOOR * float(np.mean(x * x)) + 1e-20
    if not per_frame:
        weight = np.full(len(rest), 1.0 / (float(np.mean(rest * rest)) + floor))
    else:
        power = frame_powers(rest)
        around = np.maximum(
            np.maximum(power, np.append(power[1:], 0.0)), np.append(0.0, power[:-1])
        )
        centres = (np.arange(len(power)) + 0.5) * FRAME
        level = np.interp(np.arange(len(rest)), centres, np.log(around + floor))
        weight = np.exp(-level)
    fade = np.minimum(1.0, (np.arange(len(rest)) + 0.5) / (2 * FRAME))
    return np.asarray(weight * fade * fade[::-1])
