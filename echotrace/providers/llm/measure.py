"""One timed request: from the events of a stream to its figures."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.providers.llm.failures import empty_answer, stalled

if TYPE_CHECKING:
    from echotrace.providers.llm.base import LlmProvider, TokenEvent

__all__ = ["Sample", "take_sample", "warm_up"]

_TOTAL_LIMITS = 3
_DRAIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The figures of one request, in milliseconds since the request began to go out.

    ``ttft_ms`` is the first token of any kind, ``ttfat_ms`` the first of the answer; ``total_ms``
    is None when the stream was cut while tokens still came. ``tokens`` is the server's count when
    ``tokens_counted``, else the number of streamed pieces. ``tokens_per_s`` is the pace after the
    first token, None below two tokens or when all came at once.
    """

    ttft_ms: float
    ttfat_ms: float | None
    total_ms: float | None
    tokens: int
    tokens_counted: bool
    tokens_per_s: float | None
    sent_ns: int
    first_ns: int
    last_ns: int


@dataclass(slots=True)
class _Progress:
    sent_ns: int | None = None
    first_ns: int | None = None
    first_answer_ns: int | None = None
    last_ns: int | None = None
    done_ns: int | None = None
    pieces: int = 0
    counted: int | None = None
    cut: bool = False

    def take(self, event: TokenEvent) -> None:
        if event.kind == "sent":
            self.sent_ns = event.at_ns
        elif event.kind == "done":
            self.done_ns = self.done_ns or event.at_ns
            self.counted = event.tokens if event.tokens is not None else self.counted
        elif event.kind != "role":
            self.pieces += 1
            self.last_ns = event.at_ns
            self.first_ns = self.first_ns or event.at_ns
            if event.kind == "answer":
                self.first_answer_ns = self.first_answer_ns or event.at_ns

    def sample(self) -> Sample | None:
        if self.sent_ns is None or self.first_ns is None or self.last_ns is None:
            return None
        counted = self.counted is not None and not self.cut
        tokens = self.counted if counted and self.counted is not None else self.pieces
        spread_s = (self.last_ns - self.first_ns) / 1e9
        paced = tokens > 1 and self.pieces > 1 and spread_s > 0
        return Sample(
            ttft_ms=(self.first_ns - self.sent_ns) / 1e6,
            ttfat_ms=_since(self.sent_ns, self.first_answer_ns),
            total_ms=_since(self.sent_ns, self.done_ns),
            tokens=tokens,
            tokens_counted=counted,
            tokens_per_s=(tokens - 1) / spread_s if paced else None,
            sent_ns=self.sent_ns,
            first_ns=self.first_ns,
            last_ns=self.last_ns,
        )


async def take_sample(
    provider: LlmProvider, *, prompt: str, system: str, max_tokens: int, limit_s: float
) -> Sample:
    """Ask once and time it.

    A stream that keeps sending tokens beyond three limits is cut; its time to the first token
    stands. After the model has finished, the rest of the reply gets a second to arrive, so that
    the connection can be used again.

    Args:
        provider: who is asked.
        prompt: the user's turn.
        system: the system prompt.
        max_tokens: how long the answer may become.
        limit_s: longest silence before the first token and between two.

    Raises:
        ProviderError: the request failed, went silent, broke off or brought no token.
    """
    progress = _Progress()
    if provider.simulated:
        async for event in provider.stream(prompt, system=system, max_tokens=max_tokens):
            progress.take(event)
    else:
        await _read(provider, progress, prompt, system, max_tokens, limit_s)
    sample = progress.sample()
    if sample is None:
        raise empty_answer(provider.name, provider.model or "")
    return sample


async def warm_up(provider: LlmProvider, *, limit_s: float) -> None:
    """Run the provider's warm-up within the limit.

    Raises:
        ProviderError: it failed or took longer.
    """
    import anyio

    with anyio.move_on_after(limit_s) as scope:
        await provider.warm_up()
    if scope.cancelled_caught:
        raise _silent(provider, _Progress(), limit_s)


async def _read(
    provider: LlmProvider,
    progress: _Progress,
    prompt: str,
    system: str,
    max_tokens: int,
    limit_s: float,
) -> None:
    import anyio

    end = anyio.current_time() + _TOTAL_LIMITS * limit_s
    with anyio.CancelScope(deadline=anyio.current_time() + limit_s) as scope:
        async with aclosing(
            provider.stream(prompt, system=system, max_tokens=max_tokens)
        ) as events:
            async for event in events:
                progress.take(event)
                now = anyio.current_time()
                if progress.done_ns is not None:
                    scope.deadline = now + _DRAIN_S
                elif event.kind in ("reasoning", "answer"):
                    scope.deadline = now + limit_s
                    if now > end:
                        progress.cut = True
                        break
    if scope.cancelled_caught and progress.done_ns is None:
        raise _silent(provider, progress, limit_s)


def _silent(provider: LlmProvider, progress: _Progress, limit_s: float) -> Exception:
    sample = progress.sample()
    return stalled(
        provider.name,
        provider.sent_to or "",
        limit_s=limit_s,
        tokens=progress.pieces,
        first_ms=None if sample is None else sample.ttft_ms,
    )


def _since(start_ns: int, end_ns: int | None) -> float | None:
    return None if end_ns is None else (end_ns - start_ns) / 1e6
