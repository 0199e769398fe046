"""The sheet of one turn: what the caller met with, and how far the evidence of its cause goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from echotrace.render.console.turn import turn_sheet
from echotrace.render.console.turn_words import TurnWords
from echotrace.render.console.turns import worst_first
from echotrace.tui.messages import Jump, PlaySpan
from echotrace.tui.places import of_turn
from echotrace.tui.screens.sheet import SheetScreen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.text import Text

    from echotrace.model.conversation import Turn
    from echotrace.model.report import Report
    from echotrace.render.console.layout import Page

__all__ = ["TurnScreen"]

_WIDTH = 104
_NOWHERE = "nothing gives the place of this turn"


class TurnScreen(SheetScreen):
    """Shows one turn at a time.

    Args:
        report: the report that the turn is from; it has at least one.
        turn_id: which of them to begin with.
        order: the ids to walk through; empty: the worst first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "timeline", "Timeline", tooltip="Show it on the timeline", id="turn.timeline"),
        Binding("space", "play", "Play", tooltip="Play it, or write it to a file", id="turn.play"),
    ]

    def __init__(self, report: Report, turn_id: int, order: Sequence[int] = ()) -> None:
        self._report = report
        self._turns = _walked(report, turn_id, order)
        ids = [turn.id for turn in self._turns]
        super().__init__(len(ids), ids.index(turn_id) if turn_id in ids else 0)
        self._words = TurnWords(report)
        self._made: tuple[int, Page, list[Text]] | None = None

    @property
    def turn(self) -> Turn:
        """The turn that is shown."""
        return self._turns[self.at]

    def on_mount(self) -> None:
        """Give the sheet the room that its lanes need, and name the keys."""
        box = self.query_one(VerticalScroll)
        box.styles.width = _WIDTH
        box.styles.max_height = "100%"
        box.styles.padding = (0, 2)
        box.styles.scrollbar_size_vertical = 1
        box.border_subtitle = "n next  p previous  l timeline  space plays  escape closes"
        super().on_mount()

    def what(self) -> str:
        """Return which turn it is."""
        return f"Turn {self.turn.id:,}:"

    def sheet(self, page: Page) -> Iterable[Text]:
        """Return the lines about the turn; they are made once for a width."""
        if self._made is None or self._made[:2] != (self.at, page):
            self._made = (
                self.at,
                page,
                list(turn_sheet(self.turn, self._report, page, self._words)),
            )
        return self._made[2]

    def action_timeline(self) -> None:
        """Show the turn on the timeline."""
        place = of_turn(self.turn)
        if place is None:
            self.notify(_NOWHERE, severity="warning", markup=False)
        else:
            self.post_message(Jump(place))

    def action_play(self) -> None:
        """Play the turn from its first to its last sound."""
        place = of_turn(self.turn)
        if place is None:
            self.notify(_NOWHERE, severity="warning", markup=False)
        else:
            self.post_message(PlaySpan(place.at_s, place.end_s))


def _walked(report: Report, turn_id: int, order: Sequence[int]) -> list[Turn]:
    """Return the turns to walk through, with the one to begin with among them."""
    heard = report.conversation
    if heard is None or not heard.turns:
        raise ValueError("the sheet of a turn needs a report with turns")
    by_id = {turn.id: turn for turn in reversed(heard.turns)}
    found = [by_id[number] for number in order if number in by_id]
    if not any(turn.id == turn_id for turn in found):
        found = worst_first(heard)
    return found
