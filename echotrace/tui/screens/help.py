"""The help screen: every key, as it is bound now."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from echotrace.tui.lines import content, page_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from textual.app import ComposeResult

    from echotrace.render.console.layout import Page

__all__ = ["HelpScreen"]

_MEANINGS = (
    ("[word]", "the wrong word, on both lines of the diff"),
    ("[-word-]", "said, not heard"),
    ("[+word+]", "heard, not said"),
    ("<- SLOW", "over the stage's target"),
    ("[MOCK]", "simulated: never scored"),
)


class HelpScreen(ModalScreen[None]):
    """A table of keys and of the signs on the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close", show=False, id="help.close"),
    ]

    def __init__(self, keys: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = tuple(keys)

    def compose(self) -> ComposeResult:
        """Show the table in a box that scrolls on a small terminal."""
        with VerticalScroll(classes="dialog") as box:
            box.border_title = "Keys"
            box.border_subtitle = "escape closes"
            page = page_of(58, ascii_only=self.app.has_class("-ascii"))
            yield Static(content(self._lines(page)), markup=False)

    def _lines(self, page: Page) -> Iterator[Text]:
        yield from page.pairs(((key, Text(told)) for key, told in self._keys), indent=0)
        yield Text()
        yield Text("Signs", style="bold")
        yield from page.pairs(((sign, Text(told)) for sign, told in _MEANINGS), indent=0)
