"""A provider that another package brought: whatever it does wrong is told with whose it is."""

from __future__ import annotations

from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final, cast

from echotrace.providers.llm.access import offline_error
from echotrace.providers.llm.base import Exchange, LlmProvider, Prompt, TokenEvent
from echotrace.providers.plugin_faults import PLUGIN_FAULTS, PluginFaults, leaves_this_machine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from echotrace.config.secrets import Secret
    from echotrace.config.settings import Settings
    from echotrace.errors import EchoTraceError
    from echotrace.plugins import PluginRef

__all__ = ["PluginProvider", "load_plugin"]

_KINDS: Final = ("sent", "role", "reasoning", "answer", "done")


def load_plugin(ref: PluginRef, model: str | None, settings: Settings) -> PluginProvider:
    """Import and make a plug-in's provider, and check it.

    Raises:
        UsageError, ConfigError: it refuses its model's name or its settings.
        ProviderError: it cannot be asked, or it is broken.
    """
    faults = PluginFaults(ref, what="language model provider", code="LLM_PROVIDER_BROKEN")
    inner = faults.around(lambda: ref.load().create(model, settings))
    provider = PluginProvider(inner, faults, offline=settings.offline)
    provider.check()
    return provider


class PluginProvider:
    """Stands before a plug-in's provider and keeps its faults in."""

    def __init__(self, inner: LlmProvider, faults: PluginFaults, *, offline: bool) -> None:
        self._inner = inner
        self._faults = faults
        self._offline = offline

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
    def simulated(self) -> bool:
        """Whether its figures are made up."""
        value: bool = self._faults.member(self._inner, "simulated", (bool,))
        return value

    @property
    def sent_to(self) -> str | None:
        """Host and port that requests go to."""
        value: str | None = self._faults.member(self._inner, "sent_to", (str, type(None)))
        return value

    @property
    def exchange(self) -> Exchange | None:
        """The latest exchange."""
        kinds = (Exchange, type(None))
        value: Exchange | None = self._faults.member(self._inner, "exchange", kinds)
        return value

    @property
    def requests_sent(self) -> int:
        """How many requests have gone out so far."""
        value: int = self._faults.member(self._inner, "requests_sent", (int,))
        return value

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The keys of the environment, which no text may show."""
        return self._faults.secrets

    def check(self) -> None:
        """Raise now what stands against asking, ``--offline`` also when the plug-in forgot it."""
        self._faults.around(self._inner.check)
        for member in ("name", "model", "simulated", "exchange", "requests_sent"):
            getattr(self, member)
        sent_to = self.sent_to
        if self._offline and sent_to is not None and leaves_this_machine(sent_to):
            raise offline_error(self.name, sent_to)

    async def prepare(self) -> None:
        """Let it find out what the first request needs."""
        told: EchoTraceError | None = None
        try:
            await self._inner.prepare()
        except PLUGIN_FAULTS as error:
            told = self._faults.in_a_request(error)
        if told is not None:
            raise told

    async def stream(self, prompt: Prompt, *, max_tokens: int) -> AsyncGenerator[TokenEvent, None]:
        """Ask once and yield what comes back, as far as it is what it should be."""
        told: EchoTraceError | None = None
        try:
            async with aclosing(self._open(prompt, max_tokens)) as events:
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

    def _open(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[TokenEvent, None]:
        events = self._faults.generator(self._inner.stream(prompt, max_tokens=max_tokens))
        return cast("AsyncGenerator[TokenEvent, None]", events)


def _wrong(event: Any) -> str | None:
    """Say what is wrong with an event; None when it can be used."""
    if not isinstance(event, TokenEvent):
        return f"its stream gave a {type(event).__name__} instead of a TokenEvent"
    if event.kind not in _KINDS:
        return f"its stream gave an event of the unknown kind {str(event.kind)[:40]!r}"
    at_ns: Any = event.at_ns
    text: Any = event.text
    if not isinstance(at_ns, int) or not isinstance(text, str):
        return "its stream gave an event without a time or with a text that is none"
    counts: Any = (event.tokens, event.prompt_tokens, event.reasoning_tokens)
    if not all(count is None or (isinstance(count, int) and count >= 0) for count in counts):
        return "its stream gave a count of tokens that is none"
    return None
