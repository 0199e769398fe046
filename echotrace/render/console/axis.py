"""The common time axis of a waterfall: from milliseconds to cells, with round labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.render.console.figures import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.report import SpanRecord

__all__ = ["Axis", "axis_of", "axis_to", "drawable", "scale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Maps ms since the run began to cells of the bar area; ``label_cells`` is a label's room."""

    first_ms: float
    last_ms: float
    cells: int
    label_cells: int

    def cell(self, at_ms: float) -> float:
        """Return where a time lies, in cells from the left."""
        return (at_ms - self.first_ms) / (self.last_ms - self.first_ms) * self.cells

    def ticks(self) -> list[float]:
        """Return places 1, 2 or 5 times a power of ten apart, far enough for most labels."""
        rough = (self.last_ms - self.first_ms) / max(1, self.cells // self.label_cells)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next((k * power for k in (1, 2, 5) if k * power >= rough), 10 * power)
        first = math.ceil(self.first_ms / step)
        places = ((first + count) * step for count in range(self.cells))
        return [place for place in places if place < self.last_ms]


def axis_of(spans: Sequence[SpanRecord], cells: int, *, label_cells: int) -> Axis:
    """Return the axis from the run's begin to its last end."""
    first = min(0.0, *(drawable(span.start_ms) for span in spans))
    last = max(drawable(span.start_ms) + drawable(span.duration_ms) for span in spans)
    return Axis(
        first_ms=first, last_ms=max(last, first + 0.001), cells=cells, label_cells=label_cells
    )


def axis_to(last_ms: float, cells: int, *, label_cells: int) -> Axis:
    """Return the axis from 0 to a time."""
    last = max(0.001, drawable(last_ms))
    return Axis(first_ms=0.0, last_ms=last, cells=max(1, cells), label_cells=label_cells)


def scale(axis: Axis) -> str:
    """Return the labels of the axis's ticks, those that find room, each above its place."""
    drawn = ""
    for tick in axis.ticks():
        at = int(axis.cell(tick))
        label = number(tick, 0 if tick == int(tick) else 2)
        if len(drawn) <= at and at + len(label) <= axis.cells:
            drawn = drawn.ljust(at) + label + " "
    return drawn.rstrip()


def drawable(at_ms: float) -> float:
    """Keep a damaged report's time from breaking the axis: within 30 years, and a number."""
    return max(-1e12, min(1e12, at_ms)) if math.isfinite(at_ms) else 0.0
