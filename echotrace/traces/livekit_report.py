"""LiveKit's session report: the messages of a call with their figures, and where its audio begins.

``SessionReport.to_dict()`` as JSON. The figures of the LLM and the TTS are those of the last
generation of an answer: what a tool call took before it is told only by the items between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from echotrace.model.trace import ClaimedPart, Trace, TraceSide, TraceSpan, TraceTurn
from echotrace.traces.owners import service_name
from echotrace.traces.values import bounded, duration, mapping, number, sequence, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.measure import JsonValue
    from echotrace.traces.document import Document

__all__ = ["detects", "read"]

_TAKEN: Final = frozenset({"audio_recording_path", "audio_recording_started_at", "sdk_version"})
_USAGE: Final = {
    ("llm_usage", "input_tokens"): "llm_input_tokens",
    ("llm_usage", "input_cached_tokens"): "llm_cached_input_tokens",
    ("llm_usage", "output_tokens"): "llm_output_tokens",
    ("tts_usage", "characters_count"): "tts_characters",
    ("tts_usage", "audio_duration"): "tts_audio_s",
    ("stt_usage", "audio_duration"): "stt_audio_s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """What the caller said, the tools that ran, and the answer."""

    user: dict[str, Any] | None
    calls: tuple[dict[str, Any], ...]
    agent: dict[str, Any] | None


def detects(document: Document) -> bool:
    """Whether a file is a session report."""
    return _report(document) is not None


def read(document: Document) -> Trace:
    """Read a session report."""
    report = _report(document) or {}
    items = [mapping(item) for item in sequence(mapping(report.get("chat_history")).get("items"))]
    exchanges = _exchanges(items)
    return Trace(
        kind="livekit",
        clock="unix",
        turns=tuple(_turn(position, each) for position, each in enumerate(exchanges, 1)),
        spans=tuple(_tool_spans(exchanges)),
        producer="livekit-agents",
        producer_version=text(report.get("sdk_version")),
        session_id=text(report.get("room_id")) or text(report.get("job_id")),
        recording_start_s=number(report.get("audio_recording_started_at")),
        recording_path=text(report.get("audio_recording_path")),
        usage=_usage(report),
        left_over=_left_over(report, items),
    )


def _report(document: Document) -> dict[str, Any] | None:
    report = mapping(document.only)
    history = mapping(report.get("chat_history"))
    is_one = isinstance(history.get("items"), list) and (
        "audio_recording_started_at" in report or "job_id" in report or "room_id" in report
    )
    return report if is_one else None


def _exchanges(items: Sequence[dict[str, Any]]) -> list[_Exchange]:
    """The history cut into turns: a message of the caller opens one, the first answer ends it."""
    found: list[_Exchange] = []
    user: dict[str, Any] | None = None
    calls: list[dict[str, Any]] = []
    for item in items:
        kind, role = item.get("type"), item.get("role")
        if kind in ("function_call", "function_call_output"):
            calls.append(item)
        elif kind == "message" and role == "user":
            if user is not None:
                found.append(_Exchange(user=user, calls=tuple(calls), agent=None))
                calls = []
            user = item
        elif kind == "message" and role == "assistant":
            found.append(_Exchange(user=user, calls=tuple(calls), agent=item))
            user, calls = None, []
    if user is not None:
        found.append(_Exchange(user=user, calls=tuple(calls), agent=None))
    return found


def _turn(position: int, exchange: _Exchange) -> TraceTurn:
    heard = mapping(mapping(exchange.user).get("metrics"))
    said = mapping(mapping(exchange.agent).get("metrics"))
    stop_s, speaks_s = (
        _time(heard.get("stopped_speaking_at")),
        _time(said.get("started_speaking_at")),
    )
    claimed_s = duration(said.get("e2e_latency"))
    parts: list[ClaimedPart] = []
    if exchange.user is not None and speaks_s is not None:
        parts = _parts(exchange, heard, said, stop_s, speaks_s)
    was_cut = mapping(exchange.agent).get("interrupted") is True
    return TraceTurn(
        id=position,
        user=_side(exchange.user, edge="speech"),
        agent=_side(exchange.agent, edge="playout"),
        claimed_gap_ms=None if claimed_s is None else claimed_s * 1000.0,
        claimed_by=None if claimed_s is None else "e2e_latency",
        parts=tuple(parts),
        interrupted=was_cut and speaks_s is not None,
        aborted=exchange.agent is None or (speaks_s is None and exchange.user is not None),
        attributes={
            key: bounded(item)
            for key, item in (("user", exchange.user), ("agent", exchange.agent))
            if item is not None
        },
    )


def _side(message: dict[str, Any] | None, *, edge: str) -> TraceSide | None:
    if message is None:
        return None
    metrics = mapping(message.get("metrics"))
    said = [piece for piece in sequence(message.get("content")) if isinstance(piece, str)]
    return TraceSide(
        start_s=_time(metrics.get("started_speaking_at")),
        end_s=_time(metrics.get("stopped_speaking_at")),
        text=" ".join(said) or text(message.get("content")),
        edge=edge,
    )


def _time(value: JsonValue) -> float | None:
    return number(value) or None


def _parts(
    exchange: _Exchange,
    heard: dict[str, Any],
    said: dict[str, Any],
    stop_s: float | None,
    speaks_s: float,
) -> list[ClaimedPart]:
    """The figures placed: the caller's from the stop on, the agent's back from the first sound."""
    parts = [] if stop_s is None else _waiting(heard, stop_s)
    commit_s = parts[0].start_s + parts[0].ms / 1000.0 if parts and parts[0].start_s else None
    answer, begins_s = _answering(said, speaks_s)
    if commit_s is not None and begins_s is not None and not exchange.calls:
        parts.append(_handover(commit_s, begins_s))
    elif commit_s is not None and (hook_s := duration(heard.get("on_user_turn_completed_delay"))):
        parts.append(_part("turn_detection", hook_s, commit_s, "on_user_turn_completed", "bot"))
    parts.extend(_ran(exchange.calls))
    return [*parts, *answer]


def _waiting(heard: dict[str, Any], stop_s: float) -> list[ClaimedPart]:
    delay_s = duration(heard.get("end_of_turn_delay"))
    if not delay_s:
        return []
    parts = [_part("endpointing_wait", delay_s, stop_s, "endpointing delay", "setting")]
    if transcript_s := duration(heard.get("transcription_delay")):
        parts.append(
            ClaimedPart(
                key="transcription",
                ms=transcript_s * 1000.0,
                owner=_owner(heard, "stt"),
                start_s=stop_s,
                inside="endpointing_wait",
                source="transcription_delay",
            )
        )
    return parts


def _answering(said: dict[str, Any], speaks_s: float) -> tuple[list[ClaimedPart], float | None]:
    """The parts of the answer, walked back from its first sound, and where its LLM began."""
    at_s = speaks_s
    parts: list[ClaimedPart] = []

    def before(key: str, lasted_s: float, owner: str, kind: str, source: str) -> None:
        nonlocal at_s
        at_s -= lasted_s
        parts.insert(0, _part(key, lasted_s, at_s, owner, kind, source))

    if (out_s := duration(said.get("playback_latency"))) is not None:
        before("output_transport", out_s, "audio output", "pipeline", "playback_latency")
    token_s = duration(said.get("llm_node_ttft"))
    sentence_s = duration(said.get("llm_node_ttfs"))
    if (voice_s := duration(said.get("tts_node_ttfb"))) is None or token_s is None:
        return parts, None
    holds = "" if sentence_s is not None else ", which holds the wait for a sentence"
    before("speech_synthesis", voice_s, _owner(said, "tts"), "service", "tts_node_ttfb" + holds)
    if sentence_s is not None:
        before(
            "sentence_aggregation",
            sentence_s - token_s,
            "sentence tokenizer",
            "setting",
            "llm_node_ttfs - llm_node_ttft",
        )
    before("llm_inference", token_s, _owner(said, "llm"), "service", "llm_node_ttft")
    return parts, at_s


def _handover(commit_s: float, begins_s: float) -> ClaimedPart:
    is_early = begins_s < commit_s
    return _part(
        "turn_detection",
        begins_s - commit_s,
        commit_s,
        "preemptive generation" if is_early else "on_user_turn_completed",
        "setting" if is_early else "bot",
        "start of the LLM - (stopped_speaking_at + end_of_turn_delay)",
    )


def _ran(calls: Sequence[dict[str, Any]]) -> list[ClaimedPart]:
    """The tools that ran one after the other, from call to result."""
    parts = []
    for call, started_s, ended_s in _finished(calls):
        name = text(call.get("name")) or "function"
        parts.append(_part("tool_call", ended_s - started_s, started_s, name, "bot"))
    return parts


def _finished(
    calls: Sequence[dict[str, Any]],
) -> list[tuple[dict[str, Any], float, float]]:
    results = {
        str(item.get("call_id")): item
        for item in calls
        if item.get("type") == "function_call_output"
    }
    found = []
    for call in calls:
        if call.get("type") != "function_call":
            continue
        started_s = _time(call.get("created_at"))
        ended_s = _time(mapping(results.get(str(call.get("call_id")))).get("created_at"))
        if started_s is not None and ended_s is not None and ended_s >= started_s:
            found.append((call, started_s, ended_s))
    return found


def _tool_spans(exchanges: Sequence[_Exchange]) -> list[TraceSpan]:
    return [
        TraceSpan(
            id=text(call.get("call_id")) or f"call-{position}-{started_s}",
            name="function_call",
            start_s=started_s,
            end_s=ended_s,
            part="tool_call",
            owner=text(call.get("name")) or "function",
            owner_kind="bot",
            turn=position,
            attributes=bounded(call),
        )
        for position, exchange in enumerate(exchanges, 1)
        for call, started_s, ended_s in _finished(exchange.calls)
    ]


def _part(
    key: str, lasted_s: float, start_s: float, owner: str, kind: str, source: str | None = None
) -> ClaimedPart:
    return ClaimedPart(
        key=key,
        ms=lasted_s * 1000.0,
        owner=owner,
        owner_kind=kind,
        start_s=start_s,
        source=source,
    )


def _owner(metrics: dict[str, Any], stage: str) -> str:
    held = mapping(metrics.get(f"{stage}_metadata"))
    return service_name(
        text(held.get("model_provider")), text(held.get("model_name")), fallback=stage
    )


def _usage(report: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for item in map(mapping, sequence(report.get("usage"))):
        for (kind, key), name in _USAGE.items():
            value = number(item.get(key))
            if item.get("type") == kind and value is not None:
                found[name] = found.get(name, 0.0) + value
    return found


def _left_over(report: dict[str, Any], items: Sequence[dict[str, Any]]) -> dict[str, JsonValue]:
    """Everything that has no place elsewhere: events, options, items that are no messages."""
    left = {
        key: bounded(value)
        for key, value in report.items()
        if key not in _TAKEN and key != "chat_history"
    }
    others = [item for item in items if item.get("type") != "message"]
    if others:
        left["chat_history"] = bounded(others)
    return left
