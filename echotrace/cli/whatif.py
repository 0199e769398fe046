"""``echotrace whatif``: the gap of a saved report, had parts of its pipeline been different."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from echotrace.cli.document import DOCUMENT
from echotrace.printable import printable

if TYPE_CHECKING:
    from echotrace.model.report import Report
    from echotrace.model.whatif import WhatIf

__all__ = ["whatif"]

_MAX_BYTES = 256 * 2**20


def whatif(
    report: Annotated[
        str,
        typer.Argument(
            metavar="REPORT",
            help="A report that `analyze --trace ... --output` wrote.",
            show_default=False,
        ),
    ],
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PART=MS",
            help="Let a part take so many ms (endpointing_wait=300); may be repeated.",
        ),
    ] = None,
    scales: Annotated[
        list[str] | None,
        typer.Option(
            "--scale",
            metavar="PART=FACTOR",
            help="Let a part take so many times as long (llm_inference=0.5); may be repeated.",
        ),
    ] = None,
    targets: Annotated[
        list[float] | None,
        typer.Option(
            "--target-ms",
            help="Tell the share of turns within this gap; may be repeated. Default: the bands.",
        ),
    ] = None,
    export_only: Annotated[
        bool, typer.Option("--json", "--export-only", help="Print exactly one JSON document.")
    ] = False,
    color: Annotated[
        bool | None, typer.Option("--color/--no-color", help="Force colour on or off.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Tell how the heard gap would change, and what a shorter endpointing wait would cut off."""
    import sys

    from echotrace.whatif.ask import check_targets, what_if
    from echotrace.whatif.change import read_changes

    changes = read_changes(sets or (), scales or ())
    wanted = check_targets(targets or ())
    _show(
        what_if(_read(report), changes, path=report, targets_ms=wanted),
        sys.stdout,
        as_json=export_only,
        color=color,
    )


def _read(file: str) -> Report:
    """Read a saved report.

    Raises:
        InputError: it cannot be read, or is no report.
    """
    from echotrace.errors import InputError
    from echotrace.files import read_regular
    from echotrace.model.report import Report

    shown = printable(file) or "an empty name"
    hint = "pass the file that `echotrace analyze --output` wrote"
    try:
        data = read_regular(file, limit=_MAX_BYTES)
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(f"{shown} cannot be read", why=why, hint=hint, code="NOT_FOUND") from None
    if len(data) > _MAX_BYTES:
        raise InputError(f"{shown} is larger than any report", hint=hint, code="NOT_A_REPORT")
    return Report.from_json(data)


def _show(result: WhatIf, stream: TextIO, *, as_json: bool, color: bool | None) -> None:
    from echotrace.errors import StorageError

    if as_json:
        text = result.to_json() + "\n"
    else:
        from echotrace.render.base import RenderOptions
        from echotrace.render.console.whatif import render_what_if

        options = RenderOptions.for_stream(stream, color=color)
        text = render_what_if(
            result,
            width=options.width,
            color=bool(options.color),
            ascii_only=options.ascii_only,
        )
    DOCUMENT.begun = True
    try:
        with suppress(BrokenPipeError):
            stream.write(text)
            stream.flush()
    except OSError as error:
        raise StorageError("stdout cannot be written", why=error.strerror or str(error)) from None
