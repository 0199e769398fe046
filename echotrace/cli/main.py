"""The ``echotrace`` command: the Typer app, and the one place where errors become exit codes."""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from echotrace._version import __version__
from echotrace.cli import (
    analyze,
    baseline,
    benchmark,
    compare,
    demo,
    generate_calls,
    generate_fixtures,
    models,
    open_report,
    probe,
    setup,
    version,
    whatif,
)
from echotrace.cli.document import DOCUMENT, is_owed, write_failed
from echotrace.cli.streams import discard_output, own_streams, tell_error, tell_traceback
from echotrace.errors import EchoTraceError, ExitCode, InternalError, StorageError, UsageError
from echotrace.printable import printable

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
  echotrace probe llm            time a language model, without a recording
  echotrace setup                choose speech engines and a language model
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
app.add_typer(baseline.app, name="baseline")
app.command("benchmark", epilog=_EPILOG)(benchmark.benchmark)
app.command("compare", epilog=_EPILOG)(compare.compare)
app.command("demo")(demo.demo)
app.command("generate-calls")(generate_calls.generate_calls)
app.command("generate-fixtures")(generate_fixtures.generate_fixtures)
app.add_typer(models.app, name="models")
app.command("open")(open_report.open_report)
app.add_typer(probe.app, name="probe")
app.command("setup")(setup.setup)
app.command("version")(version.version)
app.command("whatif")(whatif.whatif)


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
    own_streams()
    arguments = sys.argv[1:] if argv is None else argv
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
        code = ExitCode.PASS
    except OSError as error:
        discard_output()
        tell_error("stdout cannot be written", why=error.strerror or str(error))
        code = ExitCode.STORAGE
    sys.exit(int(code))


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments or os.environ.get("ECHOTRACE_DEBUG", "") not in ("", "0")
    DOCUMENT.command = arguments[0] if arguments else ""
    DOCUMENT.owed = is_owed(arguments)
    try:
        result = app(arguments, prog_name="echotrace", standalone_mode=False)
        code = result if isinstance(result, int) else ExitCode.PASS
        if code not in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
            return code
        error = _stopped()
    except (KeyboardInterrupt, typer.Abort):
        error, code = _stopped(), ExitCode.INTERRUPTED
        tell_error(error.what)
    except BrokenPipeError:
        raise
    except BaseException as raised:  # noqa: BLE001 - the last door: no traceback reaches a user
        if debug:
            tell_traceback(raised)
        error = _readable(raised)
        code = error.exit_code
        tell_error(error.what, why=error.why, hint=error.hint)
    if is_owed(arguments):
        write_failed(error)
    return code


def _readable(error: BaseException) -> EchoTraceError:
    from typer.exceptions import TyperException

    if isinstance(error, EchoTraceError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = printable(str(error.filename or "stdout"))
        return StorageError(f"{where} cannot be written", why=error.strerror or str(error))
    if isinstance(error, TyperException):
        return UsageError(error.format_message())
    from echotrace.providers.known_secrets import unexpected

    return InternalError("something went wrong inside EchoTrace", why=unexpected(error))


def _stopped() -> EchoTraceError:
    return EchoTraceError("interrupted", code="INTERRUPTED")


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise typer.Exit(ExitCode.TERMINATED)
