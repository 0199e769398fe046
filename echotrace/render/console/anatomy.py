"""The requests of a probe as a browser's network panel shows them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.report import TtsSample
from echotrace.render.console.axis import Axis, axis_to, drawable, scale
from echotrace.render.console.figures import milliseconds, words
from echotrace.render.console.parts import part
from echotrace.render.console.phases import (
    ROOMY,
    end_ms,
    failure,
    headline_ms,
    is_mock,
    look_of,
    marked,
    medians,
    names_of,
    numbered,
    phase_bar,
    warm,
)
from echotrace.render.console.sheet import sample_sheet
from echotrace.render.console.timeline import packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.report import LlmProbe, LlmSample, TtsProbe
    from echotrace.render.console.layout import Page

    Sample = LlmSample | TtsSample
    Probe = LlmProbe | TtsProbe

__all__ = ["anatomy", "sample_sheet"]

_LISTED = 12
_FAILED_LISTED = 4
_MIN_BAR = 3
_BAR_BESIDE = 24
"""The parts stand in ms beside the bars where at least so many cells are left for those."""
_LABEL = 7


def anatomy(probe: Probe, page: Page, *, indent: int = 2) -> Iterator[Text]:
    """Yield a row per request, bars on one axis, and what the glyphs mean with typical durations.

    Of many requests the cold one, some that failed and the slowest are shown. The durations in the
    legend are medians over the measured requests that were answered.
    """
    samples = probe.samples
    if not any(item.phases for item in samples):
        return
    mock = is_mock(probe)
    shown = _chosen(samples)
    yield Text()
    told = Text("ms since each was due", style="dim")
    yield from part("Requests", told, page, indent=indent)
    yield from _rows(shown, page, indent, mock=mock)
    left_out = len(samples) - len(shown)
    if left_out:
        slowest = any(item.status != "failed" for item in samples if item not in shown)
        more = f"{left_out:,} more in the JSON report{', none slower' if slowest else ''}"
        yield from page.wrapped(Text(more, style="dim"), indent=indent)
    yield from _legend(samples, shown, page, indent, mock=mock)


def _chosen(samples: Sequence[Sample]) -> list[Sample]:
    """Return at most so many requests as are listed, in the order in which they were made."""
    if len(samples) <= _LISTED:
        return list(samples)
    order = range(len(samples))
    cold = [at for at in order if samples[at].cold][:1]
    failed = [at for at in order if samples[at].status == "failed" and at not in cold]
    kept = set(cold + failed[:_FAILED_LISTED])
    slowest = sorted(order, key=lambda at: -_length(samples[at]))
    for at in slowest:
        if len(kept) >= _LISTED:
            break
        if samples[at].status != "failed":
            kept.add(at)
    kept.update(failed[_FAILED_LISTED:][: _LISTED - len(kept)])
    return [samples[at] for at in sorted(kept)]


def _length(sample: Sample) -> float:
    value = headline_ms(sample)
    return end_ms([sample]) if value is None else drawable(value)


def _rows(shown: Sequence[Sample], page: Page, indent: int, *, mock: bool) -> Iterator[Text]:
    label = "TTFA" if isinstance(shown[0], TtsSample) else "TTFT"
    numbers = [numbered(item, page) for item in shown]
    kinds = [_kind(item, page) for item in shown]
    values = [_headline(item, page, mock=mock) for item in shown]
    widths = [
        max(map(len, numbers)),
        max(kind.cell_len for kind in kinds),
        max(len(label), *(value.cell_len for value in values)),
    ]
    left = indent + sum(width + 2 for width in widths if width)
    columns = [] if mock else names_of(shown)
    cells = {name: _column(name, shown, page) for name in columns}
    beside = sum(len(texts[0]) + 1 for texts in cells.values()) + 1
    if not cells or page.width - left - beside < _BAR_BESIDE:
        cells, beside = {}, 0
    axis = axis_to(end_ms(shown), max(_MIN_BAR, page.width - left - beside), label_cells=_LABEL)
    head = Text(" " * indent + " " * (left - indent - 2 - widths[-1]) + label.rjust(widths[-1]))
    head.append("  " + scale(axis).ljust(axis.cells))
    head.append(" " if cells else "")
    for texts in cells.values():
        head.append(" " + texts[0])
    head.stylize("dim")
    head.rstrip()
    yield head
    for at, sample in enumerate(shown):
        line = Text.assemble(" " * indent, (numbers[at].rjust(widths[0]), "dim"), "  ")
        if widths[1]:
            line.append_text(kinds[at]).append(" " * (widths[1] - kinds[at].cell_len + 2))
        line.append(" " * (widths[2] - values[at].cell_len)).append_text(values[at]).append("  ")
        failed = sample.status == "failed"
        bar = phase_bar(sample.phases, axis, page, mock=mock, failed=failed)
        tail = Text()
        for texts in cells.values():
            tail.append(" " + texts[at + 1])
        why = failure(sample, page) if failed else ""
        yield from _with_reason(line, bar, tail, why, sample, axis, page)


def _with_reason(
    line: Text, bar: Text, tail: Text, why: str, sample: Sample, axis: Axis, page: Page
) -> Iterator[Text]:
    """Yield a row; why a request failed stands behind its bar, or below where there is no room."""
    if not why:
        whole = Text.assemble(line, bar, " " if tail.plain else "", tail)
        whole.rstrip()
        yield whole
        return
    last = min(axis.cells, max(1, math.floor(axis.cell(end_ms([sample])) + 0.5)))
    last = last if sample.phases else 0
    room = axis.cells - last - 1
    short = page.data(sample.code, limit=40) if sample.code else why
    told = why if Text(why).cell_len <= room else short
    if Text(told).cell_len <= room:
        text = Text.assemble(bar[:last], " " if last else "", (told, "red"))
        text.append(" " * (axis.cells - text.cell_len))
        whole = Text.assemble(line, text, " " if tail.plain else "", tail)
        whole.rstrip()
        yield whole
        return
    whole = Text.assemble(line, bar, " " if tail.plain else "", tail)
    whole.rstrip()
    yield whole
    indent = min(line.cell_len, page.width // 2)
    yield Text.assemble(" " * indent, (page.data(why, limit=page.width - indent), "red"))


def _column(name: str, shown: Sequence[Sample], page: Page) -> list[str]:
    """Return the head of a part's column and its ms in each request, all of one width."""
    head = look_of(name, page).short
    texts = [head if head.isascii() else "?"]
    for sample in shown:
        found = [item.duration_ms for item in sample.phases if item.name == name]
        text = milliseconds(found[0]).removesuffix(" ms") if found else ""
        texts.append("n/a" if len(text) > len("123,456") else text)
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts]


def _legend(
    samples: Sequence[Sample], shown: Sequence[Sample], page: Page, indent: int, *, mock: bool
) -> Iterator[Text]:
    answered = warm(samples)
    typical, cold = medians(answered), medians(item for item in samples if item.cold)
    parts = []
    for name in names_of(shown):
        look = look_of(name, page)
        glyph = look.plain if page.ascii_only else look.glyph
        text = Text.assemble((glyph, look.style), (f" {look.name}", "dim"))
        value = typical.get(name, cold.get(name))
        if value is not None and not mock:
            told = milliseconds(value)
            text.append(f" {told}" if name in typical else f" {told} (cold)")
        parts.append(text)
    if any(item.status == "failed" for item in shown):
        parts.append(Text.assemble((page.glyphs.failed, "red"), (" failed", "dim")))
    if len(answered) > 1 and not mock:
        parts.append(Text(f"(medians, n={len(answered):,})", style="dim"))
    yield from packed(parts, page, indent=indent)


def _kind(sample: Sample, page: Page) -> Text:
    told = Text("cold", style="cyan") if sample.cold else Text()
    if sample.status not in ("ok", "failed") and (page.width >= ROOMY or not sample.cold):
        room = 10 if page.width >= ROOMY else 4
        told.append(" " if told.plain else "")
        told.append(page.data(words(sample.status), limit=room), "yellow")
    return told


def _headline(sample: Sample, page: Page, *, mock: bool) -> Text:
    if sample.status == "failed":
        return Text("FAILED", style="bold red")
    value = headline_ms(sample)
    if value is None:
        return Text("n/a", style="dim")
    return Text(marked(milliseconds(drawable(value)), mock=mock), style="bold")
