"""``echotrace baseline``: keep a whole run under a name, and show those that are kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echotrace.cli.streams import tell
from echotrace.errors import ExitCode, worst_exit_code
from echotrace.printable import printable, printable_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.benchmark.baselines import Baseline
    from echotrace.model.benchmark import BenchmarkRun

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    help="Keep a benchmark's run to compare later ones with.",
)

_Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


@app.callback(invoke_without_command=True)
def _baseline(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("set")
def set_(
    name: Annotated[
        str, typer.Argument(help="The name: letters, digits, '.', '_' and '-'.", show_default=False)
    ],
    run: Annotated[
        Path,
        typer.Argument(help="The run file that `benchmark --output` wrote.", show_default=False),
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the baseline of this name.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell nothing.")] = False,
    debug: _Debug = False,
) -> int:
    """Keep a whole run as a baseline: .echotrace/baselines/NAME.jsonl, made to be committed.

    The file is printed to stdout.
    """
    from echotrace.benchmark.baselines import set_baseline

    path = set_baseline(name, run, Path(), force=force)
    typer.echo(str(path))
    if not quiet:
        tell(f"echotrace: commit it; compare with it: echotrace benchmark ... --baseline {name}")
    return ExitCode.PASS


@app.command()
def show(
    name: Annotated[
        str | None,
        typer.Argument(help="One baseline, or a run file. Default: a line for each baseline."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", "--export-only", help="Print one JSON document.")
    ] = False,
    color: Annotated[
        bool | None, typer.Option("--color/--no-color", help="Force colour on or off.")
    ] = None,
    debug: _Debug = False,
) -> int:
    """Show the baselines of this folder with their date, clips and WER, or one of them whole."""
    from echotrace.benchmark.baselines import list_baselines, read_baseline, resolve_baseline

    if name is not None:
        _show_run(read_baseline(resolve_baseline(name, Path())), as_json=as_json, color=color)
        return ExitCode.PASS
    found = list_baselines(Path())
    if as_json:
        import json

        document = {"baselines": [_described(each) for each in found]}
        typer.echo(json.dumps(document, allow_nan=False, indent=2))
    elif not found:
        tell("echotrace: there is no baseline here: echotrace baseline set main run.jsonl")
    else:
        for row in _rows(found):
            typer.echo(row)
    return worst_exit_code([each.problem.exit_code for each in found if each.problem])


def _show_run(run: BenchmarkRun, *, as_json: bool, color: bool | None) -> None:
    from echotrace.render.base import RenderOptions, get_run_renderer

    renderer = get_run_renderer("json" if as_json else "console")
    options = RenderOptions.for_stream(sys.stdout, color=color)
    typer.echo(renderer.render_run(run, options).rstrip("\n"))


def _described(item: Baseline) -> dict[str, Any]:
    run = item.run
    if run is None:
        why = item.problem
        reason = "; ".join(part for part in (why.what, why.why) if part) if why else ""
        return {"name": item.name, "path": printable(item.path), "problem": reason}
    return {
        "name": item.name,
        "path": printable(item.path),
        "created_at": run.header.created_at,
        "clips": run.header.clips,
        "items": len(run.items),
        "failed": sum(each.status != "ok" for each in run.items),
        "engines": [
            {
                "name": cell.engine,
                "wer": cell.wer.value,
                "low": cell.wer.low,
                "high": cell.wer.high,
                "status": cell.wer.status.value,
                "reason": cell.wer.reason,
            }
            for cell in run.cells
            if cell.condition is None
        ],
    }


def _rows(found: Sequence[Baseline]) -> list[str]:
    """Return a line for each engine of each baseline, their columns below each other."""
    table: list[tuple[str, ...]] = []
    for item in found:
        if item.run is None:
            problem = item.problem
            told = f"{problem.what}: {problem.why}" if problem and problem.why else problem
            table.append((item.name, f"cannot be used: {told}"))
            continue
        table += _figures(item.name, item.run)
    whole = [row for row in table if len(row) > 2]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    lines = []
    for row in table:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join(padded if len(row) > 2 else row).rstrip())
    return lines


def _figures(name: str, run: BenchmarkRun) -> list[tuple[str, ...]]:
    from echotrace.render.console.figures import figure, interval

    header = run.header
    rows: list[tuple[str, ...]] = []
    for cell in run.cells:
        if cell.condition is not None:
            continue
        wer = f"WER {figure(cell.wer)} {interval(cell.wer)}".rstrip()
        if cell.failed:
            wer += f", {cell.failed:,} failed"
        date, clips = header.created_at[:10], f"{header.clips:,} clips"
        rows.append((name, date, clips, printable_line(cell.engine), wer))
    return rows or [(name, header.created_at[:10], f"{header.clips:,} clips", "", "")]
