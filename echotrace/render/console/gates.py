"""The gates of the run, each with its outcome in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.figures import words
from echotrace.render.console.layout import Page, style_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import GateResult, Report

__all__ = ["gates"]


def gates(report: Report, page: Page) -> Iterator[Text]:
    """Yield one row per gate; nothing when none was set."""
    if not report.gates:
        return
    yield from page.heading("Gates")
    yield from page.table([_row(gate, page) for gate in report.gates])


def _row(gate: GateResult, page: Page) -> list[Text]:
    outcome = page.data(words(gate.outcome), limit=24).upper()
    value = "" if gate.value is None else f"value {gate.value:,.6g}"
    reason = page.data(gate.reason) if gate.reason else ""
    return [
        Text(outcome, style=style_of(gate.outcome) or "bold"),
        Text(page.data(gate.expression, limit=200)),
        Text(value),
        Text(reason, style="dim"),
    ]
