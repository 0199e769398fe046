"""What to do after a run, as commands."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.benchmark import BenchmarkRun
    from echotrace.render.console.layout import Page

__all__ = ["next_steps"]


def next_steps(run: BenchmarkRun, page: Page) -> Iterator[Text]:
    """Yield what is worth doing next; nothing where there is nothing."""
    steps = list(_steps(run))
    if not steps:
        return
    yield from page.heading("Next")
    for command, why in steps:
        text = Text.assemble((page.data(command), "cyan"))
        text.append(f"  {why}", "dim")
        yield from page.wrapped(text, indent=4, first=Text("  $"))


def _steps(run: BenchmarkRun) -> Iterator[tuple[str, str]]:
    failed = sum(item.status == "failed" for item in run.items)
    if failed or run.missing:
        what = "what failed or is missing" if failed else "what is missing"
        yield "echotrace benchmark ... --resume", f"tries {what} again, and nothing else"
    clip = next((item for item in run.worst if item.audio and item.audio.isprintable()), None)
    if clip is not None and clip.audio is not None:
        words = ["echotrace", "analyze", clip.audio, "--stt", clip.engine]
        yield shlex.join(words), "looks into the worst clip"
    if run.comparison is None and run.cells:
        yield "echotrace baseline set main RUN.jsonl", "keeps this run, for --baseline main"
