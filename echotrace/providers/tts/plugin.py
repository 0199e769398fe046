"""A synthesiser that another package brought: whatever it does wrong is told with whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from echotrace.providers.plugin_faults import PluginFaults
from echotrace.providers.plugin_service import PluginService
from echotrace.providers.tts.base import AudioEvent, PcmFormat
from echotrace.providers.tts.failures import offline_error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from echotrace.config.settings import Settings
    from echotrace.plugins import PluginRef

__all__ = ["PluginSpeech", "load_plugin"]

_KINDS: Final = ("sent", "audio", "done")


def load_plugin(ref: PluginRef, rest: str | None, settings: Settings) -> PluginSpeech:
    """Import and make a plug-in's synthesiser, and check it.

    Raises:
        UsageError, ConfigError: it refuses its model's name or its settings.
        ProviderError: it cannot be asked, or it is broken.
    """
    faults = PluginFaults(ref, what="speech synthesiser", code="TTS_PROVIDER_BROKEN")
    inner = faults.around(lambda: ref.load().create(rest, settings))
    provider = PluginSpeech(inner, faults, offline=settings.offline, refuse=offline_error)
    provider.check()
    return provider


class PluginSpeech(PluginService):
    """Stands before a plug-in's synthesiser and keeps its faults in."""

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

    def check(self) -> None:
        """Raise now what stands against asking."""
        super().check()
        _ = self.voice, self.pcm

    def synthesize(self, text: str) -> AsyncGenerator[AudioEvent, None]:
        """Ask once and yield what comes back, as far as it is what it should be."""
        return self._faults.events(lambda: self._inner.synthesize(text), _wrong)


def _wrong(event: Any) -> str | None:
    """Say what is wrong with an event; None when it can be used."""
    if not isinstance(event, AudioEvent):
        return f"it gave a {type(event).__name__} instead of an AudioEvent"
    kind: Any = event.kind
    if not isinstance(kind, str) or kind not in _KINDS:
        shown = repr(kind[:40]) if isinstance(kind, str) else type(kind).__name__
        return f"it gave an event of the unknown kind {shown}"
    data: Any = event.data
    if not isinstance(data, bytes):
        return "it gave an event with data that are no bytes"
    return None
