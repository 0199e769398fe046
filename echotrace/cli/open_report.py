"""``echotrace open``: show saved reports and benchmark runs again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echotrace.cli.document import DOCUMENT
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.cli.exports import Export
    from echotrace.errors import EchoTraceError, ExitCode
    from echotrace.model.benchmark import BenchmarkRun
    from echotrace.model.report import Report

    Opened = Report | BenchmarkRun | EchoTraceError

__all__ = ["open_report"]

_MAX_BYTES = 256 * 2**20
_HEAD_BYTES = 4_096
_SCHEMA = re.compile(rb'"schema"\s*:\s*"echotrace\.(\w+)/')
"""Every document of EchoTrace begins with what it is."""


def open_report(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Reports that `analyze --output` wrote; several open as tabs. Or runs of "
            "`benchmark`: they are printed.",
            show_default=False,
        ),
    ],
    export_only: Annotated[
        bool, typer.Option("--export-only", "--json", help="Print the report's JSON (one file).")
    ] = False,
    export: Annotated[
        list[str] | None,
        typer.Option(
            "--export",
            metavar="FORMAT=PATH",
            help="Also write html, markdown, junit, csv, json, perfetto, otlp or github=PATH (one "
            "file); several times. github=- prints annotations for a workflow.",
        ),
    ] = None,
    embed_audio: Annotated[
        bool,
        typer.Option("--embed-audio", help="Put the recording's sound into the HTML export."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Let --export replace files that exist.")
    ] = False,
    no_tui: Annotated[
        bool, typer.Option("--no-tui", help="Print the reports instead of opening the app.")
    ] = False,
    color: Annotated[bool | None, typer.Option("--color/--no-color", help="Force colour.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Show saved reports and benchmark runs again, several beside each other."""
    from echotrace.cli.exports import REPORT_FORMATS, read_exports, refuse_idle_embedding
    from echotrace.cli.interactive import opens_app, show_in_app
    from echotrace.errors import EchoTraceError, UsageError, worst_exit_code
    from echotrace.model.report import Report

    DOCUMENT.path = printable(files[0])
    if (export_only or export) and len(files) > 1:
        what = "--json prints one document" if export_only else "--export writes one report"
        raise UsageError(
            f"{what}, and {len(files):,} reports were named",
            hint="name one report, and run the command once for each",
        )
    exports = read_exports(export or [], force=force, inputs=files, formats=REPORT_FORMATS)
    refuse_idle_embedding(exports, embed_audio=embed_audio)
    if len(files) == 1:
        opened: list[tuple[str, Opened]] = [(files[0], _read(files[0]))]
    else:
        opened = [(file, _read_or_why(file)) for file in files]
    for_app = [
        (Path(file).name or file, file, item)
        for file, item in opened
        if isinstance(item, (Report, EchoTraceError))
    ]
    readable = any(not isinstance(item, EchoTraceError) for _, item in opened)
    is_printed = export_only or no_tui or bool(exports) or len(for_app) < len(opened)
    if readable and opens_app(printed=is_printed):
        codes = [show_in_app(for_app, color=color, debug=debug)]
    else:
        codes = []
        for _, item in opened:
            if exports and not isinstance(item, EchoTraceError):
                codes += _exported(item, exports, embed_audio=embed_audio)
            codes += _shown(item, as_json=export_only, color=color, debug=debug)
    raise typer.Exit(worst_exit_code(codes))


def _shown(item: Opened, *, as_json: bool, color: bool | None, debug: bool) -> list[ExitCode]:
    """Print a report or a run, or tell why there is none."""
    import sys

    from echotrace.cli.output import show_report, show_run
    from echotrace.cli.streams import tell_error, tell_traceback
    from echotrace.errors import EchoTraceError
    from echotrace.model.report import Report

    if isinstance(item, EchoTraceError):
        if debug:
            tell_traceback(item)
        tell_error(item.what, why=item.why, hint=item.hint)
        return [item.exit_code]
    if isinstance(item, Report):
        show_report(item, sys.stdout, as_json=as_json, color=color)
    else:
        show_run(item, sys.stdout, as_json=as_json, color=color)
    return []


def _exported(
    item: Report | BenchmarkRun, exports: Sequence[Export], *, embed_audio: bool
) -> list[ExitCode]:
    """Write the exports; what fails is told, for the page is still printed."""
    from echotrace.cli.exports import (
        refuse_idle_embedding,
        write_report_exports,
        write_run_exports,
    )
    from echotrace.cli.streams import tell_error
    from echotrace.errors import EchoTraceError
    from echotrace.model.report import Report

    if not isinstance(item, Report):
        refuse_idle_embedding(exports, embed_audio=embed_audio, why="a run holds no recording")
    try:
        if isinstance(item, Report):
            write_report_exports(item, exports, embed_audio=embed_audio)
        else:
            write_run_exports(item, exports)
    except EchoTraceError as error:
        tell_error(error.what, why=error.why, hint=error.hint)
        return [error.exit_code]
    return []


def _read_or_why(file: str) -> Opened:
    """Return the report, or why there is none: the others of this session open all the same."""
    from echotrace.errors import EchoTraceError

    try:
        return _read(file)
    except EchoTraceError as error:
        named = printable(file) or "an empty name"
        what = error.what if named in error.what else f"{named}: {error.what}"
        return type(error)(what, why=error.why, hint=error.hint, code=error.code)


def _read(file: str) -> Report | BenchmarkRun:
    """Read a saved report or a run.

    Raises:
        InputError: it cannot be read, or is no regular file.
        SchemaError: it is neither, is damaged, or was made by a newer EchoTrace.
    """
    import stat

    from echotrace.errors import InputError
    from echotrace.model.report import Report

    shown = printable(file)
    hint = "pass the file that `echotrace analyze --output` wrote"
    try:
        if not stat.S_ISREG(Path(file).stat().st_mode):  # opening a pipe would wait for ever
            reason = f"{shown or 'an empty name'} is not a regular file"
            raise InputError(reason, hint=hint, code="NOT_REGULAR")
        with Path(file).open("rb") as stream:
            text = stream.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{shown} cannot be read", why=reason, hint=hint, code="NOT_FOUND"
        ) from None
    if len(text) > _MAX_BYTES:
        raise InputError(f"{shown} is larger than any report", hint=hint, code="NOT_A_REPORT")
    schema = _SCHEMA.search(text[:_HEAD_BYTES])
    if schema is None or schema[1] not in (b"run", b"benchmark"):
        return Report.from_json(text)
    if schema[1] == b"benchmark":
        from echotrace.model.run_codec import loads_run

        return loads_run(text)
    return _summary(Path(file))


def _summary(path: Path) -> BenchmarkRun:
    """Return the figures over the lines of a run file, whole or not."""
    from echotrace.benchmark.run_file import read_run
    from echotrace.benchmark.summary import summarise
    from echotrace.cli.streams import tell

    stored = read_run(path)
    if stored.torn:
        tell(f"echotrace: the last line of {printable(path)} was cut off and is left out")
    return summarise(stored.header, stored.items)
