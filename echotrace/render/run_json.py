"""A benchmark run, or a comparison of two, as one JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echotrace.model.benchmark import BenchmarkRun, RunComparison
    from echotrace.render.base import RenderOptions

__all__ = ["RunJsonRenderer"]


class RunJsonRenderer:
    """Writes exactly the document of the model and a line feed; options change nothing."""

    name = "json"
    file_suffix = ".json"

    def render_run(self, run: BenchmarkRun, options: RenderOptions) -> str:
        """Return the run's document, which `echotrace open` and `compare` read again."""
        from echotrace.model.run_codec import dumps_run

        return dumps_run(run).rstrip("\n") + "\n"

    def render_comparison(self, comparison: RunComparison, options: RenderOptions) -> str:
        """Return the comparison's document."""
        from echotrace.model.run_codec import dumps_comparison

        return dumps_comparison(comparison).rstrip("\n") + "\n"
