"""What all engines behind an address have in common: sending pieces, timing, and giving up.

A request is made once: a repeated one would hide the failure and distort the time. A piece counts
from the moment its request goes out on an open connection until the reply is whole; setting the
connection up is a span of its own.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from echotrace.config.secrets import Secret
from echotrace.errors import ProviderError, UsageError
from echotrace.model.measure import Finding, Severity
from echotrace.providers.address import Address
from echotrace.providers.failures import Target, unknown_model
from echotrace.providers.stt.base import (
    IsStopped,
    SttStopped,
    Transcript,
    join_texts,
    never_stopped,
)
from echotrace.providers.stt.failures import STT, explain, stalled
from echotrace.providers.stt.pieces import Piece, PieceLimits
from echotrace.providers.stt.reply import Heard, read_reply
from echotrace.providers.stt.upload import Upload, pack

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping

    from echotrace.model.measure import JsonValue
    from echotrace.model.report import TranscriptSegment, Word
    from echotrace.providers.exchange import Exchange
    from echotrace.providers.stt.loop_thread import LoopThread
    from echotrace.providers.wire import Wire
    from echotrace.telemetry import TelemetryCollector

__all__ = ["MAX_REPLY_BYTES", "Remote", "RemoteClient", "RemoteEngine"]

MAX_REPLY_BYTES: Final = 32 << 20
_LIST_LIMIT_S: Final = 5.0
_WITH_TIMES: Final = (
    "groq:whisper-large-v3-turbo",
    "openai:whisper-1",
    "faster-whisper:small",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Who is asked and how: what the settings and the environment say, before anything is opened.

    ``language`` is the code that is sent, None to let the server guess.
    """

    provider: str
    model: str
    address: Address
    key: Secret | None
    key_name: str
    key_needed: bool
    key_hint: str
    language: str | None
    timeout_s: float
    offline: bool


class RemoteClient(ABC):
    """One server's API over a wire; it lives in the event loop of its engine."""

    wire: Wire

    @property
    def exchange(self) -> Exchange | None:
        """The latest HTTP exchange."""
        return self.wire.exchange

    @abstractmethod
    async def transcribe(self, upload: Upload, *, plain: bool) -> bytes:
        """Send audio, and return the reply's body; ``plain`` asks for the text alone."""

    @abstractmethod
    async def model_names(self) -> tuple[str, ...]:
        """Return the names of the server's models."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""

    def refuses_times(self, exchange: Exchange) -> bool:
        """Whether the server said that it gives no times, and may be asked for the text alone."""
        del exchange
        return False


class RemoteEngine(ABC):
    """A recogniser behind an address.

    ``load`` only makes the client, so that it returns 0.0 and has no span: nothing is loaded on
    this machine, and when the server loads its model nobody is told.
    """

    limits = PieceLimits(max_s=300.0)
    note: str | None = None
    times_by_attention = True
    times_expected = True

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self.name = f"{remote.provider}:{remote.model}"
        self.sent_to: str | None = remote.address.shown
        self._target = Target(
            kind=STT,
            provider=remote.provider,
            model=remote.model,
            host=remote.address.shown,
            timeout_s=remote.timeout_s,
            key_name=remote.key_name,
            secrets=(remote.key,) if remote.key else (),
        )
        self._loop: LoopThread | None = None
        self._client: RemoteClient | None = None
        self._plain = not self.times_expected

    @abstractmethod
    def _connect(self) -> RemoteClient:
        """Make the client; it opens no connection yet."""

    def identity(self) -> Mapping[str, JsonValue]:
        """Return the address, the model and the options; a server's own version is not known."""
        remote = self._remote
        return {
            "provider": remote.provider,
            "address": remote.address.url,
            "model": remote.model,
            "language": remote.language,
            "temperature": 0,
            "pieces": [self.limits.max_s, self.limits.pad_s, self.limits.search_s],
        }

    def check(self) -> None:
        """Raise now if the server may not be asked, or cannot be without a key.

        Raises:
            UsageError: ``--offline`` forbids the connection.
            ProviderError: there is no key.
        """
        remote = self._remote
        if remote.offline and not remote.address.loopback:
            raise UsageError(
                f"--offline forbids sending audio to {remote.address.shown}, "
                f"which {self.name} would do",
                hint="leave out --offline, or name an engine of this machine: "
                "--stt faster-whisper:tiny",
                code="STT_OFFLINE",
            )
        if remote.key is None and remote.key_needed:
            raise ProviderError(
                f"{self.name} has no key",
                why=f"{remote.key_name} is neither in the environment nor among the stored secrets",
                hint=remote.key_hint,
                code="STT_KEY_MISSING",
            )

    def load(self, collector: TelemetryCollector) -> float:
        """Make the client; the import of its library has a span ``engine_import``."""
        self.check()
        self.close()
        with collector.span("engine_import", engine=self.name):
            from echotrace.providers.stt.loop_thread import LoopThread

            client = self._connect()
        self._client, self._loop = client, LoopThread()
        return 0.0

    def warm_up(self, collector: TelemetryCollector) -> float:
        """Open the connection by asking for the list of models; no audio is sent.

        What the list says does not matter, for a key may be good for transcription alone.
        """
        client, _ = self._ready()
        with collector.span("warm_up", engine=self.name, sent_to=self.sent_to):
            begun_ns = perf_counter_ns()
            client.wire.exchange = None
            fault: Exception | None = None
            try:
                self._run(client.model_names(), never_stopped)
            except Exception as error:  # noqa: BLE001 - see _request
                fault = error
            exchange = client.exchange
            if fault is not None and (exchange is None or exchange.status is None):
                raise self._explain(fault, exchange, 0)
            return (perf_counter_ns() - begun_ns) / 1e6

    def transcribe(
        self,
        pieces: Iterable[Piece],
        collector: TelemetryCollector,
        *,
        is_stopped: IsStopped = never_stopped,
    ) -> Transcript:
        """Send piece by piece; see ``SttEngine``. A request in flight is given up when stopped."""
        texts: list[str] = []
        words: list[Word] = []
        segments: list[TranscriptSegment] = []
        audio_s = inference_ms = 0.0
        sent_bytes = left_out = 0
        language = None
        for piece in pieces:
            joined = piece.read()
            if not len(joined.samples):
                continue
            if is_stopped():
                raise SttStopped
            upload = pack(joined)
            body, exchange, requests = self._send(upload, collector, is_stopped)
            heard: Heard = read_reply(body, joined, self._target)
            inference_ms += _request_ms(exchange)
            audio_s += joined.duration_s
            sent_bytes += len(upload.body) * requests
            left_out += heard.left_out
            language = language or heard.language
            texts.append(heard.text)
            words += heard.words
            segments += heard.segments
        return Transcript(
            text=join_texts(texts),
            words=tuple(words),
            segments=tuple(segments),
            audio_s=audio_s,
            inference_ms=inference_ms,
            language=language,
            sent_bytes=sent_bytes,
            findings=self._findings(has_text=any(texts), words=words, left_out=left_out),
        )

    def close(self) -> None:
        """Close the connections and end the thread of the requests."""
        client, self._client = self._client, None
        loop, self._loop = self._loop, None
        if loop is None:
            return
        try:
            if client is not None:
                loop.run(asyncio.wait_for(client.close(), 1.0), never_stopped)
        except Exception:  # noqa: BLE001, S110 - nothing more is expected of the server
            pass
        finally:
            loop.close()

    def _ready(self) -> tuple[RemoteClient, LoopThread]:
        if self._client is None or self._loop is None:
            raise RuntimeError("the engine is not loaded")
        return self._client, self._loop

    def _run(self, work: Coroutine[Any, Any, Any], is_stopped: IsStopped) -> Any:
        _, loop = self._ready()
        return loop.run(asyncio.wait_for(work, self._remote.timeout_s), is_stopped)

    def _send(
        self, upload: Upload, collector: TelemetryCollector, is_stopped: IsStopped
    ) -> tuple[bytes, Exchange, int]:
        """Send one piece; return the body, the exchange, and how often the audio went out."""
        client, _ = self._ready()
        try:
            return (*self._request(upload, collector, is_stopped), 1)
        except ProviderError:
            exchange = client.exchange
            if self._plain or exchange is None or not client.refuses_times(exchange):
                raise
        self._plain = True
        return (*self._request(upload, collector, is_stopped), 2)

    def _request(
        self, upload: Upload, collector: TelemetryCollector, is_stopped: IsStopped
    ) -> tuple[bytes, Exchange]:
        client, _ = self._ready()
        begun_ns = perf_counter_ns()
        client.wire.exchange = None
        fault: Exception | None = None
        body = b""
        try:
            body = self._run(client.transcribe(upload, plain=self._plain), is_stopped)
        except SttStopped:
            self._record(collector, upload, begun_ns, "cancelled")
            raise
        except Exception as error:  # noqa: BLE001 - a server's data can make an SDK raise anything
            fault = error
        exchange = client.exchange
        if fault is None and exchange is not None:
            self._record(collector, upload, begun_ns, "ok")
            return body, exchange
        self._record(collector, upload, begun_ns, "failed")
        raise self._explain(
            fault or RuntimeError("no request was made"), exchange, len(upload.body)
        )

    def _explain(
        self, fault: Exception, exchange: Exchange | None, sent_bytes: int
    ) -> ProviderError:
        if isinstance(fault, (asyncio.TimeoutError, TimeoutError)) and _is_silent(exchange):
            return stalled(self._target)
        error = explain(fault, exchange, self._target, sent_bytes=sent_bytes)
        if error.code == "STT_MODEL_UNKNOWN":
            error = unknown_model(self._target, self._model_names())
        return error

    def _model_names(self) -> tuple[str, ...]:
        client, loop = self._ready()
        try:
            return loop.run(asyncio.wait_for(client.model_names(), _LIST_LIMIT_S), never_stopped)
        except Exception:  # noqa: BLE001 - the list only helps a message; any failure means none
            return ()

    def _record(
        self, collector: TelemetryCollector, upload: Upload, begun_ns: int, status: Any
    ) -> None:
        """Keep the request as a span, and the set-up of its connection as one before it."""
        client, _ = self._ready()
        exchange = client.exchange
        now_ns = perf_counter_ns()
        start_ns, end_ns = begun_ns, now_ns
        more: dict[str, Any] = {}
        tls: dict[str, Any]
        if exchange is not None:
            if exchange.sent_ns is not None:
                start_ns = exchange.sent_ns
            if status == "ok":
                end_ns = max(start_ns, exchange.received_ns)
            if exchange.connect_ms is not None:
                tls_ms = exchange.tls_ms
                tls = {} if tls_ms is None else {"tls_ms": round(tls_ms, 3)}
                collector.record(
                    "connect",
                    start_ns=exchange.started_ns,
                    end_ns=max(exchange.started_ns, start_ns),
                    sent_to=self.sent_to,
                    connect_ms=round(exchange.connect_ms, 3),
                    **tls,
                )
            found = {
                "http_status": exchange.status,
                "request_id": exchange.request_id,
                "server_ms": exchange.processing_ms,
                "upload_ms": _between_ms(exchange.sent_ns, exchange.uploaded_ns),
            }
            more = {key: value for key, value in found.items() if value is not None}
        collector.record(
            "inference",
            start_ns=start_ns,
            end_ns=end_ns,
            status=status,
            engine=self.name,
            sent_to=self.sent_to,
            audio_s=upload.audio_s,
            bytes=len(upload.body),
            **more,
        )

    def _findings(self, *, has_text: bool, words: list[Word], left_out: int) -> tuple[Finding, ...]:
        findings = []
        timed = any(word.start_s is not None for word in words)
        if has_text and not timed and not left_out:
            findings.append(
                Finding(
                    code="STT_NO_TIMES",
                    severity=Severity.INFO,
                    message=f"{self.name} gives no times of words, "
                    "so that their place in the recording is not known from it",
                    hint=self._advice(),
                )
            )
        if left_out:
            findings.append(
                Finding(
                    code="STT_TIMES_LEFT_OUT",
                    severity=Severity.WARNING,
                    message=f"{self.name} sent {left_out} words or times that cannot be right; "
                    + ("they were left out" if timed else "no time of a word is left"),
                    hint="the text stands as it was sent; look at the server's log",
                )
            )
        return tuple(findings)

    def _advice(self) -> str:
        """Say what to do about a server that sent no times: nothing that was just tried."""
        if self._plain:
            others = ", ".join(name for name in _WITH_TIMES if name != self.name)
            return f"name a model that gives them, such as {others}"
        return (
            "the server was asked for them (verbose_json, timestamp_granularities[]): look whether "
            f"{self._target.host} has a setting for times of words"
        )


def _is_silent(exchange: Exchange | None) -> bool:
    return exchange is None or exchange.status is None or exchange.status < 300


def _request_ms(exchange: Exchange) -> float:
    return _between_ms(exchange.sent_ns, exchange.received_ns) or 0.0


def _between_ms(start_ns: int | None, end_ns: int | None) -> float | None:
    if start_ns is None or end_ns is None or end_ns < start_ns:
        return None
    return round((end_ns - start_ns) / 1e6, 3)
