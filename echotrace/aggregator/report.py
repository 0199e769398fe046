"""The parts of a run, put together into its Report.

A figure that was not measured takes no points and earns none: it is listed, and the score is
partial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.aggregator.bands import (
    band_conversation,
    band_llm,
    band_pipeline,
    band_signal,
    band_transcription,
)
from echotrace.aggregator.cost import cost
from echotrace.aggregator.latency import latency, requests_lost
from echotrace.aggregator.pipeline import pipeline
from echotrace.aggregator.scales import CORE
from echotrace.aggregator.score import score
from echotrace.aggregator.speech_rate import with_words_per_minute
from echotrace.aggregator.traced import with_trace
from echotrace.model.measure import RunStatus, Status
from echotrace.model.report import Probes, Report

if TYPE_CHECKING:
    from echotrace.aggregator.parts import Parts

__all__ = ["aggregate"]


def aggregate(parts: Parts) -> Report:
    """Put the parts of a run together into its Report, with bands and score."""
    limits = parts.settings.thresholds
    heard = parts.conversation
    if heard and parts.transcription:
        heard = with_words_per_minute(heard, parts.transcription)
    return Report(
        job_id=parts.job_id,
        created_at=parts.created_at,
        status=_run_status(parts),
        source=parts.source,
        score=score(parts),
        signal=band_signal(parts.signal, limits),
        conversation=band_conversation(heard, limits),
        transcription=band_transcription(parts.transcription, limits),
        probes=_probes(parts),
        latency=latency(parts),
        pipeline=band_pipeline(with_trace(pipeline(parts), parts.trace), limits),
        cost=cost(parts),
        analyzers=dict(parts.analyzers),
        warnings=parts.findings,
    )


def _probes(parts: Parts) -> Probes | None:
    if parts.llm is None and parts.tts is None:
        return None
    llm = band_llm(parts.llm, parts.settings.thresholds) if parts.llm else None
    return Probes(llm=llm, tts=parts.tts)


def _run_status(parts: Parts) -> RunStatus:
    asked = [entry for name, entry in parts.analyzers.items() if name in parts.stages]
    if asked and all(entry.status == "unavailable" for entry in asked):
        return RunStatus.FAILED
    figures = [core.read(parts) for core in CORE]
    if parts.tts is not None:
        figures.append(parts.tts.ttfa_ms)
    lost = any(figure is not None and figure.status is Status.UNAVAILABLE for figure in figures)
    lost = lost or any(requests_lost(probe) for probe in (parts.llm, parts.tts) if probe)
    if lost or any(entry.status == "unavailable" for entry in parts.analyzers.values()):
        return RunStatus.PARTIAL
    return RunStatus.COMPLETE
