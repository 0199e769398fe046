"""What the screen knows of a run: gathered from messages, handed to widgets as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from echotrace.model.report import Report, SpanRecord
from echotrace.telemetry.waterfall import span_records
from echotrace.tui.job import Job, Saved

if TYPE_CHECKING:
    from echotrace.model.run import RunEvent, RunOutcome
    from echotrace.telemetry import Span, SpanEvent

__all__ = ["RUNNING", "SPAN_OF_STAGE", "Phase", "RunLog", "RunState", "StageState"]

RUNNING = "running"
"""The status of a span that has not ended; a report never holds it."""

SPAN_OF_STAGE = {
    "audio": "audio_decode",
    "signal": "signal_analysis",
    "turns": "turn_analysis",
    "transcription": "stt_audit",
    "llm": "llm_ttft",
    "tts": "tts_ttfa",
}
"""A built-in stage's span; a contributor's analyzer has one of its own name."""


class Phase(str, Enum):
    """How far a run is."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    CANCELLED = "cancelled"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come from this run."""
        return self in (Phase.CANCELLED, Phase.DONE, Phase.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageState:
    """Where a stage is: ``started``, ``finished`` or ``failed``, the last with its reason."""

    kind: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunState:
    """One run at one moment; compared by identity, because a report is large.

    ``spans`` are those of the report once there is one; before, what the run has told so far, with
    ``open_ns`` naming when each unfinished one began and ``begin_ns`` when the run did.
    """

    name: str
    path: str
    phase: Phase
    synthetic: bool = False
    asked: tuple[str, ...] = ()
    stages: Mapping[str, StageState] = field(default_factory=dict)
    spans: tuple[SpanRecord, ...] = ()
    open_ns: Mapping[int, int] = field(default_factory=dict)
    begin_ns: int | None = None
    report: Report | None = None
    error: Exception | None = None

    def spans_at(self, now_ns: int) -> tuple[SpanRecord, ...]:
        """Return the spans with the unfinished ones drawn up to this moment."""
        if not self.open_ns:
            return self.spans
        return tuple(
            replace(span, duration_ms=max(0.0, (now_ns - self.open_ns[span.id]) / 1e6))
            if span.id in self.open_ns
            else span
            for span in self.spans
        )

    def differs_in_spans_only(self, other: RunState) -> bool:
        """Whether only the waterfall has something new to draw."""
        return (
            self.report is other.report
            and self.error is other.error
            and (self.name, self.path, self.phase, self.stages)
            == (other.name, other.path, other.phase, other.stages)
        )


class RunLog:
    """Gathers what a run tells into RunStates; lives in the app's thread only."""

    phase: Phase
    outcome: RunOutcome | None
    error: Exception | None
    unwritten: Exception | None
    report: Report | None
    _stages: dict[str, StageState]
    _open: dict[int, SpanEvent]
    _ended: list[Span]
    _begin_ns: int | None

    def __init__(self, job: Job | Saved) -> None:
        self.job = job
        self.restart(Phase.WAITING)
        if isinstance(job, Saved):
            self.report, self.phase = job.report, Phase.DONE

    @property
    def can_run(self) -> bool:
        """Whether this is a recording to profile, and not a saved report."""
        return isinstance(self.job, Job)

    def restart(self, phase: Phase) -> None:
        """Forget the run that was, because another one begins or waits to."""
        self.phase = phase
        self.outcome = self.error = self.unwritten = self.report = self._begin_ns = None
        self._stages, self._open, self._ended = {}, {}, []

    def stage(self, event: RunEvent) -> None:
        """Take in a stage's start or end."""
        self._stages[event.stage] = StageState(kind=event.kind, reason=event.reason)

    def span(self, event: SpanEvent) -> None:
        """Take in a span's start or end; one recorded whole has no start of its own."""
        if event.span is None:
            self._open[event.id] = event
            if self._begin_ns is None:
                self._begin_ns = event.at_ns
        else:
            self._open.pop(event.id, None)
            self._ended.append(event.span)

    def end(
        self,
        outcome: RunOutcome | None,
        error: Exception | None,
        unwritten: Exception | None,
    ) -> None:
        """Take in how the run ended."""
        self.outcome, self.error, self.unwritten = outcome, error, unwritten
        self.report = outcome.report if outcome else None
        self.phase = Phase.DONE if outcome else Phase.FAILED if error else Phase.CANCELLED

    def snapshot(self) -> RunState:
        """Return what is known now."""
        job = self.job
        latency = self.report.latency if self.report else None
        return RunState(
            name=job.name,
            path=self.report.source.path if self.report else job.path,
            phase=self.phase,
            synthetic=job.synthetic,
            asked=job.asked,
            stages=dict(self._stages),
            spans=self._records() if self.report is None else latency.spans if latency else (),
            open_ns={}
            if self.phase.is_over
            else {event.id: event.at_ns for event in self._open.values()},
            begin_ns=self._begin_ns,
            report=self.report,
            error=self.error,
        )

    def _records(self) -> tuple[SpanRecord, ...]:
        if self._begin_ns is None:
            return ()
        ended = span_records(self._ended, begin_ns=self._begin_ns)
        parents = {span.id: span.parent_id for span in self._ended}
        names = {span.id: span.name for span in self._ended}
        names |= {event.id: event.name for event in self._open.values()}
        # span_records leaves out parents that are still open; here they are drawn as well.
        whole = [
            replace(record, parent=names.get(parent), parent_id=parent)
            if (parent := parents[record.id]) in names
            else record
            for record in ended
        ]
        running = [
            SpanRecord(
                id=event.id,
                name=event.name,
                parent=names.get(event.parent_id) if event.parent_id is not None else None,
                parent_id=event.parent_id,
                start_ms=(event.at_ns - self._begin_ns) / 1e6,
                duration_ms=0.0,
                cpu_ms=None,
                status=RUNNING if not self.phase.is_over else "cancelled",
                simulated=bool(event.attributes.get("simulated", False)),
            )
            for event in self._open.values()
        ]
        return tuple(sorted((*whole, *running), key=lambda record: (record.start_ms, record.id)))
