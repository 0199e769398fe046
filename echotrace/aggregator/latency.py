"""The run's own spans and total, and the P99 line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from echotrace.model.measure import Measurement, Status
from echotrace.model.report import Latency, LlmProbe, SpanRecord

if TYPE_CHECKING:
    from echotrace.aggregator.parts import Parts
    from echotrace.model.conversation import Conversation

__all__ = ["latency"]


def latency(parts: Parts) -> Latency:
    """Put together what the run took, with the spans over their targets marked."""
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
        p99_ms=_heard_p99(parts.conversation) or _probed_p99(parts.llm),
        bottleneck=parts.bottleneck,
    )


def _heard_p99(heard: Conversation | None) -> Measurement | None:
    """What the caller waited for comes before any probe, when it was measured at all."""
    if heard is None or not heard.summary.heard_gap_ms.n:
        return None
    gaps = heard.summary.heard_gap_ms
    if gaps.p99.value is not None:
        return replace(gaps.p99, method="heard gap")
    return replace(
        gaps.worst,
        status=Status.ESTIMATED,
        reason=f"max of n={gaps.n}, which is below 100",
        method="heard gap",
        n=gaps.n,
    )


def _probed_p99(llm: LlmProbe | None) -> Measurement:
    """Below 100 samples a 99th percentile is the maximum, and says so (the metrics page)."""
    if llm is None:
        return Measurement.not_run(
            "ms", "no latency was sampled: no turn was measured and no probe ran"
        )
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
