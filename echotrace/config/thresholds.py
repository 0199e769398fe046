"""Threshold profiles: the bands, stage targets and score points that a user can change.

The defaults are those of the project's metrics page; a profile overrides single values.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from echotrace.config.rules import about

__all__ = ["ORDERED", "Thresholds", "contradiction"]

ORDERED = (
    ("snr_critical_db", "snr_good_db"),
    ("wer_good_ratio", "wer_critical_ratio"),
    ("ttft_good_ms", "ttft_critical_ms"),
    ("heard_gap_good_ms", "heard_gap_critical_ms"),
    ("yield_good_ms", "yield_critical_ms"),
    ("dead_air_warning_s", "dead_air_critical_s"),
    ("grade_warning", "grade_healthy"),
)
"""Pairs of thresholds of which the first must not exceed the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Where good ends and critical begins, what a stage may take, and what each band costs."""

    snr_good_db: float = field(
        default=20.0, metadata=about("SNR above this is good", minimum=-100, maximum=100)
    )
    snr_critical_db: float = field(
        default=10.0, metadata=about("SNR below this is critical", minimum=-100, maximum=100)
    )
    wer_good_ratio: float = field(
        default=0.05, metadata=about("word error rate up to this is good", minimum=0, maximum=1)
    )
    wer_critical_ratio: float = field(
        default=0.15, metadata=about("word error rate above this is critical", minimum=0, maximum=1)
    )
    ttft_good_ms: float = field(
        default=1000.0, metadata=about("time to first token up to this is good", minimum=0)
    )
    ttft_critical_ms: float = field(
        default=2000.0, metadata=about("time to first token above this is critical", minimum=0)
    )
    heard_gap_good_ms: float = field(
        default=800.0, metadata=about("heard gap up to this is good", minimum=0)
    )
    heard_gap_critical_ms: float = field(
        default=1500.0, metadata=about("heard gap above this is critical", minimum=0)
    )
    yield_good_ms: float = field(
        default=500.0, metadata=about("yielding to a barge-in within this is good", minimum=0)
    )
    yield_critical_ms: float = field(
        default=1000.0,
        metadata=about("yielding to a barge-in later than this is critical", minimum=0),
    )
    dead_air_warning_s: float = field(
        default=3.0, metadata=about("silence of both sides from this on is a warning", minimum=0)
    )
    dead_air_critical_s: float = field(
        default=5.0, metadata=about("silence of both sides from this on is critical", minimum=0)
    )

    target_stt_ms: float = field(
        default=2000.0, metadata=about("target of the recogniser", minimum=0)
    )
    target_retrieval_ms: float = field(
        default=3000.0, metadata=about("target of retrieval", minimum=0)
    )
    target_llm_ttft_ms: float = field(
        default=1000.0, metadata=about("target of the language model's first token", minimum=0)
    )
    target_tts_ms: float = field(
        default=2000.0, metadata=about("target of speech synthesis", minimum=0)
    )
    target_pipeline_ms: float = field(
        default=8000.0, metadata=about("target of the whole pipeline", minimum=0)
    )

    points_wer_degraded: float = field(
        default=15.0,
        metadata=about("points off for a degraded word error rate", minimum=0, maximum=100),
    )
    points_wer_critical: float = field(
        default=30.0,
        metadata=about("points off for a critical word error rate", minimum=0, maximum=100),
    )
    points_snr_noisy: float = field(
        default=10.0, metadata=about("points off for a noisy recording", minimum=0, maximum=100)
    )
    points_snr_critical: float = field(
        default=25.0, metadata=about("points off for a critical SNR", minimum=0, maximum=100)
    )
    points_ttft_high: float = field(
        default=10.0,
        metadata=about("points off for a high time to first token", minimum=0, maximum=100),
    )
    points_ttft_critical: float = field(
        default=25.0,
        metadata=about("points off for a critical time to first token", minimum=0, maximum=100),
    )
    points_heard_gap_warning: float = field(
        default=10.0, metadata=about("points off for a slow heard gap", minimum=0, maximum=100)
    )
    points_heard_gap_critical: float = field(
        default=20.0, metadata=about("points off for a critical heard gap", minimum=0, maximum=100)
    )
    points_dead_air: float = field(
        default=10.0, metadata=about("points off for dead air", minimum=0, maximum=100)
    )
    points_slow_stt: float = field(
        default=15.0,
        metadata=about("points off for a recogniser slower than real time", minimum=0, maximum=100),
    )
    slow_stt_rtf: float = field(
        default=1.0, metadata=about("real-time factor above which a recogniser is slow", above=0)
    )

    grade_healthy: float = field(
        default=85.0, metadata=about("lowest score that is healthy", minimum=0, maximum=100)
    )
    grade_warning: float = field(
        default=60.0,
        metadata=about(
            "lowest score that is a warning; below it is critical", minimum=0, maximum=100
        ),
    )


def contradiction(thresholds: Thresholds) -> tuple[str, str] | None:
    """Return the first pair of :data:`ORDERED` that is the wrong way round, or None.

    A band whose good side begins beyond its critical side would call one value both.
    """
    for lower, upper in ORDERED:
        if getattr(thresholds, lower) > getattr(thresholds, upper):
            return lower, upper
    return None
