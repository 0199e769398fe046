"""The line that names the reports of this session, when there is more than one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from echotrace.tui.lines import content, page_of

if TYPE_CHECKING:
    from textual.app import RenderResult

__all__ = ["ReportTabs"]


class ReportTabs(Widget):
    """``entries`` holds a name and a word each; the shown one stands in brackets."""

    entries: reactive[tuple[tuple[str, str], ...]] = reactive(())
    shown: reactive[int] = reactive(0)

    def render(self) -> RenderResult:
        """Return the names in a row, and the keys that lead from one to the next."""
        page = page_of(self.size.width, ascii_only=self.app.has_class("-ascii"))
        line = Text()
        for at, (name, word) in enumerate(self.entries):
            here = at == self.shown
            label = f"{at + 1} {page.data(name, limit=24)}"
            line.append(f"[{label}]" if here else f" {label} ", "bold" if here else "")
            line.append(f" {page.data(word, limit=24)}  ", "dim")
        keys = "n next  p previous"
        if line.cell_len + len(keys) <= page.width:
            line.append(" " * (page.width - line.cell_len - len(keys)))
            line.append(keys, "dim")
        line.truncate(page.width)
        return content([line])
