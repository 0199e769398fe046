"""Vapi: the JSON of a call (``GET /call/{id}``), or the end-of-call report of its webhook.

Names are those of the typed models in vapi_server_sdk 3.0. Latencies stand in a list of their own,
without a time or the id of a message: they are paired with the answered turns in their order, or,
where their number is another, not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from echotrace.model.measure import Finding, JsonValue, Severity
from echotrace.model.trace import ClaimedPart, Trace, TraceSide, TraceSpan
from echotrace.traces.exchanges import Exchange, Line, exchanges, turn_of
from echotrace.traces.owners import service_name
from echotrace.traces.values import bounded, mapping, number, sequence, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.traces.document import Document

__all__ = ["detects", "read"]

_ROLES: Final = {"user": "user", "bot": "agent", "assistant": "agent"}
_TOOLS: Final = ("tool_calls", "tool_call_result")
_PARTS: Final = (
    ("endpointing_wait", "endpointingLatency", "setting"),
    ("transcription", "transcriberLatency", "service"),
    ("llm_inference", "modelLatency", "service"),
    ("speech_synthesis", "voiceLatency", "service"),
)
_STAGES: Final = {
    "transcription": "transcriber",
    "llm_inference": "model",
    "speech_synthesis": "voice",
}
_USAGE: Final = {
    "llmPromptTokens": "llm_input_tokens",
    "llmCachedPromptTokens": "llm_cached_input_tokens",
    "llmCompletionTokens": "llm_output_tokens",
    "ttsCharacters": "tts_characters",
}
_MILLISECONDS: Final = 1e11
"""Above this a time is in milliseconds; as seconds it would be the year 5138."""
_LEAVES_OUT: Final = Finding(
    code="TRACE_CLAIM_LEAVES_OUT",
    severity=Severity.INFO,
    message="Vapi's turnLatency leaves out the endpointing wait and the transport to and from "
    "the caller",
    hint="compare it with the heard gap, not with another platform's figure",
)


def detects(document: Document) -> bool:
    """Whether this is a call of Vapi's."""
    call = _call(document)
    artifact = mapping(call.get("artifact"))
    if "performanceMetrics" in artifact or "turnLatencies" in artifact:
        return True
    has_messages = isinstance(_messages(call), list)
    return has_messages and ("assistantId" in call or "costBreakdown" in call or bool(artifact))


def read(document: Document) -> Trace:
    """Read a call."""
    call = _call(document)
    lines, clock = _lines(sequence(_messages(call)))
    found = exchanges(lines)
    owners = _owners(call)
    latencies, notes = _latencies(call, found)
    spans = _tool_spans(found)
    turns = []
    for position, exchange in enumerate(found, 1):
        latency = latencies.get(position, {})
        turns.append(
            turn_of(
                exchange,
                position,
                parts=(*_parts(latency, owners), *_tool_parts(spans, exchange, position)),
                claimed_gap_ms=number(latency.get("turnLatency")),
                claimed_by="turnLatency",
            )
        )
    if any(turn.claimed_gap_ms is not None for turn in turns):
        notes.append(_LEAVES_OUT)
    return Trace(
        kind="vapi",
        clock=clock,
        turns=tuple(turns),
        spans=tuple(spans),
        producer="vapi",
        session_id=text(call.get("id")) or text(mapping(call.get("call")).get("id")),
        call_totals=_totals(call),
        usage=_usage(call),
        left_over=_left_over(call, are_paired=bool(latencies)),
        findings=tuple(notes),
    )


def _call(document: Document) -> dict[str, Any]:
    """The call, out of the envelope of a webhook where it is in one."""
    found = mapping(document.only)
    message = mapping(found.get("message"))
    return message if message.get("type") == "end-of-call-report" else found


def _messages(call: Mapping[str, JsonValue]) -> JsonValue:
    """The messages of the artifact; those at the top are an old copy of them."""
    within = mapping(call.get("artifact")).get("messages")
    return within if isinstance(within, list) else call.get("messages")


def _lines(messages: list[JsonValue]) -> tuple[list[Line], str]:
    """The spoken messages and the tools in order, and the clock that their times are on."""
    raws = [mapping(message) for message in messages]
    is_unix = any(_seconds(raw.get("time")) is not None for raw in raws)
    lines = []
    for raw in raws:
        role = _ROLES.get(str(raw.get("role")))
        if role is None and raw.get("role") not in _TOOLS:
            continue
        start_s = _seconds(raw.get("time")) if is_unix else number(raw.get("secondsFromStart"))
        side = TraceSide(
            start_s=start_s,
            end_s=_seconds(raw.get("endTime")) if is_unix else None,
            text=text(raw.get("message")),
            edge="playout" if role == "agent" else "detected",
        )
        lines.append(Line(role=role or "tool", side=side, raw=raw))
    return lines, "unix" if is_unix else "session"


def _seconds(value: JsonValue) -> float | None:
    """A unix time in seconds, which documents write in milliseconds."""
    found = number(value)
    if found is None or found <= 0.0:
        return None
    return found / 1000.0 if found > _MILLISECONDS else found


def _latencies(
    call: Mapping[str, JsonValue], found: list[Exchange]
) -> tuple[dict[int, dict[str, Any]], list[Finding]]:
    """The latencies by the number of the turn that they belong to."""
    written = [mapping(item) for item in sequence(_performance(call).get("turnLatencies"))]
    answered = [position for position, item in enumerate(found, 1) if item.is_answered]
    if not written:
        return {}, []
    if len(written) != len(answered):
        note = Finding(
            code="TRACE_CLAIMS_UNPAIRED",
            severity=Severity.WARNING,
            message=f"Vapi lists {len(written):,} turn latencies for {len(answered):,} answered "
            "turns and does not say which is whose: none was given to a turn",
            hint="their averages are in call_totals",
        )
        return {}, [note]
    return dict(zip(answered, written, strict=True)), []


def _parts(latency: Mapping[str, JsonValue], owners: Mapping[str, str]) -> tuple[ClaimedPart, ...]:
    return tuple(
        ClaimedPart(key=key, ms=ms, owner=owners[key], owner_kind=kind, source=name)
        for key, name, kind in _PARTS
        if (ms := number(latency.get(name))) is not None
    )


def _tool_parts(
    spans: list[TraceSpan], exchange: Exchange, position: int
) -> tuple[ClaimedPart, ...]:
    """The tools that an answer waited for; Vapi's list does not hold their time."""
    if not exchange.is_answered:
        return ()
    return tuple(
        ClaimedPart(
            key="tool_call",
            ms=(span.end_s - span.start_s) * 1000.0,
            owner=span.owner or "function",
            owner_kind="bot",
            start_s=span.start_s,
            source="tool_call_result - tool_calls",
        )
        for span in spans
        if span.turn == position
    )


def _owners(call: Mapping[str, JsonValue]) -> dict[str, str]:
    """Who did what, by the bill, or by the assistant's own settings."""
    assistant = mapping(call.get("assistant"))
    billed = {str(mapping(item).get("type")): mapping(item) for item in sequence(call.get("costs"))}
    owners = {"endpointing_wait": "config: startSpeakingPlan"}
    for key, stage in _STAGES.items():
        held = mapping(billed.get(stage, {}).get(stage)) or mapping(assistant.get(stage))
        model = text(held.get("model")) or text(held.get("voiceId"))
        owners[key] = service_name(text(held.get("provider")), model, fallback=stage)
    return owners


def _performance(call: Mapping[str, JsonValue]) -> dict[str, Any]:
    artifact = mapping(call.get("artifact"))
    return mapping(artifact.get("performanceMetrics")) or artifact


def _totals(call: Mapping[str, JsonValue]) -> dict[str, float]:
    return {
        name: found
        for name, value in _performance(call).items()
        if name.endswith("Average") and (found := number(value)) is not None
    }


def _usage(call: Mapping[str, JsonValue]) -> dict[str, float]:
    bill = mapping(call.get("costBreakdown"))
    wanted = [(name, bill.get(key)) for key, name in _USAGE.items()]
    wanted.append(("cost_usd", call.get("cost")))
    return {name: found for name, value in wanted if (found := number(value)) is not None}


def _tool_spans(found: list[Exchange]) -> list[TraceSpan]:
    """Tools from the message that calls them to the one with their result."""
    spans = []
    for position, exchange in enumerate(found, 1):
        called: dict[str, tuple[float, dict[str, Any]]] = {}
        for tool in exchange.tools:
            at_s = tool.side.start_s
            for item in map(mapping, sequence(tool.raw.get("toolCalls"))):
                if at_s is not None:
                    called[str(item.get("id"))] = (at_s, item)
            own_id = str(tool.raw.get("toolCallId"))
            if at_s is None or own_id not in called:
                continue
            start_s, item = called.pop(own_id)
            name = text(mapping(item.get("function")).get("name")) or "function"
            spans.append(
                TraceSpan(
                    id=own_id,
                    name="tool_call",
                    start_s=start_s,
                    end_s=max(start_s, at_s),
                    part="tool_call",
                    owner=name,
                    owner_kind="bot",
                    turn=position,
                    attributes={"call": bounded(item), "result": bounded(tool.raw)},
                )
            )
    return spans


def _left_over(call: Mapping[str, JsonValue], *, are_paired: bool) -> dict[str, JsonValue]:
    left = {key: bounded(value) for key, value in call.items() if key not in ("messages", "id")}
    artifact = left.pop("artifact", None)
    rest = {key: value for key, value in mapping(artifact).items() if key != "messages"}
    if are_paired and "performanceMetrics" in rest:
        kept = mapping(rest["performanceMetrics"])
        rest["performanceMetrics"] = {k: v for k, v in kept.items() if k != "turnLatencies"}
    others = [
        bounded(message)
        for message in map(mapping, sequence(_messages(call)))
        if message.get("role") not in (*_ROLES, *_TOOLS)
    ]
    if others:
        rest["messages"] = others
    if rest:
        left["artifact"] = rest
    return left
