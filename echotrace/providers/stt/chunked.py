"""A recogniser of whole recordings, driven as if it streamed: the audio so far is decoded again."""

from __future__ import annotations

from time import process_time_ns
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from echotrace.audio.vad import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echotrace.providers.stt.base import IsStopped

__all__ = ["STEP_MS", "ChunkedStream", "TextDecoder"]

STEP_MS: Final = 500.0
"""New audio that is waited for before the utterance is decoded again; servers use 0.3 to 1 s."""


class TextDecoder(Protocol):
    """The part of an engine that is needed here."""

    def decode_text(self, samples: NDArray[np.float32], *, is_stopped: IsStopped) -> str:
        """Transcribe one array and return the text."""


class ChunkedStream:
    """One utterance, decoded from its beginning whenever ``step_ms`` of new audio has come.

    Each result is shown as it is. Servers that show only what two results in a row agree on (the
    LocalAgreement of Macháček et al., 2023) rewrite less and are later by a step; this shows what
    the model itself does.
    """

    def __init__(
        self, decoder: TextDecoder, is_stopped: IsStopped, *, step_ms: float = STEP_MS
    ) -> None:
        self._decoder = decoder
        self._is_stopped = is_stopped
        self._step = max(1, round(step_ms * SAMPLE_RATE_HZ / 1e3))
        self._parts: list[NDArray[np.float32]] = []
        self._new = 0
        self._text = ""
        self.cpu_ns = 0

    def feed(self, samples: NDArray[np.float32]) -> str:
        """Take audio and return the text so far."""
        self._parts.append(samples)
        self._new += len(samples)
        if self._new >= self._step:
            self._decode()
        return self._text

    def finish(self) -> str:
        """Return the final text, from all audio."""
        if self._new:
            self._decode()
        return self._text

    def _decode(self) -> None:
        begun_ns = process_time_ns()
        self._parts = [np.concatenate(self._parts)]
        self._new = 0
        self._text = self._decoder.decode_text(self._parts[0], is_stopped=self._is_stopped)
        self.cpu_ns += process_time_ns() - begun_ns
