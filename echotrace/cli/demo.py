"""``echotrace demo``: the main job, offline, on the recordings and models in the package."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]


class Part(str, Enum):
    """Which of the two demo recordings to run."""

    RECORDING = "recording"
    CALL = "call"


def demo(
    only: Annotated[
        Part | None,
        typer.Option("--only", help="Run only the noisy recording, or only the call."),
    ] = None,
    export_only: Annotated[
        bool,
        typer.Option(
            "--export-only", "--json", help="Print one JSON document (the recording's by default)."
        ),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the report's JSON to this file.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Let --output replace a file that exists.")
    ] = False,
    no_tui: Annotated[
        bool, typer.Option("--no-tui", help="Print the report instead of opening the app.")
    ] = False,
    color: Annotated[
        bool | None, typer.Option("--color/--no-color", help="Force colour on or off.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> int:
    """Profile the bundled synthetic recordings with the bundled models, without any network."""
    from echotrace.cli.bundled import demo_runs
    from echotrace.cli.execute import Presentation, execute
    from echotrace.cli.interactive import opens_app, own_look, profile_in_app
    from echotrace.errors import worst_exit_code

    one_document = export_only or output is not None
    wanted = only.value if only else (Part.RECORDING.value if one_document else None)
    show = Presentation(
        as_json=export_only,
        output=output,
        force=force,
        quiet=quiet,
        debug=debug,
        color=color,
        no_tui=no_tui,
    )
    runs = [run for run in demo_runs() if wanted in (None, run[0])]
    if len(runs) > 1 and opens_app(printed=show.printed):
        return profile_in_app(
            [(*run, ()) for run in runs],
            output=None,
            color=color,
            debug=debug,
            look=own_look(),
        )
    return worst_exit_code([execute(request, settings, (), show) for _, request, settings in runs])
