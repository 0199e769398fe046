"""Markdown for a pull request, a job summary or a comment: the verdict first, details folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.render.markdown.call import call
from echotrace.render.markdown.comparison import comparison_blocks, comparison_head
from echotrace.render.markdown.run import run_blocks
from echotrace.render.markdown.sheet import put_together

if TYPE_CHECKING:
    from echotrace.model.benchmark import BenchmarkRun, RunComparison
    from echotrace.model.report import Report
    from echotrace.render.base import RenderOptions

__all__ = ["MarkdownRenderer"]


class MarkdownRenderer:
    """GitHub's Markdown, short enough for a comment; options change nothing."""

    name = "markdown"
    file_suffix = ".md"

    def render(self, report: Report, options: RenderOptions) -> str:
        """Return the page of a report."""
        return put_together(call(report))

    def render_run(self, run: BenchmarkRun, options: RenderOptions) -> str:
        """Return the page of a run."""
        return put_together(run_blocks(run))

    def render_comparison(self, comparison: RunComparison, options: RenderOptions) -> str:
        """Return the page of two runs beside each other."""
        return put_together([comparison_head(comparison), *comparison_blocks(comparison)])
