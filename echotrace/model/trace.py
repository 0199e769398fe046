"""What a pipeline itself wrote down about a call: its turns and spans, on its own clock.

Importers bring every format into this one model. Times are seconds on the trace's clock; what that
is (unix time, seconds since the session began, a monotonic clock) is told by ``Trace.clock`` and
settled against the recording by ``echotrace.reconcile``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from echotrace.model.measure import Finding, JsonValue
from echotrace.model.transcription import Word

__all__ = [
    "OWNER_KINDS",
    "PARTS",
    "ClaimedPart",
    "Trace",
    "TraceSide",
    "TraceSpan",
    "TraceTurn",
]

PARTS: Final = (
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
"""The part keys of the metrics page, in the order that a turn goes through them."""

OWNER_KINDS: Final = ("service", "setting", "bot", "pipeline")


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSpan:
    """One span as it was written.

    ``part`` is the part key that its time belongs to, None where it is no part of an answer (a
    whole turn, a session). ``first_output_s`` is when a streaming stage gave its first token or
    sound. ``status`` is ok, failed or cancelled. Attributes that the importer did not understand
    are kept as they came.
    """

    id: str
    name: str
    start_s: float
    end_s: float
    parent_id: str | None = None
    part: str | None = None
    owner: str | None = None
    owner_kind: str | None = None
    first_output_s: float | None = None
    turn: int | None = None
    status: str = "ok"
    attributes: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSide:
    """When the pipeline believes that one side spoke in a turn, and what; times may be missing.

    ``edge`` tells what the times stand for: ``speech`` (a detector's edges, its own waits taken
    off), ``detected`` (when the detector said so), ``playout`` (sound was handed to the output).
    """

    start_s: float | None = None
    end_s: float | None = None
    text: str | None = None
    edge: str = "speech"
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedPart:
    """How long one part of an answer took by the pipeline's own account.

    ``start_s`` places it on the trace's clock where that is known. ``inside`` names another part
    that already holds this time (LiveKit's transcription delay lies inside the end-of-turn delay):
    such a part is told and never added.
    """

    key: str
    ms: float
    owner: str
    owner_kind: str = "service"
    start_s: float | None = None
    inside: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceTurn:
    """One turn of the caller and the agent's answer, as the pipeline counted them.

    ``claimed_gap_ms`` is the response latency that the platform itself states, ``claimed_by`` the
    field it stands in. ``interrupted`` marks an answer that the caller broke off, ``aborted`` one
    that never came to be heard; neither enters percentiles.
    """

    id: int
    user: TraceSide | None = None
    agent: TraceSide | None = None
    claimed_gap_ms: float | None = None
    claimed_by: str | None = None
    parts: tuple[ClaimedPart, ...] = ()
    interrupted: bool = False
    aborted: bool = False
    attributes: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A whole trace. ``kind`` is the importer that read it (pipecat, livekit, vapi, ...).

    ``clock`` is unix, session (seconds since the session began) or monotonic.
    ``recording_start_s`` is where the recording begins on that clock, when the trace says so.
    ``call_totals`` are the platform's own figures of the whole call in ms, by name. ``left_over``
    holds the fields of the document that no part of this model has a place for.
    """

    kind: str
    clock: str
    turns: tuple[TraceTurn, ...] = ()
    spans: tuple[TraceSpan, ...] = ()
    producer: str | None = None
    producer_version: str | None = None
    session_id: str | None = None
    recording_start_s: float | None = None
    recording_path: str | None = None
    call_totals: dict[str, float] = field(default_factory=dict)
    usage: dict[str, float] = field(default_factory=dict)
    left_over: dict[str, JsonValue] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
