"""What all language models behind an address have in common: one wire, one request at a time.

Retries are off, because a repeated request would hide the failure and distort the time. Whatever
is asked besides, such as a list of models, goes over a connection of its own that is closed again,
so that it neither warms the measured one nor changes its record.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

import anyio

from echotrace.errors import ProviderError
from echotrace.providers.failures import Target, unknown_model
from echotrace.providers.llm.base import Exchange, TokenEvent
from echotrace.providers.llm.failures import LLM, broken_off, explain, stalled
from echotrace.providers.scrub import holds_secret
from echotrace.providers.wire import Wire, refused_address

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from echotrace.config.secrets import Secret
    from echotrace.providers.llm.access import Access
    from echotrace.providers.llm.base import Prompt

__all__ = ["RemoteProvider"]

_LIST_LIMIT_S: Final = 5.0


class RemoteProvider(ABC):
    """A chat server; a subclass says how it is asked, and how its models are listed.

    ``target`` is who is asked, for the wording of failures.
    """

    name: ClassVar[str]
    simulated: ClassVar[bool] = False
    ends: ClassVar[tuple[bytes, ...]]
    pulls_models: ClassVar[bool] = False

    def __init__(self, access: Access) -> None:
        self.access = access
        self.model = access.model
        self.sent_to: str | None = access.address.shown
        self.target = Target(
            kind=LLM,
            provider=access.provider,
            model=access.model or "",
            host=access.address.shown,
            timeout_s=access.timeout_s,
            key_name=access.key_name,
            secrets=self.secrets,
            pull=self.pulls_models,
        )
        self._sent_aside = 0
        with refused_address(access.provider, access.address):
            self._wire = self._new_wire(self.ends)
            self._connect(self._wire)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The keys that no text may show."""
        return () if self.access.key is None else (self.access.key,)

    @property
    def exchange(self) -> Exchange | None:
        """The latest exchange of a prompt."""
        return self._wire.exchange

    @property
    def requests_sent(self) -> int:
        """How many requests have gone out so far, those for lists of models too."""
        return self._wire.requests_sent + self._sent_aside

    def check(self) -> None:
        """Raise now what already stands against asking.

        Raises:
            ProviderError: there is no key, or ``--offline`` rules the address out.
        """
        if (blocked := self.access.blocked) is not None:
            raise blocked

    async def prepare(self) -> None:
        """Take the first model of the server's list where none was named.

        A name that holds a key is passed over, for the report would show it.

        Raises:
            ProviderError: the server cannot be asked for it, or has none.
        """
        self.check()
        if self.model is not None:
            return
        begun_ns = time.perf_counter_ns()
        names, fault, exchange = await self._ask_for_names(self.access.timeout_s)
        if fault is not None:
            raise explain(fault, exchange, self.target)
        if names is None:
            waited_s = round((time.perf_counter_ns() - begun_ns) / 1e9, 1)
            raise stalled(self.name, self.target.host, limit_s=waited_s)
        names = tuple(name for name in names if not holds_secret(name, self.secrets))
        if not names:
            raise self._has_no_model()
        self.model = names[0]
        self.target = replace(self.target, model=names[0])

    async def stream(self, prompt: Prompt, *, max_tokens: int) -> AsyncGenerator[TokenEvent, None]:
        """Ask once and yield what comes back as it comes.

        Raises:
            ProviderError: whatever went wrong, named.
        """
        self.check()
        self._wire.exchange = None
        fault: Exception | None = None
        tokens, finished = 0, False
        try:
            async with aclosing(self._ask(prompt, max_tokens)) as events:
                async for event in events:
                    finished = finished or event.kind == "done"
                    tokens += event.kind in ("reasoning", "answer")
                    yield event
            if not finished:
                raise broken_off(self.target, tokens)
        except Exception as error:  # noqa: BLE001 - a server's data can make an SDK raise anything
            fault = error
        if fault is not None:  # outside the handler, so that no request hangs on to the error
            raise await self._explain(fault)

    async def close(self) -> None:
        """Close the connection."""
        await self._disconnect()
        await self._wire.aclose()

    @abstractmethod
    def _connect(self, wire: Wire) -> None:
        """Make the client over the wire; nothing is opened yet."""

    @abstractmethod
    async def _disconnect(self) -> None:
        """Close the client."""

    @abstractmethod
    def _ask(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[TokenEvent, None]:
        """Yield the events of one request; what it raises is explained by the caller."""

    @abstractmethod
    async def _list_models(self, wire: Wire) -> tuple[str, ...]:
        """Return the names of the server's models, by a client of its own over ``wire``."""

    def _has_no_model(self) -> ProviderError:
        return ProviderError(
            f"{self.name} at {self.sent_to} lists no model",
            why="none was named, and the server names none",
            hint=f"name one: --llm {self.name}:MODEL",
            code="LLM_MODEL_UNKNOWN",
        )

    def _sent(self, note: str = "") -> TokenEvent:
        exchange = self._current()
        return TokenEvent(kind="sent", at_ns=exchange.sent_ns or exchange.started_ns, text=note)

    def _current(self) -> Exchange:
        exchange = self._wire.exchange
        if exchange is None:
            raise RuntimeError("the client answered without a request")
        return exchange

    def _new_wire(self, ends: tuple[bytes, ...]) -> Wire:
        return Wire(
            timeout_s=self.access.timeout_s,
            offline=self.access.offline,
            tls=self.access.address.url.startswith("https:"),
            secrets=self.secrets,
            ends=ends,
        )

    async def _explain(self, fault: Exception) -> ProviderError:
        error = explain(fault, self.exchange, self.target)
        if error.code == "LLM_MODEL_UNKNOWN":
            names, _, _ = await self._ask_for_names(_LIST_LIMIT_S)  # only helps the message
            error = unknown_model(self.target, names or ())
        return error

    async def _ask_for_names(
        self, limit_s: float
    ) -> tuple[tuple[str, ...] | None, Exception | None, Exchange | None]:
        """Return the names, None when they did not come in time; or what went wrong, and where."""
        names: tuple[str, ...] | None = None
        fault: Exception | None = None
        wire = self._new_wire(())  # a list is one document
        try:
            with anyio.move_on_after(limit_s):
                names = await self._list_models(wire)
        except Exception as error:  # noqa: BLE001 - a server's data can make an SDK raise anything
            fault = error
        finally:
            self._sent_aside += wire.requests_sent
            await wire.aclose()
        return names, fault, wire.exchange
