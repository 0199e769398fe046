"""Frame headers of MPEG audio (MP3) and ADTS (AAC), which have no magic number of their own.

A single sync word turns up in any noise; a chain of frames whose lengths lead from one header to
the next does not. Field layout: ISO/IEC 11172-3 2.4.2.3, 13818-3, and 13818-7 (ADTS).
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["find_adts", "find_mpeg"]

_CHAIN = 3
_Length = Callable[[bytes], "int | None"]
_KBPS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def find_mpeg(data: bytes) -> int | None:
    """Return where the first chain of MPEG audio frames begins in ``data``, or None."""
    return _find(data, _mpeg_length, 0xE0)


def find_adts(data: bytes) -> int | None:
    """Return where the first chain of ADTS frames begins in ``data``, or None."""
    return _find(data, _adts_length, 0xF0)


def _find(data: bytes, length: _Length, mask: int) -> int | None:
    place = data.find(b"\xff")
    while 0 <= place < len(data) - 4:
        if data[place + 1] & mask == mask and _chain(data, place, length):
            return place
        place = data.find(b"\xff", place + 1)
    return None


def _chain(data: bytes, place: int, length: _Length) -> bool:
    begin = place
    kept = data[place + 1]
    for _ in range(_CHAIN):
        # A chain that begins the data may run out of it: a short or truncated file.
        if place >= len(data) - 4:
            return begin == 0 and place > 0
        size = length(data[place : place + 7])
        if size is None or (data[place + 1] ^ kept) & 0xFE:
            return False
        place += size
    return True


def _mpeg_length(header: bytes) -> int | None:
    if header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate_index, hz_index = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or rate_index in (0, 15) or hz_index == 3:
        return None
    kbps = _KBPS[(1 if version == 3 else 2, layer)][rate_index - 1]
    hz = _HZ[version][hz_index]
    padding = header[2] >> 1 & 1
    if layer == 1:
        return (12_000 * kbps // hz + padding) * 4
    samples = 72_000 if layer == 3 and version != 3 else 144_000
    return samples * kbps // hz + padding


def _adts_length(header: bytes) -> int | None:
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return None
    if header[2] >> 2 & 0xF > 12:
        return None
    size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return size if size > 7 else None
