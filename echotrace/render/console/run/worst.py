"""The clips that engines got most wrong, the worst of them with their words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.diff import difference
from echotrace.render.console.figures import milliseconds, percent
from echotrace.render.console.parts import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.benchmark import BenchmarkRun, WorstClip
    from echotrace.model.transcription import DiffOp
    from echotrace.render.console.layout import Page

__all__ = ["worst"]

_LISTED = 10
_WITH_WORDS = 3


def worst(run: BenchmarkRun, page: Page) -> Iterator[Text]:
    """Yield each clip with its figure and, for the first of them, the difference."""
    if not run.worst:
        return
    yield from page.heading("Worst clips")
    diffs: dict[tuple[str, str], tuple[DiffOp, ...]] = {}
    for item in run.items:
        if item.diff:
            diffs.setdefault((item.clip, item.engine), item.diff)
    told = ""
    for at, clip in enumerate(run.worst[:_LISTED]):
        if 0 < at <= _WITH_WORDS:
            yield Text()
        yield from _head(at + 1, clip, page)
        if clip.why != told:
            yield from page.wrapped(Text(page.data(clip.why), style="dim"), indent=6)
            told = clip.why
        if at < _WITH_WORDS and (diff := diffs.get((clip.clip, clip.engine))):
            yield from difference(diff, page)
    left = len(run.worst) - _LISTED
    if left > 0:
        yield Text(f"  and {left:,} more: --json has them", style="dim")


def _head(rank: int, clip: WorstClip, page: Page) -> list[Text]:
    figures = []
    if clip.wer is not None:
        figures.append(f"WER {percent(clip.wer)}")
    if clip.edits is not None and clip.words is not None:
        figures.append(f"{count(clip.edits, 'edit')} in {count(clip.words, 'word')}")
    if clip.worst_heard_gap_ms is not None:
        figures.append(f"heard gap {milliseconds(clip.worst_heard_gap_ms)}")
    text = Text.assemble((page.data(clip.clip, limit=page.width), "bold"))
    text.append(f"  {page.data(clip.engine, limit=40)}")
    if clip.condition.label not in ("clean", ""):
        text.append(f"  {page.data(clip.condition.label, limit=60)}", "dim")
    if figures:
        text.append(f"  {', '.join(figures)}", "red")
    return page.wrapped(text, indent=6, first=Text(f"  {rank:>2}"))
