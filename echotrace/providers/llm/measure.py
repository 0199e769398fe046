"""One timed request: from the events of a stream to its sample."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from echotrace.errors import ProviderError
from echotrace.model.probes import LlmSample, ServerTimes
from echotrace.providers.anatomy import phases_of
from echotrace.providers.llm.failures import empty_answer, stalled
from echotrace.providers.llm.heard import Heard
from echotrace.providers.scrub import one_line, scrub
from echotrace.providers.taken import Due, Taken

if TYPE_CHECKING:
    from echotrace.providers.exchange import Exchange
    from echotrace.providers.llm.base import LlmProvider, Prompt

__all__ = ["take_sample"]

_TOTAL_LIMITS: Final = 3
_DRAIN_S: Final = 1.0
_SENTENCE_SHOWN: Final = 600


async def take_sample(
    provider: LlmProvider, *, prompt: Prompt, max_tokens: int, limit_s: float, due: Due
) -> Taken[LlmSample]:
    """Ask once and time it; a request that fails is a sample too, with the parts it got through.

    A stream that keeps sending tokens beyond three limits is cut; its time to the first token
    stands. After the model has finished, the rest of the reply gets a second to arrive, so that
    the connection can be used again. ``total_ms`` ends when the model said that it had finished.
    A request that the server refused for one option, and that was made again without it, says so
    in ``reason`` with the code ``LLM_ASKED_AGAIN``; the time of the refused one stands in
    ``queued`` and in no figure.

    Args:
        provider: who is asked; it is asked one thing at a time.
        prompt: what is asked.
        max_tokens: how long the answer may become.
        limit_s: longest silence before the first token and between two.
        due: which request this is, and when it was due.
    """
    before = provider.exchange
    heard = Heard()
    error: ProviderError | None = None
    try:
        await _read(provider, heard, prompt, max_tokens, limit_s)
        if heard.first_ns is None:
            error = empty_answer(provider.name, provider.model or "")
    except ProviderError as caught:
        error = caught
    given_up_ns = time.perf_counter_ns()
    exchange = provider.exchange
    if exchange is before:
        exchange = None  # nothing was sent this time
    sample = _sample(provider, heard, exchange, due, given_up_ns, error, limit_s)
    return Taken(sample=sample, error=error)


async def _read(
    provider: LlmProvider, heard: Heard, prompt: Prompt, max_tokens: int, limit_s: float
) -> None:
    if provider.name == "mock":  # only waits, and needs no library for that
        async for event in provider.stream(prompt, max_tokens=max_tokens):
            heard.take(event)
        return
    import anyio

    end = anyio.current_time() + _TOTAL_LIMITS * limit_s
    with anyio.CancelScope(deadline=anyio.current_time() + limit_s) as scope:
        async with aclosing(provider.stream(prompt, max_tokens=max_tokens)) as events:
            async for event in events:
                heard.take(event)
                now = anyio.current_time()
                if heard.done_ns is not None:
                    scope.deadline = now + _DRAIN_S
                elif event.kind in ("reasoning", "answer"):
                    scope.deadline = now + limit_s
                    if now > end:
                        heard.cut = True
                        break
    if scope.cancelled_caught and heard.done_ns is None:
        raise _silent(provider, heard, limit_s)


def _sample(
    provider: LlmProvider,
    heard: Heard,
    exchange: Exchange | None,
    due: Due,
    given_up_ns: int,
    error: ProviderError | None,
    limit_s: float,
) -> LlmSample:
    over = error is None and not heard.cut
    used = exchange is not None and exchange.sent_ns is not None
    http_status = exchange.status if exchange is not None else None
    request_id = exchange.request_id if exchange is not None else None
    start_ms = (due.due_ns - due.origin_ns) / 1e6
    reused = exchange.reused if used and exchange is not None else None
    phases = phases_of(
        exchange,
        due_ns=due.due_ns,
        sent_ns=heard.sent_ns,
        marks=heard.marks(exchange.ended_ns if exchange is not None else None, over=over),
        end_ns=None if over else given_up_ns,
    )
    if error is not None:
        return LlmSample(
            index=due.index,
            cold=due.cold,
            status="failed",
            start_ms=start_ms,
            reused=reused,
            phases=phases,
            http_status=http_status,
            request_id=request_id,
            code=error.code,
            reason=f"{error.what}: {error.why}" if error.why else error.what,
        )
    figures = heard.figures()
    server = heard.server or _by_header(exchange)
    code, reason = _remark(heard, limit_s)
    secrets = getattr(provider, "secrets", ())
    sentence = heard.sentence
    return LlmSample(
        index=due.index,
        cold=due.cold,
        status="cut" if heard.cut else "ok",
        start_ms=start_ms,
        reused=reused,
        phases=phases,
        total_ms=figures.total_ms,
        server=server,
        network_ms=_network_ms(heard, server, exchange, figures.total_ms),
        http_status=http_status,
        request_id=request_id,
        code=code,
        reason=reason,
        ttft_ms=figures.ttft_ms,
        ttfat_ms=figures.ttfat_ms,
        first_sentence_ms=figures.first_sentence_ms,
        first_sentence=None
        if sentence is None
        else one_line(scrub(sentence, secrets), _SENTENCE_SHOWN),
        tokens=figures.tokens,
        tokens_counted=figures.tokens_counted,
        prompt_tokens=heard.prompt_tokens,
        tokens_per_s=figures.tokens_per_s,
        token_gaps_ms=tuple(heard.gaps_ms),
    )


def _remark(heard: Heard, limit_s: float) -> tuple[str | None, str | None]:
    """Return code and reason of a sample that did not fail, where there is something to say."""
    if heard.cut:
        return "LLM_CUT", f"tokens still came after {_TOTAL_LIMITS * limit_s:g} s; it was cut there"
    if heard.note:
        return "LLM_ASKED_AGAIN", heard.note
    return None, None


def _by_header(exchange: Exchange | None) -> ServerTimes | None:
    if exchange is None or exchange.processing_ms is None:
        return None
    return ServerTimes(
        source=exchange.processing_header or "a header", total_ms=exchange.processing_ms
    )


def _network_ms(
    heard: Heard,
    server: ServerTimes | None,
    exchange: Exchange | None,
    total_ms: float | None,
) -> float | None:
    """Return our time less the server's own, signed: a server's clock may count what ours does not.

    A figure of the body covers the whole reply. One of a header was written before the reply
    streamed, so that it is set against our time to the first byte.
    """
    if server is None or server.total_ms is None:
        return None
    if heard.server is not None:
        return None if total_ms is None else total_ms - server.total_ms
    if exchange is None or exchange.sent_ns is None or exchange.first_byte_ns is None:
        return None
    return (exchange.first_byte_ns - exchange.sent_ns) / 1e6 - server.total_ms


def _silent(provider: LlmProvider, heard: Heard, limit_s: float) -> ProviderError:
    return stalled(
        provider.name,
        provider.sent_to or provider.name,
        limit_s=limit_s,
        tokens=heard.pieces,
        first_ms=heard.figures().ttft_ms,
    )
