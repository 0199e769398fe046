"""What every speech synthesiser looks like to a probe: a Protocol and its events.

Kept free of any HTTP library, so that choosing a provider loads none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from echotrace.providers.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from typing_extensions import Self

    from echotrace.config.settings import Settings

__all__ = ["BUILT_IN_TEXT", "AudioEvent", "AudioKind", "Exchange", "PcmFormat", "TtsProvider"]

BUILT_IN_TEXT = "I am sorry to hear that, let me block the card for you right away."
"""What is spoken when no language model has answered: one sentence of 15 words."""

AudioKind = Literal["sent", "audio", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PcmFormat:
    """How to read sound that comes without a header: 16-bit little-endian integers."""

    sample_rate_hz: int
    channels: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioEvent:
    """One thing that happened while speech was made.

    ``sent`` comes first: the moment the request began to go out on an open connection, or the
    program was started. ``audio`` carries the next ``data`` of the reply's body, ``done`` says that
    it is whole. ``at_ns`` is ``time.perf_counter_ns()`` of the bytes as they came.
    """

    kind: AudioKind
    at_ns: int
    data: bytes = b""


class TtsProvider(Protocol):
    """A speech synthesiser that can be timed; one request at a time.

    It is registered by an entry point of the group ``echotrace.tts``; the other members mean what
    they mean in :class:`echotrace.providers.llm.base.LlmProvider`.
    """

    @classmethod
    def create(cls, model: str | None, settings: Settings) -> Self:
        """Make the provider for what follows the colon of its name; nothing is opened or started.

        Raises:
            UsageError: the model's name, or the command, is empty or impossible.
            ConfigError: an address, the certificates or the file of secrets cannot be used.
        """
        ...

    @property
    def name(self) -> str:
        """The provider's name, such as ``openai``."""
        ...

    @property
    def model(self) -> str | None:
        """The model's name, or the program's."""
        ...

    @property
    def voice(self) -> str | None:
        """The voice that is asked for."""
        ...

    @property
    def pcm(self) -> PcmFormat | None:
        """How to read the sound when it has no header; None when it has one."""
        ...

    @property
    def sent_to(self) -> str | None:
        """Host and port that the text goes to; None when it does not leave this machine."""
        ...

    @property
    def exchange(self) -> Exchange | None:
        """The latest exchange; a program's start and output stand in it as a server's would."""
        ...

    @property
    def requests_sent(self) -> int:
        """How many texts have gone out so far."""
        ...

    def check(self) -> None:
        """Raise now what already stands against asking: no key, ``--offline``, no such program.

        Raises:
            ProviderError: the provider cannot be asked.
        """
        ...

    def synthesize(self, text: str) -> AsyncGenerator[AudioEvent, None]:
        """Ask once and yield what comes back as it comes."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...
