"""Latency status: the heard gap where a report has one, TTFT and its word, P99, the total."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Measurement, Status
from echotrace.render.console.figures import figure, note
from echotrace.tui.widgets.missing import missing
from echotrace.tui.widgets.panel import Panel
from echotrace.tui.widgets.signal import rated, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Report
    from echotrace.render.console.layout import Page

__all__ = ["LatencyPanel", "heard_gap", "worst_gap"]


class LatencyPanel(Panel):
    """The latency status."""

    def heading(self, page: Page) -> Text:
        """Return the title."""
        return Text("Latency", style="bold")

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield a line each; a simulated figure carries [MOCK]."""
        run = self.run
        report = run.report if run else None
        gap, worst = heard_gap(report), worst_gap(report)
        if gap is not None:
            yield from _heard("heard", gap, page)
        elif run is not None and report is None and "turns" in (*run.asked, *run.stages):
            yield from missing("heard", "turns", run, page)
        if worst is not None and worst.value is not None:
            yield from _heard("worst", worst, page)
        probe = report.probes.llm if report and report.probes else None
        if probe is None:
            yield from missing("TTFT", "llm", run, page)
        else:
            yield from rated("TTFT", probe.ttft_ms, page)
        if report is None or report.latency is None:
            return
        latency = report.latency
        if probe is not None and latency.p99_ms.value is None:
            yield Text.assemble(("P99    ", "dim"), ("n/a", "bold"))
        else:
            yield from page.wrapped(_p99(latency.p99_ms, page), indent=0)
        total = Text.assemble(("run    ", "dim"), (page.data(figure(latency.e2e_ms)), "bold"))
        if latency.e2e_ms.value is None:
            total.append(f"  {page.data(note(latency.e2e_ms))}", "dim")
        yield from page.wrapped(total, indent=0)
        if probe is not None:
            name = " ".join(part for part in (probe.provider, probe.model) if part)
            yield from page.wrapped(Text.assemble(("model  ", "dim"), page.data(name)), indent=0)
            yield from reason_of("TTFT", probe.ttft_ms, page)
        for label, item in (("heard", gap), ("worst", worst)):
            if item is not None and item.value is None and label == "heard":
                yield from page.wrapped(Text(f"heard: {page.data(note(item))}", "dim"), indent=0)
            elif item is not None:
                yield from reason_of(label, item, page)


def _p99(item: Measurement, page: Page) -> Text:
    """Return the figure and, below n = 100, of how few samples it is the maximum."""
    line = Text.assemble(("P99    ", "dim"), (page.data(figure(item)), "bold"))
    if item.value is None:
        return line.append(f"  {page.data(note(item))}", "dim")
    if item.n is not None and item.status is not Status.MEASURED:
        line.append(f"  max of n={item.n:,}", "dim")
    return line


def _heard(label: str, item: Measurement, page: Page) -> Iterator[Text]:
    """Yield a gap in one line; the reason of one that is missing comes after the other figures."""
    if item.value is not None:
        yield from rated(label, item, page)
        return
    yield Text.assemble((label.ljust(7), "dim"), ("n/a", "bold"))


def heard_gap(report: Report | None) -> Measurement | None:
    """Return the median of what the caller waited, if turns were looked for."""
    conversation = report.conversation if report else None
    return conversation.summary.heard_gap_ms.p50 if conversation else None


def worst_gap(report: Report | None) -> Measurement | None:
    """Return the longest that the caller waited, if turns were looked for."""
    conversation = report.conversation if report else None
    return conversation.summary.heard_gap_ms.worst if conversation else None
