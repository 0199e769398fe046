"""The one pass over a recording: small numbers per frame that signal, turns and views share.

Samples come in blocks of any length and are cut again into chunks of 8 s here, so that results
do not depend on how they came. What is kept grows by about 22 bytes per 32 ms frame; the power
spectra and the envelope stay within a fixed number of rows by doubling their stride.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from echotrace.audio.levels import BLOCK_SAMPLES, ActiveLevel, ActiveLevelMeter
from echotrace.audio.vad import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ, SileroVad
from echotrace.audio.webrtc import WebrtcVad

_Kind = TypeVar("_Kind", bound=np.generic)

__all__ = ["MAX_COLUMNS", "MAX_SPECTRA", "ChannelFeatures", "FeatureExtractor"]

CHUNK_SAMPLES: Final = 250 * FRAME_SAMPLES
"""8 s: whole frames of 32 ms, of 10 ms and of 4 ms."""
MAX_SPECTRA: Final = 4096
MAX_COLUMNS: Final = 4000
LIMIT: Final = 1e4
"""Samples beyond this (80 dB over full scale) are clamped: squares of damaged data overflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFeatures:
    """Features of one channel at 16 kHz; frame ``i`` begins at ``start_s + i * frame_s``.

    ``mean``, ``variance`` (around the frame's own mean; float64) and ``speech_probability``
    (Silero, float32) have one value per 32 ms, the last frame may be shorter; ``webrtc_speech``
    one bool per whole 10 ms. ``power_spectra`` (rows, 257) float32 holds |FFT|^2 of a Hann-windowed
    frame for the frames in ``spectra_frames``. ``envelope_min`` and ``envelope_max`` have one
    column per ``column_s`` seconds. ``active_level`` is P.56's of the whole channel, None where
    it is digital silence.
    """

    start_s: float
    duration_s: float
    frame_s: float
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    speech_probability: NDArray[np.float32]
    webrtc_speech: NDArray[np.bool_]
    spectra_frames: NDArray[np.int64]
    power_spectra: NDArray[np.float32]
    column_s: float
    envelope_min: NDArray[np.float32]
    envelope_max: NDArray[np.float32]
    active_level: ActiveLevel | None

    def __post_init__(self) -> None:
        for array in (
            self.mean,
            self.variance,
            self.speech_probability,
            self.webrtc_speech,
            self.spectra_frames,
            self.power_spectra,
            self.envelope_min,
            self.envelope_max,
        ):
            array.flags.writeable = False  # analyzers share them, a contributor's among them

    @property
    def mean_square(self) -> NDArray[np.float64]:
        """Power per frame, DC included."""
        return self.variance + self.mean**2

    def column_probability(self) -> NDArray[np.float32]:
        """Return the highest speech probability of the frames that each column touches."""
        columns, frames = len(self.envelope_min), len(self.speech_probability)
        if not columns or not frames:
            return np.zeros(columns, np.float32)
        per_frame = self.column_s / self.frame_s
        first = np.minimum((np.arange(columns) * per_frame + 1e-9).astype(np.int64), frames - 1)
        if per_frame <= 1.0:
            return self.speech_probability[first]
        return np.asarray(np.maximum.reduceat(self.speech_probability, first), np.float32)


class FeatureExtractor:
    """Streaming extraction for all channels of one recording; feed it once, in order.

    Args:
        channels: how many rows ``push`` will get.
        start_s: where the first sample lies on the recording's clock.
    """

    def __init__(self, channels: int, *, start_s: float = 0.0) -> None:
        self._channels = tuple(_Channel() for _ in range(channels))
        self._start_s = start_s
        self._buffer = np.empty((channels, CHUNK_SAMPLES), np.float32)
        self._filled = 0

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take samples (channels, frames) float32 at 16 kHz; the array is not kept or changed.

        Raises:
            ValueError: the array has another number of channels.
        """
        if samples.ndim != 2 or samples.shape[0] != len(self._channels):
            raise ValueError(f"expected ({len(self._channels)}, frames), got {samples.shape}")
        taken, total = 0, samples.shape[1]
        while taken < total:
            size = min(CHUNK_SAMPLES - self._filled, total - taken)
            self._buffer[:, self._filled : self._filled + size] = samples[:, taken : taken + size]
            self._filled += size
            taken += size
            if self._filled == CHUNK_SAMPLES:
                self._flush()

    def finish(self) -> tuple[ChannelFeatures, ...]:
        """Take what is left in the buffer and return the features, one entry per channel."""
        if self._filled:
            self._flush()
        return tuple(channel.finish(self._start_s) for channel in self._channels)

    def _flush(self) -> None:
        for row, channel in zip(self._buffer, self._channels, strict=True):
            channel.push(_sane(row[: self._filled]))
        self._filled = 0


class _Channel:
    """The state of one channel between chunks."""

    def __init__(self) -> None:
        self._silero = SileroVad()
        self._webrtc = WebrtcVad()
        self._meter = ActiveLevelMeter()
        self._spectra = _SpectraSample()
        self._envelope = _Envelope()
        self._samples = 0
        self._frames = 0
        self._mean: list[NDArray[np.float64]] = []
        self._variance: list[NDArray[np.float64]] = []
        self._probability: list[NDArray[np.float32]] = []
        self._webrtc_speech: list[NDArray[np.bool_]] = []

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take one chunk; only the last one may be shorter than CHUNK_SAMPLES."""
        padded = samples
        rest = len(samples) % FRAME_SAMPLES
        if rest:
            padded = np.concatenate([samples, np.zeros(FRAME_SAMPLES - rest, np.float32)])
        frames = padded.reshape(-1, FRAME_SAMPLES)
        mean = frames.mean(axis=1, dtype=np.float64)
        centred = frames - mean.astype(np.float32)[:, None]
        variance = np.einsum("ij,ij->i", centred, centred, dtype=np.float64) / FRAME_SAMPLES
        if rest:
            last = samples[-rest:].astype(np.float64)
            mean[-1], variance[-1] = last.mean(), last.var()
        self._mean.append(mean)
        self._variance.append(variance)
        self._probability.append(self._silero.probabilities(frames))
        self._webrtc_speech.append(self._webrtc.push(samples))
        self._meter.push(samples - np.float32(np.median(mean)))
        whole = len(samples) // FRAME_SAMPLES
        self._spectra.push(self._frames, centred[:whole])
        self._envelope.push(samples)
        self._frames += len(frames)
        self._samples += len(samples)

    def finish(self, start_s: float) -> ChannelFeatures:
        columns = self._envelope.finish()
        numbers, spectra = self._spectra.finish()
        return ChannelFeatures(
            start_s=start_s,
            duration_s=self._samples / SAMPLE_RATE_HZ,
            frame_s=FRAME_S,
            mean=_joined(self._mean, np.float64),
            variance=_joined(self._variance, np.float64),
            speech_probability=_joined(self._probability, np.float32),
            webrtc_speech=_joined(self._webrtc_speech, np.bool_),
            spectra_frames=numbers,
            power_spectra=spectra,
            column_s=self._envelope.column_samples / SAMPLE_RATE_HZ,
            envelope_min=columns[0],
            envelope_max=columns[1],
            active_level=self._meter.result(),
        )


class _SpectraSample:
    """Power spectra of every n-th frame; n doubles when MAX_SPECTRA rows are reached."""

    def __init__(self) -> None:
        self._window = np.hanning(FRAME_SAMPLES + 1)[:-1].astype(np.float32)
        self._stride = 1
        self._rows = np.empty((0, FRAME_SAMPLES // 2 + 1), np.float32)
        self._count = 0

    def push(self, number: int, frames: NDArray[np.float32]) -> None:
        """Take ``frames`` (n, 512), DC removed, the first of which is frame ``number``."""
        chosen = frames[-number % self._stride :: self._stride]
        if len(chosen):
            spectrum = np.fft.rfft(chosen * self._window, axis=1)
            self._append((spectrum.real**2 + spectrum.imag**2).astype(np.float32))
        while self._count > MAX_SPECTRA:
            kept = self._rows[: self._count : 2].copy()
            self._rows, self._count = kept, len(kept)
            self._stride *= 2

    def finish(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the frame numbers and the spectra."""
        return np.arange(self._count) * self._stride, self._rows[: self._count].copy()

    def _append(self, rows: NDArray[np.float32]) -> None:
        needed = self._count + len(rows)
        if needed > len(self._rows):
            room = min(max(needed, 2 * len(self._rows)), MAX_SPECTRA + len(rows))
            grown = np.empty((room, self._rows.shape[1]), np.float32)
            grown[: self._count] = self._rows[: self._count]
            self._rows = grown
        self._rows[self._count : needed] = rows
        self._count = needed


class _Envelope:
    """Smallest and largest sample per column; columns double when MAX_COLUMNS is passed."""

    def __init__(self) -> None:
        self.column_samples = BLOCK_SAMPLES
        self._low = np.zeros(0, np.float32)
        self._high = np.zeros(0, np.float32)
        self._rest = np.zeros(0, np.float32)

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples of any length."""
        data = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        whole = len(data) // self.column_samples * self.column_samples
        columns = data[:whole].reshape(-1, self.column_samples)
        self._rest = data[whole:].copy()
        self._low = np.concatenate([self._low, columns.min(axis=1)])
        self._high = np.concatenate([self._high, columns.max(axis=1)])
        while len(self._low) >= MAX_COLUMNS:
            self._halve()

    def finish(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return (min, max) with what was left as the last column."""
        if len(self._rest):
            self._low = np.append(self._low, self._rest.min())
            self._high = np.append(self._high, self._rest.max())
            self._rest = self._rest[:0]
        return self._low, self._high

    def _halve(self) -> None:
        even = len(self._low) // 2 * 2
        if even < len(self._low):
            # An odd column goes back to the rest as its two extremes: enough for min and max,
            # but its length must be right for the columns that follow.
            filler = np.full(self.column_samples, self._low[-1], np.float32)
            filler[0] = self._high[-1]
            self._rest = np.concatenate([filler, self._rest])
        self._low = self._low[:even].reshape(-1, 2).min(axis=1)
        self._high = self._high[:even].reshape(-1, 2).max(axis=1)
        self.column_samples *= 2


def _joined(parts: list[NDArray[_Kind]], kind: type[_Kind]) -> NDArray[_Kind]:
    return np.concatenate(parts) if parts else np.zeros(0, kind)


def _sane(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the samples with damaged values masked; the same array when there are none."""
    low, high = samples.min(), samples.max()
    if low >= -LIMIT and high <= LIMIT:
        return samples
    return np.clip(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0), -LIMIT, LIMIT)
