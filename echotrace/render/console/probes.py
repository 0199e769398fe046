"""The probes of services: times to the first token, every simulated one labelled [MOCK]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Measurement, Status
from echotrace.render.console.figures import MOCK, figure, milliseconds, note
from echotrace.render.console.layout import Page, style_of
from echotrace.render.console.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import LlmProbe, Report

__all__ = ["p99", "probes"]

_SAMPLES = 12


def probes(report: Report, page: Page) -> Iterator[Text]:
    """Yield the language model's block, or why there is none."""
    probe = report.probes.llm if report.probes else None
    if probe is None:
        yield from missing("LLM probe", "llm", report, page)
        return
    mock = probe.simulated
    yield from page.heading("LLM probe", aside=MOCK if mock else "", style="bold magenta")
    rows = list(_rows(probe, page))
    if report.latency is not None:
        rows.insert(2, ("P99", p99(report.latency.p99_ms, page)))
    yield from page.pairs(rows)


def p99(item: Measurement, page: Page) -> Text:
    """Return the P99 figure, of what it is, and that few samples make it their maximum."""
    text = Text.assemble((page.data(figure(item)), "bold"))
    if item.value is None:
        return text.append(f"  {page.data(note(item))}", "dim")
    parts = [item.method] if item.method else []
    if item.n is not None:
        parts.append(f"n={item.n:,}" if item.status is Status.MEASURED else f"max of n={item.n:,}")
    if item.status is not Status.MEASURED:
        parts.append(item.status.value)
    return text.append(f"  {page.data(', '.join(parts))}", "dim")


def _rows(probe: LlmProbe, page: Page) -> Iterator[tuple[str, Text]]:
    name = page.data(probe.provider)
    if probe.model:
        name += f"  {page.data(probe.model)}"
    yield "provider", Text(name, style="bold")
    reasons: set[str] = set()
    for label, item in (
        ("TTFT", probe.ttft_ms),
        ("warm-up", probe.warm_up_ms),
        ("total", probe.total_ms),
        ("speed", probe.tokens_per_s),
    ):
        yield label, _timed(item, page, reasons, mock=probe.simulated)
    if len(probe.samples_ms) > 1:
        shown = "  ".join(milliseconds(value) for value in probe.samples_ms[:_SAMPLES])
        more = len(probe.samples_ms) - _SAMPLES
        told = f"{MOCK} {shown}" if probe.simulated else shown
        yield "samples", Text(told + (f"  and {more:,} more" if more > 0 else ""))
    sent = f"sent to {page.data(probe.sent_to)}" if probe.sent_to else "nothing was sent"
    yield "prompt", Text(f"{page.data(probe.prompt_source)}; {sent}")


def _timed(item: Measurement, page: Page, reasons: set[str], *, mock: bool) -> Text:
    shown = page.data(figure(item))
    if mock and item.value is not None and not shown.startswith(MOCK):
        shown = f"{MOCK} {shown}"
    text = Text.assemble((shown, "bold"))
    if item.band:
        text.append(f"  {page.data(item.band, limit=24)}", style_of(item.band))
    beside = note(item, told=reasons)
    return text.append(f"  {page.data(beside)}", "dim") if beside else text
