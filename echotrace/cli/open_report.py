"""``echotrace open``: show saved reports again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echotrace.cli.document import DOCUMENT
from echotrace.printable import printable

if TYPE_CHECKING:
    from echotrace.errors import EchoTraceError
    from echotrace.model.report import Report

__all__ = ["open_report"]

_MAX_BYTES = 256 * 2**20


def open_report(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Reports that `analyze --output` wrote; several open as tabs.",
            show_default=False,
        ),
    ],
    export_only: Annotated[
        bool, typer.Option("--export-only", "--json", help="Print the report's JSON (one file).")
    ] = False,
    no_tui: Annotated[
        bool, typer.Option("--no-tui", help="Print the reports instead of opening the app.")
    ] = False,
    color: Annotated[bool | None, typer.Option("--color/--no-color", help="Force colour.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Show saved reports again, several beside each other."""
    import sys

    from echotrace.cli.interactive import opens_app, show_in_app
    from echotrace.cli.output import show_report
    from echotrace.cli.streams import tell_error, tell_traceback
    from echotrace.errors import EchoTraceError, UsageError, worst_exit_code

    DOCUMENT.path = printable(files[0])
    if export_only and len(files) > 1:
        raise UsageError(
            f"--json prints one document, and {len(files):,} reports were named",
            hint="name one report, and run the command once for each",
        )
    if len(files) == 1:
        opened: list[tuple[str, Report | EchoTraceError]] = [(files[0], _read(files[0]))]
    else:
        opened = [(file, _read_or_why(file)) for file in files]
    readable = any(not isinstance(item, EchoTraceError) for _, item in opened)
    codes = []
    if readable and opens_app(printed=export_only or no_tui):
        code = show_in_app(
            [(Path(file).name or file, file, item) for file, item in opened],
            color=color,
            debug=debug,
        )
        codes.append(code)
    else:
        for _, item in opened:
            if isinstance(item, EchoTraceError):
                if debug:
                    tell_traceback(item)
                tell_error(item.what, why=item.why, hint=item.hint)
                codes.append(item.exit_code)
            else:
                show_report(item, sys.stdout, as_json=export_only, color=color)
    raise typer.Exit(worst_exit_code(codes))


def _read_or_why(file: str) -> Report | EchoTraceError:
    """Return the report, or why there is none: the others of this session open all the same."""
    from echotrace.errors import EchoTraceError

    try:
        return _read(file)
    except EchoTraceError as error:
        named = printable(file) or "an empty name"
        what = error.what if named in error.what else f"{named}: {error.what}"
        return type(error)(what, why=error.why, hint=error.hint, code=error.code)


def _read(file: str) -> Report:
    """Read a saved report.

    Raises:
        InputError: it cannot be read, or is no regular file.
        SchemaError: it is no report, is damaged, or was made by a newer EchoTrace.
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
    return Report.from_json(text)
