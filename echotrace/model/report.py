"""The Report: everything one run found out, frozen and serialisable.

Every renderer reads this and computes nothing itself. The keys are the stable surface that CI
scripts read; they are those of the project's metrics page. Times named ``*_s`` and ``at_s`` are
seconds on the recording's clock; ``*_ms`` in spans are milliseconds since the run began.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from echotrace._version import __version__
from echotrace.model.conversation import Conversation
from echotrace.model.cost import Cost, CostItem
from echotrace.model.measure import Finding, JsonValue, Measurement, RunStatus
from echotrace.model.pipeline import Pipeline, PipelinePart, PipelineSample
from echotrace.model.probes import (
    LlmProbe,
    LlmSample,
    Phase,
    ProbeFailure,
    Probes,
    ServerTimes,
    TtsProbe,
    TtsSample,
)
from echotrace.model.signal import (
    ChannelSignal,
    DropoutCount,
    Envelope,
    EnvelopeChannel,
    Mos,
    Signal,
    SpeechSegment,
)
from echotrace.model.transcription import (
    Cause,
    CauseCount,
    ChannelTranscript,
    DiffOp,
    Entities,
    Entity,
    EntityScore,
    Hallucination,
    Normalizer,
    SegmentFlag,
    SentAudio,
    StreamedUtterance,
    Streaming,
    SttTiming,
    Transcription,
    TranscriptSegment,
    Utterance,
    Word,
    WordCounts,
    WordError,
)

__all__ = [
    "NO_RECORDING",
    "SCHEMA",
    "SCHEMA_MAJOR",
    "AnalyzerResult",
    "Cause",
    "CauseCount",
    "Channel",
    "ChannelSignal",
    "ChannelTranscript",
    "Cost",
    "CostItem",
    "Deduction",
    "DiffOp",
    "DropoutCount",
    "Entities",
    "Entity",
    "EntityScore",
    "Envelope",
    "EnvelopeChannel",
    "GateResult",
    "Hallucination",
    "Latency",
    "LlmProbe",
    "LlmSample",
    "Mos",
    "Normalizer",
    "NotScored",
    "Phase",
    "Pipeline",
    "PipelinePart",
    "PipelineSample",
    "ProbeFailure",
    "Probes",
    "Report",
    "Score",
    "SegmentFlag",
    "SentAudio",
    "ServerTimes",
    "Signal",
    "Source",
    "SourceFile",
    "SpanRecord",
    "SpeechSegment",
    "StreamedUtterance",
    "Streaming",
    "SttTiming",
    "Tool",
    "TranscriptSegment",
    "Transcription",
    "TtsProbe",
    "TtsSample",
    "Utterance",
    "Word",
    "WordCounts",
    "WordError",
]

SCHEMA_MAJOR = 1
SCHEMA = f"echotrace.report/{SCHEMA_MAJOR}"
NO_RECORDING = "(no recording)"
"""The path of a source that is none: only services were probed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """The program that made the report."""

    name: str = "echotrace"
    version: str = __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel of the recording; ``role`` is caller, agent, mixed or unknown.

    ``role_source`` is flag, inferred or files; ``role_confidence`` (0.5 to 1) belongs to inferred.
    """

    index: int
    role: str = "unknown"
    role_source: str | None = None
    role_confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One of the two mono files that make up a recording; ``offset_ms`` is where it begins."""

    path: str
    sha256: str
    role: str
    offset_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    r"""The recording that was analysed, and the cut of it when one was asked for.

    ``path`` is printable text: bytes that are not UTF-8 stand as ``\xNN``. ``duration_s`` is that
    of the analysed cut; ``start_s`` is where the cut begins in the file. In the report of a failed
    run, what was never learned of the file is None.
    """

    path: str
    sha256: str | None = None
    size_bytes: int | None = None
    container: str | None = None
    codec: str | None = None
    decoder: str | None = None
    duration_s: float | None = None
    sample_rate_hz: int | None = None
    channels: tuple[Channel, ...] = ()
    start_s: float = 0.0
    end_s: float | None = None
    synthetic: bool = False
    files: tuple[SourceFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction:
    """Points taken off the score, with the figure that cost them."""

    metric: str
    value: float
    unit: str
    band: str
    points: float
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotScored:
    """A core metric that did not enter the score, and why."""

    metric: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Reliability, 0 to 100, and its grade: healthy, warning or critical.

    Both are None when not measurable; ``status`` is complete, partial (a core metric was not
    scored) or not_measurable.
    """

    value: float | None
    grade: str | None
    status: str
    deductions: tuple[Deduction, ...] = ()
    not_scored: tuple[NotScored, ...] = ()
    profile: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRecord:
    """One timed piece of the run; ``parent`` is the parent's name, ``parent_id`` its id."""

    id: int
    name: str
    parent: str | None
    parent_id: int | None
    start_ms: float
    duration_ms: float
    cpu_ms: float | None
    status: str
    slow: bool = False
    simulated: bool = False
    attributes: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The run's own spans, its total, a P99 line and the longest part of the critical path."""

    spans: tuple[SpanRecord, ...]
    e2e_ms: Measurement
    p99_ms: Measurement
    bottleneck: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzerResult:
    """How a stage ended; ``status`` is ok, unavailable or not_run, the last two with a reason.

    ``data`` is what a contributor's analyzer returned; the built-in ones have keys of their own.
    """

    status: str
    reason: str | None = None
    code: str | None = None
    data: JsonValue = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """One gate: outcome is pass, fail or not_enough_evidence.

    ``subject`` is the engine that it was asked of, in a run of several; None for one recording.
    """

    expression: str
    outcome: str
    value: float | None = None
    reason: str | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run, whole. ``created_at`` is UTC in ISO 8601; parts that did not run are None."""

    job_id: str
    created_at: str
    status: RunStatus
    source: Source
    score: Score
    schema: str = SCHEMA
    tool: Tool = field(default_factory=Tool)
    signal: Signal | None = None
    conversation: Conversation | None = None
    transcription: Transcription | None = None
    probes: Probes | None = None
    latency: Latency | None = None
    pipeline: Pipeline | None = None
    cost: Cost | None = None
    analyzers: dict[str, AnalyzerResult] = field(default_factory=dict)
    gates: tuple[GateResult, ...] = ()
    warnings: tuple[Finding, ...] = ()

    def to_json(self, *, indent: int | None = 2) -> str:
        """Write the report as one JSON document, without a trailing newline and without NaN."""
        from echotrace.model import codec

        return codec.dumps(self, indent=indent)

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
        """Read a report back.

        Raises:
            SchemaError: the document is no report, or of a newer schema.
        """
        from echotrace.model import codec

        return codec.loads(text)
