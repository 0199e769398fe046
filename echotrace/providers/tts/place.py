"""Where in the bytes of a reply its sound begins, and how many bytes one of its frames has.

A header that comes early is nothing to hear, so the time to the first byte of sound needs the one;
when the first audible sample came needs both.
"""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["frame_bytes", "sound_offset"]

_RIFF: Final = (b"RIFF", b"RIFX", b"RF64")
_PAGE: Final = b"OggS"
_PAGE_HEAD: Final = 27
_PLAIN: Final = frozenset((0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE))
"""Forms of WAV whose frames have the same length: integers, floats, A-law, mu-law, extensible."""


def sound_offset(body: bytes) -> int:
    """Return how many bytes precede the first one of sound; ``len(body)`` when all of them do.

    The headers of WAV (RIFF chunks), FLAC (metadata blocks, RFC 9639) and Ogg (pages of headers,
    RFC 3533) and the tag ID3v2 are known; of anything else the first byte counts as sound.
    """
    if body[:4] in _RIFF:
        return min(_chunk(body, b"data"), len(body))
    if body[:4] == b"fLaC":
        place, last = 4, False
        while not last and place + 4 <= len(body):
            last = bool(body[place] & 0x80)
            place += 4 + int.from_bytes(body[place + 1 : place + 4], "big")
        return min(place, len(body)) if last else len(body)
    if body[:4] == _PAGE:
        return _first_page(body)
    if body[:3] == b"ID3" and len(body) >= 10:
        claimed = 0
        for byte in body[6:10]:
            claimed = claimed << 7 | byte & 0x7F
        return min(10 + claimed, len(body))
    return 0


def frame_bytes(body: bytes) -> int | None:
    """Return how many bytes hold one sample of all channels of a WAV; None where that varies.

    It is what tells which byte holds a sample. Compressed sound has no such number.
    """
    if body[:4] not in _RIFF:
        return None
    order = _order(body)
    place = _chunk(body, b"fmt ")
    form = body[place : place + 16]
    if len(form) < 16:
        return None
    tag, channels, size, bits = (int.from_bytes(form[at : at + 2], order) for at in (0, 2, 12, 14))
    return size if tag in _PLAIN and size and size == channels * -(-bits // 8) else None


def _order(body: bytes) -> Literal["big", "little"]:
    return "big" if body[:4] == b"RIFX" else "little"


def _chunk(body: bytes, name: bytes) -> int:
    """Return where the data of a RIFF chunk begin; ``len(body)`` when it did not come."""
    order = _order(body)
    place = 12
    while place + 8 <= len(body):
        size = int.from_bytes(body[place + 4 : place + 8], order)
        if body[place : place + 4] == name:
            return place + 8
        place += 8 + size + size % 2
    return len(body)


def _first_page(body: bytes) -> int:
    """Return where the data of the first Ogg page of sound begin.

    The granule position counts the samples that are complete at the end of a page: it is 0 in a
    page of headers, and -1 in one where no packet ends.
    """
    place = 0
    while place >= 0 and place + _PAGE_HEAD <= len(body):
        lengths = body[place + _PAGE_HEAD : place + _PAGE_HEAD + body[place + 26]]
        data = place + _PAGE_HEAD + body[place + 26]
        if int.from_bytes(body[place + 6 : place + 14], "little", signed=True) > 0:
            return min(data, len(body))
        place = body.find(_PAGE, data + sum(lengths))
    return len(body)
