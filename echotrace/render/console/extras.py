"""Results that have no block of their own: those of contributors' analyzers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from echotrace.render.console.figures import words
from echotrace.render.console.flat import flat
from echotrace.render.console.layout import Page, style_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import AnalyzerResult, Report

__all__ = ["extras"]

_HAVE_BLOCKS = frozenset({"signal", "turns", "transcription", "llm", "tts"})
_ROWS = 24
_DEPTH = 4


def extras(report: Report, page: Page) -> Iterator[Text]:
    """Yield a generic block for each such result, so that nothing in a report is hidden."""
    for name, result in report.analyzers.items():
        traced = name == "trace" and report.pipeline is not None and report.pipeline.trace
        if name not in _HAVE_BLOCKS and not traced:
            yield from _analyzer(name, result, page)


def _analyzer(name: str, result: AnalyzerResult, page: Page) -> Iterator[Text]:
    title = f"Analyzer {page.data(name, limit=page.width // 2 - 12)}"
    word = page.data(words(result.status), limit=page.width // 3)
    yield from page.heading(title, aside=word, style=style_of(result.status) or "dim")
    if result.reason:
        yield from page.wrapped(Text(page.data(result.reason)))
    if result.data is not None:
        yield from _listing(result.data, page)


def _listing(data: Any, page: Page) -> Iterator[Text]:
    rows = flat(data, depth=_DEPTH)
    shown = [row for _, row in zip(range(_ROWS), rows, strict=False)]
    limit = page.width // 2 - 4
    yield from page.pairs(
        (page.data(key or "value", limit=limit), Text(page.data(value, limit=400)))
        for key, value in shown
    )
    if next(rows, None) is not None:
        yield Text("  the rest is in the JSON report", style="dim")
