"""pipecat: the OpenTelemetry spans of its tracing, its latency breakdowns and its metrics frames.

Tree: ``conversation`` > ``turn`` > ``stt`` | ``llm`` | ``tts`` (realtime services: ``llm_setup``,
``llm_request``, ``llm_response``, ``llm_tool_call``, ``llm_tool_result``). Names were taken from
spans that pipecat 0.0.98, 1.0 and 1.14 wrote; see tests/data/traces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Finding, JsonValue, Severity
from echotrace.model.trace import Trace, TraceSpan, TraceTurn
from echotrace.traces import pipecat_logs
from echotrace.traces.otlp import span_sources
from echotrace.traces.owners import service
from echotrace.traces.pipecat_turns import is_discarded, turn_of, wait_setting_s
from echotrace.traces.span_tree import Node, SpanTree, read_tree
from echotrace.traces.values import duration, integer, number, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.traces.document import Document

__all__ = ["detects", "read"]

_PARTS: Final = {
    "stt": "transcription",
    "llm": "llm_inference",
    "llm_request": "llm_inference",
    "llm_response": "llm_inference",
    "llm_tool_call": "tool_call",
    "llm_tool_result": "tool_call",
    "tts": "speech_synthesis",
}
_USAGE: Final = {
    "gen_ai.usage.input_tokens": "llm_input_tokens",
    "gen_ai.usage.output_tokens": "llm_output_tokens",
    "gen_ai.usage.cache_read.input_tokens": "llm_cached_input_tokens",
    "gen_ai.usage.cache_read_input_tokens": "llm_cached_input_tokens",
    "gen_ai.usage.reasoning.output_tokens": "llm_reasoning_tokens",
    "gen_ai.usage.reasoning_tokens": "llm_reasoning_tokens",
    "metrics.character_count": "tts_characters",
    "metrics.audio_seconds": "stt_audio_s",
}


_MOST_TURNS: Final = 1_000_000


def detects(document: Document) -> bool:
    """Whether pipecat wrote this: its scopes, or its names where the scopes were lost."""
    if pipecat_logs.detects(document):
        return True
    for source in span_sources(document):
        if source.scope.startswith("pipecat"):
            return True
        if not source.scope and any(_is_turn(span) for span in source.spans):
            return True
    return False


def read(document: Document) -> Trace:
    """Read pipecat's spans or logs."""
    if pipecat_logs.detects(document):
        return pipecat_logs.read(document)
    tree = read_tree(document, roots=("conversation",))
    conversation = next(iter(tree.named("conversation")), None)
    attributes = conversation.attributes if conversation is not None else {}
    wait_s = wait_setting_s(attributes)
    numbers = _turn_numbers(tree)
    turns = [
        turn_of(node, tree.children([node]), turn_id=numbers[node.id], wait_s=wait_s)
        for node in tree.named("turn")
    ]
    for lost_id, children in _open_turns(tree).items():
        numbers[lost_id] = max(numbers.values(), default=0) + 1
        turns.append(_open_turn(lost_id, children, numbers[lost_id], wait_s))
    turns.sort(key=lambda turn: turn.id)
    notes = list(tree.findings)
    if wait_s is None and any(part.key == "transcription" for t in turns for part in t.parts):
        notes.append(_WAIT_UNKNOWN)
    return Trace(
        kind="pipecat",
        clock=tree.clock,
        turns=tuple(turns),
        spans=tuple(_span(node, numbers) for node in tree.nodes),
        producer="pipecat-ai",
        session_id=text(attributes.get("conversation.id")) or _conversation_id(tree),
        usage=_usage(tree),
        left_over=tree.left_over,
        findings=tuple(notes),
    )


_WAIT_UNKNOWN: Final = Finding(
    code="TRACE_WAIT_UNKNOWN",
    severity=Severity.INFO,
    message="pipecat's spans do not tell the VAD's stop_secs: the part `transcription` holds it",
    hint="pass additional_span_attributes={'vad.stop_secs': 0.2} to the pipeline's worker",
)


def _is_turn(span: Mapping[str, JsonValue]) -> bool:
    """A span without a scope that has pipecat's own attribute names."""
    written = span.get("attributes")
    if isinstance(written, dict):
        return "turn.number" in written
    return isinstance(written, list) and any(
        isinstance(item, dict) and item.get("key") == "turn.number" for item in written
    )


def _turn_numbers(tree: SpanTree) -> dict[str, int]:
    """A number of its own for every turn span: pipecat's, or the next where that is taken."""
    numbers: dict[str, int] = {}
    taken: set[int] = set()
    for position, node in enumerate(tree.named("turn"), 1):
        wished = integer(node.attributes.get("turn.number"))
        is_free = wished is not None and 0 <= wished < _MOST_TURNS and wished not in taken
        found = wished if wished is not None and is_free else position
        while found in taken:
            found += 1
        taken.add(found)
        numbers[node.id] = found
    return numbers


def _open_turns(tree: SpanTree) -> dict[str, list[Node]]:
    """The services of turns that were never written because the pipeline was killed."""
    found: dict[str, list[Node]] = {}
    for node in tree.nodes:
        if node.lost_parent_id is not None and node.name in ("stt", "llm", "tts"):
            found.setdefault(node.lost_parent_id, []).append(node)
    return found


def _open_turn(lost_id: str, children: list[Node], turn_id: int, wait_s: float | None) -> TraceTurn:
    node = Node(
        id=lost_id,
        name="turn",
        start_s=children[0].start_s,
        end_s=max(child.end_s for child in children),
        parent_id=None,
        lost_parent_id=None,
        trace_id=children[0].trace_id,
        status="ok",
        attributes={},
    )
    return turn_of(node, children, turn_id=turn_id, wait_s=wait_s)


def _conversation_id(tree: SpanTree) -> str | None:
    ids = (text(node.attributes.get("conversation.id")) for node in tree.named("turn"))
    return next((found for found in ids if found), None)


def _usage(tree: SpanTree) -> dict[str, float]:
    found: dict[str, float] = {}
    for node in tree.nodes:
        for key, name in _USAGE.items():
            value = number(node.attributes.get(key))
            if value is not None:
                found[name] = found.get(name, 0.0) + value
    return found


def _span(node: Node, numbers: dict[str, int]) -> TraceSpan:
    part = _PARTS.get(node.name)
    is_timed = node.name in ("llm", "tts") and not is_discarded(node)
    first = duration(node.attributes.get("metrics.ttfb")) if is_timed else None
    is_cut = node.attributes.get("tts.interrupted") is True
    return TraceSpan(
        id=node.id,
        name=node.name,
        start_s=node.start_s,
        end_s=node.end_s,
        parent_id=node.parent_id,
        part=part,
        owner=service(node.attributes, fallback=node.name) if part else None,
        owner_kind="service" if part else None,
        first_output_s=None if first is None else node.start_s + first,
        turn=numbers.get(node.id, numbers.get(node.lost_parent_id or node.parent_id or "")),
        status="cancelled" if is_cut and node.status == "ok" else node.status,
        attributes=node.attributes,
    )
