"""From the bytes that a synthesiser sent to samples.

The bytes are judged by what they are, never by what a header of the reply calls them. They come
from a stream, so a WAV header may hold a size of 0 or of 0xFFFFFFFF.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from echotrace.errors import EchoTraceError
from echotrace.providers.tts.failures import MAX_SOUND_S
from echotrace.providers.tts.place import frame_bytes, sound_offset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.audio.decoder import Decoder
    from echotrace.providers.tts.base import PcmFormat

__all__ = ["NotSoundError", "Sound", "read_sound"]

_CONTAINERS: Final = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"ID3")
_NAMES: Final = {"wavex": "wav", "matroska": "webm"}
_SAMPLE_BYTES: Final = 2


class NotSoundError(Exception):
    """The bytes hold no sound; the text says why, ``is_empty`` that there is none at all."""

    def __init__(self, why: str, *, is_empty: bool = False) -> None:
        super().__init__(why)
        self.is_empty = is_empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """Decoded sound.

    ``samples`` (channels, frames) float32 are at most 60 s; ``is_longer`` says that there were
    more. ``form`` is a text such as ``wav, 24,000 Hz, 1 channel``. ``frame_bytes`` is how many
    bytes of the reply hold one sample of all channels, None where that varies.
    """

    samples: NDArray[np.float32]
    rate_hz: int
    form: str
    is_longer: bool
    frame_bytes: int | None = None

    @property
    def duration_s(self) -> float:
        """How long the samples are."""
        return len(self.samples[0]) / self.rate_hz


def read_sound(body: bytes, pcm: PcmFormat | None) -> Sound:
    """Decode at most 60 s of what a synthesiser sent.

    Args:
        body: all bytes that came.
        pcm: how to read bytes without a header, None when there must be one.

    Raises:
        NotSoundError: they are no sound, or there is none in them.
    """
    from echotrace.audio.sniff import UNKNOWN, sniff

    if not body:
        raise NotSoundError("the reply was complete and had no byte", is_empty=True)
    looks = sniff(lambda count, offset: body[offset : offset + count], len(body))
    written = looks.what.startswith(("a JSON", "an HTML", "a text", "a page", "an XML", "a UTF"))
    if pcm is not None and not written and not body.startswith(_CONTAINERS):
        return _read_pcm(body, pcm)
    if looks.demuxer is None:
        said = looks.what if looks.what != UNKNOWN else f"{len(body):,} bytes of no known format"
        raise NotSoundError(f"it is {said}")
    if sound_offset(body) >= len(body):
        raise NotSoundError("a header came and no sound behind it", is_empty=True)
    return replace(_decode(body), frame_bytes=frame_bytes(body))


def _read_pcm(body: bytes, pcm: PcmFormat) -> Sound:
    whole = len(body) // (_SAMPLE_BYTES * pcm.channels)
    if not whole:
        raise NotSoundError("it is less than one sample", is_empty=True)
    limit = round(MAX_SOUND_S * pcm.sample_rate_hz)
    values = np.frombuffer(body, "<i2", count=min(whole, limit + 1) * pcm.channels)
    rows = values.reshape(-1, pcm.channels).T.astype(np.float32) / np.float32(1 << 15)
    sound = _sound(rows, pcm.sample_rate_hz, "pcm")
    return replace(sound, frame_bytes=_SAMPLE_BYTES * pcm.channels)


def _decode(body: bytes) -> Sound:
    from echotrace.audio.choose import no_decoder, plan
    from echotrace.audio.decoder import Rejected
    from echotrace.audio.door import Recording
    from echotrace.audio.temporary import temporary_file

    file = temporary_file()
    file.write(body)
    reasons = []
    with Recording(file, path="reply", is_stdin=False) as recording:  # type: ignore[arg-type]  # FileIO is one
        try:
            how = plan(recording)
            for opener in how.openers:
                try:
                    sound = _read(opener())
                except Rejected as error:
                    reasons.append(str(error))
                    continue
                if sound is not None:
                    return sound
            if not reasons:
                raise NotSoundError(f"it is {how.looks.what} without a sample", is_empty=True)
            raise no_decoder(recording, how.looks, reasons)
        except EchoTraceError as error:
            raise NotSoundError(error.why or error.what) from None


def _read(decoder: Decoder) -> Sound | None:
    """Return what one decoder makes of it, up to where it gives up; None for nothing."""
    from echotrace.audio.decoder import DecodeFailed

    form = decoder.format
    limit = round(MAX_SOUND_S * form.rate_hz)
    kept: list[NDArray[np.float32]] = []
    held = 0

    def blocks() -> Iterator[NDArray[np.float32]]:
        try:
            yield from decoder.blocks(0)
        except DecodeFailed:
            return

    try:
        for block in blocks():
            kept.append(block)
            held += block.shape[1]
            if held > limit:
                break
    finally:
        decoder.close()
    if not held:
        return None
    rows = np.concatenate(kept, axis=1)
    return _sound(rows, form.rate_hz, _NAMES.get(form.container, form.container))


def _sound(rows: NDArray[np.float32], rate_hz: int, name: str) -> Sound:
    limit = round(MAX_SOUND_S * rate_hz)
    is_longer = rows.shape[1] > limit
    rows = np.clip(np.nan_to_num(rows[:, :limit], posinf=8.0, neginf=-8.0), -8.0, 8.0)
    count = len(rows)
    channels = "1 channel" if count == 1 else f"{count} channels"
    return Sound(
        samples=np.ascontiguousarray(rows, np.float32),
        rate_hz=rate_hz,
        form=f"{name}, {rate_hz:,} Hz, {channels}",
        is_longer=is_longer,
    )
