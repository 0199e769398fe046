"""How the transcript came in while the caller spoke: how early, and how much was taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Measurement, Status
from echotrace.render.console.figures import note, number, percent, quantity, words
from echotrace.render.console.layout import style_of
from echotrace.render.console.parts import count, part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Streaming
    from echotrace.render.console.layout import Page

__all__ = ["streaming"]


def streaming(result: Streaming | None, page: Page, *, indent: int = 2) -> Iterator[Text]:
    """Yield the four figures; simulated ones say so beside each, and why once.

    Where there is no figure at all, one line says why.
    """
    if result is None:
        return
    figures = (
        ("first partial", result.first_partial_ms, "after the start of speech"),
        ("final text", result.final_ms, "after the end of speech"),
        ("rewritten", result.rewritten_ratio, "of the words shown"),
        ("", result.rewritten_per_character, "characters per final character"),
    )
    if all(item.value is None for _, item, _ in figures):
        yield from part("Streaming", _nothing(result, page), page, indent=indent)
        return
    yield from part("Streaming", _who(result, page), page, indent=indent)
    told: set[str] = set()
    rows = [(label, _shown(item, after, page, told)) for label, item, after in figures]
    why = dict.fromkeys(item.reason for _, item, _ in figures if item.value is not None)
    rows += [("", Text(page.data(reason), style="dim")) for reason in why if reason]
    yield from page.pairs(rows, indent=indent + 2)


def _nothing(result: Streaming, page: Page) -> Text:
    first = result.first_partial_ms
    reasons = dict.fromkeys(
        item.reason
        for item in (first, result.final_ms, result.rewritten_ratio, result.rewritten_per_character)
    )
    why = "; ".join(reason for reason in reasons if reason) or words(first.status.value)
    return Text.assemble(_who(result, page), ("  n/a", "bold"), (f"  {page.data(why)}", "dim"))


def _who(result: Streaming, page: Page) -> Text:
    parts = [page.data(result.source, limit=page.width)]
    if result.method != "none":
        parts.append(page.data(result.method))
    if result.chunk_ms is not None:
        parts.append(f"in steps of {number(result.chunk_ms)} ms")
    if result.utterances:
        parts.append(count(len(result.utterances), "utterance"))
    return Text(", ".join(item for item in parts if item), style="dim")


def _shown(item: Measurement, after: str, page: Page, told: set[str]) -> Text:
    if item.value is None:
        after = f" {after}" if "character" in after else ""
        told_now = f"  {page.data(note(item, told=told))}"
        return Text.assemble(("n/a", "bold"), after, (told_now, "dim"))
    bare = item.unit == "ratio" and "character" in after
    value = number(item.value, 2) if bare else _value(item)
    text = Text.assemble((page.data(value), "bold"), f" {after}")
    if item.status is not Status.MEASURED:
        text.append(f"  {words(item.status.value)}", style_of(item.status.value))
    return text


def _value(item: Measurement) -> str:
    if item.value is None:
        return "n/a"
    return percent(item.value) if item.unit == "ratio" else quantity(item.value, item.unit)
