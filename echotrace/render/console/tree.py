"""The spans in the order they are drawn: each parent before its children, by start."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.model.report import SpanRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Row", "rows_of"]


@dataclass(frozen=True, slots=True)
class Row:
    """A span and how deep it is nested."""

    span: SpanRecord
    depth: int


def rows_of(spans: Sequence[SpanRecord], limit: int) -> tuple[list[Row], int]:
    """Return at most ``limit`` rows, the longest spans, and how many are left out.

    A span whose parent is not there stands at the top; a circle of parents, which only a damaged
    report has, is cut where it is met.
    """
    chosen = sorted(spans, key=lambda span: -span.duration_ms)[:limit]
    known = {span.id for span in chosen}
    children: defaultdict[int | None, list[SpanRecord]] = defaultdict(list)
    for span in sorted(chosen, key=lambda span: span.start_ms):
        parent = span.parent_id if span.parent_id in known and span.parent_id != span.id else None
        children[parent].append(span)
    rows: list[Row] = []
    done: set[int] = set()
    waiting = [Row(span, 0) for span in reversed(children[None])]
    rest = sorted(chosen, key=lambda span: -span.start_ms)
    while waiting or rest:
        if not waiting:
            span = rest.pop()
            if id(span) not in done:
                waiting.append(Row(span, 0))
            continue
        row = waiting.pop()
        if id(row.span) in done:
            continue
        done.add(id(row.span))
        rows.append(row)
        waiting += [Row(child, row.depth + 1) for child in reversed(children[row.span.id])]
    return rows, len(spans) - len(chosen)
