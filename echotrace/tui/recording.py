"""The recording behind a report, opened again only while it is still the same file."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from echotrace.audio.stop import Stopped, never
from echotrace.errors import EchoTraceError, InputError, UsageError
from echotrace.model.report import NO_RECORDING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from echotrace.audio.reread import Rereader
    from echotrace.audio.stop import ShouldStop
    from echotrace.audio.verified import Verified
    from echotrace.model.report import EnvelopeChannel, Source

__all__ = ["Excerpt", "Recording"]

_STDIN: Final = "-"
_WIDE: Final = frozenset({"pcm_24", "pcm_32", "float", "double"})


class Excerpt(NamedTuple):
    """Samples (frames, channels) of a stretch that begins at ``start_s``."""

    start_s: float
    rate_hz: int
    samples: NDArray[np.float32]

    @property
    def end_s(self) -> float:
        """Where it ends on the recording's clock."""
        return self.start_s + len(self.samples) / self.rate_hz


class _Side(NamedTuple):
    """One open file, and where it begins on the recording's clock."""

    file: Verified
    begin_s: float

    @property
    def reader(self) -> Rereader:
        return self.file.reader


class Recording:
    """A recording to look into and to listen to; every method but ``close`` may take long.

    The first thread that asks opens the file and hashes all of it; from then on one descriptor is
    held, so that a name that moves on to another file changes nothing. Before each look the file's
    size and time are compared, and it is hashed again when they have moved. One look is on at a
    time; a second one waits. Times are in seconds on the recording's clock, also of a cut; of two
    mono files with an offset the first is channel 0, and where one of them has not begun or is over
    there is silence.

    Args:
        source: what the report says of it.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._lock = threading.RLock()
        self._sides: tuple[_Side, ...] = ()
        self._refused: EchoTraceError | None = None
        self._closed = threading.Event()

    @property
    def is_closed(self) -> bool:
        """Whether nobody wants it any more."""
        return self._closed.is_set()

    @property
    def rate_hz(self) -> int:
        """The sample rate that the report names; of two files the higher."""
        return self.source.sample_rate_hz or 16_000

    def why_not(self) -> str | None:
        """Return why it cannot be opened (gone, changed since), or None; the answer is kept."""
        try:
            with self._lock:
                self._open(never)
        except Stopped:
            return "the recording was closed"
        except EchoTraceError as error:
            return f"{error.what}: {error.why}" if error.why else error.what
        return None

    def envelope(
        self, start_s: float, end_s: float, columns: int, *, should_stop: ShouldStop = never
    ) -> tuple[EnvelopeChannel, ...]:
        """Return smallest and largest sample per column of a stretch, per channel.

        A column shorter than a sample has the sample that was there; where the recording has
        nothing there is 0. There is no speech probability: nothing is analysed anew.

        Raises:
            InputError: it cannot be opened, or has changed since.
            UsageError: the stretch or the columns are empty.
            Stopped: ``should_stop``, asked often, said so, or the recording was closed.
        """
        import numpy as np

        from echotrace.audio.reread import extremes
        from echotrace.model.report import EnvelopeChannel

        _require(start_s, end_s, columns)
        made = []
        with self._lock:
            stop = self._open(should_stop)
            for index, (side, row) in enumerate(self._rows()):
                edges_s = (
                    start_s - side.begin_s + np.arange(columns + 1) * ((end_s - start_s) / columns)
                )
                # A hair of tolerance: 0.1 s * 16 kHz is 1600.0000000000002.
                edges = np.floor(edges_s * side.reader.rate_hz + 1e-6).astype(np.int64)
                low, high = extremes(side.reader, row, edges, stop)
                made.append(
                    EnvelopeChannel(
                        index=index,
                        min=tuple(low.tolist()),
                        max=tuple(high.tolist()),
                        speech_probability=(),
                    )
                )
        return tuple(made)

    def spectrogram(
        self,
        channel: int,
        start_s: float,
        end_s: float,
        *,
        columns: int,
        rows: int,
        should_stop: ShouldStop = never,
    ) -> NDArray[np.float32]:
        """Return levels in dB, (rows, columns), the lowest frequencies first.

        A full-scale sine has 0 dB. The rows are equally high on the mel scale, from 0 to half the
        sample rate (at most 24 kHz). NaN is where there is no recording, and what a file of a lower
        rate than the other cannot hold. The first call loads parts of librosa: a second or more.

        Raises:
            InputError: it cannot be opened, or has changed since; there is no such channel.
            MissingDependencyError: librosa cannot be imported.
            UsageError: the stretch, the columns or the rows are empty.
            Stopped: ``should_stop``, asked often, said so, or the recording was closed.
        """
        from echotrace.audio.spectrogram import band_edges_hz, lay_out, levels_db, top_hz

        _require(start_s, end_s, min(columns, rows))
        edges = band_edges_hz(rows, top_hz(self.rate_hz))
        with self._lock:
            stop = self._open(should_stop)
            side, row = self._row(channel)
            rate_hz = side.reader.rate_hz
            layout = lay_out(
                start_s - side.begin_s, end_s - side.begin_s, columns=columns, rate_hz=rate_hz
            )
            windows, held = side.reader.windows(layout.starts, layout.size, row, stop)
        return levels_db(windows, held, edges, rate_hz=rate_hz, per_column=layout.per_column)

    def excerpt(
        self,
        start_s: float,
        end_s: float,
        *,
        channel: int | None = None,
        should_stop: ShouldStop = never,
    ) -> Excerpt:
        """Return the samples of a stretch, as far as the recording goes; to be used for minutes.

        All channels, or the one that is named. Of two files with different rates the lower one is
        brought to the higher.

        Raises:
            InputError: it cannot be opened, has changed since, or holds nothing of the stretch.
            UsageError: the stretch is empty.
            Stopped: ``should_stop``, asked often, said so, or the recording was closed.
        """
        import numpy as np

        _require(start_s, end_s, 1)
        start_s = max(0.0, start_s)
        with self._lock:
            stop = self._open(should_stop)
            rows = self._rows() if channel is None else [self._row(channel)]
            rate_hz = max(side.reader.rate_hz for side, _ in rows)
            found = [_samples(side, row, start_s, end_s, rate_hz, stop) for side, row in rows]
        frames = max(reached for _, reached in found)
        if not frames:
            raise InputError(
                "there is nothing to hear", why="the recording ends before", code="NOTHING_THERE"
            )
        samples = np.stack([row[:frames] for row, _ in found], axis=1)
        return Excerpt(start_s, rate_hz, samples)

    def write_clip(
        self, path: Path, start_s: float, end_s: float, *, channel: int | None = None
    ) -> None:
        """Write a stretch as a WAV file that is new and only its owner may read.

        16-bit files keep their very samples; files of more bits become 32-bit floats, everything
        else is rounded to 16 bits.

        Raises:
            InputError: as in ``excerpt``.
            StorageError: the name is taken, or the file cannot be written.
        """
        self.save(self.excerpt(start_s, end_s, channel=channel), path)

    def save(self, excerpt: Excerpt, path: Path) -> None:
        """Write an excerpt of this recording, as ``write_clip`` does.

        Raises:
            StorageError: the name is taken, or the file cannot be written.
        """
        from echotrace.audio.clip import write_wav

        exact = bool(_WIDE & set((self.source.codec or "").split(" + ")))
        write_wav(path, excerpt.samples, excerpt.rate_hz, exact=exact)

    def close(self) -> None:
        """Give back what is held open; may be called twice; a look that is on ends soon."""
        self._closed.set()
        with self._lock:
            for side in self._sides:
                side.file.close()
            self._sides = ()

    def _open(self, should_stop: ShouldStop) -> ShouldStop:
        """Open, or look whether what is open is still the same; return when to stop."""

        def stop() -> bool:
            return self._closed.is_set() or should_stop()

        if self._closed.is_set():
            raise InputError("the recording was closed", code="CLOSED")
        if self._refused is not None:
            old = self._refused
            raise InputError(old.what, why=old.why, hint=old.hint, code=old.code)
        try:
            if self._sides:
                for side in self._sides:
                    side.file.require_same(stop)
            else:
                self._sides = self._opened(stop)
        except EchoTraceError as error:
            self._refused = error
            raise
        return stop

    def _opened(self, stop: ShouldStop) -> tuple[_Side, ...]:
        from echotrace.audio.verified import ANALYSE_AGAIN, Verified

        source = self.source
        if source.path == NO_RECORDING:
            raise InputError("the report has no recording", code="NO_RECORDING")
        files = [(file.path, file.sha256, file.offset_ms / 1000.0) for file in source.files]
        if not files:
            if source.sha256 is None:
                raise InputError(
                    "the recording cannot be told from another",
                    why="the report holds no sha256 of it",
                    hint=ANALYSE_AGAIN,
                    code="NO_SHA256",
                )
            files = [(source.path, source.sha256, 0.0)]
        size_bytes = source.size_bytes if not source.files else None
        sides: list[_Side] = []
        try:
            for path, sha256, begin_s in files:
                if path == _STDIN:
                    raise InputError(
                        "the recording came from standard input",
                        why="nothing of it was kept",
                        hint="save it to a file and analyse that",
                        code="FROM_STDIN",
                    )
                verified = Verified(
                    path,
                    sha256=sha256,
                    size_bytes=size_bytes,
                    decoder=source.decoder,
                    should_stop=stop,
                )
                sides.append(_Side(verified, begin_s))
        except BaseException:
            for side in sides:
                side.file.close()
            raise
        return tuple(sides)

    def _rows(self) -> list[tuple[_Side, int]]:
        """Return the file and its row for each channel of the report."""
        if self.source.files:
            rows = [(side, 0) for side in self._sides]
        else:
            rows = [(side, at) for side in self._sides for at in range(side.reader.format.channels)]
        # A stereo file of twice the same signal has one channel in the report.
        return rows[: len(self.source.channels) or None]

    def _row(self, channel: int) -> tuple[_Side, int]:
        rows = self._rows()
        if not 0 <= channel < len(rows):
            raise InputError(f"the recording has no channel {channel}", code="NO_SUCH_CHANNEL")
        return rows[channel]


def _require(start_s: float, end_s: float, count: int) -> None:
    if not (-1e9 < start_s < end_s < 1e9) or count < 1:
        raise UsageError(
            f"{start_s:g} to {end_s:g} s is no stretch of a recording", code="NO_STRETCH"
        )


def _pieces(
    side: _Side, row: int, start_s: float, end_s: float, stop: ShouldStop
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield (place, samples) of a stretch; places count from the stretch's beginning."""
    begin = round((start_s - side.begin_s) * side.reader.rate_hz)
    end = round((end_s - side.begin_s) * side.reader.rate_hz)
    for at, block in side.reader.blocks(begin, end, stop):
        yield at - begin, block[row]


def _samples(
    side: _Side, row: int, start_s: float, end_s: float, rate_hz: int, stop: ShouldStop
) -> tuple[NDArray[np.float32], int]:
    """Return a stretch at ``rate_hz``, and how many of its frames the file reaches."""
    import numpy as np

    own_hz = side.reader.rate_hz
    found = np.zeros(max(1, round((end_s - start_s) * own_hz)), np.float32)
    reached = 0
    for place, piece in _pieces(side, row, start_s, end_s, stop):
        part = piece[: len(found) - place]
        found[place : place + len(part)] = part
        reached = place + len(part)
    if own_hz != rate_hz:
        import soxr

        found = np.asarray(soxr.resample(found, own_hz, rate_hz), np.float32)
        reached = round(reached * rate_hz / own_hz)
    wanted = max(1, round((end_s - start_s) * rate_hz))
    return np.pad(found[:wanted], (0, max(0, wanted - len(found)))), min(reached, wanted)
