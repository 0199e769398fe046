"""The gates of a run, each with the engine it was asked of and its outcome in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.figures import words
from echotrace.render.console.layout import Page, style_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.benchmark import BenchmarkRun

__all__ = ["gates"]

_ORDER = ("fail", "not_enough_evidence", "pass")


def gates(run: BenchmarkRun, page: Page) -> Iterator[Text]:
    """Yield one row per gate, those that failed first; nothing when none was set."""
    if not run.gates:
        return
    yield from page.heading("Gates")
    ranked = sorted(
        run.gates, key=lambda gate: _ORDER.index(gate.outcome) if gate.outcome in _ORDER else 0
    )
    yield from page.table(
        [
            [
                Text(page.data(words(gate.outcome), limit=24).upper(), style_of(gate.outcome)),
                Text(page.data(gate.expression, limit=200)),
                Text(page.data(gate.subject or "", limit=40)),
                Text("" if gate.value is None else f"value {gate.value:,.6g}"),
                Text(page.data(gate.reason) if gate.reason else "", style="dim"),
            ]
            for gate in ranked
        ]
    )
