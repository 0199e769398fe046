"""Adds to each figure the word of its band."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from echotrace.aggregator.scales import Scale, dead_air_scale, scale_of, yield_scale
from echotrace.model.measure import Measurement, Severity, Status

if TYPE_CHECKING:
    from echotrace.config.thresholds import Thresholds
    from echotrace.model.conversation import Conversation, Percentiles, Turn
    from echotrace.model.report import LlmProbe, Pipeline, Signal, Transcription

__all__ = [
    "band_conversation",
    "band_llm",
    "band_pipeline",
    "band_signal",
    "band_transcription",
]

EARLY_MS: Final = -100.0
"""An answer that begins this early, or earlier, is an early start."""
_RANKS: Final = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


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
    severities = {
        item.turn_id: item.severity for item in heard.incidents if item.type == "barge_in"
    }
    turns = tuple(_band_turn(turn, gap, yielded, severities.get(turn.id)) for turn in heard.turns)
    summary = heard.summary
    yields = _band_all(summary.yield_ms, yielded)
    slowest = yields.worst.value
    of_turns = [turn.yield_ms for turn in turns if turn.yield_ms and slowest is not None]
    band = next((item.band for item in of_turns if item.value == slowest), yields.worst.band)
    return replace(
        heard,
        turns=turns,
        summary=replace(
            summary,
            heard_gap_ms=_band_gaps(summary.heard_gap_ms, gap),
            yield_ms=replace(yields, worst=replace(yields.worst, band=band)),
            first_heard_gap_ms=_band_gap(summary.first_heard_gap_ms, gap),
            dead_air_s=_band_dead_air(summary.dead_air_s, dead_air_scale(limits)),
        ),
    )


def band_transcription(result: Transcription | None, limits: Thresholds) -> Transcription | None:
    """Band the word error rate, which has no word where the character error rate leads."""
    if result is None or result.rate != "wer":
        return result
    return replace(result, wer=_banded(result.wer, scale_of("wer", limits)))


def band_llm(probe: LlmProbe, limits: Thresholds) -> LlmProbe:
    """Band the time to first token."""
    return replace(probe, ttft_ms=_banded(probe.ttft_ms, scale_of("ttft_ms", limits)))


def band_pipeline(estimate: Pipeline | None, limits: Thresholds) -> Pipeline | None:
    """Band the estimated wait as the heard gap that it stands for.

    A total that leaves parts out has a word only where it is critical already.
    """
    if estimate is None:
        return None
    scale = scale_of("heard_gap_ms", limits)
    total = _banded(estimate.total_ms, scale)
    if estimate.missing and total.band != scale.words[2]:
        total = estimate.total_ms
    return replace(estimate, total_ms=total)


def _band_turn(turn: Turn, gap: Scale, yielded: Scale, severity: Severity | None) -> Turn:
    """Band a turn; its yield gets the word of the barge-in, which knows how sure the yield is."""
    slow = _banded(turn.yield_ms, yielded) if turn.yield_ms else None
    if slow is not None and slow.band is not None and severity is not None:
        slow = replace(slow, band=yielded.words[_RANKS[severity]])
    return replace(turn, heard_gap_ms=_band_gap(turn.heard_gap_ms, gap), yield_ms=slow)


def _band_gap(figure: Measurement, scale: Scale) -> Measurement:
    """Band a gap; that of an early start has no word, since to interrupt is not a good answer."""
    if figure.value is not None and figure.value <= EARLY_MS:
        return replace(figure, band=None)
    return _banded(figure, scale)


def _band_gaps(figures: Percentiles, scale: Scale) -> Percentiles:
    return replace(
        figures,
        p50=_band_gap(figures.p50, scale),
        p95=_band_gap(figures.p95, scale),
        p99=_band_gap(figures.p99, scale),
        worst=_band_gap(figures.worst, scale),
    )


def _band_dead_air(figure: Measurement, scale: Scale) -> Measurement:
    """Band dead air as its incident is judged: critical only where even the low end is."""
    banded = _banded(figure, scale)
    if banded.band == scale.words[2] and figure.low is not None and scale.band(figure.low) < 2:
        return replace(banded, band=scale.words[1])
    return banded


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
