"""PocketSphinx 5 with the model inside its wheel: the engine that needs no download.

Its accuracy is low (a WER of 0.3 on clean read speech, worse in noise), and it is labelled so
wherever it appears. It works in a process of its own; see ``sphinx_worker``.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from echotrace.errors import MissingDependencyError, UsageError
from echotrace.model.report import TranscriptSegment, Word
from echotrace.providers.stt.base import (
    IsStopped,
    SttStopped,
    Transcript,
    join_texts,
    never_stopped,
)
from echotrace.providers.stt.pieces import Joined, Piece, PieceLimits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from echotrace.telemetry import TelemetryCollector

__all__ = ["SphinxEngine"]

_WORKER: Final = Path(__file__).with_name("sphinx_worker.py")
_POLL_S: Final = 0.1


class SphinxEngine:
    """PocketSphinx with its bundled US English model; English only."""

    name = "sphinx"
    note: str | None = "embedded, low accuracy"
    limits = PieceLimits(max_s=30.0, pad_s=0.2)

    def __init__(self, *, language: str = "en") -> None:
        self._language = language
        self._process: subprocess.Popen[bytes] | None = None

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
            self._process = subprocess.Popen(
                [sys.executable, str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            reply = self._answer(never_stopped)
            span.set(process_cpu_ms=round(reply["cpu_ns"] / 1e6, 3))
            return (perf_counter_ns() - begun_ns) / 1e6

    def warm_up(self, collector: TelemetryCollector) -> float:
        """Decode half a second of silence."""
        with collector.span("warm_up", engine=self.name):
            begun_ns = perf_counter_ns()
            self._ask(bytes(16_000), never_stopped)
            return (perf_counter_ns() - begun_ns) / 1e6

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
            reply = self._ask(_pcm16(joined.samples), is_stopped)
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

    def close(self) -> None:
        """End the process, whatever it is doing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what it did not read is of no use to it now
                    pipe.close()
        process.wait()

    def _ask(self, samples: bytes, is_stopped: IsStopped) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None:
            raise RuntimeError("the engine is not loaded")
        try:
            process.stdin.write(len(samples).to_bytes(4, "little") + samples)
            process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        return self._answer(is_stopped)

    def _answer(self, is_stopped: IsStopped) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdout is None:
            raise RuntimeError("the engine is not loaded")
        while not select.select([process.stdout], [], [], _POLL_S)[0]:
            if is_stopped():
                self.close()
                raise SttStopped
        line = process.stdout.readline()
        if not line:
            raise self._ended()
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            self.close()
            raise _failed(reply["error"])
        return reply

    def _ended(self) -> MissingDependencyError:
        process = self._process
        status = process.wait() if process else None
        self.close()
        return _failed(f"its process ended with status {status}")


def _failed(why: str) -> MissingDependencyError:
    return MissingDependencyError(
        "the embedded engine sphinx failed",
        why=why,
        hint="--stt faster-whisper:tiny, or pip install --force-reinstall pocketsphinx",
        code="STT_FAILED",
    )


def _words(found: list[list[Any]], joined: Joined) -> list[tuple[int, Word]]:
    """Return the words with the index of the span that each is from."""
    heard = []
    for text, start, end, probability in found:
        start_s, end_s = joined.on_recording(start, end)
        word = Word(text=text, start_s=start_s, end_s=end_s, probability=probability)
        heard.append((joined.span_at(start, end), word))
    return heard


def _pcm16(samples: NDArray[Any]) -> bytes:
    import numpy as np

    return bytes(np.clip(np.rint(samples * 32_768.0), -32_768, 32_767).astype("<i2").tobytes())
