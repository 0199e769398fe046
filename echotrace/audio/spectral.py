"""Bandwidth and spectral flatness by librosa, on request only: its first call costs seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.vad import FRAME_SAMPLES, SAMPLE_RATE_HZ
from echotrace.errors import MissingDependencyError
from echotrace.model.measure import Measurement

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SpectralDetails", "SpectralMeter"]

ROLL_PERCENT: Final = 0.95
LOUD_PERCENTILE: Final = 95.0
SILENCE: Final = 1e-5
"""-100 dBFS: a quieter frame has no spectrum worth the name."""


@dataclass(frozen=True, slots=True)
class SpectralDetails:
    """Effective bandwidth in Hz and spectral flatness (0 tonal, 1 white) of one channel."""

    bandwidth_hz: Measurement
    spectral_flatness: Measurement


class SpectralMeter:
    """Streaming: two numbers per 32 ms frame are kept, whatever the length.

    Raises:
        MissingDependencyError: librosa cannot be imported.
    """

    def __init__(self) -> None:
        try:
            import librosa
        except ImportError as error:
            raise MissingDependencyError(
                "spectral details need librosa",
                why=str(error),
                hint="pip install librosa",
                code="LIBROSA_MISSING",
            ) from None
        self._feature = librosa.feature
        self._window = np.hanning(FRAME_SAMPLES + 1)[:-1].astype(np.float32)
        self._rolloff: list[NDArray[np.float32]] = []
        self._flatness: list[NDArray[np.float32]] = []

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take samples (frames,) at 16 kHz; a rest below 32 ms is left out."""
        whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
        frames = samples[:whole].reshape(-1, FRAME_SAMPLES)
        frames = frames[np.abs(frames - frames.mean(axis=1, keepdims=True)).max(axis=1) > SILENCE]
        if not len(frames):
            return
        centred = frames - frames.mean(axis=1, keepdims=True)
        magnitude = np.abs(np.fft.rfft(centred * self._window, axis=1)).T
        rolloff = self._feature.spectral_rolloff(
            S=magnitude, sr=SAMPLE_RATE_HZ, n_fft=FRAME_SAMPLES, roll_percent=ROLL_PERCENT
        )
        self._rolloff.append(np.asarray(rolloff[0], np.float32))
        flatness = self._feature.spectral_flatness(S=magnitude)
        self._flatness.append(np.asarray(flatness[0], np.float32))

    def result(self) -> SpectralDetails:
        """Return the bandwidth that 1 frame in 20 reaches, and the median flatness."""
        if not self._rolloff:
            reason = "there is no sound"
            return SpectralDetails(
                Measurement.not_measurable("Hz", reason), Measurement.not_measurable("1", reason)
            )
        rolloff, flatness = np.concatenate(self._rolloff), np.concatenate(self._flatness)
        return SpectralDetails(
            Measurement.measured(
                float(np.percentile(rolloff, LOUD_PERCENTILE)),
                "Hz",
                method="95th percentile of the 95 % roll-off",
                n=len(rolloff),
            ),
            Measurement.measured(
                float(np.median(flatness)), "1", method="median of frames", n=len(flatness)
            ),
        )
