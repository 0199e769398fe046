"""How long a recogniser needs after the end of speech: the pipeline's part that is its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.model.measure import Measurement, Status
from echotrace.stats.percentiles import counted
from echotrace.stats.quantiles import quantile

if TYPE_CHECKING:
    from echotrace.aggregator.parts import Parts
    from echotrace.model.transcription import Streaming

__all__ = ["AfterSpeech", "after_speech"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterSpeech:
    """Times in ms, rising, one per utterance; ``ms`` is their median, or says why there are none.

    ``engine`` is None when nobody transcribed.
    """

    engine: str | None
    ms: Measurement
    values_ms: tuple[float, ...] = ()


def after_speech(parts: Parts) -> AfterSpeech:
    """Return the time from the end of an utterance to its final text.

    It is that of the streamed utterances where there are any. Otherwise an engine that reads whole
    recordings is taken to start when an utterance is over: its real-time factor times the median
    length of the caller's utterances, which is an estimate.
    """
    text = parts.transcription
    if text is None:
        return AfterSpeech(engine=None, ms=_no_transcript(parts))
    if text.streaming is not None:
        found = _streamed(text.engine, text.streaming)
        if found is not None:
            return found
    rtf = text.timing.rtf if text.timing else None
    if rtf is None or rtf.value is None:
        why = rtf.reason if rtf else "the transcript was brought along, without its times"
        return AfterSpeech(engine=text.engine, ms=Measurement.not_measurable("ms", str(why)))
    lengths_s = _utterances_s(parts)
    if not lengths_s:
        why = "no utterance of the caller is known, and so not how long one is"
        return AfterSpeech(engine=text.engine, ms=Measurement.not_measurable("ms", why))
    median_s = quantile(lengths_s, 0.5)
    value_ms = round(rtf.value * median_s * 1000.0, 1)
    figure = Measurement.estimated(
        value_ms,
        "ms",
        reason="the engine is taken to start when an utterance is over",
        method=f"real-time factor {rtf.value:.3g} times {median_s:.1f} s, the median of "
        f"{counted(len(lengths_s), 'utterance')} of the caller",
    )
    return AfterSpeech(engine=text.engine, ms=figure, values_ms=(value_ms,))


def _streamed(engine: str, streaming: Streaming) -> AfterSpeech | None:
    """Return the times of the utterances; a text that was final before their end costs no wait."""
    final_ms = streaming.final_ms
    values_ms = tuple(
        sorted(
            max(0.0, item.final_ms) for item in streaming.utterances if item.final_ms is not None
        )
    )
    if not values_ms or not final_ms.status.has_value:
        return None
    figure = Measurement(
        unit="ms",
        status=final_ms.status,
        value=round(quantile(values_ms, 0.5), 1),
        reason=final_ms.reason,
        method=f"end of speech to final text, {streaming.method}",
        n=len(values_ms),
    )
    return AfterSpeech(engine=engine, ms=figure, values_ms=values_ms)


def _utterances_s(parts: Parts) -> list[float]:
    """Return the lengths of the caller's utterances in s, from the turns or else the dialogue."""
    turns = parts.conversation.turns if parts.conversation else ()
    heard = [turn.user.end_s - turn.user.start_s for turn in turns if turn.user]
    if not heard and parts.transcription is not None:
        dialogue = parts.transcription.dialogue
        heard = [item.end_s - item.start_s for item in dialogue if item.role == "caller"]
    return [length_s for length_s in heard if length_s > 0.0]


def _no_transcript(parts: Parts) -> Measurement:
    entry = parts.analyzers.get("transcription")
    if entry is not None and entry.status == "unavailable":
        return Measurement.unavailable("ms", entry.reason or "the transcription failed")
    return Measurement(unit="ms", status=Status.NOT_RUN, reason="no transcript was asked for")
