"""Claimed against heard: both gaps, each turn's parts on one axis, and all of them as tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Status
from echotrace.model.trace import PARTS
from echotrace.render.console.axis import Axis, drawable
from echotrace.render.console.figures import figure, interval, milliseconds, number
from echotrace.render.console.lane import part_name
from echotrace.render.console.pipeline_trace_bar import added, signed_axis
from echotrace.render.console.pipeline_trace_told import (
    clock_told,
    headline,
    left_out,
    listed_turns,
    next_step,
    owner_of,
    signed,
    trace_of,
    turn_label,
)
from echotrace.render.html.head import at_button
from echotrace.render.html.markup import Markup, Part, el, join
from echotrace.render.html.svg import Scale, rect
from echotrace.render.html.texts import Notes, counted_rest, figure_cell, pairs, rich, sheet, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.reconciled import PipelineTrace, PipelineTurn, TurnPart
    from echotrace.model.report import Report

__all__ = ["claimed_block"]

_TURNS: Final = 500
_CELLS: Final = 80
_KEYS: Final = frozenset(PARTS)


def claimed_block(report: Report) -> Iterator[Part]:
    """Yield the section; nothing where the report has no trace."""
    trace = trace_of(report)
    if trace is None:
        return
    page = sheet()
    for at, line in enumerate(headline(trace, page)):
        yield el("p", rich(line), class_="verdict" if not at else "dim")
    yield _distributions(trace)
    shown = listed_turns(trace)[:_TURNS]
    yield _legend(shown)
    yield _turns(report, shown)
    yield counted_rest(len(listed_turns(trace)) - len(shown), "turn")
    told = left_out(trace, shown)
    if told:
        yield el("p", f"not listed: {told}", class_="dim")
    yield _medians(trace)
    yield _all_parts(shown)
    clock = clock_told(trace.clock, page)
    yield pairs(
        (label, rich(text))
        for label, text in (("clock", clock), ("try", next_step(trace, page)))
        if text is not None
    )


def _distributions(trace: PipelineTrace) -> Markup:
    notes = Notes()
    rows = [
        el(
            "tr",
            el("th", label, scope="row"),
            figure_cell(spread.p50, notes, signed=plus),
            *(
                figure_cell(item, notes, sure=False, signed=plus)
                for item in (spread.p95, spread.worst)
            ),
            el("td", f"{spread.n:,}", class_="num"),
            el("td", f"{spread.not_measured:,}" if spread.not_measured else "", class_="num"),
        )
        for label, spread, plus in (
            ("claimed by the platform", trace.claimed_gap_ms, False),
            ("heard by the caller", trace.heard_gap_ms, False),
            ("heard less claimed", trace.difference_ms, True),
        )
    ]
    head = ("", "median", "p95", "worst", "n", "not measured")
    whole = table(head, rows, numbers=range(1, 6), label="claimed against heard", class_="figures")
    return join([whole, notes.listed()])


def _legend(turns: Sequence[PipelineTurn]) -> Markup | None:
    page = sheet()
    keys = {part.key for turn in turns for part in added(turn.parts)}
    order = [*(key for key in PARTS if key in keys), *sorted(keys - _KEYS)]
    parts: list[Part] = [
        el("li", el("i", class_=f"key {_kind(key)}"), f" {part_name(key, page)}") for key in order
    ]
    if not parts:
        return None
    if any((part.ms.value or 0.0) < 0 for turn in turns for part in added(turn.parts)):
        parts.append(el("li", "left of 0: begun before the caller's last word, or told twice"))
    parts.append(el("li", el("b", "|"), " claimed"))
    return el("ul", *parts, class_="legend")


def _kind(key: str) -> str:
    return f"pt-{key}" if key in _KEYS else "pt-other"


def _turns(report: Report, shown: Sequence[PipelineTurn]) -> Markup | None:
    """Return a row per turn on one axis; hovering tells a part, focus and a click all of them."""
    if not shown:
        return None
    page = sheet()
    heard = report.conversation.turns if report.conversation else ()
    places = {turn.id: turn.span_s for turn in heard}
    gaps = [
        value for turn in shown for value in (turn.heard_gap_ms.value, turn.claimed_gap_ms.value)
    ]
    axis = signed_axis([turn.parts for turn in shown], gaps, _CELLS)
    scale = Scale.of(axis.first_ms, axis.last_ms)
    rows = [el("tr", *(el("td") for _ in range(4)), el("td", _row([], scale, axis, labels=True),
               class_="bars"), el("td"), class_="axis")]  # fmt: skip
    notes = Notes()
    for turn in shown:
        place = places.get(turn.turn_id) if turn.turn_id is not None else None
        label = turn_label(turn)
        first = at_button(place[0], label) if place is not None else label
        longest = part_name(turn.bottleneck, page) if turn.bottleneck else ""
        rows.append(
            el(
                "tr",
                el("td", first),
                figure_cell(turn.claimed_gap_ms, notes, sure=False),
                figure_cell(turn.heard_gap_ms, notes, sure=False),
                figure_cell(turn.difference_ms, notes, sure=False, signed=True),
                el("td", _drawn(turn, label, scale, axis), class_="bars"),
                el("td", join([longest or None, turn.why_not], "; "), class_="dim"),
                data_at=None if place is None else f"{place[0]:.3f}",
                data_until=None if place is None else f"{place[1]:.3f}",
            )
        )
    head = ("turn", "claimed", "heard", "difference", "ms since the caller's last word",
            "longest part")  # fmt: skip
    whole = table(
        head, rows, numbers=(1, 2, 3), label="turns, claimed and heard", class_="waterfall claimed"
    )
    return join([whole, notes.listed()])


def _drawn(turn: PipelineTurn, label: str, scale: Scale, axis: Axis) -> Markup | None:
    """Return the stacked bar with its details, which show where it has the focus."""
    page = sheet()
    bars: list[Markup] = []
    ends = {1.0: 0.0, -1.0: 0.0}
    kept = added(turn.parts)
    for part in kept:
        value = drawable(part.ms.value or 0.0)
        if not value:
            continue
        sign = math.copysign(1.0, value)
        begin, ends[sign] = ends[sign], ends[sign] + value
        kind = _kind(part.key) + ("" if part.ms.status is Status.MEASURED else " unsure")
        left, right = sorted((begin, ends[sign]))
        title = f"{part_name(part.key, page)} {_length(part)}, {owner_of(part, page)}"
        bars.append(rect(scale, left, right, y=3, height=11, class_=kind, title=title))
    if turn.claimed_gap_ms.value is not None:
        x = f"{scale.at(turn.claimed_gap_ms.value):g}%"
        title = el("title", f"claimed {figure(turn.claimed_gap_ms)}")
        bars.append(el("line", title, x1=x, x2=x, y1=0, y2=17, class_="claimed-at"))
    if not bars:
        return None
    told = [
        el(
            "li",
            el("i", class_=f"key {_kind(part.key)}"),
            f" {part_name(part.key, page)} ",
            el("b", _length(part)),
            el("span", f" {owner_of(part, page)}", class_="dim"),
            f", inside {part_name(part.inside, page)}" if part.inside is not None else None,
        )
        for part in turn.parts
    ]
    described = f"turn {label}: " + "; ".join(
        f"{part_name(part.key, page)} {_length(part)}" for part in kept
    )
    details = el("ul", *told, class_="peek", aria_hidden="true") if told else None
    return el("div", _row(bars, scale, axis), details, class_="stack", tabindex="0", role="img",
              aria_label=described)  # fmt: skip


def _length(part: TurnPart) -> str:
    if part.ms.value is None:
        return "n/a"
    value = drawable(part.ms.value)
    return signed(value, unit=True) if part.key == "unaccounted" else milliseconds(value)


def _row(bars: Sequence[Markup], scale: Scale, axis: Axis, *, labels: bool = False) -> Markup:
    grid: list[Part] = []
    for tick in axis.ticks():
        x = f"{scale.at(tick):g}%"
        if labels:
            grid.append(el("text", number(tick), x=x, y=12, dx=3, class_="tick"))
        grid.append(el("line", x1=x, x2=x, y1=0, y2=18, class_="grid"))
    zero = f"{scale.at(0.0):g}%"
    grid.append(el("line", x1=zero, x2=zero, y1=0, y2=18, class_="zero-at"))
    return el("svg", *grid, *bars, class_="row", aria_hidden="true")


def _medians(trace: PipelineTrace) -> Markup | None:
    if not trace.parts:
        return None
    page = sheet()
    notes = Notes()
    rows = [
        el(
            "tr",
            el("td", el("i", class_=f"key {_kind(part.key)}"), " ", part_name(part.key, page)),
            figure_cell(part.ms, notes),
            el("td", "" if part.ms.n is None else f"{part.ms.n:,}", class_="num"),
            el("td", owner_of(part, page)),
        )
        for part in trace.parts
    ]
    head = ("part", "median", "turns", "owner")
    title = el("h3", "Parts ", el("span", "medians do not add up", class_="aside"))
    return join([title, table(head, rows, numbers=(1, 2), label="parts"), notes.listed()])


def _all_parts(shown: Sequence[PipelineTurn]) -> Markup | None:
    """Return every part of every turn, folded; on paper it is open."""
    page = sheet()
    rows = [
        el(
            "tr",
            el("td", turn_label(turn) if not at else "", class_="num"),
            el("td", part_name(part.key, page)),
            el("td", _length(part), class_="num"),
            el("td", interval(part.ms), class_="num dim"),
            el("td", f"inside {part_name(part.inside, page)}" if part.inside is not None else ""),
            el("td", owner_of(part, page)),
            el("td", part.taken_from),
        )
        for turn in shown
        for at, part in enumerate(turn.parts)
    ]
    if not rows:
        return None
    head = ("turn", "part", "ms", "95 % interval", "not added", "owner", "from")
    whole = table(head, rows, numbers=(0, 2, 3), label="parts of every turn")
    return el("details", el("summary", "all parts as a table"), whole)
