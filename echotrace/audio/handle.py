"""The Audio handle: one recording, decoded once, read in pieces.

It is no array. A reader asks for blocks or for a span of one channel, and memory stays bounded
however long the recording is.
"""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from echotrace.audio.choose import Plan, no_decoder, plan
from echotrace.audio.cut import Cut, check_cut
from echotrace.audio.decoder import Decoder, Rejected
from echotrace.audio.door import Recording, open_recording
from echotrace.audio.facts import conclude, is_identical
from echotrace.audio.ingest import Laps, Limits, MakeExtractor, Pass, run_pass, too_long
from echotrace.audio.resample import RATE_HZ
from echotrace.audio.stop import ShouldStop, never
from echotrace.errors import EchoTraceError, InputError, UsageError
from echotrace.model.report import Channel, Source

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from echotrace.audio.features import ChannelFeatures
    from echotrace.audio.native import NativeStats
    from echotrace.audio.spool import Spool
    from echotrace.model.measure import Finding
    from echotrace.telemetry import TelemetryCollector

__all__ = ["Audio", "AudioBlock", "AudioOptions", "open_audio"]

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


class Audio:
    """An opened recording; close it, or use ``with``.

    Every ``*_s`` is in seconds on the recording's clock, whose zero is the beginning of the file
    also when a cut begins later. With ``identical_channels`` the two channels of a stereo file
    carry the same signal and count as one.
    """

    def __init__(
        self,
        recording: Recording,
        found: Pass,
        *,
        source: Source,
        findings: tuple[Finding, ...],
        identical_channels: bool,
        caller_channel: int | None,
        decode_again: Callable[[], Spool],
    ) -> None:
        kept = 1 if identical_channels else len(found.native)
        self.source = source
        self.findings = findings
        self.native: tuple[NativeStats, ...] = found.native[:kept]
        self.features: tuple[ChannelFeatures, ...] = found.features[:kept]
        self.identical_channels = identical_channels
        self.channels = kept
        self.duration_s = source.duration_s
        self._caller_channel = caller_channel
        self._recording = recording
        self._spool = found.spool
        self._decode_again = decode_again
        self._lock = threading.Lock()
        self._closed = False

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

    def _samples(self) -> Spool:
        with self._lock:
            if self._closed:
                raise ValueError("the recording was closed")
            if self._spool is None:
                self._spool = self._decode_again()
            return self._spool

    def close(self) -> None:
        """Close the recording and drop its samples; may be called twice."""
        with self._lock:
            self._closed = True
            if self._spool is not None:
                self._spool.close()
            self._recording.close()

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
    with nullcontext() if collector is None else collector.span("audio_decode") as span:
        began_ns = time.perf_counter_ns()
        laps = Laps()
        recording = open_recording(
            path, stdin=stdin, max_bytes=options.max_decoded_mib << 20, should_stop=should_stop
        )
        try:
            audio = _Opening(recording, cut, options, make_extractor, laps, should_stop).run()
        except BaseException:
            recording.close()
            raise
        if collector is not None and span is not None:
            _record_parts(collector, span, began_ns, laps)
            span.set(decoder=audio.source.decoder, codec=audio.source.codec)
    return audio


def _record_parts(collector: TelemetryCollector, span: Any, began_ns: int, laps: Laps) -> None:
    """Lay the parts, which took turns block by block, end to end under their span."""
    at = began_ns
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


class _Opening:
    """One call of :func:`open_audio`, step by step."""

    def __init__(
        self,
        recording: Recording,
        cut: Cut,
        options: AudioOptions,
        make_extractor: MakeExtractor,
        laps: Laps,
        should_stop: ShouldStop,
    ) -> None:
        self._recording = recording
        self._cut = cut
        self._options = options
        self._make_extractor = make_extractor
        self._laps = laps
        self._should_stop = should_stop

    def run(self) -> Audio:
        recording = self._recording
        how = plan(recording)
        self._laps.lap("decode")
        digest = recording.sha256(self._should_stop)
        self._laps.lap("hash")
        found, opener = self._decode(how)
        try:
            return self._finish(how, found, opener, digest)
        except BaseException:
            _drop(found)
            raise

    def _decode(self, how: Plan) -> _Attempt:
        """Try the decoders in order: when one breaks off the next follows, the best counts."""
        best: _Attempt | None = None
        reasons: list[str] = []
        for opener in how.openers:
            try:
                found = self._pass(opener, keep=self._options.keep_samples, extract=True)
            except Rejected as error:
                reasons.append(str(error))
                continue
            except EchoTraceError:
                if best is None:
                    raise
                if not best[0].frames:
                    _drop(best[0])
                    raise
                break
            except BaseException:
                if best is not None:
                    _drop(best[0])
                raise
            if found.failure:
                reasons.append(found.failure)
            if best is None:
                best = found, opener
            elif found.frames > best[0].frames:
                _drop(best[0])
                best = found, opener
            else:
                _drop(found)
            if not found.failure and found.frames:
                break
        if best is None:
            raise no_decoder(self._recording, how.looks, reasons)
        if reasons and best[0].failure is None:
            best[0].failure = reasons[0]
        return best

    def _pass(self, opener: Callable[[], Decoder], *, keep: bool, extract: bool) -> Pass:
        options = self._options
        decoder = opener()
        form = decoder.format
        first = round(self._cut.start_s * form.rate_hz)
        end = None if self._cut.end_s is None else round(self._cut.end_s * form.rate_hz)
        if form.trusted and form.declared_frames is not None:
            last = form.declared_frames if end is None else min(end, form.declared_frames)
            if last - first > options.max_duration_s * form.rate_hz:
                decoder.close()
                length_s = (last - first) / form.rate_hz
                raise too_long(self._recording.shown, length_s, options.max_duration_s)
        waiting = [decoder]
        return run_pass(
            lambda: waiting.pop() if waiting else opener(),
            limits=Limits(
                first_frame=first,
                end_frame=end,
                max_duration_s=options.max_duration_s,
                max_decoded_mib=options.max_decoded_mib,
            ),
            keep_samples=keep,
            make_extractor=self._make_extractor if extract else _Nothing,
            start_s=self._cut.start_s,
            laps=self._laps,
            shown=self._recording.shown,
            should_stop=self._should_stop,
        )

    def _finish(self, how: Plan, found: Pass, opener: Callable[[], Decoder], digest: str) -> Audio:
        recording, form = self._recording, found.decoder.format
        if not found.frames:
            raise self._nothing(found)
        identical = is_identical(found)
        channels, caller, findings = self._channels(found, identical)
        findings = conclude(recording, how, found, self._cut) + findings
        source = Source(
            path=recording.shown,
            sha256=digest,
            size_bytes=recording.size_bytes,
            container=form.container,
            codec=form.codec,
            decoder=form.decoder,
            duration_s=found.frames / form.rate_hz,
            sample_rate_hz=form.rate_hz,
            channels=channels,
            start_s=self._cut.start_s,
            end_s=self._cut.end_s,
        )

        def decode_again() -> Spool:
            spool = self._pass(opener, keep=True, extract=False).spool
            assert spool is not None
            return spool

        return Audio(
            recording,
            found,
            source=source,
            findings=findings,
            identical_channels=identical,
            caller_channel=caller,
            decode_again=decode_again,
        )

    def _nothing(self, found: Pass) -> InputError:
        shown = self._recording.shown
        declared = found.decoder.format.declared_frames
        if self._cut.start_s > 0 and declared != 0:
            length = ""
            if declared is not None:
                length = f"it is {declared / found.decoder.format.rate_hz:.2f} s long"
            return InputError(
                f"{shown} ends before {self._cut.start_s:g} s",
                why=length,
                hint="choose a smaller --start",
                code="CUT_OUTSIDE",
            )
        return InputError(
            f"{shown} holds no audio",
            why=found.failure or "not one sample can be decoded",
            hint="check the program that recorded it: it may have been stopped too early",
            code="NO_AUDIO",
        )

    def _channels(
        self, found: Pass, identical: bool
    ) -> tuple[tuple[Channel, ...], int | None, tuple[Finding, ...]]:
        """Give each channel its role."""
        count, caller = len(found.native), self._options.caller_channel
        if caller is not None and not 0 <= caller < count:
            known = "one channel, 0" if count == 1 else f"channels 0 to {count - 1}"
            raise UsageError(
                f"there is no channel {caller}",
                why=f"the recording has {known}",
                hint="choose another --caller-channel",
                code="NO_SUCH_CHANNEL",
            )
        if identical:
            return (Channel(index=0, role="mixed"),), None, ()
        roles = ["unknown"] * count
        if caller is not None:
            roles[caller] = "caller"
            if count == 2:
                roles[1 - caller] = "agent"
        return tuple(Channel(index=i, role=role) for i, role in enumerate(roles)), caller, ()


_Attempt = tuple[Pass, "Callable[[], Decoder]"]


def _drop(found: Pass) -> None:
    if found.spool is not None:
        found.spool.close()


class _Nothing:
    """Extracts nothing: for the second pass that only refills the spool."""

    def __init__(self, channels: int, *, start_s: float = 0.0) -> None:
        del channels, start_s

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take nothing from it."""

    def finish(self) -> tuple[ChannelFeatures, ...]:
        """Return no features."""
        return ()
