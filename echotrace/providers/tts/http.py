"""What the synthesisers behind an address have in common: one request, streamed and stamped.

A request is made once: a repeated one would hide the failure and distort the time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from echotrace.config.secrets import Secret
from echotrace.errors import ProviderError
from echotrace.providers.address import Address
from echotrace.providers.failures import Target, said_by, unknown_model
from echotrace.providers.scrub import scrub
from echotrace.providers.tts.base import AudioEvent, Exchange, PcmFormat
from echotrace.providers.tts.failures import MAX_BYTES, TTS, explain, not_audio, offline_error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from echotrace.providers.wire import Wire

__all__ = ["HttpSpeech", "SpeechClient", "SpeechServer"]

_LIST_LIMIT_S: Final = 5.0
_MAX_QUOTED: Final = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechServer:
    """Who is asked and how: what the settings and the environment say, before anything is opened.

    ``format`` is the form of sound that is asked for; ``key`` is kept out of ``repr``.
    """

    provider: str
    model: str
    voice: str
    format: str
    pcm: PcmFormat | None
    address: Address
    key_name: str
    key_needed: bool
    key_hint: str
    timeout_s: float
    offline: bool
    key: Secret | None = field(repr=False)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What may stand in no text."""
        return () if self.key is None else (self.key,)


class SpeechClient(ABC):
    """One server's API over a wire."""

    def __init__(self, server: SpeechServer) -> None:
        from echotrace.providers.wire import Wire, refused_address

        self.server = server
        with refused_address(server.provider, server.address):
            self.wire: Wire = Wire(
                timeout_s=server.timeout_s,
                offline=server.offline,
                tls=server.address.url.startswith("https:"),
                secrets=server.secrets,
                max_reply_bytes=MAX_BYTES,
            )
            self.open()
        self.wire.guard_logs()

    @abstractmethod
    def open(self) -> None:
        """Make the client on top of the wire; no connection is opened."""

    @abstractmethod
    def speak(self, text: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Ask once; inside, the reply's body comes piece by piece. A refusal raises."""

    @abstractmethod
    async def model_names(self) -> tuple[str, ...]:
        """Return the names of the server's models."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connections."""


class HttpSpeech(ABC):
    """A synthesiser behind an address; see ``TtsProvider``."""

    def __init__(self, server: SpeechServer) -> None:
        self._server = server
        self._client: SpeechClient | None = None
        self._sent_before = 0
        self.name = server.provider
        self.model = server.model
        self.voice = server.voice
        self.pcm = server.pcm
        self.sent_to = server.address.shown
        self._target = Target(
            kind=TTS,
            provider=server.provider,
            model=server.model,
            host=server.address.shown,
            timeout_s=server.timeout_s,
            key_name=server.key_name,
            secrets=server.secrets,
        )

    @abstractmethod
    def _connect(self) -> SpeechClient:
        """Make the client; it loads the HTTP library."""

    @property
    def exchange(self) -> Exchange | None:
        """The latest HTTP exchange."""
        return None if self._client is None else self._client.wire.exchange

    @property
    def requests_sent(self) -> int:
        """How many texts have gone out so far."""
        sent = 0 if self._client is None else self._client.wire.requests_sent
        return self._sent_before + sent

    def check(self) -> None:
        """Raise now what stands against asking: ``--offline``, or no key."""
        server = self._server
        if server.offline and not server.address.loopback:
            raise offline_error(self.name, server.address.shown)
        if server.key is None and server.key_needed:
            raise ProviderError(
                f"{self.name} has no key",
                why=f"{server.key_name} is neither in the environment nor among the stored secrets",
                hint=server.key_hint,
                code="TTS_KEY_MISSING",
            )

    def connect(self) -> None:
        """Load the HTTP library and make the client, so that no probe waits for that.

        Raises:
            ConfigError: the library refuses the address or the certificates.
        """
        if self._client is None:
            self._client = self._connect()

    async def synthesize(self, text: str) -> AsyncGenerator[AudioEvent, None]:
        """Ask once and yield what comes back as it comes.

        Raises:
            ProviderError: whatever went wrong, named.
        """
        self.connect()
        client = self._client
        assert client is not None
        client.wire.exchange = None
        fault: Exception | None = None
        try:
            async with client.speak(text) as body:
                exchange = self.exchange
                if exchange is None:
                    raise RuntimeError("the SDK answered without a request")
                yield AudioEvent(kind="sent", at_ns=exchange.sent_ns or exchange.started_ns)
                if exchange.content_type.endswith("json"):
                    raise await self._no_sound(exchange, body)
                async for data in body:
                    if data:
                        yield AudioEvent(kind="audio", at_ns=exchange.received_ns, data=data)
                yield AudioEvent(kind="done", at_ns=exchange.ended_ns or perf_counter_ns())
        except Exception as error:  # noqa: BLE001 - a server's data can make an SDK raise anything
            fault = error
        if fault is not None:  # outside the handler, so that no request hangs on to the error
            raise await self._explain(fault)

    async def close(self) -> None:
        """Close the connections; the provider may be asked again."""
        client, self._client = self._client, None
        if client is not None:
            self._sent_before += client.wire.requests_sent
            await client.aclose()

    async def _no_sound(self, exchange: Exchange, body: AsyncIterator[bytes]) -> ProviderError:
        """Read what the server says in place of sound."""
        said = bytearray()
        async for data in body:
            said += data
            if len(said) > _MAX_QUOTED:
                break
        exchange.body = scrub(said[:_MAX_QUOTED].decode("utf-8", "replace"), self._server.secrets)
        why = "the server answered with one JSON document"
        text = said_by(exchange, self._server.secrets)
        return not_audio(self.name, f"{why}: {text}" if text else why)

    async def _explain(self, fault: Exception) -> ProviderError:
        error = explain(fault, self.exchange, self._target)
        if error.code == "TTS_MODEL_UNKNOWN":
            error = unknown_model(self._target, await self._model_names())
        return error

    async def _model_names(self) -> tuple[str, ...]:
        import anyio

        client = self._client
        names: tuple[str, ...] = ()
        if client is None:
            return names
        failed, sent = client.wire.exchange, client.wire.requests_sent
        with anyio.move_on_after(min(_LIST_LIMIT_S, self._server.timeout_s)):
            try:
                names = await client.model_names()
            except Exception:  # noqa: BLE001 - the list only helps a message; any failure means none
                names = ()
        client.wire.exchange = failed
        self._sent_before += sent - client.wire.requests_sent  # no text went out with it
        return names
