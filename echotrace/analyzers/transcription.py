"""The transcription audit: what a recogniser heard, against what was said.

Audited is the user's own transcript, an engine, or the default engine; the reference is what the
user says was spoken, or what a gold engine hears. Without either the error rates are not measurable
and say what to pass.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from echotrace.audio.vad import SpeechSpan, speech_mask, speech_spans
from echotrace.errors import MissingDependencyError
from echotrace.model.measure import Finding, Measurement, Severity
from echotrace.model.outcome import Inputs, Outcome
from echotrace.model.report import ChannelTranscript, SttTiming, Transcription
from echotrace.providers.stt.base import SttEngine, Transcript
from echotrace.providers.stt.choose import choose_engine, named_engine
from echotrace.providers.stt.pieces import cut_pieces
from echotrace.telemetry import timed
from echotrace.telemetry.ambient import CURRENT
from echotrace.telemetry.collector import ActiveSpan
from echotrace.text.compare import Comparison, compare, not_compared
from echotrace.text.transcript_file import read_transcript, within

if TYPE_CHECKING:
    from echotrace.audio.handle import Audio
    from echotrace.config.settings import Settings
    from echotrace.telemetry import TelemetryCollector

__all__ = ["TranscriptionAnalyzer"]

TimedSection = Callable[[], AbstractAsyncContextManager[Any]]

_NO_REFERENCE = "no reference: pass --reference TEXT, --reference-file FILE or --gold ENGINE"
_MAX_WORDS_PER_S = 7.0
"""Faster than anybody speaks: auctioneers and sports commentators reach about 6 words a second."""
_SPARE_WORDS = 5
_NOT_RUN = "no speech was found, so the engine was not run"
_STOP_WAIT_S = 2.0
_NO_INPUTS = Inputs()


class TranscriptionAnalyzer:
    """Transcribes the caller's channel and counts the errors; needs no other result.

    ``warm_up`` may be set to True by whoever measures engines: the first inference of a model is a
    little slower than the next, but a warm-up costs a whole window.
    """

    name = "transcription"
    requires: tuple[str, ...] = ()
    warm_up = False

    def __init__(self, collector: TelemetryCollector) -> None:
        self._collector = collector

    @staticmethod
    def preflight(settings: Settings) -> None:
        """Refuse an engine that cannot exist before the recording is opened.

        Raises:
            UsageError: an engine's name or a setting does not fit.
        """
        for name in (settings.stt.engine, settings.stt.gold):
            if name and name != "auto":
                with suppress(MissingDependencyError):  # costs the stage only, and is said there
                    named_engine(name, settings)

    @timed("stt_audit")
    async def analyze(
        self,
        audio_path: str,
        *,
        audio: Audio,
        settings: Settings,
        results: Mapping[str, Any] | None = None,
        inputs: Inputs = _NO_INPUTS,
        timed_section: TimedSection = nullcontext,
        **kwargs: Any,
    ) -> Outcome[Transcription]:
        """Transcribe, compare, report.

        Raises:
            InputError: the user's transcript cannot be used.
            MissingDependencyError: an engine that was named, or every engine, is missing or fails.
            UsageError: an engine's name or a setting does not fit.
        """
        del audio_path, results, kwargs
        asked_ns = perf_counter_ns()
        stop = threading.Event()
        async with timed_section():
            _mark_stage(queued_ms=round((perf_counter_ns() - asked_ns) / 1e6, 3))
            audit = _Audit(
                audio=audio,
                settings=settings,
                inputs=inputs,
                collector=self._collector,
                stop=stop,
                warm_up=self.warm_up,
            )
            work = asyncio.create_task(asyncio.to_thread(audit.run))
            try:
                outcome = await asyncio.shield(work)
            except asyncio.CancelledError:
                # The thread stops between two segments; until then it still reads the recording.
                stop.set()
                await asyncio.wait({work}, timeout=_STOP_WAIT_S)
                if not work.cancel() and not work.cancelled():
                    work.exception()  # that it was stopped is known; asyncio would log it as lost
                raise
        _mark_stage(engine=outcome.data.engine)
        return outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """A transcript of the scored channel, under audit or gold, and whose it is."""

    name: str
    note: str | None = None
    transcript: Transcript
    timing: SttTiming | None = None
    others: tuple[ChannelTranscript, ...] = ()


class _Audit:
    """One call of the analyzer, in a worker thread."""

    def __init__(
        self,
        *,
        audio: Audio,
        settings: Settings,
        inputs: Inputs,
        collector: TelemetryCollector,
        stop: threading.Event,
        warm_up: bool,
    ) -> None:
        self.audio = audio
        self.settings = settings
        self.inputs = inputs
        self.collector = collector
        self.stop = stop
        self.warm_up = warm_up
        self.duration_s = audio.duration_s or 0.0
        self.findings: list[Finding] = []

    def run(self) -> Outcome[Transcription]:
        """Find out what is missing first, then hear, then compare."""
        own = self._own_transcript()
        choice = None if own else choose_engine(self.settings, self.collector)
        gold_name = self.settings.stt.gold
        gold_engine = named_engine(gold_name, self.settings) if gold_name else None
        if choice is None:
            heard = own
        else:
            self.findings += choice.findings
            heard = self._hear(choice.engine, self._other_channels())
        assert heard is not None
        gold = self._hear(gold_engine, ()) if gold_engine else None
        if gold is not None or choice is not None:
            self._say_which_channel()
        return self._conclude(heard, gold, choice.doubt if choice else None)

    def _own_transcript(self) -> _Heard | None:
        path = self.inputs.transcript_path
        if path is None:
            return None
        file = read_transcript(path)
        source = self.audio.source
        begin_s, end_s = self._bounds()
        is_cut = source.start_s > 0 or source.end_s is not None
        file = within(file, begin_s=begin_s, end_s=end_s, is_cut=is_cut)
        self.findings += file.findings
        return _Heard(
            name=f"transcript:{file.name}",
            transcript=Transcript(text=file.text, words=file.words, segments=file.segments),
        )

    def _hear(self, engine: SttEngine, others: tuple[int, ...]) -> _Heard:
        """Let an engine hear the scored channel, and ``others`` after it."""
        scored = self.audio.scored_channel
        speech = {index: self._speech(index) for index in (scored, *others)}
        silent = Transcript(text="")
        if all(spans == [] for spans in speech.values()):
            return _Heard(
                name=engine.name,
                note=_notes(engine.note, _NOT_RUN),
                transcript=silent,
                timing=_timing(None, None, silent, self.duration_s),
            )
        try:
            load_ms = engine.load(self.collector)
            warm_up_ms = engine.warm_up(self.collector) if self.warm_up else None
            found = {
                index: silent if spans == [] else self._transcribe(engine, index, spans)
                for index, spans in speech.items()
            }
        finally:
            engine.close()
        self.findings += found[scored].findings
        return _Heard(
            name=engine.name,
            note=engine.note if speech[scored] != [] else _notes(engine.note, _NOT_RUN),
            transcript=found[scored],
            timing=_timing(load_ms, warm_up_ms, found[scored], self.duration_s),
            others=tuple(
                ChannelTranscript(
                    channel_index=self.audio.source.channels[index].index,
                    actual=found[index].text,
                    words=found[index].words,
                )
                for index in others
            ),
        )

    def _transcribe(
        self, engine: SttEngine, index: int, spans: list[SpeechSpan] | None
    ) -> Transcript:
        begin_s, end_s = self._bounds()
        pieces = cut_pieces(
            self.audio, index, begin_s=begin_s, end_s=end_s, limits=engine.limits, spans=spans
        )
        return engine.transcribe(pieces, self.collector, is_stopped=self.stop.is_set)

    def _speech(self, index: int) -> list[SpeechSpan] | None:
        """Return where a channel holds speech; None when nobody looked, [] when there is none."""
        if index >= len(self.audio.features):
            return None
        features = self.audio.features[index]
        mask = speech_mask(features.speech_probability)
        end_s = features.start_s + features.duration_s
        return list(speech_spans(mask, start_s=features.start_s, end_s=end_s))

    def _bounds(self) -> tuple[float, float]:
        begin_s = self.audio.source.start_s
        return begin_s, begin_s + self.duration_s

    def _caller_known(self) -> bool:
        return self.settings.audio.caller_channel is not None or self.audio.caller_known

    def _other_channels(self) -> tuple[int, ...]:
        if self._caller_known():
            return ()
        scored = self.audio.scored_channel
        return tuple(index for index in range(self.audio.channels) if index != scored)

    def _say_which_channel(self) -> None:
        others = [self.audio.source.channels[index].index for index in self._other_channels()]
        if not others:
            return
        scored = self.audio.source.channels[self.audio.scored_channel].index
        self.findings.append(
            Finding(
                code="CHANNEL_DEFAULT",
                severity=Severity.INFO,
                message=f"which channel the caller is on is not known: channel {scored} is scored",
                hint=f"--caller-channel {others[0]}",
            )
        )

    def _conclude(
        self, heard: _Heard, gold: _Heard | None, doubt: str | None
    ) -> Outcome[Transcription]:
        text = gold_source = None
        if self.inputs.reference is not None:
            text, gold_source = _storable(self.inputs.reference), "reference"
        elif gold is not None:
            text, gold_source = gold.transcript.text, f"engine:{gold.name}"
            if gold.note is not None:
                doubt = doubt or f"the gold transcript is {gold.name}'s ({gold.note})"
            if gold.name == heard.name:
                self.findings.append(_same_engine(gold.name))
        actual = _storable(heard.transcript.text)
        compared = not_compared(_NO_REFERENCE)
        if text is not None:
            language = self.settings.stt.language
            if language == "auto":
                language = heard.transcript.language or "en"
            with self.collector.span("word_alignment"):
                compared = compare(text, actual, language=language, doubt=doubt)
            if gold_source == "reference":
                self.findings += _mismatch(text, compared, self.duration_s)
        data = Transcription(
            engine=heard.name,
            engine_note=heard.note,
            channel_index=self.audio.source.channels[self.audio.scored_channel].index,
            actual=actual,
            gold_source=gold_source,
            gold=text,
            gold_engine_transcript=(
                gold.transcript.text if gold is not None and gold_source == "reference" else None
            ),
            wer=compared.wer,
            cer=compared.cer,
            mer=compared.mer,
            wil=compared.wil,
            wer_raw=compared.wer_raw,
            normalizer=compared.normalizer,
            counts=compared.counts,
            hallucinated_words=compared.hallucinated_words,
            diff=compared.diff,
            words=heard.transcript.words,
            segments=heard.transcript.segments,
            timing=heard.timing,
            gold_timing=gold.timing if gold is not None else None,
            other_channels=heard.others,
        )
        return Outcome(data, tuple(self.findings))


def _timing(
    load_ms: float | None, warm_up_ms: float | None, transcript: Transcript, duration_s: float
) -> SttTiming:
    """Split an engine's time; of None for ``load_ms`` the engine did not run at all."""
    if not transcript.audio_s:
        return SttTiming(
            model_load_ms=Measurement.not_run("ms", _NOT_RUN)
            if load_ms is None
            else Measurement.measured(load_ms, "ms", n=1),
            inference_ms=Measurement.not_run("ms", _NOT_RUN),
            rtf=Measurement.not_run("ratio", _NOT_RUN),
        )
    assert load_ms is not None
    return SttTiming(
        model_load_ms=Measurement.measured(load_ms, "ms", method="cold, in this run", n=1),
        warm_up_ms=None if warm_up_ms is None else Measurement.measured(warm_up_ms, "ms", n=1),
        inference_ms=Measurement.measured(
            transcript.inference_ms,
            "ms",
            method=f"{transcript.audio_s:.1f} s of speech; reading the recording left out",
            n=1,
        ),
        rtf=Measurement.measured(
            transcript.inference_ms / 1e3 / duration_s,
            "ratio",
            method="inference time / time of the recording",
            n=1,
        ),
    )


def _mismatch(reference: str, compared: Comparison, duration_s: float) -> list[Finding]:
    words = compared.counts.reference_words if compared.counts else len(reference.split())
    if words <= _MAX_WORDS_PER_S * duration_s + _SPARE_WORDS:
        return []
    return [
        Finding(
            code="REFERENCE_MISMATCH",
            severity=Severity.WARNING,
            message=f"the reference has {words:,} words, more than anybody says in "
            f"{duration_s:.1f} s",
            hint="check that it belongs to this recording, and to this part of it",
        )
    ]


def _same_engine(name: str) -> Finding:
    return Finding(
        code="GOLD_SAME_ENGINE",
        severity=Severity.WARNING,
        message=f"{name} is compared with itself, which shows nothing",
        hint="--gold takes a better engine than --stt",
    )


def _notes(*notes: str | None) -> str:
    return "; ".join(note for note in notes if note)


def _storable(text: str) -> str:
    """Return text that can be written as UTF-8, half a surrogate pair as its escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _mark_stage(**attributes: Any) -> None:
    """Set attributes on the span of the analyzer, where one is open."""
    span = CURRENT.get()
    if isinstance(span, ActiveSpan):
        span.set(**attributes)
