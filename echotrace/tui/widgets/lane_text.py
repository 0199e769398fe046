"""The lines above and below the lanes of a timeline, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widget import Widget

from echotrace.tui.lines import content, page_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.text import Text
    from textual.app import RenderResult

    from echotrace.render.console.layout import Page

__all__ = ["LaneText"]


def _nothing(_: Page) -> Iterable[Text]:
    return ()


class LaneText(Widget):
    """As many lines as there is room for.

    Args:
        lines: gives the lines, the most important first.
        last: gives lines that are kept even where the others have to give way.
        spare: gives lines for the room that is left.
        id: the widget's id.
    """

    DEFAULT_CSS = "LaneText { padding: 0 1; text-wrap: nowrap; color: $foreground; }"

    def __init__(
        self,
        lines: Callable[[Page], Iterable[Text]],
        *,
        last: Callable[[Page], Iterable[Text]] = _nothing,
        spare: Callable[[Page], Iterable[Text]] = _nothing,
        id: str,  # noqa: A002 - named so by Textual
    ) -> None:
        super().__init__(id=id)
        self._lines = lines
        self._last = last
        self._spare = spare

    def render(self) -> RenderResult:
        """Return the lines; three dots say that some had no room."""
        page = page_of(self.size.width, ascii_only=self.app.has_class("-ascii"))
        last = list(self._last(page))
        room = max(1, self.size.height - len(last))
        lines = list(self._lines(page))
        lines += list(self._spare(page))[: max(0, room - len(lines))]
        if len(lines) > room:
            lines = lines[:room]
            lines[-1].truncate(page.width - len(page.glyphs.ellipsis) - 1)
            lines[-1].append(f" {page.glyphs.ellipsis}", "dim")
        return content([*lines, *last])
