"""A provider that another package brought: whatever it does wrong is told with whose it is."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from echotrace.model.probes import ServerTimes
from echotrace.providers.llm.access import offline_error
from echotrace.providers.llm.base import Prompt, TokenEvent
from echotrace.providers.plugin_faults import PluginFaults
from echotrace.providers.plugin_service import PluginService

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from echotrace.config.settings import Settings
    from echotrace.plugins import PluginRef

__all__ = ["PluginProvider", "load_plugin"]

_KINDS: Final = ("sent", "role", "reasoning", "answer", "done")
_MOST_TOKENS: Final = 2**31


def load_plugin(ref: PluginRef, model: str | None, settings: Settings) -> PluginProvider:
    """Import and make a plug-in's provider, and check it.

    Raises:
        UsageError, ConfigError: it refuses its model's name or its settings.
        ProviderError: it cannot be asked, or it is broken.
    """
    faults = PluginFaults(ref, what="language model provider", code="LLM_PROVIDER_BROKEN")
    inner = faults.around(lambda: ref.load().create(model, settings))
    provider = PluginProvider(inner, faults, offline=settings.offline, refuse=offline_error)
    provider.check()
    return provider


class PluginProvider(PluginService):
    """Stands before a plug-in's provider and keeps its faults in."""

    @property
    def simulated(self) -> bool:
        """Whether its figures are made up."""
        value: bool = self._faults.member(self._inner, "simulated", (bool,))
        return value

    def check(self) -> None:
        """Raise now what stands against asking."""
        super().check()
        _ = self.simulated

    async def prepare(self) -> None:
        """Let it find out what the first request needs."""
        await self._faults.awaited(lambda: self._inner.prepare())

    async def stream(self, prompt: Prompt, *, max_tokens: int) -> AsyncGenerator[TokenEvent, None]:
        """Ask once and yield what comes back, as far as it is what it should be."""

        def ask() -> Any:
            return self._inner.stream(prompt, max_tokens=max_tokens)

        async with aclosing(self._faults.events(ask, _wrong)) as events:
            async for event in events:
                remarks = event.kind == "sent" and event.text
                yield replace(event, text=self._faults.clean(event.text)) if remarks else event


def _wrong(event: Any) -> str | None:
    """Say what is wrong with an event; None when it can be used."""
    if not isinstance(event, TokenEvent):
        return f"its stream gave a {type(event).__name__} instead of a TokenEvent"
    kind: Any = event.kind
    if not isinstance(kind, str) or kind not in _KINDS:
        shown = repr(kind[:40]) if isinstance(kind, str) else type(kind).__name__
        return f"its stream gave an event of the unknown kind {shown}"
    text: Any = event.text
    if not isinstance(text, str):
        return "its stream gave an event with a text that is none"
    counts: Any = (event.tokens, event.prompt_tokens, event.reasoning_tokens)
    if not all(count is None or _is_count(count) for count in counts):
        return "its stream gave a count of tokens that is none"
    server: Any = event.server
    if not isinstance(server, (ServerTimes, type(None))):
        return f"its stream gave a {type(server).__name__} instead of ServerTimes"
    return None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value < _MOST_TOKENS
