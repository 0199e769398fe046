"""The columns of the waterfall, and each line of it: the axis, the ruler of the cursor, a row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from echotrace.render.console.axis import Axis
from echotrace.render.console.figures import milliseconds
from echotrace.render.console.layout import Page
from echotrace.tui.widgets.span_bars import (
    bar,
    edge_sign,
    flag_style,
    flags,
    guides,
    path_glyph,
    scale,
)

if TYPE_CHECKING:
    from echotrace.tui.span_rows import FoldedTree, SpanTree

__all__ = ["SpanLayout", "Widths", "head_line", "lay", "row_line", "ruler_line", "widths_of"]

_MIN_BAR = 10
_MIN_NAME = 12
_ROOMY = 60
_CPU_FROM = 100
_EDGE = 2
"""The mark of the critical path and a gap."""
_MARKER = 2
"""The sign of a row that folds and a gap."""
_COUNT = 6
_TIME = 9
_LABEL = 9
_IN_BRIEF = "!"
"""Stands beside the bar of a slow or failed span where there is no room for words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """What the longest entries of a tree take, in cells; names by the cells of one level."""

    names: dict[int, int]
    times: int
    cpus: int
    flags: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanLayout:
    """The columns at one width: name, time, CPU time (0: none), bars, flags (0: none)."""

    page: Page
    step: int
    left: int
    middle: int
    third: int
    right: int
    axis: Axis
    empty: str

    @property
    def bar_at(self) -> int:
        """Where the bars begin, in cells."""
        return _EDGE + self.left + 2 + self.middle + 2 + (self.third + 2 if self.third else 0)


def widths_of(tree: SpanTree, page: Page) -> Widths:
    """Measure every row once; it is slow for very many, so it is done where the tree is made."""
    cells: dict[str, int] = {}
    names = {1: 0, 2: 0}
    kinds = {}
    longest_ms = longest_cpu_ms = 0.0
    cpu = False
    for span, depth in zip(tree.spans, tree.depths, strict=True):
        if span.name not in cells:
            cells[span.name] = cell_len(page.data(span.name, limit=60))
        for step in names:
            names[step] = max(names[step], step * depth + cells[span.name])
        kinds[span.slow, span.simulated, span.status] = span
        longest_ms = max(longest_ms, span.duration_ms)
        if span.cpu_ms is not None:
            cpu, longest_cpu_ms = True, max(longest_cpu_ms, span.cpu_ms)
    return Widths(
        names=names,
        times=max(_TIME, len(milliseconds(longest_ms))),
        cpus=max(_TIME, len(milliseconds(longest_cpu_ms))) if cpu else 0,
        flags=max((cell_len(flags(span, page)) for span in kinds.values()), default=0),
    )


def lay(widths: Widths, page: Page, window_ms: tuple[float, float]) -> SpanLayout:
    """Return the columns for a page; ``window_ms`` is the part of the run that the bars show."""
    step = 2 if page.width >= _ROOMY else 1
    left = min(widths.names[step] + _MARKER + _COUNT, max(_MIN_NAME, page.width * 3 // 10))
    third = widths.cpus if page.width >= _CPU_FROM else 0
    before = _EDGE + left + 2 + widths.times + 2 + (third + 2 if third else 0)
    right = widths.flags
    if right and page.width - before - right - 1 < _MIN_BAR:
        right = cell_len(_IN_BRIEF)
    bars = max(1, page.width - before - (right + 1 if right else 0))
    first, last = window_ms
    axis = Axis(first_ms=first, last_ms=max(last, first + 0.001), cells=bars, label_cells=_LABEL)
    return SpanLayout(
        page=page,
        step=step,
        left=left,
        middle=widths.times,
        third=third,
        right=right,
        axis=axis,
        empty=guides(axis, page),
    )


def head_line(layout: SpanLayout) -> Text:
    """Return the names of the columns and the labels of the axis."""
    line = Text(" " * (_EDGE + _MARKER) + "span".ljust(layout.left - _MARKER + 2), style="dim")
    line.append("took".rjust(layout.middle))
    if layout.third:
        line.append("  " + "CPU".rjust(layout.third))
    return line.append("  ").append_text(scale(layout.axis, 0))


def ruler_line(layout: SpanLayout, begin_ms: float, end_ms: float) -> Text:
    """Return from when to when the row of the cursor runs, on the axis and in figures."""
    axis, page = layout.axis, layout.page
    plain = page.ascii_only
    left, right, rule = ("|", "|", "-") if plain else ("├", "┤", "─")
    first = max(0, min(axis.cells - 1, math.floor(axis.cell(begin_ms))))
    last = max(first, min(axis.cells - 1, math.ceil(axis.cell(end_ms)) - 1))
    told = f"{milliseconds(begin_ms)} {'-' if plain else rule} {milliseconds(end_ms)}"
    if end_ms < axis.first_ms or begin_ms > axis.last_ms:
        before = begin_ms < axis.first_ms
        line = f"{edge_sign(page, last=False)} {told}" if before else f"{told} {edge_sign(page)}"
        line = line[: axis.cells] if before else line[-axis.cells :].rjust(axis.cells)
        return Text(" " * layout.bar_at + line, style="bold")
    inner = last - first - 1
    drawn = left + rule * inner + right if inner >= 0 else left
    if len(told) + 4 <= inner:
        line = " " * first + left + f" {told} ".center(inner, rule) + right
    elif last + 2 + len(told) <= axis.cells:
        line = " " * first + f"{drawn} {told}"
    elif first > len(told):
        line = f"{told} {drawn}".rjust(last + 1)
    else:
        line = " " * first + drawn
    return Text(" " * layout.bar_at + line, style="bold")


def row_line(layout: SpanLayout, folded: FoldedTree, row: int, *, cursor: str = "") -> Text:
    """Return a row's line; ``cursor`` is the style of its words if the cursor is on it."""
    tree, page = folded.tree, layout.page
    span = tree.spans[row]
    critical = tree.is_critical(row)
    strong = "bold" if critical else ""
    line = Text(path_glyph(page).ljust(_EDGE) if critical else " " * _EDGE, style="")
    line.stylize(strong)
    line.append(" " * min(layout.step * tree.depths[row], layout.left // 2))
    line.append(_marker(folded, row, page))
    room = layout.left + _EDGE - line.cell_len
    count = _count(folded, row, room)
    name = page.data(span.name, limit=max(1, room - cell_len(count)))
    line.append(name, strong).append(count, "red" if tree.failed[row] else "dim")
    line.append(" " * (_EDGE + layout.left + 2 - line.cell_len))
    line.append(milliseconds(span.duration_ms).rjust(layout.middle), strong or "dim")
    if layout.third:
        cpu = "" if span.cpu_ms is None else milliseconds(span.cpu_ms)
        line.append("  " + cpu.rjust(layout.third), "dim")
    if cursor:
        line = Text(line.plain, style=f"{strong} {cursor}")
    line = Text.assemble(line, "  ")
    inside = None
    if folded.is_folded(row):
        inside = (tree.firsts_ms[row], tree.lasts_ms[row])
    line.append_text(bar(span, layout.axis, page, empty=layout.empty, inside_ms=inside))
    told = flags(span, page)
    if told and layout.right:
        if cell_len(told) > layout.right:
            told = _IN_BRIEF if span.slow or span.status != "ok" else ""
        line.append(f" {told}", flag_style(span))
    return line


def _marker(folded: FoldedTree, row: int, page: Page) -> str:
    if not folded.tree.sizes[row]:
        return " " * _MARKER
    signs = "+-" if page.ascii_only else "▸▾"
    return signs[0 if folded.is_folded(row) else 1] + " "


def _count(folded: FoldedTree, row: int, room: int) -> str:
    """Return how many rows a folded one hides, and how many of them failed if there is room."""
    if not folded.is_folded(row):
        return ""
    tree = folded.tree
    told = f" +{tree.sizes[row]:,}"
    failed = f", {tree.failed[row]:,} failed" if tree.failed[row] else ""
    return told + failed if cell_len(told + failed) <= room // 2 else told + ("!" * bool(failed))
