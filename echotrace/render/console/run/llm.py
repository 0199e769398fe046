"""The language models of a run: times to the first token over all their probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.figures import MOCK
from echotrace.render.console.run.table import Column, Reasons, name_limit, shown, tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.benchmark import BenchmarkRun
    from echotrace.render.console.layout import Page

__all__ = ["llm"]


def llm(run: BenchmarkRun, page: Page) -> Iterator[Text]:
    """Yield a row per model; nothing when none was probed."""
    cells = run.llm_cells
    if not cells:
        return
    yield from page.heading("Language models", aside="time to the first token", style="dim")
    reasons = Reasons()
    columns = [Column("probes", tuple(Text(f"{cell.ttft_ms.n:,}") for cell in cells))]
    for name in ("p50", "p95", "p99", "worst"):
        found = [getattr(cell.ttft_ms, name) for cell in cells]
        for item in found:
            reasons.note(f"TTFT {name}", item)
        if any(item.value is not None for item in found):
            columns.append(Column(name, tuple(shown(item, page) for item in found)))
    for cell in cells:
        reasons.note("cost", cell.cost_usd)
    if any(cell.cost_usd.value is not None for cell in cells):
        columns.append(Column("cost", tuple(shown(cell.cost_usd, page) for cell in cells)))
    if any(cell.failed for cell in cells):
        columns.append(Column("failed", tuple(Text(f"{cell.failed:,}") for cell in cells)))
    names = tuple(
        Text(f"{MOCK} " * cell.simulated + page.data(cell.engine, limit=name_limit(page)))
        for cell in cells
    )
    yield from tables(Column("", names), columns, page)
    yield from reasons.lines(page)
