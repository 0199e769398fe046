"""How long a recogniser needs after the end of speech: the pipeline's part that is its own.

The silence that an endpointer waits for is a part of its own and is never in here: what a replay
waited for is taken off, and of a log, which holds the wait of the pipeline that wrote it, only what
goes beyond the wait that is set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from echotrace.aggregator.sent_audio import heard_by
from echotrace.model.measure import Measurement, Status
from echotrace.stats.percentiles import counted
from echotrace.stats.quantiles import quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.aggregator.parts import Parts
    from echotrace.model.transcription import StreamedUtterance, Streaming, SttTiming, Transcription

__all__ = ["AfterSpeech", "after_speech"]

_LOGGED: Final = (
    "the log's times hold its pipeline's own wait, so that only what goes beyond "
    "pipeline.endpointing_wait_ms counts"
)
_STARTS_LATE: Final = "the engine is taken to start when an utterance is over"


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterSpeech:
    """Times in ms, rising, one per utterance; ``ms`` is their median, or says why there are none.

    ``engine`` is None when nobody transcribed.
    """

    engine: str | None
    ms: Measurement
    values_ms: tuple[float, ...] = ()


def after_speech(parts: Parts) -> AfterSpeech:
    """Return the time from the moment an utterance is taken as ended to its final text.

    It is that of the streamed utterances where there are any: the final text's time after the end
    of speech less the silence that was waited for before it was asked for. A log does not tell what
    its pipeline waited for; there the set wait is taken off, so that wait and transcription
    together are the longer of the set wait and the logged time.

    Otherwise an engine that reads whole recordings is taken to start when an utterance is over,
    which is an estimate. One that always computes whole windows needs the time of the windows that
    the utterance fills or begins; any other is taken to need as long for a second of speech as it
    needed for those of the recording, whose silence it did not hear.
    """
    text = parts.transcription
    if text is None:
        return AfterSpeech(engine=None, ms=_no_transcript(parts))
    if text.streaming is not None:
        wait_ms = parts.settings.pipeline.endpointing_wait_ms
        found = _streamed(text.engine, text.streaming, wait_ms)
        if found is not None:
            return found
    inference = text.timing.inference_ms if text.timing else None
    if text.timing is None or inference is None or inference.value is None:
        why = (
            inference.reason if inference else "the transcript was brought along, without its times"
        )
        return AfterSpeech(engine=text.engine, ms=Measurement.not_measurable("ms", str(why)))
    lengths_s = _utterances_s(parts)
    if not lengths_s:
        why = "no utterance of the caller is known, and so not how long one is"
        return AfterSpeech(engine=text.engine, ms=Measurement.not_measurable("ms", why))
    of = f"median of {counted(len(lengths_s), 'utterance')} of the caller"
    found = _by_windows(text.engine, text.timing, lengths_s, of)
    return found or _by_speech(parts, text, inference.value, lengths_s, of)


def _streamed(engine: str, streaming: Streaming, set_wait_ms: float) -> AfterSpeech | None:
    """Return the times of the utterances; a text that was final before it was due costs no wait."""
    final_ms = streaming.final_ms
    timed = [item for item in streaming.utterances if item.final_ms is not None]
    if not timed or not final_ms.status.has_value:
        return None
    values_ms = sorted(_since_asked_ms(item, set_wait_ms) for item in timed)
    is_log = any(item.endpoint_wait_ms is None for item in timed)
    waited = "the wait that is set" if is_log else "the silence before it was asked for"
    is_doubted = is_log and final_ms.status is Status.MEASURED
    figure = Measurement(
        unit="ms",
        status=Status.ESTIMATED if is_doubted else final_ms.status,
        value=round(quantile(values_ms, 0.5), 1),
        reason=_LOGGED if is_doubted else final_ms.reason,
        method=f"end of speech to final text less {waited}, {streaming.method}",
        n=len(values_ms),
    )
    return AfterSpeech(engine=engine, ms=figure, values_ms=tuple(values_ms))


def _since_asked_ms(item: StreamedUtterance, set_wait_ms: float) -> float:
    waited_ms = set_wait_ms if item.endpoint_wait_ms is None else item.endpoint_wait_ms
    return max(0.0, (item.final_ms or 0.0) - waited_ms)


def _by_windows(
    engine: str, timing: SttTiming, lengths_s: Sequence[float], of: str
) -> AfterSpeech | None:
    """Return the times of an engine whose windows cost the same whatever they hold."""
    factor = timing.rtf_window.value if timing.rtf_window else None
    if factor is None or not timing.window_s:
        return None
    window_ms = factor * timing.window_s * 1000.0
    return _estimate(
        engine,
        [math.ceil(length_s / timing.window_s) * window_ms for length_s in lengths_s],
        reason=_STARTS_LATE,
        method=f"{window_ms:,.0f} ms for each window of {timing.window_s:g} s, as many as an "
        f"utterance fills or begins; {of}",
    )


def _by_speech(
    parts: Parts, text: Transcription, inference_ms: float, lengths_s: Sequence[float], of: str
) -> AfterSpeech:
    speech_s = _speech_s(parts, text)
    if speech_s <= 0.0:
        why = "how much speech the engine heard is not known"
        return AfterSpeech(engine=text.engine, ms=Measurement.not_measurable("ms", why))
    reason = _STARTS_LATE
    if any(engine.stage == "transcription" and engine.is_service for engine in heard_by(parts)):
        reason += "; what every request takes, however short, is spread over the recording"
    per_s = inference_ms / speech_s
    return _estimate(
        text.engine,
        [length_s * per_s for length_s in lengths_s],
        reason=reason,
        method=f"{per_s:,.0f} ms of inference for each of {speech_s:.1f} s of speech, times an "
        f"utterance's length; {of}",
    )


def _estimate(engine: str, values_ms: Sequence[float], *, reason: str, method: str) -> AfterSpeech:
    figure = Measurement.estimated(
        round(quantile(values_ms, 0.5), 1), "ms", reason=reason, method=method, n=len(values_ms)
    )
    return AfterSpeech(engine=engine, ms=figure, values_ms=tuple(sorted(values_ms)))


def _speech_s(parts: Parts, text: Transcription) -> float:
    """Return the speech on the transcribed channel in s: as detected, as talked, or as written."""
    channels = parts.signal.channels if parts.signal else ()
    detected = (
        span for item in channels if item.index == text.channel_index for span in item.segments
    )
    talks = parts.conversation.summary.channels if parts.conversation else ()
    lines = (item for item in text.dialogue if item.channel_index == text.channel_index)
    return (
        sum(span.end_s - span.start_s for span in detected)
        or sum(item.talk_s.value or 0.0 for item in talks if item.index == text.channel_index)
        or sum(line.end_s - line.start_s for line in lines)
    )


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
