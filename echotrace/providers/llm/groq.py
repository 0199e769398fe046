"""Groq through its official SDK: OpenAI-style server-sent events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

import groq
import httpx

from echotrace.providers.llm.access import access
from echotrace.providers.llm.chunks import ChunkReader
from echotrace.providers.llm.document import document_error
from echotrace.providers.llm.remote import RemoteProvider
from echotrace.providers.wire import SSE_ENDS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from typing_extensions import Self

    from echotrace.config.settings import Settings
    from echotrace.providers.llm.base import Prompt, TokenEvent
    from echotrace.providers.wire import Wire

__all__ = ["GroqProvider"]


class GroqProvider(RemoteProvider):
    """Groq's chat completions, or any server that speaks them at its path ``/openai/v1``."""

    name = "groq"
    ends: ClassVar[tuple[bytes, ...]] = SSE_ENDS

    @classmethod
    def create(
        cls, model: str | None, settings: Settings, *, environ: Mapping[str, str] | None = None
    ) -> Self:
        """Make the provider from settings, environment and secrets; nothing is opened."""
        return cls(access("groq", settings, model, environ))

    def _connect(self, wire: Wire) -> None:
        self._client = self._client_over(wire) if self.access.key is not None else None
        if self._client is not None:
            self._completions = self._client.chat.completions  # loads its part before any timing

    async def _disconnect(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _ask(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[TokenEvent, None]:
        reply = await self._completions.create(
            model=self.model or "",
            messages=cast("Any", prompt.messages()),
            max_completion_tokens=max_tokens,
            stream=True,
        )
        try:
            exchange = self._current()
            yield self._sent()
            if exchange.content_type == "application/json":
                pieces = cast("AsyncGenerator[bytes, None]", reply.response.aiter_raw())
                why = "the server answered with one JSON document"
                raise await document_error(pieces, self.target, why)
            reader = ChunkReader()
            async for chunk in reply:
                for event in reader.events(chunk, exchange.received_ns):
                    yield event
        finally:
            await reply.close()

    async def _list_models(self, wire: Wire) -> tuple[str, ...]:
        client = self._client_over(wire)
        listed = await client.models.list()
        return tuple(str(item.id) for item in listed.data)

    def _client_over(self, wire: Wire) -> groq.AsyncGroq:
        key = self.access.key
        return groq.AsyncGroq(
            api_key="" if key is None else key.reveal(),
            # the SDK appends this path itself
            base_url=self.access.address.url.removesuffix("/openai/v1"),
            max_retries=0,
            timeout=wire.timeout,
            http_client=httpx.AsyncClient(**wire.client_options()),
        )
