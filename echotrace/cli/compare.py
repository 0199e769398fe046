"""``echotrace compare``: run B beside run A, or report B beside report A."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from echotrace.cli.document import DOCUMENT
from echotrace.errors import ExitCode, StorageError, UsageError, worst_exit_code
from echotrace.printable import printable

if TYPE_CHECKING:
    from echotrace.model.benchmark import BenchmarkRun, RunComparison
    from echotrace.model.report import Report

__all__ = ["compare"]

_MAX_BYTES = 2**30
_CODES = {"pass": ExitCode.PASS, "regression": ExitCode.GATE_FAILED}


def compare(
    a: Annotated[
        str,
        typer.Argument(metavar="A", help="The run (or report) to measure by.", show_default=False),
    ],
    b: Annotated[
        str,
        typer.Argument(
            metavar="B", help="The run (or report) that may have got worse.", show_default=False
        ),
    ],
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance", help="How much worse than A is no regression, as a share of its figure."
        ),
    ] = 0.10,
    export: Annotated[
        list[str] | None,
        typer.Option("--export", help="Also write markdown or json=PATH; may be repeated."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Let --export replace files that exist.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", "--export-only", help="Print exactly one JSON document.")
    ] = False,
    color: Annotated[
        bool | None, typer.Option("--color/--no-color", help="Force colour on or off.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> int:
    """Tell whether B is worse than A beyond chance: exit code 0 no, 1 yes, 8 it cannot be told."""
    import sys

    from echotrace.cli.exports import COMPARISON_FORMATS, read_exports, write_comparison_exports
    from echotrace.cli.streams import tell_error
    from echotrace.errors import EchoTraceError

    if not 0.0 <= tolerance < 1e9:  # also refuses NaN
        raise UsageError(
            f"--tolerance is {tolerance:g}",
            why="it is a share of A's figure, 0 or more",
            hint="--tolerance 0.1 allows a WER of 10 % to become 11 %",
        )
    exports = read_exports(export or [], force=force, inputs=[a, b], formats=COMPARISON_FORMATS)
    compared = _compared(a, b, tolerance)
    codes = [_CODES.get(compared.outcome, ExitCode.EVIDENCE)]
    try:
        write_comparison_exports(compared, exports)
    except EchoTraceError as error:  # the comparison still goes to stdout
        tell_error(error.what, why=error.why, hint=error.hint)
        codes.append(error.exit_code)
    _show(compared, sys.stdout, as_json=as_json, color=color)
    return worst_exit_code(codes)


def _compared(a: str, b: str, tolerance: float) -> RunComparison:
    from echotrace.benchmark.compare import compare_reports, compare_runs
    from echotrace.model.benchmark import BenchmarkRun

    one, other = _read(a), _read(b)
    names = {"a_name": _named(a), "b_name": _named(b)}
    if isinstance(one, BenchmarkRun) and isinstance(other, BenchmarkRun):
        return compare_runs(one, other, tolerance=tolerance, **names)
    if isinstance(one, BenchmarkRun) or isinstance(other, BenchmarkRun):
        run, report = (a, b) if isinstance(one, BenchmarkRun) else (b, a)
        raise UsageError(
            f"{printable(run)} is a run and {printable(report)} a report",
            hint="compare two runs, or two reports",
            code="MIXED",
        )
    return compare_reports(one, other, tolerance=tolerance, **names)


def _named(file: str) -> str:
    return printable(Path(file).name or file)


def _read(file: str) -> BenchmarkRun | Report:
    """Read a run file, a run's document or a report, told apart by their schema.

    Raises:
        InputError: it cannot be read, is none of them, is damaged, or newer than this version.
    """
    from echotrace.errors import InputError, SchemaError
    from echotrace.files import read_regular

    shown = printable(file) or "an empty name"
    hint = "name a run that `echotrace benchmark` wrote, or a report of `analyze --output`"
    try:
        data = read_regular(file, limit=_MAX_BYTES)
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(f"{shown} cannot be read", why=why, hint=hint, code="NOT_FOUND") from None
    schema = _schema_of(data)
    if schema.startswith("echotrace.report/"):
        from echotrace.model.report import Report

        try:
            return Report.from_json(data)
        except SchemaError as error:
            raise SchemaError(
                f"{shown}: {error.what}", why=error.why, hint=error.hint, code=error.code
            ) from None
    if schema.startswith(("echotrace.run/", "echotrace.benchmark/")) or not data.strip():
        return _read_run(file)
    why = f"its schema is {printable(schema[:60])!r}" if schema else "it names no schema"
    raise InputError(f"{shown} is neither a run nor a report", why=why, hint=hint, code="NOT_A_RUN")


def _read_run(file: str) -> BenchmarkRun:
    from echotrace.benchmark.run_file import read_run
    from echotrace.benchmark.summary import summarise
    from echotrace.cli.streams import tell

    stored = read_run(Path(file))
    if stored.torn:
        tell(f"echotrace: {printable(file)}: its last line was cut off and is left out")
    return summarise(stored.header, stored.items)


def _schema_of(data: bytes) -> str:
    """Return the schema that the first line names, or the whole; empty where there is none."""
    import json

    first = data.partition(b"\n")[0]
    for text in (first, data):
        with suppress(ValueError, RecursionError):
            document = json.loads(text)
            if isinstance(document, dict):
                return str(document.get("schema", ""))
    return "echotrace.run/" if b'"echotrace.run/' in first[:100] else ""


def _show(compared: RunComparison, stream: TextIO, *, as_json: bool, color: bool | None) -> None:
    from echotrace.render.base import RenderOptions, get_comparison_renderer

    renderer = get_comparison_renderer("json" if as_json else "console")
    text = renderer.render_comparison(compared, RenderOptions.for_stream(stream, color=color))
    DOCUMENT.begun = True
    try:
        with suppress(BrokenPipeError):
            stream.write(text)
            stream.flush()
    except OSError as error:
        raise StorageError("stdout cannot be written", why=error.strerror or str(error)) from None
