"""Claimed against heard: what the pipeline says of its answers, and what the caller waited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from echotrace.model.measure import Status
from echotrace.render.console.axis import drawable, scale
from echotrace.render.console.figures import milliseconds, number
from echotrace.render.console.lane import brief_lane, lane_lines, part_name
from echotrace.render.console.parts import columns, more
from echotrace.render.console.pipeline_trace_bar import (
    EARLY,
    added,
    look_of,
    plain_bar,
    signed_axis,
    stack,
    summed,
)
from echotrace.render.console.pipeline_trace_told import (
    clock_told,
    headline,
    left_out,
    listed_turns,
    next_step,
    owner_of,
    shown_turn,
    signed,
    spread_rows,
    trace_of,
    traced_by,
    turn_label,
)
from echotrace.render.console.timeline import packed, stamp
from echotrace.render.console.turns import interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.measure import Measurement
    from echotrace.model.reconciled import PipelineTrace, PipelineTurn, TurnPart
    from echotrace.model.report import Pipeline, Report
    from echotrace.render.console.layout import Page

__all__ = ["brief_pipeline", "claimed_against_heard", "whole_pipeline"]

_LEFT: Final = 9
_FIGURE: Final = 12
"""Cells of a bar's name and of the figure behind it."""
_SHORTEST: Final = 8
_SHOWN: Final = 10
_BARS_FROM: Final = 24
"""Cells that a turn's bar beside its row has at least."""
_NOTE: Final = 48
_LONGEST: Final = "<- longest"
_HEADS: Final = ("turn", "at", "claimed", "heard", "difference", "longest part")


def claimed_against_heard(report: Report, page: Page) -> Iterator[Text]:
    """Yield the block: the difference, the parts, the turns, the clock, what to do next."""
    trace = trace_of(report)
    if trace is None:
        return
    aside = page.data(traced_by(trace), limit=page.width // 3)
    yield from page.heading("Claimed against heard", aside=aside, style="dim")
    for line in headline(trace, page):
        yield from page.wrapped(line)
    yield from page.pairs(spread_rows(trace, page))
    turn = shown_turn(trace)
    if turn is not None:
        yield Text()
        yield from _bars(turn, trace, page, indent=2)
        yield from _parts(turn, trace, page, indent=2)
    yield from _turns(report, trace, page)
    rows = [] if (told := clock_told(trace.clock, page)) is None else [("clock", told)]
    yield Text()
    yield from page.pairs([*rows, ("try", next_step(trace, page))])


def brief_pipeline(pipeline: Pipeline, page: Page) -> Iterator[Text]:
    """Yield the lane in few lines: of the call's own trace, else of the estimate."""
    trace = pipeline.trace
    if trace is None:
        yield from brief_lane(pipeline, page)
        return
    for at, line in enumerate(headline(trace, page)):
        if not at:
            yield from page.wrapped(line, indent=0)
    turn = shown_turn(trace)
    if turn is None:
        return
    yield from _bars(turn, trace, page, indent=0)
    parts = []
    for key, took_ms in summed(turn.parts).items():
        look, shown = look_of(key), milliseconds(took_ms)
        name = f" {part_name(key, page)} "
        parts.append(Text.assemble((look.letter, look.bold), name, (shown, "bold")))
    yield from packed(parts, page, indent=0)


def whole_pipeline(pipeline: Pipeline, page: Page) -> Iterator[Text]:
    """Yield the lane with all about its parts: of the call's own trace, and of the estimate."""
    trace = pipeline.trace
    if trace is not None:
        for line in headline(trace, page):
            yield from page.wrapped(line, indent=0)
        turn = shown_turn(trace)
        if turn is not None:
            yield from _bars(turn, trace, page, indent=0)
            yield from _parts(turn, trace, page, indent=0)
    if trace is not None and pipeline.kind != "trace":
        yield Text()
    if trace is None or pipeline.kind != "trace":
        yield from lane_lines(pipeline, page, indent=0)


def _bars(turn: PipelineTurn, trace: PipelineTrace, page: Page, *, indent: int) -> Iterator[Text]:
    """Yield the axis, what was claimed and what was heard as its parts."""
    heard, claimed = turn.heard_gap_ms.value, turn.claimed_gap_ms.value
    whose = f"turn {turn_label(turn)}"
    if turn.turn_id is None and turn.trace_turn_id is not None:
        whose = f"turn {turn.trace_turn_id:,} of the trace"
    few = trace.claimed_gap_ms if heard is None else trace.heard_gap_ms
    whose += ", the nearest to the median" if few.p50.value is not None else ", one in the middle"
    whose += ", by the trace alone" if heard is None else ""
    yield from page.wrapped(Text(whose, style="dim"), indent=indent)
    cells = page.width - indent - _LEFT - _FIGURE
    if cells < _SHORTEST:
        return
    axis = signed_axis([turn.parts], [heard, claimed], cells)
    yield Text(" " * (indent + _LEFT) + scale(axis), style="dim")
    named = [("claimed", claimed, None if claimed is None else plain_bar(claimed, axis, page))]
    named.append(("parts" if heard is None else "heard", heard, stack(turn.parts, axis, page)))
    for name, value, bar in named:
        if bar is not None:
            line = Text.assemble(" " * indent, (name.ljust(_LEFT), "dim"), bar)
            shown = "" if value is None else f" {milliseconds(drawable(value))}"
            yield line.append(shown, "bold")
    yield from _early([turn], page, indent)


def _early(turns: Sequence[PipelineTurn], page: Page, indent: int) -> Iterator[Text]:
    """Say what is drawn to the left of zero, where something is."""
    if any((part.ms.value or 0.0) < 0 for turn in turns for part in added(turn.parts)):
        told = f"{EARLY * 3} below zero: begun before the caller's last word, or told twice"
        yield from page.wrapped(Text(told, style="dim"), indent=indent)


def _parts(turn: PipelineTurn, trace: PipelineTrace, page: Page, *, indent: int) -> Iterator[Text]:
    """Yield a row per part: what it took in the turn, its median, and who makes it so long."""
    here = summed(turn.parts)
    owners = {part.key: part for part in reversed(added(turn.parts))}
    medians = {part.key: part for part in trace.parts}
    longest = max(here, key=lambda key: here[key], default=None)
    label = f"turn {turn_label(turn)}"
    figures = {key: milliseconds(value) for key, value in here.items()}
    width = max([len(label), *map(len, figures.values())])
    head = ("", "", label.rjust(width), "median, ms", "owner")
    rows = [[Text(name, style="dim") for name in head]]
    for key in dict.fromkeys((*here, *medians)):
        look = look_of(key)
        owner = Text(owner_of(owners.get(key) or medians[key], page), style="dim")
        if key == longest:
            owner = Text.assemble((_LONGEST, "yellow"), "  ", owner)
        rows.append(
            [
                Text(look.letter, style=look.bold),
                Text(part_name(key, page)),
                Text(figures.get(key, "").rjust(width), style="bold"),
                _median(medians.get(key), page),
                owner,
            ]
        )
    for lines in columns(rows, page, indent=indent):
        yield from lines
    for part in turn.parts:
        if part.inside is not None and part.ms.value is not None:
            told = f"{part_name(part.key, page)} {milliseconds(drawable(part.ms.value))} lies "
            told += f"inside {part_name(part.inside, page)}, not added"
            yield from page.wrapped(Text(told, style="dim"), indent=indent + 3)


def _median(part: TurnPart | None, page: Page) -> Text:
    if part is None or part.ms.value is None:
        return Text("")
    mark = "" if part.ms.status is Status.MEASURED else "~"
    text = Text(f"{mark}{number(part.ms.value)}")
    sure = interval(part.ms, page)
    return text.append(f" {sure}" if sure else f" n={part.ms.n or 0:,}", "dim")


def _turns(report: Report, trace: PipelineTrace, page: Page) -> Iterator[Text]:
    """Yield a row per turn: claimed, heard, the difference, the longest part, and its bar."""
    found = listed_turns(trace)
    if not found:
        return
    shown = found[:_SHOWN]
    heard = report.conversation.turns if report.conversation else ()
    places = {turn.id: turn.span_s[0] for turn in heard if turn.span_s is not None}
    rows = [[Text(head, style="dim") for head in _HEADS]]
    rows += [_row(turn, places.get(turn.turn_id or -1), page) for turn in shown]
    known = [at for at in range(1, len(_HEADS)) if any(_says(row[at]) for row in rows[1:])]
    rows = [[row[0], *(row[at] for at in known)] for row in rows]
    for at, place in enumerate(known[:-1], start=1):
        if place in (2, 3, 4):
            widest = max(row[at].cell_len for row in rows)
            for row in rows:
                if row[at].plain:
                    row[at] = Text.assemble(" " * (widest - row[at].cell_len), row[at])
    drawn = _with_bars(rows, shown, page)
    yield Text()
    for lines in columns(drawn or rows, page):
        yield from lines
    if drawn:
        yield from _early(shown, page, 2)
    yield from more(len(found) - len(shown), "turn", page)
    told = left_out(trace, shown)
    if told:
        yield from page.wrapped(Text(page.data(f"not listed: {told}"), style="dim"))


def _row(turn: PipelineTurn, at_s: float | None, page: Page) -> list[Text]:
    difference, part = turn.difference_ms.value, turn.bottleneck
    note = Text()
    took = summed(turn.parts)
    if part is not None and part in took:
        note.append(f"{part_name(part, page)} {number(took[part])}")
    if turn.why_not:
        note.append("; " if note.plain else "")
        note.append(page.data(turn.why_not, limit=_NOTE), "dim")
    style = "yellow" if (difference or 0.0) > 0 else "green"
    return [
        Text(turn_label(turn)),
        Text("" if at_s is None else stamp(at_s), style="cyan"),
        _plain(turn.claimed_gap_ms),
        _plain(turn.heard_gap_ms),
        Text("" if difference is None else signed(difference), style=style),
        note,
    ]


def _plain(item: Measurement) -> Text:
    if item.value is None:
        return Text("n/a", style="dim")
    return Text(number(item.value), style="bold")


def _says(cell: Text) -> bool:
    return cell.plain.strip() not in ("", "n/a")


def _with_bars(
    rows: Sequence[list[Text]], shown: Sequence[PipelineTurn], page: Page
) -> list[list[Text]]:
    """Return the rows with each turn's parts at their end; nothing where there is no room."""
    used = 2 + sum(2 + max(row[at].cell_len for row in rows) for at in range(len(rows[0])))
    cells = page.width - used
    if cells < _BARS_FROM or not any(turn.parts for turn in shown):
        return []
    axis = signed_axis(
        [turn.parts for turn in shown], [turn.heard_gap_ms.value for turn in shown], cells
    )
    bars = [Text(scale(axis), style="dim"), *(stack(turn.parts, axis, page) for turn in shown)]
    return [[*row, bar] for row, bar in zip(rows, bars, strict=True)]
