"""A sheet: everything about one row of a table, in a box over the overview."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget

from echotrace.tui.lines import content, page_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.text import Text
    from textual.app import ComposeResult, RenderResult
    from textual.geometry import Size

    from echotrace.render.console.layout import Page

__all__ = ["SheetScreen"]


class SheetScreen(ModalScreen[int]):
    """Shows one row at a time, hands back the number of the last one that was shown.

    A subclass gives ``what`` and ``sheet``, which draw the row ``at``.

    Args:
        count: how many rows there are; never 0.
        at: which of them to begin with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,down,j,right", "next", "Next", id="sheet.next"),
        Binding("p,up,k,left", "previous", "Previous", id="sheet.previous"),
        Binding("home,g", "first", "First", show=False, id="sheet.first"),
        Binding("end,G", "last", "Last", show=False, id="sheet.last"),
        Binding("pagedown,space", "page_down", "Scroll down", show=False, id="sheet.scroll_down"),
        Binding("pageup", "page_up", "Scroll up", show=False, id="sheet.scroll_up"),
        Binding("escape,enter,q", "close", "Close", id="sheet.close"),
    ]

    def __init__(self, count: int, at: int) -> None:
        super().__init__()
        self._count = count
        self.at = at

    def what(self) -> str:
        """Return what the row is; its number and how many there are stand behind it."""
        raise NotImplementedError

    def sheet(self, page: Page) -> Iterable[Text]:
        """Return the lines about the row, none wider than the page."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Show the sheet in a box that scrolls on a small terminal."""
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            box.border_subtitle = "n next  p previous  escape closes"
            yield _Sheet(self)

    def on_mount(self) -> None:
        """Name the box."""
        self._show(self.at)

    def action_next(self) -> None:
        """Show the next row; after the last one it stays."""
        self._show(self.at + 1)

    def action_previous(self) -> None:
        """Show the row before."""
        self._show(self.at - 1)

    def action_first(self) -> None:
        """Show the first row."""
        self._show(0)

    def action_last(self) -> None:
        """Show the last row."""
        self._show(self._count - 1)

    def action_page_down(self) -> None:
        """Scroll the sheet down."""
        self.query_one(VerticalScroll).scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        """Scroll the sheet up."""
        self.query_one(VerticalScroll).scroll_page_up(animate=False)

    def action_close(self) -> None:
        """Go back to the table, to the row that was shown last."""
        self.dismiss(self.at)

    def _show(self, at: int) -> None:
        self.at = min(max(at, 0), self._count - 1)
        box = self.query_one(VerticalScroll)
        box.border_title = f"{self.what()} {self.at + 1:,} of {self._count:,}"
        box.scroll_home(animate=False)
        self.query_one(_Sheet).refresh(layout=True)


class _Sheet(Widget):
    """The lines of the sheet at the width of the box."""

    DEFAULT_CSS = "_Sheet { height: auto; text-wrap: nowrap; }"

    def __init__(self, owner: SheetScreen) -> None:
        super().__init__()
        self._owner = owner

    def render(self) -> RenderResult:
        """Return the lines at the present width."""
        page = page_of(self.size.width, ascii_only=self.app.has_class("-ascii"))
        return content(self._owner.sheet(page))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines there are at this width."""
        page = page_of(width, ascii_only=self.app.has_class("-ascii"))
        return sum(1 for _ in self._owner.sheet(page))
