"""What the registry of renderers finds: a call or a run as one HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echotrace.model.benchmark import BenchmarkRun
    from echotrace.model.report import Report
    from echotrace.render.base import RenderOptions

__all__ = ["HtmlRenderer"]


class HtmlRenderer:
    """One file with everything in it: no script, style, font or sound comes from elsewhere."""

    name = "html"
    file_suffix = ".html"

    def render(self, report: Report, options: RenderOptions) -> str:
        """Return the page of a report; it sounds where ``options.audio`` holds the recording."""
        from echotrace.render.html.call import call_page

        return call_page(report, options.audio)

    def render_run(self, run: BenchmarkRun, options: RenderOptions) -> str:
        """Return the page of a benchmark run; of its items only the worst are on it."""
        from echotrace.render.html.run import run_page

        del options
        return run_page(run)
