"""What a file is by its first bytes, so that only a decoder meant for it ever sees it.

Decoders that guess are a hostile file's best friend: a playlist makes one open other files, noise
is taken for MP3. So the decoder and its demuxer are chosen here, by content, never by name, and
what is no sound is refused by what it looks like.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from echotrace.audio.mpeg import find_adts, find_mpeg

__all__ = ["HEAD_BYTES", "UNKNOWN", "Looks", "sniff"]

HEAD_BYTES = 1 << 16
"""How many bytes :func:`sniff` wants to see."""

UNKNOWN = "no format that is known here"
"""What is said of bytes that match nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What the first bytes say.

    ``what`` is a phrase such as "a PNG image". ``demuxer`` is FFmpeg's name when it is sound or may
    hold sound, else None; ``sndfile`` says that libsndfile reads it too. The sound begins at
    ``offset`` bytes; ``damaged_tag`` says that a tag in front of it lies about its size.
    """

    what: str
    demuxer: str | None = None
    sndfile: bool = False
    offset: int = 0
    damaged_tag: bool = False


def _sound(what: str, demuxer: str, *, sndfile: bool = False) -> Looks:
    return Looks(what=what, demuxer=demuxer, sndfile=sndfile)


_MAGIC: tuple[tuple[int, bytes, Looks], ...] = (
    (0, b"fLaC", _sound("a FLAC file", "flac", sndfile=True)),
    (0, b"OggS", _sound("an Ogg file", "ogg", sndfile=True)),
    (0, b"caff", _sound("a CAF file", "caf", sndfile=True)),
    (0, b".snd", _sound("an AU file", "au", sndfile=True)),
    (0, b"riff\x2e\x91\xcf\x11", _sound("a W64 file", "w64", sndfile=True)),
    (0, b"NIST_1A\n", _sound("a NIST SPHERE file", "nistsphere", sndfile=True)),
    (0, b"Creative Voice File", _sound("a VOC file", "voc", sndfile=True)),
    (0, b"#!AMR", _sound("an AMR file", "amr")),
    (0, b"\x1a\x45\xdf\xa3", _sound("a Matroska or WebM file", "matroska")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _sound("a WMA or ASF file", "asf")),
    (0, b"FLV\x01", _sound("a Flash video", "flv")),
    (0, b"wvpk", _sound("a WavPack file", "wv")),
    (0, b"TTA1", _sound("a TTA file", "tta")),
    *((4, box, _sound("an MP4, M4A or MOV file", "mov")) for box in (b"ftyp", b"moov", b"mdat")),
    (0, b"\x89PNG", Looks(what="a PNG image")),
    (0, b"\xff\xd8\xff", Looks(what="a JPEG image")),
    (0, b"GIF8", Looks(what="a GIF image")),
    (0, b"BM", Looks(what="a BMP image")),
    (0, b"PK\x03\x04", Looks(what="a ZIP archive")),
    (0, b"PK\x05\x06", Looks(what="an empty ZIP archive")),
    (0, b"\x1f\x8b", Looks(what="a gzip archive")),
    (0, b"BZh", Looks(what="a bzip2 archive")),
    (0, b"\xfd7zXZ", Looks(what="an xz archive")),
    (0, b"7z\xbc\xaf\x27\x1c", Looks(what="a 7-Zip archive")),
    (0, b"\x28\xb5\x2f\xfd", Looks(what="a Zstandard archive")),
    (257, b"ustar", Looks(what="a tar archive")),
    (0, b"%PDF", Looks(what="a PDF document")),
    (0, b"\x7fELF", Looks(what="a program")),
    (0, b"MZ", Looks(what="a program")),
    (0, b"SQLite format 3", Looks(what="an SQLite database")),
    (0, b"MThd", Looks(what="a MIDI file (notes, not sound)")),
)

_TEXTS: tuple[tuple[str, str], ...] = (
    ("#extm3u", "an HLS or M3U playlist"),
    ("ffconcat", "an FFmpeg playlist"),
    ("[playlist]", "a PLS playlist"),
    ("<!doctype html", "an HTML page"),
    ("<html", "an HTML page"),
    ("<?xml", "an XML document"),
    ("<", "a page of markup"),
    ("{", "a JSON document"),
    ("[", "a JSON document"),
)

Reader = Callable[[int, int], bytes]
"""``read(count, offset)``, the bytes there, fewer at the end of the file."""


def sniff(read: Reader, size: int) -> Looks:
    """Say what a file of ``size`` bytes looks like; it never raises and reads a bounded amount."""
    head = read(HEAD_BYTES, 0)
    if head[:3] == b"ID3" and len(head) >= 10:
        return _behind_tag(head, read, size)
    return _plain(head) or Looks(what=_unknown(head))


def _plain(head: bytes) -> Looks | None:
    for offset, magic, looks in _MAGIC:
        if head.startswith(magic, offset):
            return looks
    found = _riff(head) or _aiff(head)
    if found:
        return found
    text = _text(head)
    if text:
        return Looks(what=text)
    if head.startswith(b"\x47") and head[188:189] == b"\x47" and head[376:377] == b"\x47":
        return _sound("an MPEG transport stream", "mpegts")
    place = find_adts(head[:4096])
    if place is not None:
        return Looks(what="an AAC file", demuxer="aac", offset=place)
    place = find_mpeg(head)
    if place is not None:
        return Looks(what="an MP3 file", demuxer="mp3", offset=place)
    return None


def _riff(head: bytes) -> Looks | None:
    kind, form = head[:4], head[8:12]
    if kind not in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return None
    if form == b"WAVE" or len(head) < 12:
        return _sound("a WAV file", "wav", sndfile=True)
    if form == b"AVI ":
        return _sound("an AVI video", "avi")
    return Looks(what="a WebP image" if form == b"WEBP" else "a RIFF file without sound")


def _aiff(head: bytes) -> Looks | None:
    if head[:4] != b"FORM":
        return None
    if head[8:12] in (b"AIFF", b"AIFC") or len(head) < 12:
        return _sound("an AIFF file", "aiff", sndfile=True)
    return Looks(what="an IFF file without sampled sound")


def _behind_tag(head: bytes, read: Reader, size: int) -> Looks:
    claimed = 0
    for byte in head[6:10]:
        claimed = claimed << 7 | byte & 0x7F
    begin = 10 + claimed
    lies = begin >= size
    rest = head[10:] if lies else read(HEAD_BYTES, begin)
    if lies:
        begin = 10
    place = find_mpeg(rest)
    if rest.startswith(b"fLaC"):
        return Looks(what="a FLAC file", demuxer="flac", offset=begin, damaged_tag=lies)
    adts = find_adts(rest[:4096])
    if adts is not None:
        return Looks(what="an AAC file", demuxer="aac", offset=begin + adts, damaged_tag=lies)
    if place is not None:
        return Looks(what="an MP3 file", demuxer="mp3", offset=begin + place, damaged_tag=lies)
    return Looks(what="an ID3 tag without sound behind it")


def _text(head: bytes) -> str | None:
    sample = head[:4096]
    if (
        sample.startswith((b"\xff\xfe", b"\xfe\xff"))
        and sample[2:40].count(0) >= len(sample[2:40]) // 3
    ):
        return "a UTF-16 text"
    try:
        text = sample.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 3 or error.start == 0:
            return None
        text = sample[: error.start].decode("utf-8-sig")
    if not text or any(ord(letter) < 32 and letter not in "\t\n\r\f\x1b" for letter in text):
        return None
    begin = text.lstrip().lower()
    return next((what for start, what in _TEXTS if begin.startswith(start)), "a text file")


def _unknown(head: bytes) -> str:
    return "nothing but zero bytes" if not any(head) else UNKNOWN
