"""What a speech recognition engine is, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from echotrace.model.measure import Finding, JsonValue
from echotrace.model.report import TranscriptSegment, Word

if TYPE_CHECKING:
    from typing_extensions import Self

    from echotrace.config.settings import Settings
    from echotrace.providers.stt.pieces import Piece, PieceLimits
    from echotrace.telemetry import TelemetryCollector

__all__ = ["IsStopped", "SttEngine", "SttStopped", "Transcript", "join_texts", "never_stopped"]

IsStopped = Callable[[], bool]
"""Asked between segments: whether nobody waits for the transcript any more."""


def never_stopped() -> bool:
    """Let the work go on to its end."""
    return False


class SttStopped(Exception):  # noqa: N818 - it is no error: the caller asked for it
    """A transcription was given up because its caller no longer waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What an engine heard; all times are seconds on the recording's clock.

    ``audio_s`` is how much audio the engine was given, ``inference_ms`` how long it computed:
    reading and decoding the recording are not in it. ``language`` is what was recognised, or None.
    ``windows`` counts the windows of ``window_s`` seconds that an engine computes whole, whatever
    they hold; None for an engine that has none. ``sent_bytes`` is how much audio left this machine.
    """

    text: str
    words: tuple[Word, ...] = ()
    segments: tuple[TranscriptSegment, ...] = ()
    audio_s: float = 0.0
    inference_ms: float = 0.0
    language: str | None = None
    windows: int | None = None
    window_s: float | None = None
    sent_bytes: int = 0
    findings: tuple[Finding, ...] = ()


class SttEngine(Protocol):
    """A recogniser, on this machine or behind an address.

    An entry point of the group ``echotrace.stt`` names a class; its name is the ``provider`` of
    ``provider:model``.

    The order of calls is ``check``, ``load``, perhaps ``warm_up``, ``transcribe`` any number of
    times, ``close``. They may be made from a worker thread, one at a time.
    """

    name: str
    """Such as ``faster-whisper:tiny``; it stands beside every figure."""
    note: str | None
    """What a reader must know of its quality, or None."""
    limits: PieceLimits
    """How the recording is to be cut for it."""
    sent_to: str | None
    """The host that audio goes to, None when it stays on this machine."""
    times_by_attention: bool
    """Whether its word times come from a model's attention, and may reach into the silence."""

    @classmethod
    def create(cls, model: str | None, settings: Settings) -> Self:
        """Make the engine that ``provider:model`` names; nothing is loaded or opened.

        Raises:
            UsageError: the model's name or a setting does not fit it.
        """

    def identity(self) -> Mapping[str, JsonValue]:
        """Return whatever changes its transcript: the versions, the model's files, the options.

        Equal identities promise equal transcripts of equal audio; it may be asked after ``check``.
        """

    def check(self) -> None:
        """Raise now, before any work, what would make ``load`` fail for sure.

        Raises:
            MissingDependencyError: its package or its model is missing.
            UsageError: a setting does not fit it.
        """

    def load(self, collector: TelemetryCollector) -> float:
        """Load the model in a span ``model_load``; return milliseconds."""

    def warm_up(self, collector: TelemetryCollector) -> float:
        """Run once on half a second of silence in a span ``warm_up``; return milliseconds."""

    def transcribe(
        self,
        pieces: Iterable[Piece],
        collector: TelemetryCollector,
        *,
        is_stopped: IsStopped = never_stopped,
    ) -> Transcript:
        """Transcribe pieces of one channel, each in a span ``inference``.

        Raises:
            SttStopped: ``is_stopped`` returned True between two segments.
            MissingDependencyError: the engine failed on this audio.
            ProviderError: the server that it asks failed or cannot be reached.
        """

    def close(self) -> None:
        """Free the model; the engine may be loaded again."""


def join_texts(texts: Iterable[str]) -> str:
    """Join pieces of text by single spaces, leaving out the empty ones."""
    return " ".join(part for text in texts if (part := text.strip()))
