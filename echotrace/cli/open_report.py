"""``echotrace open``: show a saved report again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from echotrace.cli.document import DOCUMENT
from echotrace.printable import printable

__all__ = ["open_report"]

_MAX_BYTES = 256 * 2**20


def open_report(
    file: Annotated[str, typer.Argument(help="A report that `analyze --output` wrote.")],
    export_only: Annotated[
        bool, typer.Option("--export-only", "--json", help="Print the report's JSON.")
    ] = False,
    no_tui: Annotated[
        bool, typer.Option("--no-tui", help="Print the report instead of opening the app.")
    ] = False,
    color: Annotated[bool | None, typer.Option("--color/--no-color", help="Force colour.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Show a saved report again."""
    import stat
    import sys

    from echotrace.cli.interactive import opens_app, show_in_app
    from echotrace.cli.output import show_report
    from echotrace.errors import InputError
    from echotrace.model.report import Report

    DOCUMENT.path = shown = printable(file)
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
    report = Report.from_json(text)
    if opens_app(printed=export_only or no_tui):
        show_in_app(Path(file).name, report, color=color, debug=debug)
    else:
        show_report(report, sys.stdout, as_json=export_only, color=color)
