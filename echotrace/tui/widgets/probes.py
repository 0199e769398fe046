"""The probes: every request that was made as a row, and the figures over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.figures import words
from echotrace.render.console.layout import style_of
from echotrace.render.console.phases import look_of, names_of
from echotrace.render.console.probes import llm_rows, tts_rows
from echotrace.render.console.timeline import packed
from echotrace.tui.requests import LISTED, is_probe_only, made, requests_of
from echotrace.tui.widgets.panel import Panel
from echotrace.tui.widgets.request_table import RequestTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult
    from textual.widgets import DataTable

    from echotrace.model.report import Report
    from echotrace.render.console.layout import Page
    from echotrace.tui.requests import Request

__all__ = ["ProbesPanel", "has_probes", "why_none"]

_STAGES = (("LLM", "llm"), ("TTS", "tts"))


class ProbesPanel(Panel):
    """The table; enter opens the sheet of the request that the cursor is on."""

    def __init__(self) -> None:
        super().__init__()
        self._requests: list[Request] = []
        self._shown: Report | None = None
        self._laid = 0

    def compose(self) -> ComposeResult:
        """Hold the table above the lines."""
        yield RequestTable()
        yield from super().compose()

    def focus_requests(self, *, scroll_visible: bool = True) -> None:
        """Put the cursor into the table, or the focus on what stands in its place."""
        target = self.query_one(RequestTable) if self._requests else self
        target.focus(scroll_visible=scroll_visible)

    def watch_run(self) -> None:
        """Fill the table anew."""
        self._fill()
        super().watch_run()

    def on_mount(self) -> None:
        """Colour the table anew when the theme changes."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._fill())

    def on_resize(self) -> None:
        """Lay the columns out for the new width."""
        if self._requests and self._laid != self.size.width:
            self._fill()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell why the request under the cursor has no whole answer."""
        event.stop()
        self.redraw(layout=True)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open the sheet of the request; the cursor then follows it to where it was closed."""
        event.stop()
        if not self._requests:
            return
        from echotrace.tui.screens.request import RequestScreen

        def closed(at: int | None) -> None:
            if at is not None:
                self.query_one(RequestTable).move_cursor(row=at)

        self.app.push_screen(RequestScreen(self._requests, event.cursor_row), closed)

    def heading(self, page: Page) -> Text:
        """Return the title, and how many requests there are with how many of them failed."""
        title = Text("Probes", style="bold")
        count = made(self._report)
        if not count:
            return title
        title.append(f"  {count:,} request{'' if count == 1 else 's'}", "dim")
        failed = sum(request.sample.status == "failed" for request in self._requests)
        if failed:
            title.append(f", {failed:,} failed", style_of("failed"))
        return title.append("; enter: where its time went", "dim")

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield why the request under the cursor failed, the figures, what is not listed."""
        if self._requests:
            yield from self._told(page)
            yield from _legend(self._requests, page)
            yield from self._figures(page)
        told = why_none(self._report)
        if told or not self._requests:
            line = Text(page.data(told or "no request was made"), style="dim")
            yield from page.wrapped(line, indent=0)

    def _told(self, page: Page) -> Iterator[Text]:
        at = min(max(self.query_one(RequestTable).cursor_row, 0), len(self._requests) - 1)
        reason = self._requests[at].sample.reason
        if reason:
            yield from page.wrapped(Text(page.data(reason), style="yellow"), indent=0)
        left_out = made(self._report) - len(self._requests)
        if left_out:
            told = (
                f"the table has the cold, the failed and the slowest requests, at most {LISTED:,} "
                f"of a probe; {left_out:,} more are in the JSON report"
            )
            yield from page.wrapped(Text(told, style="dim"), indent=0)

    def _figures(self, page: Page) -> Iterator[Text]:
        """Yield what is known over all requests of each probe."""
        probes = self._report.probes if self._report else None
        llm, tts = (probes.llm, probes.tts) if probes else (None, None)
        parts = (
            ("LLM probe", llm_rows(llm, page) if llm else None),
            ("TTS probe", tts_rows(tts, page) if tts else None),
        )
        for title, rows in parts:
            if rows is not None:
                yield Text()
                yield Text(title, style="bold")
                yield from page.pairs(rows, indent=0)

    def _fill(self) -> None:
        report = self._report
        if report is not self._shown:
            self._requests = requests_of(report)
        self._laid = self.size.width
        for table in self.query(RequestTable):
            at = table.cursor_row if self._shown is report else 0
            table.lay(self._requests, self.size.width, at=at, ascii_only=self.ascii_only)
        self._shown = report

    @property
    def _report(self) -> Report | None:
        return self.run.report if self.run else None


def _legend(requests: list[Request], page: Page) -> Iterator[Text]:
    parts = []
    for name in names_of(request.sample for request in requests):
        look = look_of(name, page)
        glyph = look.plain if page.ascii_only else look.glyph
        parts.append(Text.assemble((glyph * 2, look.style), (f" {look.name}", "dim")))
    if any(request.sample.status == "failed" for request in requests):
        parts.append(Text.assemble((page.glyphs.failed, "red"), (" failed", "dim")))
    yield from packed(parts, page, indent=0)


def has_probes(report: Report | None) -> bool:
    """Tell whether the panel has anything to show: a request, or a run that only was to make some.

    A recording's report without a request needs no panel to say so; the latency panel does.
    """
    return made(report) > 0 or is_probe_only(report)


def why_none(report: Report | None) -> str:
    """Return why no request was made, for each stage that was to make some; empty if none was."""
    told = []
    for service, stage in _STAGES:
        entry = report.analyzers.get(stage) if report else None
        if entry is not None and not _made(report, stage):
            reason = f": {entry.reason}" if entry.reason else ""
            told.append(f"{service} {words(entry.status)}{reason}")
    return "; ".join(told)


def _made(report: Report | None, stage: str) -> bool:
    """Tell whether the probe of a stage made a request; an old report does not keep them."""
    probes = report.probes if report else None
    probe = getattr(probes, stage) if probes else None
    return bool(probe and probe.samples)
