"""How WER grows as clips get worse: a plot, a table, and where it doubles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.figures import figure, interval
from echotrace.render.console.parts import part
from echotrace.render.console.run.plot import letter_of, plot, style_of_engine
from echotrace.render.console.run.table import Column, Reasons, name_limit, shown, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.benchmark import BenchmarkRun, Frontier, FrontierPoint
    from echotrace.model.measure import Measurement
    from echotrace.render.console.layout import Page

__all__ = ["doubled", "frontiers", "point_name"]

_AXES = {
    "snr_db": "SNR",
    "packet_loss_percent": "packet loss",
    "reverb_s": "reverberation (RT60)",
    "codec": "codec",
}


def frontiers(run: BenchmarkRun, page: Page) -> Iterator[Text]:
    """Yield a picture of each degradation, with every engine in it; nothing where there is none."""
    groups: dict[tuple[str, str], list[Frontier]] = {}
    for item in run.frontiers:
        groups.setdefault((item.axis, item.series), []).append(item)
    if not groups:
        return
    yield from page.heading("Degradation", aside="WER as clips get worse", style="dim")
    for at, ((axis, series), members) in enumerate(groups.items()):
        if at:
            yield Text()
        title = f"WER against {_AXES.get(axis, page.data(axis, limit=30))}"
        yield from part(title, Text(page.data(series, limit=60), style="dim"), page)
        yield from plot(members, page)
        yield from _table(members, page)
        yield from _breakpoints(members, page)


def point_name(point: FrontierPoint, unit: str) -> str:
    """Return what a step is called under an axis: ``10 dB``, ``clean``, or its own label."""
    return point.label if point.value is None else f"{point.value:g} {unit}".rstrip()


def doubled(item: Frontier, shown: str) -> str:
    """Return where WER doubles as words behind that verb; ``shown`` is the place."""
    return f"already at {shown} or before" if item.is_bound else f"at {shown}"


def _table(members: Sequence[Frontier], page: Page) -> Iterator[Text]:
    unit = members[0].unit
    steps: dict[str, list[Measurement | None]] = {}
    for at, item in enumerate(members):
        for point in item.points:
            name = page.data(point_name(point, unit), limit=16)
            steps.setdefault(name, [None] * len(members))[at] = point.wer
    reasons = Reasons()
    for found in steps.values():
        for wer in found:
            if wer is not None:
                reasons.note("WER", wer)
    columns = [
        Column(
            name,
            tuple(Text("-", "dim") if item is None else shown(item, page) for item in found),
        )
        for name, found in steps.items()
    ]
    limit = name_limit(page)
    names = tuple(
        Text.assemble(
            (letter_of(at), style_of_engine(at)), f" {page.data(item.engine, limit=limit)}"
        )
        for at, item in enumerate(members)
    )
    yield from tables(Column("", names), columns, page, indent=4)
    yield from reasons.lines(page, indent=4)


def _breakpoints(members: Sequence[Frontier], page: Page) -> Iterator[Text]:
    for at, item in enumerate(members):
        found = item.breakpoint
        lead = Text.assemble("    ", (letter_of(at), style_of_engine(at)))
        if found.value is None:
            told = Text(f"no breakpoint: {page.data(found.reason or '')}", style="dim")
        else:
            near = interval(found)
            told = Text.assemble("WER doubles ", (doubled(item, page.data(figure(found))), "bold"))
            told.append(f" {page.data(near)}" if near else "", "dim")
        if found.method and item.axis == "codec":
            told.append(f"  {page.data(found.method)}", "dim")
        yield from page.wrapped(told, indent=6, first=lead)
