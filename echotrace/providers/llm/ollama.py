"""Ollama through its official SDK: newline-separated JSON from ``/api/chat``."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import ollama

from echotrace.errors import ProviderError
from echotrace.providers.failures import Target, unknown_model
from echotrace.providers.llm.base import SYSTEM_PROMPT, WARM_UP_PROMPT, Exchange, TokenEvent
from echotrace.providers.llm.failures import LLM, broken_off, explain, not_a_stream
from echotrace.providers.wire import LINE_ENDS, Wire

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from echotrace.config.secrets import Secret
    from echotrace.providers.address import Address

__all__ = ["OllamaProvider"]

_LIST_LIMIT_S = 5.0


class OllamaProvider:
    """A model that an Ollama server runs; without a name, the first one it lists.

    ``key`` is for servers that want one; a plain Ollama does not.
    """

    name = "ollama"
    simulated = False

    def __init__(
        self,
        *,
        model: str | None,
        address: Address,
        timeout_s: float,
        offline: bool,
        key: Secret | None = None,
    ) -> None:
        secrets = () if key is None else (key,)
        self.model = model
        self.sent_to = address.shown
        self.target = Target(
            kind=LLM,
            provider=self.name,
            model=model or "",
            host=address.shown,
            timeout_s=timeout_s,
            key_name=None if key is None else "OLLAMA_API_KEY",
            secrets=secrets,
            pull=True,
        )
        self._wire = Wire(
            timeout_s=timeout_s,
            offline=offline,
            tls=address.url.startswith("https:"),
            secrets=secrets,
            ends=LINE_ENDS,
        )
        self._client = ollama.AsyncClient(
            host=address.url,
            headers={} if key is None else {"authorization": f"Bearer {key.reveal()}"},
            **self._wire.client_options(),
        )

    @property
    def exchange(self) -> Exchange | None:
        """The latest HTTP exchange."""
        return self._wire.exchange

    @property
    def requests_sent(self) -> int:
        """How many requests have gone out so far."""
        return self._wire.requests_sent

    async def warm_up(self) -> None:
        """Open the connection and load the model with a request for one token.

        Raises:
            ProviderError: no model was named and the server has none, or any other failure.
        """
        if self.model is None:
            await self._choose_model()
        async for _ in self.stream(WARM_UP_PROMPT, system=SYSTEM_PROMPT, max_tokens=1):
            pass

    async def stream(
        self, prompt: str, *, system: str, max_tokens: int
    ) -> AsyncGenerator[TokenEvent, None]:
        """Ask once and yield what comes back as it comes.

        Raises:
            ProviderError: whatever went wrong, named.
        """
        fault: Exception | None = None
        try:
            reply: Any = await self._client.chat(  # typed as a plain iterator by the SDK
                model=self.model or "",
                messages=[
                    {"role": "system", "content": system},
                    {"role": "user", "content": prompt},
                ],
                options={"num_predict": max_tokens},
                stream=True,
            )
            tokens, finished, parts_seen = 0, False, 0
            async with aclosing(reply) as parts:
                async for part in parts:
                    exchange = self._exchange()
                    parts_seen += 1
                    if parts_seen == 1:
                        yield TokenEvent(kind="sent", at_ns=exchange.sent_ns or exchange.started_ns)
                    for event in _events(part, exchange.received_ns):
                        finished = finished or event.kind == "done"
                        tokens += event.kind in ("reasoning", "answer")
                        yield event
                    if tokens == 1 and finished and max_tokens > 1 and parts_seen == 1:
                        raise not_a_stream(self.target, "the whole answer came in one piece")
            if not finished:
                raise broken_off(self.target, tokens)
        except Exception as error:  # noqa: BLE001 - a server's data can make the SDK raise anything
            fault = error
        if fault is not None:  # outside the handler, so that no request hangs on to the error
            raise await self._explain(fault)

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped

    def _exchange(self) -> Exchange:
        exchange = self._wire.exchange
        if exchange is None:
            raise RuntimeError("the SDK answered without a request")
        return exchange

    async def _choose_model(self) -> None:
        fault: Exception | None = None
        names: tuple[str, ...] = ()
        try:
            names = await self._list()
        except Exception as error:  # noqa: BLE001 - a server's data can make the SDK raise anything
            fault = error
        if fault is not None:
            raise explain(fault, self.exchange, self.target)
        if not names:
            raise ProviderError(
                f"ollama at {self.sent_to} has no model",
                why="nothing has been pulled there yet",
                hint="ollama pull llama3.2:1b",
                code="LLM_MODEL_UNKNOWN",
            )
        self.model = names[0]
        self.target = replace(self.target, model=names[0])

    async def _explain(self, fault: Exception) -> ProviderError:
        error = explain(fault, self.exchange, self.target)
        if error.code == "LLM_MODEL_UNKNOWN":
            error = unknown_model(self.target, await self._model_names())
        return error

    async def _model_names(self) -> tuple[str, ...]:
        with anyio.move_on_after(_LIST_LIMIT_S):
            try:
                return await self._list()
            except Exception:  # noqa: BLE001 - the list only helps a message; any failure means none
                return ()
        return ()

    async def _list(self) -> tuple[str, ...]:
        listed = await self._client.list()
        return tuple(item.model for item in listed.models if item.model)


def _events(part: Any, at_ns: int) -> Iterator[TokenEvent]:
    message = part.message
    if message.thinking:
        yield TokenEvent(kind="reasoning", at_ns=at_ns, text=message.thinking)
    if message.content:
        yield TokenEvent(kind="answer", at_ns=at_ns, text=message.content)
    elif not message.thinking and not part.done:
        yield TokenEvent(kind="role", at_ns=at_ns)
    if part.done:
        yield TokenEvent(kind="done", at_ns=at_ns, tokens=part.eval_count)
