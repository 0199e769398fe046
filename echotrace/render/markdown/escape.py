"""Data made safe for Markdown and the HTML in it: it is text, links nowhere and calls nobody.

A mention is looked for in what Markdown has become, where no escape stands any more: only an
invisible character between the sign and the name keeps it from being one.
"""

from __future__ import annotations

import html
import re

from echotrace.printable import printable_line

__all__ = ["code_block", "html_text", "text"]

_BETWEEN = "\u200b"
_SPECIAL = re.compile(r"[\\`*_\[\]|~$]")
_AT_START = re.compile(r"^(?:[-+=#]|\d+(?=[.)](?:\s|$)))")
_LINKED = re.compile(r"[@#](?=\w)|:(?=//|[\w+-]+:)|\bwww\.|\bGH-(?=\d)", re.IGNORECASE)
"""What calls somebody, shows a picture or links by itself: @name, #1, :smile:, ://, www., GH-1."""
_FENCE = re.compile(r"`+")


def text(data: object, *, limit: int = 300) -> str:
    """Return data as text inside a line of Markdown, such as a cell; cut to ``limit`` characters.

    Angle brackets and ampersands become entities, what Markdown would take for markup stands
    behind a backslash.
    """
    line = html.escape(_unlinked(_cut(data, limit)), quote=False)
    line = _SPECIAL.sub(r"\\\g<0>", line)
    return _AT_START.sub(lambda match: _unlisted(match[0]), line)


def html_text(data: object, *, limit: int = 300) -> str:
    """Return data as text inside an HTML element, where Markdown is not read."""
    return html.escape(_unlinked(_cut(data, limit)))


def code_block(lines: list[str]) -> str:
    """Return lines as they are, in a fence that none of them can close."""
    longest = max((len(found) for line in lines for found in _FENCE.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *lines, fence])


def _cut(data: object, limit: int) -> str:
    line = printable_line(str(data))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _unlisted(sign: str) -> str:
    """Keep a sign at the start of a line from making a list, a heading or a rule."""
    return f"{sign}{_BETWEEN}" if sign.isdigit() else f"\\{sign}"


def _unlinked(line: str) -> str:
    return _LINKED.sub(rf"\g<0>{_BETWEEN}", line)
