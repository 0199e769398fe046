"""The run's own spans and total, and the P99 line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from echotrace.model.measure import Measurement, Status
from echotrace.model.report import Latency, LlmProbe, SpanRecord, TtsProbe

if TYPE_CHECKING:
    from echotrace.aggregator.parts import Parts
    from echotrace.model.conversation import Conversation

__all__ = ["latency", "requests_lost"]


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
        p99_ms=_heard_p99(parts.conversation) or _probed_p99(parts.llm, parts.tts),
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


def requests_lost(probe: LlmProbe | TtsProbe) -> int:
    """How many of the measured requests that were asked for brought no answer."""
    answered = sum(not item.cold and item.status != "failed" for item in probe.samples)
    return max(0, probe.asked - answered)


def _probed_p99(llm: LlmProbe | None, tts: TtsProbe | None) -> Measurement:
    """Below 100 samples a 99th percentile is the maximum, and says so (the metrics page)."""
    if llm is not None:
        figure, name, method = llm.ttft_ms, "ttft_ms", "LLM time to first token"
        probe: LlmProbe | TtsProbe = llm
    elif tts is not None:
        figure, name, method = tts.ttfa_ms, "ttfa_ms", "TTS time to first audio"
        probe = tts
    else:
        return Measurement.not_run(
            "ms", "no latency was sampled: no turn was measured and no probe ran"
        )
    if not probe.samples_ms:
        return Measurement(unit="ms", status=figure.status, reason=figure.reason)
    count, lost = len(probe.samples_ms), requests_lost(probe)
    told = f"{lost} requests were lost" if lost else ""
    if name in probe.percentiles and probe.percentiles[name].p99.value is not None:
        found = replace(probe.percentiles[name].p99, method=method)
        if lost and found.status is Status.MEASURED:
            return replace(found, status=Status.ESTIMATED, reason=told)
        return found
    simulated = figure.status is Status.SIMULATED or (llm is not None and llm.simulated)
    return Measurement(
        unit="ms",
        value=max(probe.samples_ms),
        status=Status.SIMULATED if simulated else Status.ESTIMATED,
        reason=f"max of n={count}"
        + (", which is below 100" if count < 100 else "")
        + (f"; {told}" if told else ""),
        method=method,
        n=count,
    )


def _is_probing(span: SpanRecord) -> bool:
    return span.name in ("llm_ttft", "tts_ttfa") and not span.simulated


def _mark_slow(span: SpanRecord, parts: Parts) -> SpanRecord:
    limits = parts.settings.thresholds
    targets = {
        "analyze": limits.target_pipeline_ms,
        "stt_audit": limits.target_stt_ms,
        "llm_ttft": limits.target_llm_ttft_ms,
        "tts_ttfa": limits.target_tts_ms,
    }
    target = targets.get(span.name)
    taken: Any = span.duration_ms
    # These spans hold the warm-up and all probes; the target is that of one request.
    if span.name == "llm_ttft":
        taken = parts.llm.ttft_ms.value if parts.llm else None
    elif span.name == "tts_ttfa":
        taken = parts.tts.ttfa_ms.value if parts.tts else None
    elif span.name == "analyze":  # a run that probes more often is no slower pipeline
        taken -= sum(item.duration_ms for item in parts.spans if _is_probing(item))
    slow = target is not None and taken is not None and taken > target
    return replace(span, slow=True) if slow else span
