"""All about one row of two reports side by side: both whole, and what limits the comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from echotrace.render.console.compare import VERDICT_STYLES
from echotrace.render.console.figures import figure, interval, note, number
from echotrace.render.console.layout import style_of
from echotrace.render.console.score import points
from echotrace.render.console.timeline import named, stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.comparison.conditions import Condition
    from echotrace.comparison.figures import FigureChange
    from echotrace.comparison.score import DeductionChange, Unscored
    from echotrace.comparison.turns import TurnChange
    from echotrace.comparison.words import WordChange, WordChanges
    from echotrace.model.conversation import Turn
    from echotrace.model.measure import Measurement
    from echotrace.render.console.layout import Page

__all__ = [
    "condition_detail",
    "deduction_detail",
    "figure_detail",
    "turn_detail",
    "unscored_detail",
    "word_detail",
]

_GAP = 2
_CONTEXT = 12
"""Words on either side of a difference that are shown."""


def figure_detail(row: FigureChange, page: Page) -> Iterator[Text]:
    """Yield both figures with all that is known of them, and what limits the comparison."""
    for letter, item in (("A", row.a), ("B", row.b)):
        line = Text.assemble((page.data(figure(item, metric=row.metric)), "bold"))
        if item.band and item.value is not None:
            line.append(f" {page.data(item.band, limit=16)}", style_of(item.band))
        told = _by_its_edges(item) if row.by_edges else note(item)
        line.append(f"  {page.data(told)}" if told else "", "dim")
        yield from _lettered(letter, line, page)
    yield from _concluded(row.verdict.value, row.why, page)


def deduction_detail(row: DeductionChange, page: Page) -> Iterator[Text]:
    """Yield what each report says that it costs."""
    for letter, item in (("A", row.a), ("B", row.b)):
        told = f"-{points(item.points)}  {item.message}" if item else "costs nothing"
        yield from _lettered(letter, Text(page.data(told)), page)
    yield from _concluded(row.verdict.value, row.why, page)


def unscored_detail(row: Unscored, page: Page) -> Iterator[Text]:
    """Yield why it was not scored."""
    for letter, reason in (("A", row.a), ("B", row.b)):
        told = "scored" if reason is None else f"not scored: {reason}"
        yield from _lettered(letter, Text(page.data(told)), page)


def condition_detail(row: Condition, page: Page) -> Iterator[Text]:
    """Yield both sides whole, and what the difference means."""
    for letter, side in (("A", row.a), ("B", row.b)):
        yield from _lettered(letter, Text(page.data(side)), page)
    yield from _concluded(row.verdict.value, row.why, page)


def turn_detail(row: TurnChange, page: Page) -> Iterator[Text]:
    """Yield both turns with their figures, and what changed beside the gap."""
    for letter, turn in (("A", row.a), ("B", row.b)):
        told = _told_turn(turn, page) if turn else Text("no such turn", "dim")
        yield from _lettered(letter, told, page)
    yield from _concluded(row.verdict.value, row.why, page)


def word_detail(row: WordChange, words: WordChanges, page: Page) -> Iterator[Text]:
    """Yield the words in their surroundings, one side under the other, and what explains them."""
    before = words.base[max(0, row.at - _CONTEXT) : row.at]
    after = words.base[row.end : row.end + _CONTEXT]
    sides = [("A", row.a), ("B", row.b)]
    if words.has_gold:
        sides.insert(0, ("gold", row.gold))
    middle = {name: f"[{page.data(' '.join(side)) or '-'}]" for name, side in sides}
    width = max(cell_len(text) for text in middle.values())
    room = max(0, (page.width - 6 - min(width, page.width // 2) - _GAP) // 2)
    lead = _tail(" ".join(map(page.data, before)), room)
    for name, shown in middle.items():
        wrong = words.has_gold and name != "gold" and shown != middle["gold"]
        line = Text.assemble((f"{name:<4}  ", "bold"), (lead, "dim"), " " if lead else "")
        line.append(shown, "red" if wrong else "bold")
        line.append(" " * (width - cell_len(shown)) + " ")
        line.append(" ".join(map(page.data, after)), "dim")
        line.truncate(page.width, overflow="crop")
        line.rstrip()
        yield line
    for letter, error in (("A", row.error_a), ("B", row.error_b)):
        if error is not None:
            place = f"{stamp(error.start_s, digits=2)}: " if error.start_s is not None else ""
            told = Text(page.data(f"{place}{error.message}"), "dim")
            yield from _lettered(letter, told, page)


def _tail(text: str, room: int) -> str:
    """Return the last words of a text that have room in so many cells."""
    while cell_len(text) > room:
        _, space, rest = text.partition(" ")
        text = rest if space else ""
    return text


def _lettered(letter: str, text: Text, page: Page) -> list[Text]:
    return page.wrapped(text, indent=3, first=Text(letter, style="bold"))


def _concluded(verdict: str, why: str, page: Page) -> Iterator[Text]:
    line = Text(verdict, style=VERDICT_STYLES.get(verdict, ""))
    if why.startswith("within"):
        line = Text(why, style=VERDICT_STYLES[verdict])
    elif why:
        line.append(f": {page.data(why)}", "dim")
    yield from page.wrapped(line, indent=3)


def _by_its_edges(item: Measurement) -> str:
    """Return what stands beside a length from one edge to another: no sample has an interval."""
    sure = interval(item)
    rest = note(replace(item, low=None, high=None))
    return ", ".join(filter(None, (f"{sure} by its edges" if sure else "", rest)))


def _told_turn(turn: Turn, page: Page) -> Text:
    span = turn.span_s
    line = Text.assemble((f"turn {turn.id:,}", "bold"))
    if span:
        line.append(f"  {stamp(span[0], digits=2)}", "cyan")
    line.append(f"  {page.data(named(turn.kind), limit=24)}")
    for label, item in (("gap", turn.heard_gap_ms), ("yield", turn.yield_ms)):
        if item is not None:
            line.append(f"  {label} ", "dim")
            line.append(page.data(figure(item)), "bold")
            if item.band:
                line.append(f" {page.data(item.band, limit=16)}", style_of(item.band))
            told = _by_its_edges(item)
            line.append(f" ({page.data(told)})" if told else "", "dim")
    if turn.snr_db is not None:
        line.append(f"  SNR {number(turn.snr_db)} dB", "dim")
    return line
