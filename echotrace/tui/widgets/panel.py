"""The panel: a titled part of the screen that scrolls on its own and can fill the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.reactive import reactive
from textual.widget import Widget

from echotrace.tui.lines import content, page_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.text import Text
    from textual.app import ComposeResult, RenderResult
    from textual.content import Content
    from textual.geometry import Size

    from echotrace.render.console.layout import Page
    from echotrace.tui.state import RunState

__all__ = ["Panel", "PanelBody"]


class PanelBody(Widget):
    """The lines of a panel, made anew for the width that it has."""

    DEFAULT_CSS = "PanelBody { height: auto; text-wrap: nowrap; }"

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panel = panel
        self._made: tuple[int, Content] | None = None

    def forget(self, *, layout: bool) -> None:
        """Draw anew, and with ``layout`` find the height anew."""
        self._made = None
        self.refresh(layout=layout)

    def render(self) -> RenderResult:
        """Return the lines at the present width."""
        return self._lines(self.size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines there are at this width."""
        return self._lines(width).plain.count("\n") + 1

    def _lines(self, width: int) -> Content:
        if self._made is None or self._made[0] != width:
            page = page_of(width, ascii_only=self._panel.ascii_only)
            self._made = (width, content(self._panel.lines(page)))
        return self._made[1]


class Panel(VerticalScroll, can_focus=True):
    """Draws one part of a RunState; a subclass gives ``heading`` and ``lines``."""

    ALLOW_MAXIMIZE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Scroll down", show=False, id="panel.down"),
        Binding("k", "scroll_up", "Scroll up", show=False, id="panel.up"),
        Binding("enter", "zoom", "Panel to full screen and back", show=False, id="panel.zoom"),
    ]

    run: reactive[RunState | None] = reactive(None)

    def compose(self) -> ComposeResult:
        """Hold the lines in one child, which is as high as they are many."""
        yield PanelBody(self)

    @property
    def ascii_only(self) -> bool:
        """Whether the terminal can draw nothing but ASCII."""
        return self.app.has_class("-ascii")

    def watch_run(self) -> None:
        """Draw what has changed."""
        self.redraw(layout=True)

    def redraw(self, *, layout: bool) -> None:
        """Draw anew; without ``layout`` the number of lines is known to be the same."""
        self.border_title = content([self.heading(page_of(60, ascii_only=self.ascii_only))])
        for body in self.query(PanelBody):
            body.forget(layout=layout)

    def on_mount(self) -> None:
        """Give the panel its title."""
        self.redraw(layout=True)

    def on_resize(self) -> None:
        """Fold or unfold for the new size."""
        self.redraw(layout=True)

    def action_zoom(self) -> None:
        """Let this panel fill the screen, or give the screen back."""
        if self.screen.maximized is None:
            self.screen.maximize(self)
        else:
            self.screen.minimize()

    def heading(self, page: Page) -> Text:
        """Return the title in the panel's upper edge."""
        raise NotImplementedError

    def lines(self, page: Page) -> Iterable[Text]:
        """Return the panel's lines, none wider than the page."""
        raise NotImplementedError
