"""What is known of the word under the cursor: its time, its figures, and why it may be wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.text import Text
from textual.widget import Widget

from echotrace.render.console.errors import cause_name, cause_style
from echotrace.render.console.figures import figure, number
from echotrace.render.console.hallucination import reason_of
from echotrace.render.console.layout import style_of
from echotrace.render.console.parts import count, quoted, said_and_heard
from echotrace.render.console.timeline import stamp
from echotrace.tui.lines import content, page_of
from echotrace.tui.word_entities import entity_text
from echotrace.tui.word_texts import has_dialogue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import RenderResult

    from echotrace.model.report import Entity, Transcription, WordError
    from echotrace.render.console.layout import Page
    from echotrace.tui.word_rows import Words

__all__ = ["Told", "detail", "heading", "span_of_word"]

_LONGEST = 120
_EVIDENCE = 400
_SHORTEST = 20
"""A reason that is cut to less is left out."""
_KINDS = (("substitute", "[wrong]"), ("delete", "[-missed-]"), ("insert", "[+added+]"))
_NEAR = frozenset({"segment", "between"})


class Told(Widget):
    """Some lines of text, which the screen hands over."""

    DEFAULT_CSS = "Told { text-wrap: nowrap; }"

    def __init__(self, *, id: str) -> None:  # noqa: A002 - named so by Textual
        super().__init__(id=id)
        self._lines: list[Text] = []

    @property
    def page(self) -> Page:
        """The page that the lines are to be made for."""
        return page_of(self.size.width, ascii_only=self.app.has_class("-ascii"))

    def tell(self, lines: Iterator[Text]) -> None:
        """Draw these lines; what has no room below is not drawn."""
        self._lines = list(lines)
        self.refresh()

    def render(self) -> RenderResult:
        """Return the lines."""
        return content(self._lines[: max(1, self.size.height)])


def heading(
    result: Transcription, words: Words | None, page: Page, *, both_sides: bool, ended: str = ""
) -> Text:
    """Return the rate, the counts in the brackets that they explain, and who heard; as has room.

    ``ended`` says that a key found no further place; it comes before all that.
    """
    line = Text.assemble(("Both sides" if both_sides else "Transcript", "bold"))
    if ended:
        line.append(f"  {ended}", "yellow")
    parts = list(_counted(result, words, page, both_sides=both_sides))
    rate = result.cer if result.rate == "cer" else result.wer
    if rate.value is None and rate.reason:
        room = page.width - line.cell_len - sum(part.cell_len + 2 for part in parts) - 2
        if room >= _SHORTEST:
            parts.append(Text(page.data(rate.reason, limit=room), "dim"))
    gold = page.data(result.gold_source, limit=24) if result.gold_source else "none"
    parts.append(Text(f"heard by {page.data(result.engine, limit=30)}; gold: {gold}", "dim"))
    for part in parts:
        if line.cell_len + 2 + part.cell_len <= page.width:
            line.append("  ").append_text(part)
    return line


def _counted(
    result: Transcription, words: Words | None, page: Page, *, both_sides: bool
) -> Iterator[Text]:
    label, rate = ("CER", result.cer) if result.rate == "cer" else ("WER", result.wer)
    shown = Text(f"{label} {page.data(figure(rate))}")
    if rate.band:
        shown.append(f" {page.data(rate.band, limit=16)}", style_of(rate.band))
    yield shown
    if words is not None and len(words) and len(words.sides) == 1:
        yield Text(count(len(words), "word"))
    elif words is not None and len(words):
        for kind, told in _KINDS:
            found = sum(1 for item in words.kinds if item == kind)
            yield Text(f"{found:,} {told}", style="" if found else "dim")
    if words is not None and any(words.flagged):
        yield Text(f"{sum(words.flagged):,} may be made up ~~~", style="yellow")
    if words is not None and any(words.unsure):
        yield Text(f"{sum(words.unsure):,} unsure ???", style="yellow")
    if has_dialogue(result):
        yield Text("v one side" if both_sides else "v both sides", "cyan")


def span_of_word(words: Words, column: int, error: WordError | None) -> tuple[float, float] | None:
    """Return from when to when a word is heard, in seconds; a line's own time for its words."""
    heard = words.heard[column]
    for item in (error, heard):
        if item is not None and item.start_s is not None:
            end_s = item.start_s if item.end_s is None else max(item.start_s, item.end_s)
            return (item.start_s, end_s) if math.isfinite(item.start_s) else None
    line = words.paragraph_of(column)
    if line is not None and line.start_s is not None and line.end_s is not None:
        return line.start_s, line.end_s
    return None


def detail(
    words: Words,
    column: int,
    result: Transcription,
    page: Page,
    *,
    entity: Entity | None,
    tall: bool,
) -> Iterator[Text]:
    """Yield the word, its figures, its causes; one below the other where there is room."""
    found = words.errors[column]
    error = result.errors[found] if found >= 0 else None
    head = _head(words, column, page)
    figures = list(_figures(words, column, error))
    if tall:
        head.stylize("bold")
        yield from page.wrapped(head, indent=0)
        yield from page.pairs(figures, indent=0)
        yield Text()
    else:
        for label, value in figures:
            head.append(f"  {label} ", "dim").append_text(value)
        yield from page.wrapped(head, indent=0)
    told = [*_causes(words, column, error, page), *_doubts(words, column, result, page)]
    if entity is not None:
        told.append(Text.assemble(("entity: ", "dim"), entity_text(entity, page)))
    if tall:
        for line in told:
            yield from page.wrapped(line, indent=0)
    elif told:
        yield from page.wrapped(Text("; ").join(told), indent=0)


def _head(words: Words, column: int, page: Page) -> Text:
    sides = [side[column] for side in words.sides]
    if len(sides) > 1 and words.kinds[column] != "equal":
        return said_and_heard(sides[0] or None, sides[1] or None, page, limit=_LONGEST)
    text = Text(quoted(sides[-1] or sides[0], page, limit=_LONGEST))
    return text.append(" right", "green") if len(sides) > 1 else text


def _figures(words: Words, column: int, error: WordError | None) -> Iterator[tuple[str, Text]]:
    span = span_of_word(words, column, error)
    if span is None:
        yield "at", Text("not known", style="dim")
    else:
        near = "~" if error is not None and error.place in _NEAR else ""
        text = Text(f"{near}{stamp(span[0], digits=2)}-{stamp(span[1], digits=2)}", style="cyan")
        yield "at", text
    heard = words.heard[column]
    for label, name, digits, unit in (
        ("probability", "probability", 2, ""),
        ("SNR", "snr_db", 1, " dB"),
    ):
        values = (getattr(item, name) for item in (error, heard) if item is not None)
        value = next((item for item in values if item is not None), None)
        if value is not None:
            yield label, Text(f"{number(value, digits)}{unit}", style="bold")


def _causes(words: Words, column: int, error: WordError | None, page: Page) -> Iterator[Text]:
    if error is None:
        if words.kinds[column] != "equal":
            yield Text("the report holds no causes for this word", style="dim")
        return
    for cause in error.causes:
        line = Text.assemble((cause_name(cause.kind, page), cause_style(cause.kind)))
        line.append(f", {page.data(cause.strength, limit=12)}" if cause.strength else "", "dim")
        if cause.evidence.strip():
            line.append(f": {page.data(cause.evidence, limit=_EVIDENCE)}")
        yield line


def _doubts(words: Words, column: int, result: Transcription, page: Page) -> Iterator[Text]:
    if words.unsure[column]:
        yield Text("the engine is not sure of it", style="yellow")
    heard = words.heard[column]
    if not words.flagged[column] or heard is None or result.hallucination is None:
        return
    start_s, end_s = heard.start_s or 0.0, heard.end_s or 0.0
    reasons = [
        reason_of(flag, page)
        for flag in result.hallucination.flags
        if flag.start_s is not None
        and flag.end_s is not None
        and start_s < flag.end_s
        and end_s > flag.start_s
    ]
    yield Text.assemble(("may be made up", "yellow"), f": {', '.join(reasons)}")
