"""Results that have no block of their own: contributors' analyzers, and parts of later versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from echotrace.render.console.figures import MOCK, number, quantity, words
from echotrace.render.console.layout import Page, style_of

if TYPE_CHECKING:
    from echotrace.model.report import AnalyzerResult, Report

__all__ = ["extras"]

_HAVE_BLOCKS = frozenset({"signal", "transcription", "llm"})
_HAVE_KEYS = frozenset({"turns", "tts"})
_ROWS = 24
_DEPTH = 4


def extras(report: Report, page: Page) -> Iterator[Text]:
    """Yield a generic block for each such result, so that nothing in a report is hidden."""
    parts = (
        ("Conversation", report.conversation),
        ("TTS probe", report.probes.tts if report.probes else None),
        ("Entities", report.transcription.entities if report.transcription else None),
        ("Pipeline", report.pipeline),
        ("Cost", report.cost),
    )
    for title, data in parts:
        if data is not None:
            yield from page.heading(title)
            yield from _listing(data, page)
    for name, result in report.analyzers.items():
        shown_above = name in _HAVE_BLOCKS or (
            name in _HAVE_KEYS and result.status != "unavailable"
        )
        if not shown_above:
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
    rows = _flat("", data, 0)
    shown = [row for _, row in zip(range(_ROWS), rows, strict=False)]
    limit = page.width // 2 - 4
    yield from page.pairs(
        (page.data(key or "value", limit=limit), Text(page.data(value, limit=400)))
        for key, value in shown
    )
    if next(rows, None) is not None:
        yield Text("  the rest is in the JSON report", style="dim")


def _flat(key: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and "status" in value and "unit" in value:
        yield key, _figure(value)
    elif isinstance(value, Mapping) and value and depth < _DEPTH:
        for name, item in value.items():
            yield from _flat(f"{key}.{name}" if key else str(name), item, depth + 1)
    elif isinstance(value, (list, tuple)) and value and depth < _DEPTH:
        if all(isinstance(item, (str, int, float)) for item in value):
            yield key, ", ".join(_scalar(item) for item in value[:50])
        else:
            for at, item in enumerate(value):
                yield from _flat(f"{key}[{at}]", item, depth + 1)
    else:
        yield key, _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**12 else str(value)
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else number(value, 1)
    if value is None:
        return "n/a"
    return str(value)[:2_000]


def _figure(item: Mapping[str, Any]) -> str:
    """Show a dict that has the shape of a Measurement as one."""
    value, status = item.get("value"), str(item["status"])
    if not isinstance(value, (int, float)):
        return f"n/a  {words(status)}: {item.get('reason') or 'no reason given'}"
    shown = quantity(float(value), str(item["unit"]))
    if status == "simulated":
        return f"{MOCK} {shown}"
    return shown if status == "measured" else f"{shown}  {words(status)}"
