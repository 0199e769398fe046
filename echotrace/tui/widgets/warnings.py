"""What the reader should know, the worst first, in words, with what to try and where it leads."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.errors import EchoTraceError
from echotrace.model.measure import Finding, Severity
from echotrace.model.report import GateResult
from echotrace.render.console.layout import style_of
from echotrace.render.console.warnings import SEVERITIES, by_severity, finding_lines
from echotrace.tui.leads import Goal, follow, of_gate, of_warning
from echotrace.tui.widgets.panel import Panel, PanelBody
from echotrace.tui.widgets.row_list import Row, RowList

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from textual.app import ComposeResult
    from textual.geometry import Size
    from typing_extensions import Self

    from echotrace.model.report import Report
    from echotrace.render.console.layout import Page
    from echotrace.tui.leads import Lead
    from echotrace.tui.state import RunState

__all__ = ["WarningsPanel", "gate_lines", "lead_sign"]


class WarningsPanel(Panel):
    """The findings of the run and the outcome of its gates; enter opens what one is about."""

    DEFAULT_CSS = """
    WarningsPanel { overflow-y: hidden; }
    WarningsPanel RowList { height: 1fr; background: $background; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._counts = ""
        self._shown: Report | None = None

    def compose(self) -> ComposeResult:
        """Hold the rows, and a line for when there are none."""
        yield RowList()
        yield from super().compose()

    def allow_focus(self) -> bool:
        """Leave the focus to the rows where there are any."""
        return not self._has_rows

    def focus(self, scroll_visible: bool = True) -> Self:
        """Put the cursor among the rows, or the focus on what stands in their place."""
        if self._has_rows:
            self.query_one(RowList).focus(scroll_visible)
            return self
        return super().focus(scroll_visible)

    @property
    def _has_rows(self) -> bool:
        return any(rows.rows for rows in self.query(RowList))

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
        had_focus = self.has_focus_within
        for shown in self.query(RowList):
            kept = shown.cursor if report is self._shown else None
            shown.fill(rows, at=kept or 0)
            shown.display = bool(rows)
        self._shown = report
        for body in self.query(PanelBody):
            body.display = not rows
        if had_focus:
            self.focus(scroll_visible=False)
        super().watch_run()

    def on_descendant_focus(self) -> None:
        """Tell what enter does."""
        self.redraw(layout=False)

    def on_descendant_blur(self) -> None:
        """Tell it no longer."""
        self.redraw(layout=False)

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
        row = next((rows.row for rows in self.query(RowList) if rows.has_focus), None)
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

    def _lead(self, row: Row) -> Lead | None:
        return _lead_of(row.about, self.run.report if self.run else None)

    def _rows(self) -> list[Row]:
        """Return gates that failed, the findings by severity, then the other gates."""
        report = self.run.report if self.run else None
        gates = report.gates if report else ()
        found = by_severity(_findings(self.run))
        failed = [_row(gate, gate_lines, report) for gate in gates if gate.outcome == "fail"]
        others = [_row(gate, gate_lines, report) for gate in gates if gate.outcome != "fail"]
        nothing = [Row(draw=lambda _: [Text("nothing to warn about", style="dim")])]
        told = [_row(item, finding_lines, report) for item in found]
        if not told and (failed or others):
            told = nothing
        return failed + told + others


def _counted(found: Sequence[Finding]) -> str:
    counts = Counter(item.severity for item in found)
    return ", ".join(f"{counts[kind]:,} {kind.value}" for kind in SEVERITIES if counts[kind])


def _row(about: Finding | GateResult, draw: Any, report: Report | None) -> Row:
    return Row(draw=partial(_drawn, about, draw, report), about=about)


def _drawn(about: Finding | GateResult, draw: Any, report: Report | None, page: Page) -> list[Text]:
    lead = _lead_of(about, report)
    leads = lead is not None and lead.goal is not Goal.NOWHERE
    return list(draw(about, page, sign=lead_sign(page) if leads else ""))


def _lead_of(about: object, report: Report | None) -> Lead | None:
    if isinstance(about, Finding):
        return of_warning(about, report)
    if isinstance(about, GateResult) and report is not None:
        return of_gate(about, report)
    return None


def gate_lines(gate: GateResult, page: Page, *, sign: str = "") -> Iterator[Text]:
    """Yield the outcome of a gate, what it asked and the value that decided."""
    word = {"pass": "PASSED", "fail": "FAILED"}.get(gate.outcome, "UNDECIDED")
    style = style_of("critical" if gate.outcome == "fail" else gate.outcome)
    line = Text.assemble((f"GATE {word}", style), f"  {page.data(gate.expression)}")
    if gate.value is not None:
        line.append(f"  value {gate.value:,.6g}", "dim")
    if sign:
        line.append(f" {sign}", "cyan")
    if gate.reason:
        line.append(f"  {page.data(gate.reason)}", "dim")
    yield from page.wrapped(line, indent=0)


def lead_sign(page: Page) -> str:
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
