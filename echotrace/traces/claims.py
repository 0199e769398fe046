"""What the spans of a turn claim: which of them are parts of the wait for an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from echotrace.model.trace import PARTS, ClaimedPart, TraceSpan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["claimed_parts", "part_of"]

_NAMES: Final = {
    "stt": "transcription",
    "asr": "transcription",
    "llm": "llm_inference",
    "tts": "speech_synthesis",
    "tool": "tool_call",
    "function_call": "tool_call",
    "vad": "endpointing_wait",
    "endpointing": "endpointing_wait",
    "transport": "output_transport",
}
_KINDS: Final = {
    "endpointing_wait": "setting",
    "turn_detection": "setting",
    "tool_call": "bot",
    "sentence_aggregation": "setting",
    "output_transport": "pipeline",
    "unaccounted": "pipeline",
}
_AFTER_SPEECH: Final = frozenset({"speech_synthesis", "tts_leading_silence", "output_transport"})
_STREAMED: Final = frozenset({"llm_inference", "speech_synthesis"})


def part_of(name: str) -> tuple[str | None, str | None]:
    """The part that a stage of this name is, and whose time such a part usually is."""
    part = name if name in PARTS else _NAMES.get(name.lower())
    return part, None if part is None else _KINDS.get(part, "service")


def claimed_parts(
    spans: Sequence[TraceSpan],
    *,
    insides: Mapping[str, str],
    waited: ClaimedPart | None = None,
    stop_s: float | None = None,
    speaks_s: float | None = None,
) -> tuple[ClaimedPart, ...]:
    """The parts of one turn, from its spans by their start.

    A stage that streams counts up to its first output. Left out are stages that were cancelled
    before it, stages inside a stage of the same part, and what began after the synthesis of the
    first sentence did or after the agent spoke: the caller did not wait for those. A transcription
    counts from the caller's end on. The wait for a first sentence is the time between the last
    LLM's first output and that synthesis.
    """
    counted = [
        span
        for span in _of_parts(_since(spans, stop_s))
        if speaks_s is None or span.start_s < speaks_s
    ]
    voice = next((span for span in counted if span.part == "speech_synthesis"), None)
    if voice is not None:
        counted = [
            span
            for span in counted
            if span is voice
            or (span.start_s <= voice.start_s and span.part != "speech_synthesis")
            or span.part in _AFTER_SPEECH - {"speech_synthesis"}
        ]
    waits = [span for span in counted if span.part == "endpointing_wait"]
    stretches = [(span.start_s, span.end_s) for span in waits]
    parts: list[ClaimedPart] = []
    if waited is not None and waited.start_s is not None and not waits:
        parts.append(waited)
        stretches.append((waited.start_s, waited.start_s + waited.ms / 1000.0))
    for span in counted:
        if span is voice and (wait := _sentence(counted, voice)) is not None:
            parts.append(wait)
        parts.append(_part(span, insides.get(span.id) or _inside(span, stretches)))
    return tuple(parts)


def _since(spans: Sequence[TraceSpan], stop_s: float | None) -> list[TraceSpan]:
    """The spans, transcriptions begun where the caller had ended."""
    if stop_s is None:
        return list(spans)
    return [
        replace(span, start_s=stop_s, end_s=max(stop_s, span.end_s))
        if span.part == "transcription" and span.start_s < stop_s
        else span
        for span in spans
    ]


def _of_parts(spans: Sequence[TraceSpan]) -> list[TraceSpan]:
    by_id = {span.id: span for span in spans}
    return [
        span
        for span in spans
        if span.part is not None
        and not (span.status == "cancelled" and span.first_output_s is None)
        and not _has_same_above(span, by_id)
    ]


def _has_same_above(span: TraceSpan, by_id: Mapping[str, TraceSpan]) -> bool:
    above = by_id.get(span.parent_id or "")
    seen = {span.id}
    while above is not None and above.id not in seen:
        if above.part == span.part:
            return True
        seen.add(above.id)
        above = by_id.get(above.parent_id or "")
    return False


def _ready_s(span: TraceSpan) -> float:
    """When others could go on with what a stage gave."""
    is_streamed = span.part in _STREAMED and span.first_output_s is not None
    return span.first_output_s if is_streamed and span.first_output_s is not None else span.end_s


def _sentence(counted: Sequence[TraceSpan], voice: TraceSpan) -> ClaimedPart | None:
    if any(span.part == "sentence_aggregation" for span in counted):
        return None
    before = [span for span in counted if span.start_s <= voice.start_s and span is not voice]
    last = max(before, key=lambda span: span.start_s, default=None)
    if last is None or last.part != "llm_inference" or last.first_output_s is None:
        return None
    lasted_s = voice.start_s - last.first_output_s
    if lasted_s <= 0.0:
        return None
    return ClaimedPart(
        key="sentence_aggregation",
        ms=lasted_s * 1000.0,
        owner="first sentence",
        owner_kind="setting",
        start_s=last.first_output_s,
        source="start of the synthesis - first output of the LLM",
    )


def _part(span: TraceSpan, inside: str | None) -> ClaimedPart:
    return ClaimedPart(
        key=span.part or "unaccounted",
        ms=(_ready_s(span) - span.start_s) * 1000.0,
        owner=span.owner or span.name,
        owner_kind=span.owner_kind or "service",
        start_s=span.start_s,
        inside=inside,
        source=span.name,
    )


def _inside(span: TraceSpan, waits: Sequence[tuple[float, float]]) -> str | None:
    """A transcript that was there before the wait for the end of the turn was over cost nothing."""
    if span.part != "transcription":
        return None
    held = any(start_s <= span.start_s and span.end_s <= end_s for start_s, end_s in waits)
    return "endpointing_wait" if held else None
