"""The panel of a result that has no panel of its own: a contributor's analyzer, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from echotrace.model.report import Cost
from echotrace.render.console.cost import cost_lines
from echotrace.render.console.flat import flat
from echotrace.render.console.layout import style_of
from echotrace.tui.state import SPAN_OF_STAGE
from echotrace.tui.widgets.missing import state_of
from echotrace.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from echotrace.model.report import Report
    from echotrace.render.console.layout import Page
    from echotrace.tui.state import RunState

__all__ = ["AnalyzerPanel", "generic_names"]

_PARTS: Mapping[str, Callable[[Report], Any]] = {
    "Cost": lambda report: report.cost,
}
"""Parts of a report that have no panel of their own, so that nothing in it is hidden."""

_ROWS = 500
_DEPTH = 6


class AnalyzerPanel(Panel):
    """A table of one result, nested values flattened to dotted names.

    ``analyzer`` names a contributor's analyzer, or a part of the report that has no panel yet.
    """

    def __init__(self, analyzer: str) -> None:
        super().__init__()
        self.analyzer = analyzer

    def heading(self, page: Page) -> Text:
        """Return the analyzer's name and how it ended."""
        if self.analyzer in _PARTS:
            return Text(self.analyzer, style="bold")
        title = Text(f"Analyzer {page.data(self.analyzer, limit=30)}", style="bold")
        word, _ = state_of(self.analyzer, self.run)
        return title.append(f"  {page.data(word, limit=20)}", style_of(word) or "dim")

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield a row per value; what could not be had says why."""
        report = self.run.report if self.run else None
        if self.analyzer in _PARTS:
            reason, data = "", _PARTS[self.analyzer](report) if report else None
            if isinstance(data, Cost):
                yield from cost_lines(data, page, indent=0)
                return
        else:
            entry = report.analyzers.get(self.analyzer) if report else None
            _, reason = state_of(self.analyzer, self.run)
            data = entry.data if entry else None
        if reason:
            yield from page.wrapped(Text(page.data(reason)), indent=0)
        if data is None:
            if not reason:
                yield Text("no result" if report else "no result so far", style="dim")
            return
        rows = flat(data, depth=_DEPTH)
        limit = max(8, page.width // 2 - 2)
        shown = [
            (page.data(key or "value", limit=limit), Text(page.data(value)))
            for (key, value), _ in zip(rows, range(_ROWS), strict=False)
        ]
        yield from page.pairs(shown, indent=0)
        if len(shown) == _ROWS:
            yield Text("the rest is in the JSON report", style="dim")


def generic_names(run: RunState) -> tuple[str, ...]:
    """Return what needs a generic panel, in the order in which it came."""
    report = run.report
    names = (*run.stages, *(report.analyzers if report else ()))
    parts = (name for name, part in _PARTS.items() if report and part(report) is not None)
    known = {*SPAN_OF_STAGE}
    if report is not None and report.pipeline is not None and report.pipeline.trace is not None:
        known.add("trace")
    return tuple(dict.fromkeys((*parts, *(name for name in names if name not in known))))
