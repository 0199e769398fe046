"""From a request to stdout and an exit code: what ``analyze`` and ``demo`` share."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from echotrace.cli.document import DOCUMENT
from echotrace.cli.exports import (
    REPORT_FORMATS,
    read_exports,
    refuse_idle_embedding,
    write_report_exports,
)
from echotrace.cli.interactive import opens_app, profile_in_app
from echotrace.cli.options import files_read
from echotrace.cli.output import check_target, show_report, write_text
from echotrace.cli.progress import progress
from echotrace.cli.runner import exit_code_of, run_until_signal
from echotrace.cli.streams import reserve_stdout, tell_error, tell_traceback
from echotrace.errors import EchoTraceError, ExitCode, worst_exit_code
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.cli.exports import Export
    from echotrace.config.settings import Settings
    from echotrace.expressions import Expression
    from echotrace.model.report import Report
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
    exports: tuple[str, ...] = ()
    """What is written besides, as ``FORMAT=PATH``."""
    embed_audio: bool = False

    @property
    def printed(self) -> bool:
        """Whether the user asked for text, so that no app opens."""
        return self.as_json or self.quiet or self.no_tui or bool(self.exports)


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
    exports: tuple[Export, ...] = ()
    if show.output is not None or show.exports:
        inputs = (request.path, *show.inputs, *files_read(settings))
        if show.output is not None:
            check_target(show.output, force=show.force, inputs=inputs)
        outputs = () if show.output is None else (show.output,)
        exports = read_exports(
            list(show.exports),
            force=show.force,
            inputs=inputs,
            outputs=outputs,
            formats=REPORT_FORMATS,
        )
    from_stdin = "the recording comes from stdin, and is not kept" if request.path == "-" else ""
    refuse_idle_embedding(exports, embed_audio=show.embed_audio, why=from_stdin)
    if opens_app(printed=show.printed, path=request.path):
        work = (Path(request.path).name, request, settings, gates)
        return profile_in_app([work], output=show.output, color=show.color, debug=show.debug)
    from echotrace.aggregator import failed_report

    with reserve_stdout() as stdout:
        try:
            outcome = _run(request, settings, gates, show)
        except EchoTraceError as error:
            if show.output is not None or exports:
                report = failed_report(DOCUMENT.path, error, synthetic=request.synthetic)
                _write_files(report, show, exports)
            raise
        return _tell(outcome, show, exports, stdout)


def _run(
    request: RunRequest,
    settings: Settings,
    gates: tuple[Expression, ...],
    show: Presentation,
) -> RunOutcome:
    from echotrace.gates import evaluate_gates
    from echotrace.orchestrator import run

    with progress(request, quiet=show.quiet) as listener:
        outcome = run_until_signal(run(request, settings, on_event=listener))
    if gates:
        report = replace(outcome.report, gates=evaluate_gates(outcome.report, gates))
        outcome = replace(outcome, report=report)
    return outcome


def _tell(
    outcome: RunOutcome, show: Presentation, exports: Sequence[Export], stdout: TextIO
) -> ExitCode:
    codes = [exit_code_of(outcome), *_write_files(outcome.report, show, exports)]
    show_report(outcome.report, stdout, as_json=show.as_json, color=show.color)
    tell_failures(outcome, debug=show.debug)
    return worst_exit_code(codes)


def _write_files(report: Report, show: Presentation, exports: Sequence[Export]) -> list[ExitCode]:
    """Write the output and the exports; what fails is told, for the report still goes to stdout."""
    codes: list[ExitCode] = []
    embed_audio = show.embed_audio and report.status.value != "failed"
    with _told(codes):
        if show.output is not None:
            write_text(show.output, report.to_json() + "\n")
    with _told(codes):
        write_report_exports(report, exports, embed_audio=embed_audio)
    return codes


@contextmanager
def _told(codes: list[ExitCode]) -> Iterator[None]:
    """Tell what keeps the body from being done, and add its exit code."""
    try:
        yield
    except EchoTraceError as error:
        tell_error(error.what, why=error.why, hint=error.hint)
        codes.append(error.exit_code)


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
