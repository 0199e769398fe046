"""The word difference as two lines in step: ``Gold:`` over ``Actual:``, every error in brackets.

Brackets tell the kinds apart without colour: ``[wrong]`` on both lines, ``[-missed-]`` above,
``[+added+]`` below. Of a long transcript only the surroundings of errors are shown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from echotrace.render.console.plain import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from echotrace.model.report import DiffOp
    from echotrace.render.console.layout import Page

__all__ = ["Cell", "cells_of", "difference", "excerpt", "pairs_of", "signed", "tally"]

WHOLE = 160
"""A transcript of up to this many words is shown whole."""
KEPT = 240
"""Of a longer one at most about this many are shown."""
CONTEXT = 6
"""Words on either side of an error that stay."""
_LABEL = 11


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of the two lines; ``words`` counts what it stands for on the longer side.

    ``kind`` is equal, substitute, delete, insert, or gap for words that are left out.
    """

    gold: str
    actual: str
    kind: str
    words: int = 1


def tally(
    diff: Iterable[DiffOp],
) -> tuple[Counter[tuple[str, str]], Counter[str], Counter[str]]:
    """Count the wrong pairs, the missed and the added words of an alignment."""
    swapped: Counter[tuple[str, str]] = Counter()
    missed: Counter[str] = Counter()
    added: Counter[str] = Counter()
    for op in diff:
        if op.op == "substitute":
            swapped.update(pairs_of(op))
        elif op.op == "delete":
            missed.update(op.gold)
        elif op.op == "insert":
            added.update(op.actual)
    return swapped, missed, added


def pairs_of(op: DiffOp) -> list[tuple[str, str]]:
    """Return the substitutions of a run: word by word when both sides have as many, else whole."""
    if len(op.gold) == len(op.actual):
        return list(zip(op.gold, op.actual, strict=True))
    return [(" ".join(op.gold), " ".join(op.actual))]


def difference(ops: Sequence[DiffOp], page: Page) -> Iterator[Text]:
    """Yield the two lines, wrapped in step, and how much was left out."""
    cells = cells_of(ops)
    kept = _shown(cells, page)
    yield from _in_step(kept, page)
    left_out = sum(cell.words for cell in kept if cell.kind == "gap")
    if left_out:
        yield Text()
        total = sum(cell.words for cell in cells)
        told = f"{left_out:,} of {total:,} aligned words are left out above"
        errors = _errors(cells) - _errors(kept)
        if errors:
            told += f", with {errors:,} more errors"
        yield from page.wrapped(Text(told, style="dim"))


def excerpt(label: str, transcript: str, page: Page) -> Iterator[Text]:
    """Yield a transcript that has nothing to be compared with; a long one loses its middle."""
    spoken = transcript.split()
    if len(spoken) > WHOLE:
        head, tail = spoken[: WHOLE // 2], spoken[-WHOLE // 4 :]
        gap = _gap_text(len(spoken) - len(head) - len(tail), page)
        text = " ".join((page.data(" ".join(head)), gap, page.data(" ".join(tail))))
    else:
        text = page.data(transcript)
    limit = 40 * page.width
    if len(text) > limit:
        text = page.data(text, limit=limit)
    body = Text(text) if text else Text("(no words)", style="dim")
    indent = max(_LABEL, len(label) + 3)
    yield from page.wrapped(body, indent=indent, first=Text(f"  {label}", style="bold"))


def signed(kind: str, upper: str, lower: str) -> tuple[str, str]:
    """Return both sides of a column with the brackets that tell its kind without colour."""
    if kind == "substitute":
        return f"[{upper}]", f"[{lower}]"
    if kind == "delete":
        return f"[-{upper}-]", lower
    return (upper, f"[+{lower}+]") if kind == "insert" else (upper, lower)


def _errors(cells: Sequence[Cell]) -> int:
    return sum(cell.words for cell in cells if cell.kind not in ("equal", "gap"))


def cells_of(ops: Iterable[DiffOp]) -> list[Cell]:
    """Return the columns of an alignment, those without a word on one side too."""
    cells: list[Cell] = []
    for op in ops:
        if op.op == "substitute":
            several = max(len(op.gold), len(op.actual)) if len(op.gold) != len(op.actual) else 1
            cells += [Cell(gold, actual, "substitute", several) for gold, actual in pairs_of(op)]
        elif op.op == "delete":
            cells += [Cell(word, "", "delete") for word in op.gold]
        elif op.op == "insert":
            cells += [Cell("", word, "insert") for word in op.actual]
        else:
            sides = zip_longest(op.gold, op.actual, fillvalue="")
            cells += [Cell(gold, actual, "equal") for gold, actual in sides]
    return cells


def _shown(cells: list[Cell], page: Page) -> list[Cell]:
    """Keep errors and their surroundings, and put a counted gap in the place of the rest."""
    if len(cells) <= WHOLE:
        return cells
    keep = [False] * len(cells)
    budget = KEPT
    for at, cell in enumerate(cells):
        if cell.kind == "equal":
            continue
        around = range(max(0, at - CONTEXT), min(len(cells), at + CONTEXT + 1))
        fresh = [place for place in around if not keep[place]]
        if len(fresh) > budget:
            break
        budget -= len(fresh)
        for place in fresh:
            keep[place] = True
    if not any(keep):
        keep[: WHOLE // 4] = [True] * (WHOLE // 4)
    kept: list[Cell] = []
    at = 0
    while at < len(cells):
        end = at
        while end < len(cells) and keep[end] == keep[at]:
            end += 1
        left_out = sum(cell.words for cell in cells[at:end])
        if keep[at] or left_out <= 3:
            kept += cells[at:end]
        else:
            gap = _gap_text(left_out, page)
            kept.append(Cell(gap, gap, "gap", left_out))
        at = end
    return kept


def _gap_text(words: int, page: Page) -> str:
    dots = page.glyphs.ellipsis
    return f"{dots}({words:,} word{'' if words == 1 else 's'}){dots}"


def _in_step(cells: Sequence[Cell], page: Page) -> Iterator[Text]:
    room = page.width - _LABEL
    gold, actual = Text(), Text()
    first = True
    for upper, lower, kind in _columns(cells, page, room):
        width = max(cell_len(upper), cell_len(lower))
        if gold.plain and gold.cell_len + 1 + width > room:
            yield from _row(gold, actual, first=first)
            gold, actual, first = Text(), Text(), False
        for line, shown, bad in ((gold, upper, "green"), (actual, lower, "red")):
            if line.plain or (gold.plain and line is actual and gold.cell_len > width):
                line.append(" ")
            line.append(shown, {"equal": "", "gap": "dim"}.get(kind, bad))
            line.append(" " * (width - cell_len(shown)))
    yield from _row(gold, actual, first=first)


def _row(gold: Text, actual: Text, *, first: bool) -> Iterator[Text]:
    if not first:
        yield Text()
    for label, line in (("Gold:", gold), ("Actual:", actual)):
        whole = Text.assemble("  ", (label.ljust(_LABEL - 2), "bold"), line)
        whole.rstrip()
        yield whole


def _columns(cells: Sequence[Cell], page: Page, room: int) -> Iterator[tuple[str, str, str]]:
    for cell in cells:
        if cell.kind == "gap":
            upper, lower = cell.gold, cell.actual
        else:
            upper, lower = (page.data(side, limit=40 * room) for side in (cell.gold, cell.actual))
        upper, lower = signed(cell.kind, upper, lower)
        sides = zip_longest(pieces(upper, room), pieces(lower, room), fillvalue="")
        for above, below in sides:
            yield above, below, cell.kind
