"""LiveKit agents: the spans of its tracing, and the session report.

Tree: ``agent_session`` > ``user_turn`` > ``user_speaking`` | ``eou_wait`` |
``on_user_turn_completed``, and > ``agent_turn`` > ``llm_node`` > ``llm_request``, ``tts_node`` >
``tts_request``, ``function_tool``, ``agent_speaking``. Names were taken from spans that
livekit-agents 1.3, 1.5 and 1.8 wrote; see tests/data/traces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from echotrace.model.trace import Trace, TraceSpan
from echotrace.traces import livekit_report
from echotrace.traces.livekit_turns import (
    first_output_s,
    pair_turns,
    tts_first_s,
    turn_of,
)
from echotrace.traces.otlp import span_sources
from echotrace.traces.owners import service
from echotrace.traces.span_tree import Node, SpanTree, read_tree
from echotrace.traces.values import mapping, number, parsed, text

if TYPE_CHECKING:
    from echotrace.model.measure import JsonValue
    from echotrace.traces.document import Document

__all__ = ["detects", "read"]

_PARTS: Final = {
    "user_turn": None,
    "eou_wait": "endpointing_wait",
    "eou_detection": "turn_detection",
    "on_user_turn_completed": "turn_detection",
    "llm_node": "llm_inference",
    "realtime_inference": "llm_inference",
    "function_tool": "tool_call",
    "tts_node": "speech_synthesis",
}
_KINDS: Final = {"eou_wait": "setting", "on_user_turn_completed": "bot", "function_tool": "bot"}
_USAGE: Final = {
    "gen_ai.usage.input_tokens": "llm_input_tokens",
    "gen_ai.usage.output_tokens": "llm_output_tokens",
    "gen_ai.usage.cache_read.input_tokens": "llm_cached_input_tokens",
    "gen_ai.usage.reasoning.output_tokens": "llm_reasoning_tokens",
}
_NAMES: Final = frozenset({"agent_session", "user_turn", "agent_turn"})


def detects(document: Document) -> bool:
    """Whether LiveKit wrote this: its scope, or its names where the scopes were lost."""
    if livekit_report.detects(document):
        return True
    for source in span_sources(document):
        if source.scope.startswith("livekit"):
            return True
        if not source.scope and any(span.get("name") in _NAMES for span in source.spans):
            return True
    return False


def read(document: Document) -> Trace:
    """Read LiveKit's spans or its session report."""
    if livekit_report.detects(document):
        return livekit_report.read(document)
    tree = read_tree(document, roots=("agent_session",))
    pairs = pair_turns(tree)
    numbers: dict[str, int] = {}
    for position, pair in enumerate(pairs, 1):
        for node in pair.nodes:
            numbers[node.id] = position
    return Trace(
        kind="livekit",
        clock=tree.clock,
        turns=tuple(turn_of(tree, pair, turn_id) for turn_id, pair in enumerate(pairs, 1)),
        spans=tuple(_spans(tree, numbers)),
        producer="livekit-agents",
        session_id=_session_id(tree),
        usage=_usage(tree),
        left_over=tree.left_over,
        findings=tree.findings,
    )


def _spans(tree: SpanTree, numbers: dict[str, int]) -> list[TraceSpan]:
    """Every span; those below a turn carry its number, parents come before children or not."""
    found = []
    for node in tree.nodes:
        part = _PARTS.get(node.name)
        fallback = text(node.attributes.get("lk.function_tool.name")) or node.name
        found.append(
            TraceSpan(
                id=node.id,
                name=node.name,
                start_s=node.start_s,
                end_s=node.end_s,
                parent_id=node.parent_id,
                part=part,
                owner=service(node.attributes, fallback=fallback) if part else None,
                owner_kind=_KINDS.get(node.name, "service") if part else None,
                first_output_s=_first_s(node),
                turn=_turn_number(tree, node, numbers),
                status=_status(node),
                attributes=node.attributes,
            )
        )
    return found


def _first_s(node: Node) -> float | None:
    if node.name in ("llm_node", "llm_request"):
        return first_output_s(node)
    return tts_first_s(node) if node.name == "tts_request" else None


def _turn_number(tree: SpanTree, node: Node, numbers: dict[str, int]) -> int | None:
    at: Node | None = node
    while at is not None:
        if at.id in numbers:
            return numbers[at.id]
        at = tree.by_id.get(at.parent_id) if at.parent_id is not None else None
    return None


def _status(node: Node) -> str:
    if node.status != "ok":
        return node.status
    if node.attributes.get("lk.interrupted") is True:
        return "cancelled"
    for key in ("lk.llm_metrics", "lk.tts_metrics"):
        if mapping(parsed(node.attributes.get(key))).get("cancelled") is True:
            return "cancelled"
    return "failed" if node.attributes.get("lk.function_tool.is_error") is True else "ok"


def _session_id(tree: SpanTree) -> str | None:
    keys = ("gen_ai.conversation.id", "lk.room_sid", "lk.job_id")
    for node in tree.named("agent_session"):
        for key in keys:
            if found := text(node.attributes.get(key)):
                return found
    return None


def _usage(tree: SpanTree) -> dict[str, float]:
    found: dict[str, float] = {}

    def count(name: str, value: JsonValue) -> None:
        held = number(value)
        if held is not None:
            found[name] = found.get(name, 0.0) + held

    for node in tree.named("llm_request"):
        for key, name in _USAGE.items():
            count(name, node.attributes.get(key))
    for node in tree.named("tts_request"):
        metrics: dict[str, Any] = mapping(parsed(node.attributes.get("lk.tts_metrics")))
        count("tts_characters", metrics.get("characters_count"))
        count("tts_audio_s", metrics.get("audio_duration"))
    return found
