"""The collector: it opens spans, keeps those that ended, and tells listeners.

A span costs about a microsecond beside its clocks, so that profiling does not change what it
profiles; everything that can wait (the Span objects, their order) is done when somebody reads.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from threading import Lock, get_ident, local
from time import perf_counter_ns, process_time_ns, thread_time_ns
from typing import TYPE_CHECKING, Any, Final, get_args

from echotrace.telemetry.ambient import CURRENT, Scope, innermost, parent_id_in
from echotrace.telemetry.span import Span, SpanEvent, SpanStatus

if TYPE_CHECKING:
    from types import TracebackType

__all__ = [
    "MAX_SPANS",
    "ActiveSpan",
    "SpanBlock",
    "TelemetryCollector",
    "begin",
    "count_steps",
    "end",
]

MAX_SPANS = 100_000
"""Spans a collector keeps unless told otherwise; a run makes some dozens."""

Listener = Callable[[SpanEvent], object]

_STEPS: Final = -1
"""As ``cpu_begin_ns``: the CPU time is added up by whoever runs the span's steps."""

_PROCESS: Final = -2
"""As ``cpu_begin_ns``: the CPU time is the whole process's; ``cpu_ns`` holds its beginning."""

_STATUSES = get_args(SpanStatus)


class _Inherit:
    """The type of ``INHERIT``."""


INHERIT: Final = _Inherit()
"""As a parent: the innermost open span of this collector in the running code."""


class ActiveSpan(Scope):
    """A span that is being measured; ``with collector.span(name) as span`` hands one out."""

    __slots__ = (
        "_attributes",
        "cpu_begin_ns",
        "cpu_ns",
        "end_ns",
        "name",
        "parent_id",
        "start_ns",
        "status",
    )

    id: int
    name: str
    parent_id: int | None
    start_ns: int
    end_ns: int
    cpu_ns: int | None
    cpu_begin_ns: int
    status: SpanStatus
    _attributes: dict[str, Any] | None

    def set(self, **attributes: Any) -> None:
        """Add or replace attributes; values that JSON can hold survive into the report as such."""
        if self._attributes is None:
            self._attributes = {}
        self._attributes.update(attributes)

    def fail(self, error: str) -> None:
        """Mark the span as failed although no exception leaves it; ``error`` is a short name."""
        self.status = "failed"
        self.set(error=error)

    def count_process(self) -> None:
        """From now on the CPU time is the whole process's: for work in a library's own threads.

        It is the block's own only while nothing else runs, as in a timed section.
        """
        self.cpu_begin_ns = _PROCESS
        self.cpu_ns = process_time_ns()

    @property
    def attributes(self) -> dict[str, Any]:
        """A copy of the attributes set so far."""
        return dict(self._attributes or ())

    def freeze(self) -> Span:
        """Return the ended span as a value."""
        return Span(
            id=self.id,
            name=self.name,
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            cpu_ns=self.cpu_ns,
            status=self.status,
            attributes=self.attributes,
            parent_id=self.parent_id,
        )


def begin(
    collector: TelemetryCollector, name: str, attributes: dict[str, Any] | None = None
) -> ActiveSpan:
    """Start a span and make it the current scope; every slot is set here, at one call's cost.

    Its parent is the innermost span of the same collector that is still open, in the same thread,
    task or copied context. The clocks are read last, so that the span does not hold its own cost.
    """
    span = _new(ActiveSpan)
    outer = _get_current()
    if outer is None:
        span.parent_id = None
    elif outer.open_for is collector:
        span.parent_id = outer.id
    else:
        outer = innermost(outer)
        span.parent_id = parent_id_in(outer, collector)
    span.outer = outer
    span.open_for = collector
    span.name = name
    span.status = "ok"
    span._attributes = attributes
    span.id = collector._next_id()
    if collector._listeners:
        collector._tell_started(span)
    _set_current(span)
    span.start_ns = perf_counter_ns()
    span.cpu_begin_ns = thread_time_ns()
    return span


def end(span: ActiveSpan, collector: TelemetryCollector, error: BaseException | None) -> None:
    """End a span and keep it; the current scope is the caller's to restore.

    An exception that means "stop" makes it ``cancelled``, any other ``failed``: its type goes into
    the attribute ``error``, its text stays out because it may hold secrets.
    """
    if span.cpu_begin_ns >= 0:
        span.cpu_ns = thread_time_ns() - span.cpu_begin_ns
    elif span.cpu_begin_ns == _PROCESS:
        span.cpu_ns = process_time_ns() - (span.cpu_ns or 0)
    span.end_ns = perf_counter_ns()
    if error is not None:
        if _is_stop(error):
            span.status = "cancelled"
        else:
            span.fail(type(error).__name__)
    span.open_for = None
    collector.keep(span)


def count_steps(span: ActiveSpan) -> None:
    """From now on the span's CPU time is added up by whoever runs its steps; see ``timed``."""
    span.cpu_begin_ns = _STEPS
    span.cpu_ns = 0


class SpanBlock:
    """The context manager of ``TelemetryCollector.span``: each ``with`` makes one span."""

    __slots__ = ("_attributes", "_collector", "_name", "_span", "_thread")

    def __init__(
        self, collector: TelemetryCollector, name: str, attributes: dict[str, Any]
    ) -> None:
        self._collector = collector
        self._name = name
        self._attributes = attributes
        self._span: ActiveSpan | None = None

    def __enter__(self) -> ActiveSpan:
        if self._span is not None:
            raise RuntimeError(f"the span {self._name!r} is already being measured")
        self._thread = get_ident()
        self._span = begin(self._collector, self._name, dict(self._attributes))
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        span = self._span
        if span is None:
            return
        if span.cpu_begin_ns >= 0 and self._thread != get_ident():
            span.cpu_begin_ns = _STEPS
            span.cpu_ns = None
        self._span = None
        try:
            end(span, self._collector, error)
        finally:
            if CURRENT.get() is span:
                CURRENT.set(span.outer)


_new = object.__new__
_get_current = CURRENT.get
_set_current = CURRENT.set


def _is_stop(error: BaseException) -> bool:
    """Whether an exception means that somebody outside ended the work.

    asyncio is looked up rather than imported: where it is not loaded nothing can be cancelled.
    """
    if isinstance(error, (GeneratorExit, KeyboardInterrupt)):
        return True
    asyncio = sys.modules.get("asyncio.exceptions")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


class TelemetryCollector:
    """Keeps the spans of one run; safe to use from any thread, with or without an event loop.

    Args:
        max_spans: how many ended spans are kept; beyond it the one that ended first goes, and
            ``dropped`` counts it. Children end before their parents, so stages outlive details.
    """

    def __init__(self, *, max_spans: int = MAX_SPANS) -> None:
        if max_spans < 1:
            raise ValueError("max_spans must be at least 1")
        self.max_spans = max_spans
        self.dropped = 0
        self._finished: deque[ActiveSpan | Span] = deque(maxlen=max_spans)
        self._next_id = count(1).__next__
        self._listeners: tuple[Listener, ...] = ()
        self._lock = Lock()
        self._telling = local()

    def span(self, name: str, /, **attributes: Any) -> SpanBlock:
        """Measure a ``with`` block, which is handed the ActiveSpan; for plain and for async code.

        An exception that leaves the block makes the span failed (or cancelled) and goes on its way.

        CPU time is that of the thread between start and end. In async code the thread also runs
        other tasks while the block awaits, and theirs is in it: use ``timed`` on a coroutine
        function to count only its own. A block that ends in another thread has no CPU time.
        """
        return SpanBlock(self, name, attributes)

    def record(
        self,
        name: str,
        /,
        *,
        start_ns: int,
        end_ns: int,
        parent: ActiveSpan | Span | _Inherit | None = INHERIT,
        cpu_ns: int | None = None,
        status: SpanStatus = "ok",
        **attributes: Any,
    ) -> Span:
        """Add a span that was measured elsewhere, and return it (it can be a parent in turn).

        Times are ``time.perf_counter_ns()``'s. Without ``parent`` it belongs to the innermost open
        span of this collector in the running code; None puts it at the top.

        Raises:
            ValueError: it ends before it starts, the status is unknown, or the parent is a span
                of another collector.
        """
        if end_ns < start_ns:
            raise ValueError(f"the span {name!r} ends {start_ns - end_ns} ns before it starts")
        if status not in _STATUSES:
            raise ValueError(f"the status {status!r} is none of {', '.join(_STATUSES)}")
        if isinstance(parent, _Inherit):
            parent_id = parent_id_in(CURRENT.get(), self)
        elif isinstance(parent, ActiveSpan) and parent.open_for not in (self, None):
            raise ValueError(f"the parent {parent.name!r} is a span of another collector")
        else:
            parent_id = None if parent is None else parent.id
        span = Span(
            id=self._next_id(),
            name=name,
            start_ns=start_ns,
            end_ns=end_ns,
            cpu_ns=cpu_ns,
            status=status,
            attributes=attributes,
            parent_id=parent_id,
        )
        self.keep(span)
        return span

    def keep(self, span: ActiveSpan | Span) -> None:
        """Take in a span that has ended, and tell the listeners; for this room's own use."""
        if len(self._finished) == self.max_spans:
            with self._lock:
                self.dropped += 1
        self._finished.append(span)
        if self._listeners:
            self._tell_ended(span if isinstance(span, Span) else span.freeze())

    @property
    def spans(self) -> tuple[Span, ...]:
        """The spans that have ended, in order of start; made anew at each reading."""
        spans = [item if isinstance(item, Span) else item.freeze() for item in self._finished_now()]
        spans.sort(key=lambda span: (span.start_ns, span.id))
        return tuple(spans)

    def _finished_now(self) -> list[ActiveSpan | Span]:
        while True:
            with suppress(RuntimeError):  # another thread appended meanwhile: read again
                return list(self._finished)

    def add_listener(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener(event)`` at each start and end; the function returned takes it off again.

        It is called in the thread where the span starts or ends, outside the time that is
        measured. What it raises is logged at debug level and goes no further; spans of this
        collector that start or end inside a listener are kept but not told.
        """
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def remove() -> None:
            with self._lock:
                rest = list(self._listeners)
                if listener in rest:
                    rest.remove(listener)
                self._listeners = tuple(rest)

        return remove

    def _tell_started(self, span: ActiveSpan) -> None:
        self._tell(
            SpanEvent(
                kind="started",
                id=span.id,
                name=span.name,
                parent_id=span.parent_id,
                at_ns=perf_counter_ns(),
                attributes=span.attributes,
            )
        )

    def _tell_ended(self, span: Span) -> None:
        self._tell(
            SpanEvent(
                kind="ended",
                id=span.id,
                name=span.name,
                parent_id=span.parent_id,
                at_ns=span.end_ns,
                attributes=span.attributes,
                span=span,
            )
        )

    def _tell(self, event: SpanEvent) -> None:
        if getattr(self._telling, "now", False):
            return
        self._telling.now = True
        try:
            for listener in self._listeners:
                _call(listener, event)
        finally:
            self._telling.now = False


def _call(listener: Listener, event: SpanEvent) -> None:
    try:
        listener(event)
    except Exception:  # a broken view must not take the run down
        import logging

        logging.getLogger(__name__).debug("telemetry listener %r failed", listener, exc_info=True)
