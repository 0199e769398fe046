"""``echotrace open``: show a saved report again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["open_report"]

_MAX_BYTES = 256 * 2**20


def open_report(
    file: Annotated[str, typer.Argument(help="A report that `analyze --output` wrote.")],
    export_only: Annotated[
        bool, typer.Option("--export-only", "--json", help="Print the report's JSON.")
    ] = False,
    color: Annotated[bool | None, typer.Option("--color/--no-color", help="Force colour.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Show a saved report again."""
    import stat
    import sys

    from echotrace.cli.output import show_report
    from echotrace.errors import InputError
    from echotrace.model.report import Report

    try:
        if not stat.S_ISREG(Path(file).stat().st_mode):  # opening a pipe would wait for ever
            raise InputError(f"{file} is not a regular file", code="NOT_REGULAR")
        with Path(file).open("rb") as stream:
            text = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"{file} cannot be read", why=error.strerror or str(error), code="NOT_FOUND"
        ) from None
    if len(text) > _MAX_BYTES:
        raise InputError(f"{file} is larger than any report", code="NOT_A_REPORT")
    show_report(Report.from_json(text), sys.stdout, as_json=export_only, color=color)
