"""From lines of Rich text to Textual content: colours become the theme's, data stays data."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.console import Console
from textual.content import Content, Span

from echotrace.render.console.layout import Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.text import Text

__all__ = ["content", "page_of", "themed"]

MIN_WIDTH = 16

_THEME = {
    "green": "$text-success",
    "yellow": "$text-warning",
    "red": "$text-error",
    "cyan": "$text-primary",
    "magenta": "$text-secondary",
    "dim": "$foreground-muted",
}


def content(lines: Iterable[Text]) -> Content:
    """Join lines into content; nothing in them is read as markup."""
    return Content("\n").join(_line(line) for line in lines)


def _line(line: Text) -> Content:
    spans = [Span(span.start, span.end, _style(str(span.style))) for span in line.spans]
    if line.style:
        spans.insert(0, Span(0, len(line.plain), _style(str(line.style))))
    return Content(line.plain, [span for span in spans if span.style])


@lru_cache(maxsize=64)
def _style(rich: str) -> str:
    return " ".join(_THEME.get(word, word) for word in rich.split() if word != "none")


def themed(text: Text, variables: Mapping[str, str]) -> Text:
    """Return text for a widget that draws Rich text itself, in the colours of the theme.

    A theme that leaves colours to the terminal leaves the text as it is.
    """
    shown = text.copy()
    for at, span in enumerate(shown.spans):
        shown.spans[at] = span._replace(style=_resolved(str(span.style), variables))
    shown.style = _resolved(str(shown.style), variables)
    return shown


def _resolved(rich: str, variables: Mapping[str, str]) -> str:
    found = ((word, variables.get(_THEME.get(word, "").lstrip("$"), "")) for word in rich.split())
    return " ".join(
        colour if colour.startswith("#") and word != "dim" else word for word, colour in found
    )


@lru_cache(maxsize=64)
def page_of(width: int, *, ascii_only: bool) -> Page:
    """Return the page of a panel: its console only wraps text and asks nobody anything."""
    console = Console(file=io.StringIO(), width=200, color_system=None, markup=False, _environ={})
    return Page(width=max(width, MIN_WIDTH), ascii_only=ascii_only, console=console)
