"""One timed synthesis: from the bytes of a reply to its figures.

The sound is decoded after the last byte has come, in a thread of its own, so that it delays no
other request.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from echotrace.errors import EchoTraceError, ProviderError
from echotrace.model.probes import ServerTimes, TtsSample
from echotrace.providers.anatomy import phases_of
from echotrace.providers.taken import Due, Taken
from echotrace.providers.tts.failures import (
    MAX_BYTES,
    broken_plugin,
    cut_short,
    empty,
    not_audio,
    silent,
    stalled,
    too_large,
    too_long,
)

if TYPE_CHECKING:
    from echotrace.providers.tts.base import AudioEvent, Exchange, TtsProvider
    from echotrace.providers.tts.sound import Sound

__all__ = ["take_sample"]

_TOTAL_LIMITS: Final = 3


@dataclass(slots=True)
class _Progress:
    sent_ns: int | None = None
    done_ns: int | None = None
    cut: bool = False
    body: bytearray = field(default_factory=bytearray)
    came: list[tuple[int, int]] = field(default_factory=list)
    """The length of the body after each piece, and when that piece came."""

    def take(self, event: AudioEvent) -> None:
        if event.kind == "sent":
            self.sent_ns = event.at_ns
        elif event.kind == "done":
            self.done_ns = event.at_ns
        elif event.data:
            self.body += event.data
            self.came.append((len(self.body), event.at_ns))

    def sound_ns(self) -> tuple[int | None, int | None]:
        """Return when the first and the last byte of sound came; a header is none."""
        from echotrace.providers.tts.sound import sound_offset

        offset = sound_offset(bytes(self.body[: 1 << 20]))
        stamps = [at_ns for length, at_ns in self.came if length > offset]
        return (stamps[0], stamps[-1]) if stamps else (None, None)


async def take_sample(
    provider: TtsProvider, *, text: str, limit_s: float, due: Due
) -> Taken[TtsSample]:
    """Ask once and time it; a request that failed is a sample too.

    Sound that still comes beyond three limits, or that lasts more than 60 s, is cut: the time of
    its first byte and its leading silence stand.

    Args:
        provider: who is asked.
        text: what is to be spoken.
        limit_s: longest silence before the first byte and between two.
        due: when this request is due, and which one it is.
    """
    progress = _Progress()
    begun_ns = perf_counter_ns()
    error: ProviderError | None = None
    try:
        await _read(provider, progress, text, limit_s)
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
    if exchange is not None and progress.sent_ns is None:
        progress.sent_ns = exchange.sent_ns
    figures: dict[str, Any] = {}
    if error is None:
        figures, error = await _judge(provider, progress, limit_s)
    first_ns, last_ns = progress.sound_ns()
    is_over = progress.cut or progress.done_ns is not None
    marks = (
        ("first_audio", first_ns),
        ("streaming", last_ns if is_over else None),
        ("done", progress.done_ns),
    )
    status = "ok" if error is None else "cut" if error.code in _CUTS else "failed"
    sample = TtsSample(
        index=due.index,
        cold=due.cold,
        status=status,
        start_ms=(due.due_ns - due.origin_ns) / 1e6,
        reused=_reused(provider, exchange),
        phases=phases_of(
            exchange,
            due_ns=due.due_ns,
            sent_ns=progress.sent_ns,
            marks=marks,
            end_ns=given_up_ns,
        ),
        text=text,
        audio_bytes=len(progress.body) or None,
        code=None if error is None else error.code,
        reason=None if error is None else _reason(error),
        **_said(exchange),
        **figures,
    )
    return Taken(sample=sample, error=error if status == "failed" else None)


_CUTS: Final = ("TTS_CUT", "TTS_TOO_LONG")


async def _read(provider: TtsProvider, progress: _Progress, text: str, limit_s: float) -> None:
    import anyio

    end = anyio.current_time() + _TOTAL_LIMITS * limit_s
    with anyio.CancelScope(deadline=anyio.current_time() + limit_s) as scope:
        async with aclosing(provider.synthesize(text)) as events:
            async for event in events:
                progress.take(event)
                now = anyio.current_time()
                scope.deadline = now + limit_s
                if len(progress.body) > MAX_BYTES:
                    raise too_large(_label(provider))
                if event.kind == "audio" and now > end:
                    progress.cut = True
                    break
    if scope.cancelled_caught and progress.done_ns is None:
        first_ns = progress.came[0][1] if progress.came else None
        raise stalled(
            _label(provider),
            provider.sent_to,
            limit_s=limit_s,
            received=len(progress.body),
            first_ms=_since_ms(progress.sent_ns, first_ns),
        )


async def _judge(
    provider: TtsProvider, progress: _Progress, limit_s: float
) -> tuple[dict[str, Any], ProviderError | None]:
    """Return the figures of a reply that was read, and what is wrong with it all the same."""
    import anyio.to_thread

    from echotrace.providers.tts.sound import NotSoundError

    name = _label(provider)
    try:
        sound, lead_ms = await anyio.to_thread.run_sync(
            _decoded, bytes(progress.body), provider.pcm
        )
    except NotSoundError as fault:
        return {}, (empty if fault.is_empty else not_audio)(name, str(fault))
    first_ns, _ = progress.sound_ns()
    ttfb_ms = _since_ms(progress.sent_ns, first_ns)
    figures: dict[str, Any] = {"ttfb_ms": ttfb_ms, "audio_format": sound.form}
    if not progress.cut:
        total_ms = figures["total_ms"] = _since_ms(progress.sent_ns, progress.done_ns)
        if not sound.is_longer:
            figures["audio_s"] = sound.duration_s
            if total_ms is not None:
                figures["rtf"] = total_ms / 1000.0 / sound.duration_s
    if lead_ms is None:
        return figures, silent(name, sound.duration_s)
    figures["leading_silence_ms"] = lead_ms
    if ttfb_ms is not None:
        figures["ttfa_ms"] = ttfb_ms + lead_ms
    if progress.cut:
        return figures, cut_short(name, _TOTAL_LIMITS * limit_s)
    return figures, too_long(name) if sound.is_longer else None


def _decoded(body: bytes, pcm: Any) -> tuple[Sound, float | None]:
    from echotrace.providers.tts.silence import leading_silence_ms
    from echotrace.providers.tts.sound import read_sound

    sound = read_sound(body, pcm)
    return sound, leading_silence_ms(sound)


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
        waited_ms = _since_ms(exchange.sent_ns, exchange.first_byte_ns)
        if waited_ms is not None:
            said["network_ms"] = waited_ms - exchange.processing_ms
    return said


def _reused(provider: TtsProvider, exchange: Exchange | None) -> bool | None:
    """Return whether an open connection was used again; a program has none."""
    if provider.sent_to is None or exchange is None or exchange.sent_ns is None:
        return None
    return exchange.reused


def _label(provider: TtsProvider) -> str:
    """Return who made the sound: a program is known by its own name."""
    return provider.name if provider.sent_to else provider.model or provider.name


def _reason(error: ProviderError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what


def _since_ms(start_ns: int | None, end_ns: int | None) -> float | None:
    return None if start_ns is None or end_ns is None else (end_ns - start_ns) / 1e6
