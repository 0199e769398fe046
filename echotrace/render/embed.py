"""The recording behind a report as sound that a page can hold: only while it is still the same."""

from __future__ import annotations

import io
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from echotrace.errors import InputError, UsageError
from echotrace.model.report import NO_RECORDING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from echotrace.audio.reread import Rereader
    from echotrace.model.report import Report, Source

    Samples = NDArray[np.float32]

__all__ = ["MOST_BYTES", "EmbeddedAudio", "embed_recording"]

MOST_BYTES: Final = 25_000_000
"""As much sound as a page may hold."""
_RATES_HZ: Final = (8_000, 12_000, 16_000, 24_000, 48_000)
"""Those that Opus knows."""
_BITS_PER_CHANNEL: Final = 28_000
_PIECE_S: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedAudio:
    """Encoded sound; ``start_s`` is where it begins on the recording's clock."""

    mime: str
    data: bytes
    start_s: float


def embed_recording(report: Report, *, most_bytes: int = MOST_BYTES) -> EmbeddedAudio:
    """Return the recording, or the cut of it that was analysed, as Ogg Opus.

    The files are opened and hashed again. Of more than two channels the first two are taken; of
    two mono files the first is the left one, and where one has not begun there is silence.

    Raises:
        InputError: there is no recording, or it is gone or has changed.
        UsageError: it is longer than a page may hold (TOO_LONG_TO_EMBED).
    """
    from echotrace.audio.verified import ANALYSE_AGAIN, Verified

    source = report.source
    files = [(file.path, file.sha256, file.offset_ms / 1e3) for file in source.files]
    if not files:
        files = [(source.path, source.sha256 or "", 0.0)]
    for path, sha256, _ in files:
        _require_recording(path, sha256, ANALYSE_AGAIN)
    size = None if source.files else source.size_bytes
    with ExitStack() as stack:
        sides: list[tuple[Rereader, float]] = []
        for path, sha256, begin_s in files:
            opened = stack.enter_context(
                closing(Verified(path, sha256=sha256, size_bytes=size, decoder=source.decoder))
            )
            sides.append((opened.reader, begin_s))
        return _encoded(source, sides, most_bytes)


def _require_recording(path: str, sha256: str, again: str) -> None:
    if path == NO_RECORDING:
        raise InputError("the report has no recording to embed", code="NO_RECORDING")
    if path == "-":
        raise InputError(
            "the recording cannot be embedded",
            why="it came from standard input and nothing of it was kept",
            hint="save it to a file and analyse that",
            code="FROM_STDIN",
        )
    if not sha256:
        raise InputError(
            "the recording cannot be told from another",
            why="the report holds no sha256 of it",
            hint=again,
            code="NO_SHA256",
        )


def _encoded(
    source: Source, sides: Sequence[tuple[Rereader, float]], most_bytes: int
) -> EmbeddedAudio:
    """Encode all sides piece by piece, so that memory holds little more than the result."""
    import av

    wanted = max(reader.rate_hz for reader, _ in sides)
    rate_hz = next((rate for rate in _RATES_HZ if rate >= wanted), _RATES_HZ[-1])
    rows = 1 if source.files else max(1, min(2, len(source.channels) or 2))
    rows = min(rows, sides[0][0].format.channels)
    channels = min(2, rows * len(sides))
    target = io.BytesIO()
    layout = "stereo" if channels == 2 else "mono"
    # bitexact: the same sound gives the same bytes, without a random number of the stream.
    with av.open(target, "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=rate_hz, layout=layout)
        stream.bit_rate = _BITS_PER_CHANNEL * channels
        place = 0
        for piece in _together(source, sides, rows, rate_hz):
            frame = _frame(piece[:, :channels], layout, rate_hz, place)
            place += len(piece)
            container.mux(stream.encode(frame))
            if target.tell() > most_bytes:
                raise _too_long(source, most_bytes)
        container.mux(stream.encode(None))
    data = target.getvalue()
    if len(data) > most_bytes:
        raise _too_long(source, most_bytes)
    return EmbeddedAudio(mime="audio/ogg", data=data, start_s=source.start_s)


def _frame(piece: Samples, layout: str, rate_hz: int, place: int) -> Any:
    import av
    import numpy as np

    packed = np.clip(np.round(piece * 32_768.0), -32_768, 32_767).astype("<i2").reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(packed), format="s16", layout=layout)
    frame.sample_rate = rate_hz
    frame.pts = place
    return frame


def _together(
    source: Source, sides: Sequence[tuple[Rereader, float]], rows: int, rate_hz: int
) -> Iterator[Samples]:
    """Yield (frames, channels) of all sides on the recording's clock, at one rate."""
    import numpy as np

    begin_s = source.start_s
    end_s = None if source.duration_s is None else begin_s + source.duration_s
    streams = [
        _pieces(_resampled(reader, begin_s - at, end_s, at, rows, rate_hz), rate_hz * _PIECE_S)
        for reader, at in sides
    ]
    empty = np.zeros((0, rows), np.float32)
    for parts in zip_longest(*streams, fillvalue=empty):
        length = max(len(part) for part in parts)
        yield np.hstack([np.pad(part, ((0, length - len(part)), (0, 0))) for part in parts])


def _resampled(
    reader: Rereader, begin_s: float, end_s: float | None, at_s: float, rows: int, rate_hz: int
) -> Iterator[Samples]:
    """Yield what one file has, with silence before it where it begins later than the call."""
    import numpy as np
    import soxr

    if begin_s < 0:
        yield np.zeros((round(-begin_s * rate_hz), rows), np.float32)
    first = round(max(0.0, begin_s) * reader.rate_hz)
    last = 1 << 60 if end_s is None else round((end_s - at_s) * reader.rate_hz)
    same = rate_hz == reader.rate_hz
    resampler = None if same else soxr.ResampleStream(reader.rate_hz, rate_hz, rows)
    for _, block in reader.blocks(first, last):
        found = np.ascontiguousarray(block[:rows].T)
        yield found if resampler is None else resampler.resample_chunk(found).reshape(-1, rows)
    if resampler is not None:
        rest = resampler.resample_chunk(np.zeros((0, rows), np.float32), last=True)
        yield rest.reshape(-1, rows)


def _pieces(blocks: Iterator[Samples], frames: int) -> Iterator[Samples]:
    """Yield the same samples in pieces of one length, the last one shorter."""
    import numpy as np

    waiting: list[Samples] = []
    held = 0
    for block in blocks:
        waiting.append(block)
        held += len(block)
        if held < frames:
            continue
        whole = np.concatenate(waiting)
        cut = len(whole) - len(whole) % frames
        for at in range(0, cut, frames):
            yield whole[at : at + frames]
        waiting, held = [whole[cut:]], len(whole) - cut
    if held:
        yield np.concatenate(waiting)


def _too_long(source: Source, most_bytes: int) -> UsageError:
    length = "" if source.duration_s is None else f" of {source.duration_s / 60:.0f} minutes"
    return UsageError(
        "the recording is too long to be embedded",
        why=f"its sound{length} takes more than {most_bytes:,} bytes",
        hint="analyse a part of it with --start and --end, or leave out --embed-audio",
        code="TOO_LONG_TO_EMBED",
    )
