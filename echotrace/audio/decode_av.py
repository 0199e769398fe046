"""Decoding through FFmpeg (PyAV): M4A, MP4, WebM, MKV, AAC, AMR, MP3, and damaged files of others.

FFmpeg is told which demuxer to use and is given one file object. It never sees a name, and every
attempt to open something else, as playlists and references make, is refused.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from echotrace.audio.decoder import (
    BLOCK_FRAMES,
    DecodeFailed,
    Decoder,
    Format,
    Rejected,
    warning,
)
from echotrace.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from echotrace.audio.door import Recording
    from echotrace.audio.sniff import Looks
    from echotrace.model.measure import Finding

__all__ = ["AvDecoder"]

_GAP_S = 0.05
_LONGEST_GAP_S = 60.0
_BAD_PACKETS = 2_000
# Without a header of its own the length is a guess from the bit rate of the first frames.
_ESTIMATES = ("mp3", "aac", "amr", "mpegts")
_TAGGED = re.compile(r"(\d{1,4}):(\d\d):(\d\d(?:\.\d{1,9})?)", re.ASCII)
"""Matroska's tag DURATION, the only place where it keeps the length of one stream."""
_CONTAINERS = {"mov": "mp4", "matroska": "matroska", "aac": "adts"}


class _Window:
    """The recording from ``offset`` on, as the nameless file object that PyAV reads."""

    def __init__(self, recording: Recording, offset: int) -> None:
        self._fd, self._offset = recording.fd, offset
        self._size = max(0, recording.size_bytes - offset)
        self._place = 0

    def read(self, count: int) -> bytes:
        piece = os.pread(self._fd, count, self._offset + self._place)
        self._place += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        return self._place


def _refuse(url: str, *_: object) -> Any:
    raise PermissionError(f"a recording may not open other files: {url[:80]!r}")


class AvDecoder(Decoder):
    """FFmpeg on the recording's own descriptor, with the demuxer that the first bytes call for.

    Raises:
        Rejected: FFmpeg does not take the file.
        InputError: NO_AUDIO_STREAM, UNSUPPORTED_CODING.
    """

    def __init__(self, recording: Recording, looks: Looks) -> None:
        import av

        assert looks.demuxer is not None
        self.notes: list[Finding] = []
        # PyAV's own lookups fail with an IndexError where a stream appears in the middle of a file.
        self._errors = (av.FFmpegError, ValueError, OSError, LookupError, ArithmeticError)
        self._damaged_packets = 0
        self._pending: list[Any] = []
        try:
            self._container = av.open(
                _Window(recording, looks.offset),
                mode="r",
                format=looks.demuxer,
                options={"protocol_whitelist": "none", "format_whitelist": looks.demuxer},
                metadata_errors="replace",
                io_open=_refuse,
            )
        except self._errors as error:
            raise Rejected(_reason(error)) from None
        self._tells_length = looks.demuxer not in _ESTIMATES or any(
            mark in recording.head(512, looks.offset) for mark in (b"Xing", b"Info", b"VBRI")
        )
        try:
            self._open_stream(recording, looks.what)
        except BaseException:
            self.close()
            raise
        self.format = self._describe(looks.demuxer, av.__version__)

    def _open_stream(self, recording: Recording, what: str) -> None:
        streams = self._container.streams.audio
        if not streams:
            raise InputError(
                f"{recording.shown} has no audio stream",
                why=f"it is {what} without sound",
                hint="export the sound track to a file of its own",
                code="NO_AUDIO_STREAM",
            )
        best = self._container.streams.best("audio")
        self._stream = streams[0] if best is None else best
        if self._stream.codec_context is None:
            raise Rejected("no decoder is known for its coding")
        if len(streams) > 1:
            number = list(streams).index(self._stream) + 1
            self.notes.append(
                warning(
                    "AUDIO_TRACKS",
                    f"the file has {len(streams)} audio tracks; track {number} is analysed",
                    "export the track that you mean to a file of its own",
                )
            )
        self._frames = self._decode()
        # Only a decoded frame tells the true rate: that of AAC with SBR is twice the header's.
        try:
            first = next(self._frames, None)
        except DecodeFailed as error:
            raise Rejected(str(error)) from None
        if first is None:
            raise Rejected("no audio can be decoded")
        self._pending.append(first)

    def _describe(self, demuxer: str, version: str) -> Format:
        stream, first = self._stream, self._pending[0]
        rate = int(first.sample_rate)
        seconds = self._declared_s(demuxer) if self._tells_length else None
        return Format(
            container=_CONTAINERS.get(demuxer, demuxer),
            codec=str(stream.codec_context.name),
            decoder=f"PyAV {version}",
            rate_hz=rate,
            channels=len(first.layout.channels),
            declared_frames=None if seconds is None else round(seconds * rate),
            integer=first.format.name.rstrip("p") in ("u8", "s16", "s32", "s64"),
            trusted=False,
        )

    def _declared_s(self, demuxer: str) -> float | None:
        """Return the duration that the file declares for this stream, not that of a longer one."""
        stream, alone = self._stream, len(self._container.streams) == 1
        if demuxer == "avi" and not alone:
            return None  # FFmpeg shares the file's bytes out among the streams
        if stream.duration is not None and stream.time_base:
            return float(stream.duration * stream.time_base)
        tagged = _TAGGED.fullmatch(stream.metadata.get("DURATION", ""))
        if tagged:
            hours, minutes, seconds = tagged.groups()
            return 3_600 * int(hours) + 60 * int(minutes) + float(seconds)
        if alone and self._container.duration is not None:
            return float(self._container.duration / 1_000_000)
        return None

    def _decode(self) -> Iterator[Any]:
        """Decode packet by packet, so that a bad packet costs itself and not the rest."""
        packets = self._container.demux(self._stream)
        bad = 0
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except self._errors as error:
                self._damaged_packets += 1
                self._broken_off = _reason(error)
                return
            try:
                yield from packet.decode()
                bad = 0
            except self._errors:
                self._damaged_packets += 1
                bad += 1
                if bad > _BAD_PACKETS:
                    raise DecodeFailed("nothing more can be decoded") from None

    _broken_off: str | None = None

    def blocks(self, first_frame: int) -> Iterator[NDArray[np.float32]]:
        """Yield (channels, frames); gaps in the time stamps are filled with silence."""
        try:
            yield from self._blocks(first_frame)
        except self._errors as error:
            raise DecodeFailed(_reason(error)) from None
        finally:
            self._conclude()

    def _blocks(self, first_frame: int) -> Iterator[NDArray[np.float32]]:
        import numpy as np

        skip = first_frame
        parts: list[NDArray[np.float32]] = []
        held = 0
        for piece in self._pieces():
            parts.append(piece)
            held += piece.shape[1]
            if held < BLOCK_FRAMES:
                continue
            block = np.concatenate(parts, axis=1)
            parts, held = [], 0
            if skip >= block.shape[1]:
                skip -= block.shape[1]
                yield block[:, :0]
                continue
            yield np.ascontiguousarray(block[:, skip:])
            skip = 0
        if held > skip:
            yield np.ascontiguousarray(np.concatenate(parts, axis=1)[:, skip:])

    def _pieces(self) -> Iterator[NDArray[np.float32]]:
        import numpy as np

        rate, channels = self.format.rate_hz, self.format.channels
        done, origin, filled = 0, None, 0
        for frame in self._all_frames():
            if frame.sample_rate != rate or len(frame.layout.channels) != channels:
                self.notes.append(
                    warning(
                        "FORMAT_CHANGES",
                        "the sample rate or the channels change in the middle; "
                        "what follows is not analysed",
                        "split the file at the change",
                        at_s=done / rate,
                    )
                )
                return
            if frame.pts is not None and frame.time_base:
                at = float(frame.pts * frame.time_base)
                if origin is None:
                    origin = at - done / rate
                gap = at - origin - done / rate
                if gap > _LONGEST_GAP_S:
                    origin = at - done / rate
                elif gap > _GAP_S:
                    silence = round(gap * rate)
                    filled += silence
                    done += silence
                    yield np.zeros((channels, silence), np.float32)
            samples = _as_float(frame.to_ndarray(), frame.format.name, channels)
            done += samples.shape[1]
            yield samples
        if filled:
            self.notes.append(
                warning(
                    "GAPS",
                    f"{filled / rate:.2f} s of the recording's clock hold no audio; "
                    "they are read as silence",
                )
            )

    def _all_frames(self) -> Iterator[Any]:
        while self._pending:
            yield self._pending.pop()
        yield from self._frames

    def _conclude(self) -> None:
        if self._damaged_packets:
            why = f" ({self._broken_off})" if self._broken_off else ""
            self.notes.append(
                warning(
                    "DAMAGED",
                    f"damaged pieces of the recording were left out: {self._damaged_packets}{why}",
                    "times behind them may be early; copy or record it again",
                )
            )

    def close(self) -> None:
        """Close FFmpeg's container."""
        self._container.close()


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)


_SCALES = {"s16": 2.0**-15, "s32": 2.0**-31, "s64": 2.0**-63}


def _as_float(samples: NDArray[Any], kind: str, channels: int) -> NDArray[np.float32]:
    import numpy as np

    if not kind.endswith("p"):
        samples = samples.reshape(-1, channels).T
    kind = kind.rstrip("p")
    if kind == "u8":
        bytes_: NDArray[np.float32] = (samples.astype(np.float32) - 128) * np.float32(2.0**-7)
        return bytes_
    # A double beyond float32 becomes infinite, a signalling NaN a quiet one; both are counted.
    with np.errstate(over="ignore", invalid="ignore"):
        result: NDArray[np.float32] = samples.astype(np.float32)
    scale = _SCALES.get(kind)
    return result * np.float32(scale) if scale else result
