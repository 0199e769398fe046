"""From the native rate to 16 kHz, channel by channel, in a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RATE_HZ", "Resampler"]

RATE_HZ = 16_000
"""The rate of everything behind the audio door: speech models want it, and speech needs no more."""


class Resampler:
    """soxr at quality HQ with its state carried across blocks; 16 kHz passes untouched."""

    def __init__(self, channels: int, rate_hz: int) -> None:
        self._streams: list[Any] = []
        if rate_hz != RATE_HZ:
            import soxr

            self._streams = [
                soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")
                for _ in range(channels)
            ]

    def push(self, block: NDArray[np.float32], *, last: bool = False) -> NDArray[np.float32]:
        """Resample (channels, frames); with ``last`` what the filters still hold comes out too."""
        if not self._streams:
            return block
        rows = [
            stream.resample_chunk(block[index], last=last)
            for index, stream in enumerate(self._streams)
        ]
        return np.stack(rows)
