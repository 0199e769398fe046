"""Spans on one time axis: the rows of a waterfall, its critical path, and the report's records.

Pure functions of spans, so that the terminal, the TUI and a saved report that is opened again draw
the same picture.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from echotrace.model.report import SpanRecord
from echotrace.telemetry.span import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.measure import JsonValue

__all__ = ["Row", "Waterfall", "span_records", "waterfall"]

S = TypeVar("S", Span, SpanRecord)

_TOP = -1
"""Stands for the parent of spans that have none, in the lists of children."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Generic[S]):
    """One span's line: ``depth`` 0 is the top; the ratios are of the axis, within 0 to 1."""

    span: S
    depth: int
    offset_ratio: float
    width_ratio: float
    critical: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall(Generic[S]):
    """Rows in tree order (siblings by start) on an axis from the first start to the last end.

    ``bottleneck`` is the name under which most of the critical path was spent, None when there is
    nothing to name. ``axis_ms`` is the length of the axis.
    """

    rows: tuple[Row[S], ...]
    axis_ms: float
    bottleneck: str | None


def waterfall(spans: Sequence[S]) -> Waterfall[S]:
    """Lay spans (or a report's records) out as a tree on one axis.

    A span whose parent is not among them stands at the top; so does one of a circle of parents,
    which only a damaged report can hold.
    """
    if not spans:
        return Waterfall(rows=(), axis_ms=0.0, bottleneck=None)
    spans = sorted(spans, key=lambda span: (_interval_ns(span)[0], span.id))
    intervals = [_interval_ns(span) for span in spans]
    children = _children(spans)
    axis_start = min(start for start, _ in intervals)
    axis_end = max(end for _, end in intervals)
    on_path = _critical_path(intervals, children, (axis_start, axis_end))
    length = axis_end - axis_start
    rows = []
    for index, depth in _tree_order(children):
        start, end = intervals[index]
        offset = (start - axis_start) / length if length else 0.0
        width = (end - start) / length if length else 0.0
        rows.append(
            Row(
                span=spans[index],
                depth=depth,
                offset_ratio=offset,
                width_ratio=min(width, 1.0 - offset),
                critical=index in on_path,
            )
        )
    return Waterfall(rows=tuple(rows), axis_ms=length / 1e6, bottleneck=_bottleneck(spans, on_path))


def _interval_ns(span: Span | SpanRecord) -> tuple[int, int]:
    """Start and end in whole nanoseconds: ends then meet starts exactly, as they were measured."""
    if isinstance(span, Span):
        return span.start_ns, max(span.start_ns, span.end_ns)
    start = round(span.start_ms * 1e6)
    return start, start + max(0, round(span.duration_ms * 1e6))


def _children(spans: Sequence[Span | SpanRecord]) -> dict[int, list[int]]:
    """Indices of each span's children, by the span's own index, in the order of the spans."""
    index_of: dict[int, int] = {}
    for index, span in enumerate(spans):
        index_of.setdefault(span.id, index)
    parents = [
        _TOP if span.parent_id is None else index_of.get(span.parent_id, _TOP) for span in spans
    ]
    _break_circles(parents)
    children: dict[int, list[int]] = defaultdict(list)
    for index, parent in enumerate(parents):
        children[parent].append(index)
    return children


def _break_circles(parents: list[int]) -> None:
    """Put one span of every circle of parents at the top."""
    reaches_top: set[int] = {_TOP}
    for first in range(len(parents)):
        trail: dict[int, None] = {}
        index = first
        while index not in reaches_top:
            if index in trail:
                parents[index] = _TOP
                break
            trail[index] = None
            index = parents[index]
        reaches_top.update(trail)


def _tree_order(children: Mapping[int, Sequence[int]]) -> list[tuple[int, int]]:
    order = []
    waiting = [(index, 0) for index in reversed(children.get(_TOP, ()))]
    while waiting:
        index, depth = waiting.pop()
        order.append((index, depth))
        waiting.extend((child, depth + 1) for child in reversed(children.get(index, ())))
    return order


def _critical_path(
    intervals: Sequence[tuple[int, int]],
    children: Mapping[int, Sequence[int]],
    axis: tuple[int, int],
) -> dict[int, int]:
    """Find the spans that the end had to wait for, each with the time that only it accounts for.

    Walked back from the end: of a span's children the one that ended last is on the path, then of
    those that had ended when that one started again the last, and so on; likewise inside each of
    them. What no child covers is the span's own. Returns nanoseconds by index; they add up to the
    axis less what no span covers.
    """
    own_ns: dict[int, int] = {}
    waiting = [(_TOP, *axis)]
    while waiting:
        index, start, end = waiting.pop()
        own = 0
        cursor = end
        by_end = sorted(
            children.get(index, ()), key=lambda i: (min(intervals[i][1], end), intervals[i][0])
        )
        for child in reversed(by_end):
            child_start = max(intervals[child][0], start)
            child_end = min(intervals[child][1], end)
            if child_end > cursor or child_end <= child_start:
                continue
            own += cursor - child_end
            waiting.append((child, child_start, child_end))
            cursor = child_start
        if index != _TOP:
            own_ns[index] = own + cursor - start
    return own_ns


def _bottleneck(spans: Sequence[Span | SpanRecord], on_path: Mapping[int, int]) -> str | None:
    """Name where most of the critical path was spent: spans of one name count together."""
    totals: dict[str, int] = defaultdict(int)
    for index in sorted(on_path):
        totals[spans[index].name] += on_path[index]
    return max(totals, key=lambda name: totals[name], default=None)


def span_records(spans: Sequence[Span], *, begin_ns: int | None = None) -> tuple[SpanRecord, ...]:
    """Turn spans into a report's records, in order of start.

    Args:
        spans: of one collector.
        begin_ns: when the run began, on the spans' clock; the first start when it is None.

    The attribute ``simulated`` becomes the record's own field. A parent that is not among the
    spans (still open, or dropped) is left out, so that a record never points at nothing. A span's
    CPU time is at least that of its children, whose threads it did not see by itself.
    """
    ordered = sorted(spans, key=lambda span: (span.start_ns, span.id))
    if begin_ns is None:
        begin_ns = ordered[0].start_ns if ordered else 0
    names = {span.id: span.name for span in ordered}
    cpu_ms = _cpu_with_children(ordered)
    return tuple(_record(span, begin_ns, names, cpu_ms[span.id]) for span in ordered)


def _cpu_with_children(ordered: Sequence[Span]) -> dict[int, float | None]:
    """CPU time by id, in milliseconds; a child starts after its parent, so children come first."""
    own = {span.id: span.cpu_ms for span in ordered}
    of_children: dict[int | None, float] = defaultdict(float)
    for span in reversed(ordered):
        if span.id in of_children:
            own[span.id] = max(own[span.id] or 0.0, of_children[span.id])
        spent = own[span.id]
        if spent is not None:
            of_children[span.parent_id] += spent
    return own


def _record(
    span: Span, begin_ns: int, names: Mapping[int, str], cpu_ms: float | None
) -> SpanRecord:
    attributes = {key: _json_value(value) for key, value in span.attributes.items()}
    simulated = attributes.pop("simulated", False)
    return SpanRecord(
        id=span.id,
        name=span.name,
        parent=None if span.parent_id is None else names.get(span.parent_id),
        parent_id=span.parent_id if span.parent_id in names else None,
        start_ms=(span.start_ns - begin_ns) / 1e6,
        duration_ms=span.duration_ms,
        cpu_ms=cpu_ms,
        status=span.status,
        simulated=bool(simulated),
        attributes=attributes,
    )


def _json_value(value: Any) -> JsonValue:
    """Keep what JSON can hold; the rest, NaN and infinity among it, becomes text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    return str(value)
