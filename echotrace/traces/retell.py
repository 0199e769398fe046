"""Retell: the JSON of a call (``GET /v2/get-call/{id}``), or the webhook that holds one.

Names are those of the typed models in retell-sdk 6.2. Its latencies are of the call: their values
name no turn and the lists differ in length, so no turn is given one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from echotrace.model.measure import Finding, JsonValue, Severity
from echotrace.model.trace import Trace, TraceSide
from echotrace.model.transcription import Word
from echotrace.traces.exchanges import Line, exchanges, turn_of
from echotrace.traces.values import bounded, mapping, number, sequence, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.traces.document import Document

__all__ = ["detects", "read"]

_ROLES: Final = {"user": "user", "agent": "agent"}
_TOOLS: Final = ("tool_call_invocation", "tool_call_result")
_LISTS: Final = ("transcript_with_tool_calls", "transcript_object")
_CENTS: Final = 100.0


def detects(document: Document) -> bool:
    """Whether this is a call of Retell's."""
    call = _call(document)
    return "call_id" in call and any(
        key in call for key in (*_LISTS, "latency", "call_status", "recording_multi_channel_url")
    )


def read(document: Document) -> Trace:
    """Read a call."""
    call = _call(document)
    written: list[JsonValue] = next((call[key] for key in _LISTS if sequence(call.get(key))), [])
    found = exchanges(_lines(written))
    totals = _totals(call)
    return Trace(
        kind="retell",
        clock="session",
        turns=tuple(turn_of(each, position) for position, each in enumerate(found, 1)),
        producer="retell",
        session_id=text(call.get("call_id")),
        recording_start_s=0.0,
        call_totals=totals,
        usage=_usage(call),
        left_over=_left_over(call, written),
        findings=_notes(totals),
    )


def _call(document: Document) -> dict[str, Any]:
    found = mapping(document.only)
    within = mapping(found.get("call"))
    return within if "event" in found and "call_id" in within else found


def _lines(written: list[JsonValue]) -> list[Line]:
    lines = []
    for raw in map(mapping, written):
        role = _ROLES.get(str(raw.get("role")))
        if role is None and raw.get("role") not in _TOOLS:
            continue
        lines.append(
            Line(
                role=role or "tool",
                side=_side(raw),
                raw={key: value for key, value in raw.items() if key not in ("words", "content")}
                if role
                else raw,
                backchannel=mapping(raw.get("metadata")).get("is_backchannel") is True,
            )
        )
    return lines


def _side(raw: Mapping[str, JsonValue]) -> TraceSide:
    """A line with its words, whose times Retell gives from the beginning of the audio."""
    words = tuple(
        Word(
            text=str(item.get("word") or "").strip(),
            start_s=number(item.get("start")),
            end_s=number(item.get("end")),
        )
        for item in map(mapping, sequence(raw.get("words")))
    )
    starts = [word.start_s for word in words if word.start_s is not None]
    ends = [word.end_s for word in words if word.end_s is not None]
    return TraceSide(
        start_s=min(starts, default=None),
        end_s=max(ends, default=None),
        text=text(raw.get("content")),
        edge="speech",
        words=words,
    )


def _totals(call: Mapping[str, JsonValue]) -> dict[str, float]:
    """Every figure of every latency as ``e2e.p50``, in milliseconds; ``num`` is their number."""
    return {
        f"{stage}.{name}": found
        for stage, figures in mapping(call.get("latency")).items()
        for name, value in mapping(figures).items()
        if (found := number(value)) is not None
    }


def _notes(totals: Mapping[str, float]) -> tuple[Finding, ...]:
    median = totals.get("e2e.p50")
    if median is None:
        return ()
    return (
        Finding(
            code="TRACE_CLAIMS_OF_CALL",
            severity=Severity.INFO,
            message=f"Retell's latencies are of the call and name no turn: it claims a median of "
            f"{median:,.0f} ms, without the network to the caller",
            hint="compare it with the heard p50 of the call",
        ),
    )


def _usage(call: Mapping[str, JsonValue]) -> dict[str, float]:
    found: dict[str, float] = {}
    cents = number(mapping(call.get("call_cost")).get("combined_cost"))
    if cents is not None:
        found["cost_usd"] = cents / _CENTS
    tokens = [
        number(value) for value in sequence(mapping(call.get("llm_token_usage")).get("values"))
    ]
    if tokens:
        found["llm_tokens"] = sum(value for value in tokens if value is not None)
    return found


def _left_over(call: Mapping[str, JsonValue], written: list[JsonValue]) -> dict[str, JsonValue]:
    left = {key: bounded(value) for key, value in call.items() if key not in (*_LISTS, "call_id")}
    others = [
        bounded(raw) for raw in map(mapping, written) if raw.get("role") not in (*_ROLES, *_TOOLS)
    ]
    if others:
        left["transcript_with_tool_calls"] = others
    return left
