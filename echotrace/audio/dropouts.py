"""Lost packets: a wave stops in the middle, and one value follows for 5 ms or more.

A recorder that gets no packet writes silence. The silence of a pause begins differently: a sound
fades before it, and rises from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from echotrace.audio.vad import SpeechSpan

__all__ = ["LONGEST_S", "SHORTEST_S", "Still", "StillMeter", "inside_speech"]

SHORTEST_S: Final = 0.005
LONGEST_S: Final = 0.3
"""A longer silence is a pause, a gate or a hold, whatever came before it."""
LOUD: Final = 10 ** (-45 / 20)
"""-45 dBFS, RMS of the 10 ms before: a loss in what is quieter is not heard."""
ABRUPT: Final = 10 ** (-65 / 20)
"""-65 dBFS, RMS of the 2 ms before."""
EDGE: Final = 10 ** (-55 / 20)
EDGE_SHARE: Final = 10 ** (-18 / 20)
"""RMS of the last or the first 0.25 ms beside the silence, the louder one: a synthesis closes its
stops within 2 ms, but rounds them off; 1 % of losses fall on two quiet moments."""
TINY: Final = 1e-3
"""-60 dBFS: a constant value above this is a plateau, not silence; A-law has no zero."""
STEPS: Final = 8.0
"""The 10 ms before must reach 8 steps of the coding: in 8 bits a voice fades in few steps."""
SLACK_S: Final = 0.03
"""How finely the edges of speech are known."""
RECOVERY_S: Final = 0.25
"""How long the detector of speech takes to hear it again after a loss."""
PACKET_S: Final = 0.01
PACKET_SLACK_S: Final = 0.0006
"""Packets hold 10 ms or a multiple of it; zeros of the wave itself add a few samples."""
_BEFORE_S: Final = 0.01
_JUST_BEFORE_S: Final = 0.002
_EDGE_S: Final = 0.00025
_MOST: Final = 20_000


@dataclass(frozen=True, slots=True)
class Still:
    """Samples [first, end) of one value, after sound that stopped abruptly."""

    first: int
    end: int


@dataclass(frozen=True, slots=True)
class _Begun:
    """Silence from sample ``first`` on, with the RMS of the 10 ms and the 0.25 ms before it."""

    first: int
    loud: float
    edge: float


class StillMeter:
    """Streaming over samples of any length; what is kept is bounded."""

    def __init__(self, rate_hz: int) -> None:
        self._shortest = max(2, round(SHORTEST_S * rate_hz))
        self._longest = round(LONGEST_S * rate_hz)
        self._before = max(2, round(_BEFORE_S * rate_hz))
        self._just_before = max(2, round(_JUST_BEFORE_S * rate_hz))
        self._edge = max(2, round(_EDGE_S * rate_hz))
        self._stride = max(1, self._shortest // 3)
        self._kept = np.empty(0, np.float32)
        self._total = 0
        self._done = 0
        self._is_open = False
        self._begun: _Begun | None = None
        self._ended: list[tuple[_Begun, int]] = []
        self._found: list[Still] = []

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take finite samples (frames,); the array is not kept or changed."""
        if not samples.size:
            return
        data = np.concatenate([self._kept, samples])
        base = self._total - self._kept.size
        self._total += samples.size
        if self._is_open:
            changed = samples != self._kept[-1]
            at = int(np.argmax(changed))
            if not changed[at]:
                self._kept = self._tail(data)
                return
            self._done = self._kept.size + at + base
            self._is_open = False
            self._end(self._begun, self._done)
        self._scan(data, base)
        waiting = [item for item in self._ended if item[1] + self._edge > self._total]
        self._found += self._decided(
            (item for item in self._ended if item[1] + self._edge <= self._total), data, base
        )
        self._ended = waiting
        self._kept = self._tail(data)

    def result(self) -> tuple[Still, ...]:
        """The places so far, in order; silence that has not ended is none."""
        base = self._total - self._kept.size
        return (*self._found, *self._decided(self._ended, self._kept, base))[:_MOST]

    def _tail(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        tail: NDArray[np.float32] = data[-(self._before + self._shortest) :].copy()
        return tail

    def _scan(self, data: NDArray[np.float32], base: int) -> None:
        """Look at the runs that begin at or after ``_done``; one that is too short may go on."""
        coarse = data[:: self._stride]
        # Every run that is long enough holds two neighbours of the coarse copy.
        if (coarse[1:] == coarse[:-1]).any():
            same = (data[1:] == data[:-1]) & (np.abs(data[1:]) <= TINY)
            edges = np.flatnonzero(np.diff(same.view(np.int8), prepend=0, append=0))
            starts, ends = edges[0::2], edges[1::2] + 1
            chosen = (ends - starts >= self._shortest) & (starts + base >= self._done)
            for first, end in zip(starts[chosen].tolist(), ends[chosen].tolist(), strict=True):
                begun = self._begin(data, first, base)
                if end == data.size:
                    self._is_open, self._begun = True, begun
                else:
                    self._end(begun, end + base)
        self._done = base + _last_run(data, self._shortest)

    def _begin(self, data: NDArray[np.float32], first: int, base: int) -> _Begun | None:
        """Return how the sound before a silence stopped; None where it was quiet or faded."""
        before = data[max(0, first - self._before) : first].astype(np.float64)
        if before.size < self._before:
            return None
        loud = _rms(before)
        step = float(np.min(np.abs(before), initial=1.0, where=before != 0.0))
        if loud <= max(LOUD, STEPS * step) or _rms(before[-self._just_before :]) <= ABRUPT:
            return None
        return _Begun(first + base, loud, _rms(before[-self._edge :]))

    def _end(self, begun: _Begun | None, end: int) -> None:
        if begun is not None and end - begun.first <= self._longest and len(self._found) < _MOST:
            self._ended.append((begun, end))

    def _decided(
        self, ended: Iterable[tuple[_Begun, int]], data: NDArray[np.float32], base: int
    ) -> list[Still]:
        found = []
        for begun, end in ended:
            after = data[end - base : end - base + self._edge].astype(np.float64)
            edge = max(begun.edge, _rms(after) if after.size else 0.0)
            if edge > max(EDGE, EDGE_SHARE * begun.loud):
                found.append(Still(begun.first, end))
        return found


def _rms(samples: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def _last_run(data: NDArray[np.float32], most: int) -> int:
    """Return where the run of one value at the end begins, looking back ``most`` samples."""
    tail = data[-most:]
    other = np.flatnonzero(tail != tail[-1])
    return int(data.size - tail.size + (other[-1] + 1 if other.size else 0))


def inside_speech(
    stills: Iterable[Still],
    spans: Iterable[SpeechSpan],
    *,
    rate_hz: int,
    start_s: float,
    only_packets: bool = False,
) -> tuple[tuple[float, float], ...]:
    """Return (at_s, duration_s) of the places that begin and end within a stretch of speech.

    A loss may split a stretch in two: then the next one begins within 0.25 s of its end. With
    ``only_packets`` a place must be as long as whole packets: a channel that has digital silence
    of its own may have it within words too.
    """
    ordered = sorted(spans, key=lambda span: span.start_s)
    starts = np.array([span.start_s for span in ordered]) - SLACK_S
    ends = np.array([span.end_s for span in ordered]) + SLACK_S
    starts_again = np.append(starts[1:] + SLACK_S - RECOVERY_S, np.inf)
    found = []
    for still in stills:
        at_s, end_s = start_s + still.first / rate_hz, start_s + still.end / rate_hz
        packets = round((end_s - at_s) / PACKET_S)
        over_s = abs(end_s - at_s - packets * PACKET_S)
        if only_packets and (packets < 1 or over_s > PACKET_SLACK_S):
            continue
        first = int(np.searchsorted(starts, at_s, "right")) - 1
        last = int(np.searchsorted(starts, end_s, "right")) - 1
        goes_on = end_s <= ends[last] or end_s > starts_again[last]
        if first >= 0 and at_s <= ends[first] and goes_on:
            found.append((at_s, end_s - at_s))
    return tuple(found)
