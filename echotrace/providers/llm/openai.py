"""Any server that speaks OpenAI's ``/chat/completions``: the vendor's, a router's, or one's own.

The request is made here, by httpx: the vendor's SDK would be a dependency for one POST. Servers
differ in two options. One that refuses the option in so many words (400 or 422, and it names it) is
asked once more without; that is remembered, and told with the sample whose wait it was part of.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import httpx

from echotrace.providers.llm.access import access
from echotrace.providers.llm.chunks import ChunkReader, StreamError
from echotrace.providers.llm.document import document_error
from echotrace.providers.llm.remote import RemoteProvider
from echotrace.providers.llm.sse import SseReader
from echotrace.providers.openai_api import base_of, is_vendor, named_in_refusal
from echotrace.providers.wire import SSE_ENDS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

    from typing_extensions import Self

    from echotrace.config.settings import Settings
    from echotrace.providers.llm.access import Access
    from echotrace.providers.llm.base import Exchange, Prompt, TokenEvent
    from echotrace.providers.wire import Wire

__all__ = ["OpenAiProvider"]

_PATH: Final = "/chat/completions"
_USAGE: Final = "stream_options"
_LIMITS: Final = ("max_tokens", "max_completion_tokens")


class OpenAiProvider(RemoteProvider):
    """A model behind an OpenAI-compatible address, such as vLLM's, llama.cpp's or a router's.

    The address is ``llm.base_url``, else ``OPENAI_BASE_URL``, else the vendor's. Elsewhere than at
    the vendor's the first model of the server's list is asked where none is named.
    """

    name = "openai"
    ends: ClassVar[tuple[bytes, ...]] = SSE_ENDS

    def __init__(self, access: Access) -> None:
        self._base = base_of(access.address.url, _PATH)
        self._with_usage = True
        self._limit = _LIMITS[is_vendor(access.address)]
        self._settled: set[str] = set()
        super().__init__(access)

    @classmethod
    def create(
        cls, model: str | None, settings: Settings, *, environ: Mapping[str, str] | None = None
    ) -> Self:
        """Make the provider from settings, environment and secrets; nothing is opened."""
        return cls(access("openai", settings, model, environ))

    def _connect(self, wire: Wire) -> None:
        httpx.URL(self._base)
        self._client = httpx.AsyncClient(**wire.client_options())

    async def _disconnect(self) -> None:
        await self._client.aclose()

    async def _ask(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[TokenEvent, None]:
        notes: list[str] = []
        while True:
            begun = self._client.stream(
                "POST",
                self._base + _PATH,
                json=self._body(prompt, max_tokens),
                headers=self._headers(),
            )
            async with begun as reply:
                exchange = self._current()
                if reply.status_code < 300:
                    yield self._sent("; ".join(notes))
                    async with aclosing(self._read(reply, exchange)) as events:
                        async for event in events:
                            yield event
                    return
                await reply.aread()
            refused = self._adapt(exchange)
            if refused is None:
                reply.raise_for_status()
            notes.append(_note(refused or "", exchange))

    async def _read(
        self, reply: httpx.Response, exchange: Exchange
    ) -> AsyncGenerator[TokenEvent, None]:
        pieces = cast("AsyncGenerator[bytes, None]", reply.aiter_raw())
        if exchange.content_type == "application/json":
            why = "the server answered with one JSON document"
            raise await document_error(pieces, self.target, why)
        lines, chunks, begun = SseReader(), ChunkReader(), False
        async with aclosing(pieces):
            async for piece in pieces:
                if not begun and (first := piece.lstrip()[:1]):
                    begun = True
                    if first in b"{[<":
                        why = "the server answered with one document"
                        raise await document_error(pieces, self.target, why, piece)
                for data in lines.feed(piece):
                    for event in _events(chunks, data, exchange.received_ns):
                        yield event
        for data in lines.end():
            for event in _events(chunks, data, exchange.received_ns):
                yield event

    async def _list_models(self, wire: Wire) -> tuple[str, ...]:
        async with httpx.AsyncClient(**wire.client_options()) as client:
            reply = await client.get(f"{self._base}/models", headers=self._headers())
            reply.raise_for_status()
            listed = reply.json()["data"]
        names = (str(item["id"]) for item in listed)
        return tuple(name for name in names if name.strip() and name.isprintable())

    def _headers(self) -> dict[str, str]:
        headers = {"accept": "application/json, text/event-stream"}
        if self.access.key is not None:
            headers["authorization"] = f"Bearer {self.access.key.reveal()}"
        return headers

    def _body(self, prompt: Prompt, max_tokens: int) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model or "",
            "messages": prompt.messages(),
            self._limit: max_tokens,
            "stream": True,
        }
        if self._with_usage:
            body[_USAGE] = {"include_usage": True}
        return body

    def _adapt(self, exchange: Exchange) -> str | None:
        """Give up the option that the server names in its refusal, each at most once."""
        wanted = [] if _USAGE in self._settled else [_USAGE]
        wanted += [] if "limit" in self._settled else [self._limit]
        named = named_in_refusal(exchange, wanted)
        if not named:
            return None
        if named[0] == _USAGE:
            self._settled.add(_USAGE)
            self._with_usage = False
            return _USAGE
        refused = self._limit
        self._settled.add("limit")
        self._limit = next(name for name in _LIMITS if name != refused)
        return refused


def _events(chunks: ChunkReader, data: bytes, at_ns: int) -> Iterator[TokenEvent]:
    if data.strip() == b"[DONE]":
        yield from chunks.complete(at_ns)
        return
    chunk = json.loads(data)
    if isinstance(chunk, dict):
        yield from chunks.events(chunk, at_ns)
    elif isinstance(chunk, str) and chunk:
        raise StreamError(chunk)


def _note(refused: str, exchange: Exchange) -> str:
    took = ""
    if exchange.sent_ns is not None and exchange.received_ns:
        took = f" after {(exchange.received_ns - exchange.sent_ns) / 1e6:.0f} ms"
    return f"asked again without {refused}, which the server refused ({exchange.status}){took}"
