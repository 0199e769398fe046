"""The matrix: each engine over all clips, then each engine under every condition.

A column in which nothing was measured is left out, and its reason told once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.benchmark import Cell
from echotrace.model.measure import Measurement
from echotrace.render.console.figures import interval
from echotrace.render.console.layout import Page, style_of
from echotrace.render.console.parts import count, part
from echotrace.render.console.run.table import Column, Reasons, name_limit, shown, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.benchmark import BenchmarkRun

__all__ = ["matrix"]


@dataclass(frozen=True, slots=True)
class _Figure:
    """One column: its head, its name in a sentence, and where it stands in a cell."""

    head: str
    label: str
    read: Callable[[Cell], Measurement]
    metric: str = ""
    is_bare: bool = False


_FIGURES = (
    _Figure("recall", "entity recall", lambda cell: cell.entity_recall),
    _Figure("halluc.", "hallucinated words", lambda cell: cell.hallucinated_words, is_bare=True),
    _Figure("gap p50", "heard gap p50", lambda cell: cell.heard_gap_ms.p50),
    _Figure("gap p95", "heard gap p95", lambda cell: cell.heard_gap_ms.p95),
    _Figure("worst gap", "worst heard gap", lambda cell: cell.heard_gap_ms.worst),
    _Figure("missed", "missed responses", lambda cell: cell.missed_responses),
    _Figure("RTF", "RTF", lambda cell: cell.rtf, metric="rtf"),
    _Figure("SNR err", "SNR error", lambda cell: cell.snr_error_db),
    _Figure("cost", "cost", lambda cell: cell.cost_usd),
)
"""Beside the WER and its interval, the most telling first: on a narrow page the last go below."""


def matrix(run: BenchmarkRun, page: Page) -> Iterator[Text]:
    """Yield the tables and, below them, why figures are missing or only estimates."""
    whole = [cell for cell in run.cells if cell.condition is None]
    if not run.cells:
        return
    reasons = Reasons()
    yield from page.heading("Engines", aside=f"over all {_clips(whole)}", style="dim")
    names = [page.data(cell.engine, limit=name_limit(page)) for cell in whole]
    yield from _table(names, whole, page, reasons)
    for engine in dict.fromkeys(cell.engine for cell in run.cells):
        rows = [cell for cell in run.cells if cell.engine == engine and cell.condition]
        if len(rows) < 2:  # one condition is all clips again
            continue
        yield Text()
        told = Text(f"by condition, {_clips(rows)} each", style="dim")
        yield from part(page.data(engine, limit=page.width // 2), told, page)
        limit = name_limit(page)
        labels = [cell.condition.label if cell.condition else "" for cell in rows]
        named = [page.data(label, limit=limit) for label in labels]
        yield from _table(named, rows, page, reasons, indent=4)
    why = list(reasons.lines(page))
    if why:
        yield Text()
        yield from why
    for item in run.header.engines:
        for word, style in ((item.doubt, "yellow"), (item.note, "dim")):
            if word:
                text = Text.assemble(
                    (page.data(item.name, limit=40), style), f": {page.data(word)}"
                )
                yield from page.wrapped(text)


def _clips(cells: Sequence[Cell]) -> str:
    """Return how many clips each of these cells is over, or from how few to how many."""
    numbers = {cell.clips for cell in cells}
    if len(numbers) > 1:
        return f"{min(numbers):,} to {max(numbers):,} clips"
    return count(numbers.pop(), "clip") if numbers else "clips"


def _table(
    names: Sequence[str],
    cells: Sequence[Cell],
    page: Page,
    reasons: Reasons,
    *,
    indent: int = 2,
) -> Iterator[Text]:
    columns = [Column("WER", tuple(shown(cell.wer, page) for cell in cells))]
    if len({cell.clips for cell in cells}) > 1:
        columns.insert(0, Column("clips", tuple(Text(f"{cell.clips:,}") for cell in cells)))
    for cell in cells:
        reasons.note("WER", cell.wer)
    ranges = tuple(Text(page.data(interval(cell.wer), limit=20), style="dim") for cell in cells)
    if any(text.plain for text in ranges):
        columns.append(Column("95 %", ranges))
    if any(cell.failed for cell in cells):
        failed = tuple(
            Text(f"{cell.failed:,}", style=style_of("failed") if cell.failed else "dim")
            for cell in cells
        )
        columns.append(Column("failed", failed))
    for item in _FIGURES:
        read = [item.read(cell) for cell in cells]
        is_known = any(found.value is not None for found in read)
        for found in read:
            partly = is_known and found.value is None
            reasons.note(f"{item.label} where n/a" if partly else item.label, found)
        if is_known:
            texts = tuple(
                shown(found, page, metric=item.metric, bare=item.is_bare) for found in read
            )
            columns.append(Column(item.head, texts))
    yield from tables(Column("", tuple(map(Text, names))), columns, page, indent=indent)
