"""What a decoder gives: native samples of all channels, block by block, and notes on the way.

Two libraries stand behind it. libsndfile reads the classic containers exactly and cheaply; FFmpeg
(PyAV) reads the rest, and also what libsndfile gives up on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from echotrace.model.measure import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BLOCK_FRAMES", "DecodeFailed", "Decoder", "Rejected", "warning"]

BLOCK_FRAMES = 1 << 16
"""Frames per block: large enough that the cost per block vanishes, small enough for the cache."""


class Rejected(Exception):  # noqa: N818 - a message between rooms of the house, never the user's
    """This decoder does not take the file; another may."""


class DecodeFailed(Exception):  # noqa: N818 - a message between rooms of the house
    """Decoding stopped in the middle; the blocks before it are good."""


class Format(NamedTuple):
    """What the container says; ``declared_frames`` is None when it does not say.

    ``integer`` is True when samples come from integers, so that none can be NaN or huge.
    ``trusted`` is True when ``declared_frames`` follows from the size of the file.
    """

    container: str
    codec: str
    decoder: str
    rate_hz: int
    channels: int
    declared_frames: int | None
    integer: bool
    trusted: bool


class Decoder(ABC):
    """One open decoder over an open recording; close it, the recording stays open."""

    format: Format
    notes: list[Finding]

    @abstractmethod
    def blocks(self, first_frame: int) -> Iterator[NDArray[np.float32]]:
        """Yield (channels, frames) in -1..1 from ``first_frame`` on; to be called once.

        Where what lies before it has to be decoded, an empty block stands for each that is skipped:
        whoever asks for blocks wants to be heard from in between.

        Raises:
            DecodeFailed: the data are damaged beyond what this decoder can pass over.
        """

    @abstractmethod
    def close(self) -> None:
        """Release the library's handle."""


def warning(
    code: str, message: str, hint: str | None = None, *, at_s: float | None = None
) -> Finding:
    """A finding of severity warning."""
    return Finding(code=code, severity=Severity.WARNING, message=message, hint=hint, at_s=at_s)
