"""The score: 100 less deductions that explain themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echotrace.aggregator.scales import CORE, Core, Scale, dead_air_scale
from echotrace.model.measure import Status
from echotrace.model.report import Deduction, NotScored, Score, Transcription

if TYPE_CHECKING:
    from echotrace.aggregator.parts import Parts
    from echotrace.config.thresholds import Thresholds
    from echotrace.model.conversation import Conversation, Incident
    from echotrace.model.measure import Measurement

__all__ = ["score"]


def score(parts: Parts) -> Score:
    """Take points off for each core metric of the stages that were asked for, by the one table."""
    limits = parts.settings.thresholds
    deductions: list[Deduction] = []
    not_scored: list[NotScored] = []
    scored = 0
    for core in CORE:
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
            which = core.which(parts)
            deductions += _deduction(core, core.scale(limits), figure.value, figure.unit, which)
    if not scored:
        return Score(
            value=None,
            grade=None,
            status="not_measurable",
            not_scored=tuple(not_scored),
            profile=parts.settings.profile,
        )
    deductions += _slow_stt(parts.transcription, limits)
    deductions += _dead_air(parts.conversation, limits)
    value = max(0.0, 100.0 - sum(item.points for item in deductions))
    return Score(
        value=value,
        grade=_grade(value, limits),
        status="partial" if not_scored else "complete",
        deductions=tuple(deductions),
        not_scored=tuple(not_scored),
        profile=parts.settings.profile,
    )


def _deduction(core: Core, scale: Scale, value: float, unit: str, which: str) -> list[Deduction]:
    band = scale.band(value)
    points = (0.0, *scale.points)[band]
    if not points:
        return []
    limit = scale.good if band == 1 else scale.critical
    side = "below" if scale.higher_is_better else "above"
    word = scale.words[band]
    is_word = {"warning": "slow"}.get(word, word)
    return [
        Deduction(
            metric=core.metric,
            value=value,
            unit=unit,
            band=word,
            points=points,
            message=f"{core.show(value)}{which} is {is_word}: {side} {core.show(limit)}",
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


def _dead_air(conversation: Conversation | None, limits: Thresholds) -> list[Deduction]:
    """Take points off once for the longest silence that is sure to be dead air.

    An estimate counts too, by the low end of its interval: a wide one may hide that a silence was
    even longer, but not that it was there.
    """
    if conversation is None or not limits.points_dead_air:
        return []
    scale = dead_air_scale(limits)
    silences = [conversation.summary.dead_air_s]
    silences += [_in_s(item.duration_ms) for item in conversation.incidents if _is_dead_air(item)]
    sure = [item for item in silences if scale.band(_least(item))]
    if not sure:
        return []
    longest = max(sure, key=lambda item: item.value or 0.0)
    value_s = longest.value or 0.0
    return [
        Deduction(
            metric="dead_air_s",
            value=value_s,
            unit=longest.unit,
            band=scale.words[scale.band(_least(longest))],
            points=limits.points_dead_air,
            message=f"nobody is heard for {value_s:.1f} s",
        )
    ]


def _is_dead_air(incident: Incident) -> bool:
    return incident.type == "dead_air"


def _least(silence: Measurement) -> float:
    """The length of a measured silence, of an estimated one its low end; 0 where none counts."""
    if silence.value is None or silence.status is Status.SIMULATED:
        return 0.0
    vague = silence.status is Status.ESTIMATED and silence.low is not None
    return silence.low or 0.0 if vague else silence.value


def _in_s(duration: Measurement) -> Measurement:
    value_s, low_s = (
        None if one is None else round(one / 1000.0, 4) for one in (duration.value, duration.low)
    )
    return replace(duration, value=value_s, low=low_s, high=None, unit="s")


def _grade(value: float, limits: Thresholds) -> str:
    if value >= limits.grade_healthy:
        return "healthy"
    return "warning" if value >= limits.grade_warning else "critical"
