"""The parts of a turn end to end: those below zero to the left of the caller's last word."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.text import Text

from echotrace.model.measure import Status
from echotrace.render.console.axis import Axis, drawable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from echotrace.model.reconciled import TurnPart
    from echotrace.render.console.layout import Page

__all__ = [
    "EARLY",
    "Look",
    "added",
    "fill_of",
    "look_of",
    "plain_bar",
    "signed_axis",
    "stack",
    "summed",
]

_LABEL: Final = 8
EARLY: Final = "<"
"""Fills what lies to the left of zero."""
_UNTOLD: Final = "?"


@dataclass(frozen=True, slots=True)
class Look:
    """The letter and the colour that stand for a part wherever it is drawn."""

    letter: str
    style: str

    @property
    def bold(self) -> str:
        """The colour of the letter itself."""
        return f"bold {self.style}".strip()


_UNKNOWN: Final = Look("x", "")
_LOOKS: Final = {
    "endpointing_wait": Look("e", "yellow"),
    "transcription": Look("t", "cyan"),
    "turn_detection": Look("d", "yellow"),
    "llm_inference": Look("l", "green"),
    "tool_call": Look("c", "cyan"),
    "sentence_aggregation": Look("a", "yellow"),
    "speech_synthesis": Look("s", "magenta"),
    "tts_leading_silence": Look("q", "magenta"),
    "output_transport": Look("o", "cyan"),
    "unaccounted": Look("u", "dim"),
}


def look_of(key: str) -> Look:
    """Return the letter and the colour of a part."""
    return _LOOKS.get(key, _UNKNOWN)


def added(parts: Iterable[TurnPart]) -> list[TurnPart]:
    """Return the parts that add up to the gap: those that lie in no other and have a figure."""
    return [part for part in parts if part.inside is None and part.ms.value is not None]


def summed(parts: Iterable[TurnPart]) -> dict[str, float]:
    """Return what each part takes in ms, several pieces of one together, in their order."""
    found: dict[str, float] = {}
    for part in added(parts):
        found[part.key] = found.get(part.key, 0.0) + drawable(part.ms.value or 0.0)
    return found


def signed_axis(
    rows: Iterable[Sequence[TurnPart]], others_ms: Iterable[float | None], cells: int
) -> Axis:
    """Return an axis around zero on which every row of parts and every other figure has room."""
    first, last = 0.0, 0.0
    for row in rows:
        values = [drawable(part.ms.value or 0.0) for part in added(row)]
        first = min(first, math.fsum(value for value in values if value < 0))
        last = max(last, math.fsum(value for value in values if value > 0))
    for value in others_ms:
        first = min(first, drawable(value or 0.0))
        last = max(last, drawable(value or 0.0))
    return Axis(
        first_ms=first, last_ms=max(last, first + 1.0), cells=max(1, cells), label_cells=_LABEL
    )


def stack(parts: Sequence[TurnPart], axis: Axis, page: Page) -> Text:
    """Return the parts end to end on an axis, each begun by its letter.

    What is below zero goes to the left, so that both sides together are the gap.
    """
    line = [(" ", "")] * axis.cells
    kept = added(parts)
    for sign in (1.0, -1.0):
        at_ms = 0.0
        for part in kept:
            value = drawable(part.ms.value or 0.0)
            if value * sign > 0:
                _draw(line, part, at_ms, at_ms + value, axis, page)
                at_ms += value
    zero = _edge(0.0, axis)
    if axis.first_ms < 0 and zero < axis.cells and line[zero][0] == " ":
        line[zero] = (page.glyphs.guide, "dim")
    return _joined(line)


def plain_bar(value: float, axis: Axis, page: Page) -> Text:
    """Return one figure as a bar from zero."""
    line = [(" ", "")] * axis.cells
    begin, end = sorted((_edge(0.0, axis), _edge(drawable(value), axis)))
    for cell in range(begin, min(axis.cells, max(end, begin + 1))):
        line[cell] = (page.glyphs.bar, "dim")
    return _joined(line)


def _draw(
    line: list[tuple[str, str]],
    part: TurnPart,
    from_ms: float,
    to_ms: float,
    axis: Axis,
    page: Page,
) -> None:
    look = look_of(part.key)
    begin, end = sorted((_edge(from_ms, axis), _edge(to_ms, axis)))
    fill = fill_of(part, page) if to_ms > from_ms else EARLY
    for cell in range(begin, end):
        line[cell] = (fill, look.style)
    if end > begin:
        line[begin] = (look.letter, look.bold)


def fill_of(part: TurnPart, page: Page) -> str:
    """Return what a part is filled with: silence is light, what nobody accounts for asks."""
    if part.key == "unaccounted":
        return _UNTOLD
    if part.key == "tts_leading_silence":
        return page.glyphs.empty
    return page.glyphs.bar if part.ms.status is Status.MEASURED else page.glyphs.estimated


def _edge(at_ms: float, axis: Axis) -> int:
    return max(0, min(axis.cells, math.floor(axis.cell(at_ms) + 0.5)))


def _joined(line: Iterable[tuple[str, str]]) -> Text:
    drawn = Text()
    for char, style in line:
        drawn.append(char, style)
    drawn.rstrip()
    return drawn
