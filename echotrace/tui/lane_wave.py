"""The sound of a lane: smallest and largest sample per dot, and the dots as characters."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from echotrace.model.report import EnvelopeChannel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.tui.lane_index import Lane
    from echotrace.tui.window import Window

__all__ = ["DOTS", "Cell", "Detail", "Peak", "dbfs", "peak_at", "peaks", "wave_rows"]

Cell = tuple[str, str]
"""A character and what it stands for, which is the name of its colour."""

DOTS = 2
"""Dots side by side in a cell."""

_HIGH = 4
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BLANK = 0x2800
_HALVES = (" ", "'", ".", "#")
_FULL = 0.999
_SPOKEN = 0.5
_CLOSE = 1e-6
_AROUND_S = 0.1
"""How much of the sound around the cursor its peak is told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """Smallest and largest sample of a stretch, and the highest speech probability in it."""

    low: float
    high: float
    speech: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A stretch of the recording itself, finer than the report's envelope."""

    start_s: float
    end_s: float
    channels: tuple[EnvelopeChannel, ...]

    def of(self, index: int | None) -> EnvelopeChannel | None:
        """Return the columns of a channel."""
        return next((item for item in self.channels if item.index == index), None)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Columns of samples that begin at a time and are so long."""

    start_s: float
    column_s: float
    channel: EnvelopeChannel

    def holds(self, start_s: float, end_s: float) -> bool:
        """Tell whether all of a stretch lies in it."""
        last_s = self.start_s + len(self.channel.max) * self.column_s
        return self.start_s <= start_s and end_s <= last_s

    def peak(self, start_s: float, end_s: float) -> Peak | None:
        columns = len(self.channel.max)
        first = math.floor((start_s - self.start_s) / self.column_s + _CLOSE)
        last = max(first + 1, math.ceil((end_s - self.start_s) / self.column_s - _CLOSE))
        first, last = max(0, first), min(columns, last)
        if last <= first:
            return None
        return Peak(
            low=min(self.channel.min[first:last], default=0.0),
            high=max(self.channel.max[first:last]),
            speech=max(self.channel.speech_probability[first:last], default=0.0),
        )


def peaks(
    lane: Lane, window: Window, first_s: float, column_s: float | None, detail: Detail | None
) -> list[Peak | None]:
    """Return what each dot of a window's columns spans; None where nothing is known.

    ``detail`` is taken where it covers a dot, else the report's envelope, which begins at
    ``first_s``.
    """
    scales = _scales(lane, first_s, column_s, detail)
    step_s = window.step_s / DOTS
    starts = [window.start_s + dot * step_s for dot in range(window.columns * DOTS)]
    return [_first(scales, start_s, start_s + step_s) for start_s in starts]


def peak_at(
    lane: Lane, at_s: float, first_s: float, column_s: float | None, detail: Detail | None
) -> tuple[Peak, float] | None:
    """Return what is around a time, and how many seconds that is, whatever the window.

    The report's envelope tells it where its columns are fine enough, else the recording if that
    was read there, else the one column of the envelope.
    """
    scales = _scales(lane, first_s, column_s, detail)
    if not scales:
        return None
    finest, coarse = scales[0], scales[-1]
    start_s, end_s = at_s - _AROUND_S / 2, at_s + _AROUND_S / 2
    if coarse.column_s > _AROUND_S >= finest.column_s and finest.holds(start_s, end_s):
        peak = finest.peak(start_s, end_s)
        return (peak, _AROUND_S) if peak is not None else None
    columns = max(1, round(_AROUND_S / coarse.column_s))
    middle = math.floor((at_s - coarse.start_s) / coarse.column_s + _CLOSE)
    middle -= middle == len(coarse.channel.max)  # the end belongs to the last column
    start_s = coarse.start_s + (middle - (columns - 1) // 2) * coarse.column_s
    length_s = columns * coarse.column_s
    peak = coarse.peak(start_s, start_s + length_s)
    return (peak, length_s) if peak is not None else None


def dbfs(peak: Peak) -> float:
    """Return the level of the larger of both ends, in dB below full scale; silence is -inf."""
    magnitude = max(abs(peak.low), abs(peak.high))
    return 20.0 * math.log10(magnitude) if magnitude > 0 else -math.inf


def _scales(
    lane: Lane, first_s: float, column_s: float | None, detail: Detail | None
) -> list[_Scale]:
    scales = []
    fine = detail.of(lane.index) if detail else None
    if detail is not None and fine is not None and fine.max:
        scales.append(_Scale(detail.start_s, (detail.end_s - detail.start_s) / len(fine.max), fine))
    if lane.envelope is not None and column_s:
        scales.append(_Scale(first_s, column_s, lane.envelope))
    return scales


def _first(scales: Sequence[_Scale], start_s: float, end_s: float) -> Peak | None:
    """Return what the finest scale that reaches there knows; only the report knows of speech."""
    found = [peak for scale in scales if (peak := scale.peak(start_s, end_s))]
    return replace(found[0], speech=found[-1].speech) if len(found) > 1 else next(iter(found), None)


def wave_rows(
    found: Sequence[Peak | None], loudest: float, height: int, *, ascii_only: bool
) -> list[list[Cell]]:
    """Draw peaks around a middle line in ``height`` rows; the loudest of the channel fills them."""
    loudest = loudest if loudest > 0 else 1.0
    dots = height * (2 if ascii_only else _HIGH)
    ends = [_ends(peak, loudest, dots) for peak in found]
    rows = []
    for row in range(height):
        cells: list[Cell] = []
        for at in range(0, len(found), DOTS):
            char = (
                _half(ends[at : at + DOTS], row)
                if ascii_only
                else _braille(ends[at : at + DOTS], row)
            )
            outer = row in (0, height - 1)
            cells.append(
                (char, _role(found[at : at + DOTS], outer=outer)) if char != " " else (" ", "")
            )
        rows.append(cells)
    return rows


def _ends(peak: Peak | None, loudest: float, dots: int) -> tuple[int, int]:
    """Return the first and the last dot from above; the last before the first is nothing."""
    if peak is None:
        return 0, -1
    high, low = (max(-1.0, min(1.0, value / loudest)) for value in (peak.high, peak.low))
    return round((1 - high) / 2 * (dots - 1)), round((1 - low) / 2 * (dots - 1))


def _braille(ends: Sequence[tuple[int, int]], row: int) -> str:
    bits = 0
    above = row * _HIGH
    for side, (first, last) in enumerate(ends):
        if first < above + _HIGH and last >= above:
            bits |= sum(_BITS[side][max(0, first - above) : last - above + 1])
    return chr(_BLANK + bits) if bits else " "


def _half(ends: Sequence[tuple[int, int]], row: int) -> str:
    known = [end for end in ends if end[1] >= end[0]]
    if not known:
        return " "
    first, last = min(end[0] for end in known), max(end[1] for end in known)
    upper, lower = (first <= row * 2 + half <= last for half in (0, 1))
    return _HALVES[upper + 2 * lower]


def _role(found: Sequence[Peak | None], *, outer: bool) -> str:
    known = [peak for peak in found if peak is not None]
    if outer and any(max(abs(peak.low), abs(peak.high)) >= _FULL for peak in known):
        return "critical"
    return "speech" if any(peak.speech >= _SPOKEN for peak in known) else "quiet"
