"""What EchoTrace itself writes: the file of a ``PipelineTracker``, and the OTLP export of a report.

The tracker's lines are those of the minimal format under a header with a schema. The export holds
the call in the scope ``echotrace`` (turns, when each side spoke, parts, the pipeline's own spans)
and the run that measured it in ``echotrace.run``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from echotrace.errors import InputError
from echotrace.model.trace import (
    OWNER_KINDS,
    PARTS,
    ClaimedPart,
    Trace,
    TraceSide,
    TraceSpan,
    TraceTurn,
)
from echotrace.traces.minimal import read_lines
from echotrace.traces.otlp import span_sources
from echotrace.traces.span_tree import Node, SpanTree, read_tree
from echotrace.traces.values import bounded, integer, mapping, number, sequence, text

if TYPE_CHECKING:
    from echotrace.model.measure import JsonValue
    from echotrace.traces.document import Document

__all__ = ["CALL", "KIND", "RUN_SCOPE", "SCHEMA", "SCOPE", "SPAN_KEYS", "detects", "read"]

SCHEMA: Final = "echotrace.trace/"
SCHEMA_MAJOR: Final = 1
SCOPE: Final = "echotrace"
RUN_SCOPE: Final = "echotrace.run"
CALL: Final = "echotrace.call"
KIND: Final = "echotrace.kind"
"""What a span of the export stands for: call, turn, speech, part or span."""
SPAN_KEYS: Final = frozenset(
    {
        KIND,
        "echotrace.span_id",
        "echotrace.part",
        "echotrace.owner",
        "echotrace.turn.number",
        "echotrace.status",
    }
)
"""Attributes that the export adds to a pipeline's own span; reading takes them off again."""


def detects(document: Document) -> bool:
    """Whether EchoTrace wrote this."""
    first = next(iter(document.objects), {})
    if str(first.get("schema")).startswith(SCHEMA):
        return True
    return any(source.scope in (SCOPE, RUN_SCOPE) for source in span_sources(document))


def read(document: Document) -> Trace:
    """Read a tracker's file or an export.

    Raises:
        InputError: the file is of a newer schema, or a key holds what it cannot.
    """
    first = next(iter(document.objects), {})
    if "schema" in first:
        _check(document, first)
        return read_lines(document, kind="echotrace")
    return _exported(document)


def _check(document: Document, first: dict[str, Any]) -> None:
    major = integer(str(first["schema"]).removeprefix(SCHEMA).partition(".")[0])
    if major is None or major > SCHEMA_MAJOR:
        raise InputError(
            f"the trace {document.name} is of the schema {bounded(str(first['schema']))[:60]}",
            why=f"this version reads {SCHEMA}{SCHEMA_MAJOR}",
            hint="pip install --upgrade echotrace",
            code="TRACE_SCHEMA",
        )


def _exported(document: Document) -> Trace:
    call, run = _apart(document)
    tree = read_tree(call, roots=(CALL,))
    top = next(iter(tree.named(CALL)), None)
    about = {} if top is None else top.attributes
    turns = sorted(
        (_turn(tree, node) for node in tree.nodes if node.attributes.get(KIND) == "turn"),
        key=lambda turn: turn.id,
    )
    left = dict(tree.left_over)
    if run:
        left["run"] = run
    kept = {key: value for key, value in about.items() if key != KIND}
    if kept:
        left["call"] = kept
    return Trace(
        kind="echotrace",
        clock=tree.clock,
        turns=tuple(turns),
        spans=tuple(_spans(tree)),
        producer=text(about.get("echotrace.producer")) or "echotrace",
        producer_version=text(about.get("echotrace.producer_version")),
        session_id=text(about.get("gen_ai.conversation.id")),
        recording_start_s=None if top is None else _recording_start(top),
        left_over=left,
        findings=tree.findings,
    )


def _recording_start(top: Node) -> float | None:
    """Where the recording begins, told as seconds from the beginning of the span of the call."""
    before_s = number(top.attributes.get("echotrace.recording_start_offset_s"))
    return None if before_s is None else top.start_s + before_s


def _apart(document: Document) -> tuple[Document, list[JsonValue]]:
    """The spans of the call alone, and those of the run that measured it, as they stand there."""
    run: list[JsonValue] = []
    values: list[JsonValue] = []
    for value in document.values:
        resources = []
        for resource in map(mapping, sequence(mapping(value).get("resourceSpans"))):
            groups = [mapping(group) for group in sequence(resource.get("scopeSpans"))]
            kept = []
            for group in groups:
                if mapping(group.get("scope")).get("name") == RUN_SCOPE:
                    run.append(bounded(group))
                else:
                    kept.append(group)
            resources.append(resource | {"scopeSpans": kept})
        values.append({"resourceSpans": resources} if resources else value)
    return replace(document, values=tuple(values)), run


def _spans(tree: SpanTree) -> list[TraceSpan]:
    ids = {
        node.id: text(node.attributes.get("echotrace.span_id")) or node.id for node in tree.nodes
    }
    own = {node.id for node in tree.nodes if node.attributes.get(KIND) == "span"}
    found = []
    for node in tree.nodes:
        if node.id not in own:
            continue
        part = text(node.attributes.get("echotrace.part"))
        found.append(
            TraceSpan(
                id=ids[node.id],
                name=node.name,
                start_s=node.start_s,
                end_s=node.end_s,
                parent_id=ids[node.parent_id] if node.parent_id in own else None,
                part=part if part in PARTS else None,
                owner=text(node.attributes.get("echotrace.owner")),
                turn=integer(node.attributes.get("echotrace.turn.number")),
                status=text(node.attributes.get("echotrace.status")) or node.status,
                attributes={k: v for k, v in node.attributes.items() if k not in SPAN_KEYS},
            )
        )
    return found


def _turn(tree: SpanTree, node: Node) -> TraceTurn:
    held = node.attributes
    sides = {}
    parts = []
    for child in tree.children([node]):
        kind = child.attributes.get(KIND)
        if kind == "speech":
            sides[str(child.attributes.get("echotrace.side"))] = TraceSide(
                start_s=child.start_s, end_s=child.end_s, edge="speech"
            )
        elif kind == "part":
            parts.append(_part(child.attributes, child.start_s))
    parts.extend(
        _part(mapping(event.get("attributes")), None)
        for event in map(mapping, sequence(held.get("otlp.events")))
        if event.get("name") == "echotrace.part"
    )
    claimed_ms = number(held.get("echotrace.claimed_gap_ms"))
    return TraceTurn(
        id=integer(held.get("echotrace.turn.number")) or 0,
        user=sides.get("user"),
        agent=sides.get("agent"),
        claimed_gap_ms=claimed_ms,
        claimed_by=None if claimed_ms is None else "echotrace.claimed_gap_ms",
        parts=tuple(part for part in parts if part is not None),
        interrupted=held.get("gen_ai.agent.invocation.end_reason") == "interrupted",
        aborted="user" in sides and "agent" not in sides,
        attributes={k: v for k, v in held.items() if k not in (KIND, "otlp.events")},
    )


def _part(held: dict[str, Any], start_s: float | None) -> ClaimedPart | None:
    key, ms = text(held.get("echotrace.part")), number(held.get("echotrace.part_ms"))
    if key not in PARTS or ms is None:
        return None
    owner_kind = text(held.get("echotrace.owner_kind"))
    return ClaimedPart(
        key=key,
        ms=ms,
        owner=text(held.get("echotrace.owner")) or key,
        owner_kind=owner_kind if owner_kind in OWNER_KINDS else "pipeline",
        start_s=start_s,
        inside=text(held.get("echotrace.inside")),
        source="echotrace.part_ms",
    )
