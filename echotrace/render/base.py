"""What a renderer is, how one is found by name, and what the output can take.

A renderer is three members over a frozen Report, so that any saved report opens in any of them; one
over a benchmark run, or over a comparison of two, is the same with another verb. Finding one loads
only its own module: nothing here imports rich.
"""

from __future__ import annotations

import difflib
import os
import shutil
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TextIO, cast

from echotrace.errors import UsageError
from echotrace.render.embed import EmbeddedAudio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.model.benchmark import BenchmarkRun, RunComparison
    from echotrace.model.report import Report

__all__ = [
    "ComparisonRenderer",
    "RenderOptions",
    "Renderer",
    "RunRenderer",
    "comparison_renderer_names",
    "get_comparison_renderer",
    "get_renderer",
    "get_run_renderer",
    "renderer_names",
    "run_renderer_names",
    "use_color",
]

_EVERYWHERE = {
    "html": "echotrace.render.html:HtmlRenderer",
    "markdown": "echotrace.render.markdown:MarkdownRenderer",
    "junit": "echotrace.render.junit:JunitRenderer",
    "github": "echotrace.render.github:GithubRenderer",
    "csv": "echotrace.render.csv:CsvRenderer",
}
_BUILT_IN = {
    "console": "echotrace.render.console:ConsoleRenderer",
    "json": "echotrace.render.json:JsonRenderer",
    **_EVERYWHERE,
    "perfetto": "echotrace.render.chrome_trace:ChromeTraceRenderer",
    "otlp": "echotrace.render.otlp:OtlpRenderer",
}
_OF_RUNS = {
    "console": "echotrace.render.console.run:RunConsoleRenderer",
    "json": "echotrace.render.run_json:RunJsonRenderer",
    **_EVERYWHERE,
}
_OF_COMPARISONS = {
    "console": "echotrace.render.console.run:RunConsoleRenderer",
    "json": "echotrace.render.run_json:RunJsonRenderer",
    "markdown": "echotrace.render.markdown:MarkdownRenderer",
}

_NEEDED_GLYPHS = "─│╭█╱╳┊▁━…"  # noqa: RUF001 - drawn, not read


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """What the output can take: ``width`` in cells (None: 80), colour, and whether only ASCII.

    ``color`` of None means no colour, because the text may go anywhere; :meth:`for_stream` decides
    it for a stream. ``audio`` is the recording for a page that can play it.
    """

    width: int | None = None
    color: bool | None = None
    ascii_only: bool = False
    audio: EmbeddedAudio | None = None

    @classmethod
    def for_stream(
        cls,
        stream: TextIO,
        *,
        color: bool | None = None,
        width: int | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> RenderOptions:
        """Return the options that fit a stream; ``color`` and ``width`` are the user's flags."""
        environment = os.environ if environ is None else environ
        is_tty = stream.isatty()
        return cls(
            width=width if width is not None else _width_of(stream, environment, is_tty=is_tty),
            color=use_color(color, environ=environment, is_tty=is_tty),
            ascii_only=not _can_draw(getattr(stream, "encoding", None)),
        )


def use_color(flag: bool | None, *, environ: Mapping[str, str], is_tty: bool) -> bool:
    """Decide on colour: flag, then FORCE_COLOR, NO_COLOR (each when not empty), then the terminal.

    The order is that of force-color.org and no-color.org.
    """
    if flag is not None:
        return flag
    if environ.get("FORCE_COLOR"):
        return True
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return is_tty


def _width_of(stream: TextIO, environ: Mapping[str, str], *, is_tty: bool) -> int | None:
    columns = environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns[:6]) > 0:
        return int(columns[:6])
    if not is_tty:
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return shutil.get_terminal_size().columns


def _can_draw(encoding: str | None) -> bool:
    try:
        _NEEDED_GLYPHS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class Renderer(Protocol):
    """One view of a report."""

    name: str
    """How the user asks for it."""

    file_suffix: str
    """The ending of a file that holds the result, with its dot."""

    def render(self, report: Report, options: RenderOptions) -> str:
        """Return the whole view as text that ends with a line feed."""
        ...


class RunRenderer(Protocol):
    """One view of a benchmark run."""

    name: str
    file_suffix: str

    def render_run(self, run: BenchmarkRun, options: RenderOptions) -> str:
        """Return the whole view as text that ends with a line feed."""
        ...


class ComparisonRenderer(Protocol):
    """One view of two runs beside each other."""

    name: str
    file_suffix: str

    def render_comparison(self, comparison: RunComparison, options: RenderOptions) -> str:
        """Return the whole view as text that ends with a line feed."""
        ...


def renderer_names() -> tuple[str, ...]:
    """Return the names that :func:`get_renderer` knows."""
    return tuple(_BUILT_IN)


def run_renderer_names() -> tuple[str, ...]:
    """Return the names that :func:`get_run_renderer` knows."""
    return tuple(_OF_RUNS)


def comparison_renderer_names() -> tuple[str, ...]:
    """Return the names that :func:`get_comparison_renderer` knows."""
    return tuple(_OF_COMPARISONS)


def get_renderer(name: str) -> Renderer:
    """Return the renderer of this name, importing nothing but it.

    Raises:
        UsageError: there is none of this name; the hint names the nearest.
    """
    return cast("Renderer", _found(name, _BUILT_IN, "report"))


def get_run_renderer(name: str) -> RunRenderer:
    """Return the renderer of this name for benchmark runs.

    Raises:
        UsageError: there is none of this name; the hint names the nearest.
    """
    return cast("RunRenderer", _found(name, _OF_RUNS, "benchmark"))


def get_comparison_renderer(name: str) -> ComparisonRenderer:
    """Return the renderer of this name for comparisons.

    Raises:
        UsageError: there is none of this name; the hint names the nearest.
    """
    return cast("ComparisonRenderer", _found(name, _OF_COMPARISONS, "comparison"))


def _found(name: str, known: Mapping[str, str], what: str) -> Any:
    target = known.get(name)
    if target is None:
        near = difflib.get_close_matches(name.lower(), known, n=1)
        raise UsageError(
            f"there is no {what} format {name[:60]!r}",
            why=f"known formats: {', '.join(known)}",
            hint=f"did you mean {near[0]!r}?" if near else f"use {' or '.join(known)}",
            code="UNKNOWN_FORMAT",
        )
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)()
