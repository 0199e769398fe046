"""Lines that are drawn for the width there is, beside a list whose cursor they tell of."""

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

__all__ = ["DrawnLines"]


class DrawnLines(Widget):
    """As high as the most lines that it had at this width, so that a key seldom moves the layout.

    Args:
        draw: returns the lines, none wider than the page.
        id: as of any widget.
    """

    DEFAULT_CSS = "DrawnLines { height: auto; text-wrap: nowrap; }"

    def __init__(self, draw: Callable[[Page], Iterable[Text]], *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._draw = draw
        self._made: tuple[int, Content] | None = None
        self._most = (0, 0)

    def redraw(self, *, anew: bool = False) -> None:
        """Draw anew, and lay the screen out anew only where there are more lines than ever.

        With ``anew`` it is about something else, whose lines may be fewer.
        """
        self._made = None
        if anew:
            self._most = (0, 0)
        width, most = self._most
        self.refresh(layout=not width or _height(self._lines(width)) > most)

    def on_resize(self) -> None:
        """Draw for the new size, which may need fewer lines."""
        self._made, self._most = None, (0, 0)

    def render(self) -> RenderResult:
        """Return the lines at the present width."""
        return self._lines(self.size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines there are at this width."""
        height = _height(self._lines(width))
        if self._most[0] == width:
            height = max(height, self._most[1])
        self._most = (width, height)
        return height

    def _lines(self, width: int) -> Content:
        if self._made is None or self._made[0] != width:
            page = page_of(width, ascii_only=self.app.has_class("-ascii"))
            self._made = (width, content(self._draw(page)))
        return self._made[1]


def _height(lines: Content) -> int:
    return lines.plain.count("\n") + 1 if lines.plain else 0
