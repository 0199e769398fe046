"""Reading the pieces of OpenAI-style streams, be they an SDK's objects or plain dictionaries.

No server keeps to one shape, so none is taken for granted: reasoning comes in ``reasoning``, in
``reasoning_content``, as parts of ``content``, or inside ``<think>`` of the content itself, or it
is only counted; counts and times come with the last piece, after it, or with every piece.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from echotrace.model.probes import ServerTimes
from echotrace.providers.llm.base import TokenEvent
from echotrace.providers.llm.thoughts import Thoughts

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ChunkReader", "StreamError", "cut_off", "error_in", "field_of", "milliseconds"]

_CUT_OFF: Final = frozenset(("length", "model_length", "max_tokens", "content_filter"))
"""The reasons with which servers end an answer that the model had not ended itself."""


class StreamError(Exception):
    """The server reported an error inside the stream; the text is the server's own."""


def field_of(item: Any, name: str) -> Any:
    """Return a field of a dictionary or of an object, None when it has none."""
    if isinstance(item, Mapping):
        return item.get(name)
    return getattr(item, name, None)


def milliseconds(value: Any, per_unit: float) -> float | None:
    """Return a server's figure in milliseconds, None when it is no sensible number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    scaled = float(value) * per_unit
    return scaled if 0 <= scaled < 1e9 else None


def cut_off(reason: Any) -> bool:
    """Whether a reason to finish says that the model was stopped before its answer was whole."""
    return isinstance(reason, str) and reason.lower() in _CUT_OFF


def error_in(chunk: Any) -> str | None:
    """Return the error that a chunk or a whole document reports, in the server's words."""
    extra = field_of(chunk, "x_groq")
    failed = field_of(chunk, "error") or field_of(extra, "error")
    if not failed and field_of(chunk, "object") == "error":
        failed = chunk
    if not failed:
        return None
    said = field_of(failed, "message")
    return said if isinstance(said, str) and said else str(failed)


class ChunkReader:
    """Turns the chunks of one stream into events; ``at_ns`` is when the chunk's bytes came."""

    def __init__(self) -> None:
        self._thoughts = Thoughts()
        self._finished = False
        self._seen = False
        self._usage: Any = None
        self._timings: Any = None

    @property
    def finished(self) -> bool:
        """Whether the model has said that it finished."""
        return self._finished

    def events(self, chunk: Any, at_ns: int) -> Iterator[TokenEvent]:
        """Yield what one chunk says.

        Raises:
            StreamError: it reports an error.
        """
        inner = field_of(chunk, "data")
        if isinstance(inner, Mapping) and field_of(chunk, "choices") is None:
            chunk = inner  # how the SDK hands on an event that has a name
        if (said := error_in(chunk)) is not None:
            raise StreamError(said)
        ended = truncated = False
        choices = field_of(chunk, "choices")
        for choice in choices if isinstance(choices, (list, tuple)) else ():
            yield from self._delta(field_of(choice, "delta"), at_ns)
            if reason := field_of(choice, "finish_reason"):
                ended = True
                truncated = truncated or cut_off(reason)
        if ended:
            yield from self._thoughts.rest()
            self._finished = True
        extra = field_of(chunk, "x_groq")
        told = self._note(chunk, extra)
        if ended or (told and self._finished):
            yield self._done(at_ns, truncated=truncated)

    def complete(self, at_ns: int) -> Iterator[TokenEvent]:
        """Yield what is left at the mark ``[DONE]``; it ends an answer that told no reason to."""
        yield from self._thoughts.rest()
        if self._seen and not self._finished:
            self._finished = True
            yield self._done(at_ns)

    def _delta(self, delta: Any, at_ns: int) -> Iterator[TokenEvent]:
        reasoning = field_of(delta, "reasoning") or field_of(delta, "reasoning_content")
        thought, answer = _parts(field_of(delta, "content"))
        thought = reasoning if isinstance(reasoning, str) and reasoning else thought
        if field_of(delta, "role") and not thought and not answer:
            yield TokenEvent(kind="role", at_ns=at_ns)
        self._seen = self._seen or bool(thought or answer)
        if thought:
            yield from self._thoughts.apart()
            yield TokenEvent(kind="reasoning", at_ns=at_ns, text=thought)
        if answer:
            yield from self._thoughts.feed(answer, at_ns)

    def _note(self, chunk: Any, extra: Any) -> bool:
        usage = field_of(extra, "usage") or field_of(chunk, "usage")
        timings = field_of(chunk, "timings")
        self._usage = usage or self._usage
        self._timings = timings or self._timings
        return bool(usage or timings)

    def _done(self, at_ns: int, *, truncated: bool = False) -> TokenEvent:
        tokens, reasoning = _written(self._usage)
        prompt = _count(field_of(self._usage, "prompt_tokens"))
        return TokenEvent(
            kind="done",
            at_ns=at_ns,
            tokens=tokens or _count(field_of(self._timings, "predicted_n")),
            prompt_tokens=_llama_prompt(self._timings) if prompt is None else prompt,
            reasoning_tokens=reasoning,
            server=_groq_times(self._usage) or _llama_times(self._timings),
            truncated=truncated,
        )


def _parts(content: Any) -> tuple[str, str]:
    """Return the reasoning and the answer in a piece of content: a text, or typed parts of one."""
    if isinstance(content, str):
        return "", content
    if not isinstance(content, (list, tuple)):
        return "", ""
    thought = answer = ""
    for part in content:
        kind = field_of(part, "type")
        text = field_of(part, "text")
        if kind == "thinking":
            inner = field_of(part, "thinking")
            thought += inner if isinstance(inner, str) else "".join(_parts(inner))
        elif isinstance(text, str):
            answer += text
    return thought, answer


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _written(usage: Any) -> tuple[int | None, int | None]:
    """Return how many tokens the model wrote, and how many of them were reasoning.

    OpenAI counts the reasoning within ``completion_tokens``. xAI counts it beside them, as its
    ``total_tokens`` shows (https://docs.x.ai/docs/key-information/consumption-and-rate-limits).
    """
    answer = _count(field_of(usage, "completion_tokens"))
    details = field_of(usage, "completion_tokens_details")
    reasoning = _count(field_of(details, "reasoning_tokens"))
    if answer is None or not reasoning:
        return answer, reasoning
    prompt = _count(field_of(usage, "prompt_tokens")) or 0
    beside = field_of(usage, "total_tokens") == prompt + answer + reasoning
    return answer + reasoning * (beside or reasoning > answer), reasoning


def _llama_prompt(timings: Any) -> int | None:
    """Return the length of the prompt by llama.cpp's times, None where they do not tell it.

    ``prompt_n`` counts only what was not in the cache, a single token when the same prompt is asked
    again; ``cache_n`` is the rest (https://github.com/ggml-org/llama.cpp, tools/server/README.md),
    which older servers do not give.
    """
    read, cached = (_count(field_of(timings, name)) for name in ("prompt_n", "cache_n"))
    return None if read is None or cached is None else read + cached


def _groq_times(usage: Any) -> ServerTimes | None:
    """Read Groq's times, in seconds.

    Its ``total_time`` is documented as prompt and completion together; the queue is added, unless
    the total holds it already.
    """
    queue, prompt, generation, total = (
        milliseconds(field_of(usage, name), 1e3)
        for name in ("queue_time", "prompt_time", "completion_time", "total_time")
    )
    if prompt is None and generation is None and total is None:
        return None
    parts = sum(part for part in (queue, prompt, generation) if part is not None)
    return ServerTimes(
        source="x_groq.usage",
        queue_ms=queue,
        prompt_ms=prompt,
        generation_ms=generation,
        total_ms=max(parts, total or 0.0),
    )


def _llama_times(timings: Any) -> ServerTimes | None:
    """Read llama.cpp's times, in milliseconds."""
    prompt = milliseconds(field_of(timings, "prompt_ms"), 1.0)
    generation = milliseconds(field_of(timings, "predicted_ms"), 1.0)
    if prompt is None or generation is None:
        return None
    return ServerTimes(
        source="timings",
        prompt_ms=prompt,
        generation_ms=generation,
        total_ms=prompt + generation,
    )
