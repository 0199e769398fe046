"""Both sides of a call as they spoke: a line with its time and whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.parts import more, part
from echotrace.render.console.timeline import stamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.report import Utterance
    from echotrace.render.console.layout import Page

__all__ = ["dialogue", "is_dialogue"]

_LISTED = 12
_LINES = 2
"""A line of the dialogue takes at most so many lines of the page."""
_ROLE = 10
_STYLES = {"caller": "cyan", "agent": "magenta"}
_NAMELESS = frozenset({"", "unknown", "mixed"})


def is_dialogue(lines: Sequence[Utterance]) -> bool:
    """Tell whether more than one side speaks; one alone is the transcript itself."""
    return len({line.channel_index for line in lines}) > 1


def dialogue(
    lines: Sequence[Utterance],
    page: Page,
    *,
    indent: int = 2,
    listed: int = _LISTED,
    height: int = _LINES,
) -> Iterator[Text]:
    """Yield the beginning of the dialogue; a long line loses its middle."""
    if not is_dialogue(lines):
        return
    yield from part("Dialogue", Text(), page, indent=indent)
    shown = lines[:listed]
    times = [stamp(line.start_s) for line in shown]
    names = [_name(line, page) for line in shown]
    wide, role = max(map(len, times)), max(Text(name).cell_len for name in names)
    used = min(indent + 4 + wide + role, page.width // 2)
    for line, time, name in zip(shown, times, names, strict=True):
        lead = Text.assemble(" " * indent, (time.rjust(wide), "dim"), "  ")
        lead.append(name, _STYLES.get(line.role, ""))
        text = page.data(line.text, limit=height * (page.width - used) - _ROLE)
        yield from page.wrapped(Text(text), indent=used, first=lead)
    yield from more(len(lines) - len(shown), "line", page, indent=indent)


def _name(line: Utterance, page: Page) -> str:
    if line.role in _NAMELESS:
        return f"ch {line.channel_index}"
    return page.data(line.role, limit=_ROLE)
