"""The sheet of one request of a probe: where its time went, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.render.console.anatomy import sample_sheet
from echotrace.tui.screens.sheet import SheetScreen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.text import Text

    from echotrace.render.console.layout import Page
    from echotrace.tui.requests import Request

__all__ = ["RequestScreen"]


class RequestScreen(SheetScreen):
    """Shows one request at a time.

    Args:
        requests: in the order of the table; never empty.
        at: which of them to begin with.
    """

    def __init__(self, requests: Sequence[Request], at: int) -> None:
        super().__init__(len(requests), at)
        self._requests = requests

    def what(self) -> str:
        """Return what the row is; the sheet itself says whose request it is."""
        return "Request"

    def sheet(self, page: Page) -> Iterable[Text]:
        """Return the lines about the request."""
        request = self._requests[self.at]
        return sample_sheet(request.sample, request.probe, page)
