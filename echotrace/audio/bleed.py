"""Bleed: one side of a call leaking into the other side's channel; found, measured, taken off.

An echo 45 dB below its source starts turns that nobody took: a speech detector does not care how
soft a voice is. It is found by lagged correlation, far below what any level would show.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from echotrace.audio.bleed_fit import (
    FRAME,
    Samples,
    agreement,
    fit_leak,
    frame_powers,
    gain_from,
)
from echotrace.audio.bleed_search import WINDOW, Trace, search
from echotrace.audio.resample import RATE_HZ
from echotrace.audio.stop import ShouldStop, never

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from echotrace.audio.features import ChannelFeatures

    Read = Callable[[int, float, float], NDArray[np.float32]]

__all__ = ["Canceller", "Leak", "find_bleed"]

FIT_WINDOWS: Final = 80
"""Two minutes of the source are enough for a filter, and take a quarter of a second."""
LEAST_DB: Final = 3.0
SURE: Final = 8.0
"""Standard deviations at which the confidence is one half; at twice as many it is 0.88."""
SIZE: Final = 1 << 14
CELL: Final = 32 * FRAME
"""1.02 s."""
NEAR: Final = 2
KERNEL: Final = np.array([0.25, 0.5, 1.0, 0.5, 0.25])
"""How much the cells around one say about its gain."""
TAIL_FRAMES: Final = 5
"""0.16 s in which a room carries the source on."""
MARGIN_DB: Final = 6.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leak:
    """One path from a source's channel into another.

    ``attenuation_db`` is how far the leak lies below the source's own level, ``delay_ms`` where it
    is strongest, ``confidence`` 0.5 to 1. ``residual_db`` is what :class:`Canceller` leaves of it,
    relative to the source's level (-40 is little). ``taps`` (n,) float64 at 16 kHz is the path's
    impulse response; its first tap lies ``first_lag`` samples behind the source.
    """

    from_channel: int
    into_channel: int
    attenuation_db: float
    delay_ms: float
    confidence: float
    residual_db: float
    first_lag: int
    taps: NDArray[np.float64] = field(repr=False)


def find_bleed(
    read: Read,
    start_s: float,
    end_s: float,
    features: Sequence[ChannelFeatures],
    *,
    should_stop: ShouldStop = never,
) -> tuple[Leak, ...]:
    """Look for leaks between the two channels of a call, at most one in either direction.

    Args:
        read: as :meth:`echotrace.audio.handle.Audio.read`, of channels 0 and 1.
        start_s: where ``features`` begin, on the recording's clock.
        end_s: where the recording or its cut ends.
        features: of both channels, as the single pass made them.
        should_stop: asked once per window.

    Returns:
        The clearer one first; empty where nothing leaks. What lies less than 3 dB below its source
        is not looked for: that is one signal on two channels.

    Raises:
        Stopped: ``should_stop`` said so.
    """
    if len(features) != 2 or any(item.active_level is None for item in features):
        return ()
    samples = Samples(read, start_s, end_s)
    traces = [search(samples, features, source, 1 - source, should_stop) for source in (0, 1)]
    found: list[Leak] = []
    for trace in sorted((item for item in traces if item is not None), key=lambda item: -item.z):
        clear: Trace | None = trace
        if found:
            # A leak looks like one in the other direction too: once more, with the first taken off.
            samples = Samples(
                Canceller(read, found, start_s=start_s, end_s=end_s).read, start_s, end_s
            )
            clear = search(samples, features, trace.source, trace.target, should_stop)
        leak = None if clear is None else _leak(samples, clear)
        if leak is not None:
            found.append(leak)
    return tuple(found)


def _leak(samples: Samples, trace: Trace) -> Leak | None:
    step = -(-len(trace.begins) // FIT_WINDOWS)
    fit = fit_leak(
        samples,
        trace.source,
        trace.target,
        trace.begins[::step],
        window=WINDOW,
        lag=trace.lag,
        gain=trace.gain,
    )
    if fit is None or fit.attenuation_db < LEAST_DB:
        return None
    return Leak(
        from_channel=trace.source,
        into_channel=trace.target,
        attenuation_db=fit.attenuation_db,
        delay_ms=1000.0 * trace.lag / RATE_HZ,
        confidence=1.0 - 0.5 * (SURE / max(trace.z, SURE)) ** 2,
        residual_db=fit.residual_db,
        first_lag=fit.first_lag,
        taps=fit.taps,
    )


class Canceller:
    """Channels of a recording with the leaks into them taken off.

    A leak's filter is that of the whole recording; its gain follows what is heard around each
    second, because a microphone's level control and a loudspeaker's volume move. Results do not
    depend on how they are read.

    Args:
        read: as :meth:`echotrace.audio.handle.Audio.read`.
        leaks: what to take off; a leak's source is used as it is.
        start_s: the beginning of the recording or its cut.
        end_s: its end.
    """

    def __init__(self, read: Read, leaks: Sequence[Leak], *, start_s: float, end_s: float) -> None:
        self._read = read
        self._start_s = start_s
        samples = Samples(read, start_s, end_s)
        self._paths = tuple(_Path(samples, leak) for leak in leaks)

    def read(self, channel: int, start_s: float, end_s: float) -> NDArray[np.float32]:
        """Return a fresh array of one channel at 16 kHz without what leaks into it.

        It is clipped to what there is, as the samples that it comes from.
        """
        samples = self._read(channel, start_s, end_s)
        begin = max(0, round((start_s - self._start_s) * RATE_HZ))
        for path in self._paths:
            if path.leak.into_channel == channel and len(samples):
                samples = samples - path.tracked(begin, len(samples)).astype(np.float32)
        return samples

    def explained(self, channel: int, start_s: float, end_s: float) -> float:
        """Return the share (0 to 1) of what is heard in a span that can be left over from leaks.

        Whoever finds speech on a cleaned channel asks here: a detector hears voices at any level,
        and what the filter leaves of a leak is one. It is bounded by the source's own level around
        that time, plus ``residual_db`` and 6 dB. 0 where nothing leaks into the channel.
        """
        heard = frame_powers(self.read(channel, start_s, end_s).astype(np.float64))
        begin = max(0, round((start_s - self._start_s) * RATE_HZ))
        bound = np.zeros(len(heard))
        for path in self._paths:
            if path.leak.into_channel == channel:
                bound += path.bound(begin, len(heard))
        total = float(heard.sum())
        return float(np.minimum(heard, bound).sum()) / total if total > 0.0 else 0.0


class _Path:
    """One leak on its way: its filter, and its gain per cell of about a second."""

    def __init__(self, samples: Samples, leak: Leak) -> None:
        self.leak = leak
        self._samples = samples
        self._response = np.fft.rfft(leak.taps, SIZE)
        self._cells: dict[int, tuple[float, float]] = {}

    def tracked(self, begin: int, count: int) -> NDArray[np.float64]:
        """Return what the leak puts into its target from frame ``begin`` on."""
        first, last = begin // CELL, (begin + count - 1) // CELL
        around = range(first - NEAR - 1, last + NEAR + 2)
        missing = [cell for cell in around if cell not in self._cells]
        low = min([begin, *(cell * CELL for cell in missing)])
        high = max([begin + count, *((cell + 1) * CELL for cell in missing)])
        leaked = self._leaked(low, high - low)
        for cell in missing:
            heard = self._samples.at(self.leak.into_channel, cell * CELL, CELL)
            at = cell * CELL - low
            self._cells[cell] = agreement(heard, leaked[at : at + CELL])
        sums = np.array([self._cells[cell] for cell in around])
        smooth = np.stack([np.convolve(row, KERNEL, mode="valid") for row in sums.T])
        gains = [gain_from(float(both), float(own)) for both, own in smooth.T]
        centres = (np.arange(first - 1, last + 2) + 0.5) * CELL
        part = leaked[begin - low : begin - low + count]
        return np.asarray(part * np.interp(np.arange(begin, begin + count), centres, gains))

    def bound(self, begin: int, frames: int) -> NDArray[np.float64]:
        """Return the power per frame that what is left of the leak may have."""
        early = begin - self.leak.first_lag - TAIL_FRAMES * FRAME
        source = self._samples.at(self.leak.from_channel, early, (frames + TAIL_FRAMES + 1) * FRAME)
        power = frame_powers(source)
        windows = np.lib.stride_tricks.sliding_window_view(power, TAIL_FRAMES + 2)
        share = 10.0 ** ((self.leak.residual_db + MARGIN_DB) / 10.0)
        return np.asarray(share * windows.max(axis=1)[:frames])

    def _leaked(self, begin: int, count: int) -> NDArray[np.float64]:
        """Filter the source, by overlapping transforms."""
        history = len(self.leak.taps) - 1
        step = SIZE - history
        origin = begin - self.leak.first_lag - history
        result = np.empty(count)
        for at in range(0, count, step):
            size = min(step, count - at)
            x = self._samples.at(self.leak.from_channel, origin + at, size + history)
            spectrum = np.fft.rfft(x, SIZE) * self._response
            result[at : at + size] = np.fft.irfft(spectrum, SIZE)[history : history + size]
        return result
