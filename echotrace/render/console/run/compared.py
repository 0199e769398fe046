"""Two runs beside each other: each figure with what its difference means, and what moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from echotrace.render.console.compare import signed
from echotrace.render.console.diff import difference
from echotrace.render.console.figures import figure, percent, words
from echotrace.render.console.layout import Page, style_of
from echotrace.render.console.parts import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.benchmark import FigureComparison, MovedClip, RunComparison

__all__ = ["compared", "comparison_lines"]

_ORDER = ("regression", "not_enough_evidence", "pass")
_MOVED = 10
_WITH_WORDS = 3
_LABEL = 16


def compared(comparison: RunComparison, page: Page) -> Iterator[Text]:
    """Yield the comparison as a block of a run's page."""
    yield from page.heading("Compared with the baseline")
    yield from comparison_lines(comparison, page)


def comparison_lines(comparison: RunComparison, page: Page) -> Iterator[Text]:
    """Yield the outcome, the figures of each engine, and the clips that moved most."""
    limit = 2 * (page.width - 12)
    outcome = Text.assemble(_outcome(comparison.outcome, page), f"  {page.data(comparison.reason)}")
    rows = [
        ("outcome", outcome),
        ("A", Text(page.data(comparison.a, limit=limit))),
        ("B", Text(page.data(comparison.b, limit=limit))),
        ("clips", Text(_clips(comparison))),
    ]
    yield from page.pairs(rows)
    subjects = dict.fromkeys(item.subject for item in comparison.figures)
    cells = [_cells(item, page) for item in comparison.figures]
    widths = [max((cell_len(str(row[at])) for row in cells), default=0) for at in range(3)]
    for subject in subjects:
        yield Text()
        yield Text.assemble("  ", (page.data(subject, limit=page.width - 4), "bold"))
        rows_of = [item for item in comparison.figures if item.subject == subject]
        for item in sorted(rows_of, key=_rank):
            yield from _figure(item, widths, page)
    yield from _moved(comparison, page)


def _clips(comparison: RunComparison) -> str:
    parts = [f"{comparison.clips_in_both:,} in both"]
    for number, side in ((comparison.only_in_a, "A"), (comparison.only_in_b, "B")):
        if number:
            parts.append(f"{number:,} only in {side}")
    return ", ".join(parts)


def _rank(item: FigureComparison) -> tuple[bool, int]:
    return not item.decides, _ORDER.index(item.outcome) if item.outcome in _ORDER else 0


def _outcome(outcome: str, page: Page) -> tuple[str, str]:
    style = style_of("fail" if outcome == "regression" else outcome)
    return page.data(words(outcome), limit=24).upper(), style or "bold"


def _figure(item: FigureComparison, widths: Sequence[int], page: Page) -> Iterator[Text]:
    """Yield the figure in both runs, its difference and what that means, then why."""
    label, values, moved = _cells(item, page)
    lead = Text(f"    {label.ljust(widths[0])}")
    word, style = _outcome(item.outcome, page)
    text = Text(values.ljust(widths[1]))
    text.append("  ")
    text.append_text(moved)
    text.append(" " * (widths[2] - moved.cell_len))
    text.append(f"  {word}", style)
    indent = widths[0] + 6
    if indent + text.cell_len > page.width:
        text = Text.assemble(values, "  ", moved, "  ", (word, style))
    yield from page.wrapped(text, indent=indent, first=lead)
    yield from page.wrapped(Text(page.data(_why(item)), style="dim"), indent=indent)


def _cells(item: FigureComparison, page: Page) -> tuple[str, str, Text]:
    label = page.data(item.label, limit=_LABEL)
    values = " -> ".join(page.data(figure(side, metric=item.metric)) for side in (item.a, item.b))
    moved = Text()
    found = item.difference
    if found.value is not None:
        shown = signed(found.value, item.unit, metric=item.metric)
        moved.append(page.data(shown), "bold")
        if found.low is not None and found.high is not None:
            ends = [signed(end, item.unit, metric=item.metric) for end in (found.low, found.high)]
            unit = f" {ends[1].rpartition(' ')[2]}" if " " in ends[1] else ""
            near = f" [{ends[0].removesuffix(unit)}, {ends[1].removesuffix(unit)}]"
            moved.append(page.data(near).rjust(len(near)), "dim")
    return label, values, moved


def _why(item: FigureComparison) -> str:
    parts = [item.reason]
    if item.improvement_probability is not None:
        parts.append(f"probability that B is better {percent(item.improvement_probability)}")
    if item.minimum_detectable_effect is not None:
        effect = signed(item.minimum_detectable_effect, item.unit, metric=item.metric)
        parts.append(f"would show {effect.removeprefix('+')} or more")
    if item.n:
        parts.append(f"{'paired' if item.paired else 'unpaired'}, n={item.n:,}")
    return "; ".join(part for part in parts if part)


def _moved(comparison: RunComparison, page: Page) -> Iterator[Text]:
    if not comparison.moved:
        return
    yield from page.heading("Clips that moved most")
    for at, clip in enumerate(comparison.moved[:_MOVED]):
        if at and at <= _WITH_WORDS:
            yield Text()
        yield from _clip(clip, page)
        if at < _WITH_WORDS:
            for letter, diff in (("A", clip.diff_a), ("B", clip.diff_b)):
                if diff:
                    yield Text.assemble("  ", (f" {letter} ", "bold reverse"))
                    yield from difference(diff, page)
    left = len(comparison.moved) - _MOVED
    if left > 0:
        yield Text(f"  and {left:,} more: --json has them", style="dim")


def _clip(clip: MovedClip, page: Page) -> list[Text]:
    change = clip.edits_b - clip.edits_a
    style = "red" if change > 0 else "green" if change < 0 else ""
    text = Text.assemble((page.data(clip.clip, limit=page.width), "bold"))
    text.append(f"  {page.data(clip.subject, limit=60)}")
    if clip.condition.label != "clean":
        text.append(f"  {page.data(clip.condition.label, limit=60)}", "dim")
    told = f"{clip.edits_a:,} -> {count(clip.edits_b, 'edit')} in {count(clip.words, 'word')}"
    text.append(f"  {told}", style)
    return page.wrapped(text, indent=2)
