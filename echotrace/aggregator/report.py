"""Results to score: bands, deductions that explain themselves, and the Report.

The score starts at 100; each core metric of the stages that were asked for may take points off,
by the one table below and the profile's thresholds. A figure that was not measured takes no
points and earns none: it is listed, and the score is partial.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from echotrace.config.settings import Settings
from echotrace.config.thresholds import Thresholds
from echotrace.model.measure import Finding, Measurement, RunStatus, Status
from echotrace.model.report import (
    AnalyzerResult,
    Deduction,
    Latency,
    LlmProbe,
    NotScored,
    Probes,
    Report,
    Score,
    Signal,
    Source,
    SpanRecord,
    Transcription,
)

__all__ = ["Parts", "aggregate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything one run gathered; ``stages`` are those that were asked for."""

    job_id: str
    created_at: str
    source: Source
    stages: tuple[str, ...]
    settings: Settings
    signal: Signal | None = None
    transcription: Transcription | None = None
    llm: LlmProbe | None = None
    spans: tuple[SpanRecord, ...] = ()
    total_ms: float | None = None
    bottleneck: str | None = None
    analyzers: Mapping[str, AnalyzerResult]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """Where the bands of a metric lie and what the two worse ones cost."""

    words: tuple[str, str, str]
    good: float
    critical: float
    points: tuple[float, float]
    higher_is_better: bool = False

    def band(self, value: float) -> int:
        """Return 0 good, 1 between, 2 critical; a limit itself belongs to the better band."""
        if self.higher_is_better:
            return 0 if value > self.good else 1 if value >= self.critical else 2
        return 0 if value <= self.good else 1 if value <= self.critical else 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Core:
    """A core metric: the stage that yields it, where it stands, its scale and how it is shown."""

    metric: str
    stage: str
    read: Callable[[Parts], Measurement | None]
    scale: Callable[[Thresholds], _Scale]
    show: Callable[[float], str]


def _scored_snr(parts: Parts) -> Measurement | None:
    if parts.signal is None:
        return None
    chosen = (item for item in parts.signal.channels if item.index == parts.signal.scored_channel)
    channel = next(chosen, None)
    return channel.snr_db if channel else None


_CORE = (
    _Core(
        metric="snr_db",
        stage="signal",
        read=_scored_snr,
        scale=lambda t: _Scale(
            words=("good", "noisy", "critical"),
            good=t.snr_good_db,
            critical=t.snr_critical_db,
            points=(t.points_snr_noisy, t.points_snr_critical),
            higher_is_better=True,
        ),
        show=lambda value: f"SNR {value:.1f} dB",
    ),
    _Core(
        metric="wer",
        stage="transcription",
        read=lambda parts: parts.transcription.wer if parts.transcription else None,
        scale=lambda t: _Scale(
            words=("good", "degraded", "critical"),
            good=t.wer_good_ratio,
            critical=t.wer_critical_ratio,
            points=(t.points_wer_degraded, t.points_wer_critical),
        ),
        show=lambda value: f"WER {value:.1%}".replace("%", " %"),
    ),
    _Core(
        metric="ttft_ms",
        stage="llm",
        read=lambda parts: parts.llm.ttft_ms if parts.llm else None,
        scale=lambda t: _Scale(
            words=("good", "high", "critical"),
            good=t.ttft_good_ms,
            critical=t.ttft_critical_ms,
            points=(t.points_ttft_high, t.points_ttft_critical),
        ),
        show=lambda value: f"TTFT {value:,.0f} ms",
    ),
)


def aggregate(parts: Parts) -> Report:
    """Put the parts of a run together into its Report, with bands and score."""
    limits = parts.settings.thresholds
    probes = Probes(llm=_band_llm(parts.llm, limits)) if parts.llm else None
    return Report(
        job_id=parts.job_id,
        created_at=parts.created_at,
        status=_run_status(parts),
        source=parts.source,
        score=_score(parts),
        signal=_band_signal(parts.signal, limits),
        transcription=_band_transcription(parts.transcription, limits),
        probes=probes,
        latency=_latency(parts),
        analyzers=dict(parts.analyzers),
        warnings=parts.findings,
    )


def _run_status(parts: Parts) -> RunStatus:
    asked = [entry for name, entry in parts.analyzers.items() if name in parts.stages]
    if asked and all(entry.status == "unavailable" for entry in asked):
        return RunStatus.FAILED
    figures = (core.read(parts) for core in _CORE)
    lost = any(figure is not None and figure.status is Status.UNAVAILABLE for figure in figures)
    if lost or any(entry.status == "unavailable" for entry in parts.analyzers.values()):
        return RunStatus.PARTIAL
    return RunStatus.COMPLETE


def _score(parts: Parts) -> Score:
    limits = parts.settings.thresholds
    deductions: list[Deduction] = []
    not_scored: list[NotScored] = []
    scored = 0
    for core in _CORE:
        if core.stage not in parts.stages:
            continue
        figure = core.read(parts)
        if figure is None:
            entry = parts.analyzers.get(core.stage)
            reason = (entry.reason if entry else None) or "not run"
            not_scored.append(NotScored(metric=core.metric, reason=reason))
        elif not figure.status.is_scored or figure.value is None:
            reason = f"{figure.status.value.replace('_', ' ')}: {figure.reason}"
            not_scored.append(NotScored(metric=core.metric, reason=reason))
        else:
            scored += 1
            deductions += _deduction(core, core.scale(limits), figure.value, figure.unit)
    if scored:
        deductions += _slow_stt(parts.transcription, limits)
    if not scored:
        return Score(
            value=None,
            grade=None,
            status="not_measurable",
            not_scored=tuple(not_scored),
            profile=parts.settings.profile,
        )
    value = max(0.0, 100.0 - sum(item.points for item in deductions))
    return Score(
        value=value,
        grade=_grade(value, limits),
        status="partial" if not_scored else "complete",
        deductions=tuple(deductions),
        not_scored=tuple(not_scored),
        profile=parts.settings.profile,
    )


def _deduction(core: _Core, scale: _Scale, value: float, unit: str) -> list[Deduction]:
    band = scale.band(value)
    points = (0.0, *scale.points)[band]
    if not points:
        return []
    limit = scale.good if band == 1 else scale.critical
    side = "below" if scale.higher_is_better else "above"
    return [
        Deduction(
            metric=core.metric,
            value=value,
            unit=unit,
            band=scale.words[band],
            points=points,
            message=f"{core.show(value)} is {scale.words[band]}: {side} {core.show(limit)}",
        )
    ]


def _slow_stt(transcription: Transcription | None, limits: Thresholds) -> list[Deduction]:
    rtf = transcription.timing.rtf if transcription and transcription.timing else None
    if rtf is None or rtf.value is None or not rtf.status.is_scored:
        return []
    if rtf.value <= limits.slow_stt_rtf or not limits.points_slow_stt:
        return []
    return [
        Deduction(
            metric="rtf",
            value=rtf.value,
            unit=rtf.unit,
            band="slow",
            points=limits.points_slow_stt,
            message=f"STT takes {rtf.value:.2f} s for a second of audio",
        )
    ]


def _grade(value: float, limits: Thresholds) -> str:
    if value >= limits.grade_healthy:
        return "healthy"
    return "warning" if value >= limits.grade_warning else "critical"


def _banded(figure: Measurement, scale: _Scale) -> Measurement:
    """Add the band's word; a simulated figure has none, since it is neither good nor bad."""
    if figure.value is None or figure.status is Status.SIMULATED:
        return figure
    return replace(figure, band=scale.words[scale.band(figure.value)])


def _scale(metric: str, limits: Thresholds) -> _Scale:
    return next(core.scale(limits) for core in _CORE if core.metric == metric)


def _band_signal(signal: Signal | None, limits: Thresholds) -> Signal | None:
    if signal is None:
        return None
    scale = _scale("snr_db", limits)
    channels = tuple(
        replace(
            channel,
            snr_db=_banded(channel.snr_db, scale),
            segments=tuple(
                replace(item, snr_db=_banded(item.snr_db, scale)) for item in channel.segments
            ),
        )
        for channel in signal.channels
    )
    return replace(signal, channels=channels)


def _band_transcription(result: Transcription | None, limits: Thresholds) -> Transcription | None:
    return replace(result, wer=_banded(result.wer, _scale("wer", limits))) if result else None


def _band_llm(probe: LlmProbe, limits: Thresholds) -> LlmProbe:
    return replace(probe, ttft_ms=_banded(probe.ttft_ms, _scale("ttft_ms", limits)))


def _latency(parts: Parts) -> Latency:
    if parts.total_ms is None:
        total = Measurement.not_run("ms", "the run ended before it was timed")
    else:
        method = "wall time of this profiling run; not what a caller heard"
        if parts.llm and parts.llm.simulated:
            method += "; the mock's simulated wait is in it"
        total = Measurement.measured(parts.total_ms, "ms", method=method, n=1)
    return Latency(
        spans=tuple(_mark_slow(span, parts) for span in parts.spans),
        e2e_ms=total,
        p99_ms=_p99(parts.llm),
        bottleneck=parts.bottleneck,
    )


def _p99(llm: LlmProbe | None) -> Measurement:
    """Below 100 samples a 99th percentile is the maximum, and says so (the metrics page)."""
    if llm is None:
        return Measurement.not_run("ms", "no latency was sampled: neither turns nor a probe ran")
    if not llm.samples_ms:
        return Measurement(unit="ms", status=llm.ttft_ms.status, reason=llm.ttft_ms.reason)
    count = len(llm.samples_ms)
    status = Status.SIMULATED if llm.simulated else Status.ESTIMATED
    return Measurement(
        unit="ms",
        value=max(llm.samples_ms),
        status=status,
        reason=f"max of n={count}, which is below 100",
        method="LLM time to first token",
        n=count,
    )


def _mark_slow(span: SpanRecord, parts: Parts) -> SpanRecord:
    limits = parts.settings.thresholds
    targets = {
        "analyze": limits.target_pipeline_ms,
        "stt_audit": limits.target_stt_ms,
        "llm_ttft": limits.target_llm_ttft_ms,
    }
    target = targets.get(span.name)
    taken: Any = span.duration_ms
    if span.name == "llm_ttft":  # the span holds warm-up and all probes; its target is one TTFT's
        taken = parts.llm.ttft_ms.value if parts.llm else None
    slow = target is not None and taken is not None and taken > target
    return replace(span, slow=True) if slow else span
