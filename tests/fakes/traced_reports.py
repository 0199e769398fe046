"""Reports with the pipeline's own trace in its several states; every figure here is invented."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from echotrace.model.measure import Finding, Measurement, Severity
from echotrace.model.pipeline import Pipeline
from echotrace.model.reconciled import (
    ClockFit,
    PipelineSpan,
    PipelineTrace,
    PipelineTurn,
    TurnPart,
)
from echotrace.model.report import NO_RECORDING, AnalyzerResult, Score, Source
from echotrace.stats.percentiles import percentiles, quantile_figure
from tests.fakes.probe_reports import probed_report
from tests.fakes.reports import HOSTILE, call_report, minimal_report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from echotrace.model.conversation import Percentiles
    from echotrace.model.report import Report

__all__ = [
    "TRACED",
    "claimed_only_report",
    "hostile_trace_report",
    "many_traced_report",
    "refused_trace_report",
    "traced_and_probed_report",
    "traced_report",
]

_OWNERS = {
    "endpointing_wait": ("vad.stop_secs", "setting"),
    "transcription": ("deepgram nova-3", "service"),
    "llm_inference": ("openai gpt-4o-mini", "service"),
    "tool_call": ("find_booking", "bot"),
    "sentence_aggregation": ("text_aggregation_mode", "setting"),
    "speech_synthesis": ("cartesia sonic-2", "service"),
    "tts_leading_silence": ("cartesia sonic-2", "service"),
    "output_transport": ("transport", "pipeline"),
    "unaccounted": ("no part of the trace", "pipeline"),
}
_ABSENT = "the trace has no such turn"
_LOST = "the caller's last word is hidden in noise: between 69.02 and 69.81 s"


def _ms(value: float, **extra: Any) -> Measurement:
    return Measurement.measured(value, "ms", **extra)


def _no(reason: str) -> Measurement:
    return Measurement.not_measurable("ms", reason)


def _part(key: str, ms: float, start_s: float | None, **changes: Any) -> TurnPart:
    owner, kind = _OWNERS[key]
    plain = TurnPart(
        key=key,
        owner=owner,
        owner_kind=kind,
        ms=_ms(ms),
        start_s=start_s,
        end_s=None if start_s is None else round(start_s + ms / 1000.0, 4),
    )
    return replace(plain, **changes)


def _laid(begin_s: float, gap_ms: float, *lengths: tuple[str, float]) -> tuple[TurnPart, ...]:
    """Parts one behind the other, then what is left of the gap, at no place."""
    at_s, parts = begin_s, []
    for key, ms in lengths:
        parts.append(_part(key, ms, round(at_s, 4)))
        at_s += ms / 1000.0
    first = parts[0]
    parts[0] = replace(
        first,
        ms=_ms(first.ms.value, low=first.ms.value - 11.0, high=first.ms.value + 14.0),
        taken_from="both",
    )
    rest = round(gap_ms - sum(ms for _, ms in lengths), 3)
    return (*parts, _part("unaccounted", rest, None, taken_from="both"))


def _turns() -> tuple[PipelineTurn, ...]:
    inside = _part("transcription", 190.0, 8.41, inside="endpointing_wait")
    tool = _part("tool_call", 640.0, 58.35)
    hidden = _part("speech_synthesis", 160.0, 58.6, inside="tool_call")
    return (
        _one(
            2, 1, 780.0, 420.0, "endpointing_wait",
            (
                *_laid(
                    8.3, 780.0, ("endpointing_wait", 300.0), ("llm_inference", 190.0),
                    ("speech_synthesis", 110.0), ("output_transport", 40.0),
                    ("tts_leading_silence", 120.0),
                ),
                inside,
            ),
        ),
        _one(
            3, 2, 620.0, 310.0, "endpointing_wait",
            _laid(
                17.2, 620.0, ("endpointing_wait", 300.0), ("llm_inference", 120.0),
                ("speech_synthesis", 90.0), ("output_transport", 40.0),
                ("tts_leading_silence", 85.0),
            ),
        ),
        _one(
            4, 3, 1_120.0, 690.0, "llm_inference",
            _laid(
                25.0, 1_120.0, ("endpointing_wait", 300.0), ("llm_inference", 410.0),
                ("speech_synthesis", 140.0), ("output_transport", 40.0),
                ("tts_leading_silence", 130.0),
            ),
        ),
        _one(
            5, 4, 700.0, 380.0, "endpointing_wait",
            _laid(33.4, 700.0, ("endpointing_wait", 300.0), ("llm_inference", 250.0)),
            why_not="the caller began while the agent spoke",
        ),
        _one(
            6, 5, -240.0, 130.0, "llm_inference",
            _laid(
                42.1, -240.0, ("endpointing_wait", -520.0), ("llm_inference", 160.0),
                ("speech_synthesis", 90.0),
            ),
        ),
        _one(7, 6, "the caller spoke again after 6.2 s", 940.0, None, (),
             why_not="the answer never came to be heard"),
        _one(
            8, 7, 2_340.0, 1_290.0, "tool_call",
            (
                *_laid(57.3, 1_050.0, ("endpointing_wait", 300.0), ("llm_inference", 750.0))[:-1],
                tool,
                *_laid(
                    58.99, 650.0, ("speech_synthesis", 210.0), ("output_transport", 40.0),
                    ("tts_leading_silence", 190.0),
                ),
                hidden,
            ),
        ),
        _one(9, 8, _LOST, 520.0, None, ()),
        _one(
            10, 9, 610.0, 350.0, "endpointing_wait",
            _laid(75.0, 610.0, ("endpointing_wait", 300.0), ("llm_inference", 170.0)),
            why_not="the caller broke the answer off",
        ),
        _one(11, None, "the recording ends first", _ABSENT, None, (), why_not="not in the trace"),
        _one(None, 10, "the recording has no such turn", 470.0, None, (),
             why_not="not in the recording"),
    )  # fmt: skip


def _one(
    turn_id: int | None,
    trace_id: int | None,
    heard: float | str,
    claimed: float | str,
    bottleneck: str | None,
    parts: tuple[TurnPart, ...],
    why_not: str | None = None,
) -> PipelineTurn:
    gap = _no(heard) if isinstance(heard, str) else _ms(heard, low=heard - 12.0, high=heard + 12.0)
    told = _no(claimed) if isinstance(claimed, str) else _ms(claimed)
    if gap.value is None or told.value is None:
        difference = _no(gap.reason or told.reason or "")
    else:
        less = gap.value - told.value
        difference = _ms(less, low=less - 12.0, high=less + 12.0)
    return PipelineTurn(
        turn_id=turn_id,
        trace_turn_id=trace_id,
        heard_gap_ms=gap,
        claimed_gap_ms=told,
        difference_ms=difference,
        parts=parts,
        bottleneck=bottleneck,
        counted=why_not is None,
        why_not=why_not,
    )


def _spread(figures: Sequence[Measurement], none: Measurement | None = None) -> Percentiles:
    known = [item.value for item in figures if item.value is not None]
    lacking = len(figures) - len(known)
    return percentiles(known, "ms", not_measured=lacking, what="turn", none=none)


def _medians(turns: Sequence[PipelineTurn]) -> tuple[TurnPart, ...]:
    values: dict[str, list[float]] = {key: [] for key in _OWNERS}
    for turn in turns:
        for part in turn.parts:
            if part.inside is None and turn.counted and part.ms.value is not None:
                values[part.key].append(part.ms.value)
    found = []
    for key, known in values.items():
        if len(known) >= 5:
            figure = quantile_figure(known, 0.5, "ms", what="turn")
        elif known:
            why = f"the median of {len(known)} turns; it needs 5"
            figure = Measurement.estimated(known[len(known) // 2], "ms", reason=why, n=len(known))
        else:
            continue
        found.append(replace(_part(key, 0.0, None), ms=figure))
    return tuple(found)


def _trace(turns: Sequence[PipelineTurn], **changes: Any) -> PipelineTrace:
    counted = [turn for turn in turns if turn.counted]
    plain = PipelineTrace(
        kind="pipecat",
        path="traces/support call.spans.json",
        clock=ClockFit(
            status="fitted",
            origin_s=1_735_787_000.25,
            offset_ms=_ms(3_712.4, low=3_704.1, high=3_720.7, n=19),
            drift_ppm=Measurement.measured(148.2, "ppm", low=131.0, high=165.4, n=19),
            matches=9,
            unmatched_trace=1,
            unmatched_recording=1,
            residual_ms=14.2,
        ),
        turns=tuple(turns),
        parts=_medians(turns),
        claimed_gap_ms=_spread([turn.claimed_gap_ms for turn in counted]),
        heard_gap_ms=_spread([turn.heard_gap_ms for turn in counted]),
        difference_ms=_spread([turn.difference_ms for turn in counted]),
        interrupted=1,
        aborted=1,
        producer="pipecat-ai",
        producer_version="0.0.99",
        session_id="4d1c",
        spans=(
            PipelineSpan(id="a1", name="llm", start_s=8.6, end_s=9.9, part="llm_inference", turn=1),
        ),
    )
    return replace(plain, **changes)


def _pipeline(trace: PipelineTrace) -> Pipeline:
    return Pipeline(
        total_ms=trace.heard_gap_ms.p50,
        percentiles=trace.heard_gap_ms,
        parts=(),
        kind="trace",
        trace=trace,
    )


def traced_report() -> Report:
    """A call with its trace: late by a tool, early by a false end, broken off, one side missing."""
    whole = call_report()
    finding = Finding(
        code="CLAIMED_NOT_HEARD",
        severity=Severity.WARNING,
        message="the pipeline claims 420 ms, the caller heard 780 ms: 360 ms longer",
        hint="the parts of each turn say where the difference is",
    )
    return replace(
        whole,
        job_id="7ace",
        pipeline=_pipeline(_trace(_turns())),
        analyzers={**whole.analyzers, "trace": AnalyzerResult(status="ok")},
        warnings=(*whole.warnings, finding),
    )


def traced_and_probed_report() -> Report:
    """The same call, whose services were probed as well."""
    whole, probed = traced_report(), probed_report()
    assert whole.pipeline is not None
    assert probed.pipeline is not None
    return replace(
        whole,
        probes=probed.probes,
        pipeline=replace(probed.pipeline, trace=whole.pipeline.trace),
    )


def refused_trace_report() -> Report:
    """The trace of another call: its turns and those of the recording stay apart."""
    why = "the 9 turns of the trace fit nowhere: the best place matches 2 of them, 3 are needed"
    apart = []
    for turn in _turns():
        if turn.trace_turn_id is not None:
            told = f"the trace could not be laid over the recording: {why}"
            known = [part for part in turn.parts if part.inside is None]
            parts = [replace(part, start_s=None, end_s=None) for part in known[:-1]]
            if parts and turn.claimed_gap_ms.value is not None:
                sum_ms = sum(part.ms.value or 0.0 for part in parts)
                rest_ms = round(turn.claimed_gap_ms.value - sum_ms, 3)
                parts.append(_part("unaccounted", rest_ms, None))
            lost = _no(told)
            apart.append(
                replace(
                    turn, turn_id=None, heard_gap_ms=lost, difference_ms=lost, parts=tuple(parts)
                )
            )
    for turn in _turns():
        if turn.turn_id is not None:
            lost = _no(_ABSENT)
            apart.append(
                replace(
                    turn,
                    trace_turn_id=None,
                    claimed_gap_ms=lost,
                    difference_ms=lost,
                    parts=(),
                    bottleneck=None,
                )
            )
    clock = ClockFit(
        status="refused",
        origin_s=1_735_787_000.25,
        matches=2,
        unmatched_trace=10,
        unmatched_recording=10,
        residual_ms=212.0,
        reason=why,
    )
    trace = _trace(apart, clock=clock)
    finding = Finding(
        code="CLOCK_REFUSED",
        severity=Severity.CRITICAL,
        message=f"the trace could not be laid over the recording: {why}",
        hint="check that both are of one call, or say where the trace begins: --offset-ms",
    )
    return replace(traced_report(), job_id="0ff", pipeline=_pipeline(trace), warnings=(finding,))


def claimed_only_report() -> Report:
    """A trace without a recording: what the pipeline claims, and no more."""
    why = "there is no recording"
    none = Measurement.not_run("ms", why)
    turns = []
    for turn in _turns():
        if turn.trace_turn_id is None:
            continue
        not_told = ("tts_leading_silence", "unaccounted")
        parts = tuple(part for part in turn.parts if part.key not in not_told)
        if parts and turn.claimed_gap_ms.value is not None:
            known = sum(part.ms.value or 0.0 for part in parts if part.inside is None)
            rest_ms = round(turn.claimed_gap_ms.value - known, 3)
            parts = (*parts, _part("unaccounted", rest_ms, None))
        turns.append(
            replace(turn, turn_id=None, heard_gap_ms=none, difference_ms=none, parts=parts)
        )
    clock = ClockFit(status="none", origin_s=1_735_787_000.25, reason=why)
    trace = _trace(
        turns,
        clock=clock,
        has_recording=False,
        heard_gap_ms=_spread((), none),
        difference_ms=_spread((), none),
    )
    return replace(
        minimal_report(),
        job_id="c1a1",
        source=Source(path=NO_RECORDING),
        score=Score(value=None, grade=None, status="not_measurable"),
        pipeline=_pipeline(trace),
        analyzers={"trace": AnalyzerResult(status="ok")},
    )


def hostile_trace_report() -> Report:
    """Every string that a trace can bring is hostile, and its numbers are beyond all reason."""
    whole = traced_report()
    assert whole.pipeline is not None
    trace = whole.pipeline.trace
    assert trace is not None
    bad = HOSTILE
    wild = Measurement.estimated(-1e300, "ms", reason=bad, low=-1e308, high=1e308, band=bad)
    strange = {"key": bad, "owner": bad, "owner_kind": bad}
    parts = (
        replace(_part("llm_inference", 300.0, 8.3), **strange, inside=bad),
        replace(_part("llm_inference", 300.0, 1e300), **strange, ms=wild),
        replace(_part("unaccounted", 1e308, -1e308), **strange),
        replace(_part("unaccounted", 400.0, 9.0), owner=bad),
    )
    first = replace(trace.turns[0], parts=parts, bottleneck=bad, why_not=bad, claimed_gap_ms=wild)
    lost = replace(trace.turns[1], heard_gap_ms=_no(bad), difference_ms=_no(bad), why_not=bad)
    made = replace(
        trace,
        kind=bad,
        path=bad,
        producer=bad,
        producer_version=bad,
        session_id=bad,
        clock=replace(trace.clock, status=bad, reason=bad),
        turns=(first, lost),
        parts=parts,
        call_totals={bad: 1e300},
        usage={bad: 1.0},
    )
    return replace(whole, pipeline=_pipeline(made))


def many_traced_report(turns: int = 60) -> Report:
    """More turns than a table lists."""
    whole = traced_report()
    assert whole.pipeline is not None
    assert whole.conversation is not None
    assert whole.pipeline.trace is not None
    some, heard = _turns()[:3], whole.conversation.turns[1]
    made = tuple(replace(some[at % 3], turn_id=at + 1, trace_turn_id=at + 1) for at in range(turns))
    return replace(
        whole,
        conversation=replace(
            whole.conversation,
            turns=tuple(replace(heard, id=at + 1) for at in range(turns)),
            incidents=(),
        ),
        pipeline=_pipeline(_trace(made)),
    )


TRACED: Mapping[str, Callable[[], Report]] = MappingProxyType(
    {
        "traced": traced_report,
        "traced_probed": traced_and_probed_report,
        "refused_trace": refused_trace_report,
        "claimed_only": claimed_only_report,
        "hostile_trace": hostile_trace_report,
    }
)
"""Every state by name."""
