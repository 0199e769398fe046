"""The trace that anybody can write: JSON Lines of sessions, turns, marks, spans, words and usage.

docs/traces.md describes each line with its keys. Lines may come in any order, and a turn in several
lines (a later key wins), so that a pipeline can append them as things happen. ``PipelineTracker``
writes the same lines.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from echotrace.model.measure import Finding, JsonValue, Severity
from echotrace.model.trace import (
    OWNER_KINDS,
    PARTS,
    ClaimedPart,
    Trace,
    TraceSide,
    TraceSpan,
    TraceTurn,
)
from echotrace.model.transcription import Word
from echotrace.traces.claims import claimed_parts, part_of
from echotrace.traces.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from echotrace.traces.document import Document

__all__ = ["CLOCKS", "EDGES", "MARKS", "detects", "read", "read_lines"]

CLOCKS: Final = ("unix", "session", "monotonic")
EDGES: Final = ("speech", "detected", "playout")
MARKS: Final = (
    "user_started",
    "user_stopped",
    "agent_started",
    "agent_stopped",
    "interrupted",
    "aborted",
)
STATUSES: Final = ("ok", "failed", "cancelled")
TYPES: Final = ("session", "turn", "mark", "span", "word", "usage")

_UNIX_S: Final = 1e8
_LEFT_LINES: Final = 100
_WAIT_OWNER: Final = "config: detector's wait"


def detects(document: Document) -> bool:
    """Whether the file has lines of this format, and no other objects first."""
    first = next(iter(document.objects), None)
    return first is not None and first.get("type") in TYPES and "schema" not in first


def read(document: Document) -> Trace:
    """Read the lines.

    Raises:
        InputError: a key holds what it cannot; the message names line and key.
    """
    return read_lines(document, kind="minimal")


@dataclass(slots=True)
class _Turn:
    """One turn on the way: its keys, its marks, its words, by their kind."""

    keys: dict[str, Any] = field(default_factory=dict)
    marks: dict[str, tuple[float, float | None, str | None]] = field(default_factory=dict)
    words: dict[str, list[Word]] = field(default_factory=dict)
    attributes: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(slots=True)
class _Session:
    """Everything that was written for one session."""

    id: str | None
    count: int = 0
    head: dict[str, Any] = field(default_factory=dict)
    turns: dict[int, _Turn] = field(default_factory=dict)
    spans: list[tuple[TraceSpan, str | None]] = field(default_factory=list)
    usage: dict[str, float] = field(default_factory=dict)
    unknown: list[JsonValue] = field(default_factory=list)
    backwards: int = 0

    def turn(self, number: int) -> _Turn:
        return self.turns.setdefault(number, _Turn())


def read_lines(document: Document, *, kind: str) -> Trace:
    """Read a file of these lines as a trace of this kind.

    Where a file holds several sessions, the one with the most lines is read.
    """
    sessions: dict[str | None, _Session] = {}
    for raw, place in _objects(document):
        fields = Fields(raw, place)
        own_id = fields.text("session" if raw.get("type") != "session" else "session_id")
        session = sessions.setdefault(own_id, _Session(id=own_id))
        session.count += 1
        take = _TAKERS.get(str(fields.text("type")))
        if take is None:
            session.unknown.append(fields.rest() | {"type": raw.get("type")})
        else:
            take(session, fields)
    return _trace(*_one(sessions), kind=kind)


def _objects(document: Document) -> Iterator[tuple[dict[str, Any], str]]:
    for value, line in zip(document.values, document.lines, strict=True):
        items = value if isinstance(value, list) else [value]
        for position, item in enumerate(items, 1):
            if isinstance(item, dict):
                what = f"item {position:,}" if isinstance(value, list) else f"line {line:,}"
                yield item, f"{document.name}, {what}"


def _one(sessions: dict[str | None, _Session]) -> tuple[_Session, list[Finding]]:
    """The session to read; lines that name none belong to the only one there is."""
    nameless = sessions.get(None)
    named = [session for session in sessions.values() if session.id is not None]
    if nameless is not None and len(named) == 1:
        return _joined(named[0], nameless), []
    if len(sessions) < 2:
        return next(iter(sessions.values()), _Session(id=None)), []
    found = max(sessions.values(), key=lambda session: session.count)
    note = Finding(
        code="TRACE_SEVERAL_CALLS",
        severity=Severity.WARNING,
        message=f"the file holds {len(sessions):,} sessions; the one with the most lines was read"
        + (f", {found.id}" if found.id else ""),
        hint="write each session to a file of its own",
    )
    return found, [note]


def _joined(session: _Session, nameless: _Session) -> _Session:
    for number, turn in nameless.turns.items():
        into = session.turn(number)
        into.keys |= turn.keys
        into.marks |= turn.marks
        into.attributes |= turn.attributes
        for role, words in turn.words.items():
            into.words.setdefault(role, []).extend(words)
    session.spans += nameless.spans
    session.usage |= nameless.usage
    session.unknown += nameless.unknown
    session.backwards += nameless.backwards
    return session


def _take_session(session: _Session, fields: Fields) -> None:
    session.head |= {
        key: value
        for key, value in (
            ("clock", fields.one_of("clock", CLOCKS)),
            ("pipeline", fields.text("pipeline")),
            ("producer", fields.text("producer")),
            ("producer_version", fields.text("producer_version")),
            ("recording_start_s", fields.seconds("recording_start_s")),
            ("recording_path", fields.text("recording_path")),
        )
        if value is not None
    }
    fields.text("schema")
    session.head.setdefault("rest", {}).update(fields.rest())


def _take_turn(session: _Session, fields: Fields) -> None:
    turn = session.turn(fields.needed("turn", fields.whole("turn")))
    found: dict[str, Any] = {"claimed_gap_ms": fields.number("claimed_gap_ms")}
    found["claimed_by"] = fields.text("claimed_by")
    for role in ("user", "agent"):
        found[f"{role}_start_s"] = fields.seconds(f"{role}_start_s")
        found[f"{role}_end_s"] = fields.seconds(f"{role}_end_s")
        found[f"{role}_text"] = fields.text(f"{role}_text")
        found[f"{role}_edge"] = fields.one_of(f"{role}_edge", EDGES)
    for key in ("interrupted", "aborted"):
        found[key] = fields.flag(key)
    turn.keys |= {key: value for key, value in found.items() if value is not None}
    turn.attributes |= fields.rest() | fields.mapping("attributes")


def _take_mark(session: _Session, fields: Fields) -> None:
    """A moment of a turn; the first start and the last stop count."""
    turn = session.turn(fields.needed("turn", fields.whole("turn")))
    name = fields.needed("mark", fields.one_of("mark", MARKS))
    at_s = fields.needed("at_s", fields.seconds("at_s"))
    held = (at_s, fields.seconds("told_s"), fields.one_of("edge", EDGES))
    if not (name.endswith("_started") and name in turn.marks):
        turn.marks[name] = held
    turn.attributes |= fields.rest()


def _take_span(session: _Session, fields: Fields) -> None:
    start_s = fields.needed("start_s", fields.seconds("start_s"))
    end_s = fields.needed("end_s", fields.seconds("end_s"))
    first_s = fields.seconds("first_output_s")
    stated = fields.one_of("part", PARTS)
    name = fields.text("name") or stated or "span"
    part, usual_kind = part_of(stated or name)
    inside = fields.one_of("inside", PARTS)
    if end_s < start_s or (first_s is not None and first_s < start_s):
        session.backwards += 1
        end_s = max(start_s, end_s)
        first_s = None
    owner, owner_kind = fields.text("owner"), fields.one_of("owner_kind", OWNER_KINDS)
    span = TraceSpan(
        id=fields.text("id") or f"span-{len(session.spans) + 1}",
        name=name,
        start_s=start_s,
        end_s=end_s,
        parent_id=fields.text("parent_id"),
        part=part,
        owner=owner or (name if part else None),
        owner_kind=owner_kind or usual_kind,
        first_output_s=first_s,
        turn=fields.whole("turn"),
        status=fields.one_of("status", STATUSES) or "ok",
        attributes=fields.mapping("attributes"),
    )
    session.spans.append((replace(span, attributes=span.attributes | fields.rest()), inside))


def _take_word(session: _Session, fields: Fields) -> None:
    turn = session.turn(fields.needed("turn", fields.whole("turn")))
    role = fields.needed("role", fields.one_of("role", ("user", "agent")))
    word = Word(
        text=fields.needed("text", fields.text("text")),
        start_s=fields.seconds("start_s"),
        end_s=fields.seconds("end_s"),
        probability=fields.number("probability"),
    )
    turn.words.setdefault(role, []).append(word)


def _take_usage(session: _Session, fields: Fields) -> None:
    for key in fields.rest():
        if key != "type" and (value := fields.number(key)) is not None:
            session.usage[key] = session.usage.get(key, 0.0) + value


_TAKERS: Final[dict[str, Callable[[_Session, Fields], None]]] = {
    "session": _take_session,
    "turn": _take_turn,
    "mark": _take_mark,
    "span": _take_span,
    "word": _take_word,
    "usage": _take_usage,
}


def _trace(session: _Session, notes: list[Finding], *, kind: str) -> Trace:
    spans, insides = _linked(session, notes)
    of_turn: dict[int, list[TraceSpan]] = {}
    for span in spans:
        if span.turn is not None:
            of_turn.setdefault(span.turn, []).append(span)
            session.turn(span.turn)
    turns = [
        _turn(number, session.turns[number], of_turn.get(number, []), insides)
        for number in sorted(session.turns)
    ]
    turns = [_talked_through(turn, turns) for turn in turns]
    left: dict[str, JsonValue] = dict(session.head.get("rest", {}))
    if session.unknown:
        left["lines"] = session.unknown[:_LEFT_LINES]
        notes.append(
            Finding(
                code="TRACE_LINES_UNKNOWN",
                severity=Severity.INFO,
                message=f"{len(session.unknown):,} lines are of no type that is understood "
                f"({', '.join(TYPES)})",
            )
        )
    return Trace(
        kind=kind,
        clock=session.head.get("clock") or _clock(turns, spans),
        turns=tuple(turns),
        spans=spans,
        producer=session.head.get("producer") or session.head.get("pipeline"),
        producer_version=session.head.get("producer_version"),
        session_id=session.id,
        recording_start_s=session.head.get("recording_start_s"),
        recording_path=session.head.get("recording_path"),
        usage=session.usage,
        left_over=left,
        findings=tuple(notes),
    )


def _linked(
    session: _Session, notes: list[Finding]
) -> tuple[tuple[TraceSpan, ...], dict[str, str]]:
    """The spans by their start with ids of their own, and which part each lies inside."""
    seen: Counter[str] = Counter()
    spans: list[TraceSpan] = []
    insides: dict[str, str] = {}
    for found, inside in sorted(session.spans, key=lambda item: (item[0].start_s, -item[0].end_s)):
        seen[found.id] += 1
        span = found
        if seen[found.id] > 1:
            span = replace(found, id=f"{found.id}#{seen[found.id]}")
        spans.append(span)
        if inside is not None:
            insides[span.id] = inside
    orphans = sum(span.parent_id is not None and span.parent_id not in seen for span in spans)
    twice = sum(count - 1 for count in seen.values())
    for count, code, what in (
        (
            session.backwards,
            "TRACE_SPANS_BACKWARDS",
            ("end, or give their first output, before they begin"),
        ),
        (twice, "TRACE_DUPLICATE_IDS", "have the id of another span; they were kept apart"),
        (orphans, "TRACE_ORPHANS", "name a parent that is not in the file"),
    ):
        if count:
            message = f"{count:,} spans {what}"
            notes.append(Finding(code=code, severity=Severity.WARNING, message=message))
    linked = (
        replace(span, parent_id=None)
        if span.parent_id is not None and span.parent_id not in seen
        else span
        for span in spans
    )
    return tuple(linked), insides


def _turn(
    number: int, written: _Turn, spans: list[TraceSpan], insides: dict[str, str]
) -> TraceTurn:
    keys = written.keys
    user, agent = _side("user", written), _side("agent", written)
    claimed_ms, claimed_by = keys.get("claimed_gap_ms"), keys.get("claimed_by")
    speaks_s = None if agent is None else agent.start_s
    stop_s = None if user is None else user.end_s
    if claimed_ms is None and speaks_s is not None and stop_s is not None:
        claimed_ms, claimed_by = (speaks_s - stop_s) * 1000.0, "agent_start_s - user_end_s"
    waited = _wait(written)
    is_aborted = keys.get("aborted") or "aborted" in written.marks
    return TraceTurn(
        id=number,
        user=user,
        agent=agent,
        claimed_gap_ms=claimed_ms,
        claimed_by=None if claimed_ms is None else claimed_by or "claimed_gap_ms",
        parts=claimed_parts(
            spans, insides=insides, waited=waited, stop_s=stop_s, speaks_s=speaks_s
        ),
        interrupted=bool(keys.get("interrupted") or "interrupted" in written.marks),
        aborted=bool(is_aborted or (user is not None and agent is None)),
        attributes=written.attributes,
    )


def _talked_through(turn: TraceTurn, turns: list[TraceTurn]) -> TraceTurn:
    """The turn; a caller who spoke only while the agent went on speaking waits for no answer."""
    said = turn.user
    if not turn.aborted or turn.agent is not None or said is None:
        return turn
    if said.start_s is None or said.end_s is None:
        return turn
    agents = (other.agent for other in turns if other.agent is not None)
    is_heard = any(
        agent.start_s is not None
        and agent.end_s is not None
        and agent.start_s <= said.start_s
        and said.end_s < agent.end_s
        for agent in agents
    )
    return replace(turn, aborted=False) if is_heard else turn


def _side(role: str, written: _Turn) -> TraceSide | None:
    keys = written.keys
    start, stop = written.marks.get(f"{role}_started"), written.marks.get(f"{role}_stopped")
    start_s, end_s = keys.get(f"{role}_start_s"), keys.get(f"{role}_end_s")
    edge = keys.get(f"{role}_edge")
    if edge is None:
        marked = [mark[2] for mark in (stop, start) if mark is not None and mark[2] is not None]
        edge = marked[0] if marked else "speech" if role == "user" else "playout"
    if end_s is None and stop is not None:
        end_s = stop[0]
    if start_s is None and start is not None and start[2] in (None, edge):
        start_s = start[0]
    words = tuple(written.words.get(role, ()))
    said = keys.get(f"{role}_text")
    if (start_s, end_s, said) == (None, None, None) and not words:
        return None
    return TraceSide(start_s=start_s, end_s=end_s, text=said, edge=edge, words=words)


def _wait(written: _Turn) -> ClaimedPart | None:
    """The detector's own wait: from the end of speech to when it told of it."""
    at_s, told_s, _ = written.marks.get("user_stopped", (0.0, None, None))
    if told_s is None or told_s <= at_s:
        return None
    return ClaimedPart(
        key="endpointing_wait",
        ms=(told_s - at_s) * 1000.0,
        owner=_WAIT_OWNER,
        owner_kind="setting",
        start_s=at_s,
        source="user_stopped told_s - at_s",
    )


def _clock(turns: list[TraceTurn], spans: tuple[TraceSpan, ...]) -> str:
    times = [span.start_s for span in spans]
    sides = [side for turn in turns for side in (turn.user, turn.agent) if side is not None]
    times += [side.start_s for side in sides if side.start_s is not None]
    return "unix" if times and median(times) > _UNIX_S else "session"
