"""Probes, transcripts and calls made of a few times, and the estimate of what they add up to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from echotrace.aggregator import Parts
from echotrace.aggregator.pipeline import pipeline
from echotrace.config.settings import PipelineSettings, Settings
from echotrace.model.conversation import Conversation, Turn, TurnSide
from echotrace.model.measure import Measurement, Status
from echotrace.model.probes import LlmProbe, LlmSample, TtsProbe, TtsSample
from echotrace.model.report import Source, StreamedUtterance, Streaming, SttTiming, Transcription
from echotrace.model.signal import Signal, SpeechSegment
from tests.fakes.reports import call_report, complete_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.pipeline import Pipeline, PipelinePart

__all__ = ["MS", "call", "llm", "part", "run", "spoken", "text", "tts"]

MS = Measurement.measured(400.0, "ms")
_REPORT = complete_report()


def llm(
    *times_ms: tuple[float, float | None] | None,
    simulated: bool = False,
    sentences: Sequence[str] = (),
    **changes: Any,
) -> LlmProbe:
    """Each is (first answer token, whole sentence); None in place of one that failed."""
    samples = [LlmSample(index=0, cold=True, status="ok", start_ms=0, ttfat_ms=9e3)]
    for index, pair in enumerate(times_ms, start=1):
        first, sentence = pair or (None, None)
        samples.append(
            LlmSample(
                index=index,
                cold=False,
                status="ok" if pair else "failed",
                start_ms=0,
                ttfat_ms=first,
                first_sentence_ms=sentence,
                first_sentence=sentences[index - 1] if pair and sentences else None,
            )
        )
    figure = Measurement.simulated(4.0, "ms", reason="a mock") if simulated else MS
    values: dict[str, Any] = {
        "provider": "mock" if simulated else "groq",
        "model": None if simulated else "m",
        "simulated": simulated,
        "ttft_ms": figure,
        "warm_up_ms": figure,
        "total_ms": figure,
        "tokens_per_s": figure,
        "asked": len(times_ms),
        "samples": tuple(samples),
    }
    return LlmProbe(**(values | changes))


def tts(
    *times_ms: tuple[float, float | None] | None, texts: Sequence[str] = (), **changes: Any
) -> TtsProbe:
    """Each is (first byte, leading silence); None in place of one that failed.

    ``texts`` are first sentences of the language model; without them all speak a built-in text.
    """
    samples = [TtsSample(index=0, cold=True, status="ok", start_ms=0, ttfb_ms=9e3)]
    for index, pair in enumerate(times_ms, start=1):
        first, silence = pair or (None, None)
        samples.append(
            TtsSample(
                index=index,
                cold=False,
                status="ok" if pair else "failed",
                start_ms=0,
                text=texts[index - 1] if texts else "Hello.",
                ttfb_ms=first,
                leading_silence_ms=silence,
                ttfa_ms=None if first is None or silence is None else first + silence,
            )
        )
    values: dict[str, Any] = {
        "provider": "openai",
        "model": "tts-1",
        "voice": None,
        "ttfb_ms": MS,
        "leading_silence_ms": MS,
        "ttfa_ms": MS,
        "rtf": MS,
        "total_ms": MS,
        "warm_up_ms": MS,
        "asked": len(times_ms),
        "samples": tuple(samples),
        "text_source": "llm" if texts else "built-in",
    }
    return TtsProbe(**(values | changes))


def text(
    *,
    inference_ms: float | None = None,
    window_s: float | None = None,
    windows: int = 1,
    final_ms: Sequence[float] = (),
    waited_ms: float | None = 0.0,
    status: Status = Status.MEASURED,
    **changes: Any,
) -> Transcription:
    """A transcript of channel 0 with its engine's times, or with those of streamed utterances.

    ``waited_ms`` is the part of each of ``final_ms`` that an endpointer waited for; None makes them
    those of a log.
    """
    timing = streaming = None
    if inference_ms is not None:
        timing = SttTiming(inference_ms=Measurement.measured(inference_ms, "ms"))
    if timing and inference_ms is not None and window_s is not None:
        factor = inference_ms / 1e3 / (windows * window_s)
        timing = replace(
            timing,
            rtf_window=Measurement.measured(factor, "ratio"),
            windows=windows,
            window_s=window_s,
        )
    if final_ms:
        figure = Measurement(
            unit="ms",
            status=status,
            value=1.0 if status.has_value else None,
            reason=None if status is Status.MEASURED else "a replay",
        )
        ratio = Measurement.measured(0.0, "ratio")
        streaming = Streaming(
            source="sphinx",
            method="fed at the pace of speech",
            chunk_ms=None if waited_ms is None else 100.0,
            first_partial_ms=figure,
            final_ms=figure,
            rewritten_ratio=ratio,
            rewritten_per_character=ratio,
            utterances=tuple(
                StreamedUtterance(
                    start_s=0.0,
                    end_s=1.0,
                    text="x",
                    partials=1,
                    first_partial_ms=1.0,
                    final_ms=value,
                    words_shown=1,
                    words_rewritten=0,
                    characters_rewritten=0,
                    endpoint_wait_ms=waited_ms,
                )
                for value in final_ms
            ),
        )
    values: dict[str, Any] = {
        "engine": "sphinx",
        "channel_index": 0,
        "timing": timing,
        "streaming": streaming,
        "dialogue": (),
        "sent": (),
    }
    return replace(_REPORT.transcription, **(values | changes))


def spoken(*lengths_s: float, channel: int = 0) -> Signal:
    """Signal whose channel holds speech of these lengths."""
    assert _REPORT.signal is not None
    segments = tuple(
        SpeechSegment(start_s=100.0 * at, end_s=100.0 * at + length_s, snr_db=MS)
        for at, length_s in enumerate(lengths_s)
    )
    one = replace(_REPORT.signal.channels[0], index=channel, segments=segments)
    return replace(_REPORT.signal, channels=(one,), scored_channel=channel)


def call(*lengths_s: float) -> Conversation:
    """A call whose caller speaks so long in each turn; its channels have no figures of talk."""
    turns = tuple(
        Turn(
            id=index,
            kind="response",
            user=TurnSide(start_s=10.0 * index, end_s=10.0 * index + length_s),
            agent=None,
            heard_gap_ms=MS,
        )
        for index, length_s in enumerate(lengths_s)
    )
    heard = call_report().conversation
    assert heard is not None
    return replace(heard, turns=turns, summary=replace(heard.summary, channels=()))


def run(wait_ms: float = 500.0, **parts: Any) -> Pipeline | None:
    """Return the estimate of these parts."""
    values: dict[str, Any] = {
        "job_id": "job",
        "created_at": "2026-01-01T00:00:00+00:00",
        "source": Source(path="x.wav"),
        "stages": ("llm", "tts"),
        "settings": Settings(pipeline=PipelineSettings(endpointing_wait_ms=wait_ms)),
        "analyzers": {},
    }
    return pipeline(Parts(**(values | parts)))


def part(found: Pipeline, key: str) -> PipelinePart:
    """Return the part of this key."""
    return next(item for item in found.parts if item.key == key)
