"""Spectral flatness by librosa, on request only: its first call costs seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.vad import FRAME_SAMPLES
from echotrace.errors import MissingDependencyError
from echotrace.model.measure import Measurement

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SpectralMeter"]

SILENCE: Final = 1e-5
"""-100 dBFS: a quieter frame has no spectrum worth the name."""


class SpectralMeter:
    """Streaming: one number per 32 ms frame is kept, whatever the length.

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
        flatness = self._feature.spectral_flatness(S=magnitude)
        self._flatness.append(np.asarray(flatness[0], np.float32))

    def result(self) -> Measurement:
        """Return the median flatness of the frames with sound: 0 is a tone, 1 white noise."""
        if not self._flatness:
            return Measurement.not_measurable("1", "there is no sound")
        flatness = np.concatenate(self._flatness)
        return Measurement.measured(
            float(np.median(flatness)), "1", method="median of frames", n=len(flatness)
        )
