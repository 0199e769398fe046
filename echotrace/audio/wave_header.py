"""The chunk headers of WAV, RF64 and AIFF, read by ourselves before any decoder sees the file.

libsndfile repairs a header in silence: a size that promises more than there is, or nothing at all,
reads as an ordinary short file. Here the promise is compared with what the file holds, and a header
that makes no sense is refused in words instead of a library's "internal error".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from echotrace.errors import InputError

__all__ = ["WaveHeader", "read_wave_header"]

_MAX_CHUNKS = 4_096
_PCM_BITS = (8, 16, 24, 32, 64)
_STREAMED = 0xFFFFFFFF
# Writers that do not know the length yet leave a size near 2 GiB (sox, arecord) or all ones.
_STREAMED_FROM, _STREAMED_TO = 0x7FFFF000, 0x80000000


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveHeader:
    """What the header promises and what the file holds, in bytes of sample data.

    ``declared_bytes`` is None when the writer left the size open, which a streaming writer does.
    ``bytes_per_s`` of 0 means that it cannot be told from the header.
    """

    declared_bytes: int | None
    present_bytes: int
    bytes_per_s: int

    @property
    def is_cut(self) -> bool:
        """Whether the file ends before its own header says so."""
        return self.declared_bytes is not None and self.present_bytes < self.declared_bytes

    @property
    def hides_data(self) -> bool:
        """Whether the header says that there is no audio, yet data follows it."""
        return self.declared_bytes == 0 and self.present_bytes > 0


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    body: int
    size: int


Reader = Callable[[int, int], bytes]
"""``read(count, offset)``, the bytes there, fewer at the end of the file."""


def read_wave_header(read: Reader, size: int, shown: str) -> WaveHeader | None:
    """Check the header of a RIFF, RIFX, RF64, BW64 or AIFF file; None for any other container.

    Raises:
        InputError: TRUNCATED_HEADER, NO_AUDIO, TOO_MANY_CHANNELS, NO_CHANNELS, IMPLAUSIBLE_RATE,
            UNSUPPORTED_CODING.
    """
    start = read(12, 0)
    kind = start[:4]
    if kind not in (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM"):
        return None
    if len(start) < 12:
        raise _truncated(shown)
    big_endian = kind in (b"RIFX", b"FORM")
    names = (b"COMM", b"SSND") if kind == b"FORM" else (b"fmt ", b"data")
    described: _Chunk | None = None
    long_size: int | None = None
    count = 0
    for chunk in _chunks(read, size, "big" if big_endian else "little"):
        count += 1
        if chunk.name == names[0]:
            described = chunk
        elif chunk.name == b"ds64":
            long_size = int.from_bytes(read(8, chunk.body + 8), "little")
        elif chunk.name == names[1]:
            return _judge(read, size, shown, kind, described, chunk, long_size)
    if count >= _MAX_CHUNKS:
        raise InputError(
            f"{shown} holds no audio",
            why=f"its first {_MAX_CHUNKS:,} chunks are none",
            code="NO_AUDIO",
        )
    raise _truncated(shown)


def _chunks(read: Reader, size: int, order: str) -> Iterator[_Chunk]:
    offset = 12
    for _ in range(_MAX_CHUNKS):
        head = read(8, offset)
        if len(head) < 8:
            return
        length = struct.unpack(">I" if order == "big" else "<I", head[4:])[0]
        yield _Chunk(head[:4], offset + 8, length)
        offset += 8 + length + length % 2
        if offset >= size:
            return


def _judge(
    read: Reader,
    size: int,
    shown: str,
    kind: bytes,
    described: _Chunk | None,
    data: _Chunk,
    long_size: int | None,
) -> WaveHeader | None:
    if described is None and kind == b"FORM":
        return None  # AIFF allows any order; libsndfile finds the description further back
    body = read(min(described.size, 64), described.body) if described else b""
    if len(body) < (18 if kind == b"FORM" else 16):
        raise _truncated(shown)
    per_s = _check_aiff(body, shown) if kind == b"FORM" else _check_fmt(body, kind, shown)
    skipped = 8 if kind == b"FORM" else 0
    declared: int | None = max(0, data.size - skipped)
    if kind in (b"RF64", b"BW64") and data.size == _STREAMED:
        declared = long_size
    elif kind != b"FORM" and (data.size == _STREAMED or _STREAMED_FROM <= data.size < _STREAMED_TO):
        declared = None
    present = max(0, size - data.body - skipped)
    if present == 0 or (declared == 0 and _only_chunks_follow(read, size, data, kind)):
        raise InputError(
            f"{shown} holds no audio",
            why="it consists of its header",
            hint="check the program that recorded it: it may have been stopped too early",
            code="NO_AUDIO",
        )
    return WaveHeader(declared_bytes=declared, present_bytes=present, bytes_per_s=per_s)


def _only_chunks_follow(read: Reader, size: int, data: _Chunk, kind: bytes) -> bool:
    """Whether an empty data chunk is followed by tags and not by samples nobody counted."""
    order = ">I" if kind in (b"RIFX", b"FORM") else "<I"
    place = data.body
    for _ in range(64):
        head = read(8, place)
        if len(head) < 8 or not head[:4].isascii() or not head[:4].decode().isprintable():
            return False
        place += 8 + int(struct.unpack(order, head[4:])[0])
        if place in (size, size - 1):
            return True
        place += place % 2
    return False


def _check_fmt(body: bytes, kind: bytes, shown: str) -> int:
    layout = ">HHIIHH" if kind == b"RIFX" else "<HHIIHH"
    tag, channels, rate, per_s, _, bits = struct.unpack(layout, body[:16])
    _check_channels(channels, shown)
    check_rate(rate, shown)
    if tag == 1 and bits not in _PCM_BITS:
        raise unsupported(shown, f"its header says {bits} bits per sample")
    if tag in (0, 0xFFFF):
        raise unsupported(shown, f"its header names coding 0x{tag:04x}")
    return int(channels * rate * bits // 8) if tag == 1 else int(per_s)


def _check_aiff(body: bytes, shown: str) -> int:
    channels, _, bits = struct.unpack(">HIH", body[:8])
    exponent, mantissa = struct.unpack(">HQ", body[8:18])
    power = exponent - 16_383 - 63
    rate = mantissa * 2.0**power if -1_000 < power < 960 else 0.0
    _check_channels(channels, shown)
    check_rate(rate, shown)
    return int(channels * rate * ((bits + 7) // 8))


def _check_channels(channels: int, shown: str) -> None:
    if channels == 0:
        raise InputError(f"{shown} has no channels", why="its header says 0", code="NO_CHANNELS")
    check_channels(channels, shown)


def check_channels(channels: int, shown: str) -> None:
    """Refuse more than 32 channels: a header that says so is damaged, or nothing that was said."""
    if channels > MAX_CHANNELS:
        raise InputError(
            f"{shown} has {channels:,} channels",
            why=f"at most {MAX_CHANNELS} can be analysed",
            hint="export the channels that hold speech to a file of their own",
            code="TOO_MANY_CHANNELS",
        )


def check_rate(rate_hz: float, shown: str) -> None:
    """Refuse sample rates that no recording of speech has: below 4 kHz or above 384 kHz."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise InputError(
            f"{shown} has a sample rate of {rate_hz:,.0f} Hz",
            why="plausible are 4,000 to 384,000 Hz: the header is probably damaged",
            code="IMPLAUSIBLE_RATE",
        )


def unsupported(shown: str, why: str) -> InputError:
    """The error for a coding that no decoder here knows."""
    return InputError(
        f"{shown} cannot be decoded",
        why=why,
        hint="export it again as 16-bit PCM WAV",
        code="UNSUPPORTED_CODING",
    )


def _truncated(shown: str) -> InputError:
    return InputError(
        f"{shown} is cut off in its header",
        why="the file ends before any audio begins",
        hint="copy or record it again",
        code="TRUNCATED_HEADER",
    )


MAX_CHANNELS = 32
MIN_RATE_HZ = 4_000
MAX_RATE_HZ = 384_000
