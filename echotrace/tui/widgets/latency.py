"""Latency status: the heard gap where a report has one, TTFT, TTFA, the estimate, P99, cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Measurement, Status
from echotrace.render.console.figures import figure, note
from echotrace.render.console.layout import style_of
from echotrace.tui.widgets.missing import missing
from echotrace.tui.widgets.panel import Panel
from echotrace.tui.widgets.signal import rated, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.report import Cost, Pipeline, Report
    from echotrace.render.console.layout import Page
    from echotrace.tui.state import RunState

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
        pipeline = report.pipeline if report else None
        if pipeline is not None and pipeline.trace is not None:
            yield from _heard("claim", pipeline.trace.claimed_gap_ms.p50, page)
        probe = report.probes.llm if report and report.probes else None
        if probe is None:
            yield from missing("TTFT", "llm", run, page)
        else:
            yield from rated("TTFT", probe.ttft_ms, page)
        speech = report.probes.tts if report and report.probes else None
        if speech is not None:
            yield from rated("TTFA", speech.ttfa_ms, page)
        elif _asked_for_speech(run):
            yield from missing("TTFA", "tts", run, page)
        if pipeline is not None and pipeline.kind != "trace":
            yield from _reply(pipeline, page)
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
        if report.cost is not None and report.cost.total_usd.value is not None:
            yield from page.wrapped(_cost(report.cost, page), indent=0)
        if probe is not None:
            yield from _named("model", (probe.provider, probe.model), page)
        if speech is not None:
            yield from _named("voice", (speech.provider, speech.model, speech.voice), page)
        if probe is not None:
            yield from reason_of("TTFT", probe.ttft_ms, page)
        if speech is not None:
            yield from reason_of("TTFA", speech.ttfa_ms, page)
        for label, item in (("heard", gap), ("worst", worst)):
            if item is not None and item.value is None and label == "heard":
                yield from page.wrapped(Text(f"heard: {page.data(note(item))}", "dim"), indent=0)
            elif item is not None:
                yield from reason_of(label, item, page)


def _asked_for_speech(run: RunState | None) -> bool:
    """Tell whether speech was to be probed: most runs name no synthesiser, and need no line."""
    if run is None:
        return False
    entry = run.report.analyzers.get("tts") if run.report else None
    if run.report is not None:
        return entry is not None and entry.status != "not_run"
    return "tts" in (*run.asked, *run.stages)


def _reply(pipeline: Pipeline, page: Page) -> Iterator[Text]:
    """Yield the estimate of the wait; without one of its parts it is only a lower bound."""
    total = pipeline.total_ms
    if not pipeline.missing or total.value is None:
        yield from rated("reply", total, page)
        return
    line = Text.assemble(("reply  ", "dim"), "at least ", (page.data(figure(total)), "bold"))
    if total.band:
        line.append(f"  {page.data(total.band, limit=20)}", style_of(total.band))
    yield from page.wrapped(line.append("  estimated", style_of("estimated")), indent=0)


def _cost(cost: Cost, page: Page) -> Text:
    line = Text.assemble(("cost   ", "dim"), (page.data(figure(cost.total_usd)), "bold"))
    if cost.leaves_out:
        line.append(f"  leaves out {len(cost.leaves_out):,}", "dim")
    return line


def _named(label: str, parts: Sequence[str | None], page: Page) -> Iterator[Text]:
    name = " ".join(part for part in parts if part)
    line = Text.assemble((label.ljust(7), "dim"), page.data(name))
    yield from page.wrapped(line, indent=0)


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
