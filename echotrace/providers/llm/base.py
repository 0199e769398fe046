"""What every language model looks like to a probe: a Protocol, its events and its last exchange.

Kept free of any HTTP library, so that choosing a provider and running the mock load none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from echotrace.model.probes import ServerTimes
from echotrace.providers.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from typing_extensions import Self

    from echotrace.config.settings import Settings

__all__ = [
    "BUILT_IN_PROMPT",
    "EventKind",
    "Exchange",
    "LlmProvider",
    "Prompt",
    "TokenEvent",
    "Turn",
]

EventKind = Literal["sent", "role", "reasoning", "answer", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of a conversation; ``role`` is user or assistant."""

    role: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a probe asks: the system prompt and the conversation so far, which ends with the user.

    ``source`` is built-in, file or call; ``system_source`` built-in or set.
    """

    system: str
    turns: tuple[Turn, ...]
    source: str = "built-in"
    system_source: str = "built-in"

    def messages(self) -> list[dict[str, str]]:
        """Return the messages as chat servers take them."""
        spoken = ({"role": turn.role, "content": turn.text} for turn in self.turns)
        return [{"role": "system", "content": self.system}, *spoken]


BUILT_IN_PROMPT = Prompt(
    system="You are the voice agent of a bank's telephone line. Answer in one or two short spoken "
    "sentences, without lists or markup.",
    turns=(Turn(role="user", text="I have lost my card. What should I do first?"),),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEvent:
    """One thing that happened in a streamed answer.

    ``sent`` comes first: the moment the request began to go out on an open connection; its ``text``
    may remark what a reader should know of the request. ``role``
    carries no token; ``reasoning`` and ``answer`` carry ``text``. A ``reasoning`` with
    ``all_reasoning`` says that what came as the answer before it was reasoning too, which some
    servers tell only at its end. ``done`` says that the model has
    finished, with the server's own count of ``tokens`` (those of the answer and of its reasoning),
    how many of them are ``reasoning_tokens``, that of ``prompt_tokens`` and its own times in
    ``server`` where it gives them; the first ``done`` is ``truncated`` when the answer was cut off
    in it, by the limit of tokens or by a filter. There may be several
    ``done`` events; what a later one knows is added. ``at_ns`` is ``time.perf_counter_ns()`` (the
    clock of the run's spans) of the bytes that carried the event, taken as they left the socket.
    """

    kind: EventKind
    at_ns: int
    text: str = ""
    tokens: int | None = None
    prompt_tokens: int | None = None
    reasoning_tokens: int | None = None
    server: ServerTimes | None = None
    truncated: bool = False
    all_reasoning: bool = False


class LlmProvider(Protocol):
    """A language model that can be timed; one request at a time.

    It is registered by an entry point of the group ``echotrace.llm``. ``sent_to`` is the host that
    requests go to, None when nothing leaves the process. ``exchange`` is the latest HTTP exchange,
    None for a provider that has none; ``requests_sent`` counts those that went out. Whatever goes
    wrong in ``check``, ``prepare`` and ``stream`` is a :class:`echotrace.errors.EchoTraceError`
    whose text holds no secret.
    """

    @classmethod
    def create(cls, model: str | None, settings: Settings) -> Self:
        """Make the provider for a model (None: its default); nothing is opened or sent.

        Raises:
            UsageError: the model's name is empty or impossible.
            ConfigError: an address, the certificates or the file of secrets cannot be used.
        """
        ...

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

    def check(self) -> None:
        """Raise now what already stands against asking: no key, or ``--offline``.

        Raises:
            ProviderError: the provider cannot be asked.
        """
        ...

    async def prepare(self) -> None:
        """Find out what the first request needs, over a connection of its own that is closed again.

        Ollama asks for the name of a model here when none was named; most do nothing.
        """
        ...

    def stream(self, prompt: Prompt, *, max_tokens: int) -> AsyncGenerator[TokenEvent, None]:
        """Ask once and yield what comes back as it comes."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...
