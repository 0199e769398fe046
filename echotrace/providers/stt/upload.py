"""A piece of audio as it is sent to a server: FLAC, because it is lossless and half the size."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.vad import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from echotrace.providers.stt.pieces import Joined

__all__ = ["MIN_UPLOAD_S", "Upload", "pack"]

MIN_UPLOAD_S: Final = 0.1
"""OpenAI refuses audio that is shorter; such a piece is filled up with silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file to be sent: 16 kHz mono FLAC, 16 bit; ``audio_s`` is how long it lasts."""

    name: str
    body: bytes
    audio_s: float


def pack(joined: Joined) -> Upload:
    """Return the samples of a piece as a file; what is beyond full scale is clipped."""
    import soundfile

    samples = joined.samples
    missing = round(MIN_UPLOAD_S * SAMPLE_RATE_HZ) - len(samples)
    if missing > 0:
        samples = np.pad(samples, (0, missing))
    whole = np.clip(np.rint(samples * 32_768.0), -32_768, 32_767).astype("<i2")
    file = io.BytesIO()
    soundfile.write(file, whole, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return Upload(
        name="audio.flac", body=file.getvalue(), audio_s=round(len(whole) / SAMPLE_RATE_HZ, 3)
    )
