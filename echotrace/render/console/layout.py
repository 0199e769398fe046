"""The page that every block writes on: its width, its characters, and the few shapes on it.

Blocks yield finished lines, never wider than the page, so that a pipe, a CI log and a terminal get
the same text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from echotrace.render.console.plain import clean, cut_middle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["ASCII", "UNICODE", "Glyphs", "Page", "style_of"]

MIN_WIDTH = 40
MAX_WIDTH = 132

_STYLES = {
    **dict.fromkeys(("good", "healthy", "complete", "pass", "ok", "measured"), "green"),
    **dict.fromkeys(
        (
            "noisy",
            "degraded",
            "high",
            "slow",
            "warning",
            "partial",
            "estimated",
            "simulated",
            "unavailable",
            "not_enough_evidence",
        ),
        "yellow",
    ),
    **dict.fromkeys(("critical", "failed", "fail"), "bold red"),
}


_UNIT_GAP = re.compile(r"(?<=\d) (?=(?:%|dB|dBFS|LUFS|Hz|FS|ms|s|x|tokens/s)(?!\w))")
_GLUE = "\ue000"
"""Holds a value and its unit on one line; in data it is escaped, being a private character."""


def style_of(word: str | None) -> str:
    """Return the colour of a status word; the word itself is always printed as well."""
    return _STYLES.get(word or "", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """Every character that is drawn rather than read."""

    rule: str
    side: str
    corners: tuple[str, str, str, str]
    bar: str
    sliver: str
    estimated: str
    simulated: str
    failed: str
    guide: str
    empty: str
    levels: str
    speech: str
    ellipsis: str


UNICODE = Glyphs(
    rule="─",
    side="│",
    corners=("╭", "╮", "╰", "╯"),
    bar="█",
    sliver="▏",
    estimated="▒",
    simulated="╱",  # noqa: RUF001 - drawn, not read
    failed="╳",  # noqa: RUF001 - drawn, not read
    guide="┊",
    empty="░",
    levels="▁▂▃▄▅▆▇█",
    speech="━",
    ellipsis="…",
)
ASCII = Glyphs(
    rule="-",
    side="|",
    corners=("+", "+", "+", "+"),
    bar="#",
    sliver="|",
    estimated="=",
    simulated="/",
    failed="x",
    guide=":",
    empty=".",
    levels="_.-=+*%#",
    speech="=",
    ellipsis="...",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of ``width`` cells; ``console`` only wraps text, it prints nothing."""

    width: int
    ascii_only: bool
    console: Console = field(repr=False)

    @property
    def glyphs(self) -> Glyphs:
        """The characters that this page may draw with."""
        return ASCII if self.ascii_only else UNICODE

    def data(self, value: object, *, limit: int | None = None) -> str:
        """Return data as one safe line, cut in the middle to ``limit`` cells."""
        text = clean(value, ascii_only=self.ascii_only)
        if limit is None:
            return text
        return cut_middle(text, limit, ellipsis=self.glyphs.ellipsis)

    def heading(self, title: str, *, aside: str = "", style: str = "") -> list[Text]:
        """Return an empty line, then a title with a rule to the page's end and a word at it."""
        line = Text.assemble((title, "bold"), " ")
        end = f" {aside}" if aside else ""
        line.append(self.glyphs.rule * (self.width - line.cell_len - cell_len(end)), "dim")
        line.append(end, style)
        return [Text(), line]

    def wrapped(self, text: Text, *, indent: int = 2, first: Text | None = None) -> list[Text]:
        """Wrap text under a hanging indent; ``first`` stands in the indent of the first line."""
        lead = (first or Text()).copy()
        above: list[Text] = []
        if lead.plain.strip() and lead.cell_len >= indent:
            above = self.wrapped(Text(lead.plain.strip(), style=lead.style), indent=2)
            lead = Text()
        lead.append(" " * (indent - lead.cell_len))
        room = self.width - indent
        glued = text.copy()
        glued.plain = _UNIT_GAP.sub(_GLUE, text.plain)
        for line in glued.wrap(self.console, room, overflow="fold", tab_size=1):
            line.plain = line.plain.replace(_GLUE, " ")
            line.rstrip()
            above.append(Text.assemble(lead, line))
            lead = Text(" " * indent)
        return above

    def pairs(self, rows: Iterable[tuple[str, Text]], *, indent: int = 2) -> list[Text]:
        """Return label and value lines, the values aligned and wrapped below each other."""
        kept = list(rows)
        widest = max((cell_len(label) for label, _ in kept), default=0)
        column = min(indent + widest + 2, self.width // 2)
        lines: list[Text] = []
        for label, value in kept:
            first = Text.assemble(" " * indent, (label, "dim"))
            lines += self.wrapped(value, indent=column, first=first)
        return lines

    def table(self, rows: Sequence[Sequence[Text]], *, right: Sequence[int] = ()) -> list[Text]:
        """Return rows with aligned columns; a row too wide wraps under its second column."""
        columns = max((len(row) for row in rows), default=0)
        widths = [
            max((row[at].cell_len for row in rows if at < len(row)), default=0)
            for at in range(columns)
        ]
        lines: list[Text] = []
        for row in rows:
            line = Text("  ")
            for at, cell in enumerate(row):
                gap = " " * (widths[at] - cell.cell_len)
                line.append_text(
                    Text.assemble(gap, cell) if at in right else Text.assemble(cell, gap)
                )
                line.append("  ")
            line.rstrip()
            if line.cell_len <= self.width:
                lines.append(line)
                continue
            lead = Text.assemble(
                "  ", " " * (widths[0] - row[0].cell_len) if 0 in right else "", row[0]
            )
            rest = Text("  ").join([cell for cell in row[1:] if cell.plain])
            lines += self.wrapped(rest, indent=min(4 + widths[0], self.width // 2), first=lead)
        return lines

    def box(self, title: Text, lines: Iterable[Text]) -> list[Text]:
        """Return lines in a frame as wide as the page, the title in its upper edge."""
        glyphs = self.glyphs
        left_top, right_top, left_end, right_end = glyphs.corners
        head = Text.assemble((left_top + glyphs.rule, "dim"), " ", title, " ")
        head.append(glyphs.rule * (self.width - head.cell_len - 1) + right_top, "dim")
        done = [head]
        for line in lines:
            gap = " " * (self.width - 4 - line.cell_len)
            done.append(
                Text.assemble((glyphs.side + " ", "dim"), line, gap, (" " + glyphs.side, "dim"))
            )
        done.append(Text(left_end + glyphs.rule * (self.width - 2) + right_end, "dim"))
        return done

    def inside(self) -> Page:
        """Return the page that fits into a box on this one."""
        return Page(width=self.width - 4, ascii_only=self.ascii_only, console=self.console)
