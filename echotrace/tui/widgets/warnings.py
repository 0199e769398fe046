"""What the reader should know, the worst first, in words, with what to try and where it leads."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from echotrace.errors import EchoTraceError
from echotrace.model.measure import Finding, Severity
from echotrace.model.report import GateResult
from echotrace.render.console.figures import clock
from echotrace.render.console.layout import style_of
from echotrace.tui.leads import Goal, follow, of_gate, of_warning
from echotrace.tui.widgets.panel import Panel, PanelBody
from echotrace.tui.widgets.row_list import Row, RowList

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from textual.app import ComposeResult
    from textual.geometry import Size

    from echotrace.model.report import Report
    from echotrace.render.console.layout import Page
    from echotrace.tui.leads import Lead
    from echotrace.tui.state import RunState

__all__ = ["WarningsPanel", "gate_lines"]

_ORDER = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)


class WarningsPanel(Panel):
    """The findings of the run and the outcome of its gates; enter opens what one is about."""

    DEFAULT_CSS = """
    WarningsPanel { overflow-y: hidden; }
    WarningsPanel RowList { height: 1fr; background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "rows('cursor_down')", "Next warning", show=False, id="warnings.down"),
        Binding("up,k", "rows('cursor_up')", "Previous warning", show=False, id="warnings.up"),
        Binding("home,g", "rows('first')", "First warning", show=False, id="warnings.first"),
        Binding("end,G", "rows('last')", "Last warning", show=False, id="warnings.last"),
        Binding("pagedown", "page(1)", "A page of warnings down", show=False, id="warnings.page"),
        Binding("pageup", "page(-1)", "A page of warnings up", show=False, id="warnings.page_up"),
        Binding(
            "enter",
            "rows('open')",
            "Open",
            tooltip="Open what this warning is about",
            id="warnings.open",
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._counts = ""
        self._shown: Report | None = None

    def compose(self) -> ComposeResult:
        """Hold the rows, and a line for when there are none."""
        rows = RowList()
        rows.can_focus = False
        yield rows
        yield from super().compose()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines there are, so that a few take no more room than they need."""
        rows = self.query_one(RowList)
        if not rows.rows:
            return super().get_content_height(container, viewport, width)
        return rows.height_at(width)

    def watch_run(self) -> None:
        """Lay the rows anew; the cursor stays where it was on the same report."""
        report = self.run.report if self.run else None
        rows = self._rows()
        self._counts = _counted(_findings(self.run))
        for shown in self.query(RowList):
            kept = shown.cursor if report is self._shown else None
            shown.fill(rows, at=kept or 0)
            shown.display = bool(rows)
        self._shown = report
        for body in self.query(PanelBody):
            body.display = not rows
        super().watch_run()

    def on_focus(self) -> None:
        """Draw the cursor, and tell what enter does."""
        self._light()

    def on_blur(self) -> None:
        """Take the cursor away."""
        self._light()

    def action_rows(self, action: str) -> None:
        """Let the rows do what the key is for."""
        getattr(self.query_one(RowList), f"action_{action}")()

    def action_page(self, pages: int) -> None:
        """Go as many rows on as fill the panel."""
        self.query_one(RowList).action_page_rows(pages)

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        """Tell what enter does on this row."""
        event.stop()
        self.redraw(layout=False)

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Go where the row leads."""
        event.stop()
        lead = self._lead(event.row)
        if lead is not None:
            follow(lead, self)

    def heading(self, page: Page) -> Text:
        """Return the title with how many there are of each severity, and what enter does."""
        title = Text("Warnings", style="bold")
        row = next((rows.row for rows in self.query(RowList)), None) if self.has_focus else None
        lead = self._lead(row) if row else None
        if lead is not None and lead.goal is not Goal.NOWHERE:
            title.append(f"  enter: {page.data(lead.told)}", "dim")
        if self._counts or (self.run is not None and self.run.report is not None):
            title.append(f"  {self._counts or 'none'}", "dim")
        return title

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield every row, or that there is none."""
        rows = self._rows()
        for row in rows:
            yield from row.draw(page)
        if not rows:
            told = "nothing to warn about" if self.run and self.run.report else "nothing so far"
            yield Text(told, style="dim")

    def _light(self) -> None:
        self.redraw(layout=False)
        for rows in self.query(RowList):
            rows.refresh()

    def _lead(self, row: Row) -> Lead | None:
        return _lead_of(row.about, self.run.report if self.run else None)

    def _rows(self) -> list[Row]:
        """Return gates that failed, the findings by severity, then the other gates."""
        report = self.run.report if self.run else None
        gates = report.gates if report else ()
        found = sorted(_findings(self.run), key=lambda item: _ORDER.index(item.severity))
        failed = [_row(gate, gate_lines, report) for gate in gates if gate.outcome == "fail"]
        others = [_row(gate, gate_lines, report) for gate in gates if gate.outcome != "fail"]
        nothing = [Row(draw=lambda _: [Text("nothing to warn about", style="dim")])]
        told = [_row(item, _finding, report) for item in found]
        if not told and (failed or others):
            told = nothing
        return failed + told + others


def _counted(found: Sequence[Finding]) -> str:
    counts = Counter(item.severity for item in found)
    return ", ".join(f"{counts[kind]:,} {kind.value}" for kind in _ORDER if counts[kind])


def _row(about: Finding | GateResult, draw: Any, report: Report | None) -> Row:
    return Row(draw=partial(_drawn, about, draw, report), about=about)


def _drawn(about: Finding | GateResult, draw: Any, report: Report | None, page: Page) -> list[Text]:
    lead = _lead_of(about, report)
    leads = lead is not None and lead.goal is not Goal.NOWHERE
    return list(draw(about, page, leads=leads))


def _lead_of(about: object, report: Report | None) -> Lead | None:
    if isinstance(about, Finding):
        return of_warning(about, report)
    if isinstance(about, GateResult) and report is not None:
        return of_gate(about, report)
    return None


def gate_lines(gate: GateResult, page: Page, *, leads: bool) -> Iterator[Text]:
    """Yield the outcome of a gate, what it asked and the value that decided."""
    word = {"pass": "PASSED", "fail": "FAILED"}.get(gate.outcome, "UNDECIDED")
    style = style_of("critical" if gate.outcome == "fail" else gate.outcome)
    line = Text.assemble((f"GATE {word}", style), f"  {page.data(gate.expression)}")
    if gate.value is not None:
        line.append(f"  value {gate.value:,.6g}", "dim")
    if leads:
        line.append(f" {sign(page)}", "cyan")
    if gate.reason:
        line.append(f"  {page.data(gate.reason)}", "dim")
    yield from page.wrapped(line, indent=0)


def sign(page: Page) -> str:
    """Return the sign that enter leads somewhere."""
    return "->" if page.ascii_only else "→"


def _findings(run: RunState | None) -> tuple[Finding, ...]:
    if run is None:
        return ()
    found = run.report.warnings if run.report else ()
    if run.error is None:
        return found
    error = run.error
    if not isinstance(error, EchoTraceError):
        from echotrace.providers.known_secrets import unexpected

        message = f"the run failed inside EchoTrace: {unexpected(error)}"
        hint = "run the same command with --no-tui --debug and report what it prints"
        return (
            Finding(code="INTERNAL_ERROR", severity=Severity.CRITICAL, message=message, hint=hint),
            *found,
        )
    message = f"{error.what}: {error.why}" if error.why else error.what
    return (
        Finding(
            code=error.code, severity=Severity.CRITICAL, message=message, hint=error.hint or None
        ),
        *found,
    )


def _finding(item: Finding, page: Page, *, leads: bool) -> Iterator[Text]:
    word = item.severity.value
    text = Text.assemble((word.upper(), style_of(word) or "cyan"), "  ")
    text.append(page.data(item.code, limit=40), "bold")
    if item.at_s is not None:
        text.append(f" at {clock(item.at_s)}", "cyan")
    if leads:
        text.append(f" {sign(page)}", "cyan")
    text.append(f"  {page.data(item.message)}")
    yield from page.wrapped(text, indent=0)
    if item.hint:
        hint = Text.assemble(("try: ", "dim"), page.data(item.hint))
        yield from page.wrapped(hint, indent=2)
