"""A full screen: one part of a report with all the room there is, and the keys back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from echotrace.tui.widgets.key_bar import KeyBar
from echotrace.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from echotrace.model.report import Report
    from echotrace.tui.state import RunState

__all__ = ["FullScreen"]


class FullScreen(Screen[None]):
    """Stands over the overview until the user goes back; a subclass gives ``body``.

    Args:
        run: what is shown; it stays the same while the screen is open.
    """

    AUTO_FOCUS = "*"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - declared so by Textual
        (0, "-narrow"),
        (72, "-normal"),
        (120, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]  # noqa: RUF012 - declared so by Textual
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "Back", tooltip="Back to the overview", id="screen.back"),
    ]

    def __init__(self, run: RunState) -> None:
        super().__init__()
        self.run = run

    @property
    def report(self) -> Report:
        """The report; a full screen is opened on a run that has one."""
        if self.run.report is None:
            raise ValueError("a full screen needs a report")
        return self.run.report

    @property
    def ascii_only(self) -> bool:
        """Whether the terminal can draw nothing but ASCII."""
        return self.app.has_class("-ascii")

    def compose(self) -> ComposeResult:
        """Lay out the title line, the body and the keys."""
        yield TitleLine()
        yield from self.body()
        yield KeyBar()

    def body(self) -> ComposeResult:
        """Yield what stands between the title line and the keys."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Name the job."""
        self.query_one(TitleLine).run = self.run

    def action_back(self) -> None:
        """Go back to where this screen was opened."""
        self.dismiss()
