"""One timed synthesis: it is asked for and read here, and becomes a sample.

The sound is decoded and judged after the last byte has come, see ``received``.
"""

from __future__ import annotations

from contextlib import aclosing
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from echotrace.errors import EchoTraceError, ProviderError
from echotrace.model.probes import ServerTimes, TtsSample
from echotrace.providers.anatomy import phases_of
from echotrace.providers.taken import Due, Taken
from echotrace.providers.tts.failures import MAX_BYTES, broken_plugin, stalled, too_large
from echotrace.providers.tts.received import Judged, Received, judge, since_ms

if TYPE_CHECKING:
    from echotrace.providers.tts.base import Exchange, TtsProvider

__all__ = ["take_sample"]

_TOTAL_LIMITS: Final = 3


async def take_sample(
    provider: TtsProvider, *, text: str, limit_s: float, due: Due
) -> Taken[TtsSample]:
    """Ask once and time it; a request that failed is a sample too.

    Sound that still comes beyond three limits, or that lasts more than 60 s, is cut: the time of
    its first byte and its leading silence stand.

    ``ttfa_ms`` is ``ttfb_ms + leading_silence_ms``, what a player hears that begins with the first
    byte of sound; when the first audible sample of uncompressed sound came later than that, it is
    the time at which it came, and from 1 ms on the sample has the code ``TTS_STARVED``. Where noise
    hides the beginning the code is ``TTS_ONSET_ESTIMATED``. Both say why and leave it ``ok``, and
    so does ``TTS_NOT_ENDED`` of a program that had spoken and went on.

    Args:
        provider: who is asked.
        text: what is to be spoken.
        limit_s: longest silence before the first byte and between two.
        due: when this request is due, and which one it is.
    """
    received = Received()
    begun_ns = perf_counter_ns()
    error: ProviderError | None = None
    try:
        await _read(provider, received, text, limit_s)
    except ProviderError as fault:
        error = fault
    except EchoTraceError as fault:
        error = ProviderError(fault.what, why=fault.why, hint=fault.hint, code=fault.code)
    except Exception as fault:  # noqa: BLE001 - a contributor's provider can raise anything
        error = broken_plugin(provider.name, fault)
    given_up_ns = None if error is None else perf_counter_ns()
    exchange = provider.exchange
    if exchange is not None and exchange.started_ns < begun_ns:
        exchange = None  # of an earlier request
    if exchange is not None and received.sent_ns is None:
        received.sent_ns = exchange.sent_ns
    judged = Judged(error=error)
    if error is None:
        judged = await judge(
            received,
            name=_label(provider),
            pcm=provider.pcm,
            cut_after_s=_TOTAL_LIMITS * limit_s,
        )
        error = judged.error
    first_ns, last_ns = received.sound_ns()
    is_over = received.cut or received.done_ns is not None
    marks = (
        ("first_audio", first_ns),
        ("streaming", last_ns if is_over else None),
        ("done", received.done_ns),
    )
    status = "ok" if error is None else "cut" if error.code in _CUTS else "failed"
    told = [
        *([] if error is None else [(error.code, _reason(error))]),
        *judged.notes,
        *_remarks(provider),
    ]
    sample = TtsSample(
        index=due.index,
        cold=due.cold,
        status=status,
        start_ms=(due.due_ns - due.origin_ns) / 1e6,
        reused=_reused(provider, exchange),
        phases=phases_of(
            exchange,
            due_ns=due.due_ns,
            sent_ns=received.sent_ns,
            marks=marks,
            end_ns=given_up_ns,
        ),
        text=text,
        audio_bytes=len(received.body) or None,
        code=told[0][0] if told else None,
        reason="; ".join(reason for _, reason in told) or None,
        **_said(exchange),
        **judged.figures,
    )
    return Taken(sample=sample, error=error if status == "failed" else None)


_CUTS: Final = ("TTS_CUT", "TTS_TOO_LONG")


async def _read(provider: TtsProvider, received: Received, text: str, limit_s: float) -> None:
    import anyio

    end = anyio.current_time() + _TOTAL_LIMITS * limit_s
    with anyio.CancelScope(deadline=anyio.current_time() + limit_s) as scope:
        async with aclosing(provider.synthesize(text)) as events:
            async for event in events:
                received.take(event)
                now = anyio.current_time()
                scope.deadline = now + limit_s
                if len(received.body) > MAX_BYTES:
                    raise too_large(_label(provider))
                if event.kind == "audio" and now > end:
                    received.cut = True
                    break
    if scope.cancelled_caught and received.done_ns is None:
        first_ns = received.came[0][1] if received.came else None
        raise stalled(
            _label(provider),
            provider.sent_to,
            limit_s=limit_s,
            received=len(received.body),
            first_ms=since_ms(received.sent_ns, first_ns),
        )


def _said(exchange: Exchange | None) -> dict[str, Any]:
    """Return what the server said of itself.

    Its header was written before the reply's first byte, so that is what it is taken from.
    """
    if exchange is None:
        return {}
    said: dict[str, Any] = {"http_status": exchange.status, "request_id": exchange.request_id}
    if exchange.processing_ms is not None:
        source = exchange.processing_header or "a header"
        said["server"] = ServerTimes(source=source, total_ms=exchange.processing_ms)
        waited_ms = since_ms(exchange.sent_ns, exchange.first_byte_ns)
        if waited_ms is not None:
            said["network_ms"] = waited_ms - exchange.processing_ms
    return said


def _reused(provider: TtsProvider, exchange: Exchange | None) -> bool | None:
    """Return whether an open connection was used again; a program has none."""
    if provider.sent_to is None or exchange is None or exchange.sent_ns is None:
        return None
    return exchange.reused


def _remarks(provider: TtsProvider) -> list[tuple[str, str]]:
    """Return what a provider adds to a run that it has ended; see ``CommandSpeech.remark``."""
    remark = getattr(provider, "remark", None)
    return [] if remark is None else [remark]


def _label(provider: TtsProvider) -> str:
    """Return who made the sound: a program is known by its own name."""
    return provider.name if provider.sent_to else provider.model or provider.name


def _reason(error: ProviderError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what
