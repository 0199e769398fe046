"""The sheet of one misheard word: its place, its figures, and what may explain it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget

from echotrace.render.console.word import word_sheet
from echotrace.tui.lines import content, page_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult, RenderResult
    from textual.geometry import Size

    from echotrace.model.report import Report, WordError

__all__ = ["WordScreen"]


class WordScreen(ModalScreen[int]):
    """Shows one error at a time, hands back the number of the last one that was shown.

    Args:
        report: the report that the errors are from.
        errors: in the order of the table; never empty.
        at: which of them to begin with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,down,j,right", "next", "Next word", id="word.next"),
        Binding("p,up,k,left", "previous", "Previous word", id="word.previous"),
        Binding("home,g", "first", "First word", show=False, id="word.first"),
        Binding("end,G", "last", "Last word", show=False, id="word.last"),
        Binding("pagedown,space", "page_down", "Scroll down", show=False, id="word.scroll_down"),
        Binding("pageup", "page_up", "Scroll up", show=False, id="word.scroll_up"),
        Binding("escape,enter,q", "close", "Close", id="word.close"),
    ]

    def __init__(self, report: Report, errors: Sequence[WordError], at: int) -> None:
        super().__init__()
        self.report = report
        self.errors = errors
        self.at = at

    @property
    def error(self) -> WordError:
        """The error that is shown."""
        return self.errors[self.at]

    def compose(self) -> ComposeResult:
        """Show the sheet in a box that scrolls on a small terminal."""
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            box.border_subtitle = "n next  p previous  escape closes"
            yield _Sheet(self)

    def on_mount(self) -> None:
        """Name the box."""
        self._show(self.at)

    def action_next(self) -> None:
        """Show the next error; after the last one it stays."""
        self._show(self.at + 1)

    def action_previous(self) -> None:
        """Show the error before."""
        self._show(self.at - 1)

    def action_first(self) -> None:
        """Show the first error."""
        self._show(0)

    def action_last(self) -> None:
        """Show the last error."""
        self._show(len(self.errors) - 1)

    def action_page_down(self) -> None:
        """Scroll the sheet down."""
        self.query_one(VerticalScroll).scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        """Scroll the sheet up."""
        self.query_one(VerticalScroll).scroll_page_up(animate=False)

    def action_close(self) -> None:
        """Go back to the table, to the word that was shown last."""
        self.dismiss(self.at)

    def _show(self, at: int) -> None:
        self.at = min(max(at, 0), len(self.errors) - 1)
        box = self.query_one(VerticalScroll)
        box.border_title = f"Misheard word {self.at + 1:,} of {len(self.errors):,}"
        box.scroll_home(animate=False)
        self.query_one(_Sheet).refresh(layout=True)


class _Sheet(Widget):
    """The lines of the sheet at the width of the box."""

    DEFAULT_CSS = "_Sheet { height: auto; text-wrap: nowrap; }"

    def __init__(self, owner: WordScreen) -> None:
        super().__init__()
        self._owner = owner

    def render(self) -> RenderResult:
        """Return the lines at the present width."""
        page = page_of(self.size.width, ascii_only=self.app.has_class("-ascii"))
        return content(word_sheet(self._owner.error, self._owner.report, page))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines there are at this width."""
        page = page_of(width, ascii_only=self.app.has_class("-ascii"))
        return sum(1 for _ in word_sheet(self._owner.error, self._owner.report, page))
