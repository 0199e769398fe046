"""The report as one JSON document, which CI scripts and `echotrace open` read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echotrace.model.report import Report
    from echotrace.render.base import RenderOptions

__all__ = ["JsonRenderer"]


class JsonRenderer:
    """Writes exactly the report's own JSON and a line feed; options change nothing."""

    name = "json"
    file_suffix = ".json"

    def render(self, report: Report, options: RenderOptions) -> str:
        """Return the document; the same report gives the same bytes on every terminal."""
        return report.to_json() + "\n"
