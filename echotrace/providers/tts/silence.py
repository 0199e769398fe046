"""How long a sound begins without being audible: the silence that a synthesiser pads in front.

Audible is what the metrics page says: a frame of 8 ms whose level lies above the active speech
level - 20 dB, the active level by ITU-T P.56, method B.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.levels import active_level, power_from_db
from echotrace.audio.resample import Resampler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echotrace.providers.tts.sound import Sound

__all__ = ["leading_silence_ms"]

FRAME_S: Final = 0.008
PIECES: Final = 8
"""Pieces of 1 ms in a frame: at 8 kHz still eight samples each."""
AUDIBLE_DB: Final = -20.0
SILENT_DBFS: Final = -70.0
"""Sound with less than this is no speech: the noise of 16-bit samples lies near -98 dBFS."""


def leading_silence_ms(sound: Sound) -> float | None:
    """Return the time from the first sample to the first audible one; None when nothing is audible.

    The frame finds the place; inside it, and in the one before, the first piece of 1 ms that is as
    loud says where it begins, so that the figure does not depend on the grid of the frames.
    """
    samples = sound.samples - np.float32(sound.samples.mean(dtype=np.float64))
    speech = Resampler(1, sound.rate_hz).push(samples[None], last=True)[0]
    level = active_level(speech)
    if level is None or level.level_dbfs < SILENT_DBFS:
        return None
    threshold = power_from_db(level.level_dbfs + AUDIBLE_DB)
    edges = _edges(len(samples), sound.rate_hz, FRAME_S)
    loud = np.flatnonzero(_powers(samples, edges) > threshold)
    if not len(loud):
        return None
    frame = int(loud[0])
    fine = _edges(len(samples), sound.rate_hz, FRAME_S / PIECES)
    over = _powers(samples, fine) > threshold
    first = frame * PIECES
    piece = first + int(np.argmax(over[first : first + PIECES]))
    if piece == first:
        while piece > max(0, first - PIECES) and over[piece - 1]:
            piece -= 1
    return float(fine[piece]) / sound.rate_hz * 1000.0


def _edges(count: int, rate_hz: int, step_s: float) -> NDArray[np.int64]:
    """Return the borders of pieces of ``step_s``, in samples; the last piece may be shorter."""
    pieces = int(np.ceil(count / (step_s * rate_hz) - 1e-9))
    edges = np.round(np.arange(pieces + 1) * (step_s * rate_hz)).astype(np.int64)
    edges[-1] = count
    return edges


def _powers(samples: NDArray[np.float32], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean square of each piece."""
    sums = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])[edges]
    return np.asarray(np.diff(sums) / np.maximum(np.diff(edges), 1))
