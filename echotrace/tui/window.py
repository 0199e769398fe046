"""The stretch of time that a timeline shows: columns, a cursor, zooming and panning.

Nothing here draws. A window never leaves the whole, and its cursor never leaves the window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from echotrace.render.console.timeline import stamp

__all__ = ["SHORTEST_S", "Window", "fitted", "ticks"]

SHORTEST_S = 0.1
"""No window is shorter: the cursor's time is told to 10 ms."""

_CLOSE = 1e-3
"""Share of a column by which a time may fall short of it: sums of floats are not exact."""
_ROUNDED_S = 1e-9
"""A cursor at an end of the window stays where it is, though that end is a rounded sum."""
_STEPS_S = (
    *(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000, 86400),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of a recording, in columns of equal length; all times in seconds on its clock.

    ``first_s`` and ``last_s`` bound the whole, ``start_s`` and ``end_s`` what is shown.
    """

    first_s: float
    last_s: float
    start_s: float
    end_s: float
    cursor_s: float
    columns: int

    @property
    def width_s(self) -> float:
        """How long the shown stretch is."""
        return self.end_s - self.start_s

    @property
    def step_s(self) -> float:
        """How long a column is."""
        return self.width_s / self.columns

    @property
    def is_whole(self) -> bool:
        """Whether all is shown."""
        return self.start_s <= self.first_s and self.end_s >= self.last_s

    @property
    def cursor(self) -> int:
        """The column of the cursor."""
        return self.column_of(self.cursor_s)

    def cell(self, at_s: float) -> float:
        """Return where a time lies, in columns from the left, within the window's ends."""
        return min(max((at_s - self.start_s) / self.step_s, 0.0), float(self.columns))

    def column_of(self, at_s: float) -> int:
        """Return the column that holds a time; one outside the window has the nearest."""
        return min(math.floor(self.cell(at_s) + _CLOSE), self.columns - 1)

    def time_of(self, column: float) -> float:
        """Return the time at the left edge of a column."""
        return self.start_s + column * self.step_s

    def holds(self, at_s: float) -> bool:
        """Tell whether a time is shown."""
        return self.start_s <= at_s <= self.end_s

    def with_columns(self, columns: int) -> Window:
        """Show the same stretch in another number of columns."""
        return replace(self, columns=max(1, columns))

    def at(self, cursor_s: float) -> Window:
        """Move the cursor to a time; the window follows as far as it must."""
        cursor_s = min(max(cursor_s, self.first_s), self.last_s)
        if cursor_s < self.start_s:
            return self._shown(cursor_s, self.width_s, cursor_s)
        edge_s = self.end_s - self.step_s
        if cursor_s > edge_s + _CLOSE * self.step_s and self.end_s < self.last_s:
            by_s = cursor_s - edge_s
            return self._shown(self.start_s + by_s, self.width_s, cursor_s)
        return replace(self, cursor_s=cursor_s)

    def moved(self, columns: float) -> Window:
        """Move the cursor by so many columns."""
        return self.at(self.cursor_s + columns * self.step_s)

    def panned(self, share: float) -> Window:
        """Move the window by a share of its length; at an end the cursor goes on to that end."""
        by_s = share * self.width_s
        cursor_s = min(max(self.cursor_s + by_s, self.first_s), self.last_s)
        return self._shown(self.start_s + by_s, self.width_s, cursor_s)

    def zoomed(self, factor: float, about_s: float | None = None) -> Window:
        """Show ``1 / factor`` of the stretch; what is at the cursor or ``about_s`` stays there."""
        about_s = self.cursor_s if about_s is None else about_s
        shortest_s = min(SHORTEST_S, self.last_s - self.first_s)
        width_s = min(max(self.width_s / factor, shortest_s), self.last_s - self.first_s)
        share = (about_s - self.start_s) / self.width_s
        return self._shown(about_s - share * width_s, width_s, self.cursor_s)

    def fit(self) -> Window:
        """Show the whole; the cursor stays."""
        return replace(self, start_s=self.first_s, end_s=self.last_s)

    def centred(self, at_s: float, end_s: float, useful_s: float, *, fewest: int = 3) -> Window:
        """Put a place into the middle, the cursor at its begin.

        A place of fewer than ``fewest`` columns narrows the window to ``useful_s``; one that is
        longer than the window widens it.
        """
        at_s = min(max(at_s, self.first_s), self.last_s)
        end_s = min(max(end_s, at_s), self.last_s)
        width_s = self.width_s
        if (end_s - at_s) / self.step_s < fewest:
            width_s = min(width_s, max(useful_s, SHORTEST_S))
        width_s = max(width_s, (end_s - at_s) * 1.25)
        return self._shown((at_s + end_s - width_s) / 2, width_s, at_s)

    def _shown(self, start_s: float, width_s: float, cursor_s: float) -> Window:
        whole_s = self.last_s - self.first_s
        if width_s >= whole_s:
            start_s, end_s = self.first_s, self.last_s
        else:
            start_s = min(max(start_s, self.first_s), self.last_s - width_s)
            end_s = min(start_s + width_s, self.last_s)
        if not start_s - _ROUNDED_S <= cursor_s <= end_s + _ROUNDED_S:
            cursor_s = min(max(cursor_s, start_s), end_s)
        return replace(self, start_s=start_s, end_s=end_s, cursor_s=cursor_s)


def fitted(first_s: float, last_s: float, columns: int) -> Window:
    """Return the window that shows the whole, the cursor at its begin."""
    last_s = max(last_s, first_s + SHORTEST_S)
    return Window(
        first_s=first_s,
        last_s=last_s,
        start_s=first_s,
        end_s=last_s,
        cursor_s=first_s,
        columns=max(1, columns),
    )


def ticks(window: Window, label_cells: int = 10) -> list[tuple[int, str]]:
    """Return round times of the window as columns and labels, far enough apart for the labels."""
    rough_s = window.width_s / max(1, window.columns // label_cells)
    step_s = next((float(step) for step in _STEPS_S if step >= rough_s), 0.0)
    step_s = step_s or 10.0 ** math.ceil(math.log10(rough_s))
    digits = 0 if step_s >= 1 else 1 if step_s >= 0.1 else 2
    first = math.ceil(window.start_s / step_s - 1e-9)
    count = math.ceil(window.width_s / step_s) + 1
    times = [(first + at) * step_s for at in range(min(count, window.columns))]
    return [
        (window.column_of(at_s), stamp(at_s, digits=digits))
        for at_s in times
        if at_s < window.end_s
    ]
