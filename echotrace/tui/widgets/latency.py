"""Latency status: the heard gap where a report has one, TTFT and its word, P99, the total."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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

__all__ = ["LatencyPanel", "heard_gap"]


class LatencyPanel(Panel):
    """The latency status."""

    def heading(self, page: Page) -> Text:
        """Return the title."""
        return Text("Latency", style="bold")

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield a line each; a simulated figure carries [MOCK]."""
        run = self.run
        report = run.report if run else None
        gap = heard_gap(report)
        if gap is not None:
            yield from rated("heard", gap, page)
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
        if gap is not None:
            yield from reason_of("heard", gap, page)


def _p99(item: Measurement, page: Page) -> Text:
    """Return the figure and, below n = 100, of how few samples it is the maximum."""
    line = Text.assemble(("P99    ", "dim"), (page.data(figure(item)), "bold"))
    if item.value is None:
        return line.append(f"  {page.data(note(item))}", "dim")
    if item.n is not None and item.status is not Status.MEASURED:
        line.append(f"  max of n={item.n:,}", "dim")
    return line


def heard_gap(report: Report | None) -> Measurement | None:
    """Return the call's heard gap, the median or what stands in its place, if there is one."""
    conversation = report.conversation if report else None
    summary = conversation.get("summary") if isinstance(conversation, Mapping) else None
    gap = summary.get("heard_gap_ms") if isinstance(summary, Mapping) else None
    if not isinstance(gap, Mapping):
        return None
    found = gap if "status" in gap else gap.get("p50")
    return _measurement(found, gap.get("n"))


def _measurement(item: Any, n: Any) -> Measurement | None:
    if isinstance(item, (int, float)) and not isinstance(item, bool) and math.isfinite(item):
        count = n if isinstance(n, int) else None
        return Measurement.measured(float(item), "ms", n=count)
    if not isinstance(item, Mapping):
        return None
    value, status = item.get("value"), str(item.get("status"))
    band = item.get("band")
    if not isinstance(value, (int, float)):
        return Measurement.not_measurable("ms", str(item.get("reason") or "no reason given"))
    if status not in (Status.MEASURED.value, Status.ESTIMATED.value, Status.SIMULATED.value):
        return None
    return Measurement(
        value=float(value),
        unit="ms",
        status=Status(status),
        reason=item.get("reason"),
        band=str(band) if band else None,
    )
