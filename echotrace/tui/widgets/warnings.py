"""What the reader should know, the worst first, in words and with what to try."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.errors import EchoTraceError
from echotrace.model.measure import Finding, Severity
from echotrace.render.console.figures import clock
from echotrace.render.console.layout import style_of
from echotrace.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import GateResult
    from echotrace.render.console.layout import Page
    from echotrace.tui.state import RunState

__all__ = ["WarningsPanel"]

_ORDER = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
_SHOWN = 200


class WarningsPanel(Panel):
    """The findings of the run, and the outcome of its gates."""

    def heading(self, page: Page) -> Text:
        """Return the title with how many there are of each severity."""
        title = Text("Warnings", style="bold")
        found = _findings(self.run)
        counts = [
            f"{sum(item.severity is severity for item in found):,} {severity.value}"
            for severity in _ORDER
            if any(item.severity is severity for item in found)
        ]
        if counts or (self.run is not None and self.run.report is not None):
            title.append(f"  {', '.join(counts) or 'none'}", "dim")
        return title

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield gates that failed, the findings by severity, then the other gates."""
        run = self.run
        report = run.report if run else None
        gates = report.gates if report else ()
        for gate in gates:
            if gate.outcome == "fail":
                yield from _gate(gate, page)
        found = sorted(_findings(run), key=lambda item: _ORDER.index(item.severity))
        for item in found[:_SHOWN]:
            yield from _finding(item, page)
        if len(found) > _SHOWN:
            yield Text(f"and {len(found) - _SHOWN:,} more in the JSON report", style="dim")
        if not found:
            told = "nothing to warn about" if report else "nothing so far"
            yield Text(told, style="dim")
        for gate in gates:
            if gate.outcome != "fail":
                yield from _gate(gate, page)


def _gate(gate: GateResult, page: Page) -> Iterator[Text]:
    word = {"pass": "PASSED", "fail": "FAILED"}.get(gate.outcome, "UNDECIDED")
    style = style_of("critical" if gate.outcome == "fail" else gate.outcome)
    line = Text.assemble((f"GATE {word}", style), f"  {page.data(gate.expression)}")
    if gate.value is not None:
        line.append(f"  value {gate.value:,.6g}", "dim")
    if gate.reason:
        line.append(f"  {page.data(gate.reason)}", "dim")
    yield from page.wrapped(line, indent=0)


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


def _finding(item: Finding, page: Page) -> Iterator[Text]:
    word = item.severity.value
    text = Text.assemble((word.upper(), style_of(word) or "cyan"), "  ")
    text.append(page.data(item.code, limit=40), "bold")
    if item.at_s is not None:
        text.append(f" at {clock(item.at_s)}", "cyan")
    text.append(f"  {page.data(item.message)}")
    yield from page.wrapped(text, indent=0)
    if item.hint:
        hint = Text.assemble(("try: ", "dim"), page.data(item.hint))
        yield from page.wrapped(hint, indent=2)
