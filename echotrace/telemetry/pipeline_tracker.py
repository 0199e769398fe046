"""``PipelineTracker``: a live agent's own account of a call, written to a file as it happens.

The lines are those of docs/traces.md; ``echotrace analyze call.wav --trace FILE`` lays them over
the recording. Nothing here raises into the agent: what cannot be written is lost, counted and told
once. Only the standard library is used.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from contextvars import ContextVar, Token
from dataclasses import replace
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Any, Final

from echotrace._version import __version__
from echotrace.telemetry.ambient import CURRENT, use_collector
from echotrace.telemetry.collector import ActiveSpan, SpanBlock, TelemetryCollector
from echotrace.telemetry.trace_file import TraceFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType

    from echotrace.telemetry.span import Span, SpanEvent, SpanStatus

__all__ = ["PipelineTracker", "Stage"]

_SCHEMA: Final = "echotrace.trace/1"
_FIRST: Final = "first_output_ms"
_PARTS: Final = (
    "endpointing_wait",
    "transcription",
    "turn_detection",
    "llm_inference",
    "tool_call",
    "sentence_aggregation",
    "speech_synthesis",
    "tts_leading_silence",
    "output_transport",
    "unaccounted",
)
_KNOWN: Final = {
    "part": _PARTS,
    "inside": _PARTS,
    "owner_kind": ("service", "setting", "bot", "pipeline"),
}
"""What may stand under some keys; copied from ``echotrace.model.trace``, which is not loaded."""
_RECORDED: Final = frozenset({"start_ns", "end_ns", "parent", "cpu_ns", "status"})
_CUT_NS: Final = 1_500_000_000
"""An agent that stops this soon after the caller began was broken off by them."""
_OPEN_MOST: Final = 10_000
"""Stages that were begun and never ended; beyond it the oldest of them are forgotten."""
_LARGEST: Final = 1e300
"""Neither NaN nor infinite, nor an int that no float can hold."""
_LONGEST_AGO_S: Final = 86_400.0
"""Nobody's detector waits longer; such an ``ago_s`` is in another unit, and is left out."""


class Stage:
    """A stage that is running; ``with tracker.stage(...) as stage`` hands one out."""

    __slots__ = ("_block", "_span", "_tracker")

    def __init__(self, tracker: PipelineTracker, block: SpanBlock) -> None:
        self._tracker = tracker
        self._block = block
        self._span: ActiveSpan | None = None

    def __enter__(self) -> Stage:
        self._span = self._block.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._block.__exit__(kind, error, traceback)

    def first_output(self) -> None:
        """Mark the first token or sound of a stage that streams; later calls change nothing."""
        span = self._span
        if span is not None and _FIRST not in span.attributes:
            span.set(**{_FIRST: self._tracker._since_ms(span)})

    def set(self, **attributes: Any) -> None:
        """Add or replace attributes."""
        if self._span is not None:
            self._span.set(**attributes)

    def fail(self, error: str) -> None:
        """Mark the stage as failed although no exception leaves it; ``error`` is a short name."""
        if self._span is not None:
            self._span.fail(error)


class _Begun:
    """A stage between ``start_stage`` and ``end_stage``."""

    __slots__ = ("attributes", "name", "parent", "start_ns")

    def __init__(self, name: str, attributes: dict[str, Any], start_ns: int) -> None:
        self.name = name
        self.attributes = attributes
        self.parent: ActiveSpan | None = None
        self.start_ns = start_ns


class _TurnBlock:
    """What ``tracker.turn()`` returns: the turn's number, and as a context the turn of its code."""

    def __init__(self, tracker: PipelineTracker, number: int) -> None:
        self.number = number
        self._tracker = tracker
        self._token: Token[tuple[int, int] | None] | None = None

    def __enter__(self) -> int:
        self._token = _TURN.set((id(self._tracker), self.number))
        return self.number

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._token is not None:
            try:
                _TURN.reset(self._token)
            except ValueError:  # the block ends in another task than it began in
                _TURN.set(None)
        if error is not None:
            self._tracker._abort(self.number)


_TURN: ContextVar[tuple[int, int] | None] = ContextVar("echotrace_turn", default=None)


class PipelineTracker:
    """Writes the stages and turns of one call to a file of JSON Lines.

    Times are those of one monotonic clock, laid on unix time once when the tracker is made, so that
    a clock that is set during the call moves nothing. Each line is written and handed to the system
    when its stage ends, so that a crash costs only what was still running. Safe to use from any
    thread and task. As a context manager it makes its collector the ambient one, so that ``@timed``
    functions land in the file, and closes the file.

    Args:
        pipeline: its name.
        session_id: that of the call; a random one when None.
        path: the file; ``PIPELINE-SESSION.trace.jsonl`` in the working folder when None. A file
            that exists is added to.
        collector: whose spans are written; one of its own when None. Spans that it already holds
            are not.
        clock: nanoseconds that only grow, for a pipeline that runs in a time of its own (a replay,
            a simulation); those of ``time.perf_counter_ns`` when None.
    """

    def __init__(
        self,
        pipeline: str = "call",
        session_id: str | None = None,
        *,
        path: str | os.PathLike[str] | None = None,
        collector: TelemetryCollector | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.pipeline = str(pipeline)
        self.session_id = str(session_id) if session_id is not None else os.urandom(8).hex()
        self.path = os.fspath(path) if path is not None else self._usual_path()
        self.collector = collector if collector is not None else TelemetryCollector()
        self._now: Callable[[], int] = clock if clock is not None else perf_counter_ns
        self._has_own_clock = clock is not None
        self._zero_ns = time_ns() - self._now()
        self._lock = threading.RLock()
        self._begun: defaultdict[str, list[_Begun]] = defaultdict(list)
        self._turn = 0
        self._said: set[str] = set()
        """What the current turn has had: names of marks."""
        self._speaking: int | None = None
        """The turn whose answer sounds."""
        self._broke_in: tuple[int, int] | None = None
        """The turn that the caller spoke into, and since when."""
        self._turns_of: dict[int, int] = {}
        self._starts_of: dict[int, int] = {}
        """When spans that run began, where the clock is not the collector's."""
        self._ambient: AbstractContextManager[TelemetryCollector] | None = None
        self._file = TraceFile(self.path)
        self._file.write(
            {
                "type": "session",
                "schema": _SCHEMA,
                "session_id": self.session_id,
                "pipeline": self.pipeline,
                "clock": "unix",
                "producer": "echotrace",
                "producer_version": __version__,
                "started_s": self._at(self._now()),
            }
        )
        self._stop_listening = self.collector.add_listener(self._heard)

    @property
    def lost(self) -> int:
        """How many lines could not be written."""
        return self._file.lost

    def __enter__(self) -> PipelineTracker:
        self._ambient = use_collector(self.collector)
        self._ambient.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._ambient is not None:
            self._ambient.__exit__(kind, error, traceback)
            self._ambient = None
        self.close()

    def stage(self, name: str, /, **attributes: Any) -> Stage:
        """Measure a ``with`` block as a stage of the current turn; for plain and for async code.

        ``part``, ``owner``, ``owner_kind`` and ``inside`` say whose time it is; a stage that is
        named after a part of docs/traces.md (or ``stt``, ``llm``, ``tts``, ``tool``) needs no
        ``part``. An exception makes it failed, a cancelled task cancelled, and goes on its way.
        """
        attributes.setdefault("turn", self._current_turn())
        return Stage(self, self.collector.span(str(name), **attributes))

    def start_stage(self, name: str, /, **attributes: Any) -> None:
        """Begin a stage that some other function, task or thread will end by its name."""
        attributes.setdefault("turn", self._current_turn())
        begun = _Begun(str(name), attributes, self._now())
        scope = CURRENT.get()
        while scope is not None and begun.parent is None:
            if isinstance(scope, ActiveSpan) and scope.open_for is self.collector:
                begun.parent = scope
            scope = scope.outer
        with self._lock:
            waiting = self._begun[begun.name]
            waiting.append(begun)
            del waiting[:-_OPEN_MOST]

    def first_output(self, name: str, /) -> None:
        """Mark the first token or sound of the stage that was begun last under this name."""
        now_ns, name = self._now(), str(name)
        with self._lock:
            waiting = self._begun.get(name)
            begun = waiting[-1] if waiting else None
            if begun is not None:
                begun.attributes.setdefault(_FIRST, (now_ns - begun.start_ns) / 1e6)
        if begun is None:
            self._file.tell("first", f"no stage {name!r} is running: first_output was left out")

    def end_stage(self, name: str, /, ok: bool = True, **attributes: Any) -> None:
        """End the stage that was begun last under this name; one that was not begun is told once.

        ``ok`` False makes it failed; ``cancelled=True`` says that it was stopped from outside.
        """
        now_ns, name = self._now(), str(name)
        with self._lock:
            waiting = self._begun.get(name)
            begun = waiting.pop() if waiting else None
        if begun is None:
            self._file.tell("end", f"end_stage({name!r}) without a start_stage was left out")
            return
        status: SpanStatus = "ok" if ok else "failed"
        if attributes.pop("cancelled", False):
            status = "cancelled"
        held = begun.attributes | attributes
        self.collector.record(
            begun.name,
            start_ns=begun.start_ns,
            end_ns=now_ns,
            parent=begun.parent,
            status=status,
            **{f"{key}_" if key in _RECORDED else key: value for key, value in held.items()},
        )

    def turn(self) -> _TurnBlock:
        """Begin the next turn; stages that begin from now on belong to it.

        ``with tracker.turn():`` keeps the code inside at this turn while others begin the next. The
        marks begin turns by themselves, so that this is for pipelines without them.
        """
        with self._lock:
            number = self._next_turn()
        self._put({"type": "turn", "turn": number})
        return _TurnBlock(self, number)

    def user_started(self, *, ago_s: float | None = None) -> None:
        """The caller began to speak: a new turn, unless the last one still waits for its answer.

        ``ago_s`` is how long ago that was, when a detector tells late and knows how late.
        """
        with self._lock:
            if self._speaking is not None:
                self._broke_in = (self._speaking, self._now())
            if self._turn == 0 or self._said & {"agent_started", "talked_through"}:
                self._next_turn()
            number = self._turn
        self._mark(number, "user_started", ago_s)

    def user_stopped(self, *, ago_s: float | None = None) -> None:
        """The caller stopped; ``ago_s`` is the silence that the detector waited for before this."""
        with self._lock:
            if self._turn == 0:
                self._next_turn()
            if self._speaking is not None:
                self._said.add("talked_through")
            number = self._turn
        self._mark(number, "user_stopped", ago_s)

    def agent_started(self) -> None:
        """The first sound of the answer was handed to the output."""
        with self._lock:
            if self._turn == 0:
                self._next_turn()
            self._said.add("agent_started")
            self._speaking, self._broke_in = self._turn, None
            number = self._turn
        self._mark(number, "agent_started", None)

    def agent_stopped(self) -> None:
        """The agent's sound ended, or was stopped: interrupted, if the caller has just begun."""
        with self._lock:
            number = self._speaking if self._speaking is not None else self._turn
            broke_in, self._speaking, self._broke_in = self._broke_in, None, None
            is_cut = (
                broke_in is not None
                and broke_in[0] == number
                and self._now() - broke_in[1] <= _CUT_NS
            )
            if is_cut:
                self._said.discard("talked_through")
        self._mark(number, "agent_stopped", None)
        if is_cut:
            self._mark(number, "interrupted", None)

    def word(
        self,
        text: str,
        *,
        role: str,
        start_s: float | None = None,
        end_s: float | None = None,
        probability: float | None = None,
    ) -> None:
        """A word that the caller (``user``) or the ``agent`` said; times are unix seconds."""
        line: dict[str, Any] = {"type": "word", "turn": self._current_turn() or 0}
        line |= {"role": "agent" if role == "agent" else "user", "text": str(text)}
        self._put(line | _numbers(start_s=start_s, end_s=end_s, probability=probability))

    def usage(self, **amounts: float) -> None:
        """What was used, to be added up: ``llm_input_tokens``, ``tts_characters``, ..."""
        self._put({"type": "usage"} | _numbers(**amounts))

    def close(self) -> None:
        """Stop listening and close the file; stages that still run are written as cancelled."""
        with self._lock:
            names = [begun.name for waiting in self._begun.values() for begun in waiting]
        for name in names:
            self.end_stage(name, cancelled=True)
        self._stop_listening()
        self._file.close()

    def _usual_path(self) -> str:
        safe = "".join(
            sign if sign.isalnum() or sign in "-_" else "-"
            for sign in f"{self.pipeline}-{self.session_id}"
        )
        return f"{safe[:80]}.trace.jsonl"

    def _put(self, line: dict[str, Any]) -> None:
        self._file.write(line | {"session": self.session_id})

    def _at(self, ns: int) -> float:
        return round((self._zero_ns + ns) / 1e9, 6)

    def _current_turn(self) -> int | None:
        held = _TURN.get()
        if held is not None and held[0] == id(self):
            return held[1]
        return self._turn or None

    def _next_turn(self) -> int:
        """Begin a turn; the lock is held."""
        self._turn += 1
        self._said = set()
        return self._turn

    def _abort(self, number: int) -> None:
        with self._lock:
            is_heard = number == self._turn and "agent_started" in self._said
        if not is_heard:
            self._mark(number, "aborted", None)

    def _mark(self, number: int, name: str, ago_s: float | None) -> None:
        now_ns = self._now()
        line: dict[str, Any] = {"type": "mark", "turn": number, "mark": name}
        if isinstance(ago_s, int | float) and abs(ago_s) <= _LONGEST_AGO_S:
            at_s = self._at(now_ns - round(max(0.0, ago_s) * 1e9))
            line |= {"at_s": at_s, "told_s": self._at(now_ns), "edge": "speech"}
        else:
            if ago_s is not None:
                self._file.tell("ago", "an ago_s that is no number of seconds was left out")
            line["at_s"] = self._at(now_ns)
            if name.startswith("user"):
                line["edge"] = "detected"
        self._put(line)

    def _since_ms(self, span: ActiveSpan) -> float:
        return (self._now() - self._starts_of.get(span.id, span.start_ns)) / 1e6

    def _heard(self, event: SpanEvent) -> None:
        """A span of the collector began or ended."""
        span = event.span
        if span is not None:
            if span.id in self._starts_of:
                start_ns = self._starts_of.pop(span.id)
                span = replace(span, start_ns=start_ns, end_ns=max(start_ns, self._now()))
            self._write_span(span, self._turns_of.pop(span.id, None))
            return
        if self._has_own_clock:
            self._starts_of[event.id] = self._now()
        if "turn" not in event.attributes and (turn := self._current_turn()) is not None:
            self._turns_of[event.id] = turn

    def _write_span(self, span: Span, turn: int | None) -> None:
        held = dict(span.attributes)
        line: dict[str, Any] = {"type": "span", "id": str(span.id), "name": span.name}
        if span.parent_id is not None:
            line["parent_id"] = str(span.parent_id)
        stated = held.pop("turn", None)
        number = stated if isinstance(stated, int) and not isinstance(stated, bool) else turn
        if number is not None:
            line["turn"] = number
        for key, known in _KNOWN.items():
            if key in held and held[key] in known:
                line[key] = held.pop(key)
            elif held.get(key) is not None:
                said = f"{key}={held[key]!r} is none of {', '.join(known)}"
                self._file.tell(key, f"{said}: it was kept as an attribute")
        owner = held.pop("owner", None)
        if owner is not None:
            line["owner"] = str(owner)
        line |= {"start_s": self._at(span.start_ns), "end_s": self._at(span.end_ns)}
        first_ms = held.pop(_FIRST, None)
        if isinstance(first_ms, int | float):
            line["first_output_s"] = self._at(span.start_ns + round(first_ms * 1e6))
        if span.status != "ok":
            line["status"] = span.status
        if span.cpu_ns is not None:
            held["cpu_ms"] = span.cpu_ns / 1e6
        if held:
            line["attributes"] = held
        self._put(line)


def _numbers(**amounts: Any) -> dict[str, float]:
    """Those of the amounts that are numbers."""
    return {
        name: value
        for name, value in amounts.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST
    }
