"""What stands before a plug-in's provider, of a language model or of speech, and is the same."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from echotrace.errors import ProviderError
from echotrace.providers.address import stays_here
from echotrace.providers.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable

    from echotrace.config.secrets import Secret
    from echotrace.providers.plugin_faults import PluginFaults

__all__ = ["PluginService"]


class PluginService:
    """The members that every provider has, with the faults of the plug-in's kept in.

    Args:
        inner: the plug-in's provider.
        faults: tells what it does wrong.
        offline: the run may not leave this machine.
        refuse: makes the error for one that would, from its name and its host.
    """

    def __init__(
        self,
        inner: Any,
        faults: PluginFaults,
        *,
        offline: bool,
        refuse: Callable[[str, str], ProviderError],
    ) -> None:
        self._inner = inner
        self._faults = faults
        self._offline = offline
        self._refuse = refuse

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
        """The keys that it could have read, which no text may show."""
        return self._faults.secrets

    def check(self) -> None:
        """Raise now what stands against asking, ``--offline`` also when the plug-in forgot it."""
        self._faults.around(lambda: self._inner.check())
        for member in ("name", "model", "exchange", "requests_sent"):
            getattr(self, member)
        sent_to = self.sent_to
        if self._offline and sent_to is not None and not stays_here(sent_to):
            raise self._refuse(self.name, sent_to)

    async def close(self) -> None:
        """Close it; a fault in that changes no figure and is not told."""
        with suppress(ProviderError):
            await self._faults.awaited(lambda: self._inner.close())
