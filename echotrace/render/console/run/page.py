"""The whole console page of a run or of a comparison, block after block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.page import printed
from echotrace.render.console.run.compared import compared, comparison_lines
from echotrace.render.console.run.failures import failures
from echotrace.render.console.run.frontier import frontiers
from echotrace.render.console.run.gates import gates
from echotrace.render.console.run.header import header
from echotrace.render.console.run.llm import llm
from echotrace.render.console.run.matrix import matrix
from echotrace.render.console.run.next_steps import next_steps
from echotrace.render.console.run.worst import worst
from echotrace.render.console.warnings import by_severity, finding_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.benchmark import BenchmarkRun, RunComparison
    from echotrace.model.measure import Finding
    from echotrace.render.base import RenderOptions
    from echotrace.render.console.layout import Page

__all__ = ["RunConsoleRenderer"]

_BLOCKS = (header, gates, matrix, llm, frontiers, worst, failures)
_FINDINGS = 40


class RunConsoleRenderer:
    """A run as text for people; the same text with or without a terminal."""

    name = "console"
    file_suffix = ".txt"

    def render_run(self, run: BenchmarkRun, options: RenderOptions) -> str:
        """Return the whole page as the options allow it."""
        return printed(
            lambda page: _run_lines(run, page),
            width=options.width,
            color=bool(options.color),
            ascii_only=options.ascii_only,
        )

    def render_comparison(self, comparison: RunComparison, options: RenderOptions) -> str:
        """Return the whole page as the options allow it."""
        return printed(
            lambda page: _comparison_page(comparison, page),
            width=options.width,
            color=bool(options.color),
            ascii_only=options.ascii_only,
        )


def _run_lines(run: BenchmarkRun, page: Page) -> Iterator[Text]:
    for block in _BLOCKS:
        yield from block(run, page)
    if run.comparison is not None:
        yield from compared(run.comparison, page)
    inner = run.comparison.warnings if run.comparison else ()
    yield from _warnings((*run.warnings, *inner), page)
    yield from next_steps(run, page)


def _comparison_page(comparison: RunComparison, page: Page) -> Iterator[Text]:
    name = f"EchoTrace {page.data(comparison.tool.version, limit=12)}"
    yield Text.assemble((name, "bold"), ("  compare", "dim"))
    yield Text(page.glyphs.rule * page.width, style="dim")
    yield from comparison_lines(comparison, page)
    yield from _warnings(comparison.warnings, page)


def _warnings(findings: Sequence[Finding], page: Page) -> Iterator[Text]:
    found = by_severity(findings)
    if not found:
        return
    yield from page.heading("Warnings")
    for item in found[:_FINDINGS]:
        yield from finding_lines(item, page, is_block=True)
    if len(found) > _FINDINGS:
        yield Text(f"  and {len(found) - _FINDINGS:,} more: --json has them", style="dim")
