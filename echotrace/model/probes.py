"""What probing a service leaves: every request with the parts of its time, and the figures of all.

All ``*_ms`` of a request count from the moment its probe was due (``Phase.start_ms``), or from the
moment its request began to go out on an open connection (the figures such as ``ttft_ms``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from echotrace.model.conversation import Percentiles
from echotrace.model.measure import Measurement

__all__ = [
    "PHASES",
    "LlmProbe",
    "LlmSample",
    "Phase",
    "ProbeFailure",
    "Probes",
    "RequestSample",
    "ServerTimes",
    "TtsProbe",
    "TtsSample",
]

PHASES = (
    "queued",
    "dns",
    "connect",
    "tls",
    "request_sent",
    "waiting",
    "first_token",
    "reasoning",
    "first_audio",
    "streaming",
    "done",
)
"""The parts of a request in their order; a request has those that happened in it.

``queued`` lasts until the client begins to connect or to send, ``waiting`` from the request's last
byte to the reply's first one, ``first_token`` from there to the first token of any kind,
``reasoning`` from the first token to the first of the answer when the model thought before it,
``first_audio`` from the reply's first byte to the first byte of sound, ``streaming`` to the last
token or the last byte of sound, ``done`` to the end of the reply.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One part of a request; the parts follow each other without a gap."""

    name: str
    start_ms: float
    duration_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTimes:
    """What the server itself says it took; ``source`` names the field or header it says it in.

    ``prompt_ms`` is reading the prompt, ``generation_ms`` writing the answer, ``load_ms`` loading
    the model, ``queue_ms`` waiting at the server; ``total_ms`` all of it.
    """

    source: str
    queue_ms: float | None = None
    load_ms: float | None = None
    prompt_ms: float | None = None
    generation_ms: float | None = None
    total_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSample:
    """One request of a probe, whether it was answered or not.

    ``index`` counts them in the order in which they were due; the ``cold`` one, which opened the
    connection and warmed the model up, enters no figure. ``status`` is ok, cut (the answer went on
    beyond the limit) or failed. ``code`` and ``reason`` say why, and of an ok one what is to be
    known of it (it had to be asked again in other words). ``start_ms`` is since the first probe
    was due. ``reused`` tells whether an open connection was used again, None when none was used.
    ``network_ms`` is our time to the end of the reply (to its first byte, where a header tells the
    server's) less the server's own, signed; None where the server says nothing.
    """

    index: int
    cold: bool
    status: str
    start_ms: float
    reused: bool | None = None
    phases: tuple[Phase, ...] = ()
    total_ms: float | None = None
    server: ServerTimes | None = None
    network_ms: float | None = None
    http_status: int | None = None
    request_id: str | None = None
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmSample(RequestSample):
    """One request to a language model.

    ``ttft_ms`` is the first token of any kind, ``ttfat_ms`` the first of the answer,
    ``first_sentence_ms`` the moment the answer's first sentence was whole: what a TTS can start
    with; None when the answer was cut off before. ``tokens`` is the server's own count, with
    reasoning that was never streamed, when ``tokens_counted``, else that of the streamed pieces.
    ``tokens_per_s`` is the pace of what was streamed after the first read; None below two tokens or
    when more than half came in one read. ``token_gaps_ms`` are the waits between one read of the
    stream that brought pieces and the next: pieces of one read have none between them, so that
    there may be fewer gaps than pieces, and each is as long as the network bundled it.
    """

    ttft_ms: float | None = None
    ttfat_ms: float | None = None
    first_sentence_ms: float | None = None
    first_sentence: str | None = None
    tokens: int | None = None
    tokens_counted: bool = False
    prompt_tokens: int | None = None
    tokens_per_s: float | None = None
    token_gaps_ms: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TtsSample(RequestSample):
    """One request to a speech synthesiser.

    ``ttfb_ms`` is the first byte of sound, ``leading_silence_ms`` how long the returned sound
    begins without being audible, ``ttfa_ms`` both together, or when the first audible sample came
    if that was later; ``rtf`` the time to the last byte over
    the length of the sound.
    """

    text: str = ""
    ttfb_ms: float | None = None
    leading_silence_ms: float | None = None
    ttfa_ms: float | None = None
    audio_s: float | None = None
    audio_bytes: int | None = None
    audio_format: str | None = None
    rtf: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFailure:
    """A kind of failure and how often it was met; ``code`` is stable and in capitals."""

    code: str
    count: int
    reason: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmProbe:
    """Streaming latency of a language model; ``simulated`` marks the mock.

    The figures are medians over the warm requests that were answered, ``percentiles`` their
    distributions by the same names (``ttft_ms``, ``ttfat_ms``, ``first_sentence_ms``, ``total_ms``,
    ``token_gap_ms``, ``network_ms``). ``warm_up_ms`` is the whole cold request with the set-up of
    its connection, ``cold_ttft_ms`` its time to the first token. ``asked`` counts the warm requests
    that were wanted, ``samples`` holds all that were made, the cold one first. ``prompt_source`` is
    built-in, file or call; ``system_source`` built-in or set.
    """

    provider: str
    model: str | None
    simulated: bool
    ttft_ms: Measurement
    warm_up_ms: Measurement
    total_ms: Measurement
    tokens_per_s: Measurement
    ttfat_ms: Measurement | None = None
    first_sentence_ms: Measurement | None = None
    token_gap_ms: Measurement | None = None
    network_ms: Measurement | None = None
    cold_ttft_ms: Measurement | None = None
    percentiles: dict[str, Percentiles] = field(default_factory=dict)
    asked: int = 0
    concurrency: int = 1
    samples: tuple[LlmSample, ...] = ()
    samples_ms: tuple[float, ...] = ()
    failures: tuple[ProbeFailure, ...] = ()
    prompt_source: str = "built-in"
    system_source: str = "built-in"
    sent_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TtsProbe:
    """Latency of a speech synthesiser; the figures and samples are like those of ``LlmProbe``.

    ``audio_format`` says what came back, such as ``wav, 24,000 Hz, 1 channel``; ``text_source`` is
    built-in, flag or llm (the first sentences that the probed language model answered).
    """

    provider: str
    model: str | None
    voice: str | None
    ttfb_ms: Measurement
    leading_silence_ms: Measurement
    ttfa_ms: Measurement
    rtf: Measurement
    total_ms: Measurement
    warm_up_ms: Measurement
    percentiles: dict[str, Percentiles] = field(default_factory=dict)
    asked: int = 0
    concurrency: int = 1
    samples: tuple[TtsSample, ...] = ()
    samples_ms: tuple[float, ...] = ()
    failures: tuple[ProbeFailure, ...] = ()
    text_source: str = "built-in"
    audio_format: str | None = None
    sent_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """Probes of services outside the recording."""

    llm: LlmProbe | None = None
    tts: TtsProbe | None = None
