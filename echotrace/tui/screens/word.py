"""The sheet of one misheard word: its place, its figures, and what may explain it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.render.console.word import word_sheet
from echotrace.tui.screens.sheet import SheetScreen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.text import Text

    from echotrace.model.report import Report, WordError
    from echotrace.render.console.layout import Page

__all__ = ["WordScreen"]


class WordScreen(SheetScreen):
    """Shows one error at a time.

    Args:
        report: the report that the errors are from.
        errors: in the order of the table; never empty.
        at: which of them to begin with.
    """

    def __init__(self, report: Report, errors: Sequence[WordError], at: int) -> None:
        super().__init__(len(errors), at)
        self._report = report
        self._errors = errors

    def what(self) -> str:
        """Return what the row is."""
        return "Misheard word"

    def sheet(self, page: Page) -> Iterable[Text]:
        """Return the lines about the error."""
        return word_sheet(self._errors[self.at], self._report, page)
