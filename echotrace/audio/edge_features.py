"""What the edge finder sees of a channel: 8 ms frames in bands, against noise and speech level.

Everything is relative to the near speaker's level or to the noise nearby, so that gain changes
nothing. Samples are read a minute at a time with a margin around it; the margin holds all that a
frame's values depend on, so that where the minutes are cut never shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.vad import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from echotrace.audio.edge_level import NearLevel
    from echotrace.audio.features import ChannelFeatures

    Array = NDArray[np.float32]
    Read = Callable[[float, float], NDArray[np.float32]]

__all__ = ["BAND_BINS", "HOP_S", "HOP_SAMPLES", "INPUTS", "MARGIN_FRAMES", "frame_blocks"]

HOP_SAMPLES: Final = 128
HOP_S: Final = HOP_SAMPLES / SAMPLE_RATE_HZ
PER_FRAME: Final = 4
"""8 ms frames in one of 32 ms, the clock of ChannelFeatures."""
WINDOW_SAMPLES: Final = 256
SIDE: Final = (WINDOW_SAMPLES - HOP_SAMPLES) // 2
_UPPER_BINS: Final = (12, 14, 16, 18, 21, 24, 28, 32, 37, 43, 50, 60, 72, 90, 128)
BAND_BINS: Final = (*range(1, 11), *_UPPER_BINS)
"""Limits of 24 bands in FFT bins of 62.5 Hz: single bins to 625 Hz, then about a sixth octave."""
BANDS: Final = len(BAND_BINS) - 1
INPUTS: Final = 2 * BANDS + 4
KNOT: Final = 64
"""0.512 s: the floor is kept once per so many frames."""
REACH_KNOTS: Final = 9
MARGIN_FRAMES: Final = 12 * KNOT
BLOCK_FRAMES: Final = 120 * KNOT
"""A minute, with 6 s on each side for the floor (5.2 s) and the net (0.9 s)."""
SMOOTHING: Final = 16
"""Frames in one of the means whose smallest stands for the floor where nothing is quiet."""
MINIMUM_BIAS: Final = 2.0
"""The smallest of many 128 ms means lies about 3 dB below the mean of steady noise in a band."""
FEW_FRAMES: Final = 24.0
"""Quiet frames nearby, weighted by nearness, from which the floor rests on them alone."""


def frame_blocks(
    read: Read, features: ChannelFeatures, level: NearLevel
) -> Iterator[tuple[int, int, int, NDArray[np.float64], Array]]:
    """Yield (first frame, frames before, frames, power, inputs) a minute at a time.

    ``power`` (frames,) belongs to the block itself; ``inputs`` (rows, INPUTS) float32 begins
    ``before`` frames earlier and ends as late as the margin and the recording allow.
    """
    count = -(-round(features.duration_s * SAMPLE_RATE_HZ) // HOP_SAMPLES)
    for first in range(0, count, BLOCK_FRAMES):
        last = min(first + BLOCK_FRAMES, count)
        begin, end = max(first - MARGIN_FRAMES, 0), min(last + MARGIN_FRAMES, count)
        power, bands = _spectra(read, features, begin, end, level.dc)
        inputs = _inputs(power, bands, features, level, begin)
        yield first, first - begin, last - first, power[first - begin : last - begin], inputs


def _spectra(
    read: Read, features: ChannelFeatures, begin: int, end: int, dc: float
) -> tuple[NDArray[np.float64], Array]:
    """Return the power of frames [begin, end) and their band powers by windows of 16 ms.

    Both are mean squares: the bands of white noise of power 1 sum to about 1.
    """
    size = (end - begin) * HOP_SAMPLES
    data = np.zeros(size + 2 * SIDE, np.float32)
    side_s = SIDE / SAMPLE_RATE_HZ
    before = SIDE if begin > 0 else 0
    samples = read(
        features.start_s + begin * HOP_S - (side_s if before else 0.0),
        features.start_s + end * HOP_S + side_s,
    )
    samples = np.clip(np.nan_to_num(samples, posinf=0.0, neginf=0.0), -1e4, 1e4) - np.float32(dc)
    offset = SIDE - before
    used = min(len(samples), len(data) - offset)
    data[offset : offset + used] = samples[:used]
    own = data[SIDE : SIDE + size].reshape(-1, HOP_SAMPLES)
    power = np.einsum("ij,ij->i", own, own, dtype=np.float64) / HOP_SAMPLES
    windows = np.lib.stride_tricks.sliding_window_view(data, WINDOW_SAMPLES)[::HOP_SAMPLES]
    window = np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)
    bands = np.empty((end - begin, BANDS), np.float32)
    scale = np.float32(2.0 / (WINDOW_SAMPLES * float((window**2).sum())))
    member = np.zeros((WINDOW_SAMPLES // 2 + 1, BANDS), np.float32)
    for band in range(BANDS):
        member[BAND_BINS[band] : BAND_BINS[band + 1], band] = scale
    for at in range(0, end - begin, 2048):
        spectrum = np.fft.rfft(windows[at : at + 2048] * window, axis=1)
        squares = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        bands[at : at + 2048] = squares @ member
    return power, bands


def _inputs(
    power: NDArray[np.float64],
    bands: Array,
    features: ChannelFeatures,
    level: NearLevel,
    begin: int,
) -> Array:
    """Lay out what the net sees per frame: (frames, INPUTS), all in tens of dB or logits."""
    size = len(power)
    at = np.arange(begin, begin + size)
    frame = np.minimum(at // PER_FRAME, len(level.quiet) - 1)
    least = np.float32(level.speech * 1e-7)
    band_log = np.log10(np.maximum(bands, least * 0.01) / np.float32(level.speech))
    floor = _floor(bands, level.quiet[frame], begin)
    floor_log = np.log10(np.maximum(floor, least) / np.float32(level.speech))
    power_log = np.log10(np.maximum(power / level.speech, 1e-7))
    noise_log = np.log10(np.maximum(level.noise[frame] / level.speech, 1e-7))
    probability = np.clip(features.speech_probability.astype(np.float64), 1e-3, 1 - 1e-3)
    centres = (np.arange(len(probability)) + 0.5) * PER_FRAME - 0.5
    logit = np.interp(at, centres, np.log(probability / (1.0 - probability)))
    webrtc = features.webrtc_speech
    second = np.zeros(size, np.float32)
    if len(webrtc):
        tenth = np.minimum(((at + 0.5) * HOP_S / 0.01).astype(np.int64), len(webrtc) - 1)
        second = webrtc[tenth].astype(np.float32)
    inputs = np.empty((size, INPUTS), np.float32)
    inputs[:, :BANDS] = np.clip(band_log - floor_log, -1.0, 5.0)
    inputs[:, BANDS : 2 * BANDS] = np.clip(band_log, -7.0, 1.5)
    inputs[:, 2 * BANDS] = np.clip(power_log, -7.0, 2.0)
    inputs[:, 2 * BANDS + 1] = np.clip(power_log - noise_log, -2.0, 6.0)
    inputs[:, 2 * BANDS + 2] = logit / 4.0
    inputs[:, 2 * BANDS + 3] = second
    return inputs


def _floor(bands: Array, quiet: NDArray[np.bool_], begin: int) -> Array:
    """Return each band's noise power around every frame, (frames, BANDS).

    It is the mean of the quiet frames within about 4 s; where they are few, the smallest of the
    smoothed powers nearby stands in, raised by its usual distance from the mean. ``begin`` is a
    multiple of KNOT.
    """
    size = len(bands)
    knots = -(-size // KNOT)
    padded = np.zeros((knots * KNOT, bands.shape[1]), np.float32)
    padded[:size] = np.where(quiet[:, None], bands, 0.0)
    sums = padded.reshape(knots, KNOT, -1).sum(axis=1)
    marked = np.zeros(knots * KNOT, np.float32)
    marked[:size] = quiet
    counts = marked.reshape(knots, KNOT).sum(axis=1)
    padded[size:] = np.inf
    padded[:size] = bands
    short = padded.reshape(knots, KNOT // SMOOTHING, SMOOTHING, -1).mean(axis=2)
    least = short.min(axis=1)
    least[~np.isfinite(least)] = np.inf
    weights = np.clip(
        1.0 - np.abs(np.arange(-REACH_KNOTS, REACH_KNOTS + 1)) / (REACH_KNOTS + 1.0), 0, 1
    )
    total = np.zeros_like(sums)
    number = np.zeros(knots, np.float32)
    lowest = np.full_like(sums, np.inf)
    for shift, weight in zip(range(-REACH_KNOTS, REACH_KNOTS + 1), weights, strict=True):
        to = slice(max(-shift, 0), knots - max(shift, 0))
        of = slice(max(shift, 0), knots - max(-shift, 0))
        if to.start >= to.stop:
            continue
        total[to] += np.float32(weight) * sums[of]
        number[to] += np.float32(weight) * counts[of]
        lowest[to] = np.minimum(lowest[to], least[of])
    lowest[~np.isfinite(lowest)] = 0.0
    share = np.clip(number / FEW_FRAMES, 0.0, 1.0)[:, None]
    tiny = np.float32(1e-20)
    mean = np.log(np.maximum(total / np.maximum(number, 1e-6)[:, None], tiny))
    other = np.log(np.maximum(lowest * np.float32(MINIMUM_BIAS), tiny))
    level = np.where(share > 0, share * mean, 0.0) + (1.0 - share) * other
    place = np.clip((np.arange(size) + 0.5) / KNOT - 0.5, 0.0, knots - 1.0)
    left = np.minimum(place.astype(np.int64), max(knots - 2, 0))
    part = (place - left).astype(np.float32)[:, None]
    right = np.minimum(left + 1, knots - 1)
    between = level[left] * (1.0 - part) + level[right] * part
    return np.asarray(np.exp(between), np.float32)
