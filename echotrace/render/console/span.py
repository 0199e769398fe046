"""One span whole: its time and where it went, what became of it, and every attribute."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.report import SpanRecord
from echotrace.render.console.figures import MOCK, milliseconds, percent, words
from echotrace.render.console.flat import flat
from echotrace.render.console.layout import style_of
from echotrace.render.console.timeline import packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echotrace.render.console.layout import Page

__all__ = ["SpanFacts", "span_lines"]

_MOST_ATTRIBUTES = 40
_MOST_LINES = 80
_LONGEST_NAME = 32
_LONGEST_VALUE = 800
_DEPTH = 4
_BROAD = 64
"""A page so wide holds several facts on a line."""
_SLOW = "<- SLOW"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanFacts:
    """A span and what only the whole tree tells of it.

    ``whole_ms`` is the length of the run, ``own_ms`` the time that no span inside covers (None: not
    known), ``parent`` the name of the span that it is drawn in, ``inside`` how many are drawn in
    it, ``failed_inside`` how many of them failed, ``folded`` that they are hidden now, ``reason``
    why its stage has no result.
    """

    span: SpanRecord
    whole_ms: float
    own_ms: float | None
    parent: str | None
    inside: int
    failed_inside: int
    folded: bool
    critical: bool
    reason: str | None = None


def span_lines(facts: SpanFacts, page: Page) -> Iterator[Text]:
    """Yield all that is known of one span, attributes last; of very many the first are told."""
    span = facts.span
    yield from page.wrapped(_head(facts, page), indent=0)
    if facts.reason:
        yield from page.wrapped(Text(page.data(facts.reason), style="red"), indent=0)
    rows = list(_facts(facts, page))
    if page.width >= _BROAD:
        parts = [Text.assemble((label, "dim"), " ", value) for label, value in rows]
        yield from packed(parts, page, indent=0)
    else:
        yield from page.pairs(rows, indent=0)
    if span.attributes:
        yield from _attributes(span, page)


def _head(facts: SpanFacts, page: Page) -> Text:
    span = facts.span
    head = Text.assemble((page.data(span.name, limit=200), "bold"), "  ")
    head.append(page.data(words(span.status), limit=24), style_of(span.status))
    if span.simulated:
        head.append(f"  {MOCK} simulated: never scored", "magenta")
    if span.slow:
        head.append(f"  {_SLOW}", "bold yellow").append(" over its target", "yellow")
    if facts.critical:
        head.append("  on the critical path", "bold")
    else:
        head.append("  not on the critical path", "dim")
    return head


def _facts(facts: SpanFacts, page: Page) -> Iterator[tuple[str, Text]]:
    span = facts.span
    wall_ms = span.duration_ms
    whole = _share(wall_ms, facts.whole_ms)
    yield "wall", _told(wall_ms, f"{whole} of the run" if whole else "")
    yield "CPU", _cpu(span)
    if facts.inside:
        told = _share(facts.own_ms, wall_ms)
        own = _told(facts.own_ms, f"{told}, in none of the spans inside" if told else "")
        yield "self", own
    yield "start", Text(_ms(span.start_ms))
    yield "end", Text(_ms(span.start_ms + wall_ms))
    if facts.inside:
        inside = Text(f"{facts.inside:,} span{'s' if facts.inside > 1 else ''}")
        if facts.failed_inside:
            inside.append(f", {facts.failed_inside:,} failed", "red")
        if facts.folded:
            glyphs = page.glyphs
            inside.append(f" (folded: {glyphs.bar} when they run, {glyphs.speech} the rest)", "dim")
        yield "inside", inside
    yield "parent", Text(_parent(facts, page))


def _parent(facts: SpanFacts, page: Page) -> str:
    if facts.parent is not None:
        return page.data(facts.parent, limit=60)
    if facts.span.parent_id is None:
        return "none"
    name = page.data(facts.span.parent or facts.span.parent_id, limit=60)
    return f"{name}, which does not hold it in this report"


def _cpu(span: SpanRecord) -> Text:
    if span.cpu_ms is None:
        return Text("not measured", style="dim")
    ratio = _share(span.cpu_ms, span.duration_ms)
    threads = ratio and span.cpu_ms > span.duration_ms * 1.05
    told = f"{ratio} of the wall time{': several threads' if threads else ''}" if ratio else ""
    return _told(span.cpu_ms, told)


def _told(value: float | None, note: str) -> Text:
    text = Text(_ms(value), style="")
    text.stylize("bold")
    return text.append(f" ({note})", "dim") if note else text


def _ms(value: float | None) -> str:
    return "n/a" if value is None else milliseconds(value)


def _share(part_ms: float | None, whole_ms: float) -> str:
    if part_ms is None or not (math.isfinite(part_ms) and math.isfinite(whole_ms)):
        return ""
    return percent(part_ms / whole_ms) if whole_ms > 0 <= part_ms else ""


def _attributes(span: SpanRecord, page: Page) -> Iterator[Text]:
    """Yield a row per value; names and values are data, however deep they were nested."""
    rows = iter(flat(span.attributes, depth=_DEPTH))
    first = [
        (page.data(name, limit=_LONGEST_NAME), Text(page.data(value, limit=_LONGEST_VALUE)))
        for name, value in islice(rows, _MOST_ATTRIBUTES)
    ]
    lines = page.pairs(first, indent=0)
    yield from lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES or _has_more(rows):
        told = "more attributes are in the JSON report"
        yield from page.wrapped(Text(told, style="dim"), indent=0)


def _has_more(rows: Iterable[object]) -> bool:
    return next(iter(rows), None) is not None
