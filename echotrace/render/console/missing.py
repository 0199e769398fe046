"""What stands in the place of a part that the run does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.report import NO_RECORDING
from echotrace.render.console.figures import words
from echotrace.render.console.layout import Page, style_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Report

__all__ = ["has_recording", "missing"]


def has_recording(report: Report) -> bool:
    """Tell whether a run had a recording; a mere probe of services had none."""
    return report.source.path != NO_RECORDING


def missing(title: str, stage: str, report: Report, page: Page) -> Iterator[Text]:
    """Yield the block's heading with ``not run``, or the stage's own status and reason."""
    entry = report.analyzers.get(stage)
    status = entry.status if entry else "not_run"
    word = page.data(words(status), limit=page.width // 3)
    yield from page.heading(title, aside=word, style=style_of(status) or "dim")
    if entry and entry.reason:
        reason = Text(page.data(entry.reason))
        if entry.code:
            reason.append(f"  {page.data(entry.code, limit=40)}", "dim")
        yield from page.wrapped(reason)
