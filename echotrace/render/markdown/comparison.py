"""The page of two runs beside each other: every figure's outcome, and what moved most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.render.console.compare import signed
from echotrace.render.console.figures import percent, words
from echotrace.render.markdown.escape import code_block, text
from echotrace.render.markdown.parts import cell, diff_lines, findings, head
from echotrace.render.markdown.sheet import Block, details, table
from echotrace.render.verdicts import comparison_verdict, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.benchmark import FigureComparison, RunComparison

__all__ = ["comparison_blocks", "comparison_head"]

_ORDER = ("regression", "not_enough_evidence", "pass")
_WITH_WORDS = 5


def comparison_head(comparison: RunComparison) -> Block:
    """Return the verdict of a page of its own."""
    return head("EchoTrace compare", comparison_verdict(comparison))


def comparison_blocks(comparison: RunComparison) -> Iterator[Block]:
    """Yield what was compared, its figures, the clips that moved."""
    clips = [f"{counted(comparison.clips_in_both, 'clip')} in both"]
    for number, side in ((comparison.only_in_a, "A"), (comparison.only_in_b, "B")):
        if number:
            clips.append(f"{number:,} only in {side}")
    names = f"A {text(comparison.a)} · B {text(comparison.b)} · {', '.join(clips)}"
    yield Block(name="what was compared", head=names)
    ranked = sorted(
        comparison.figures,
        key=lambda item: (
            not item.decides,
            _ORDER.index(item.outcome) if item.outcome in _ORDER else 0,
        ),
    )
    if ranked:
        heads = (
            "outcome",
            "figure",
            "engine",
            "A",
            "B",
            "B less A",
            "B better",
            "would show",
            "n",
            "why",
        )
        rows = [_row(item) for item in ranked]
        yield table("compared figures", heads, rows, noun="figures", right=range(3, 9))
    yield from findings(comparison.warnings)
    yield from _moved(comparison)


def _row(item: FigureComparison) -> tuple[str, ...]:
    moved = item.difference
    difference = "n/a"
    if moved.value is not None:
        difference = _signed(moved.value, item)
        if moved.low is not None and moved.high is not None:
            difference += f" \\[{_signed(moved.low, item)}, {_signed(moved.high, item)}\\]"
    chance, effect = item.improvement_probability, item.minimum_detectable_effect
    return (
        f"**{text(words(item.outcome).upper(), limit=40)}**",
        text(item.label),
        text(item.subject),
        cell(item.a, metric=item.metric),
        cell(item.b, metric=item.metric),
        difference,
        "" if chance is None else percent(chance),
        "" if effect is None else _signed(effect, item).lstrip("+\\"),
        f"{item.n:,} {'paired' if item.paired else 'unpaired'}",
        text(item.reason),
    )


def _signed(value: float, item: FigureComparison) -> str:
    return text(signed(value, item.unit, metric=item.metric), limit=60)


def _moved(comparison: RunComparison) -> Iterator[Block]:
    if not comparison.moved:
        return
    lines = [
        f"- {text(clip.clip)} ({text(clip.subject)}, {text(clip.condition.label)}): "
        f"{clip.edits_a:,} → {counted(clip.edits_b, 'edit')} in {counted(clip.words, 'word')}"
        for clip in comparison.moved
    ]
    block = Block(name="moved clips", lines=tuple(lines), noun="clips")
    yield details(block, f"Clips that moved most ({len(lines):,})")
    for clip in comparison.moved[:_WITH_WORDS]:
        if not clip.diff_a and not clip.diff_b:
            continue
        both = ["A", *diff_lines(clip.diff_a), "", "B", *diff_lines(clip.diff_b)]
        block = Block(name="words of the moved clips", head=code_block(both))
        yield details(block, f"{clip.clip}, {clip.subject}")
