"""Curves of several engines on one canvas of characters, each under its letter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.figures import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.benchmark import Frontier
    from echotrace.render.console.layout import Page

__all__ = ["letter_of", "plot", "style_of_engine"]

_STYLES = ("cyan", "magenta", "yellow", "green", "blue", "red")
_HEIGHT = 9
_WIDEST = 72
_GUTTER = 10
_CEILINGS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
_FALLING = "snr_db"
"""On this axis less is worse."""
_SHARED = "*"


def letter_of(at: int) -> str:
    """Return the letter that stands for an engine in the plot and beside it."""
    return chr(ord("A") + at % 26)


def style_of_engine(at: int) -> str:
    """Return the colour of an engine's curve; its letter tells the same without colour."""
    return _STYLES[at % len(_STYLES)]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where a step and a WER stand; ``clean`` is the place of clips as they came."""

    first: float
    last: float
    top: float
    columns: int
    clean: float

    def column(self, value: float | None) -> int:
        place = self.clean if value is None else value
        share = (place - self.first) / (self.last - self.first)
        return round(min(1.0, max(0.0, share)) * (self.columns - 1))

    def row(self, wer: float) -> int:
        return round((1 - min(1.0, max(0.0, wer / self.top))) * (_HEIGHT - 1))


def plot(members: Sequence[Frontier], page: Page) -> Iterator[Text]:
    """Yield the curves, best step at the left; nothing where there is no axis of numbers."""
    scale = _scale(members, page)
    if scale is None:
        return
    cells: dict[tuple[int, int], tuple[str, str]] = {}
    for at, item in enumerate(members):
        _draw_line(item, scale, style_of_engine(at), cells, page)
    for at, item in enumerate(members):
        for point in item.points:
            if point.wer.value is None:
                continue
            place = scale.row(point.wer.value), scale.column(point.value)
            taken = cells.get(place, ("", ""))[0]
            shared = taken.isalpha() or taken == _SHARED
            cells[place] = (
                (_SHARED, "bold") if shared else (letter_of(at), f"bold {style_of_engine(at)}")
            )
    glyphs = page.glyphs
    for row in range(_HEIGHT):
        share = 1 - row / (_HEIGHT - 1)
        label = _percent(scale.top * share) if row % 4 == 0 else ""
        line = Text.assemble((f"{label:>{_GUTTER - 2}} {glyphs.side}", "dim"))
        for column in range(scale.columns):
            line.append(*cells.get((row, column), (" ", "")))
        yield line
    floor = f"{'':>{_GUTTER - 2}} {glyphs.corners[2]}{glyphs.rule * scale.columns}"
    yield Text(floor, style="dim")
    yield Text(" " * _GUTTER + _labels(members, scale, page), style="dim")
    marks = _marks(members, scale)
    if marks:
        yield Text.assemble((f"{'x 2':>{_GUTTER - 2}}  ", "dim"), marks)
    if any(character == _SHARED for character, _ in cells.values()):
        yield Text(f"{'':{_GUTTER}}{_SHARED} several engines at one place", style="dim")
    yield Text()


def _percent(ratio: float) -> str:
    """Return the label of a height, which has few cells: small steps keep a decimal."""
    value = ratio * 100
    digits = 1 if value and abs(value) < 10 and value != round(value) else 0
    text = f"{number(value, digits)} %"
    return text if len(text) <= _GUTTER - 2 else f"{value:.1g} %"


def _scale(members: Sequence[Frontier], page: Page) -> _Scale | None:
    points = [point for item in members for point in item.points if point.wer.value is not None]
    values = sorted({point.value for point in points if point.value is not None})
    if not values or not all(map(math.isfinite, values)):
        return None
    has_clean = any(point.value is None for point in points)
    step = min((b - a for a, b in pairwise(values)), default=0.0)
    beyond = max(step, (values[-1] - values[0]) / 4) or 1.0
    falling = members[0].axis == _FALLING
    clean = values[-1] + beyond if falling else min(0.0, values[0] - beyond)
    if not falling and values[0] > 0:
        clean = 0.0
    places = [*values, clean] if has_clean else values
    if len(set(places)) < 2:
        return None
    ends = (max(places), min(places)) if falling else (min(places), max(places))
    worst = max(point.wer.value or 0.0 for point in points)
    top = next((item for item in _CEILINGS if item >= worst), worst)
    columns = min(_WIDEST, page.width - _GUTTER - 1)
    return _Scale(first=ends[0], last=ends[1], top=top, columns=columns, clean=clean)


def _draw_line(
    item: Frontier,
    scale: _Scale,
    style: str,
    cells: dict[tuple[int, int], tuple[str, str]],
    page: Page,
) -> None:
    """Draw between neighbouring steps; a step that was not measured breaks the line."""
    dot = "." if page.ascii_only else "·"
    for one, other in pairwise(item.points):
        if one.wer.value is None or other.wer.value is None:
            continue
        begin, end = scale.column(one.value), scale.column(other.value)
        for column in range(min(begin, end) + 1, max(begin, end)):
            share = (column - begin) / (end - begin)
            wer = one.wer.value + share * (other.wer.value - one.wer.value)
            cells.setdefault((scale.row(wer), column), (dot, style))


def _labels(members: Sequence[Frontier], scale: _Scale, page: Page) -> str:
    """Return the names of the steps under their places, those that find room."""
    unit = page.data(members[0].unit, limit=8)
    names: dict[int, str] = {}
    for item in members:
        for point in item.points:
            shown = "clean" if point.value is None else f"{point.value:g} {unit}".rstrip()
            names.setdefault(scale.column(point.value), shown)
    line = ""
    for column, name in sorted(names.items()):
        at = max(0, min(column - len(name) // 2, scale.columns - len(name)))
        if not line or len(line) + 1 <= at:
            line = line.ljust(at) + name
    return line


def _marks(members: Sequence[Frontier], scale: _Scale) -> Text | None:
    """Return each engine's letter where its WER has doubled; ``<`` says that or before."""
    found = {
        at: (scale.column(item.breakpoint.value), "<" if item.is_bound else "^")
        for at, item in enumerate(members)
        if item.breakpoint.value is not None
    }
    if not found:
        return None
    line = Text()
    for at, (column, mark) in sorted(found.items(), key=lambda pair: pair[1][0]):
        line.append(" " * max(0, column - line.cell_len))
        line.append(f"{mark}{letter_of(at)} ", f"bold {style_of_engine(at)}")
    return line
