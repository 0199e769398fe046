"""ElevenLabs agents: the JSON of a conversation (``GET /v1/convai/conversations/{id}``).

Names are those of the typed models in elevenlabs 2.78; those of the metrics are free text there and
move from release to release, so unknown ones are kept. ``time_in_call_secs`` is in whole seconds
and places nothing; ``created_at_unix_ms`` is finer, and only says when the agent's line was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from echotrace.model.measure import Finding, JsonValue, Severity
from echotrace.model.trace import ClaimedPart, Trace, TraceSide, TraceSpan
from echotrace.traces.document import Document
from echotrace.traces.exchanges import Exchange, Line, exchanges, turn_of
from echotrace.traces.owners import service_name
from echotrace.traces.span_tree import read_tree
from echotrace.traces.values import bounded, mapping, number, sequence, text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["detects", "read"]

_CLAIMED: Final = "convai_ttf_audio_since_silence"
_ASR: Final = "convai_asr_trailing_service_latency"
_LLM: Final = "convai_llm_service_ttfb"
_SENTENCE: Final = "convai_llm_service_ttf_sentence"
_TOOL_REQUEST: Final = "convai_llm_tool_request_generation_latency"
_TTS: Final = "convai_tts_service_ttfb"
_COARSE: Final = Finding(
    code="TRACE_TIMES_COARSE",
    severity=Severity.INFO,
    message="ElevenLabs gives the lines of this conversation in whole seconds, which place "
    "nothing in the recording",
    hint="claimed figures are read; --offset-ms cannot help here",
)


def detects(document: Document) -> bool:
    """Whether this is a conversation of ElevenLabs'."""
    call = _call(document)
    lines = sequence(call.get("transcript"))
    return "conversation_id" in call and any("time_in_call_secs" in mapping(raw) for raw in lines)


def read(document: Document) -> Trace:
    """Read a conversation."""
    call = _call(document)
    lines = [_line(mapping(raw)) for raw in sequence(call.get("transcript"))]
    found = exchanges(lines)
    is_placed = any(line.side.start_s is not None for line in lines)
    notes = [] if is_placed or not lines else [_COARSE]
    turns = [
        turn_of(
            each,
            position,
            parts=tuple(_parts(each)),
            claimed_gap_ms=_claimed_ms(each),
            claimed_by=_CLAIMED,
        )
        for position, each in enumerate(found, 1)
    ]
    spans, left = _spans(document, call)
    return Trace(
        kind="elevenlabs",
        clock="unix" if is_placed else "session",
        turns=tuple(turns),
        spans=spans,
        producer="elevenlabs",
        session_id=text(call.get("conversation_id")),
        usage=_usage(lines),
        left_over=left,
        findings=tuple(notes),
    )


def _call(document: Document) -> dict[str, Any]:
    """The conversation, out of the envelope of a webhook where it is in one."""
    found = mapping(document.only)
    within = mapping(found.get("data"))
    return within if "conversation_id" not in found and "conversation_id" in within else found


def _line(raw: dict[str, Any]) -> Line:
    role = "user" if raw.get("role") == "user" else "agent"
    if role == "agent" and text(raw.get("message")) is None:
        role = "tool"
    made_ms = number(raw.get("created_at_unix_ms")) if role == "agent" else None
    return Line(
        role=role,
        side=TraceSide(
            start_s=made_ms / 1000.0 if made_ms else None,
            text=text(raw.get("message")),
            edge="playout" if role == "agent" else "detected",
        ),
        raw=raw,
        interrupted=raw.get("interrupted") is True,
        backchannel=raw.get("ignored_as_backchannel") is True,
    )


def _metrics(line: Line | None) -> dict[str, float]:
    """The metrics of a line in milliseconds."""
    if line is None:
        return {}
    held = mapping(mapping(line.raw.get("conversation_turn_metrics")).get("metrics"))
    return {
        str(name): found * 1000.0
        for name, value in held.items()
        if (found := number(mapping(value).get("elapsed_time"))) is not None
    }


def _claimed_ms(exchange: Exchange) -> float | None:
    return _metrics(exchange.agent).get(_CLAIMED) if exchange.is_answered else None


def _parts(exchange: Exchange) -> list[ClaimedPart]:
    if exchange.agent is None or exchange.user is None:
        return []
    heard, said = _metrics(exchange.user), _metrics(exchange.agent)
    about = mapping(exchange.agent.raw.get("conversation_turn_metrics"))
    asr = service_name(text(about.get("convai_asr_provider")), None, fallback="stt")
    llm = text(exchange.agent.raw.get("producing_llm")) or "llm"
    tts = service_name(None, text(about.get("convai_tts_model")), fallback="tts")
    parts: list[ClaimedPart] = []

    def add(key: str, ms: float | None, owner: str, source: str, kind: str = "service") -> None:
        if ms is not None:
            parts.append(ClaimedPart(key=key, ms=ms, owner=owner, owner_kind=kind, source=source))

    add("transcription", heard.get(_ASR), asr, _ASR)
    add("llm_inference", said.get(_TOOL_REQUEST), llm, _TOOL_REQUEST)
    for result in _tool_results(exchange):
        lasted_s = number(result.get("tool_latency_secs"))
        name = text(result.get("tool_name")) or "tool"
        lasted_ms = None if lasted_s is None else lasted_s * 1000.0
        add("tool_call", lasted_ms, name, "tool_latency_secs", "bot")
    add("llm_inference", said.get(_LLM), llm, _LLM)
    if _LLM in said and _SENTENCE in said:
        waited_ms = said[_SENTENCE] - said[_LLM]
        source = f"{_SENTENCE} - {_LLM}"
        add("sentence_aggregation", waited_ms, "first sentence", source, "setting")
    add("speech_synthesis", said.get(_TTS), tts, _TTS)
    return parts


def _tool_results(exchange: Exchange) -> list[dict[str, Any]]:
    lines = [*exchange.tools, *([exchange.agent] if exchange.agent is not None else [])]
    return [mapping(item) for line in lines for item in sequence(line.raw.get("tool_results"))]


def _usage(lines: list[Line]) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in lines:
        models = mapping(mapping(line.raw.get("llm_usage")).get("model_usage"))
        for model in map(mapping, models.values()):
            for key, name in (("input", "llm_input_tokens"), ("output_total", "llm_output_tokens")):
                tokens = number(mapping(model.get(key)).get("tokens"))
                if tokens is not None:
                    found[name] = found.get(name, 0.0) + tokens
    return found


def _spans(
    document: Document, call: Mapping[str, JsonValue]
) -> tuple[tuple[TraceSpan, ...], dict[str, JsonValue]]:
    """The OpenTelemetry spans that ``?format=opentelemetry`` adds, and the fields left over."""
    left = {
        key: bounded(value)
        for key, value in call.items()
        if key not in ("transcript", "conversation_id", "otlp_traces")
    }
    within = call.get("otlp_traces")
    if not isinstance(within, dict):
        return (), left
    tree = read_tree(
        Document(name=document.name, values=(within,), lines=(1,)),
        roots=("elevenlabs.conversation",),
    )
    spans = tuple(
        TraceSpan(
            id=node.id,
            name=node.name,
            start_s=node.start_s,
            end_s=node.end_s,
            parent_id=node.parent_id,
            status=node.status,
            attributes=node.attributes,
        )
        for node in tree.nodes
    )
    return spans, left | ({"otlp_traces": tree.left_over} if tree.left_over else {})
