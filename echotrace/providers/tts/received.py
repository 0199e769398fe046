"""What came of one synthesis, when, and what that says: the bytes with their stamps, judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from echotrace.errors import ProviderError
from echotrace.providers.tts.failures import cut_short, empty, not_audio, silent, too_long

if TYPE_CHECKING:
    from echotrace.providers.tts.base import AudioEvent, PcmFormat
    from echotrace.providers.tts.silence import Onset
    from echotrace.providers.tts.sound import Sound

__all__ = ["Judged", "Received", "judge", "since_ms"]

_HEAD_BYTES: Final = 1 << 20
_LATE_MS: Final = 1.0
"""Where the sound becomes audible is known to 1 ms, so less than that is not told of."""


@dataclass(slots=True)
class Received:
    """The body of a reply as it grows; all ``*_ns`` are ``time.perf_counter_ns()``.

    ``came`` holds the length of the body after each piece, and when that piece came. ``cut`` says
    that more would have come.
    """

    sent_ns: int | None = None
    done_ns: int | None = None
    cut: bool = False
    body: bytearray = field(default_factory=bytearray)
    came: list[tuple[int, int]] = field(default_factory=list)

    def take(self, event: AudioEvent) -> None:
        """Keep what happened."""
        if event.kind == "sent":
            self.sent_ns = event.at_ns
        elif event.kind == "done":
            self.done_ns = event.at_ns
        elif event.data:
            self.body += event.data
            self.came.append((len(self.body), event.at_ns))

    def sound_ns(self) -> tuple[int | None, int | None]:
        """Return when the first and the last byte of sound came; a header is none."""
        offset = self._offset()
        stamps = [at_ns for length, at_ns in self.came if length > offset]
        return (stamps[0], stamps[-1]) if stamps else (None, None)

    def frame_ns(self, frame: int, frame_bytes: int) -> int | None:
        """Return when the last byte of a frame of sound came, the first frame being 0."""
        needed = self._offset() + (frame + 1) * frame_bytes
        return next((at_ns for length, at_ns in self.came if length >= needed), None)

    def _offset(self) -> int:
        from echotrace.providers.tts.place import sound_offset

        return sound_offset(bytes(self.body[:_HEAD_BYTES]))


@dataclass(slots=True)
class Judged:
    """The figures of a sample by their names, and what is to be known of them.

    ``notes`` are (code, reason) of figures that stand all the same; ``error`` is what is wrong.
    """

    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[tuple[str, str]] = field(default_factory=list)
    error: ProviderError | None = None


async def judge(
    received: Received, *, name: str, pcm: PcmFormat | None, cut_after_s: float
) -> Judged:
    """Return what a reply that was read to its end, or cut, says.

    The sound is decoded in a thread of its own, so that it delays no other request.

    Args:
        received: the bytes with their stamps.
        name: who made the sound, for the texts.
        pcm: how to read bytes without a header.
        cut_after_s: after how long a reply is cut, for the text.
    """
    import anyio.to_thread

    from echotrace.providers.tts.sound import NotSoundError

    try:
        sound, onset = await anyio.to_thread.run_sync(_decoded, bytes(received.body), pcm)
    except NotSoundError as fault:
        return Judged(error=(empty if fault.is_empty else not_audio)(name, str(fault)))
    judged = Judged()
    figures = judged.figures
    figures["ttfb_ms"] = since_ms(received.sent_ns, received.sound_ns()[0])
    figures["audio_format"] = sound.form
    if not received.cut:
        total_ms = figures["total_ms"] = since_ms(received.sent_ns, received.done_ns)
        if not sound.is_longer:
            figures["audio_s"] = sound.duration_s
            if total_ms is not None:
                figures["rtf"] = total_ms / 1000.0 / sound.duration_s
    if onset is None:
        judged.error = silent(name, sound.duration_s)
        return judged
    _hear(judged, received, sound, onset)
    if received.cut:
        judged.error = cut_short(name, cut_after_s)
    elif sound.is_longer:
        judged.error = too_long(name)
    return judged


def _hear(judged: Judged, received: Received, sound: Sound, onset: Onset) -> None:
    """Say when the sound is heard: its silence after the first byte, or later if it came later.

    A player that begins with the first byte cannot play what has not come. When a sample came is
    known of sound that is not compressed.
    """
    figures = judged.figures
    figures["leading_silence_ms"] = onset.lead_ms
    ttfb_ms = figures["ttfb_ms"]
    if ttfb_ms is not None:
        due_ms = figures["ttfa_ms"] = ttfb_ms + onset.lead_ms
        came_ns = None
        if sound.frame_bytes is not None:
            frame = round(onset.lead_ms / 1000.0 * sound.rate_hz)
            came_ns = received.frame_ns(frame, sound.frame_bytes)
        came_ms = since_ms(received.sent_ns, came_ns)
        if came_ms is not None and came_ms > due_ms:
            figures["ttfa_ms"] = came_ms
            if came_ms - due_ms >= _LATE_MS:
                judged.notes.append(("TTS_STARVED", _starved(came_ms - due_ms)))
    if onset.is_estimated:
        judged.notes.append(("TTS_ONSET_ESTIMATED", _ESTIMATED))


def _starved(late_ms: float) -> str:
    return (
        f"the first audible sample came {late_ms:.0f} ms too late for a player that begins with "
        "the first byte of sound"
    )


_ESTIMATED: Final = (
    "the sound begins with noise that is nearly audible or more, so where its silence ends is "
    "estimated: where it rises 6 dB above that noise"
)


def _decoded(body: bytes, pcm: PcmFormat | None) -> tuple[Sound, Onset | None]:
    from echotrace.providers.tts.silence import first_audible
    from echotrace.providers.tts.sound import read_sound

    sound = read_sound(body, pcm)
    return sound, first_audible(sound)


def since_ms(start_ns: int | None, end_ns: int | None) -> float | None:
    """Return the time between two stamps in ms; None when one is missing."""
    return None if start_ns is None or end_ns is None else (end_ns - start_ns) / 1e6
