"""A synthesiser that another package brought: whatever it does wrong is told with whose it is."""

from __future__ import annotations

from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final

from echotrace.providers.plugin_faults import PLUGIN_FAULTS, PluginFaults
from echotrace.providers.tts.base import AudioEvent, Exchange, PcmFormat, TtsProvider

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from echotrace.config.secrets import Secret
    from echotrace.errors import ProviderError
    from echotrace.plugins import PluginRef

__all__ = ["PluginSpeech"]

_KINDS: Final = ("sent", "audio", "done")


class PluginSpeech:
    """Stands before a plug-in's synthesiser and keeps its faults in."""

    def __init__(self, inner: TtsProvider, ref: PluginRef) -> None:
        self._inner = inner
        self._faults = PluginFaults(ref, what="speech synthesiser", code="TTS_PROVIDER_BROKEN")

    @property
    def name(self) -> str:
        """The provider's name."""
        value: str = self._faults.member(self._inner, "name", (str,))
        return value

    @property
    def model(self) -> str | None:
        """The model's name."""
        value: str | None = self._faults.member(self._inner, "model", (str, type(None)))
        return value

    @property
    def voice(self) -> str | None:
        """The voice that is asked for."""
        value: str | None = self._faults.member(self._inner, "voice", (str, type(None)))
        return value

    @property
    def pcm(self) -> PcmFormat | None:
        """How to read the sound when it has no header."""
        value: PcmFormat | None = self._faults.member(self._inner, "pcm", (PcmFormat, type(None)))
        return value

    @property
    def sent_to(self) -> str | None:
        """Host and port that the text goes to."""
        value: str | None = self._faults.member(self._inner, "sent_to", (str, type(None)))
        return value

    @property
    def exchange(self) -> Exchange | None:
        """The latest exchange."""
        value: Exchange | None = self._faults.member(
            self._inner, "exchange", (Exchange, type(None))
        )
        return value

    @property
    def requests_sent(self) -> int:
        """How many texts have gone out so far."""
        value: int = self._faults.member(self._inner, "requests_sent", (int,))
        return value

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The keys of the environment, which no text may show."""
        return self._faults.secrets

    def check(self) -> None:
        """Raise now what stands against asking."""
        self._faults.around(self._inner.check)

    async def synthesize(self, text: str) -> AsyncGenerator[AudioEvent, None]:
        """Ask once and yield what comes back, as far as it is what it should be."""
        told: ProviderError | None = None
        try:
            async with aclosing(self._faults.generator(self._inner.synthesize(text))) as events:
                async for event in events:
                    if (wrong := _wrong(event)) is not None:
                        raise self._faults.broken(wrong)
                    yield event
        except PLUGIN_FAULTS as error:
            told = self._faults.in_a_request(error)
        if told is not None:
            raise told

    async def close(self) -> None:
        """Close it; a fault in that changes no figure and is not told."""
        with suppress(*PLUGIN_FAULTS):
            await self._inner.close()


def _wrong(event: Any) -> str | None:
    """Say what is wrong with an event; None when it can be used."""
    if not isinstance(event, AudioEvent):
        return f"it gave a {type(event).__name__} instead of an AudioEvent"
    if event.kind not in _KINDS:
        return f"it gave an event of the unknown kind {str(event.kind)[:40]!r}"
    at_ns: Any = event.at_ns
    data: Any = event.data
    if not isinstance(at_ns, int) or not isinstance(data, bytes):
        return "it gave an event without a time or with data that are no bytes"
    return None
