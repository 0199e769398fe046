"""``echotrace models``: which speech models are here, fetching one, and where one lies."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from echotrace.cli.streams import tell
from echotrace.errors import ExitCode
from echotrace.printable import printable, printable_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from echotrace.providers.stt.model_download import Download
    from echotrace.providers.stt.model_store import StoredModel

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    help="List, download and find speech models.",
)

_Name = Annotated[
    str, typer.Argument(help="A size such as tiny, owner/name of a repository, or sphinx.")
]
_Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


@app.callback(invoke_without_command=True)
def _models(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read the files and check their content.")
    ] = False,
    debug: _Debug = False,
) -> int:
    """Show the models on this machine, how large they are and whether they are complete."""
    from echotrace.providers.stt.model_store import cache_of_models, list_models

    models = list_models(verify=verify)
    cache = str(cache_of_models())
    if as_json:
        document = {"cache": cache, "models": [_described(model) for model in models]}
        typer.echo(json.dumps(document, allow_nan=False, indent=2))
    elif sys.stdout.isatty():
        _show_table(models, cache)
    else:
        for model in models:
            typer.echo(printable_line(_line(model)))
    return ExitCode.PASS


@app.command()
def download(
    name: _Name,
    offline: Annotated[
        bool | None, typer.Option("--offline/--online", help="Forbid every connection.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell no progress.")] = False,
    debug: _Debug = False,
) -> int:
    """Fetch a model, or the missing and damaged files of one; a broken download is taken up again.

    The folder is printed to stdout.
    """
    from echotrace.cli.options import load
    from echotrace.providers.stt.model_download import download_model, plan_download

    settings = load({"offline": offline}, None, quiet=quiet)
    plan = plan_download(name, offline=settings.offline)
    if not quiet:
        _tell_plan(plan)
    try:
        with _progress(plan, quiet=quiet) as on_bytes:
            folder = download_model(plan, on_bytes)
    except KeyboardInterrupt:
        tell(
            "echotrace: stopped; what has come is kept, "
            f"`echotrace models download {printable(name)}` goes on from there"
        )
        return ExitCode.INTERRUPTED
    typer.echo(str(folder))
    return ExitCode.PASS


@app.command()
def path(name: _Name, debug: _Debug = False) -> int:
    """Print the folder of a model that is here and complete, and nothing else."""
    from echotrace.providers.stt.model_store import model_folder

    typer.echo(str(model_folder(name)))
    return ExitCode.PASS


def _described(model: StoredModel) -> dict[str, object]:
    return {
        "name": model.name,
        "source": model.source,
        "repository": model.repository,
        "folder": str(model.folder),
        "bytes": model.bytes,
        "complete": model.is_complete,
        "problems": list(model.problems),
        "left_over_bytes": model.left_over_bytes,
    }


def _state(model: StoredModel) -> str:
    return "complete" if model.is_complete else f"incomplete: {'; '.join(model.problems)}"


def _line(model: StoredModel) -> str:
    return f"{model.name}  {_megabytes(model.bytes)}  {model.source}  {_state(model)}"


def _show_table(models: Sequence[StoredModel], cache: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("model", "size", "from", "state", box=None, pad_edge=False)
    for model in models:
        name = model.folder.name if model.source == "bundled" else model.name
        style = "" if model.is_complete else "yellow"
        row = (name, _megabytes(model.bytes), model.source, _state(model))
        table.add_row(*(Text(printable_line(cell)) for cell in row), style=style)
    console = Console()
    console.print(table)
    console.print(Text(f"cache: {printable_line(cache)}"), style="dim")
    if not all(model.is_complete for model in models):
        console.print(Text("repair one: echotrace models download NAME"))


def _tell_plan(plan: Download) -> None:
    for name in plan.repaired:
        tell(f"echotrace: {printable_line(name)} is damaged and is fetched again")
    if not plan.fetch:
        tell(f"echotrace: {printable_line(plan.repository)} is complete")
        return
    kept = f", {_megabytes(plan.partial_bytes)} are here already" if plan.partial_bytes else ""
    tell(
        f"echotrace: fetching {len(plan.fetch)} files of {printable_line(plan.repository)}, "
        f"{_megabytes(plan.needed_bytes)}{kept}"
    )


@contextmanager
def _progress(plan: Download, *, quiet: bool) -> Iterator[Callable[[str, int], None]]:
    """Show a bar on a terminal; elsewhere the line before is enough."""
    if quiet or not plan.fetch or not sys.stderr.isatty():
        yield lambda _name, _bytes: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        task = bars.add_task(
            printable_line(plan.model), total=sum(file.bytes for file in plan.fetch)
        )
        done: dict[str, int] = {}

        def show(name: str, count: int) -> None:
            done[name] = count
            bars.update(task, completed=sum(done.values()))

        yield show


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
