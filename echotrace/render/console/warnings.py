"""What the reader should know, the worst first, each with what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Finding, Severity
from echotrace.render.console.figures import clock
from echotrace.render.console.layout import Page, style_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Report

__all__ = ["warnings"]

_ORDER = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
_SHOWN = 40


def warnings(report: Report, page: Page) -> Iterator[Text]:
    """Yield the findings by severity, in the report's order within one."""
    found = sorted(report.warnings, key=lambda item: _ORDER.index(item.severity))
    yield from page.heading("Warnings", aside="" if found else "none", style="dim")
    for item in found[:_SHOWN]:
        yield from _finding(item, page)
    if len(found) > _SHOWN:
        yield Text(f"  and {len(found) - _SHOWN:,} more in the JSON report", style="dim")


def _finding(item: Finding, page: Page) -> Iterator[Text]:
    word = item.severity.value
    lead = Text.assemble("  ", (word.upper(), style_of(word) or "cyan"))
    text = Text.assemble((page.data(item.code, limit=40), "bold"))
    if item.at_s is not None:
        text.append(f" at {clock(item.at_s)}", "cyan")
    text.append(f"  {page.data(item.message)}")
    yield from page.wrapped(text, indent=12, first=lead)
    if item.hint:
        hint = Text.assemble(("try: ", "dim"), page.data(item.hint))
        yield from page.wrapped(hint, indent=12)
