"""Asks where the report's JSON is to go, and replaces a file only when told to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from echotrace.errors import EchoTraceError
from echotrace.files import check_target, write_text
from echotrace.tui.lines import page_of

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from echotrace.model.report import Report

__all__ = ["ExportScreen"]


class ExportScreen(ModalScreen[Path | None]):
    """Hands back the file that was written, or None when the user changed their mind."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False, id="export.cancel"),
    ]

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report

    def compose(self) -> ComposeResult:
        """Offer a name in the working folder."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Export the report as JSON"
            box.border_subtitle = "enter writes, escape cancels"
            yield Input(value=_default_name(self._report), id="path")
            yield Static("", id="problem", markup=False)
            with Horizontal(id="choices"):
                yield Button("Write", id="write", variant="primary")
                yield Button("Replace the file", id="replace", variant="warning")
                yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        """Replacing is offered only once a file turns out to be there."""
        self.query_one("#replace").display = False

    def on_input_changed(self) -> None:
        """Another name is another question."""
        self.query_one("#replace").display = False
        self.query_one("#problem", Static).update("")

    async def on_input_submitted(self) -> None:
        """Write, unless there is a file already."""
        await self._write(force=False)

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        """Do what the button says."""
        if event.button.id == "cancel":
            self.action_cancel()
        else:
            await self._write(force=event.button.id == "replace")

    def action_cancel(self) -> None:
        """Write nothing."""
        self.dismiss(None)

    async def _write(self, *, force: bool) -> None:
        typed = self.query_one("#path", Input).value.strip()
        if not typed:
            self._tell("name a file, such as report.json")
            return
        try:
            path = await asyncio.to_thread(_export, self._report, typed, force=force)
        except EchoTraceError as error:
            exists = error.code == "OUTPUT_EXISTS"
            self.query_one("#replace").display = exists
            hint = "choose another name, or replace the file" if exists else error.hint
            self._tell("; ".join(part for part in (error.what, error.why, hint) if part))
        except (OSError, RuntimeError, ValueError) as error:  # no such user, a NUL in the name
            self._tell(f"that path cannot be used: {error}")
        else:
            self.dismiss(path)

    def _tell(self, problem: str) -> None:
        page = page_of(60, ascii_only=self.app.has_class("-ascii"))
        self.query_one("#problem", Static).update(page.data(problem))


def _export(report: Report, typed: str, *, force: bool) -> Path:
    path = Path(typed).expanduser()
    check_target(path, force=force)
    write_text(path, report.to_json() + "\n")
    return path


def _default_name(report: Report) -> str:
    kept = "".join(char for char in report.job_id if char.isascii() and char.isalnum())
    return f"echotrace-{kept[:24] or 'report'}.json"
