"""Lines that are drawn for the width there is: what stands around the tree of spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widget import Widget

from echotrace.tui.lines import content, page_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.text import Text
    from textual.app import RenderResult
    from textual.content import Content
    from textual.geometry import Size

    from echotrace.render.console.layout import Page

__all__ = ["SpanLines"]


class SpanLines(Widget):
    """As high as its lines are many.

    Args:
        draw: returns the lines, none wider than the page.
        id: as of any widget.
    """

    DEFAULT_CSS = "SpanLines { height: auto; text-wrap: nowrap; }"

    def __init__(self, draw: Callable[[Page], Iterable[Text]], *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._draw = draw
        self._made: tuple[int, Content] | None = None

    def redraw(self, *, layout: bool = True) -> None:
        """Draw anew; without ``layout`` the number of lines is known to be the same."""
        self._made = None
        self.refresh(layout=layout)

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._made = None

    def render(self) -> RenderResult:
        """Return the lines at the present width."""
        return self._lines(self.size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines there are at this width."""
        plain = self._lines(width).plain
        return plain.count("\n") + 1 if plain else 0

    def _lines(self, width: int) -> Content:
        if self._made is None or self._made[0] != width:
            page = page_of(width, ascii_only=self.app.has_class("-ascii"))
            self._made = (width, content(self._draw(page)))
        return self._made[1]
