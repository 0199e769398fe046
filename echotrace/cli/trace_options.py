"""The flags that name the pipeline's own trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from echotrace.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TraceOptions", "read_trace_options", "refuse_without_recording"]

_LARGEST_OFFSET_MS: Final = 7 * 86_400_000.0
"""No recording is so long; NaN is not within it either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceOptions:
    """A trace, its format and where it begins; all None without one."""

    path: str | None = None
    kind: str | None = None
    offset_ms: float | None = None


def read_trace_options(
    path: str | None, kind: str | None, offset_ms: float | None, *, has_recording: bool
) -> TraceOptions:
    """Check the flags of a trace before anything runs.

    Raises:
        UsageError: a flag has no trace to work on, the kind is unknown, or the offset is no number
            or has no recording to lie in.
    """
    for flag, value in (("--trace-kind", kind), ("--offset-ms", offset_ms)):
        if value is not None and path is None:
            raise UsageError(
                f"{flag} would have no effect",
                why="no trace is named",
                hint="name one: --trace spans.json",
                code="IDLE_FLAG",
            )
    if path == "":
        raise UsageError("--trace is empty", hint="--trace spans.json")
    if offset_ms is not None and not abs(offset_ms) <= _LARGEST_OFFSET_MS:
        raise UsageError(
            f"--offset-ms {offset_ms:g} is no number of milliseconds within a week",
            hint="give the milliseconds from the recording's beginning to the first speech event",
        )
    if offset_ms is not None and not has_recording:
        raise UsageError(
            "--offset-ms would have no effect",
            why="there is no recording for the trace to lie in",
            hint="echotrace analyze call.wav --trace spans.json --offset-ms 3700",
            code="IDLE_FLAG",
        )
    if kind is not None:
        _check_kind(kind)
    return TraceOptions(path=path, kind=kind, offset_ms=offset_ms)


def _check_kind(kind: str) -> None:
    import difflib

    from echotrace.traces.kinds import IMPORTERS

    known = [importer.name for importer in IMPORTERS]
    if kind not in known:
        near = difflib.get_close_matches(kind, known, n=1)
        raise UsageError(
            f"--trace-kind {kind!r} is no kind of trace",
            hint=f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(known)}",
            code="TRACE_KIND_UNKNOWN",
        )


def refuse_without_recording(given: Mapping[str, object]) -> None:
    """Refuse the first flag that works on a recording, where there is only a trace.

    Raises:
        UsageError: there is one.
    """
    for flag, value in given.items():
        if value is not None and value is not False:
            raise UsageError(
                f"{flag} would have no effect",
                why="there is no recording, and a trace alone tells what the pipeline claims",
                hint="name the recording: echotrace analyze call.wav --trace spans.json",
                code="IDLE_FLAG",
            )
