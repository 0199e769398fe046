"""The spans of one call put in order: who is whose child, and what was wrong with the file."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Finding, JsonValue, Severity
from echotrace.traces.otlp import RawSpan, attributes_of, raw_spans, span_sources
from echotrace.traces.values import mapping

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echotrace.traces.document import Document

__all__ = ["Node", "SpanTree", "read_tree"]

STEP_S: Final = 1.0
"""A child this far outside its parent tells of a clock that was set while the call went on."""

_UNIX_S: Final = 1e8
"""Times above this are unix times (1973 and later), below it those of the session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A span with its place in time and in the tree.

    ``lost_parent_id`` is the parent that the file names and does not hold.
    """

    id: str
    name: str
    start_s: float
    end_s: float
    parent_id: str | None
    lost_parent_id: str | None
    trace_id: str | None
    status: str
    attributes: dict[str, JsonValue]

    @property
    def duration_s(self) -> float:
        """How long it lasted."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanTree:
    """The spans of one call by their start, and the ways through them."""

    nodes: tuple[Node, ...]
    clock: str
    left_over: dict[str, JsonValue] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    by_id: dict[str, Node] = field(default_factory=dict)
    by_parent: dict[str, list[Node]] = field(default_factory=dict)
    by_name: dict[str, list[Node]] = field(default_factory=dict)

    def named(self, name: str) -> list[Node]:
        """The spans of a name by their start."""
        return self.by_name.get(name, [])

    def children(self, of: Iterable[Node], name: str | None = None) -> list[Node]:
        """The children of some spans by their start, of one name or all."""
        found = [
            child
            for node in of
            for child in self.by_parent.get(node.id, ())
            if name is None or child.name == name
        ]
        return sorted(found, key=lambda node: node.start_s)

    def below(self, of: Iterable[Node], name: str) -> list[Node]:
        """The spans of a name anywhere below some spans, by their start."""
        found = []
        waiting = list(of)
        while waiting:
            for child in self.by_parent.get(waiting.pop().id, ()):
                waiting.append(child)
                if child.name == name:
                    found.append(child)
        return sorted(found, key=lambda node: node.start_s)


def read_tree(document: Document, *, roots: tuple[str, ...]) -> SpanTree:
    """Read the spans of a file as those of one call.

    ``roots`` are the names of the span that stands for a whole call: where a file holds several
    calls, the one with the most spans is read and a finding names the others.
    """
    notes: list[Finding] = []
    spans = _one_call(list(raw_spans(document)), roots, notes)
    spans, clock = _placed(spans, notes)
    nodes = _linked(_apart(spans, notes), notes)
    _note_steps(nodes, notes)
    by_parent: dict[str, list[Node]] = defaultdict(list)
    by_name: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        by_name[node.name].append(node)
        if node.parent_id is not None:
            by_parent[node.parent_id].append(node)
    return SpanTree(
        nodes=tuple(nodes),
        clock=clock,
        left_over=_surroundings(document),
        findings=tuple(notes),
        by_id={node.id: node for node in nodes},
        by_parent=dict(by_parent),
        by_name=dict(by_name),
    )


def _one_call(spans: list[RawSpan], roots: tuple[str, ...], notes: list[Finding]) -> list[RawSpan]:
    calls = {span.trace_id for span in spans if span.name in roots}
    if len(calls) < 2:
        return spans
    sizes = Counter(span.trace_id for span in spans if span.trace_id in calls)
    kept = sizes.most_common(1)[0][0]
    notes.append(
        Finding(
            code="TRACE_SEVERAL_CALLS",
            severity=Severity.WARNING,
            message=f"the file holds {len(calls):,} calls; the one with the most spans was read, "
            f"trace {kept}",
            hint="export the spans of one call only",
        )
    )
    return [span for span in spans if span.trace_id == kept]


def _placed(spans: list[RawSpan], notes: list[Finding]) -> tuple[list[RawSpan], str]:
    """Spans that have a time, in the order of time, and what clock it is."""
    starts = sorted(span.start_s for span in spans if span.start_s is not None)
    is_unix = bool(starts) and starts[len(starts) // 2] > _UNIX_S
    kept: list[RawSpan] = []
    nowhere = unended = backwards = lossy = 0
    for span in spans:
        start, end = span.start_s, span.end_s
        if start is None or (is_unix and start < _UNIX_S):
            nowhere += 1
            continue
        lossy += span.is_lossy
        if end is None or (is_unix and end == 0.0):
            unended += 1
            end = start
        elif end < start:
            backwards += 1
            end = start
        kept.append(span if end == span.end_s else replace(span, end_s=end))
    for count, code, severity, what in (
        (nowhere, "TRACE_SPANS_NO_TIME", Severity.WARNING, "have no start and were left out"),
        (unended, "TRACE_SPANS_OPEN", Severity.WARNING, "never ended and count as ending at once"),
        (
            backwards,
            "TRACE_SPANS_BACKWARDS",
            Severity.WARNING,
            "end before they begin and count as ending at once",
        ),
        (
            lossy,
            "TRACE_TIMES_ROUNDED",
            Severity.INFO,
            "have times in floating point numbers, which are off by up to a microsecond",
        ),
    ):
        if count:
            notes.append(Finding(code=code, severity=severity, message=f"{count:,} spans {what}"))
    kept.sort(key=lambda span: (span.start_s, -(span.end_s or 0.0)))
    return kept, "unix" if is_unix else "session"


def _apart(spans: list[RawSpan], notes: list[Finding]) -> list[RawSpan]:
    """Spans with ids of their own: a copy of a span is dropped, another span of its id renamed."""
    seen: dict[str, list[RawSpan]] = {}
    kept: list[RawSpan] = []
    copies = renamed = 0
    for span in spans:
        same = seen.setdefault(span.id, [])
        if span in same:
            copies += 1
            continue
        same.append(span)
        if len(same) > 1:
            renamed += 1
            span = replace(span, id=f"{span.id}#{len(same)}")
        kept.append(span)
    if copies:
        notes.append(
            Finding(
                code="TRACE_SPANS_TWICE",
                severity=Severity.INFO,
                message=f"{copies:,} spans are in the file more than once and were read once",
            )
        )
    if renamed:
        notes.append(
            Finding(
                code="TRACE_DUPLICATE_IDS",
                severity=Severity.WARNING,
                message=f"{renamed:,} spans have the id of another span; they were kept apart, "
                "their children may be with the wrong one",
            )
        )
    return kept


def _linked(spans: list[RawSpan], notes: list[Finding]) -> list[Node]:
    parents = {span.id: span.parent_id for span in spans}
    rings = _rings(parents)
    tops = [span for span in spans if span.parent_id is None]
    root = max(tops, key=lambda span: (span.end_s or 0.0) - (span.start_s or 0.0), default=None)
    nodes = []
    orphans = 0
    for span in spans:
        parent, lost = span.parent_id, None
        if parent is not None and (parent not in parents or span.id in rings):
            orphans += 1
            parent, lost = root.id if root is not None else None, parent
        nodes.append(
            Node(
                id=span.id,
                name=span.name,
                start_s=span.start_s or 0.0,
                end_s=span.end_s or 0.0,
                parent_id=parent,
                lost_parent_id=lost,
                trace_id=span.trace_id,
                status=span.status,
                attributes=span.attributes,
            )
        )
    if orphans:
        notes.append(
            Finding(
                code="TRACE_ORPHANS",
                severity=Severity.WARNING,
                message=f"{orphans:,} spans name a parent that is not in the file"
                + (f"; they were put under {root.name}" if root is not None else ""),
                hint="a pipeline that was killed never writes the spans that were still open",
            )
        )
    return nodes


def _rings(parents: dict[str, str | None]) -> set[str]:
    """The spans at which a walk up through the parents comes back to itself."""
    done: set[str] = set()
    cut: set[str] = set()
    for first in parents:
        path: set[str] = set()
        at: str | None = first
        while at is not None and at not in done:
            if at in path:
                cut.add(at)
                break
            path.add(at)
            at = parents.get(at)
        done |= path
    return cut


def _note_steps(nodes: list[Node], notes: list[Finding]) -> None:
    by_id = {node.id: node for node in nodes}
    outside = 0
    for node in nodes:
        parent = by_id.get(node.parent_id) if node.parent_id is not None else None
        if parent is None or node.lost_parent_id is not None:
            continue
        early, late = parent.start_s - node.start_s, node.end_s - parent.end_s
        outside += max(early, late) > STEP_S
    if outside:
        notes.append(
            Finding(
                code="TRACE_CLOCK_STEPS",
                severity=Severity.WARNING,
                message=f"{outside:,} spans lie more than {STEP_S:g} s outside their parents: "
                "work that outlived its parent, or a clock that was set during the call",
                hint="compare the turns' times with the recording before you trust them",
            )
        )


def _surroundings(document: Document) -> dict[str, JsonValue]:
    """Resources and scopes, which belong to no span."""
    resources: list[JsonValue] = []
    scopes: list[JsonValue] = []
    for source in span_sources(document):
        resource = attributes_of(mapping(source.resource).get("attributes"))
        if resource and resource not in resources:
            resources.append(resource)
        scope = {"name": source.scope, **source.scope_attributes}
        if source.scope and scope not in scopes:
            scopes.append(scope)
    found: dict[str, JsonValue] = {}
    if resources:
        found["resources"] = resources
    if scopes:
        found["scopes"] = scopes
    return found
