"""Which decoders may try a recording, in which order, and the error when none can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.audio.decoder import Decoder
from echotrace.audio.sniff import UNKNOWN, Looks, sniff
from echotrace.audio.wave_header import (
    WaveHeader,
    check_channels,
    check_rate,
    read_wave_header,
    unsupported,
)
from echotrace.errors import InputError

if TYPE_CHECKING:
    from echotrace.audio.door import Recording

__all__ = ["Plan", "no_decoder", "plan"]

# Headerless telephone audio is known by its name alone: 8 kHz, one channel.
_G711_SUFFIXES = {".ulaw": "ULAW", ".mulaw": "ULAW", ".ul": "ULAW", ".alaw": "ALAW", ".al": "ALAW"}
_SHORTEST = 12
_OGG_PAGES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the recording looks like and which decoders to try; ``chained`` is for Ogg."""

    looks: Looks
    header: WaveHeader | None
    openers: tuple[Callable[[], Decoder], ...]
    chained: bool = False


def plan(recording: Recording) -> Plan:
    """Look at the first bytes and decide.

    MP3 goes to FFmpeg: libmpg123 inside libsndfile writes its complaints about damaged files to
    the process's own stderr, and trusts a guess of the length when the Xing header is missing.

    Raises:
        InputError: NOT_AUDIO and what the file looks like, or a code of
            :func:`~echotrace.audio.wave_header.read_wave_header`.
    """
    looks = sniff(recording.head, recording.size_bytes)
    if looks.demuxer is None:
        coding = _G711_SUFFIXES.get(recording.suffix)
        if coding and looks.what == UNKNOWN:
            looks = Looks(what="headerless G.711 audio")
            return Plan(looks=looks, header=None, openers=(_g711(recording, coding),))
        raise _not_audio(recording, looks)
    header = None
    if looks.demuxer in ("wav", "aiff"):
        header = read_wave_header(recording.head, recording.size_bytes, recording.shown)
    chained = looks.demuxer == "ogg" and _is_chained(recording)
    av, sndfile = _av(recording, looks), _sndfile(recording)
    if not looks.sndfile:
        openers: tuple[Callable[[], Decoder], ...] = (av,)
    elif chained or (header is not None and header.hides_data):
        openers = (av, sndfile)
    else:
        openers = (sndfile, av)
    return Plan(looks=looks, header=header, openers=openers, chained=chained)


def _not_audio(recording: Recording, looks: Looks) -> InputError:
    if recording.size_bytes < _SHORTEST:
        return InputError(
            f"{recording.shown} is cut off in its header",
            why=f"it has {recording.size_bytes} bytes",
            hint="copy or record it again",
            code="TRUNCATED_HEADER",
        )
    hint = "name the recording itself"
    if "playlist" in looks.what:
        hint = "a playlist's entries are never opened; download the recording and name that file"
    elif "HTML" in looks.what:
        hint = "the download may have failed: open the file in a browser to see the message"
    elif "archive" in looks.what:
        hint = "unpack it first"
    return InputError(
        f"{recording.shown} is not a recording",
        why=f"it looks like {looks.what}" if looks.what != UNKNOWN else f"it has {UNKNOWN}",
        hint=hint,
        code="NOT_AUDIO",
    )


def _checked(decoder: Decoder, shown: str) -> Decoder:
    try:
        check_rate(decoder.format.rate_hz, shown)
        check_channels(decoder.format.channels, shown)
    except InputError:
        decoder.close()
        raise
    return decoder


def _sndfile(recording: Recording) -> Callable[[], Decoder]:
    def open_it() -> Decoder:
        from echotrace.audio.decode_sndfile import SndfileDecoder

        return _checked(SndfileDecoder(recording), recording.shown)

    return open_it


def _g711(recording: Recording, coding: str) -> Callable[[], Decoder]:
    def open_it() -> Decoder:
        from echotrace.audio.decode_sndfile import SndfileDecoder

        return SndfileDecoder(recording, g711=coding)

    return open_it


def _av(recording: Recording, looks: Looks) -> Callable[[], Decoder]:
    def open_it() -> Decoder:
        from echotrace.audio.decode_av import AvDecoder

        return _checked(AvDecoder(recording, looks), recording.shown)

    return open_it


def _is_chained(recording: Recording) -> bool:
    """Whether another stream begins behind the first in an Ogg file (page layout: RFC 3533).

    libsndfile stops at the end of the first stream and says nothing.
    """
    place, past_openings = 0, False
    for _ in range(_OGG_PAGES):
        page = recording.head(27 + 255, place)
        if not page.startswith(b"OggS") or len(page) < 28:
            return False
        if not page[5] & 2:
            past_openings = True
        elif past_openings:
            return True
        place += 27 + page[26] + sum(page[27 : 27 + page[26]])
    return False


def no_decoder(recording: Recording, looks: Looks, reasons: list[str]) -> InputError:
    """The error when every decoder refused a file that begins like audio."""
    if looks.demuxer in ("wav", "aiff"):
        return unsupported(recording.shown, reasons[-1] if reasons else "its coding is not known")
    return InputError(
        f"{recording.shown} cannot be decoded",
        why=f"it begins like {looks.what}, but is damaged ({reasons[-1]})" if reasons else "",
        hint="copy or record it again",
        code="NOT_DECODABLE",
    )
