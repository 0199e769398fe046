"""The title line: which program, which job, on which recording, and how far it is."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from echotrace._version import __version__
from echotrace.render.console.figures import clock
from echotrace.render.console.layout import style_of
from echotrace.tui.lines import content, page_of

if TYPE_CHECKING:
    from textual.app import RenderResult

    from echotrace.render.console.layout import Page
    from echotrace.tui.state import RunState

__all__ = ["TitleLine"]


class TitleLine(Widget):
    """One line; the status stays on it at every width, the file's name gives way."""

    run: reactive[RunState | None] = reactive(None)

    def render(self) -> RenderResult:
        """Return the line at the present width."""
        page = page_of(self.size.width, ascii_only=self.app.has_class("-ascii"))
        return content([_line(self.run, page)])


def _line(run: RunState | None, page: Page) -> Text:
    report = run.report if run else None
    version = page.data(report.tool.version if report else __version__, limit=12)
    line = Text.assemble((f"EchoTrace {version}", "bold"))
    word = report.status.value if report else run.phase.value if run else "waiting"
    status = Text(f"  {word.upper()}", style=f"bold {style_of(word) or 'cyan'}")
    if report is not None:
        job = f"  job {page.data(report.job_id, limit=14)}"
        if line.cell_len + cell_len(job) + status.cell_len <= page.width:
            line.append(job, "dim")
    line.append_text(status)
    if run is None:
        return line
    tail = "  SYNTHETIC" if run.synthetic else ""
    duration = report.source.duration_s if report else None
    if duration is not None:
        tail = f"  {clock(duration)}{tail}"
    room = page.width - line.cell_len - cell_len(tail) - 2
    if room < 20 and tail:
        tail = tail[tail.rfind("  ") :] if run.synthetic else ""
        room = page.width - line.cell_len - cell_len(tail) - 2
    if room < 8:
        tail, room = "", page.width - line.cell_len - 2
    name = page.data(PurePath(run.path).name or run.path, limit=room) if room >= 8 else ""
    gap = page.width - line.cell_len - cell_len(name) - cell_len(tail)
    if name:
        line.append(" " * gap)
        line.append(name)
        line.append(tail, "magenta" if "SYNTHETIC" in tail else "dim")
    return line
