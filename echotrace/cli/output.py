"""Writing a report: to a file without ever leaving half of one, or to stdout."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from echotrace.cli.document import DOCUMENT
from echotrace.errors import StorageError
from echotrace.files import check_target, write_text

if TYPE_CHECKING:
    from echotrace.model.benchmark import BenchmarkRun
    from echotrace.model.report import Report

__all__ = ["check_target", "show_report", "show_run", "write_text"]


def show_report(report: Report, stream: TextIO, *, as_json: bool, color: bool | None) -> None:
    """Write the report to stdout, as JSON or for a reader; one that leaves early is no error.

    Raises:
        StorageError: stdout is a file on a full disk.
    """
    from echotrace.render.base import RenderOptions, get_renderer

    renderer = get_renderer("json" if as_json else "console")
    _show(renderer.render(report, RenderOptions.for_stream(stream, color=color)), stream)


def show_run(run: BenchmarkRun, stream: TextIO, *, as_json: bool, color: bool | None) -> None:
    """Write a benchmark run to stdout likewise.

    Raises:
        StorageError: stdout is a file on a full disk.
    """
    from echotrace.render.base import RenderOptions, get_run_renderer

    renderer = get_run_renderer("json" if as_json else "console")
    _show(renderer.render_run(run, RenderOptions.for_stream(stream, color=color)), stream)


def _show(text: str, stream: TextIO) -> None:
    DOCUMENT.begun = True
    try:
        with suppress(BrokenPipeError):
            stream.write(text)
            stream.flush()
    except OSError as error:
        raise StorageError("stdout cannot be written", why=error.strerror or str(error)) from None
