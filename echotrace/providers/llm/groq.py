"""Groq through its official SDK: OpenAI-style server-sent events.

Retries are off, because a repeated request would hide the failure and distort the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import groq
import httpx

from echotrace.providers.failures import Target, unknown_model
from echotrace.providers.llm.base import SYSTEM_PROMPT, WARM_UP_PROMPT, Exchange, TokenEvent
from echotrace.providers.llm.failures import LLM, broken_off, explain, not_a_stream
from echotrace.providers.wire import SSE_ENDS, Wire

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from echotrace.config.secrets import Secret
    from echotrace.errors import ProviderError
    from echotrace.providers.address import Address

__all__ = ["GroqProvider"]

_LIST_LIMIT_S = 5.0


class GroqProvider:
    """Groq's chat completions, or any server that speaks them at ``address``."""

    name = "groq"
    simulated = False

    def __init__(
        self, *, model: str, key: Secret, address: Address, timeout_s: float, offline: bool
    ) -> None:
        self.model = model
        self.sent_to = address.shown
        self.target = Target(
            kind=LLM,
            provider=self.name,
            model=model,
            host=address.shown,
            timeout_s=timeout_s,
            key_name="GROQ_API_KEY",
            secrets=(key,),
        )
        self._wire = Wire(
            timeout_s=timeout_s,
            offline=offline,
            tls=address.url.startswith("https:"),
            secrets=(key,),
            ends=SSE_ENDS,
        )
        self._client = groq.AsyncGroq(
            api_key=key.reveal(),
            base_url=address.url.removesuffix("/openai/v1"),  # the SDK appends this path itself
            max_retries=0,
            timeout=self._wire.timeout,
            http_client=httpx.AsyncClient(**self._wire.client_options()),
        )
        self._completions = self._client.chat.completions  # loads the SDK's part before any timing

    @property
    def exchange(self) -> Exchange | None:
        """The latest HTTP exchange."""
        return self._wire.exchange

    @property
    def requests_sent(self) -> int:
        """How many requests have gone out so far."""
        return self._wire.requests_sent

    async def warm_up(self) -> None:
        """Open the connection with a request for one token."""
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
            reply = await self._completions.create(
                model=self.model,
                messages=[
                    {"role": "system", "content": system},
                    {"role": "user", "content": prompt},
                ],
                max_completion_tokens=max_tokens,
                stream=True,
            )
            try:
                exchange = self._exchange()
                yield TokenEvent(kind="sent", at_ns=exchange.sent_ns or exchange.started_ns)
                if exchange.content_type == "application/json":
                    raise not_a_stream(self.target, "the server answered with one JSON document")
                tokens, finished = 0, False
                async for chunk in reply:
                    for event in _events(chunk, exchange.received_ns):
                        finished = finished or event.kind == "done"
                        tokens += event.kind in ("reasoning", "answer")
                        yield event
                if not finished:
                    raise broken_off(self.target, tokens)
            finally:
                await reply.close()
        except Exception as error:  # noqa: BLE001 - a server's data can make the SDK raise anything
            fault = error
        if fault is not None:  # outside the handler, so that no request hangs on to the error
            raise await self._explain(fault)

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    def _exchange(self) -> Exchange:
        exchange = self._wire.exchange
        if exchange is None:
            raise RuntimeError("the SDK answered without a request")
        return exchange

    async def _explain(self, fault: Exception) -> ProviderError:
        error = explain(fault, self.exchange, self.target)
        if error.code == "LLM_MODEL_UNKNOWN":
            error = unknown_model(self.target, await self._model_names())
        return error

    async def _model_names(self) -> tuple[str, ...]:
        names: tuple[str, ...] = ()
        with anyio.move_on_after(_LIST_LIMIT_S):
            try:
                listed = await self._client.models.list()
                names = tuple(str(item.id) for item in listed.data)
            except Exception:  # noqa: BLE001 - the list only helps a message; any failure means none
                return ()
        return names


def _events(chunk: Any, at_ns: int) -> Iterator[TokenEvent]:
    """Read one chunk; the SDK does not validate it, so its shape is not taken for granted."""
    extra = getattr(chunk, "x_groq", None)
    if failed := getattr(extra, "error", None):
        raise groq.GroqError(str(failed))
    for choice in getattr(chunk, "choices", None) or ():
        delta = getattr(choice, "delta", None)
        reasoning, answer = getattr(delta, "reasoning", None), getattr(delta, "content", None)
        if getattr(delta, "role", None) and not reasoning and not answer:
            yield TokenEvent(kind="role", at_ns=at_ns)
        if reasoning:
            yield TokenEvent(kind="reasoning", at_ns=at_ns, text=str(reasoning))
        if answer:
            yield TokenEvent(kind="answer", at_ns=at_ns, text=str(answer))
        if getattr(choice, "finish_reason", None):
            yield TokenEvent(kind="done", at_ns=at_ns)
    usage = getattr(extra, "usage", None) or getattr(chunk, "usage", None)
    counted = getattr(usage, "completion_tokens", None)
    if isinstance(counted, int):
        yield TokenEvent(kind="done", at_ns=at_ns, tokens=counted)
