"""What must not be misheard, what was made up, how partial results behaved: below the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.entities import entities
from echotrace.render.console.hallucination import hallucination
from echotrace.render.console.streaming import streaming
from echotrace.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Transcription
    from echotrace.render.console.layout import Page
    from echotrace.tui.state import RunState

__all__ = ["EntitiesPanel", "has_entities"]

_LISTED = 100


class EntitiesPanel(Panel):
    """The parts of the audit beside the words themselves; shown where there are any."""

    def heading(self, page: Page) -> Text:
        """Return the names of the parts that there are."""
        return Text(", ".join(_parts(self._result)) or "Entities", style="bold")

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield each part, an empty line between them."""
        result = self._result
        if result is None:
            return
        parts = (
            entities(result.entities, page, indent=0, listed=_LISTED),
            hallucination(result.hallucination, page, indent=0, listed=_LISTED),
            streaming(result.streaming, page, indent=0),
        )
        drawn = [lines for lines in map(list, parts) if lines]
        for at, lines in enumerate(drawn):
            if at:
                yield Text()
            yield from lines

    @property
    def _result(self) -> Transcription | None:
        report = self.run.report if self.run else None
        return report.transcription if report else None


def has_entities(run: RunState) -> bool:
    """Tell whether the panel has anything to show."""
    return bool(_parts(run.report.transcription if run.report else None))


def _parts(result: Transcription | None) -> list[str]:
    if result is None:
        return []
    parts = (
        ("Entities", result.entities),
        ("Hallucination", result.hallucination),
        ("Streaming", result.streaming),
    )
    return [name for name, part in parts if part is not None]
