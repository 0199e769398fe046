"""The blocks of a page, and how they are kept within what GitHub takes as one comment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.render.markdown.escape import html_text, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["LONGEST", "Block", "details", "put_together", "table"]

LONGEST = 65_000
"""Characters of a page; GitHub takes 65,536 as a comment."""
_RESERVE = 600
"""Kept free for what says how much was left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A piece of the page: ``head``, its lines, ``tail``; ``noun`` is what the lines are.

    Lines that find no room are left out and counted, the last first; a block without ``noun`` is
    kept or left out whole. ``name`` is what it is called where it is left out.
    """

    name: str
    head: str = ""
    lines: tuple[str, ...] = ()
    tail: str = ""
    noun: str = ""

    def text(self, kept: int) -> str:
        """Return the block with so many of its lines, and how many there are beyond."""
        left = len(self.lines) - kept
        more = f"\nand {left:,} more {self.noun}" if left else ""
        body = "\n".join(self.lines[:kept])
        return "\n".join(part for part in (self.head, body, more, self.tail) if part)


def table(
    name: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    noun: str = "rows",
    right: Sequence[int] = (),
) -> Block:
    """Return a table; its cells are Markdown already."""
    rule = ["---:" if at in right else "---" for at in range(len(heads))]
    head = f"{_row(heads)}\n{_row(rule)}"
    return Block(name=name, head=head, lines=tuple(map(_row, rows)), noun=noun)


def details(block: Block, summary: str) -> Block:
    """Return a block folded under a summary, which is data."""
    head = f"<details>\n<summary>{html_text(summary)}</summary>\n\n{block.head}".rstrip("\n")
    head += "" if block.head else "\n"
    return Block(
        name=block.name, head=head, lines=block.lines, tail="\n</details>", noun=block.noun
    )


def put_together(blocks: Iterable[Block]) -> str:
    """Return the page, an empty line between blocks; what has no room is left out and named."""
    pieces: list[str] = []
    left_out: list[str] = []
    room = LONGEST - _RESERVE
    for block in blocks:
        kept = _fitting(block, room)
        if kept is None:
            left_out.append(block.name)
            continue
        piece = block.text(kept)
        room -= len(piece) + 2
        pieces.append(piece)
    if left_out:
        named = ", ".join(dict.fromkeys(left_out))
        pieces.append(f"_Left out, because a comment is only so long: {text(named, limit=400)}_")
    return "\n\n".join(pieces) + "\n"


def _fitting(block: Block, room: int) -> int | None:
    """Return how many lines of a block have room, None where not even one has."""
    most = len(block.lines)
    if len(block.text(most)) + 2 <= room:
        return most
    if not block.noun:
        return None
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if len(block.text(middle)) + 2 <= room:
            low = middle
        else:
            high = middle - 1
    return low or None


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
