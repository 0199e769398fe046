"""The words that must not be misheard: how many came through, and those that did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Measurement, Status
from echotrace.render.console.figures import figure, note, words
from echotrace.render.console.parts import columns, count, more, part, quoted, unsaid
from echotrace.render.console.timeline import stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Entities, Entity
    from echotrace.render.console.layout import Page

__all__ = ["entities", "entity_figures"]

_LISTED = 10
_BAD = ("wrong", "missed", "added")
_NAMES = {"email": "e-mail"}


def entities(
    found: Entities | None, page: Page, *, indent: int = 2, listed: int = _LISTED
) -> Iterator[Text]:
    """Yield the wrong, missed and added ones, then the count of each type."""
    if found is None or not (found.items or found.types or found.key_terms):
        return
    yield from part("Entities", entity_figures(found, page), page, indent=indent)
    bad = [item for kind in _BAD for item in found.items if item.outcome == kind]
    rows = [_row(item, page) for item in bad[:listed]]
    for lines in columns(rows, page, indent=indent + 2):
        yield from lines
    yield from more(len(bad) - len(rows), "error", page, indent=indent + 2)
    for text in _counts(found, page):
        yield from page.wrapped(text, indent=indent + 2)
    heard = [item for item in found.items if item.outcome not in (*_BAD, "found")]
    if heard:
        listing = ", ".join(
            f"{_type(item.type, page)} {quoted(item.actual or item.value, page)}"
            for item in heard[:listed]
        )
        left = len(heard) - listed
        listing += f" and {left:,} more" if left > 0 else ""
        yield from page.wrapped(Text.assemble(("heard: ", "dim"), listing), indent=indent + 2)


def entity_figures(found: Entities, page: Page) -> Text:
    """Return recall and precision, or why there is neither."""
    if found.recall.value is None and found.precision.value is None:
        return unsaid("recall", found.recall, page)
    parts = []
    for label, item in (("recall", found.recall), ("precision", found.precision)):
        text = Text.assemble(f"{label} ", (page.data(figure(item)), "bold"))
        if item.value is None or item.status is not Status.MEASURED or _sure(item):
            text.append(f" ({page.data(note(item))})", "dim")
        parts.append(text)
    return Text(", ").join(parts)


def _sure(item: Measurement) -> bool:
    return item.low is not None and item.high is not None


def _counts(found: Entities, page: Page) -> Iterator[Text]:
    compared = [item for item in found.types if item.reference]
    if compared:
        told = ", ".join(
            f"{_type(item.type, page)} {item.found:,} of {item.reference:,}" for item in compared
        )
        yield Text.assemble(("heard rightly: ", "dim"), told)
    if found.key_terms:
        yield Text(f"{count(found.key_terms, 'key term')} looked for", style="dim")


def _row(item: Entity, page: Page) -> tuple[Text, ...]:
    gold, actual = item.gold, item.actual
    both = Text(quoted(gold if gold is not None else actual or item.value, page))
    if gold is not None and actual is not None:
        both = Text.assemble(quoted(gold, page), " -> ", (quoted(actual, page), "red"))
    return (
        Text(stamp(item.at_s) if item.at_s is not None else "", style="cyan"),
        Text(_type(item.type, page)),
        Text(page.data(item.outcome, limit=12), style="red"),
        both,
    )


def _type(kind: str, page: Page) -> str:
    return _NAMES.get(kind) or page.data(words(kind), limit=20)
