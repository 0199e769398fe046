"""What stands where a figure is not: the stage's state while the run is on, its reason after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.figures import words
from echotrace.render.console.layout import style_of
from echotrace.tui.state import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.render.console.layout import Page
    from echotrace.tui.state import RunState

__all__ = ["missing", "state_of"]

_LABEL = 7
_LIVE = {"started": "measuring", "finished": "measured", "failed": "failed"}


def missing(label: str, stage: str, run: RunState | None, page: Page) -> Iterator[Text]:
    """Yield the label with ``n/a`` or what the stage is doing, and why."""
    word, reason = state_of(stage, run)
    line = Text.assemble((label.ljust(_LABEL), "dim"))
    if run is not None and run.phase.is_over:
        line.append("n/a", "bold")
        line.append("  ")
    line.append(word, style_of(word) or "dim")
    if reason:
        line.append(f": {page.data(reason)}", "dim")
    yield from page.wrapped(line, indent=0)


def state_of(stage: str, run: RunState | None) -> tuple[str, str]:
    """Return a word for where a stage is, and the reason when it has no result."""
    if run is None:
        return "waiting", ""
    if run.report is not None:
        entry = run.report.analyzers.get(stage)
        if entry is None:
            return "not run", ""
        return words(entry.status), entry.reason or ""
    if run.phase is Phase.CANCELLED:
        return "cancelled", ""
    if run.phase is Phase.FAILED:
        return "not run", "the run failed"
    state = run.stages.get(stage)
    if state is not None:
        return _LIVE.get(state.kind, state.kind), state.reason or ""
    if run.asked and stage not in run.asked:
        return "not asked for", ""
    return "waiting", ""
