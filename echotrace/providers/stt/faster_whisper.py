"""Whisper models through faster-whisper, on this machine.

The library's defaults suit subtitles, not an audit: its speech filter swallows every pause below
two seconds, and text carried from window to window lets one error breed others. Here speech is
found with explicit options (or was found before), and every window stands by itself.
"""

from __future__ import annotations

import gc
import math
import os
import sys
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex
from time import perf_counter_ns, process_time_ns
from typing import TYPE_CHECKING, Any, Final

from echotrace.config.privacy import forbid_telemetry
from echotrace.errors import ConfigError, MissingDependencyError, UsageError
from echotrace.model.measure import Finding, Severity
from echotrace.model.report import TranscriptSegment, Word
from echotrace.providers.stt.base import (
    IsStopped,
    SttStopped,
    Transcript,
    join_texts,
    never_stopped,
)
from echotrace.providers.stt.pieces import Joined, Piece, PieceLimits
from echotrace.providers.stt.whisper_models import (
    check_installed,
    digest_of,
    download,
    find_model,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

    from echotrace.config.settings import Settings, SttSettings
    from echotrace.model.measure import JsonValue
    from echotrace.telemetry import TelemetryCollector

__all__ = ["DEFAULT_MODEL", "VAD_OPTIONS", "WINDOW_S", "FasterWhisperEngine"]

DEFAULT_MODEL: Final = "tiny"
WINDOW_S: Final = 30.0
"""Whisper computes this much at once, whatever of it is padding."""

_SAMPLE_RATE_HZ: Final = 16_000

VAD_OPTIONS: Final[dict[str, float | int]] = {
    "threshold": 0.5,
    "neg_threshold": 0.35,
    "min_speech_duration_ms": 128,
    "min_silence_duration_ms": 128,
    "speech_pad_ms": 300,
}
"""Options of the library's own speech filter, used where speech was not found before."""


class FasterWhisperEngine:
    """One Whisper model.

    Args:
        model: a size (``tiny``), a repository (``owner/name``) or a directory.
        settings: beam, threads, device, number format, language, whether downloads are allowed.
        offline: no download, whatever the settings allow.
    """

    limits = PieceLimits(max_s=300.0)
    note: str | None = None
    sent_to: str | None = None
    times_by_attention = True

    def __init__(self, model: str, settings: SttSettings, *, offline: bool) -> None:
        self._model = os.path.expanduser(model)  # noqa: PTH111 - Path's raises without a home
        self._settings = settings
        self._may_download = settings.allow_download and not offline
        self._loaded: Any = None
        self._windows = 0
        label = Path(self._model).resolve().name if self._is_folder() else model
        self.name = f"faster-whisper:{label}"

    @classmethod
    def create(cls, model: str | None, settings: Settings) -> Self:
        """Make the engine for a size, a repository or a directory; None is the default size."""
        if model is None:
            model = DEFAULT_MODEL
        if not model:
            raise UsageError(
                "'faster-whisper:' names no model",
                hint="--stt faster-whisper:tiny, or faster-whisper:DIRECTORY",
                code="UNKNOWN_MODEL",
            )
        return cls(model, settings.stt, offline=settings.offline)

    def identity(self) -> Mapping[str, JsonValue]:
        """Return versions, options and a digest of the model's files, read once per process.

        A model that is yet to be downloaded has no files to promise anything about: its identity
        then equals no other.
        """
        options = self._settings
        try:
            folder = find_model(self._model)
        except MissingDependencyError:
            folder = None
        return {
            "faster-whisper": version("faster-whisper"),
            "ctranslate2": version("ctranslate2"),
            "model": token_hex(16) if folder is None else digest_of(folder),
            "device": options.device,
            "compute_type": options.compute_type,
            "cpu_threads": self._threads(),
            "beam_size": options.beam_size,
            "language": options.language,
            "vad": dict(VAD_OPTIONS),
            "pieces": [self.limits.max_s, self.limits.pad_s, self.limits.search_s],
        }

    def check(self) -> None:
        """Raise now if the model is neither here nor allowed to be downloaded."""
        check_installed()
        try:
            if find_model(self._model) is not None or self._may_download:
                return
        except MissingDependencyError as error:
            if error.code == "MODEL_INCOMPLETE" and self._may_download and not self._is_folder():
                return
            raise
        raise MissingDependencyError(
            f"the model of {self.name} is not on this machine",
            why="there is no such folder and no such model in the local cache; "
            "nothing is downloaded unless it is allowed",
            hint=f"--stt faster-whisper:{self._model} --allow-download (without --offline), "
            "or give a directory: --stt faster-whisper:DIRECTORY",
            code="MODEL_MISSING",
        )

    def load(self, collector: TelemetryCollector) -> float:
        """Load the model; a download that was allowed has its own span ``model_download``."""
        self.check()
        forbid_telemetry()
        if "faster_whisper" not in sys.modules:
            with collector.span("engine_import", engine=self.name):
                import faster_whisper  # noqa: F401 - timed apart: it is paid once per process
        from faster_whisper import WhisperModel

        folder = self._folder(collector)
        options = self._settings
        threads = self._threads()
        with collector.span(
            "model_load", engine=self.name, compute_type=options.compute_type, cpu_threads=threads
        ):
            begun_ns = perf_counter_ns()
            try:
                self._loaded = WhisperModel(
                    str(folder),
                    device=options.device,
                    compute_type=options.compute_type,
                    cpu_threads=threads,
                    local_files_only=True,
                )
            except Exception as error:  # noqa: BLE001 - CTranslate2 and tokenizers raise bare ones
                raise self._load_error(error) from None
            self._count_windows()
            return (perf_counter_ns() - begun_ns) / 1e6

    def warm_up(self, collector: TelemetryCollector) -> float:
        """Encode half a second of silence; it costs a whole window, so it is done on request."""
        import numpy as np

        with collector.span("warm_up", engine=self.name):
            begun_ns = perf_counter_ns()
            silence = np.zeros(_SAMPLE_RATE_HZ // 2, np.float32)
            for _ in self._segments(silence, speech_bounded=True)[0]:
                pass
            return (perf_counter_ns() - begun_ns) / 1e6

    def transcribe(
        self,
        pieces: Iterable[Piece],
        collector: TelemetryCollector,
        *,
        is_stopped: IsStopped = never_stopped,
    ) -> Transcript:
        """Transcribe piece by piece; see ``SttEngine``."""
        texts: list[str] = []
        words: list[Word] = []
        segments: list[TranscriptSegment] = []
        audio_s = inference_ms = 0.0
        windows_before = self._windows
        language = None
        for piece in pieces:
            joined = piece.read()
            if is_stopped():
                raise SttStopped
            piece_before = self._windows
            with collector.span("inference", engine=self.name) as span:
                span.count_process()
                begun_ns, cpu_begun_ns = perf_counter_ns(), process_time_ns()
                span.set(
                    audio_s=round(joined.duration_s, 3),
                    beam_size=self._settings.beam_size,
                    vad="signal" if piece.speech_bounded else VAD_OPTIONS,
                )
                found, language = self._run(joined.samples, piece.speech_bounded, is_stopped)
                inference_ms += (perf_counter_ns() - begun_ns) / 1e6
                # the library's threads do the work; the span's own figure is this thread's alone
                span.set(
                    process_cpu_ms=round((process_time_ns() - cpu_begun_ns) / 1e6, 3),
                    windows=self._windows - piece_before,
                )
            audio_s += joined.duration_s
            texts.append("".join(item.text for item in found))
            for item in found:
                heard = _words(item, joined, self.limits.pad_s)
                words += heard
                segments.append(_segment(item, heard, joined))
        return Transcript(
            text=join_texts(texts),
            words=tuple(words),
            segments=tuple(segments),
            audio_s=audio_s,
            inference_ms=inference_ms,
            language=language,
            windows=self._windows - windows_before,
            window_s=WINDOW_S,
            findings=self._findings(),
        )

    def decode_text(self, samples: NDArray[np.float32], *, is_stopped: IsStopped) -> str:
        """Transcribe one array without times and without looking for speech, and return the text.

        Raises:
            SttStopped: ``is_stopped`` returned True between two segments.
            MissingDependencyError: the engine failed on this audio.
        """
        found, _ = self._run(samples, True, is_stopped, word_times=False)
        return join_texts(item.text for item in found)

    def close(self) -> None:
        """Drop the model and give its memory back."""
        self._loaded = None
        gc.collect()

    def _count_windows(self) -> None:
        """Count the encoder's runs: segments tell nothing of a window in which nothing was heard.

        A guessed language costs a run of its own wherever the library does not use it again.
        """
        encode = self._loaded.encode

        def counted(*args: Any, **kwargs: Any) -> Any:
            self._windows += 1
            return encode(*args, **kwargs)

        self._loaded.encode = counted

    def _threads(self) -> int:
        return self._settings.cpu_threads or min(4, _cores())

    def _run(
        self,
        samples: NDArray[np.float32],
        speech_bounded: bool,
        is_stopped: IsStopped,
        *,
        word_times: bool = True,
    ) -> tuple[list[Any], str | None]:
        found = []
        try:
            segments, info = self._segments(
                samples, speech_bounded=speech_bounded, word_times=word_times
            )
            for segment in segments:
                found.append(segment)
                if is_stopped():
                    raise SttStopped
        except (RuntimeError, ValueError, MemoryError) as error:
            if "language code" in str(error):
                raise ConfigError(
                    f"Whisper does not know the language {self._settings.language!r}",
                    hint="stt.language takes a code such as en, de, or auto",
                    code="UNKNOWN_LANGUAGE",
                ) from None
            raise MissingDependencyError(
                f"{self.name} failed while transcribing",
                why=_first_line(error),
                hint="try another model: --stt faster-whisper:tiny",
                code="STT_FAILED",
            ) from None
        return found, info.language

    def _segments(
        self, samples: Any, *, speech_bounded: bool, word_times: bool = True
    ) -> tuple[Iterable[Any], Any]:
        from faster_whisper.vad import VadOptions

        segments, info = self._loaded.transcribe(
            samples,
            language=self._language(),
            beam_size=self._settings.beam_size,
            word_timestamps=word_times,
            condition_on_previous_text=False,
            vad_filter=not speech_bounded,
            vad_parameters=None if speech_bounded else VadOptions(**VAD_OPTIONS),
        )
        return segments, info

    def _language(self) -> str | None:
        """Return the language to tell the model; English-only models are told none."""
        if not self._loaded.model.is_multilingual or self._settings.language == "auto":
            return None
        return self._settings.language

    def _findings(self) -> tuple[Finding, ...]:
        language = self._settings.language
        if self._loaded.model.is_multilingual or language in ("auto", "en"):
            return ()
        return (
            Finding(
                code="LANGUAGE_IGNORED",
                severity=Severity.WARNING,
                message=f"{self.name} knows English only; stt.language = {language!r} was ignored",
                hint="--stt faster-whisper:tiny is multilingual",
            ),
        )

    def _is_folder(self) -> bool:
        return os.path.isdir(self._model)  # noqa: PTH112 - a name with a NUL byte is False here

    def _folder(self, collector: TelemetryCollector) -> Path:
        try:
            folder = find_model(self._model)
        except MissingDependencyError:
            folder = None  # incomplete, and check() found that it may be downloaded
        if folder is None:
            with collector.span("model_download", engine=self.name):
                folder = download(self._model)
        return folder

    def _load_error(self, error: Exception) -> UsageError | MissingDependencyError:
        text = _first_line(error)
        options = self._settings
        if "compute type" in text:
            return ConfigError(
                f"this machine cannot compute {options.compute_type} on {options.device}",
                why=text,
                hint="stt.compute_type = int8 works everywhere",
                code="COMPUTE_TYPE",
            )
        if "CUDA" in text or "cuda" in text:
            return MissingDependencyError(
                f"there is no usable GPU for {self.name}",
                why=text,
                hint="stt.device = cpu",
                code="DEVICE_MISSING",
            )
        return MissingDependencyError(
            f"the model of {self.name} cannot be loaded",
            why=f"its files are damaged or of another kind: {text}",
            hint="fetch the model again, or give another directory",
            code="MODEL_DAMAGED",
        )


def _words(segment: Any, joined: Joined, pad_s: float) -> list[Word]:
    found = [word for word in segment.words or () if word.word.strip()]
    places = [(float(word.start), float(word.end)) for word in found]
    return [
        Word(
            text=str(word.word).strip(),
            start_s=start_s,
            end_s=end_s,
            probability=_finite(word.probability),
        )
        for word, (start_s, end_s) in zip(
            found, joined.words_on_recording(places, pad_s=pad_s), strict=True
        )
    ]


def _segment(segment: Any, words: list[Word], joined: Joined) -> TranscriptSegment:
    start_s: float | None
    end_s: float | None
    if words:
        start_s, end_s = words[0].start_s, words[-1].end_s
    else:
        start_s, end_s = joined.on_recording(float(segment.start), float(segment.end))
    return TranscriptSegment(
        text=str(segment.text).strip(),
        start_s=start_s,
        end_s=end_s,
        avg_logprob=_finite(segment.avg_logprob),
        no_speech_prob=_finite(segment.no_speech_prob),
        compression_ratio=_finite(segment.compression_ratio),
        temperature=_finite(segment.temperature),
    )


def _finite(value: Any) -> float | None:
    """Return a plain float for numpy's, and None for what a report cannot hold."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
