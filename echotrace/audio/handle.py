"""The Audio handle: one recording, decoded once, read in pieces.

It is no array. A reader asks for blocks or for a span of one channel, and memory stays bounded
however long the recording is.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from echotrace.audio.assign import assign_roles
from echotrace.audio.cut import Cut, check_cut
from echotrace.audio.door import Recording, open_recording
from echotrace.audio.facts import conclude, is_identical
from echotrace.audio.ingest import Laps, MakeExtractor
from echotrace.audio.opening import Opened, Opening, discard, no_audio
from echotrace.audio.resample import RATE_HZ
from echotrace.audio.stop import ShouldStop, never
from echotrace.model.report import Source

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from echotrace.audio.features import ChannelFeatures
    from echotrace.audio.native import NativeStats
    from echotrace.model.measure import Finding
    from echotrace.telemetry import TelemetryCollector

__all__ = ["Audio", "AudioBlock", "AudioOptions", "Samples", "decode_span", "open_audio"]

_STEPS = ("hash", "decode", "resample", "features")


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioOptions:
    """How a recording is opened.

    ``start_s`` and ``end_s`` cut a span of it; ``caller_channel`` is the caller's index when it is
    known. Without ``keep_samples`` nothing is kept, and the first read decodes a second time.
    """

    start_s: float | None = None
    end_s: float | None = None
    caller_channel: int | None = None
    max_duration_s: float = 21_600
    max_decoded_mib: int = 16_384
    keep_samples: bool = True


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Samples of all channels, float32 (channels, frames) at 16 kHz, from ``start_s`` on."""

    start_s: float
    samples: NDArray[np.float32]


class Samples(Protocol):
    """The kept samples of a recording, float32 rows at 16 kHz, to be read from any thread."""

    frames: int

    def read(self, channel: int, begin: int, end: int) -> NDArray[np.float32]:
        """Return a fresh array of one row, clipped to what there is."""

    def close(self) -> None:
        """Give back memory and disk; may be called twice."""


class Audio:
    """An opened recording; close it, or use ``with``.

    Every ``*_s`` is in seconds on the recording's clock, whose zero is the beginning of the file
    also when a cut begins later. With ``identical_channels`` the two channels of a stereo file
    carry the same signal and count as one.
    """

    def __init__(
        self,
        recordings: tuple[Recording, ...],
        *,
        native: tuple[NativeStats, ...],
        features: tuple[ChannelFeatures, ...],
        samples: Samples | None,
        source: Source,
        findings: tuple[Finding, ...],
        identical_channels: bool,
        caller_channel: int | None,
        decode_again: Callable[[], Samples],
    ) -> None:
        kept = 1 if identical_channels else len(native)
        self.source = source
        self.findings = findings
        self.native = native[:kept]
        self.features = features[:kept]
        self.identical_channels = identical_channels
        self.channels = kept
        self.duration_s = source.duration_s
        self._caller_channel = caller_channel
        self._recordings = recordings
        self._kept = samples
        self._decode_again = decode_again
        self._lock = threading.Lock()
        self._closed = False

    @property
    def caller_known(self) -> bool:
        """Whether the caller's channel was named or inferred with confidence."""
        return self._caller_channel is not None

    @property
    def scored_channel(self) -> int:
        """The caller's channel when it is known, else the first."""
        return 0 if self._caller_channel is None else self._caller_channel

    def blocks(self, block_s: float = 30.0) -> Iterator[AudioBlock]:
        """Yield the analysed cut in order, ``block_s`` seconds at a time, the last maybe less."""
        spool = self._samples()
        size = max(1, round(block_s * RATE_HZ))
        for begin in range(0, spool.frames, size):
            rows = [spool.read(row, begin, begin + size) for row in range(self.channels)]
            yield AudioBlock(self.source.start_s + begin / RATE_HZ, np.stack(rows))

    def read(self, channel: int, start_s: float, end_s: float) -> NDArray[np.float32]:
        """Return a fresh array of one channel at 16 kHz, clipped to what the cut holds."""
        if not 0 <= channel < self.channels:
            raise IndexError(f"channel {channel} of {self.channels}")
        spool, origin = self._samples(), self.source.start_s
        begin = round((start_s - origin) * RATE_HZ)
        end = round((end_s - origin) * RATE_HZ)
        return spool.read(channel, begin, end)

    def _samples(self) -> Samples:
        with self._lock:
            if self._closed:
                raise ValueError("the recording was closed")
            if self._kept is None:
                self._kept = self._decode_again()
            return self._kept

    def close(self) -> None:
        """Close the recording and drop its samples; may be called twice."""
        with self._lock:
            self._closed = True
            if self._kept is not None:
                self._kept.close()
            for recording in self._recordings:
                recording.close()

    def __enter__(self) -> Audio:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_audio(
    path: str | os.PathLike[str],
    *,
    options: AudioOptions,
    collector: TelemetryCollector | None = None,
    stdin: BinaryIO | None = None,
    make_extractor: MakeExtractor | None = None,
    should_stop: ShouldStop = never,
) -> Audio:
    """Open, check, hash and decode a recording in a single pass.

    Args:
        path: a regular file, or ``-`` for standard input.
        options: the cut and the caps.
        collector: gets a span ``audio_decode`` with the parts hash, decode, resample, features.
        stdin: what ``-`` reads, by default the process's own.
        make_extractor: what computes the features, by default
            :class:`echotrace.audio.features.FeatureExtractor`.
        should_stop: asked from this thread several times a second; once it says so, everything is
            closed. It is asked again when samples that were not kept are decoded a second time.

    Raises:
        InputError: the file cannot be used; its ``code`` says why.
        UsageError: the options contradict each other or the recording.
        StorageError: there is no room for temporary data.
        Stopped: ``should_stop`` said so.
    """
    cut = check_cut(options.start_s, options.end_s)
    if make_extractor is None:
        from echotrace.audio.features import FeatureExtractor

        make_extractor = FeatureExtractor
    with decode_span(collector) as laps:
        recording = open_recording(
            path, stdin=stdin, max_bytes=options.max_decoded_mib << 20, should_stop=should_stop
        )
        try:
            opened = Opening(
                recording,
                cut=cut,
                max_duration_s=options.max_duration_s,
                max_decoded_mib=options.max_decoded_mib,
                keep_samples=options.keep_samples,
                make_extractor=make_extractor,
                laps=laps,
                should_stop=should_stop,
            ).run()
            try:
                audio = _finish(opened, cut, options)
            except BaseException:
                discard(opened.found)
                raise
        except BaseException:
            recording.close()
            raise
        laps.noted.update(decoder=audio.source.decoder, codec=audio.source.codec)
    return audio


@contextmanager
def decode_span(collector: TelemetryCollector | None) -> Iterator[Laps]:
    """Measure a span ``audio_decode``; the steps of the laps it hands out become its parts.

    What stands in the laps' ``noted`` at the end becomes attributes of the span.
    """
    if collector is None:
        yield Laps()
        return
    with collector.span("audio_decode") as span:
        at = time.perf_counter_ns()
        laps = Laps()
        yield laps
        # The steps took turns block by block; they are laid end to end.
        for step in _STEPS:
            wall = laps.wall_ns.get(step, 0)
            collector.record(
                step,
                start_ns=at,
                end_ns=at + wall,
                parent=span,
                cpu_ns=laps.cpu_ns.get(step, 0),
                accumulated=True,
            )
            at += wall
        span.set(**laps.noted)


def _finish(opened: Opened, cut: Cut, options: AudioOptions) -> Audio:
    recording, found = opened.recording, opened.found
    form = found.decoder.format
    if not found.frames:
        raise no_audio(recording, found, cut)
    identical = is_identical(found)
    roles = assign_roles(
        len(found.native), found.features, identical=identical, caller=options.caller_channel
    )
    source = Source(
        path=recording.shown,
        sha256=opened.sha256,
        size_bytes=recording.size_bytes,
        container=form.container,
        codec=form.codec,
        decoder=form.decoder,
        duration_s=found.frames / form.rate_hz,
        sample_rate_hz=form.rate_hz,
        channels=roles.channels,
        start_s=cut.start_s,
        end_s=cut.end_s,
    )
    return Audio(
        (recording,),
        native=found.native,
        features=found.features,
        samples=found.spool,
        source=source,
        findings=conclude(recording, opened.how, found, cut) + roles.findings,
        identical_channels=identical,
        caller_channel=roles.caller,
        decode_again=opened.again,
    )
