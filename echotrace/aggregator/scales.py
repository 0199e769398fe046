"""Where the bands of each metric lie, and what the worse ones cost: the one table of the score."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from echotrace.aggregator.parts import Parts
from echotrace.config.thresholds import Thresholds
from echotrace.model.measure import Measurement

__all__ = ["CORE", "Core", "Scale", "dead_air_scale", "heard_gap", "scale_of", "yield_scale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where the bands of a metric lie and what the two worse ones cost."""

    words: tuple[str, str, str]
    good: float
    critical: float
    points: tuple[float, float] = (0.0, 0.0)
    higher_is_better: bool = False

    def band(self, value: float) -> int:
        """Return 0 good, 1 between, 2 critical; a limit itself belongs to the better band."""
        if self.higher_is_better:
            return 0 if value > self.good else 1 if value >= self.critical else 2
        return 0 if value <= self.good else 1 if value <= self.critical else 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """A core metric: the stage that yields it, where it stands, its scale and how it is shown."""

    metric: str
    stage: str
    read: Callable[[Parts], Measurement | None]
    scale: Callable[[Thresholds], Scale]
    show: Callable[[float], str]
    which: Callable[[Parts], str] = lambda _: ""
    """What the figure is taken from, said behind it: `` (the median of 6 turns)``."""


def heard_gap(parts: Parts) -> tuple[str, Measurement] | None:
    """Return the gap that is scored: p95 from 20 turns on, below that the median, and its name."""
    if parts.conversation is None:
        return None
    gaps = parts.conversation.summary.heard_gap_ms
    return ("95th percentile", gaps.p95) if gaps.n >= 20 else ("median", gaps.p50)


def _scored_gap(parts: Parts) -> Measurement | None:
    found = heard_gap(parts)
    return found[1] if found else None


def _which_gap(parts: Parts) -> str:
    found = heard_gap(parts)
    return f" (the {found[0]} of {found[1].n} turns)" if found else ""


def _scored_snr(parts: Parts) -> Measurement | None:
    if parts.signal is None:
        return None
    chosen = (item for item in parts.signal.channels if item.index == parts.signal.scored_channel)
    channel = next(chosen, None)
    return channel.snr_db if channel else None


CORE = (
    Core(
        metric="snr_db",
        stage="signal",
        read=_scored_snr,
        scale=lambda t: Scale(
            words=("good", "noisy", "critical"),
            good=t.snr_good_db,
            critical=t.snr_critical_db,
            points=(t.points_snr_noisy, t.points_snr_critical),
            higher_is_better=True,
        ),
        show=lambda value: f"SNR {value:.1f} dB",
    ),
    Core(
        metric="heard_gap_ms",
        stage="turns",
        read=_scored_gap,
        scale=lambda t: Scale(
            words=("good", "warning", "critical"),
            good=t.heard_gap_good_ms,
            critical=t.heard_gap_critical_ms,
            points=(t.points_heard_gap_warning, t.points_heard_gap_critical),
        ),
        show=lambda value: f"heard gap {value:,.0f} ms",
        which=_which_gap,
    ),
    Core(
        metric="wer",
        stage="transcription",
        read=lambda parts: parts.transcription.wer if parts.transcription else None,
        scale=lambda t: Scale(
            words=("good", "degraded", "critical"),
            good=t.wer_good_ratio,
            critical=t.wer_critical_ratio,
            points=(t.points_wer_degraded, t.points_wer_critical),
        ),
        show=lambda value: f"WER {value:.1%}".replace("%", " %"),
    ),
    Core(
        metric="ttft_ms",
        stage="llm",
        read=lambda parts: parts.llm.ttft_ms if parts.llm else None,
        scale=lambda t: Scale(
            words=("good", "high", "critical"),
            good=t.ttft_good_ms,
            critical=t.ttft_critical_ms,
            points=(t.points_ttft_high, t.points_ttft_critical),
        ),
        show=lambda value: f"TTFT {value:,.0f} ms",
    ),
)


def scale_of(metric: str, limits: Thresholds) -> Scale:
    """Return the scale of a core metric."""
    return next(core.scale(limits) for core in CORE if core.metric == metric)


def yield_scale(limits: Thresholds) -> Scale:
    """Return the bands of the yield to a barge-in, which costs no points."""
    words = ("good", "warning", "critical")
    return Scale(words=words, good=limits.yield_good_ms, critical=limits.yield_critical_ms)


def dead_air_scale(limits: Thresholds) -> Scale:
    """Return the bands of dead air in seconds; silence of a limit's length is over it already."""
    return Scale(
        words=("good", "warning", "critical"),
        good=_just_below(limits.dead_air_warning_s),
        critical=_just_below(limits.dead_air_critical_s),
    )


def _just_below(value: float) -> float:
    return math.nextafter(value, -math.inf)
