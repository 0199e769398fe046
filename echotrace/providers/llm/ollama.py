"""Ollama through its official SDK: newline-separated JSON from ``/api/chat``."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar

from echotrace.errors import ProviderError
from echotrace.model.probes import ServerTimes
from echotrace.providers.llm.access import access
from echotrace.providers.llm.base import TokenEvent
from echotrace.providers.llm.chunks import cut_off, milliseconds
from echotrace.providers.llm.failures import not_a_stream
from echotrace.providers.llm.ollama_sdk import ollama
from echotrace.providers.llm.remote import RemoteProvider
from echotrace.providers.llm.thoughts import Thoughts
from echotrace.providers.wire import LINE_ENDS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

    from typing_extensions import Self

    from echotrace.config.settings import Settings
    from echotrace.providers.llm.base import Prompt
    from echotrace.providers.wire import Wire

__all__ = ["OllamaProvider"]


class OllamaProvider(RemoteProvider):
    """A model that an Ollama server runs; without a name, the first one it lists.

    A key is for servers that want one; a plain Ollama does not.
    """

    name = "ollama"
    ends: ClassVar[tuple[bytes, ...]] = LINE_ENDS
    pulls_models = True

    @classmethod
    def create(
        cls, model: str | None, settings: Settings, *, environ: Mapping[str, str] | None = None
    ) -> Self:
        """Make the provider from settings, environment and secrets; nothing is opened."""
        return cls(access("ollama", settings, model, environ))

    def _connect(self, wire: Wire) -> None:
        self._client = self._client_over(wire)

    async def _disconnect(self) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped

    async def _ask(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[TokenEvent, None]:
        reply: Any = await self._client.chat(  # typed as a plain iterator by the SDK
            model=self.model or "",
            messages=prompt.messages(),
            options={"num_predict": max_tokens},
            stream=True,
        )
        thoughts, tokens, finished, parts_seen = Thoughts(), 0, False, 0
        async with aclosing(reply) as parts:
            async for part in parts:
                at_ns = self._current().received_ns
                parts_seen += 1
                if parts_seen == 1:
                    yield self._sent()
                for event in _events(part, at_ns, thoughts):
                    finished = finished or event.kind == "done"
                    tokens += event.kind in ("reasoning", "answer")
                    yield event
                if tokens == 1 and finished and max_tokens > 1 and parts_seen == 1:
                    raise not_a_stream(self.target, "the whole answer came in one piece")

    async def _list_models(self, wire: Wire) -> tuple[str, ...]:
        listed = await self._client_over(wire).list()
        return tuple(item.model for item in listed.models if item.model)

    def _client_over(self, wire: Wire) -> ollama.AsyncClient:
        key = self.access.key
        return ollama.AsyncClient(
            host=self.access.address.url,
            headers={} if key is None else {"authorization": f"Bearer {key.reveal()}"},
            **wire.client_options(),
        )

    def _has_no_model(self) -> ProviderError:
        return ProviderError(
            f"ollama at {self.sent_to} has no model",
            why="nothing has been pulled there yet",
            hint="ollama pull llama3.2:1b",
            code="LLM_MODEL_UNKNOWN",
        )


def _events(part: Any, at_ns: int, thoughts: Thoughts) -> Iterator[TokenEvent]:
    message = part.message
    if message.thinking:
        yield from thoughts.apart()
        yield TokenEvent(kind="reasoning", at_ns=at_ns, text=message.thinking)
    if message.content:
        yield from thoughts.feed(message.content, at_ns)
    elif not message.thinking and not part.done:
        yield TokenEvent(kind="role", at_ns=at_ns)
    if part.done:
        yield from thoughts.rest()
        yield TokenEvent(
            kind="done",
            at_ns=at_ns,
            tokens=part.eval_count,
            prompt_tokens=part.prompt_eval_count,
            server=_times(part),
            truncated=cut_off(part.done_reason),
        )


def _times(part: Any) -> ServerTimes | None:
    """Read Ollama's times, in nanoseconds; the total holds the load of the model."""
    load, prompt, generation, total = (
        milliseconds(getattr(part, f"{name}_duration", None), 1e-6)
        for name in ("load", "prompt_eval", "eval", "total")
    )
    if load is None and prompt is None and generation is None and total is None:
        return None
    return ServerTimes(
        source="ollama",
        load_ms=load,
        prompt_ms=prompt,
        generation_ms=generation,
        total_ms=total,
    )
