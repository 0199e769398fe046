"""What a reader should know of a trace laid over a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Finding, Severity
from echotrace.stats.percentiles import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.reconciled import PipelineTrace

__all__ = ["REFUSED", "trace_findings"]

REFUSED: Final = "CLOCK_REFUSED"
NOTABLE_MS: Final = 100.0
"""A smaller difference between claimed and heard is within what detectors differ by."""
UNEXPLAINED: Final = 0.25
"""The share of the heard gap from which on what nobody accounts for is told."""


def trace_findings(trace: PipelineTrace) -> tuple[Finding, ...]:
    """Return the findings: the clock, turns of one side only, and the difference."""
    return tuple(_findings(trace))


def _findings(trace: PipelineTrace) -> Iterator[Finding]:
    clock = trace.clock
    if clock.status == "refused":
        yield Finding(
            code=REFUSED,
            severity=Severity.CRITICAL,
            message=f"the trace could not be laid over the recording: {clock.reason}",
            hint="check that both are of one call, or say where the trace begins: --offset-ms",
        )
    elif clock.status == "stated":
        yield Finding(
            code="CLOCK_STATED",
            severity=Severity.WARNING,
            message="the trace lies where it says that the recording begins, and nothing in the "
            f"audio confirms it: {clock.reason}",
            hint="say where the trace's first speech event lies: --offset-ms",
        )
    if clock.status != "refused":
        yield from _unmatched(trace)
        yield from _differs(trace)
    if trace.spans_left_out:
        yield Finding(
            code="TRACE_SPANS_LEFT_OUT",
            severity=Severity.INFO,
            message=f"{trace.spans_left_out:,} spans of the trace are not in the report; the "
            "figures are of all of them",
            hint="export the spans of one call only",
        )


def _unmatched(trace: PipelineTrace) -> Iterator[Finding]:
    if not trace.has_recording:
        return
    asked = "the agent spoke by itself"
    alone = [turn for turn in trace.turns if turn.why_not != asked]
    told = sum(turn.turn_id is None for turn in alone)
    heard = sum(turn.trace_turn_id is None for turn in alone)
    if told or heard:
        yield Finding(
            code="TRACE_TURNS_UNMATCHED",
            severity=Severity.INFO,
            message=f"{counted(told, 'turn')} of the trace not in the recording, "
            f"{counted(heard, 'turn')} of the recording not in the trace",
            hint="they are listed, and in no percentile",
        )


def _differs(trace: PipelineTrace) -> Iterator[Finding]:
    """Tell the median difference where even the near end of its interval is notable."""
    figure = trace.difference_ms.p50
    claimed, heard = trace.claimed_gap_ms.p50.value, trace.heard_gap_ms.p50.value
    if figure.value is None or claimed is None or heard is None:
        return
    nearest = figure.low if figure.value > 0 else figure.high
    if nearest is not None and abs(nearest) >= NOTABLE_MS and nearest * figure.value > 0:
        more = "longer" if figure.value > 0 else "shorter"
        yield Finding(
            code="CLAIMED_NOT_HEARD",
            severity=Severity.WARNING if figure.value > 0 else Severity.INFO,
            message=f"the pipeline claims {claimed:,.0f} ms, the caller heard {heard:,.0f} ms: "
            f"{abs(figure.value):,.0f} ms {more} (medians, n={figure.n})",
            hint="the parts of each turn say where the difference is",
        )
    yield from _unexplained(trace, heard)


def _unexplained(trace: PipelineTrace, heard_ms: float) -> Iterator[Finding]:
    rest = next((part.ms.value for part in trace.parts if part.key == "unaccounted"), None)
    if rest is None or heard_ms <= 0.0 or abs(rest) < max(NOTABLE_MS, UNEXPLAINED * heard_ms):
        return
    if rest > 0:
        what = f"no part of the trace accounts for {rest:,.0f} ms of the median heard gap"
    else:
        what = f"the trace's parts are {-rest:,.0f} ms longer than the median heard gap"
    yield Finding(
        code="TRACE_UNACCOUNTED",
        severity=Severity.INFO,
        message=what,
        hint="trace the stage that is missing: docs/traces.md lists what each format tells",
    )
