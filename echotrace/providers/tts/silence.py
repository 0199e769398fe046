"""How long a sound begins without being audible: the silence that a synthesiser pads in front.

Audible is what the metrics page says: a frame of 8 ms whose level lies above the active speech
level - 20 dB, the active level by ITU-T P.56, method B. A click, or a step of the offset, is no
beginning: what begins lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.levels import active_level, power_from_db
from echotrace.audio.resample import Resampler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echotrace.providers.tts.sound import Sound

__all__ = ["Onset", "first_audible", "leading_silence_ms"]

FRAME_S: Final = 0.008
PIECES: Final = 8
"""Pieces of 1 ms in a frame: at 8 kHz still eight samples each."""
AUDIBLE_DB: Final = -20.0
SILENT_DBFS: Final = -70.0
"""Sound with less than this is no speech: the noise of 16-bit samples lies near -98 dBFS."""
WITHIN: Final = 6
LASTING: Final = 3
"""Of six frames from the beginning on this many are audible: a click is at most in two, and a step
of the offset has died away by the third."""
HIGH_PASS_HZ: Final = 80.0
"""One pole: a step of the offset falls by 20 dB in 5 ms, a low voice by 3 dB."""
NOISE_DB: Final = 6.0
"""What lies this much above a floor of noise is more than the noise."""
FLOOR_FRAMES: Final = 6
START_PIECES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """Where a sound becomes audible, in ms from its first sample.

    ``is_estimated``: it begins with noise that is nearly audible itself, or more; the place is
    where it rises from that.
    """

    lead_ms: float
    is_estimated: bool = False


def leading_silence_ms(sound: Sound) -> float | None:
    """Return the time from the first sample to the first audible one; None when nothing is audible.

    It is for whoever does not ask how sure it is; see :func:`first_audible`.
    """
    onset = first_audible(sound)
    return None if onset is None else onset.lead_ms


def first_audible(sound: Sound) -> Onset | None:
    """Return where the first channel that is audible begins; None when none is.

    The frame finds the place; inside it, and in the one before, the first piece of 1 ms that is as
    loud says where it begins, so that the figure does not depend on the grid of the frames. All
    channels are measured against the level of the loudest one, since they are heard together.
    """
    rows = [_without_offset(row, sound.rate_hz) for row in sound.samples]
    loudest = max(rows, key=lambda row: float(row @ row)).astype(np.float32)
    speech = Resampler(1, sound.rate_hz).push(loudest[None], last=True)[0]
    level = active_level(speech)
    if level is None or level.level_dbfs < SILENT_DBFS:
        return None
    threshold = power_from_db(level.level_dbfs + AUDIBLE_DB)
    found = [_onset(row, sound.rate_hz, threshold) for row in rows]
    return min(
        (onset for onset in found if onset is not None),
        key=lambda onset: onset.lead_ms,
        default=None,
    )


def _onset(row: NDArray[np.float64], rate_hz: int, threshold: float) -> Onset | None:
    """Look for the beginning in one channel; above the noise where that is nearly as loud."""
    fine = _edges(len(row), rate_hz, FRAME_S / PIECES)
    frames = _powers(row, _edges(len(row), rate_hz, FRAME_S))
    pieces = _powers(row, fine)
    above = power_from_db(NOISE_DB)
    floor = _floor(frames, pieces)
    is_estimated = floor * above > threshold
    piece = _beginning(frames, pieces, floor * above) if is_estimated else None
    if piece is None:  # sound that never rises from its floor has no noise in front of it
        is_estimated = False
        piece = _beginning(frames, pieces, threshold)
    if piece is None:
        return None
    return Onset(lead_ms=float(fine[piece]) / rate_hz * 1000.0, is_estimated=is_estimated)


def _floor(frames: NDArray[np.float64], pieces: NDArray[np.float64]) -> float:
    """Return the power of the noise that the sound begins with; 0.0 when it begins with none.

    A floor is as quiet as the quietest 48 ms of the whole: speech without silence in front begins
    louder than its own pauses.
    """
    if len(frames) < FLOOR_FRAMES:
        return 0.0
    sums = np.concatenate([[0.0], np.cumsum(frames)])
    quietest = float(np.min(sums[FLOOR_FRAMES:] - sums[:-FLOOR_FRAMES])) / FLOOR_FRAMES
    start = float(np.median(pieces[:START_PIECES]))
    return min(start, quietest) if start <= quietest * power_from_db(NOISE_DB) else 0.0


def _beginning(
    frames: NDArray[np.float64], pieces: NDArray[np.float64], threshold: float
) -> int | None:
    """Return the first piece of a sound that lasts; None when there is none."""
    loud, over = frames > threshold, pieces > threshold
    for frame in np.flatnonzero(loud):
        if np.count_nonzero(loud[frame : frame + WITHIN]) < LASTING:
            continue
        first = int(frame) * PIECES
        piece = first + int(np.argmax(over[first : first + PIECES]))
        if piece == first:
            while piece > max(0, first - PIECES) and over[piece - 1]:
                piece -= 1
        return piece
    return None


def _without_offset(row: NDArray[np.float32], rate_hz: int) -> NDArray[np.float64]:
    """Return the channel behind a high-pass of one pole that has settled on its first sample.

    H(z) = (1 + a) / 2 * (1 - 1/z) / (1 - a/z), a = exp(-2 pi f / rate); it is causal, so that
    nothing is heard before it begins.
    """
    pole = float(np.exp(-2.0 * np.pi * HIGH_PASS_HZ / rate_hz))
    values = row.astype(np.float64) - float(row[0])
    size = len(values) + rate_hz // 10  # what rings on at the end must not come round
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    response = (1.0 + pole) / 2.0 * (1.0 - delay) / (1.0 - pole * delay)
    return np.asarray(np.fft.irfft(np.fft.rfft(values, size) * response, size)[: len(values)])


def _edges(count: int, rate_hz: int, step_s: float) -> NDArray[np.int64]:
    """Return the borders of pieces of ``step_s``, in samples; the last piece may be shorter."""
    pieces = int(np.ceil(count / (step_s * rate_hz) - 1e-9))
    edges = np.round(np.arange(pieces + 1) * (step_s * rate_hz)).astype(np.int64)
    edges[-1] = count
    return edges


def _powers(samples: NDArray[np.float64], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean square of each piece."""
    sums = np.concatenate([[0.0], np.cumsum(samples**2)])[edges]
    return np.asarray(np.diff(sums) / np.maximum(np.diff(edges), 1))
