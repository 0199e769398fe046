"""A trace laid over a recording: the clock between them, and the parts of every heard gap."""

from __future__ import annotations

from dataclasses import dataclass, field

from echotrace.model.conversation import Percentiles
from echotrace.model.measure import JsonValue, Measurement

__all__ = ["ClockFit", "PipelineSpan", "PipelineTrace", "PipelineTurn", "TurnPart"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFit:
    """Recording time = (trace time - ``origin_s``) * (1 + drift_ppm / 1e6) + offset_ms / 1000.

    ``origin_s`` is the trace's first speech event, so that offsets stay readable with unix times.
    ``status`` is fitted, given (``--offset-ms``), stated (the trace says where the recording
    begins and too little could be matched), refused, or none where there is no recording, the last
    three with the ``reason``. ``residual_ms`` is the median absolute distance of the matches from
    the line.
    """

    status: str
    origin_s: float = 0.0
    offset_ms: Measurement | None = None
    drift_ppm: Measurement | None = None
    matches: int = 0
    unmatched_trace: int = 0
    unmatched_recording: int = 0
    residual_ms: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPart:
    """One part of a turn's wait, on the recording's clock.

    ``ms`` may be negative (work that began before the caller ended). ``taken_from`` is trace,
    audio or both: where its ends come from. The parts of a turn add up to its heard gap exactly (to
    its claimed gap where nothing was heard); what ``inside`` names another part is told and not
    added.
    """

    key: str
    owner: str
    owner_kind: str
    ms: Measurement
    start_s: float | None = None
    end_s: float | None = None
    inside: str | None = None
    taken_from: str = "trace"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineTurn:
    """One turn of the recording or of the trace, or of both.

    ``turn_id`` is that of ``Conversation.turns``, ``trace_turn_id`` that of the trace; one is None
    where the other side has no such turn. ``counted`` is False for turns that do not enter the
    percentiles (interrupted, aborted, barge-ins), and ``why_not`` says why.
    """

    turn_id: int | None
    trace_turn_id: int | None
    heard_gap_ms: Measurement
    claimed_gap_ms: Measurement
    difference_ms: Measurement
    parts: tuple[TurnPart, ...] = ()
    bottleneck: str | None = None
    counted: bool = True
    why_not: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSpan:
    """A span of the trace on the recording's clock; in seconds since its origin without a fit."""

    id: str
    name: str
    start_s: float
    end_s: float
    parent_id: str | None = None
    part: str | None = None
    owner: str | None = None
    turn: int | None = None
    status: str = "ok"
    attributes: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineTrace:
    """What the pipeline's own trace adds to a report.

    ``has_recording`` is False where only the claimed figures are known. ``difference_ms`` is heard
    less claimed, turn by turn. ``parts`` are the medians over the counted turns; medians do not
    add up. ``spans`` holds at most 20,000, ``spans_left_out`` counts the rest.
    """

    kind: str
    path: str
    clock: ClockFit
    turns: tuple[PipelineTurn, ...]
    parts: tuple[TurnPart, ...]
    claimed_gap_ms: Percentiles
    heard_gap_ms: Percentiles
    difference_ms: Percentiles
    interrupted: int = 0
    aborted: int = 0
    producer: str | None = None
    producer_version: str | None = None
    session_id: str | None = None
    sha256: str | None = None
    has_recording: bool = True
    usage: dict[str, float] = field(default_factory=dict)
    call_totals: dict[str, float] = field(default_factory=dict)
    left_over: dict[str, JsonValue] = field(default_factory=dict)
    spans: tuple[PipelineSpan, ...] = ()
    spans_left_out: int = 0
