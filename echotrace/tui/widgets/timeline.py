"""The call as two lanes on one clock, and under them the call's other figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from echotrace.render.console.conversation import loose, roles, summary_rows
from echotrace.render.console.timeline import lanes, legend, packed
from echotrace.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.render.console.layout import Page

__all__ = ["TimelinePanel"]


class TimelinePanel(Panel):
    """Who spoke when; the screen shows it only where turns were told."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "app.timeline", "Open", tooltip="Open the timeline", id="panel.open"),
    ]

    async def on_click(self) -> None:
        """Open the timeline, which has the same lanes and a cursor."""
        await self.run_action("app.timeline")

    def heading(self, page: Page) -> Text:
        """Return the title with the legend, as far as it goes; the whole one is below the lanes."""
        title = Text("Timeline", style="bold")
        report = self.run.report if self.run else None
        if report is None or report.conversation is None:
            return title
        return Text("  ").join([title, *legend(report.conversation, page)])

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield the lanes first, then what a larger panel has room for."""
        report = self.run.report if self.run else None
        if report is None or report.conversation is None:
            yield Text("no turns so far", style="dim")
            return
        conversation = report.conversation
        yield from lanes(report, page, indent=0)
        rows = summary_rows(report, conversation, page)
        known = roles(report.source, page)
        if known.plain:
            rows.append(("roles", known))
        yield from page.pairs(rows, indent=0)
        yield from packed(legend(conversation, page), page, indent=0)
        yield from loose(conversation, page)
