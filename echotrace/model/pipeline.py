"""The pipeline's parts between the caller's last word and the agent's first, as an estimate."""

from __future__ import annotations

from dataclasses import dataclass, field

from echotrace.model.conversation import Percentiles
from echotrace.model.measure import Measurement
from echotrace.model.reconciled import PipelineTrace

__all__ = ["Pipeline", "PipelinePart", "PipelineSample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelinePart:
    """One part of the wait; its figure is the median over the samples.

    ``key`` is a part key of the metrics page: ``endpointing_wait``, ``transcription``,
    ``llm_inference``, ``sentence_aggregation``, ``speech_synthesis``, ``tts_leading_silence``.
    ``owner`` names who makes it so long, a service and its model or a setting's key;
    ``owner_kind`` is service or setting. The owner of a missing part is the setting that would
    give it. ``n`` of transcription counts the utterances behind it, which are fewer than the
    samples where there are few. A part that nothing measured has no value and a reason.
    """

    key: str
    owner: str
    owner_kind: str
    ms: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSample:
    """One answer put together from one probe of each service: parts by key, and their sum.

    ``index`` counts the answers from 1.
    """

    index: int
    parts_ms: dict[str, float]
    total_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """How long a caller would wait for an answer, were the parts as they were probed.

    The percentiles are those of the sums, one sum per sample; the sum of medians is no figure here.
    ``missing`` and ``simulated`` name the parts that have no figure, or a made-up one: without a
    part the total is only a lower bound, and says so. ``kind`` is ``estimate``, or ``trace`` where
    the figures are those of the pipeline's own trace and the recording.
    """

    total_ms: Measurement
    percentiles: Percentiles
    parts: tuple[PipelinePart, ...]
    samples: tuple[PipelineSample, ...] = ()
    missing: tuple[str, ...] = ()
    simulated: tuple[str, ...] = field(default=())
    kind: str = "estimate"
    trace: PipelineTrace | None = None
