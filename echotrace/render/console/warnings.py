"""What the reader should know, the worst first, each with what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Finding, Severity
from echotrace.render.console.layout import Page, style_of
from echotrace.render.console.timeline import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echotrace.model.report import Report

__all__ = ["SEVERITIES", "by_severity", "finding_lines", "warnings"]

SEVERITIES = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
"""The worst first."""
_SHOWN = 40
_COLUMN = 12


def warnings(report: Report, page: Page) -> Iterator[Text]:
    """Yield the findings by severity, in the report's order within one."""
    found = by_severity(report.warnings)
    yield from page.heading("Warnings", aside="" if found else "none", style="dim")
    for item in found[:_SHOWN]:
        yield from finding_lines(item, page, is_block=True)
    if len(found) > _SHOWN:
        yield Text(f"  and {len(found) - _SHOWN:,} more in the JSON report", style="dim")


def by_severity(found: Iterable[Finding]) -> list[Finding]:
    """Return findings the worst first, in their own order within one severity."""
    return sorted(found, key=lambda item: SEVERITIES.index(item.severity))


def finding_lines(
    item: Finding, page: Page, *, is_block: bool = False, sign: str = ""
) -> Iterator[Text]:
    """Yield severity, code, time and message of a finding, then what to try.

    ``is_block`` sets all behind the severity in a column of its own, as the console's block does;
    ``sign`` stands behind the time where a key leads on from there.
    """
    word = item.severity.value
    severity = Text(word.upper(), style_of(word) or "cyan")
    text = Text.assemble((page.data(item.code, limit=40), "bold"))
    if item.at_s is not None:
        text.append(f" at {stamp(item.at_s, digits=2)}", "cyan")
    if sign:
        text.append(f" {sign}", "cyan")
    text.append(f"  {page.data(item.message)}")
    if is_block:
        yield from page.wrapped(text, indent=_COLUMN, first=Text.assemble("  ", severity))
    else:
        yield from page.wrapped(Text.assemble(severity, "  ", text), indent=0)
    if item.hint:
        hint = Text.assemble(("try: ", "dim"), page.data(item.hint))
        yield from page.wrapped(hint, indent=_COLUMN if is_block else 2)
