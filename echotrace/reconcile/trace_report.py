"""A trace and a recording become what a report says of them: the pipeline's own trace.

Percentiles are over the turns that both sides have; those that the caller broke off, that never
came to be heard or began by barging in are counted apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Measurement
from echotrace.model.reconciled import (
    ClockFit,
    PipelineSpan,
    PipelineTrace,
    PipelineTurn,
    TurnPart,
)
from echotrace.reconcile.clock import Fit, fit_clock
from echotrace.reconcile.leading_silence import agent_channel, leading_silence
from echotrace.reconcile.match import placed_turns
from echotrace.reconcile.parts import turn_parts
from echotrace.reconcile.trace_findings import trace_findings
from echotrace.reconcile.window import claimed_gap
from echotrace.reconcile.works import order_of
from echotrace.stats.percentiles import counted, percentiles, quantile_figure
from echotrace.stats.quantiles import quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from echotrace.audio.handle import Audio
    from echotrace.model.conversation import Conversation, Percentiles, Turn
    from echotrace.model.measure import Finding, JsonValue
    from echotrace.model.trace import Trace, TraceSpan, TraceTurn

__all__ = ["MOST_SPANS", "NO_RECORDING", "reconcile"]

MOST_SPANS: Final = 20_000
"""More are counted and left out of the report."""
MOST_TEXT: Final = 2_000
"""Longer texts in attributes of spans are cut."""
NO_RECORDING: Final = "there is no recording"
_MOST_ITEMS: Final = 64
_DEPTH: Final = 6


def reconcile(
    trace: Trace,
    conversation: Conversation | None,
    *,
    path: str,
    sha256: str | None,
    offset_ms: float | None,
    audio: Audio | None = None,
) -> tuple[PipelineTrace, tuple[Finding, ...]]:
    """Lay a trace over a recording, or tell what it claims where there is none.

    Args:
        trace: what the pipeline wrote down.
        conversation: what was heard; None without a recording.
        path: of the trace, as it is shown.
        sha256: of the trace's file.
        offset_ms: where the trace's first speech event lies in the recording, when that is known.
        audio: the recording itself, for the silence that the agent's sound begins with.
    """
    if conversation is None:
        fit = _alone(trace)
    else:
        fit = fit_clock(trace, conversation, offset_ms=offset_ms)
    spans = _by_turn(trace.spans)
    turns = tuple(
        _turn(told, heard, fit, spans, audio if fit.holds else None, conversation is not None)
        for told, heard in fit.pairs
    )
    kept, left_out = _spans(trace.spans, fit)
    counting = [turn for turn in turns if turn.counted]
    result = PipelineTrace(
        kind=trace.kind,
        path=path,
        clock=fit.clock,
        turns=turns,
        parts=_medians(counting),
        claimed_gap_ms=_percentiles(turn.claimed_gap_ms for turn in counting),
        heard_gap_ms=_percentiles(turn.heard_gap_ms for turn in counting),
        difference_ms=_percentiles(turn.difference_ms for turn in counting),
        interrupted=sum(turn.interrupted for turn in trace.turns),
        aborted=sum(turn.aborted for turn in trace.turns),
        producer=trace.producer,
        producer_version=trace.producer_version,
        session_id=trace.session_id,
        sha256=sha256,
        has_recording=conversation is not None,
        usage=dict(trace.usage),
        call_totals=dict(trace.call_totals),
        left_over=_bounded_all(trace.left_over),
        spans=kept,
        spans_left_out=left_out,
    )
    return result, (*trace.findings, *trace_findings(result))


def _alone(trace: Trace) -> Fit:
    """Return the clock of a trace that is laid over nothing: seconds since its first event."""
    _, origin_s = placed_turns(trace)
    if origin_s is None:
        origin_s = min((span.start_s for span in trace.spans), default=0.0)
    clock = ClockFit(status="none", origin_s=origin_s, reason=NO_RECORDING)
    return Fit(clock=clock, pairs=tuple((turn, None) for turn in trace.turns))


def _by_turn(spans: Iterable[TraceSpan]) -> Mapping[int, list[TraceSpan]]:
    found: dict[int, list[TraceSpan]] = defaultdict(list)
    for span in spans:
        if span.turn is not None and span.part is not None:
            found[span.turn].append(span)
    return found


def _turn(
    told: TraceTurn | None,
    heard: Turn | None,
    fit: Fit,
    spans: Mapping[int, list[TraceSpan]],
    audio: Audio | None,
    has_recording: bool,
) -> PipelineTurn:
    claimed = Measurement.not_measurable("ms", _unknown("the trace has no such turn", fit))
    parts: tuple[TurnPart, ...] = ()
    if told is not None:
        claimed = claimed_gap(told)
        silence = _silence(told, heard, fit, audio)
        mine = spans.get(told.id, ())
        parts = turn_parts(told, heard, fit, mine, leading_silence_ms=silence)
    gap = _heard_gap(heard, fit, has_recording)
    why_not = _why_not(told, heard, fit, has_recording)
    return PipelineTurn(
        turn_id=None if heard is None else heard.id,
        trace_turn_id=None if told is None else told.id,
        heard_gap_ms=gap,
        claimed_gap_ms=claimed,
        difference_ms=_difference(gap, claimed, has_recording),
        parts=parts,
        bottleneck=_bottleneck(parts),
        counted=why_not is None,
        why_not=why_not,
    )


def _heard_gap(heard: Turn | None, fit: Fit, has_recording: bool) -> Measurement:
    if heard is not None:
        return heard.heard_gap_ms
    if not has_recording:
        return Measurement.not_run("ms", NO_RECORDING)
    return Measurement.not_measurable("ms", _unknown("the recording has no such turn", fit))


def _unknown(why: str, fit: Fit) -> str:
    """Say why one side has no such turn; where the clock was refused, nobody knows if it has."""
    if not fit.holds:
        return f"the trace could not be laid over the recording: {fit.clock.reason}"
    return why


def _difference(heard: Measurement, claimed: Measurement, has_recording: bool) -> Measurement:
    """Return heard less claimed, with the interval of the heard gap."""
    if not has_recording:
        return Measurement.not_run("ms", NO_RECORDING)
    if heard.value is None or claimed.value is None:
        why = heard.reason if heard.value is None else claimed.reason
        return Measurement.not_measurable("ms", why or "one of the two gaps is not known")
    taken = claimed.value
    return Measurement(
        unit="ms",
        status=max(heard.status, claimed.status, key=_weakness),
        value=round(heard.value - taken, 1) + 0.0,
        reason=heard.reason or claimed.reason,
        method="heard less claimed",
        low=None if heard.low is None else round(heard.low - taken, 1),
        high=None if heard.high is None else round(heard.high - taken, 1),
    )


def _weakness(status: object) -> int:
    return ("measured", "estimated", "simulated").index(str(getattr(status, "value", status)))


def _silence(
    told: TraceTurn, heard: Turn | None, fit: Fit, audio: Audio | None
) -> Measurement | None:
    agent = told.agent
    if audio is None or heard is None or heard.agent is None or heard.user is None:
        return None
    if agent is None or agent.start_s is None or agent.edge != "playout" or audio.channels != 2:
        return None
    return leading_silence(
        audio,
        agent_channel(audio.source.channels),
        playout_s=fit.to_recording(agent.start_s),
        audible_s=heard.agent.start_s,
    )


def _why_not(
    told: TraceTurn | None, heard: Turn | None, fit: Fit, has_recording: bool
) -> str | None:
    """Say why a turn does not enter the percentiles, None where it does."""
    if told is None or heard is None:
        if told is None and heard is not None and heard.user is None:
            return "the agent spoke by itself"
        if has_recording and fit.holds:
            return "not in the trace" if told is None else "not in the recording"
    if told is not None:
        if told.aborted:
            return "the answer never came to be heard"
        if told.interrupted:
            return "the caller broke the answer off"
        if told.user is None and told.claimed_gap_ms is None:
            return "the agent spoke by itself"
    if heard is not None:
        if heard.kind == "barge_in":
            return "the caller began while the agent spoke"
        if heard.user is None:
            return "the agent spoke by itself"
        if heard.agent is None:
            return "nobody answered"
    return None


def _bottleneck(parts: Sequence[TurnPart]) -> str | None:
    """Name the part that takes most of a turn; what nobody accounts for is none."""
    sums: Counter[str] = Counter()
    for part in parts:
        if part.inside is None and part.key != "unaccounted" and part.ms.value is not None:
            sums[part.key] += part.ms.value  # type: ignore[assignment] # a Counter adds any number
    longest = max(sums, key=lambda key: (sums[key], -order_of(key)), default=None)
    return longest if longest is not None and sums[longest] > 0.0 else None


def _percentiles(figures: Iterable[Measurement]) -> Percentiles:
    """Return the percentiles of what was measured; where nothing was, the reason most have."""
    listed = list(figures)
    values = [figure.value for figure in listed if figure.value is not None]
    none = None
    if not values and listed:
        reasons = Counter((figure.status, figure.reason) for figure in listed)
        (status, reason), _ = reasons.most_common(1)[0]
        none = Measurement(unit="ms", status=status, reason=reason)
    return percentiles(values, "ms", not_measured=len(listed) - len(values), what="turn", none=none)


def _medians(turns: Sequence[PipelineTurn]) -> tuple[TurnPart, ...]:
    """Return the median of each part over the turns that have parts, in the order of a turn.

    Several pieces of one part count together. A turn without a part has none of it: the median is
    over those that have it, and ``n`` says how many.
    """
    values: dict[str, list[float]] = defaultdict(list)
    owners: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    guesses: dict[str, Counter[str]] = defaultdict(Counter)
    for turn in turns:
        sums: dict[str, float] = defaultdict(float)
        for part in turn.parts:
            if part.inside is not None or part.ms.value is None:
                continue
            sums[part.key] += part.ms.value
            owners[part.key][part.owner, part.owner_kind] += 1
            if part.ms.reason:
                guesses[part.key][part.ms.reason] += 1
        for key, total in sums.items():
            values[key].append(total)
    found = []
    for key in sorted(values, key=order_of):
        (owner, kind), _ = owners[key].most_common(1)[0]
        figure = _median(values[key], guesses[key])
        found.append(TurnPart(key=key, owner=owner, owner_kind=kind, ms=figure))
    return tuple(found)


def _median(values: Sequence[float], guesses: Counter[str]) -> Measurement:
    from echotrace.model.measure import Status

    status, reason = Status.MEASURED, None
    if guesses.total() * 2 > len(values):
        status, reason = Status.ESTIMATED, guesses.most_common(1)[0][0]
    if len(values) >= 5:
        return quantile_figure(values, 0.5, "ms", status=status, reason=reason, what="turn")
    if len(values) == 1:
        value, reason = values[0], reason or "one turn only"
    else:
        value = quantile(values, 0.5)
        reason = reason or f"the median of {counted(len(values), 'turn')}; it needs 5"
    return Measurement.estimated(round(value, 1), "ms", reason=reason, n=len(values))


def _spans(spans: Sequence[TraceSpan], fit: Fit) -> tuple[tuple[PipelineSpan, ...], int]:
    """Return the spans on the recording's clock; of too many those that belong to a part first."""
    chosen = sorted(spans, key=lambda span: (span.start_s, span.end_s))
    if len(chosen) > MOST_SPANS:
        ranked = sorted(chosen, key=lambda span: (span.part is None, span.start_s))[:MOST_SPANS]
        chosen = sorted(ranked, key=lambda span: (span.start_s, span.end_s))
    told = tuple(
        PipelineSpan(
            id=span.id,
            name=span.name,
            start_s=round(fit.to_recording(span.start_s), 6),
            end_s=round(fit.to_recording(span.end_s), 6),
            parent_id=span.parent_id,
            part=span.part,
            owner=span.owner,
            turn=span.turn,
            status=span.status,
            attributes=_bounded_all(span.attributes),
        )
        for span in chosen
    )
    return told, len(spans) - len(told)


def _bounded_all(attributes: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {key: _bounded(value, _DEPTH) for key, value in attributes.items()}


def _bounded(value: JsonValue, depth: int) -> JsonValue:
    """Return a value whose texts and lists are short enough for a report."""
    if isinstance(value, str) and len(value) > MOST_TEXT:
        return f"{value[:MOST_TEXT]}… ({len(value):,} characters)"
    if isinstance(value, (list, dict)) and not depth:
        return f"({len(value):,} items)"
    if isinstance(value, list):
        more = [f"({len(value) - _MOST_ITEMS:,} more)"] if len(value) > _MOST_ITEMS else []
        return [_bounded(item, depth - 1) for item in value[:_MOST_ITEMS]] + more
    if isinstance(value, dict):
        return {str(key): _bounded(item, depth - 1) for key, item in value.items()}
    return value
