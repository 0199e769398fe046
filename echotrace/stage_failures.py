"""What is told of a stage that left no result, and what refuses a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from echotrace.errors import EchoTraceError, ExitCode, InputError, ProviderError, UsageError
from echotrace.isolation import IsolationError
from echotrace.model.measure import Finding, Severity
from echotrace.model.report import AnalyzerResult
from echotrace.model.run import RunRequest, StageFailure
from echotrace.providers.known_secrets import unexpected

__all__ = [
    "TRACE_STAGE",
    "Failed",
    "cancelled_itself",
    "check_trace",
    "failed",
    "refused_trace",
    "unknown_stage",
]

TRACE_STAGE: Final = "trace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A stage's failure in the report, among its findings, and for the exit code."""

    entry: AnalyzerResult
    finding: Finding
    failure: StageFailure
    reason: str


def failed(stage: str, error: BaseException, *, built_in: bool) -> Failed:
    """Return how a stage's failure is told; that of a plug-in never decides the exit code."""
    if isinstance(error, EchoTraceError):
        code, reason, hint = error.code, error.what, error.hint or None
        if error.why:
            reason = f"{reason}: {error.why}"
        exit_code = error.exit_code
    elif isinstance(error, IsolationError):
        code, reason, hint, exit_code = error.code, str(error), None, ExitCode.PASS
    else:
        code = "INTERNAL_ERROR" if built_in else "ANALYZER_FAILED"
        reason = unexpected(error)
        hint = "run again with --debug and report what it prints" if built_in else None
        exit_code = ExitCode.INTERNAL
    return Failed(
        entry=AnalyzerResult(status="unavailable", reason=reason, code=code),
        finding=Finding(
            code=code,
            severity=Severity.CRITICAL if built_in else Severity.WARNING,
            message=f"{stage} has no result: {reason}",
            hint=hint,
        ),
        failure=StageFailure(
            stage=stage, error=error, exit_code=exit_code if built_in else ExitCode.PASS
        ),
        reason=reason,
    )


def cancelled_itself(stage: str) -> ProviderError:
    """Return the error for a stage that was cancelled while nobody had stopped the run."""
    return ProviderError(
        f"{stage} broke off by itself",
        why="what it asked raised CancelledError, and nobody had stopped the run",
        hint="if it asks a plug-in, update or remove that",
        code="STAGE_CANCELLED",
    )


def unknown_stage(name: str, known: tuple[str, ...]) -> UsageError:
    """Return the error for a stage that no package brings."""
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    return UsageError(
        f"there is no stage {name!r}",
        hint=f"did you mean {near[0]!r}?" if near else f"the stages are {', '.join(known)}",
        code="UNKNOWN_STAGE",
    )


def check_trace(request: RunRequest) -> None:
    """Refuse a stage without its trace, and a trace without its stage.

    Raises:
        UsageError: only one of the two was named, or an offset has no recording to lie in.
    """
    named = request.inputs.trace_path is not None
    if request.stages is not None and (TRACE_STAGE in request.stages) != named:
        if named:
            raise UsageError(
                "the trace would have no effect",
                why=f"the stages {','.join(request.stages)} leave {TRACE_STAGE} out",
                hint=f"add {TRACE_STAGE} to the stages, or leave the trace out",
                code="IDLE_FLAG",
            )
        raise UsageError(
            f"the stage {TRACE_STAGE!r} has nothing to do",
            why="no trace of the pipeline was named",
            hint="--trace spans.json",
        )
    if request.inputs.trace_offset_ms is not None and not (named and request.has_recording):
        raise UsageError(
            "an offset needs a trace and a recording",
            why="it says where the trace's first speech event lies in the recording",
            hint="echotrace analyze call.wav --trace spans.json --offset-ms 3700",
            code="IDLE_FLAG",
        )


def refused_trace(stage: str, reason: str | None) -> Failed:
    """Return how a trace is told that fits the recording nowhere.

    It decides the exit code as an unusable input does: the user named both files, and one of them
    is not of this call. What the trace claims stays in the report.
    """
    error = InputError(
        "the trace could not be laid over the recording",
        why=reason or "",
        hint="check that both are of one call, or say where the trace begins: --offset-ms",
        code="CLOCK_REFUSED",
    )
    return failed(stage, error, built_in=True)
