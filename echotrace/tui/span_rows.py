"""The spans of a run as a tree that folds: which rows are there, which are seen, where one is."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from echotrace.model.measure import Status
from echotrace.model.report import SpanRecord
from echotrace.render.console.axis import drawable
from echotrace.render.console.span import SpanFacts
from echotrace.telemetry.waterfall import waterfall
from echotrace.tui.state import SPAN_OF_STAGE
from echotrace.tui.widgets.missing import state_of

if TYPE_CHECKING:
    from echotrace.tui.state import RunState

__all__ = ["FoldedTree", "SpanTree", "facts_of", "reasons_of", "tree_of"]

TOP = -1
"""The parent of a row that has none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpanTree:
    """The rows in tree order, each parent before its children; every list is by row.

    ``sizes`` counts what is below a row at any depth, ``failed`` how much of that failed; a row's
    descendants are the ``sizes`` rows after it. ``firsts_ms`` and ``lasts_ms`` span them in time,
    and are infinite where there are none. ``own_ms`` is the time that no child covers, None where
    the span's own time is no number. ``begins_ms`` and ``ends_ms`` are fit to be drawn.
    """

    spans: Sequence[SpanRecord]
    depths: Sequence[int]
    parents: Sequence[int]
    sizes: Sequence[int]
    failed: Sequence[int]
    begins_ms: Sequence[float]
    ends_ms: Sequence[float]
    firsts_ms: Sequence[float]
    lasts_ms: Sequence[float]
    own_ms: Sequence[float | None]
    critical: Sequence[int]
    bottleneck: int | None
    first_ms: float
    last_ms: float

    def __len__(self) -> int:
        return len(self.spans)

    def is_critical(self, row: int) -> bool:
        """Whether the run's end had to wait for this span."""
        at = bisect_left(self.critical, row)
        return at < len(self.critical) and self.critical[at] == row

    def is_inside(self, row: int, other: int) -> bool:
        """Whether a row is another one or below it."""
        return other <= row <= other + self.sizes[other]


def tree_of(spans: Sequence[SpanRecord], bottleneck: str | None = None) -> SpanTree:
    """Return the tree of the spans, also of a damaged report's; its time is n log n.

    A parent that is not there and a circle of parents end at the top; a time that is no number is
    drawn as 0, but told as none.

    Args:
        spans: of a report.
        bottleneck: the name under which the report says that most time went.
    """
    kept = {}
    sound = []
    for span in spans:
        fit = _sound(span)
        kept[id(fit)] = span
        sound.append(fit)
    chart = waterfall(sound)
    count = len(chart.rows)
    depths = [row.depth for row in chart.rows]
    begins = [row.span.start_ms for row in chart.rows]
    ends = [row.span.start_ms + row.span.duration_ms for row in chart.rows]
    parents, covered = _parents(depths, begins, ends)
    own = [
        max(0.0, ends[at] - begins[at] - covered[at])
        if math.isfinite(kept[id(row.span)].duration_ms)
        else None
        for at, row in enumerate(chart.rows)
    ]
    sizes, failed = [0] * count, [0] * count
    firsts, lasts = [math.inf] * count, [-math.inf] * count
    for at in range(count - 1, -1, -1):
        parent = parents[at]
        if parent == TOP:
            continue
        sizes[parent] += sizes[at] + 1
        failed[parent] += failed[at] + (chart.rows[at].span.status != "ok")
        firsts[parent] = min(firsts[parent], firsts[at], begins[at])
        lasts[parent] = max(lasts[parent], lasts[at], ends[at])
    critical = [at for at, row in enumerate(chart.rows) if row.critical]
    first_ms = min(0.0, *begins) if begins else 0.0
    return SpanTree(
        spans=[kept[id(row.span)] for row in chart.rows],
        depths=depths,
        parents=parents,
        sizes=sizes,
        failed=failed,
        begins_ms=begins,
        ends_ms=ends,
        firsts_ms=firsts,
        lasts_ms=lasts,
        own_ms=own,
        critical=critical,
        bottleneck=_worst(
            [row.span for row in chart.rows], critical, (bottleneck, chart.bottleneck)
        ),
        first_ms=first_ms,
        last_ms=max(ends, default=first_ms),
    )


def _sound(span: SpanRecord) -> SpanRecord:
    start_ms, duration_ms = drawable(span.start_ms), max(0.0, drawable(span.duration_ms))
    if (start_ms, duration_ms) == (span.start_ms, span.duration_ms):
        return span
    return replace(span, start_ms=start_ms, duration_ms=duration_ms)


def _parents(
    depths: Sequence[int], begins: Sequence[float], ends: Sequence[float]
) -> tuple[list[int], list[float]]:
    """Return each row's parent, and the ms of each row that its children cover.

    Siblings come by their start, so that one walk sees where the next uncovered time begins.
    """
    parents: list[int] = []
    covered = [0.0] * len(depths)
    seen_to = list(begins)
    trail: list[int] = []
    for at, depth in enumerate(depths):
        del trail[depth:]
        parent = trail[-1] if trail else TOP
        parents.append(parent)
        trail.append(at)
        if parent == TOP:
            continue
        begin, end = max(begins[at], seen_to[parent]), min(ends[at], ends[parent])
        if end > begin:
            covered[parent] += end - begin
            seen_to[parent] = end
    return parents, covered


def _worst(
    spans: Sequence[SpanRecord], critical: Sequence[int], names: Sequence[str | None]
) -> int | None:
    """Return the longest row of the first name that has one, of those on the path if it can."""
    for name in names:
        on_path = [at for at in critical if spans[at].name == name]
        of_name = on_path or [at for at, span in enumerate(spans) if span.name == name]
        if of_name:
            return max(of_name, key=lambda at: spans[at].duration_ms)
    return None


class FoldedTree:
    """A tree with some rows folded and a cursor on one that is seen; lives in the app's thread.

    Args:
        tree: what is folded; it may have no rows.
    """

    def __init__(self, tree: SpanTree) -> None:
        self.tree = tree
        self.cursor = 0
        self._folded: set[int] = set()
        self.visible: list[int] = list(range(len(tree)))

    def is_folded(self, row: int) -> bool:
        """Whether the rows below this one are hidden by it."""
        return row in self._folded

    @property
    def place(self) -> int:
        """Where the cursor is among the rows that are seen."""
        return bisect_left(self.visible, self.cursor)

    def shown(self, row: int) -> int:
        """Return the row itself if it is seen, else the nearest one above it that is."""
        return self.visible[bisect_right(self.visible, row) - 1]

    def go(self, place: int) -> None:
        """Put the cursor on the row that is seen in this place, the first or last at most."""
        if self.visible:
            self.cursor = self.visible[min(max(place, 0), len(self.visible) - 1)]

    def reveal(self, row: int) -> None:
        """Unfold what hides a row, and put the cursor on it."""
        above = self.tree.parents[row]
        hidden = []
        while above != TOP:
            if above in self._folded:
                hidden.append(above)
            above = self.tree.parents[above]
        for folded in reversed(hidden):
            self.unfold(folded)
        self.cursor = row

    def fold(self, row: int) -> bool:
        """Hide what is below a row; False if nothing is, or if it is hidden already."""
        if row in self._folded or not self.tree.sizes[row]:
            return False
        self._folded.add(row)
        self._lay_below(row)
        if self.tree.is_inside(self.cursor, row):
            self.cursor = self.shown(self.cursor)
        return True

    def unfold(self, row: int) -> bool:
        """Show what is below a row, as it was folded before; False if it was not folded."""
        if row not in self._folded:
            return False
        self._folded.remove(row)
        self._lay_below(row)
        return True

    def fold_all(self) -> None:
        """Fold every row that has some below it; a row alone at the top stays open."""
        sizes = self.tree.sizes
        self._folded = {row for row, size in enumerate(sizes) if size}
        if len(self.tree) and sizes[0] == len(self.tree) - 1:
            self._folded.discard(0)
        self._lay()

    def unfold_all(self) -> None:
        """Show every row."""
        self._folded = set()
        self._lay()

    def _lay(self) -> None:
        self.visible = list(self._walk(0, len(self.tree)))
        if self.visible:
            self.cursor = self.shown(self.cursor)

    def _lay_below(self, row: int) -> None:
        """Put the rows below one in order anew, if it is seen itself."""
        place = bisect_left(self.visible, row)
        if place == len(self.visible) or self.visible[place] != row:
            return
        after = row + self.tree.sizes[row] + 1
        below = [] if row in self._folded else self._walk(row + 1, after)
        self.visible[place + 1 : bisect_left(self.visible, after)] = below

    def _walk(self, row: int, after: int) -> Iterator[int]:
        while row < after:
            yield row
            row += self.tree.sizes[row] + 1 if row in self._folded else 1


def facts_of(folded: FoldedTree, row: int, reason: str | None = None) -> SpanFacts:
    """Return what is to be told of a row; ``reason`` is why its stage has no result."""
    tree = folded.tree
    parent = tree.parents[row]
    return SpanFacts(
        span=tree.spans[row],
        whole_ms=tree.last_ms - tree.first_ms,
        own_ms=tree.own_ms[row],
        parent=tree.spans[parent].name if parent != TOP else None,
        inside=tree.sizes[row],
        failed_inside=tree.failed[row],
        folded=folded.is_folded(row),
        critical=tree.is_critical(row),
        reason=reason,
    )


def reasons_of(run: RunState) -> dict[str, str]:
    """Return by span name why a stage has no result."""
    reasons = {}
    names = run.report.analyzers if run.report else run.stages
    for stage in names:
        word, reason = state_of(stage, run)
        if word in ("unavailable", "failed") and reason:
            reasons[SPAN_OF_STAGE.get(stage, stage)] = reason
    probes = run.report.probes if run.report else None
    llm, tts = (probes.llm, probes.tts) if probes else (None, None)
    firsts = {"llm": llm.ttft_ms if llm else None, "tts": tts.ttfa_ms if tts else None}
    for stage, first in firsts.items():
        if first is not None and first.status is Status.UNAVAILABLE:
            reasons[SPAN_OF_STAGE[stage]] = str(first.reason)
    return reasons
