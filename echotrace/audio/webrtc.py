"""The second opinion on speech: WebRTC's detector, 10 ms frames, mode 3, streaming.

It is independent of the neural model and cheap; 30 ms frames call steady noise speech, so they
are not offered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.errors import MissingDependencyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WEBRTC_FRAME_S", "WEBRTC_FRAME_SAMPLES", "WebrtcVad"]

SAMPLE_RATE_HZ: Final = 16_000
WEBRTC_FRAME_SAMPLES: Final = 160
WEBRTC_FRAME_S: Final = WEBRTC_FRAME_SAMPLES / SAMPLE_RATE_HZ
MODE: Final = 3
_BYTES: Final = WEBRTC_FRAME_SAMPLES * 2


class WebrtcVad:
    """One bool per 10 ms of one channel; the detector's own state is carried between calls."""

    def __init__(self) -> None:
        try:
            import webrtcvad
        except ImportError as error:
            raise MissingDependencyError(
                "the second speech detector needs webrtcvad",
                why=str(error),
                hint="pip install webrtcvad-wheels",
                code="WEBRTCVAD_MISSING",
            ) from None
        self._is_speech = webrtcvad.Vad(MODE).is_speech

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Judge ``samples`` (a multiple of 160, at 16 kHz); a rest is ignored."""
        count = len(samples) // WEBRTC_FRAME_SAMPLES
        used = np.clip(samples[: count * WEBRTC_FRAME_SAMPLES], -1.0, 1.0) * np.float32(32767.0)
        data = np.rint(used).astype("<i2").tobytes()
        judge = self._is_speech
        return np.fromiter(
            (judge(data[at : at + _BYTES], SAMPLE_RATE_HZ) for at in range(0, len(data), _BYTES)),
            np.bool_,
            count,
        )
