"""A recording read once more: any stretch of it at its own rate, and no more memory than a piece.

The first pass reads from front to back and resamples; whoever looks closer afterwards wants a few
seconds as they are in the file, again and again.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.choose import no_decoder, plan
from echotrace.audio.decoder import DecodeFailed, Rejected
from echotrace.audio.native import LIMIT
from echotrace.audio.stop import check, never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from echotrace.audio.decoder import Decoder, Format
    from echotrace.audio.door import Recording
    from echotrace.audio.stop import ShouldStop

__all__ = ["Rereader", "extremes"]

_KEPT_BYTES: Final = 16 << 20
_NEAR: Final = 1 << 16
"""Frames that are read rather than sought over: a block of a decoder is that long."""
_PROBES: Final = 16
_PROBED: Final = 4_096
_UNSCALED_SHARE: Final = 0.001
_INTEGER_SCALES: Final = (2.0**15, 2.0**23, 2.0**31)


class Rereader:
    """Reads stretches of one open recording; one thread at a time may use it.

    PCM, G.711 and FLAC are sought: a stretch costs what it is long. Everything else (MP3, M4A, Ogg,
    WebM) is decoded from its beginning, some hundred times faster than it plays, because only so
    do its times stay those of the analysis; the last short stretch is kept, so that looking closer
    at it costs nothing. Samples are the file's, -1 to 1; those of a file of unscaled numbers are
    divided as in the analysis, what is no number is 0.

    Args:
        recording: the open file; it stays open.
        decoder: which decoder the analysis read it with, such as ``libsndfile 1.2.2``.

    Raises:
        InputError: no decoder takes the file.
    """

    def __init__(self, recording: Recording, *, decoder: str | None = None) -> None:
        self._recording = recording
        self._how = plan(recording)
        self._chosen = self._choose(decoder or "")
        with closing(self._chosen()) as opened:
            self.format: Format = opened.format
        form = self.format
        self.seeks = form.decoder.startswith("libsndfile") and (
            form.trusted or form.container == "flac"
        )
        self._kept: tuple[int, NDArray[np.float32]] | None = None
        self._gain = 1.0
        self._gain = self._wanted_gain()

    @property
    def rate_hz(self) -> int:
        """Samples per second."""
        return self.format.rate_hz

    def blocks(
        self, begin: int, end: int, should_stop: ShouldStop = never
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield (first frame, samples (channels, frames)) of frames ``begin`` to ``end``.

        What lies before the beginning or behind the end of the file is not there.

        Raises:
            Stopped: ``should_stop``, asked once per block, said so.
        """
        begin = max(0, begin)
        frame_bytes = 4 * self.format.channels
        if self.seeks or (end - begin) * frame_bytes > _KEPT_BYTES:
            yield from self._decoded(begin, end, should_stop)
            return
        kept = self._kept
        if kept is None or not kept[0] <= begin or end > kept[0] + kept[1].shape[1]:
            kept = self._kept = self._keep(begin, end, _KEPT_BYTES // frame_bytes, should_stop)
        first, samples = kept
        found = samples[:, begin - first : max(begin, end) - first]
        if found.shape[1]:
            yield begin, found

    def windows(
        self,
        starts: NDArray[np.int64],
        size: int,
        channel: int,
        should_stop: ShouldStop = never,
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return short windows of one channel, and which of them hold anything of the file.

        Args:
            starts: their first frames (windows,), in ascending order.
            size: frames in each.
            channel: the channel's index.
            should_stop: asked once per block.

        Returns:
            Samples (windows, size), 0 where the file has none, and (windows,).
        """
        found = np.zeros((len(starts), size), np.float32)
        held = np.zeros(len(starts), np.bool_)
        far = (np.diff(starts) > size + _NEAR) & self.seeks
        for run in np.split(np.arange(len(starts)), np.flatnonzero(far) + 1):
            if not len(run):
                continue
            for at, block in self.blocks(int(starts[run[0]]), int(starts[run[-1]]) + size):
                check(should_stop)
                row, until = block[channel], at + block.shape[1]
                low = int(np.searchsorted(starts, at - size, side="right"))
                high = int(np.searchsorted(starts, until, side="left"))
                for index in range(max(low, int(run[0])), min(high, int(run[-1]) + 1)):
                    start = int(starts[index])
                    first, last = max(start, at), min(start + size, until)
                    found[index, first - start : last - start] = row[first - at : last - at]
                    held[index] = True
        return found, held

    def _choose(self, wanted: str) -> Callable[[], Decoder]:
        """Return the decoder that the analysis used, else the first that takes the file."""
        fitting, reasons = [], []
        for opener in self._how.openers:
            try:
                with closing(opener()) as opened:
                    name = opened.format.decoder.split()[0]
            except Rejected as error:
                reasons.append(str(error))
                continue
            if name in wanted:
                return opener
            fitting.append(opener)
        if not fitting:
            raise no_decoder(self._recording, self._how.looks, reasons)
        return fitting[0]

    def _keep(
        self, begin: int, end: int, room: int, should_stop: ShouldStop
    ) -> tuple[int, NDArray[np.float32]]:
        """Decode a stretch with as much around it as may be kept."""
        first = max(0, begin - (room - (end - begin)) // 2)
        pieces = [piece for _, piece in self._decoded(first, first + room, should_stop)]
        empty = np.zeros((self.format.channels, 0), np.float32)
        return first, np.concatenate([empty, *pieces], axis=1)

    def _decoded(
        self, begin: int, end: int, should_stop: ShouldStop
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        if end <= begin:
            return
        with closing(self._chosen()) as decoder:
            at = begin
            try:
                for piece in decoder.blocks(begin):
                    check(should_stop)
                    if not piece.shape[1]:
                        continue
                    yield at, self._cleaned(piece[:, : end - at])
                    at += piece.shape[1]
                    if at >= end:
                        return
            except DecodeFailed:
                return  # the analysis ended here as well, and its report says so

    def _cleaned(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.format.integer:
            return samples
        samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        return samples if self._gain == 1.0 else samples * np.float32(self._gain)

    def _wanted_gain(self) -> float:
        """Return what brings a file of unscaled numbers to -1..1, from a few places in it."""
        frames = self.format.declared_frames
        if self.format.integer or not self.format.trusted or not frames:
            return 1.0
        beyond, seen, peak = 0, 0, 0.0
        for number in range(_PROBES):
            begin = (frames - _PROBED) * number // (_PROBES - 1)
            for _, samples in self.blocks(begin, begin + _PROBED):
                levels = np.abs(samples)
                beyond += int((levels > LIMIT).sum())
                seen += levels.size
                peak = max(peak, float(levels.max()))
        if beyond <= _UNSCALED_SHARE * seen:
            return 1.0
        return 1.0 / next((scale for scale in _INTEGER_SCALES if peak <= scale), peak)


def extremes(
    reader: Rereader, row: int, edges: NDArray[np.int64], should_stop: ShouldStop = never
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the smallest and largest sample from each edge to the next of one channel.

    Args:
        reader: what is read.
        row: the channel's index.
        edges: frames (columns + 1,), ascending; where two are the same, the sample there counts.
        should_stop: asked once per block.

    Returns:
        Two arrays (columns,); 0 where the file has nothing.
    """
    columns = len(edges) - 1
    low, high = np.full(columns, np.inf), np.full(columns, -np.inf)
    starts = edges[:-1]
    end = max(int(edges[-1]), int(starts[-1]) + 1)
    for at, block in reader.blocks(int(edges[0]), end, should_stop):
        until = at + block.shape[1]
        # The columns that begin here, with the one that began before and goes on.
        first = int(np.searchsorted(starts, at, side="left"))
        if first == columns or starts[first] > at:
            first = max(0, first - 1)
        last = int(np.searchsorted(starts, until, side="left"))
        if first >= last:
            continue
        places = np.maximum(starts[first:last] - at, 0)
        low[first:last] = np.minimum(low[first:last], np.minimum.reduceat(block[row], places))
        high[first:last] = np.maximum(high[first:last], np.maximum.reduceat(block[row], places))
    nothing = low > high
    low[nothing] = high[nothing] = 0.0
    return low, high
