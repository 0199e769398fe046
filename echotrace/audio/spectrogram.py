"""Levels over time and frequency of a stretch, on the mel scale, for a screen's few rows.

librosa gives the scale. Of librosa only its conversions are touched: its filters and transforms
would load four times as much (210 MB against 80 MB) and take a second more to begin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from echotrace.errors import MissingDependencyError

__all__ = ["FLOOR_DB", "Layout", "band_edges_hz", "lay_out", "levels_db", "top_hz"]

FLOOR_DB: Final = -120.0
"""What digital silence is drawn as."""
HIGHEST_HZ: Final = 24_000.0
_SHORTEST_S: Final = 0.008
_LONGEST_S: Final = 0.040
_MOST_PER_COLUMN: Final = 4
_CHUNK: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which samples a spectrogram is made of.

    ``starts`` (columns * per_column,) are the first frames of its windows, in ascending order, also
    before the beginning and behind the end of the file; each is ``size`` frames long.
    """

    starts: NDArray[np.int64]
    size: int
    per_column: int


def top_hz(rate_hz: int) -> float:
    """Return the highest frequency that is shown: half the sample rate, at most 24 kHz."""
    return min(rate_hz / 2.0, HIGHEST_HZ)


def lay_out(start_s: float, end_s: float, *, columns: int, rate_hz: int) -> Layout:
    """Choose the windows of each column.

    A window is twice as long as its column, from 8 to 40 ms. Where a column lasts longer than its
    windows, up to four of them stand for it, evenly spread: of a long stretch only samples are
    looked at, so that three hours cost no more memory than three minutes.
    """
    column_s = (end_s - start_s) / columns
    size = max(16, round(rate_hz * min(_LONGEST_S, max(_SHORTEST_S, 2.0 * column_s))))
    per_column = int(np.clip(np.ceil(column_s * rate_hz / size), 1, _MOST_PER_COLUMN))
    middles_s = start_s + (np.arange(columns * per_column) + 0.5) * (column_s / per_column)
    starts = np.round(middles_s * rate_hz - size / 2).astype(np.int64)
    return Layout(starts=starts, size=size, per_column=per_column)


def band_edges_hz(rows: int, highest_hz: float) -> NDArray[np.float64]:
    """Return the edges of ``rows`` bands, equally wide on the mel scale (Slaney, as in librosa).

    Returns:
        Hz, (rows + 1,), from 0 up.

    Raises:
        MissingDependencyError: librosa cannot be imported.
    """
    try:
        import librosa

        edges = librosa.mel_frequencies(n_mels=rows + 1, fmin=0.0, fmax=highest_hz)
    except ImportError as error:
        raise MissingDependencyError(
            "the spectrogram needs librosa",
            why=str(error),
            hint="pip install librosa",
            code="LIBROSA_MISSING",
        ) from None
    return np.asarray(edges, np.float64)


def levels_db(
    windows: NDArray[np.float32],
    held: NDArray[np.bool_],
    edges_hz: NDArray[np.float64],
    *,
    rate_hz: int,
    per_column: int,
) -> NDArray[np.float32]:
    """Return the level in each band and column, in dB: a full-scale sine has 0 dB.

    Args:
        windows: samples (columns * per_column, size).
        held: which of the windows hold anything of the recording.
        edges_hz: the edges of the bands.
        rate_hz: of the samples.
        per_column: how many windows stand for a column; their mean power counts.

    Returns:
        (bands, columns), the lowest band first, at least ``FLOOR_DB``. NaN is where there is no
        recording, and in bands above half the sample rate.
    """
    size = windows.shape[1]
    taper = np.hanning(size + 1)[:-1].astype(np.float32)
    narrowest_hz = float(np.diff(edges_hz).min())
    # As many points as give the narrowest band four of them.
    points = 1 << int(np.ceil(np.log2(max(size, 4.0 * rate_hz / narrowest_hz))))
    share = _shares(edges_hz, points, rate_hz)
    scale = 4.0 / (points * float(np.square(taper, dtype=np.float64).sum()))
    power = np.empty((len(windows), share.shape[1]))
    for begin in range(0, len(windows), _CHUNK):
        spectrum = np.fft.rfft(windows[begin : begin + _CHUNK] * taper, points, axis=1)
        power[begin : begin + _CHUNK] = (np.abs(spectrum) ** 2 * scale) @ share
    counted = held.reshape(-1, per_column)
    sums = (power * held[:, None]).reshape(-1, per_column, power.shape[1]).sum(axis=1)
    number = counted.sum(axis=1, keepdims=True)
    mean = np.divide(sums, number, out=np.full(sums.shape, np.nan), where=number > 0)
    mean[:, edges_hz[:-1] >= rate_hz / 2.0] = np.nan
    levels = 10.0 * np.log10(np.maximum(mean, 10.0 ** (FLOOR_DB / 10.0)))
    return np.asarray(levels.T, np.float32)


def _shares(edges_hz: NDArray[np.float64], points: int, rate_hz: int) -> NDArray[np.float64]:
    """Return how much of each bin lies in each band, (bins, bands): no power counts twice."""
    step_hz = rate_hz / points
    middles = np.arange(points // 2 + 1) * step_hz
    low, high = middles[:, None] - step_hz / 2, middles[:, None] + step_hz / 2
    inside = np.minimum(high, edges_hz[1:]) - np.maximum(low, edges_hz[:-1])
    return np.asarray(np.clip(inside / step_hz, 0.0, 1.0))
