"""Words where nobody spoke, and stretches of text that look made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Status
from echotrace.render.console.figures import note, number, words
from echotrace.render.console.parts import columns, count, more, part, span, unsaid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Hallucination, SegmentFlag
    from echotrace.render.console.layout import Page

__all__ = ["hallucination", "reason_of"]

_LISTED = 6
_QUOTE = 48
_NO_SPEECH = "no_speech"
_NAMES = {"no_speech_prob": "no-speech probability", "log_probability": "log probability"}


def hallucination(
    found: Hallucination | None, page: Page, *, indent: int = 2, listed: int = _LISTED
) -> Iterator[Text]:
    """Yield how many words were made up, then each suspected stretch with every reason."""
    if found is None:
        return
    yield from part("Hallucination", _figures(found, page), page, indent=indent)
    stretches: dict[tuple[float | None, float | None, str], list[SegmentFlag]] = {}
    for flag in found.flags:
        stretches.setdefault((flag.start_s, flag.end_s, flag.text), []).append(flag)
    rows = []
    for (start_s, end_s, text), flags in list(stretches.items())[:listed]:
        told = Text(f'"{page.data(text, limit=min(_QUOTE, page.width - indent - 8))}"')
        told.append(f" ({count(max(flag.words for flag in flags), 'word')}): ", "dim")
        told.append("; ".join(reason_of(flag, page) for flag in flags), "yellow")
        rows.append((Text(span(start_s, end_s), style="cyan"), told))
    for lines in columns(rows, page, indent=indent + 2):
        yield from lines
    yield from more(len(stretches) - len(rows), "place", page, indent=indent + 2)


def _figures(found: Hallucination, page: Page) -> Text:
    total, rate = found.words, found.per_silent_minute
    if total.value is None:
        return unsaid("words", total, page)
    text = Text("none" if not total.value else _counted(total.value))
    if total.value:
        text.stylize("bold red")
    text.append(" where nobody speaks")
    if total.value and rate.value is not None:
        text.append(f", {number(rate.value, 1)} per silent minute")
    if total.status is not Status.MEASURED:
        text.append(f"  {page.data(note(total))}", "dim")
    return text


def _counted(value: float) -> str:
    return f"{number(value)} word{'' if value == 1 else 's'}"


def reason_of(flag: SegmentFlag, page: Page) -> str:
    """Return why a stretch of text is suspected, with its figure and the limit."""
    if flag.kind == _NO_SPEECH:
        return "both detectors hear no speech"
    told = _NAMES.get(flag.kind) or page.data(words(flag.kind), limit=30)
    if flag.value is not None:
        told += f" {_short(flag.value)}"
        if flag.limit is not None:
            told += f" (limit {_short(flag.limit)})"
    return told


def _short(value: float) -> str:
    return number(value, 0 if value == round(value) else 2)
