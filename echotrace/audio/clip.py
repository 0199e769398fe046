"""A stretch of a recording as a small WAV file of its own, for the owner's eyes alone."""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.errors import StorageError
from echotrace.printable import printable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["write_wav"]

_PCM: Final = 1
_FLOAT: Final = 3
_BLOCK: Final = 1 << 16


def write_wav(path: Path, samples: NDArray[np.float32], rate_hz: int, *, exact: bool) -> None:
    """Write samples (frames, channels), -1 to 1, to a new file that only its owner may read.

    Args:
        path: a name that is not taken yet; the folder is there.
        samples: what to write.
        rate_hz: their rate.
        exact: keep them as 32-bit floats and do not round to 16 bits.

    Raises:
        StorageError: the name is taken, or the file cannot be written; no half file is left.
    """
    channels = samples.shape[1]
    bits = 32 if exact else 16
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + samples.size * bits // 8,
        b"WAVE",
        b"fmt ",
        16,
        _FLOAT if exact else _PCM,
        channels,
        rate_hz,
        rate_hz * channels * bits // 8,
        channels * bits // 8,
        bits,
        b"data",
        samples.size * bits // 8,
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(header)
            for begin in range(0, len(samples), _BLOCK):
                file.write(_coded(samples[begin : begin + _BLOCK], exact=exact))
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise _unwritable(path, error) from None


def _coded(samples: NDArray[np.float32], *, exact: bool) -> bytes:
    if exact:
        return samples.astype("<f4").tobytes()
    # Decoders divide 16-bit samples by 32,768; so the very numbers of the file come back.
    return np.clip(np.round(samples * 32_768.0), -32_768, 32_767).astype("<i2").tobytes()


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"the clip {printable(path)} cannot be written",
        why=os.strerror(error.errno) if error.errno else str(error),
        code="CLIP_NOT_WRITTEN",
    )
