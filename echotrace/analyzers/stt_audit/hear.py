"""Letting an engine hear the channels, or taking what it heard of the same audio before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from echotrace.analyzers.stt_audit.place import refine
from echotrace.analyzers.stt_audit.timing import NOT_RUN, engine_timing
from echotrace.audio.vad import SpeechSpan, speech_mask, speech_spans
from echotrace.cache import open_cache
from echotrace.model.report import SentAudio, Streaming, SttTiming
from echotrace.providers.stt.base import SttEngine, Transcript
from echotrace.providers.stt.cached import dump_transcript, load_transcript, transcript_key
from echotrace.providers.stt.kept import close_engine, load
from echotrace.providers.stt.pieces import Piece, cut_pieces

if TYPE_CHECKING:
    import threading

    from echotrace.audio.handle import Audio
    from echotrace.config.settings import Settings
    from echotrace.telemetry import TelemetryCollector

__all__ = ["Ear", "Heard"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A transcript of the scored channel, under audit or gold, and whose it is.

    ``others`` holds the other channels' by their row; ``cached_at`` is when a transcript that was
    taken from the cache was made.
    """

    name: str
    transcript: Transcript
    note: str | None = None
    timing: SttTiming | None = None
    others: dict[int, Transcript] = field(default_factory=dict)
    sent: tuple[SentAudio, ...] = ()
    streaming: Streaming | None = None
    cached_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Take:
    """One channel's transcript, how long the model took to load for it, and when it was made."""

    transcript: Transcript
    load_ms: float | None = None
    warm_up_ms: float | None = None
    made_at: str | None = None


class Ear:
    """Hears one recording through any engine; the stretches of speech are found once."""

    def __init__(
        self,
        audio: Audio,
        settings: Settings,
        collector: TelemetryCollector,
        stop: threading.Event,
    ) -> None:
        self._audio = audio
        self._settings = settings
        self._collector = collector
        self._stop = stop
        self._speech: dict[int, list[SpeechSpan] | None] = {}
        self.troubles: list[str] = []
        """Why transcripts could not be taken from the cache or kept in it."""

    def speech(self, row: int) -> list[SpeechSpan] | None:
        """Return where a channel holds speech; None when nobody looked, [] when there is none."""
        if row not in self._speech:
            self._speech[row] = self._find_speech(row)
        return self._speech[row]

    def hear(
        self,
        engine: SttEngine,
        others: tuple[int, ...] = (),
        *,
        streaming: bool = False,
    ) -> Heard:
        """Let an engine hear the scored channel and ``others`` after it.

        Raises:
            MissingDependencyError: the engine cannot be loaded or failed.
            ProviderError: the server that it asks failed.
        """
        scored = self._audio.scored_channel
        rows = [row for row in (scored, *others) if self.speech(row) != []]
        session = _Session(engine, self._collector, self._settings, self._stop)
        replayed = None
        try:
            takes = {row: session.take(self._pieces(engine, row)) for row in rows}
            if streaming and self.speech(scored):
                from echotrace.providers.stt.streaming import replay

                session.load()
                replayed = replay(
                    engine,
                    self._audio,
                    scored,
                    self.speech(scored) or [],
                    collector=self._collector,
                    is_stopped=self._stop.is_set,
                )
        except BaseException:
            session.close(failed=True)
            raise
        session.close()
        self.troubles += [told for told in session.troubles if told not in self.troubles]
        if getattr(engine, "times_by_attention", False):
            takes = {row: self._in_speech(row, take) for row, take in takes.items()}
        silent = _Take(transcript=Transcript(text=""))
        take = takes.get(scored, silent)
        timing = engine_timing(
            take.transcript,
            load_ms=take.load_ms,
            warm_up_ms=take.warm_up_ms,
            duration_s=self._audio.duration_s or 0.0,
            cached_at=take.made_at,
            sent_to=engine.sent_to,
        )
        notes = (engine.note, None if scored in takes else NOT_RUN)
        return Heard(
            name=engine.name,
            note="; ".join(note for note in notes if note) or None,
            transcript=take.transcript,
            timing=timing,
            others={row: takes.get(row, silent).transcript for row in others},
            sent=self._sent(engine, takes),
            streaming=replayed,
            cached_at=take.made_at,
        )

    def _in_speech(self, row: int, take: _Take) -> _Take:
        """Pull the words' times out of the silence around them, where the speech is known."""
        if row >= len(self._audio.features):
            return take
        words = refine(take.transcript.words, self._audio.features[row])
        return replace(take, transcript=replace(take.transcript, words=words))

    def _pieces(self, engine: SttEngine, row: int) -> list[Piece]:
        begin_s = self._audio.source.start_s
        return list(
            cut_pieces(
                self._audio,
                row,
                begin_s=begin_s,
                end_s=begin_s + (self._audio.duration_s or 0.0),
                limits=engine.limits,
                spans=self.speech(row),
            )
        )

    def _sent(self, engine: SttEngine, takes: dict[int, _Take]) -> tuple[SentAudio, ...]:
        if engine.sent_to is None:
            return ()
        return tuple(
            SentAudio(
                to=engine.sent_to,
                channel_index=self._audio.source.channels[row].index,
                audio_s=round(take.transcript.audio_s, 3),
                bytes=take.transcript.sent_bytes,
            )
            for row, take in takes.items()
            if take.made_at is None
        )

    def _find_speech(self, row: int) -> list[SpeechSpan] | None:
        if row >= len(self._audio.features):
            return None
        features = self._audio.features[row]
        mask = speech_mask(features.speech_probability)
        end_s = features.start_s + features.duration_s
        return list(speech_spans(mask, start_s=features.start_s, end_s=end_s))


class _Session:
    """One engine while it is in use: it is loaded for the first channel that the cache lacks.

    ``troubles`` are what the cache said: a run goes on without it.
    """

    def __init__(
        self,
        engine: SttEngine,
        collector: TelemetryCollector,
        settings: Settings,
        stop: threading.Event,
    ) -> None:
        self._engine = engine
        self._collector = collector
        self._stop = stop
        self._warm_up = settings.stt.warm_up
        self._loaded: _Take | None = None
        self.troubles: list[str] = []
        self._cache = open_cache(settings.cache, on_trouble=self.troubles.append)

    def load(self) -> _Take:
        """Load the engine once, and say how long that took."""
        if self._loaded is None:
            times = load(self._engine, self._collector, warm_up=self._warm_up)
            self._loaded = _Take(
                transcript=Transcript(text=""), load_ms=times.load_ms, warm_up_ms=times.warm_up_ms
            )
        return self._loaded

    def take(self, pieces: list[Piece]) -> _Take:
        """Transcribe one channel, or find what the same engine made of the same samples."""
        key = None
        if self._cache is not None:
            with self._collector.span("cache_lookup", engine=self._engine.name) as span:
                key = transcript_key(self._engine, pieces)
                found = self._cache.get(key)
                stored = load_transcript(found) if found is not None else None
                span.set(hit=stored is not None)
            if stored is not None:
                return _Take(
                    transcript=stored.transcript, load_ms=stored.load_ms, made_at=stored.made_at
                )
        loaded = self.load()
        transcript = self._engine.transcribe(pieces, self._collector, is_stopped=self._stop.is_set)
        if self._cache is not None and key is not None:
            made_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
            value = dump_transcript(transcript, load_ms=loaded.load_ms or 0.0, made_at=made_at)
            self._cache.put(key, value)
        return replace(loaded, transcript=transcript)

    def close(self, *, failed: bool = False) -> None:
        """Free the engine, unless it is kept for further recordings, and the cache."""
        close_engine(self._engine, failed=failed)
        if self._cache is not None:
            self._cache.close()
