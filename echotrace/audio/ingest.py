"""The single pass: decode, count, resample, extract features and keep the samples, in blocks."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from echotrace.audio.decoder import DecodeFailed, Decoder
from echotrace.audio.native import NativeMeter, NativeStats
from echotrace.audio.resample import Resampler
from echotrace.audio.spool import Spool
from echotrace.audio.stop import ShouldStop, check, never
from echotrace.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from echotrace.audio.features import ChannelFeatures  # noqa: TC004 - no dataclass evaluates it

__all__ = ["Extractor", "Laps", "Limits", "MakeExtractor", "Pass", "run_pass", "too_long"]

_BYTES_PER_SAMPLE = 4
_UNSCALED_SHARE = 0.001
_INTEGER_SCALES = (2.0**15, 2.0**23, 2.0**31)
_FULL_SCALE = {
    "pcm_u8": 127 / 128,
    "pcm_s8": 127 / 128,
    "ulaw": 32_124 / 32_768,
    "pcm_mulaw": 32_124 / 32_768,
    "alaw": 32_256 / 32_768,
    "pcm_alaw": 32_256 / 32_768,
}
"""The largest amplitude of codings with coarse steps, by both libraries' names (ITU-T G.711)."""


class Extractor(Protocol):
    """What turns 16 kHz samples into features; see echotrace.audio.features."""

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take (channels, frames) of any length."""

    def finish(self) -> tuple[ChannelFeatures, ...]:
        """Return the features per channel."""


class MakeExtractor(Protocol):
    """Makes an extractor for a number of channels."""

    def __call__(self, channels: int, *, start_s: float) -> Extractor:
        """Return a fresh extractor whose first sample lies at ``start_s``."""


@dataclass(slots=True)
class Laps:
    """Wall and CPU time of steps that take turns, summed per step, in nanoseconds.

    ``noted`` is what else is worth telling about the work, by name.
    """

    wall_ns: dict[str, int] = field(default_factory=dict)
    cpu_ns: dict[str, int] = field(default_factory=dict)
    noted: dict[str, str | None] = field(default_factory=dict)
    _wall: int = field(default_factory=time.perf_counter_ns)
    _cpu: int = field(default_factory=time.thread_time_ns)

    def lap(self, step: str) -> None:
        """Count the time since the last call towards ``step``."""
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        self.wall_ns[step] = self.wall_ns.get(step, 0) + wall - self._wall
        self.cpu_ns[step] = self.cpu_ns.get(step, 0) + cpu - self._cpu
        self._wall, self._cpu = wall, cpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The cut in native frames, and how much may come out of the file."""

    first_frame: int
    end_frame: int | None
    max_duration_s: float
    max_decoded_mib: int


@dataclass(slots=True, kw_only=True)
class Pass:
    """What one decoder gave; ``failure`` is set when it broke off, ``frames`` are native ones.

    ``reached_end`` is False when the cut's end stopped the pass before the recording's.
    """

    decoder: Decoder
    frames: int
    native: tuple[NativeStats, ...]
    correlation: float | None
    features: tuple[ChannelFeatures, ...]
    spool: Spool | None
    failure: str | None
    reached_end: bool
    gain: float = 1.0


def run_pass(
    open_decoder: Callable[[], Decoder],
    *,
    limits: Limits,
    keep_samples: bool,
    make_extractor: MakeExtractor,
    start_s: float,
    laps: Laps,
    shown: str,
    should_stop: ShouldStop = never,
) -> Pass:
    """Run one decoder from the cut's beginning to its end.

    A file of unscaled numbers (floats in the range of 16-bit integers, say) is only known for one
    at its end; it is read again with the gain that it needs.

    Raises:
        InputError: TOO_LONG or TOO_LARGE.
        Rejected: the decoder does not take the file.
        StorageError: the samples cannot be kept.
        Stopped: ``should_stop``, which is asked once per block, said so.
    """
    gain = 1.0
    while True:
        with closing(open_decoder()) as decoder:
            laps.lap("decode")
            found, meter = _once(
                decoder,
                limits,
                keep_samples,
                make_extractor,
                start_s,
                laps,
                shown,
                gain,
                should_stop,
            )
        wanted = _gain_for(meter, found) if gain == 1.0 else gain
        if wanted == gain:
            return found
        gain = wanted
        if found.spool is not None:
            found.spool.close()


def _gain_for(meter: NativeMeter, found: Pass) -> float:
    broken = sum(stats.out_of_range_samples for stats in found.native)
    if broken <= _UNSCALED_SHARE * sum(stats.samples for stats in found.native):
        return 1.0
    peak = meter.largest
    scale = next((scale for scale in _INTEGER_SCALES if peak <= scale), peak)
    return 1.0 / scale


def _once(
    decoder: Decoder,
    limits: Limits,
    keep_samples: bool,
    make_extractor: MakeExtractor,
    start_s: float,
    laps: Laps,
    shown: str,
    gain: float,
    should_stop: ShouldStop,
) -> tuple[Pass, NativeMeter]:
    form = decoder.format
    meter = NativeMeter(
        form.channels,
        form.rate_hz,
        integer=form.integer,
        gain=gain,
        full_scale=_FULL_SCALE.get(form.codec, 1.0),
    )
    resampler = Resampler(form.channels, form.rate_hz)
    extractor = make_extractor(form.channels, start_s=start_s)
    spool = Spool(form.channels) if keep_samples else None
    wanted = None if limits.end_frame is None else limits.end_frame - limits.first_frame
    frames, failure, reached_end = 0, None, True

    def forward(block: NDArray[np.float32], *, last: bool = False) -> None:
        resampled = resampler.push(block, last=last)
        if spool is not None:
            spool.append(resampled)
        laps.lap("resample")
        if resampled.shape[1]:
            extractor.push(_read_only(resampled))
        laps.lap("features")

    try:
        blocks = decoder.blocks(limits.first_frame)
        while True:
            check(should_stop)
            try:
                block = next(blocks, None)
            except DecodeFailed as error:
                failure = str(error)
                break
            if block is None:
                break
            if not block.shape[1]:
                continue
            if wanted is not None and frames + block.shape[1] >= wanted:
                block = block[:, : wanted - frames]
                reached_end = False
            frames += block.shape[1]
            _check(frames, limits, form.rate_hz, form.channels, shown)
            block = meter.push(block)
            laps.lap("decode")
            forward(block)
            if not reached_end:
                break
        forward(np.zeros((form.channels, 0), np.float32), last=True)
        native = meter.finish()
        features = extractor.finish()
        laps.lap("features")
    except BaseException:
        if spool is not None:
            spool.close()
        raise
    found = Pass(
        decoder=decoder,
        frames=frames,
        native=native,
        correlation=meter.correlation(),
        features=features,
        spool=spool,
        failure=failure,
        reached_end=reached_end,
        gain=gain,
    )
    return found, meter


def _read_only(block: NDArray[np.float32]) -> NDArray[np.float32]:
    view: NDArray[np.float32] = block.view()
    view.flags.writeable = False
    return view


def _check(frames: int, limits: Limits, rate_hz: int, channels: int, shown: str) -> None:
    if frames > limits.max_duration_s * rate_hz:
        raise too_long(shown, None, limits.max_duration_s)
    decoded = (limits.first_frame + frames) * channels * _BYTES_PER_SAMPLE
    if decoded > limits.max_decoded_mib << 20:
        raise InputError(
            f"{shown} unpacks to more than {limits.max_decoded_mib:,} MiB",
            why="a small file can hold hours of audio",
            hint="raise --max-decoded-mib, or cut a piece with --start and --end",
            code="TOO_LARGE",
        )


def too_long(shown: str, duration_s: float | None, limit_s: float) -> InputError:
    """The error for a recording beyond the cap on its duration; None when the end is not known."""
    length = "longer" if duration_s is None else f"{duration_s:,.0f} s long, which is more"
    return InputError(
        f"{shown} is {length} than {limit_s:,.0f} s",
        hint="raise --max-duration, or cut a piece with --start and --end",
        code="TOO_LONG",
    )
