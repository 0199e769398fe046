"""The ``echotrace`` command: the Typer app, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from echotrace._version import __version__
from echotrace.cli import analyze, demo, open_report, version
from echotrace.cli.streams import discard_output, tell_error
from echotrace.errors import EchoTraceError, ExitCode, InternalError

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["app", "main"]

_EPILOG = "Exit codes: " + "; ".join(
    f"{code.value} {text}"
    for code, text in (
        (ExitCode.PASS, "pass"),
        (ExitCode.GATE_FAILED, "a gate failed"),
        (ExitCode.USAGE, "usage or configuration"),
        (ExitCode.INPUT, "unusable input"),
        (ExitCode.PROVIDER, "a named provider or the network is unavailable"),
        (ExitCode.MISSING, "missing model or package"),
        (ExitCode.STORAGE, "storage"),
        (ExitCode.BATCH, "some items of a batch failed"),
        (ExitCode.EVIDENCE, "not enough evidence for a gate"),
        (ExitCode.INTERNAL, "internal error"),
        (ExitCode.INTERRUPTED, "interrupted"),
        (ExitCode.TERMINATED, "terminated"),
    )
)

_START_HERE = """\
EchoTrace: what the caller heard, which stage made it slow, what made it wrong.

  echotrace demo                 try it on the bundled recording, offline
  echotrace analyze call.wav     profile a recording of yours
  echotrace analyze --help       every option
"""

app = typer.Typer(
    name="echotrace",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
)
app.command("analyze", epilog=_EPILOG)(analyze.analyze)
app.command("demo")(demo.demo)
app.command("open")(open_report.open_report)
app.command("version")(version.version)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"echotrace {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            callback=_print_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """Profile the reliability of a voice agent from the recording of a call."""
    if context.invoked_subcommand is None:
        typer.echo(_START_HERE, nl=False)


def main(argv: list[str] | None = None) -> None:
    """Run the command line and leave with the exit code of the project's table."""
    arguments = sys.argv[1:] if argv is None else argv
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
        code = ExitCode.PASS
    sys.exit(int(code))


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments or os.environ.get("ECHOTRACE_DEBUG", "") not in ("", "0")
    try:
        result = app(arguments, prog_name="echotrace", standalone_mode=False)
    except typer.Exit as leave:
        return leave.exit_code
    except (KeyboardInterrupt, typer.Abort):
        tell_error("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except EchoTraceError as error:
        if debug:
            _print_traceback()
        tell_error(error.what, why=error.why, hint=error.hint)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last door: no traceback reaches a user
        return _unexpected(error, debug=debug)
    return result if isinstance(result, int) else ExitCode.PASS


def _unexpected(error: Exception, *, debug: bool) -> int:
    from typer.exceptions import TyperException

    if isinstance(error, TyperException):
        tell_error(error.format_message(), hint="echotrace --help")
        return ExitCode.USAGE
    if debug:
        _print_traceback()
    wrapped = InternalError("something went wrong inside EchoTrace")
    tell_error(wrapped.what, why=f"{type(error).__name__}: {error}", hint=wrapped.hint)
    return ExitCode.INTERNAL


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise typer.Exit(ExitCode.TERMINATED)
