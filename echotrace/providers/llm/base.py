"""What every language model looks like to a probe: a Protocol, its events and its last exchange.

Kept free of any HTTP library, so that choosing a provider and running the mock load none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from echotrace.providers.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = [
    "PROBE_PROMPT",
    "SYSTEM_PROMPT",
    "WARM_UP_PROMPT",
    "EventKind",
    "Exchange",
    "LlmProvider",
    "TokenEvent",
]

SYSTEM_PROMPT = (
    "You are the voice agent of a bank's telephone line. Answer in one or two short spoken "
    "sentences, without lists or markup."
)
PROBE_PROMPT = "I have lost my card. What should I do first?"
WARM_UP_PROMPT = "Hello."

EventKind = Literal["sent", "role", "reasoning", "answer", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEvent:
    """One thing that happened in a streamed answer.

    ``sent`` comes first: the moment the request began to go out on an open connection. ``role``
    carries no token; ``reasoning`` and ``answer`` carry ``text``; ``done`` says that the model has
    finished, with the server's own count of ``tokens`` when it gives one. ``at_ns`` is
    ``time.perf_counter_ns()`` (CLOCK_MONOTONIC on Linux, the clock of the run's spans) of the bytes
    that carried the event, taken as they left the socket.
    """

    kind: EventKind
    at_ns: int
    text: str = ""
    tokens: int | None = None


class LlmProvider(Protocol):
    """A language model that can be timed; one request at a time.

    ``sent_to`` is the host that requests go to, None when nothing leaves the process. ``exchange``
    is the latest HTTP exchange; ``requests_sent`` counts those that went out. Whatever goes wrong
    in ``warm_up`` and ``stream`` is a :class:`echotrace.errors.ProviderError` whose text holds no
    secret.
    """

    @property
    def name(self) -> str:
        """The provider's name, such as ``groq``."""
        ...

    @property
    def model(self) -> str | None:
        """The model's name; None until it is known."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether the figures are made up; they never enter a score then."""
        ...

    @property
    def sent_to(self) -> str | None:
        """Host and port that requests go to."""
        ...

    @property
    def exchange(self) -> Exchange | None:
        """The latest HTTP exchange."""
        ...

    @property
    def requests_sent(self) -> int:
        """How many requests have gone out so far."""
        ...

    async def warm_up(self) -> None:
        """Open the connection and load the model with one tiny request."""
        ...

    def stream(
        self, prompt: str, *, system: str, max_tokens: int
    ) -> AsyncGenerator[TokenEvent, None]:
        """Ask once and yield what comes back as it comes."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...
