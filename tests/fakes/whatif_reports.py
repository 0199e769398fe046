"""Reports whose turns have parts, made of a few numbers, for the questions of `whatif`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from echotrace.model.conversation import Turn, TurnSide
from echotrace.model.measure import Measurement
from echotrace.model.pipeline import Pipeline
from echotrace.model.reconciled import (
    ClockFit,
    PipelineSpan,
    PipelineTrace,
    PipelineTurn,
    TurnPart,
)
from echotrace.model.signal import SpeechSegment
from echotrace.stats.percentiles import percentiles
from tests.fakes.reports import call_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.report import Report

__all__ = ["LENGTHS", "part", "span", "traced", "turn", "with_pauses"]

LENGTHS = {"endpointing_wait": 600.0, "llm_inference": 400.0, "speech_synthesis": 200.0}
EVERY_S = 10.0
_NONE = Measurement.not_measurable("ms", "made of parts only")


def part(key: str, ms: float, start_s: float | None, **changes: Any) -> TurnPart:
    """A part with its place, or without one."""
    plain = TurnPart(
        key=key,
        owner="vad.stop_secs" if key == "endpointing_wait" else f"acme:{key}",
        owner_kind="setting" if key == "endpointing_wait" else "service",
        ms=Measurement.measured(ms, "ms"),
        start_s=start_s,
        end_s=None if start_s is None else start_s + ms / 1000.0,
    )
    return replace(plain, **changes)


def span(key: str, number: int, begin_ms: float, end_ms: float, **changes: Any) -> PipelineSpan:
    """A span of a turn; times in ms since the caller's last word in it."""
    plain = PipelineSpan(
        id=f"{number}-{key}-{begin_ms}",
        name=key,
        start_s=number * EVERY_S + begin_ms / 1000.0,
        end_s=number * EVERY_S + end_ms / 1000.0,
        part=key,
        turn=number,
    )
    return replace(plain, **changes)


def turn(number: int, lengths: dict[str, float], **changes: Any) -> PipelineTurn:
    """A turn whose caller ends at ``10 x number`` s, its parts one behind the other."""
    at_s, parts = number * EVERY_S, []
    for key, ms in lengths.items():
        parts.append(part(key, ms, at_s))
        at_s += ms / 1000.0
    plain = PipelineTurn(
        turn_id=number,
        trace_turn_id=number,
        heard_gap_ms=Measurement.measured(round(sum(lengths.values()), 3), "ms"),
        claimed_gap_ms=_NONE,
        difference_ms=_NONE,
        parts=tuple(parts),
    )
    return replace(plain, **changes)


def traced(
    turns: Sequence[PipelineTurn], spans: Sequence[PipelineSpan] | None = None, **changes: Any
) -> Report:
    """A report with a trace; without ``spans`` each turn has those of its own parts."""
    if spans is None:
        spans = [
            PipelineSpan(
                id=f"{item.trace_turn_id}-{at}",
                name=each.key,
                start_s=each.start_s,
                end_s=each.end_s,
                part=each.key,
                turn=item.trace_turn_id,
            )
            for item in turns
            for at, each in enumerate(item.parts)
            if each.start_s is not None and each.end_s is not None
        ]
    nothing = percentiles((), "ms", what="turn")
    plain = PipelineTrace(
        kind="pipecat",
        path="spans.json",
        clock=ClockFit(status="fitted"),
        turns=tuple(turns),
        parts=(),
        claimed_gap_ms=nothing,
        heard_gap_ms=nothing,
        difference_ms=nothing,
        spans=tuple(spans),
    )
    trace = replace(plain, **changes)
    pipeline = Pipeline(total_ms=_NONE, percentiles=nothing, parts=(), kind="trace", trace=trace)
    return replace(call_report(), pipeline=pipeline)


def with_pauses(report: Report, pauses_ms: Sequence[Sequence[float]]) -> Report:
    """The report of a call in which the caller pauses so in each turn, between words of 1 s."""
    assert report.conversation is not None
    assert report.signal is not None
    turns, segments = [], []
    for number, pauses in enumerate(pauses_ms, start=1):
        at_s = begin_s = 100.0 * number
        for pause_ms in (*pauses, None):
            segments.append(
                SpeechSegment(
                    start_s=at_s,
                    end_s=at_s + 1.0,
                    snr_db=Measurement.not_measurable("dB", "not part of this"),
                )
            )
            at_s += 1.0 + (pause_ms or 0.0) / 1000.0
        turns.append(
            Turn(
                id=number,
                kind="response",
                user=TurnSide(start_s=begin_s, end_s=at_s),
                agent=TurnSide(start_s=at_s + 1.0, end_s=at_s + 3.0),
                heard_gap_ms=Measurement.measured(1000.0, "ms"),
            )
        )
    caller, *others = report.signal.channels
    return replace(
        report,
        conversation=replace(report.conversation, turns=tuple(turns)),
        signal=replace(
            report.signal, channels=(replace(caller, segments=tuple(segments)), *others)
        ),
    )
