"""pipecat's figures without spans: latency breakdowns and metrics frames, dumped as JSON.

A breakdown is ``LatencyBreakdown.model_dump()`` of pipecat's latency observer (one per answer); a
metrics line is a ``MetricsData`` with its class name under ``type`` and the time of its arrival,
unix seconds, under ``at``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from echotrace.model.trace import OWNER_KINDS, ClaimedPart, Trace, TraceSide, TraceSpan, TraceTurn
from echotrace.traces.values import bounded, duration, mapping, number, sequence, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.measure import JsonValue
    from echotrace.traces.document import Document

__all__ = ["detects", "read"]

_KEYS: Final = {
    "endpointing_wait": "endpointing_wait",
    "transcription": "transcription",
    "turn_detection": "turn_detection",
    "turn_completion": "turn_detection",
    "llm_inference": "llm_inference",
    "llm_tool_call": "tool_call",
    "function_handler": "tool_call",
    "sentence_aggregation": "sentence_aggregation",
    "awaiting_speakable_text": "sentence_aggregation",
    "speech_synthesis": "speech_synthesis",
    "output_transport": "output_transport",
}
"""Parts of a breakdown in our words; what is not here is the remainder (``pipeline``), or waits
that only a greeting has."""

_STAGES: Final = (("stt", "transcription"), ("llm", "llm_inference"), ("tts", "speech_synthesis"))
_VOICE: Final = "speech_synthesis"
_NAMED_METRICS: Final = "MetricsData"
_EMPTY_S: Final = 0.002
"""A synthesis that was cancelled before there was sound reports less than this."""


def detects(document: Document) -> bool:
    """Whether a file holds breakdowns or metrics frames."""
    return bool(_breakdowns(document)) or bool(_metrics(document))


def read(document: Document) -> Trace:
    """Read breakdowns, or metrics frames where there are none."""
    found = _breakdowns(document)
    if found:
        return Trace(
            kind="pipecat",
            clock="unix",
            turns=tuple(_turn(position, item) for position, item in enumerate(found, 1)),
            producer="pipecat-ai",
            left_over=_around(document),
        )
    return _from_metrics(_metrics(document))


def _breakdowns(document: Document) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for item in document.objects:
        listed = item.get("breakdowns")
        found.extend(
            each
            for each in (listed if isinstance(listed, list) else [item])
            if isinstance(each, dict) and isinstance(each.get("contributions"), list)
        )
    return found


def _around(document: Document) -> dict[str, JsonValue]:
    left: dict[str, JsonValue] = {}
    for item in document.objects:
        if "contributions" not in item:
            left.update({key: bounded(value) for key, value in item.items() if key != "breakdowns"})
    return left


def _turn(position: int, item: dict[str, Any]) -> TraceTurn:
    """One answer: its silence is where the first contribution begins."""
    parts = [_part(each) for each in sequence(item["contributions"]) if isinstance(each, dict)]
    told = tuple(sorted((p for p in parts if p), key=lambda part: part.start_s or 0.0))
    starts = [
        start
        for each in sequence(item["contributions"])
        if (start := number(mapping(each).get("start_time"))) is not None
    ]
    total_s = duration(item.get("total_secs"))
    is_answer = item.get("measured_from") == "user_silence"
    begins_s = min(starts, default=None)
    speaks_s = begins_s + total_s if begins_s is not None and total_s is not None else None
    return TraceTurn(
        id=position,
        user=TraceSide(end_s=begins_s) if is_answer else None,
        agent=None if speaks_s is None else TraceSide(start_s=speaks_s, edge="playout"),
        claimed_gap_ms=total_s * 1000.0 if is_answer and total_s is not None else None,
        claimed_by="total_secs" if is_answer and total_s is not None else None,
        parts=told if is_answer else (),
        attributes=bounded(item),
    )


def _part(item: dict[str, Any]) -> ClaimedPart | None:
    key, lasted_s = _KEYS.get(str(item.get("key"))), duration(item.get("duration_secs"))
    if key is None or lasted_s is None:
        return None
    kind = text(item.get("owner_kind"))
    return ClaimedPart(
        key=key,
        ms=lasted_s * 1000.0,
        owner=text(item.get("owner")) or "pipecat",
        owner_kind=kind if kind in OWNER_KINDS else "pipeline",
        start_s=number(item.get("start_time")),
        source=f"breakdown {item.get('key')}",
    )


def _metrics(document: Document) -> list[dict[str, Any]]:
    """Metrics lines of the call, without the zeros that every service reports at the start."""
    return [
        item
        for item in document.objects
        if str(item.get("type", "")).endswith(_NAMED_METRICS)
        and "processor" in item
        and number(item.get("at")) is not None
        and item.get("value") != 0.0
    ]


def _from_metrics(lines: Sequence[dict[str, Any]]) -> Trace:
    """Turns from the order of the services' first outputs: a transcript opens a turn."""
    turns: list[TraceTurn] = []
    spans: list[TraceSpan] = []
    group: list[dict[str, Any]] = []
    usage: dict[str, float] = {}
    for line in lines:
        _count(line, usage)
        if line["type"] == "TTFBMetricsData" and _stage(line) == "transcription" and group:
            turns.append(_metrics_turn(len(turns) + 1, group))
            group = []
        group.append(line)
        span = _metrics_span(line, len(spans), len(turns) + 1)
        if span is not None:
            spans.append(span)
    if group:
        turns.append(_metrics_turn(len(turns) + 1, group))
    return Trace(
        kind="pipecat",
        clock="unix",
        turns=tuple(turns),
        spans=tuple(spans),
        producer="pipecat-ai",
        usage=usage,
    )


def _stage(line: dict[str, Any]) -> str | None:
    name = str(line["processor"]).lower()
    return next((part for word, part in _STAGES if word in name), None)


def _metrics_span(line: dict[str, Any], position: int, turn: int) -> TraceSpan | None:
    lasted_s, at_s = duration(line.get("value")), number(line["at"])
    part = _stage(line)
    if line["type"] != "TTFBMetricsData" or part is None or lasted_s is None or at_s is None:
        return None
    return TraceSpan(
        id=f"metrics-{position}",
        name=f"{part} first output",
        start_s=at_s - lasted_s,
        end_s=at_s,
        part=part,
        owner=str(line["processor"]),
        owner_kind="service",
        first_output_s=at_s,
        turn=turn,
        attributes=bounded(line),
    )


def _metrics_turn(position: int, lines: Sequence[dict[str, Any]]) -> TraceTurn:
    parts: list[ClaimedPart] = []
    heard_s = speaks_s = None
    for line in lines:
        lasted_s, at_s, stage = duration(line.get("value")), number(line["at"]), _stage(line)
        if line["type"] == "TTFAMetricsData" and parts[-1:] and parts[-1].key == _VOICE:
            parts.extend(_leading_silence(line, speaks_s))
        if line["type"] != "TTFBMetricsData" or lasted_s is None or at_s is None or not stage:
            continue
        if stage == "transcription":
            heard_s = at_s - lasted_s
        elif speaks_s is not None:
            continue
        if stage == _VOICE:
            if lasted_s < _EMPTY_S:
                continue
            speaks_s = at_s
        parts.append(
            ClaimedPart(
                key=stage,
                ms=lasted_s * 1000.0,
                owner=str(line["processor"]),
                start_s=at_s - lasted_s,
                source="TTFBMetricsData",
            )
        )
    return TraceTurn(
        id=position,
        user=None if heard_s is None else TraceSide(end_s=heard_s),
        agent=None if speaks_s is None else TraceSide(start_s=speaks_s, edge="playout"),
        parts=tuple(parts),
        aborted=heard_s is not None and speaks_s is None,
        attributes={"metrics": bounded(list(lines))},
    )


def _leading_silence(line: dict[str, Any], speaks_s: float | None) -> list[ClaimedPart]:
    silent_s = duration(line.get("leading_silence"))
    if silent_s is None or speaks_s is None:
        return []
    return [
        ClaimedPart(
            key="tts_leading_silence",
            ms=silent_s * 1000.0,
            owner=str(line["processor"]),
            start_s=speaks_s,
            source="TTFAMetricsData",
        )
    ]


def _count(line: dict[str, Any], usage: dict[str, float]) -> None:
    value = line.get("value")
    counted = {
        "LLMUsageMetricsData": (
            ("prompt_tokens", "llm_input_tokens"),
            ("completion_tokens", "llm_output_tokens"),
            ("cache_read_input_tokens", "llm_cached_input_tokens"),
            ("reasoning_tokens", "llm_reasoning_tokens"),
        ),
        "STTUsageMetricsData": (("audio_seconds", "stt_audio_s"),),
    }
    for key, name in counted.get(line["type"], ()):
        found = number(mapping(value).get(key))
        if found is not None:
            usage[name] = usage.get(name, 0.0) + found
    if line["type"] == "TTSUsageMetricsData" and (found := number(value)) is not None:
        usage["tts_characters"] = usage.get("tts_characters", 0.0) + found
