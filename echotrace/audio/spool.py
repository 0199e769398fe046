"""The 16 kHz samples of a run, kept for those who read pieces of them later.

Short recordings stay in memory; a longer one goes to a temporary file that has no name any more, so
that nothing is left behind whatever ends the run. Samples stay float32: a reader gets bit for bit
what the single pass measured, quiet recordings keep their noise floor (16-bit integers would put
one of their own under speech at -60 dBFS), and the double size costs disk, not memory.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from typing import IO, TYPE_CHECKING

import numpy as np

from echotrace.audio.temporary import temporary_file
from echotrace.errors import StorageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MEMORY_BYTES", "Spool"]

MEMORY_BYTES = 80 << 20
"""What stays in memory: about 10 minutes of stereo or 20 of mono."""

_ITEM = 4


class Spool:
    """Blocks of (channels, frames) float32 in order of time; reads may come from any thread."""

    def __init__(self, channels: int, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._channels = channels
        self._left = memory_bytes
        self._starts: list[int] = []
        self._blocks: list[NDArray[np.float32]] = []
        self._offsets: list[int] = []
        self._file: IO[bytes] | None = None
        self.frames = 0

    @property
    def in_memory(self) -> bool:
        """Whether no temporary file was needed."""
        return self._file is None

    def append(self, block: NDArray[np.float32]) -> None:
        """Keep a block, which must not be changed afterwards.

        Raises:
            StorageError: the temporary folder is full or cannot be written.
        """
        if not block.shape[1]:
            return
        self._starts.append(self.frames)
        self.frames += block.shape[1]
        self._left -= block.nbytes
        if self._file is None and self._left >= 0:
            self._blocks.append(block)
            return
        if self._file is None:
            self._file = temporary_file()
            earlier, self._blocks = self._blocks, []
            for kept in earlier:
                self._write(kept)
        self._write(block)

    def read(self, channel: int, begin: int, end: int) -> NDArray[np.float32]:
        """Return a fresh array with the frames of one channel from ``begin`` to ``end``."""
        begin, end = max(0, begin), min(self.frames, end)
        result = np.empty(max(0, end - begin), np.float32)
        number = bisect_right(self._starts, begin) - 1
        place = begin
        while place < end:
            start = self._starts[number]
            stop = self._starts[number + 1] if number + 1 < len(self._starts) else self.frames
            upto = min(end, stop)
            self._fetch(
                number, channel, place - start, stop - start, result[place - begin : upto - begin]
            )
            place = upto
            number += 1
        return result

    def _fetch(
        self, number: int, channel: int, first: int, frames: int, target: NDArray[np.float32]
    ) -> None:
        if self._file is None:
            target[:] = self._blocks[number][channel, first : first + target.size]
            return
        view = memoryview(target.data).cast("B")
        offset = self._offsets[number] + (channel * frames + first) * _ITEM
        while view:
            piece = os.pread(self._file.fileno(), len(view), offset)
            if not piece:
                raise StorageError("the temporary file of this run is damaged", code="TEMP_DAMAGED")
            view[: len(piece)] = piece
            view, offset = view[len(piece) :], offset + len(piece)

    def _write(self, block: NDArray[np.float32]) -> None:
        assert self._file is not None
        view = memoryview(np.ascontiguousarray(block).data).cast("B")
        try:
            self._offsets.append(self._file.seek(0, os.SEEK_END))
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            wanted = self.frames * self._channels * _ITEM / 2**20
            raise StorageError(
                f"the temporary folder has no room for the recording's samples ({wanted:,.1f} MiB "
                "so far)",
                why=os.strerror(error.errno) if error.errno else str(error),
                hint="free some space, or set TMPDIR to a folder that has more",
                code="TEMP_FULL",
            ) from None

    def close(self) -> None:
        """Give back memory and disk; may be called twice."""
        self._blocks.clear()
        if self._file is not None:
            self._file.close()
