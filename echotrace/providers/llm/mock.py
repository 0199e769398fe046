"""The mock: a stand-in that takes a plausible time, so that a run without a key shows every part.

Its figures are made up, labelled [MOCK] wherever they stand, and never scored.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from echotrace.providers.llm.base import Exchange, TokenEvent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from typing_extensions import Self

    from echotrace.config.settings import Settings
    from echotrace.providers.llm.base import Prompt

__all__ = ["MockProvider"]

TTFT_RANGE_MS = (800.0, 2000.0)
_TOKEN_GAP_MS = 20.0
_ANSWER = "I can block the card."


class MockProvider:
    """Draws each time to the first token from a seeded generator and really waits for it.

    Args:
        seed: the same seed gives the same draws.
        ttft_range_ms: smallest and largest draw.
    """

    name = "mock"
    model: str | None = None
    simulated = True
    sent_to: str | None = None
    exchange: Exchange | None = None
    requests_sent = 0

    def __init__(self, *, seed: int, ttft_range_ms: tuple[float, float] = TTFT_RANGE_MS) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a simulation, nothing secret
        self._range_ms = ttft_range_ms

    @classmethod
    def create(
        cls, model: str | None, settings: Settings, *, environ: Mapping[str, str] | None = None
    ) -> Self:
        """Make the mock with the seed of the settings; it has no models."""
        del model, environ
        return cls(seed=settings.llm.mock_seed)

    def draw_ms(self) -> float:
        """Return the next simulated time to the first token."""
        return self._random.uniform(*self._range_ms)

    def check(self) -> None:
        """Do nothing: the mock can always be asked."""

    async def prepare(self) -> None:
        """Do nothing: there is no connection."""

    async def stream(self, prompt: Prompt, *, max_tokens: int) -> AsyncGenerator[TokenEvent, None]:
        """Wait for the drawn time, then yield a fixed answer word by word."""
        del prompt
        yield TokenEvent(kind="sent", at_ns=time.perf_counter_ns())
        await asyncio.sleep(self.draw_ms() / 1e3)
        whole = _ANSWER.split()
        words = whole[:max_tokens]
        for word in words:
            yield TokenEvent(kind="answer", at_ns=time.perf_counter_ns(), text=f"{word} ")
            await asyncio.sleep(_TOKEN_GAP_MS / 1e3)
        yield TokenEvent(
            kind="done",
            at_ns=time.perf_counter_ns(),
            tokens=len(words),
            truncated=len(words) < len(whole),
        )

    async def close(self) -> None:
        """Do nothing: there is no connection."""
