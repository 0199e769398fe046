"""The reliability score, its grade, and what it cost; until the run is over, how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from echotrace.render.console.figures import quantity, words
from echotrace.render.console.layout import style_of
from echotrace.render.console.score import metric_name, points, verdict
from echotrace.tui.state import Phase
from echotrace.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.render.console.layout import Page
    from echotrace.tui.state import RunState

__all__ = ["ScorePanel"]

_LONGEST = 40
"""Cells of the bar, at most."""


class ScorePanel(Panel):
    """The score box; enter opens what the score is made of."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "app.score", "Open", tooltip="What the score is made of", id="panel.open"),
    ]

    def heading(self, page: Page) -> Text:
        """Return the title."""
        return Text("Reliability", style="bold")

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield the number and its grade, a bar, and every deduction."""
        run = self.run
        if run is None or run.report is None:
            yield from _pending(run, page)
            return
        score = run.report.score
        yield from verdict(score, page, longest=_LONGEST)
        for item in score.deductions:
            value = quantity(item.value, page.data(item.unit, limit=12), metric=item.metric)
            line = Text.assemble((f"-{points(item.points)}", "bold"))
            line.append(f" {page.data(metric_name(item.metric), limit=20)} {page.data(value)}")
            line.append(f" {page.data(item.band, limit=20)}", style_of(item.band))
            yield from page.wrapped(line, indent=0)
        if score.value is not None and not score.deductions:
            yield Text("no deductions")
        if score.not_scored:
            names = ", ".join(metric_name(entry.metric) for entry in score.not_scored)
            line = Text(page.data(words(score.status)), style=style_of(score.status))
            yield from page.wrapped(line.append(f": {page.data(names)} not scored", ""), indent=0)
        for entry in score.not_scored:
            line = Text(
                f"{page.data(metric_name(entry.metric), limit=24)} {page.data(entry.reason)}"
            )
            line.stylize("dim")
            yield from page.wrapped(line, indent=0)


def _pending(run: RunState | None, page: Page) -> Iterator[Text]:
    if run is not None and run.phase is Phase.FAILED:
        yield Text("n/a / 100", style="bold")
        yield from page.wrapped(Text("the run failed; see Warnings"), indent=0)
    elif run is not None and run.phase is Phase.CANCELLED:
        yield Text("n/a / 100", style="bold")
        yield from page.wrapped(Text("cancelled; r runs it again"), indent=0)
    else:
        yield Text(f"{page.glyphs.ellipsis} / 100", style="bold")
        yield from page.wrapped(Text("the score comes when the run is over", "dim"), indent=0)
