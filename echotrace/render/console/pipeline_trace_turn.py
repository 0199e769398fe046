"""The parts of one turn at their places on the recording's clock, what lies in what, and whose."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rich.text import Text

from echotrace.model.measure import Status
from echotrace.render.console.axis import Axis, drawable, scale
from echotrace.render.console.figures import figure, milliseconds
from echotrace.render.console.lane import part_name
from echotrace.render.console.layout import style_of
from echotrace.render.console.parts import part
from echotrace.render.console.pipeline_trace_bar import EARLY, added, fill_of, look_of, summed
from echotrace.render.console.pipeline_trace_told import (
    longest_part,
    owner_of,
    signed,
    trace_of,
    trace_turn_of,
)
from echotrace.render.console.timeline import stamp
from echotrace.render.console.turns import interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.conversation import Turn
    from echotrace.model.reconciled import PipelineTurn, TurnPart
    from echotrace.model.report import Report
    from echotrace.render.console.layout import Page

__all__ = ["placed_parts", "told_of_wait", "trace_lines"]

_LABEL: Final = 8
_FEWEST: Final = 16
_ROOMY: Final = 36
"""Cells of a bar below which only the figures are told, and from which on all is told beside it."""
_OWNER: Final = 34
_BRIEF: Final = 18
_SURE: Final = 14


def trace_lines(turn: Turn, report: Report, page: Page) -> Iterator[Text]:
    """Yield what the pipeline's own trace tells of a turn; nothing where there is no trace."""
    trace = trace_of(report)
    if trace is None:
        return
    found = trace_turn_of(report, turn.id)
    yield Text()
    if found is None or found.trace_turn_id is None:
        refused = trace.clock.status == "refused"
        why = "the trace could not be laid over the recording" if refused else None
        why = why or (found.why_not if found is not None else None) or "the trace has no such turn"
        told = Text(page.data(why), style="dim")
        yield from part("Claimed against heard", told, page, indent=0)
        return
    yield from part("Claimed against heard", _compared(found, page), page, indent=0)
    if found.why_not:
        apart = Text(page.data(f"in no percentile: {found.why_not}"), style="dim")
        yield from page.wrapped(apart, indent=0)
    if found.parts:
        yield from _chart(turn, found, page)
    else:
        none = "the trace tells no part of this turn that could be laid into its gap"
        yield from page.wrapped(Text(none, style="dim"), indent=0)


def told_of_wait(turn: Turn, report: Report, page: Page) -> Text | None:
    """Return which part took most of a wait, by the trace; None where it tells none."""
    found = trace_turn_of(report, turn.id)
    if found is None:
        return None
    longest = longest_part([item for item in found.parts if item.key == found.bottleneck])
    if longest is None:
        return None
    took_ms = summed(found.parts)[longest.key]
    text = Text("by the pipeline's own trace most of it was ")
    text.append(f"{part_name(longest.key, page)}, {milliseconds(took_ms)}")
    return text.append(f" ({owner_of(longest, page)})")


def placed_parts(turn: Turn, report: Report) -> list[TurnPart]:
    """Return the parts of a turn that add up and have a place, for a lane."""
    found = trace_turn_of(report, turn.id)
    return [
        item
        for item in (added(found.parts) if found is not None else ())
        if item.start_s is not None and item.end_s is not None
    ]


def _compared(found: PipelineTurn, page: Page) -> Text:
    text = Text("claimed ", style="")
    text.append(page.data(figure(found.claimed_gap_ms)), "bold")
    text.append(", heard ").append(page.data(figure(found.heard_gap_ms)), "bold")
    difference = found.difference_ms
    if difference.value is not None:
        style = "yellow" if difference.value > 0 else "green"
        text.append(": ").append(signed(difference.value, unit=True), f"bold {style}")
        sure = interval(difference, page)
        text.append(f" {sure}" if sure else "", "dim")
    return text


def _chart(turn: Turn, found: PipelineTurn, page: Page) -> Iterator[Text]:
    """Yield a row per part: its name, its length, its place in the wait, and whose it is."""
    rows = _nested(found.parts)
    names = [f"{'  ' * depth}{part_name(item.key, page)}" for item, depth in rows]
    times = [_length(item, page) for item, _ in rows]
    left = max(len("caller waits"), *(Text(name).cell_len for name in names))
    waited = milliseconds(drawable(found.heard_gap_ms.value or 0.0))
    middle = max(len(waited), *map(len, times))
    room = page.width - left - middle - 6
    for brief, fewest in ((False, _ROOMY), (True, _FEWEST)):
        owners = [_whose(item, depth, page, brief=brief) for item, depth in rows]
        right = max(text.cell_len for text in owners)
        cells = room - right - 2
        if cells >= fewest:
            break
    beside = cells >= _FEWEST
    cells = cells if beside else room
    origin_s = turn.user.end_s if turn.user is not None else _first_s(found.parts)
    axis = _axis(found, origin_s, cells)
    if origin_s is not None:
        told = f"ms since the caller's last word at {stamp(origin_s, digits=2)}"
        told = told if turn.user is not None else f"ms since {stamp(origin_s, digits=2)}"
        yield from page.wrapped(Text(told, style="dim"), indent=0)
    drawn = cells >= _FEWEST and origin_s is not None
    before = left + middle + 6
    if drawn:
        yield Text(" " * before + scale(axis), style="dim")
        yield from _waiting(found, axis, left, middle, page)
    for (item, depth), name, shown, owner in zip(rows, names, times, owners, strict=True):
        look = look_of(item.key)
        line = Text.assemble((look.letter, look.bold), " ", (name.ljust(left), "dim" * (depth > 0)))
        line.append("  ").append(shown.rjust(middle), "dim" if depth else "bold").append("  ")
        if drawn:
            line.append_text(_bar(item, depth, origin_s or 0.0, axis, page))
        if drawn and beside:
            line.append(" " * (before + cells - line.cell_len))
            line.append("  ").append_text(owner)
            line.rstrip()
            yield line
            continue
        line.rstrip()
        owner = owner if owner.plain else _whose(item, depth, page, brief=False)
        yield from [line] if line.cell_len <= page.width else page.wrapped(line, indent=0)
        yield from page.wrapped(owner, indent=4)


def _nested(parts: Sequence[TurnPart]) -> list[tuple[TurnPart, int]]:
    """Return the parts that add up in their order, behind each what lies inside it."""
    hosts = {item.key for item in parts if item.inside is None}
    rows: list[tuple[TurnPart, int]] = []
    told: set[str] = set()
    for item in parts:
        if item.inside is not None:
            continue
        rows.append((item, 0))
        if item.key not in told:
            told.add(item.key)
            rows += [(other, 1) for other in parts if other.inside == item.key]
    strays = [(item, 1) for item in parts if item.inside is not None and item.inside not in hosts]
    return [*rows, *strays]


def _length(item: TurnPart, page: Page) -> str:
    if item.ms.value is None:
        return "n/a"
    value = drawable(item.ms.value)
    shown = signed(value, unit=True) if item.key == "unaccounted" else milliseconds(value)
    return shown if item.ms.status is Status.MEASURED else f"~{shown}"


def _whose(item: TurnPart, depth: int, page: Page, *, brief: bool) -> Text:
    """Return who makes a part so long; not so brief also how sure that is, and what it is in."""
    if brief:
        named = "" if item.key == "unaccounted" else page.data(item.owner, limit=_BRIEF)
        return Text(named, style="dim")
    text = Text(page.data(owner_of(item, page), limit=_OWNER), style="dim")
    if depth:
        text.append(f", inside {part_name(item.inside or '', page)}")
    sure = interval(item.ms, page) if not depth else ""
    return text.append(f" {sure}" if 0 < len(sure) <= _SURE else "")


def _first_s(parts: Sequence[TurnPart]) -> float | None:
    starts = [item.start_s for item in parts if item.start_s is not None]
    return min(starts, default=None)


def _axis(found: PipelineTurn, origin_s: float | None, cells: int) -> Axis:
    ends = [0.0, drawable(found.heard_gap_ms.value or 0.0)]
    for item in found.parts:
        ends += [
            drawable(1e3 * (at_s - (origin_s or 0.0)))
            for at_s in (item.start_s, item.end_s)
            if at_s is not None
        ]
    first, last = min(ends), max(ends)
    return Axis(
        first_ms=first, last_ms=max(last, first + 1.0), cells=max(1, cells), label_cells=_LABEL
    )


def _waiting(found: PipelineTurn, axis: Axis, left: int, middle: int, page: Page) -> Iterator[Text]:
    gap = found.heard_gap_ms
    if gap.value is None:
        return
    late = gap.value >= 0
    name = "caller waits" if late else "agent early"
    shown = milliseconds(drawable(gap.value))
    cells = _covered(0.0, drawable(gap.value), axis)
    line = Text.assemble("  ", name.ljust(left), "  ", (shown.rjust(middle), "bold"))
    line.append(" " * (2 + cells.start))
    glyph = page.glyphs.empty if late else EARLY
    yield line.append(glyph * len(cells), style_of(gap.band) or "dim")


def _bar(item: TurnPart, depth: int, origin_s: float, axis: Axis, page: Page) -> Text:
    if item.start_s is None or item.end_s is None:
        told = "at no one place" if item.key == "unaccounted" else "its place is not told"
        return Text(told[: axis.cells], style="dim")
    cells = _covered(1e3 * (item.start_s - origin_s), 1e3 * (item.end_s - origin_s), axis)
    fill = fill_of(item, page) if item.end_s >= item.start_s else EARLY
    fill = page.glyphs.estimated if depth else fill
    return Text.assemble(" " * cells.start, (fill * len(cells), look_of(item.key).style))


def _covered(one_ms: float, other_ms: float, axis: Axis) -> range:
    """Return the cells between two times, at least one."""
    begin, end = sorted((axis.cell(drawable(one_ms)), axis.cell(drawable(other_ms))))
    first = max(0, min(axis.cells - 1, math.floor(begin + 1e-9)))
    last = max(0, min(axis.cells, math.ceil(end - 1e-9)))
    return range(first, max(first + 1, last))
