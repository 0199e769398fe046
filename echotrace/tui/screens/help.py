"""The help screen: every key of every screen, as it is bound now."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from echotrace.tui.lines import content, page_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.app import ComposeResult

    from echotrace.render.console.layout import Page
    from echotrace.tui.key_help import KeyLine, KeySection

__all__ = ["HelpScreen"]

_MEANINGS = (
    ("[word]", "the wrong word, on both lines of the diff"),
    ("[-word-]", "said, not heard"),
    ("[+word+]", "heard, not said"),
    ("<- SLOW", "over the stage's target"),
    ("[MOCK]", "simulated: never scored"),
)


_WIDEST = 96
_EDGES = 7  # the border, the padding and the scroll bar


class HelpScreen(ModalScreen[None]):
    """A table of keys and of the signs on the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close", show=False, id="help.close"),
    ]

    def __init__(self, sections: Sequence[KeySection]) -> None:
        super().__init__()
        self._sections = tuple(sections)

    def compose(self) -> ComposeResult:
        """Show the table in a box that scrolls on a small terminal."""
        with VerticalScroll(classes="dialog") as box:
            box.border_title = "Keys"
            box.border_subtitle = "escape closes"
            width = min(_WIDEST, self.app.size.width * 95 // 100) - _EDGES
            page = page_of(width, ascii_only=self.app.has_class("-ascii"))
            yield Static(content(self._lines(page)), markup=False)

    def _lines(self, page: Page) -> Iterator[Text]:
        for at, section in enumerate(self._sections):
            if at:
                yield Text()
            yield Text(section.title, style="bold")
            yield from page.pairs(((line.keys, _told(line)) for line in section.lines), indent=0)
        yield Text()
        yield Text("Signs", style="bold")
        yield from page.pairs(((sign, Text(told)) for sign, told in _MEANINGS), indent=0)


def _told(line: KeyLine) -> Text:
    """Return what a key does, and the name by which the configuration gives it another."""
    return Text.assemble(line.told, (f"  {line.id}" if line.id else "", "dim"))
