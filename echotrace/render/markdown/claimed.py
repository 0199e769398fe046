"""Claimed against heard: a sentence and three rows; the turns and their parts are folded."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from rich.console import Console

from echotrace.render.console.axis import drawable
from echotrace.render.console.figures import milliseconds
from echotrace.render.console.lane import part_name
from echotrace.render.console.layout import Page
from echotrace.render.console.pipeline_trace_bar import added
from echotrace.render.console.pipeline_trace_told import (
    clock_told,
    headline,
    listed_turns,
    next_step,
    owner_of,
    signed,
    trace_of,
    turn_label,
)
from echotrace.render.markdown.escape import text
from echotrace.render.markdown.parts import cell, ranged
from echotrace.render.markdown.sheet import Block, details, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.conversation import Percentiles
    from echotrace.model.measure import Measurement
    from echotrace.model.reconciled import PipelineTrace, PipelineTurn
    from echotrace.model.report import Report

__all__ = ["claimed"]

_PLAIN: Final = Page(
    width=2_000,
    ascii_only=False,
    console=Console(file=io.StringIO(), width=2_000, color_system=None, _environ={}),
)


def claimed(report: Report) -> Iterator[Block]:
    """Yield the section; nothing where the report has no trace."""
    trace = trace_of(report)
    if trace is None:
        return
    told = [text(line.plain, limit=600) for line in headline(trace, _PLAIN)]
    told[0] = f"**{told[0]}**"
    clock = clock_told(trace.clock, _PLAIN)
    if clock is not None:
        told.append(f"clock {text(clock.plain, limit=600)}")
    told.append(f"try: {text(next_step(trace, _PLAIN).plain, limit=300)}")
    lines = "  \n".join(told)
    yield Block(name="claimed against heard", head=f"#### Claimed against heard\n\n{lines}")
    spreads = (
        ("claimed", trace.claimed_gap_ms, False),
        ("heard", trace.heard_gap_ms, False),
        ("heard less claimed", trace.difference_ms, True),
    )
    rows = [_spread(label, item, plus=plus) for label, item, plus in spreads if item.n]
    if rows:
        heads = ("gap", "median", "p95", "worst", "n")
        yield table("gaps", heads, rows, noun="gaps", right=range(1, 5))
    yield from _parts(trace)
    turns = listed_turns(trace)
    if turns:
        columns = ("turn", "claimed", "heard", "heard less claimed", "parts", "in no percentile")
        block = table("claimed turns", columns, map(_turn, turns), noun="turns", right=range(4))
        yield details(block, f"Turns of the trace ({len(turns):,})")


def _spread(label: str, item: Percentiles, *, plus: bool) -> tuple[str, ...]:
    median = f"{_sign(item.p50) if plus else ''}{ranged(item.p50)}"
    worst = f"{_sign(item.worst) if plus else ''}{cell(item.worst)}"
    p95 = "" if item.p95.value is None else f"{_sign(item.p95) if plus else ''}{cell(item.p95)}"
    return label, median, p95, worst, f"{item.n:,}"


def _sign(item: Measurement) -> str:
    return "+" if item.value is not None and item.value > 0 else ""


def _parts(trace: PipelineTrace) -> Iterator[Block]:
    if not trace.parts:
        return
    rows = [
        (
            text(part_name(part.key, _PLAIN)),
            ranged(part.ms),
            "" if part.ms.n is None else f"{part.ms.n:,}",
            text(owner_of(part, _PLAIN)),
        )
        for part in trace.parts
    ]
    block = table("parts", ("part", "median", "turns", "owner"), rows, noun="parts", right=(1, 2))
    yield details(block, "Parts of the answers")


def _turn(turn: PipelineTurn) -> tuple[str, ...]:
    parts = [
        f"{part_name(part.key, _PLAIN)} {milliseconds(drawable(part.ms.value or 0.0))}"
        for part in added(turn.parts)
    ]
    difference = turn.difference_ms.value
    return (
        text(turn_label(turn)),
        cell(turn.claimed_gap_ms),
        cell(turn.heard_gap_ms),
        "n/a" if difference is None else text(signed(difference, unit=True)),
        text(", ".join(parts), limit=400),
        text(turn.why_not or ""),
    )
