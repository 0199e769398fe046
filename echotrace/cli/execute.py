"""From a request to stdout and an exit code: what ``analyze`` and ``demo`` share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from echotrace.cli.document import DOCUMENT
from echotrace.cli.interactive import opens_app, profile_in_app
from echotrace.cli.options import files_read
from echotrace.cli.output import check_target, show_report, write_text
from echotrace.cli.progress import progress
from echotrace.cli.runner import exit_code_of, run_until_signal
from echotrace.cli.streams import reserve_stdout, tell_error, tell_traceback
from echotrace.errors import EchoTraceError, ExitCode, worst_exit_code
from echotrace.printable import printable

if TYPE_CHECKING:
    from echotrace.config.settings import Settings
    from echotrace.expressions import Expression
    from echotrace.model.run import RunOutcome, RunRequest

__all__ = ["Presentation", "execute", "tell_failures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """How a run shows itself: JSON or a reader's report, where else it goes, how much is told."""

    as_json: bool = False
    output: Path | None = None
    force: bool = False
    quiet: bool = False
    debug: bool = False
    color: bool | None = None
    no_tui: bool = False
    inputs: tuple[str, ...] = ()
    """Files beside the recording that the command line names, which ``output`` must not replace."""

    @property
    def printed(self) -> bool:
        """Whether the user asked for text, so that no app opens."""
        return self.as_json or self.quiet or self.no_tui


def execute(
    request: RunRequest,
    settings: Settings,
    gates: tuple[Expression, ...],
    show: Presentation,
) -> ExitCode:
    """Run, write what was asked for, and return the exit code.

    Raises:
        EchoTraceError: nothing could be run; ``show.output`` then holds the failed report.
    """
    DOCUMENT.path, DOCUMENT.synthetic = printable(request.path), request.synthetic
    if show.output is not None:
        inputs = (request.path, *show.inputs, *files_read(settings))
        check_target(show.output, force=show.force, inputs=inputs)
    if opens_app(printed=show.printed, path=request.path):
        work = (Path(request.path).name, request, settings, gates)
        return profile_in_app([work], output=show.output, color=show.color, debug=show.debug)
    from echotrace.aggregator import failed_report

    with reserve_stdout() as stdout:
        try:
            return _run(request, settings, gates, show, stdout)
        except EchoTraceError as error:
            if show.output is not None:
                report = failed_report(DOCUMENT.path, error, synthetic=request.synthetic)
                write_text(show.output, report.to_json() + "\n")
            raise


def _run(
    request: RunRequest,
    settings: Settings,
    gates: tuple[Expression, ...],
    show: Presentation,
    stdout: TextIO,
) -> ExitCode:
    from echotrace.gates import evaluate_gates
    from echotrace.orchestrator import run

    with progress(request, quiet=show.quiet) as listener:
        outcome = run_until_signal(run(request, settings, on_event=listener))
    if gates:
        report = replace(outcome.report, gates=evaluate_gates(outcome.report, gates))
        outcome = replace(outcome, report=report)
    codes = [exit_code_of(outcome)]
    if show.output is not None:
        try:
            write_text(show.output, outcome.report.to_json() + "\n")
        except EchoTraceError as error:  # the report still goes to stdout
            tell_error(error.what, why=error.why, hint=error.hint)
            codes.append(error.exit_code)
    show_report(outcome.report, stdout, as_json=show.as_json, color=show.color)
    tell_failures(outcome, debug=show.debug)
    return worst_exit_code(codes)


def tell_failures(outcome: RunOutcome, *, debug: bool) -> None:
    """Tell each failure that decides the exit code; with ``debug`` the traceback of every one."""
    for failure in outcome.failures:
        if debug:
            tell_traceback(failure.error)
        if failure.exit_code is not ExitCode.PASS:
            _tell_failure(failure.stage, failure.error)


def _tell_failure(stage: str, error: BaseException) -> None:
    from echotrace.providers.known_secrets import unexpected

    if isinstance(error, EchoTraceError):
        tell_error(f"{stage}: {error.what}", why=error.why, hint=error.hint)
    else:
        hint = "run again with --debug and report what it prints"
        tell_error(f"{stage} failed inside EchoTrace: {unexpected(error)}", hint=hint)
