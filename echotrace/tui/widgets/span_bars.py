"""How a span is drawn: its bar on an axis, the axis's labels, and the words beside it."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.axis import drawable
from echotrace.render.console.figures import MOCK, number
from echotrace.tui.state import RUNNING

if TYPE_CHECKING:
    from echotrace.model.report import SpanRecord
    from echotrace.render.console.axis import Axis
    from echotrace.render.console.layout import Page

__all__ = ["FAILED", "bar", "edge_sign", "flag_style", "flags", "guides", "path_glyph", "scale"]

FAILED = "FAILED"
_SLOW = "<- SLOW"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_MOST_DIGITS = 6


def path_glyph(page: Page) -> str:
    """Return what stands before a span of the critical path."""
    return "*" if page.ascii_only else "┃"


def edge_sign(page: Page, *, last: bool = True) -> str:
    """Return what says that something lies beyond the axis's last or first cell."""
    if page.ascii_only:
        return ">" if last else "<"
    return "→" if last else "←"


def scale(axis: Axis, before: int) -> Text:
    """Return the labels of the axis's ticks, the first with its unit, behind so many cells."""
    ticks = axis.ticks()
    step = ticks[1] - ticks[0] if len(ticks) > 1 else axis.last_ms - axis.first_ms
    digits = min(_MOST_DIGITS, max(0, math.ceil(-math.log10(step) - 1e-6)))
    drawn = ""
    for tick in ticks:
        at = int(axis.cell(tick))
        label = number(tick, digits) if drawn.strip() else f"{number(tick, digits)} ms"
        if len(drawn) <= at and at + len(label) <= axis.cells:
            drawn = drawn.ljust(at) + label + " "
    return Text(" " * before + drawn.rstrip(), style="dim")


def guides(axis: Axis, page: Page) -> str:
    """Return the empty bar area: a guide at every tick."""
    cells = [" "] * axis.cells
    for tick in axis.ticks():
        cells[max(0, min(axis.cells - 1, int(axis.cell(tick))))] = page.glyphs.guide
    return "".join(cells)


def bar(
    span: SpanRecord,
    axis: Axis,
    page: Page,
    *,
    empty: str,
    inside_ms: tuple[float, float] | None = None,
) -> Text:
    """Return a span's bar, as wide as the axis; one that lies beyond an edge is an arrow there.

    Args:
        span: what is drawn.
        axis: the part of the run that is seen.
        page: its glyphs.
        empty: the guides of the axis.
        inside_ms: from when to when the spans run that are folded into this one; there the bar is
            whole, the rest of it is a line.
    """
    fill, style = _look(span, page)
    start_ms = drawable(span.start_ms)
    end_ms = start_ms + max(0.0, drawable(span.duration_ms))
    pieces = [_piece(start_ms, end_ms, fill, axis, page)]
    if inside_ms is not None:
        pieces = [
            _piece(start_ms, end_ms, page.glyphs.speech, axis, page),
            _piece(*inside_ms, fill, axis, page),
        ]
    cells = [(char, "dim") for char in empty]
    for first, drawn in pieces:
        cells[first : first + len(drawn)] = [(char, style) for char in drawn]
    line = Text()
    for look, run in groupby(cells, key=lambda cell: cell[1]):
        line.append("".join(char for char, _ in run), look)
    return line


def _piece(start_ms: float, end_ms: float, fill: str, axis: Axis, page: Page) -> tuple[int, str]:
    """Return the first cell of a stretch and what is drawn from there; at least one cell."""
    instant = start_ms == end_ms
    if end_ms < axis.first_ms or (end_ms == axis.first_ms and not instant):
        return 0, edge_sign(page, last=False)
    if start_ms > axis.last_ms or (start_ms == axis.last_ms and not instant):
        return axis.cells - 1, edge_sign(page)
    begin = max(0.0, axis.cell(start_ms))
    length = min(float(axis.cells), axis.cell(end_ms)) - begin
    first = max(0, min(axis.cells - 1, int(begin)))
    smooth = fill == "█"
    if smooth and length < 1 / 8:
        drawn = page.glyphs.sliver
    elif smooth:
        eighths = round(length * 8)
        drawn = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
    else:
        drawn = fill * max(1, round(length))
    return first, drawn[: axis.cells - first]


def _look(span: SpanRecord, page: Page) -> tuple[str, str]:
    glyphs = page.glyphs
    if span.status not in ("ok", RUNNING):
        return glyphs.failed, "red"
    if span.simulated:
        return glyphs.simulated, "magenta"
    if span.status == RUNNING:
        return glyphs.empty, "cyan"
    return glyphs.bar, "yellow" if span.slow else "cyan"


def flags(span: SpanRecord, page: Page) -> str:
    """Return the words beside a bar: slow, simulated, and how the span ended unless it was well."""
    told = []
    if span.slow:
        told.append(_SLOW)
    if span.simulated:
        told.append(MOCK)
    if span.status == "failed":
        told.append(FAILED)
    elif span.status == RUNNING:
        told.append(page.glyphs.ellipsis)
    elif span.status != "ok":
        told.append(page.data(span.status, limit=12).upper())
    return " ".join(told)


def flag_style(span: SpanRecord) -> str:
    """Return the style of the words beside a bar."""
    if span.status not in ("ok", RUNNING):
        return "bold red"
    return "bold yellow" if span.slow else "magenta" if span.simulated else "dim"
