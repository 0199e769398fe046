"""The pipeline's parts end to end between the caller's last word and the agent's first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Status
from echotrace.render.console.axis import axis_to, drawable, scale
from echotrace.render.console.figures import (
    MOCK,
    P95_NEEDS,
    figure,
    interval,
    milliseconds,
    words,
)
from echotrace.render.console.layout import style_of
from echotrace.render.console.timeline import packed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.measure import Measurement
    from echotrace.model.report import Pipeline, PipelinePart, PipelineSample
    from echotrace.render.console.axis import Axis
    from echotrace.render.console.layout import Page

__all__ = ["brief_lane", "lane_lines", "part_name"]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_GAP = 2
"""Cells that a part without a figure takes in the lane, beside its letter."""
_LABEL = 7
_OWNER = 40
_MIN_LANE = 12
_LONGEST = "<- longest"
_UPPER = {"llm": "LLM", "tts": "TTS", "stt": "STT"}


def lane_lines(pipeline: Pipeline, page: Page, *, indent: int = 2) -> Iterator[Text]:
    """Yield the lane on its own axis in ms of the caller's wait, its parts by letter, its total.

    The lane is the answer whose sum is nearest the median. A part without a figure has no length:
    it stands behind the lane, hatched, because the whole can only be longer by it.
    """
    sample = _middle(pipeline)
    values = _values(pipeline, sample)
    letters = [_LETTERS[at % len(_LETTERS)] for at in range(len(pipeline.parts))]
    kind = "an estimate" if pipeline.kind == "estimate" else page.data(words(pipeline.kind))
    told = f"{kind} of the caller's wait, from probes; not what a caller heard"
    yield from page.wrapped(Text(told, style="dim"), indent=indent)
    if values:
        yield from _lane(pipeline, values, letters, page, indent)
    yield from _table(pipeline, values, letters, page, indent)
    yield from _legend(pipeline, page, indent)
    yield from _total(pipeline, sample, page, indent)


def brief_lane(pipeline: Pipeline, page: Page) -> Iterator[Text]:
    """Yield the lane in as few lines as its meaning takes: total, lane, the parts by letter."""
    total = pipeline.total_ms
    line = Text.assemble(("Caller's wait", "bold"), ("  an estimate: ", "dim"))
    line.append("at least " if pipeline.missing and total.value is not None else "")
    line.append(page.data(figure(total)), "bold")
    if total.band:
        line.append(f"  {page.data(total.band, limit=16)}", style_of(total.band))
    if total.value is None:
        line.append(f"  {page.data(total.reason)}", "dim")
    sample = _middle(pipeline)
    values = _values(pipeline, sample)
    told = _whose_parts(pipeline, sample, page) if values else ""
    if told:
        line.append(f"; {told}", "dim")
    yield from page.wrapped(line, indent=0)
    letters = [_LETTERS[at % len(_LETTERS)] for at in range(len(pipeline.parts))]
    if values:
        yield from _lane(pipeline, values, letters, page, 0)
    parts = [
        Text.assemble(
            (letters[at], "bold"),
            f" {part_name(part.key, page)} ",
            (_shown(at, part, pipeline, values), "" if at in values else "dim"),
        )
        for at, part in enumerate(pipeline.parts)
    ]
    yield from packed(parts, page, indent=0)


def _whose_parts(pipeline: Pipeline, sample: PipelineSample | None, page: Page) -> str:
    """Say whose the parts are where their sum need not be the total that stands before them."""
    total = pipeline.total_ms
    if total.value is None:
        return ""
    if sample is None:
        return "parts: medians of their own"
    sum_ms = milliseconds(sample.total_ms)
    if sum_ms == milliseconds(total.value):
        return ""
    whose = f"parts of answer {page.data(sample.index, limit=8)}"
    mock = bool(pipeline.simulated) or total.status is Status.SIMULATED
    return whose if mock else f"{whose}: {sum_ms}"


def part_name(key: str, page: Page) -> str:
    """Return a part's key in words: ``llm_inference`` reads ``LLM inference``."""
    named = " ".join(_UPPER.get(word, word) for word in key.split("_"))
    return page.data(named, limit=24)


def _middle(pipeline: Pipeline) -> PipelineSample | None:
    """Return the sample whose sum is nearest the median, the first of several."""
    if not pipeline.samples:
        return None
    ordered = sorted(pipeline.samples, key=lambda item: drawable(item.total_ms))
    total = pipeline.total_ms.value
    if total is None:
        return ordered[(len(ordered) - 1) // 2]
    return min(ordered, key=lambda item: abs(drawable(item.total_ms) - drawable(total)))


def _values(pipeline: Pipeline, sample: PipelineSample | None) -> dict[int, float]:
    """Return the ms of each part that has some, by its place."""
    found = {}
    for at, part in enumerate(pipeline.parts):
        value = part.ms.value if sample is None else sample.parts_ms.get(part.key, part.ms.value)
        if value is not None and part.key not in pipeline.missing:
            found[at] = drawable(value)
    return found


def _is_simulated(part: PipelinePart, pipeline: Pipeline) -> bool:
    return part.key in pipeline.simulated or part.ms.status is Status.SIMULATED


def _lane(
    pipeline: Pipeline, values: dict[int, float], letters: list[str], page: Page, indent: int
) -> Iterator[Text]:
    missing = [at for at in range(len(pipeline.parts)) if at not in values]
    tail = Text(" +" if missing else "", style="dim")
    for at in missing:
        tail.append(" ").append(letters[at], "bold").append(page.glyphs.empty * _GAP, "dim")
    room = page.width - indent
    apart = room - tail.cell_len < _MIN_LANE * 2  # so narrow that the missing ones go below
    cells = room if apart else room - tail.cell_len
    axis = axis_to(sum(max(0.0, value) for value in values.values()), cells, label_cells=_LABEL)
    head = Text(" " * indent + scale(axis), style="dim")
    head.append(" ms")
    yield head if head.cell_len <= page.width else Text(" " * indent + scale(axis), style="dim")
    line = Text.assemble(" " * indent, _segments(pipeline, values, letters, axis, page))
    if not apart:
        line.append_text(tail)
    yield line
    if apart and missing:
        yield from page.wrapped(tail, indent=indent)


def _segments(
    pipeline: Pipeline, values: dict[int, float], letters: list[str], axis: Axis, page: Page
) -> Text:
    """Return the parts end to end, each begun by its letter; neighbours share their edge."""
    glyphs = page.glyphs
    longest = max(values, key=lambda at: values[at])
    drawn = Text()
    end_ms, last = 0.0, 0
    for count, (at, value) in enumerate(values.items()):
        end_ms += max(0.0, value)
        edge = min(axis.cells, math.floor(axis.cell(end_ms) + 0.5))
        if edge <= last:
            continue
        part = pipeline.parts[at]
        fill, style = glyphs.bar, "cyan" if count % 2 else "green"
        if part.ms.status is not Status.MEASURED:
            fill = glyphs.estimated
        if at == longest:
            style = "yellow"
        if _is_simulated(part, pipeline):
            fill, style = glyphs.simulated, "magenta"
        drawn.append(letters[at], f"bold {style}")
        drawn.append(fill * (edge - last - 1), style)
        last = edge
    return drawn


def _table(
    pipeline: Pipeline, values: dict[int, float], letters: list[str], page: Page, indent: int
) -> Iterator[Text]:
    """Yield a row per part: letter, name, ms, who makes it so long, and what is to know of it."""
    longest = max(values, key=lambda at: values[at]) if len(values) > 1 else None
    names = [part_name(part.key, page) for part in pipeline.parts]
    shown = [_shown(at, part, pipeline, values) for at, part in enumerate(pipeline.parts)]
    owners = [_owner(part, page) if at in values else "" for at, part in enumerate(pipeline.parts)]
    widths = [max((Text(text).cell_len for text in texts), default=0) for texts in (names, shown)]
    told: set[str] = set()
    for at, part in enumerate(pipeline.parts):
        lead = Text.assemble(" " * indent, (letters[at], "bold"), " ")
        lead.append(names[at]).append(" " * (widths[0] - Text(names[at]).cell_len + 2))
        lead.append(" " * (widths[1] - len(shown[at]))).append(shown[at], "bold")
        rest = Text(owners[at], style="dim")
        if at == longest:
            rest.append("  ").append(_LONGEST, "yellow")
        why = _why(part, at in values, told)
        if why:
            rest.append("  " if rest.plain else "").append(page.data(why), "dim")
        hang = lead.cell_len + 2
        if hang <= page.width * 2 // 3:
            yield from page.wrapped(rest, indent=hang, first=lead) if rest.plain else [lead]
            continue
        yield from page.wrapped(lead[indent:], indent=indent)
        if rest.plain:
            yield from page.wrapped(rest, indent=indent + 2)


def _shown(at: int, part: PipelinePart, pipeline: Pipeline, values: dict[int, float]) -> str:
    if at not in values:
        return "missing"
    shown = milliseconds(values[at])
    return f"{MOCK} {shown}" if _is_simulated(part, pipeline) else shown


def _owner(part: PipelinePart, page: Page) -> str:
    owner = page.data(part.owner, limit=_OWNER)
    return f"setting {owner}" if part.owner_kind == "setting" else owner


def _why(part: PipelinePart, is_known: bool, told: set[str]) -> str:
    """Return why a part is missing or not measured; a reason that was told is not told again."""
    if part.ms.status is Status.MEASURED or not part.ms.reason:
        return ""
    if part.ms.reason in told:
        return "" if is_known else "likewise"
    told.add(part.ms.reason)
    if is_known and part.ms.status is Status.ESTIMATED:
        return f"estimated: {part.ms.reason}"
    return part.ms.reason


def _legend(pipeline: Pipeline, page: Page, indent: int) -> Iterator[Text]:
    glyphs = page.glyphs
    known = [part for part in pipeline.parts if part.key not in pipeline.missing]
    parts = [Text(f"{glyphs.bar * 3} measured")]
    if any(part.ms.status is Status.ESTIMATED for part in known):
        parts.append(Text(f"{glyphs.estimated * 3} estimated"))
    if any(_is_simulated(part, pipeline) for part in known):
        parts.append(Text(f"{glyphs.simulated * 3} simulated"))
    if pipeline.missing:
        parts.append(Text(f"{glyphs.empty * 3} missing: how long it is, is not known"))
    if len(parts) > 1:
        for part in parts:
            part.stylize("dim")
        yield from packed(parts, page, indent=indent)


def _total(
    pipeline: Pipeline, sample: PipelineSample | None, page: Page, indent: int
) -> Iterator[Text]:
    item = pipeline.total_ms
    line = Text.assemble(("total", "bold"), "  ")
    if item.value is None:
        line.append("n/a", "bold").append(f"  {page.data(item.reason or '')}", "dim")
        yield from page.wrapped(line, indent=indent)
        return
    line.append("at least ", "dim") if pipeline.missing else line
    mock = bool(pipeline.simulated) or item.status is Status.SIMULATED
    line.append(_figure(item, page, mock=mock), "bold")
    spread = pipeline.percentiles
    bounds = interval(item) or interval(spread.p50)
    if bounds:
        line.append(f" {page.data(bounds, limit=40)}", "dim")
    if item.band:
        line.append(f" {page.data(item.band, limit=16)}", style_of(item.band))
    for label, tail in (("p95", spread.p95), ("p99", spread.p99), ("worst", spread.worst)):
        if tail.value is not None:
            line.append(f", {label} {_figure(tail, page, mock=mock)}")
    line.append(f", n={spread.n:,}", "dim")
    if 0 < spread.n < P95_NEEDS:
        line.append(f" (p95 needs {P95_NEEDS})", "dim")
    yield from page.wrapped(line, indent=indent)
    if item.reason:
        yield from page.wrapped(Text(page.data(item.reason), style="dim"), indent=indent)
    which = "the parts are medians of their own, their sum need not be the total"
    if sample is not None:
        number = page.data(sample.index, limit=8)
        which = f"shown: answer {number}, whose sum {milliseconds(sample.total_ms)} is nearest"
        which = f"{which} the median" if not mock else f"shown: answer {number}, nearest the median"
    yield from page.wrapped(Text(which, style="dim"), indent=indent)


def _figure(item: Measurement, page: Page, *, mock: bool) -> str:
    shown = page.data(figure(item))
    return f"{MOCK} {shown}" if mock and not shown.startswith(MOCK) else shown
