"""PocketSphinx 5 with the model inside its wheel: the engine that needs no download.

Its accuracy is low (a WER of 0.3 on clean read speech, worse in noise), and it is labelled so
wherever it appears. It works in a process of its own; see ``sphinx_worker``.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from importlib.util import find_spec
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from echotrace.errors import MissingDependencyError, UsageError
from echotrace.model.report import TranscriptSegment, Word
from echotrace.providers.stt.base import (
    IsStopped,
    Transcript,
    join_texts,
    never_stopped,
)
from echotrace.providers.stt.pieces import Joined, Piece, PieceLimits
from echotrace.providers.stt.sphinx_process import SphinxProcess, pcm16

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray
    from typing_extensions import Self

    from echotrace.config.settings import Settings
    from echotrace.model.measure import JsonValue
    from echotrace.providers.stt.streaming import Stream
    from echotrace.telemetry import TelemetryCollector

__all__ = ["SphinxEngine"]


class SphinxEngine(SphinxProcess):
    """PocketSphinx with its bundled US English model; English only."""

    name = "sphinx"
    note: str | None = "embedded, low accuracy"
    limits = PieceLimits(max_s=30.0, pad_s=0.2)
    sent_to: str | None = None
    times_by_attention = False

    def __init__(self, *, language: str = "en") -> None:
        super().__init__()
        self._language = language

    @classmethod
    def create(cls, model: str | None, settings: Settings) -> Self:
        """Make the engine; it has one model, so it can be given none."""
        if model is not None:
            raise UsageError("sphinx takes no model", hint="--stt sphinx", code="UNKNOWN_MODEL")
        return cls(language=settings.stt.language)

    def identity(self) -> Mapping[str, JsonValue]:
        """Return the package's version, for the model is in it, and how audio is cut."""
        return {
            "pocketsphinx": version("pocketsphinx"),
            "pieces": [self.limits.max_s, self.limits.pad_s, self.limits.search_s],
        }

    def check(self) -> None:
        """Raise now if the package is missing or the language is not English."""
        if self._language not in ("en", "auto") and not self._language.startswith(("en-", "en_")):
            raise UsageError(
                f"the embedded engine knows English only, and stt.language is {self._language!r}",
                hint="--stt faster-whisper:tiny",
                code="SPHINX_LANGUAGE",
            )
        if find_spec("pocketsphinx") is None:
            raise MissingDependencyError(
                "the embedded engine sphinx is not installed",
                why="pocketsphinx has no wheel for Python 3.14 yet"
                if sys.version_info >= (3, 14)
                else "the package pocketsphinx is missing",
                hint="pip install pocketsphinx, or --stt faster-whisper:tiny",
                code="SPHINX_MISSING",
            )

    def load(self, collector: TelemetryCollector) -> float:
        """Start the process and load the model in it; see ``SttEngine``."""
        self.check()
        self.close()
        with collector.span("model_load", engine=self.name) as span:
            begun_ns = perf_counter_ns()
            reply = self.start()
            span.set(process_cpu_ms=round(reply["cpu_ns"] / 1e6, 3))
            return (perf_counter_ns() - begun_ns) / 1e6

    def warm_up(self, collector: TelemetryCollector) -> float:
        """Decode half a second of silence."""
        with collector.span("warm_up", engine=self.name):
            begun_ns = perf_counter_ns()
            self.ask(bytes(16_000))
            return (perf_counter_ns() - begun_ns) / 1e6

    def open_stream(self, is_stopped: IsStopped = never_stopped) -> Stream:
        """Begin an utterance that comes chunk by chunk; one at a time, finished before another."""
        return _SphinxStream(self, is_stopped)

    def transcribe(
        self,
        pieces: Iterable[Piece],
        collector: TelemetryCollector,
        *,
        is_stopped: IsStopped = never_stopped,
    ) -> Transcript:
        """Transcribe piece by piece, each as one utterance; see ``SttEngine``.

        A span's CPU time is that of the engine's process.
        """
        words: list[Word] = []
        segments: list[TranscriptSegment] = []
        audio_s = inference_ms = 0.0
        for piece in pieces:
            joined = piece.read()
            reply = self.ask(pcm16(joined.samples), is_stopped=is_stopped)
            collector.record(
                "inference",
                start_ns=reply["start_ns"],
                end_ns=reply["end_ns"],
                cpu_ns=reply["cpu_ns"],
                engine=self.name,
                audio_s=round(joined.duration_s, 3),
                vad="signal" if piece.speech_bounded else None,
            )
            inference_ms += (reply["end_ns"] - reply["start_ns"]) / 1e6
            audio_s += joined.duration_s
            heard = _words(reply["words"], joined)
            for index in sorted({span for span, _ in heard}):
                of_span = [word for span, word in heard if span == index]
                words += of_span
                segments.append(
                    TranscriptSegment(
                        text=join_texts(word.text for word in of_span),
                        start_s=of_span[0].start_s,
                        end_s=of_span[-1].end_s,
                    )
                )
        return Transcript(
            text=join_texts(word.text for word in words),
            words=tuple(words),
            segments=tuple(segments),
            audio_s=audio_s,
            inference_ms=inference_ms,
            language="en",
        )


class _SphinxStream:
    """One utterance, chunk by chunk; the recogniser keeps its state between chunks."""

    def __init__(self, engine: SphinxEngine, is_stopped: IsStopped) -> None:
        self._engine = engine
        self._is_stopped = is_stopped
        self.cpu_ns = 0
        self._ask("start")

    def feed(self, samples: NDArray[Any]) -> str:
        return self._ask("feed", pcm16(samples))

    def finish(self) -> str:
        return self._ask("finish")

    def _ask(self, kind: str, samples: bytes = b"") -> str:
        reply = self._engine.ask(samples, kind=kind, is_stopped=self._is_stopped)
        self.cpu_ns += reply["cpu_ns"]
        return str(reply["text"])


def _words(found: list[list[Any]], joined: Joined) -> list[tuple[int, Word]]:
    """Return the words with the index of the span that each is from."""
    heard = []
    for text, start, end, probability in found:
        start_s, end_s = joined.on_recording(start, end)
        word = Word(text=text, start_s=start_s, end_s=end_s, probability=probability)
        heard.append((joined.span_at(start, end), word))
    return heard
