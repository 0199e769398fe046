"""Adds to each figure the word of its band."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echotrace.aggregator.scales import Scale, dead_air_scale, scale_of, yield_scale
from echotrace.model.measure import Measurement, Status

if TYPE_CHECKING:
    from echotrace.config.thresholds import Thresholds
    from echotrace.model.conversation import Conversation, Percentiles, Turn
    from echotrace.model.report import LlmProbe, Signal, Transcription

__all__ = ["band_conversation", "band_llm", "band_signal", "band_transcription"]


def band_signal(signal: Signal | None, limits: Thresholds) -> Signal | None:
    """Band the SNR of every channel and segment."""
    if signal is None:
        return None
    scale = scale_of("snr_db", limits)
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


def band_conversation(heard: Conversation | None, limits: Thresholds) -> Conversation | None:
    """Band the gap and the yield of every turn, their percentiles, and the dead air."""
    if heard is None:
        return None
    gap, yielded = scale_of("heard_gap_ms", limits), yield_scale(limits)
    summary = heard.summary
    return replace(
        heard,
        turns=tuple(_band_turn(turn, gap, yielded) for turn in heard.turns),
        summary=replace(
            summary,
            heard_gap_ms=_band_all(summary.heard_gap_ms, gap),
            yield_ms=_band_all(summary.yield_ms, yielded),
            first_heard_gap_ms=_banded(summary.first_heard_gap_ms, gap),
            dead_air_s=_banded(summary.dead_air_s, dead_air_scale(limits)),
        ),
    )


def band_transcription(result: Transcription | None, limits: Thresholds) -> Transcription | None:
    """Band the word error rate."""
    return replace(result, wer=_banded(result.wer, scale_of("wer", limits))) if result else None


def band_llm(probe: LlmProbe, limits: Thresholds) -> LlmProbe:
    """Band the time to first token."""
    return replace(probe, ttft_ms=_banded(probe.ttft_ms, scale_of("ttft_ms", limits)))


def _band_turn(turn: Turn, gap: Scale, yielded: Scale) -> Turn:
    return replace(
        turn,
        heard_gap_ms=_banded(turn.heard_gap_ms, gap),
        yield_ms=_banded(turn.yield_ms, yielded) if turn.yield_ms else None,
    )


def _band_all(figures: Percentiles, scale: Scale) -> Percentiles:
    return replace(
        figures,
        p50=_banded(figures.p50, scale),
        p95=_banded(figures.p95, scale),
        p99=_banded(figures.p99, scale),
        worst=_banded(figures.worst, scale),
    )


def _banded(figure: Measurement, scale: Scale) -> Measurement:
    """Add the band's word; a simulated figure has none, since it is neither good nor bad."""
    if figure.value is None or figure.status is Status.SIMULATED:
        return figure
    return replace(figure, band=scale.words[scale.band(figure.value)])
