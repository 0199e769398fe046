"""The line that names the reports of this session, when there is more than one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from echotrace.tui.lines import content, page_of

if TYPE_CHECKING:
    from textual.app import RenderResult
    from textual.events import Click

    from echotrace.render.console.layout import Page

__all__ = ["ReportTabs"]

_KEYS = "] next  [ previous"
_NAME, _WORD = 24, 12
_GAP = 2


class ReportTabs(Widget):
    """``entries`` holds a name and a word each; the shown one stands in brackets.

    Where they do not all fit, those around the shown one are there, and which of how many it is.
    """

    class Chosen(Message):
        """The user wants the report of this tab; ``at`` counts from 0."""

        def __init__(self, at: int) -> None:
            super().__init__()
            self.at = at

    entries: reactive[tuple[tuple[str, str], ...]] = reactive(())
    shown: reactive[int] = reactive(0)

    def render(self) -> RenderResult:
        """Return the names in a row, and the keys that lead from one to the next."""
        page = self._page
        line, _ = self._laid(page)
        if line.cell_len + _GAP + len(_KEYS) <= page.width:
            line.append(" " * (page.width - line.cell_len - len(_KEYS)))
            line.append(_KEYS, "dim")
        line.truncate(page.width)
        return content([line])

    def on_click(self, event: Click) -> None:
        """Ask for the report of the tab under the pointer."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        _, places = self._laid(self._page)
        for at, begin, end in places:
            if begin <= offset.x < end:
                self.post_message(self.Chosen(at))

    @property
    def _page(self) -> Page:
        return page_of(self.size.width, ascii_only=self.app.has_class("-ascii"))

    def _laid(self, page: Page) -> tuple[Text, list[tuple[int, int, int]]]:
        """Return the tabs that fit, and for each its number and the cells that it stands on."""
        tabs = [self._tab(at, page) for at in range(len(self.entries))]
        line = Text()
        window = range(len(tabs))
        if sum(tab.cell_len + _GAP for tab in tabs) - _GAP > page.width:
            line.append(f"{self.shown + 1:,} of {len(tabs):,}  ", "dim")
            window = _around(self.shown, [tab.cell_len for tab in tabs], page, line.cell_len)
        if window.start > 0:
            line.append(f"{page.glyphs.ellipsis} ", "dim")
        places = []
        for at in window:
            begin = line.cell_len
            line.append_text(tabs[at])
            places.append((at, begin, line.cell_len))
            line.append(" " * _GAP)
        line.rstrip()
        if window.stop < len(tabs):
            line.append(f" {page.glyphs.ellipsis}", "dim")
        return line, places

    def _tab(self, at: int, page: Page) -> Text:
        name, word = self.entries[at]
        here = at == self.shown
        number = f"{at + 1:,} "
        most = max(6, min(_NAME, page.width - _WORD - 22))
        label = number + page.data(name, limit=most)
        tab = Text(f"[{label}]" if here else f" {label} ", style="")
        if here:
            tab.stylize("bold")
        return tab.append(f" {page.data(word, limit=_WORD)}", "dim")


def _around(shown: int, widths: list[int], page: Page, used: int) -> range:
    """Return the tabs that have room around the shown one; it is always among them."""
    room = page.width - used - 2 * (cell_len(page.glyphs.ellipsis) + 1)
    first = last = shown
    taken = widths[shown]
    grown = True
    while grown:
        grown = False
        for at in (last + 1, first - 1):
            if 0 <= at < len(widths) and taken + _GAP + widths[at] <= room:
                taken += _GAP + widths[at]
                first, last = min(first, at), max(last, at)
                grown = True
    return range(first, last + 1)
