"""Kept samples of several files laid beside each other as the rows of one recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.resample import RATE_HZ
from echotrace.audio.stop import ShouldStop, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from echotrace.audio.features import ChannelFeatures
    from echotrace.audio.ingest import Laps, MakeExtractor
    from echotrace.audio.spool import Spool

__all__ = ["Rows", "measure"]

_BLOCK: Final = 1 << 16
_SHORTEST_CORRELATION: Final = RATE_HZ // 10
_AUDIBLE_RMS: Final = 1e-6


class Rows:
    """The first channels of some spools as rows of equal length, silence where a file has none.

    Args:
        spools: one per row; they are closed with this.
        leads: frames of silence before each.
        frames: the length of all rows, at 16 kHz.
    """

    def __init__(self, spools: Sequence[Spool], leads: Sequence[int], frames: int) -> None:
        self._spools = tuple(spools)
        self._leads = tuple(leads)
        self.frames = frames

    def read(self, channel: int, begin: int, end: int) -> NDArray[np.float32]:
        """Return frames ``begin`` to ``end`` of one row, clipped to what there is."""
        begin, end = max(0, begin), min(self.frames, end)
        row = np.zeros(max(0, end - begin), np.float32)
        lead = self._leads[channel]
        found = self._spools[channel].read(0, begin - lead, end - lead)
        place = max(0, lead - begin)
        row[place : place + found.size] = found
        return row

    def begins(self) -> list[int]:
        """Return the first frame of each file."""
        return list(self._leads)

    def ends(self) -> list[int]:
        """Return the frame behind the last of each file."""
        return [lead + spool.frames for lead, spool in zip(self._leads, self._spools, strict=True)]

    def close(self) -> None:
        """Give back memory and disk."""
        for spool in self._spools:
            spool.close()


def measure(
    rows: Rows,
    start_s: float,
    make_extractor: MakeExtractor,
    laps: Laps,
    should_stop: ShouldStop,
) -> tuple[tuple[ChannelFeatures, ...], float | None]:
    """Compute the features of two rows and their correlation at lag 0, in one pass over them.

    Returns:
        The features per row, whose first sample lies at ``start_s``, and the correlation, DC
        removed: None where a row is silent or both are shorter than 0.1 s.

    Raises:
        Stopped: ``should_stop``, asked once per block, said so.
    """
    extractor = make_extractor(2, start_s=start_s)
    total, products = np.zeros(2), np.zeros((2, 2))
    for begin in range(0, rows.frames, _BLOCK):
        check(should_stop)
        block = np.stack([rows.read(row, begin, begin + _BLOCK) for row in (0, 1)])
        total += block.sum(axis=1, dtype=np.float64)
        products += block @ block.T
        block.flags.writeable = False
        extractor.push(block)
        laps.lap("features")
    features = extractor.finish()
    laps.lap("features")
    return features, _correlation(total, products, rows.frames)


def _correlation(
    total: NDArray[np.float64], products: NDArray[np.float64], frames: int
) -> float | None:
    """Return the correlation of two rows from their sums; None where one is silent or short."""
    if frames < _SHORTEST_CORRELATION:
        return None
    mean = total / frames
    spread = products / frames - np.outer(mean, mean)
    scale = np.sqrt(np.maximum(np.diag(spread), 0.0))
    if scale.min() < _AUDIBLE_RMS:
        return None
    return float(spread[0, 1] / (scale[0] * scale[1]))
