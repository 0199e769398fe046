"""What one run gathered, before it becomes a Report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from uuid import uuid4

from echotrace.config.settings import Settings
from echotrace.model.conversation import Conversation
from echotrace.model.measure import Finding
from echotrace.model.reconciled import PipelineTrace
from echotrace.model.report import (
    AnalyzerResult,
    LlmProbe,
    Signal,
    Source,
    SpanRecord,
    Transcription,
    TtsProbe,
)
from echotrace.pricing import PriceTable

__all__ = ["Parts"]


def _new_id() -> str:
    return uuid4().hex[:12]


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything one run gathered; ``stages`` are those that were asked for.

    ``prices`` of None stands for the table in the package. A run gets a new ``job_id``, and
    ``created_at`` is the time of day in UTC.
    """

    job_id: str = field(default_factory=_new_id)
    created_at: str = field(default_factory=_now)
    source: Source
    stages: tuple[str, ...]
    settings: Settings
    signal: Signal | None = None
    conversation: Conversation | None = None
    transcription: Transcription | None = None
    llm: LlmProbe | None = None
    tts: TtsProbe | None = None
    trace: PipelineTrace | None = None
    spans: tuple[SpanRecord, ...] = ()
    total_ms: float | None = None
    bottleneck: str | None = None
    analyzers: Mapping[str, AnalyzerResult]
    findings: tuple[Finding, ...] = ()
    prices: PriceTable | None = None
