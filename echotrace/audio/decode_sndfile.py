"""Decoding through libsndfile: WAV and its relatives, FLAC, Ogg, AIFF, CAF, AU, and bare G.711."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from echotrace.audio.decoder import BLOCK_FRAMES, DecodeFailed, Decoder, Format, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from echotrace.audio.door import Recording

__all__ = ["SndfileDecoder"]

_G711_RATE_HZ = 8_000
_UNKNOWN_FRAMES = 1 << 62
_INTEGER = ("PCM_", "ULAW", "ALAW", "IMA_", "MS_ADPCM", "GSM", "ALAC", "G72", "NMS", "VOX", "DWVW")
_FIXED_SIZE = ("PCM_", "ULAW", "ALAW", "FLOAT", "DOUBLE")
_CONTAINERS = frozenset(
    ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "NIST", "VOC", "RAW")
)


class SndfileDecoder(Decoder):
    """libsndfile on the recording's own descriptor.

    The descriptor and not a Python object with ``read``: libsndfile's callbacks into Python lose
    an exception, Ctrl-C included, and print it. It is never given a name.

    Raises:
        Rejected: libsndfile does not take the file.
    """

    def __init__(self, recording: Recording, *, g711: str | None = None) -> None:
        import soundfile

        self._error: type[Exception] = soundfile.LibsndfileError
        extra: dict[str, Any] = {}
        if g711:
            extra = {
                "format": "RAW",
                "subtype": g711,
                "samplerate": _G711_RATE_HZ,
                "channels": 1,
            }
        os.lseek(recording.fd, 0, os.SEEK_SET)
        try:
            self._file = _forward_only()(recording.fd, closefd=False, **extra)
        except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
            raise Rejected(getattr(error, "error_string", str(error))) from None
        file = self._file
        if file.format not in _CONTAINERS:
            self.close()
            raise Rejected(f"{file.format} is no container for recordings")
        fixed = file.subtype.startswith(_FIXED_SIZE) and file.format not in ("FLAC", "OGG")
        self._seekable = fixed or file.format == "FLAC"
        self.notes = []
        self.format = Format(
            container="g711" if g711 else file.format.lower(),
            codec=file.subtype.lower(),
            decoder=f"libsndfile {soundfile.__libsndfile_version__}",
            rate_hz=file.samplerate,
            channels=file.channels,
            declared_frames=file.frames if 0 <= file.frames < _UNKNOWN_FRAMES else None,
            integer=file.subtype.startswith(_INTEGER),
            trusted=fixed,
        )

    def blocks(self, first_frame: int) -> Iterator[NDArray[np.float32]]:
        """Yield (channels, frames); compressed audio is not sought but decoded."""
        import numpy as np

        skip = first_frame
        buffer = np.empty((BLOCK_FRAMES, self.format.channels), np.float32)
        try:
            if skip and self._seekable:
                self._file.seek(min(skip, self._file.frames))
                skip = 0
            while True:
                block = self._file.read(out=buffer)
                if not len(block):
                    return
                if skip >= len(block):
                    skip -= len(block)
                    yield buffer[:0].T
                    continue
                yield np.array(block[skip:].T, order="C", copy=True)
                skip = 0
        except self._error as error:
            raise DecodeFailed(getattr(error, "error_string", str(error))) from None

    def close(self) -> None:
        """Close libsndfile's handle."""
        self._file.close()


def _forward_only() -> type[Any]:
    """A SoundFile that does not seek after each read: on damaged or endless files that fails."""
    import soundfile

    class ForwardOnly(soundfile.SoundFile):  # type: ignore[misc]  # the library is untyped
        def seekable(self) -> bool:
            return False

    return ForwardOnly
