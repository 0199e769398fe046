"""Placing the edges of a stretch: the median of their posterior, or the definition where it holds.

The net says where an edge may lie; where the noise is far below the threshold of audibility, the
frames themselves say where it lies, and the net only which of them belong to the near speaker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from echotrace.audio.edge_net import ENDS, NEAR, STARTS
from echotrace.audio.vad import runs

if TYPE_CHECKING:
    Mask = NDArray[np.bool_]
    Place = tuple[float, float, float]

__all__ = ["HELD", "HELD_ON_LINE", "SHORTEST_PAUSE", "Seen", "place_edges"]

SHORTEST_PAUSE: Final = 25
"""0.2 s of 8 ms frames."""
REACH: Final = 64
"""0.512 s: how far an edge is looked for on both sides of where the stretch seems to begin."""
HELD: Final = 0.965
"""The share of the posterior that an interval holds; it then held 92 to 100 % of the true gaps of
the training voices, fewer of voices whose clips end in rumble near the threshold."""
HELD_ON_LINE: Final = 0.95
"""The same for a telephone line: it was learnt with edges of what the line carries and of what was
said, which makes its posteriors longer."""
EXACT_SHARE: Final = 0.1
"""A crossing of the threshold with less than this around it in the posterior is somebody else's."""
EXACT_FRAMES: Final = 1.5
"""How far the definition's edge moves with where the 8 ms frames happen to begin."""
GRID_FRAMES: Final = 0.5
FAR: Final = 0.3
"""What the net gives less than this is not the near speaker, whatever the detector hears."""
LONGEST_SILENCE: Final = 6
"""48 ms: room tone does not fall silent."""
FARTHEST: Final = 125
"""1 s: room tone and breath beside speech are followed no farther."""


@dataclass(slots=True, kw_only=True)
class Seen:
    """What is known per 8 ms frame.

    ``logits`` (frames, OUTPUTS) are the net's; ``audible`` marks frames above the threshold,
    ``sounding`` those less than 15 dB below it, ``loud`` those 10 dB above it; ``clear`` marks
    where the noise is far below it, ``voiced`` what the detector takes for speech, anybody's.
    ``held`` is the share of a posterior that an interval is to hold.
    """

    logits: NDArray[np.float32]
    audible: Mask
    sounding: Mask
    loud: Mask
    clear: Mask
    voiced: Mask
    held: float = HELD

    @property
    def near(self) -> NDArray[np.float64]:
        """The probability that near speech is audible."""
        x = np.clip(self.logits[:, NEAR].astype(np.float64), -60, 60)
        return np.asarray(1.0 / (1.0 + np.exp(-x)))


def place_edges(seen: Seen, coarse: list[tuple[int, int]]) -> list[tuple[Place, Place]]:
    """Return (low, at, high) of the start and the end of every stretch, in frames.

    ``coarse`` are its first frame and the one after its last. What then lies less than 0.2 s
    apart is one stretch.
    """
    count = len(seen.audible)
    far = _another_voice(seen)
    found: list[tuple[Place, Place]] = []
    for i, (first, last) in enumerate(coarse):
        before = coarse[i - 1][1] if i else 0
        after = coarse[i + 1][0] if i + 1 < len(coarse) else count
        start = _edge(seen, STARTS, first, max(before, first - REACH), min(last, first + REACH))
        end = _edge(seen, ENDS, last, max(first, last - REACH), min(after, last + REACH))
        start = _carried(seen, far, start, first, -1)
        end = _carried(seen, far, end, last - 1, 1)
        if found and start[1] - found[-1][1][1] < SHORTEST_PAUSE - 0.5:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return [(start, _after(start, end)) for start, end in found]


def _another_voice(seen: Seen) -> Mask:
    """Mark speech that is not near; the detector's own hangover, below 0.2 s, is none."""
    far: Mask = seen.voiced & (seen.near < FAR)
    for first, last in runs(far):
        if last - first < SHORTEST_PAUSE:
            far[first:last] = False
    return far


def _after(start: Place, end: Place) -> Place:
    """Return the end moved behind the start where the two were found the other way round."""
    least = start[1] + 1.0
    return end if end[1] >= least else (min(end[0], least), least, max(end[2], least))


def _edge(seen: Seen, kind: int, coarse: int, lowest: int, highest: int) -> Place:
    """Return one edge; ``lowest`` to ``highest`` are looked at."""
    count = len(seen.audible)
    if (kind == STARTS and coarse == 0) or (kind == ENDS and coarse >= count):
        return float(coarse), float(coarse), float(coarse)
    highest = min(highest, count - 1)
    if highest <= lowest:
        return float(lowest), float(max(lowest, min(coarse, highest))), float(max(highest, lowest))
    score = seen.logits[lowest : highest + 1, kind].astype(np.float64)
    share = np.exp(score - score.max())
    share /= share.sum()
    low, at, high = (lowest + x for x in _interval(share, seen.held))
    if not seen.clear[min(coarse, count - 1)]:
        return low, at, high
    before = seen.audible[max(lowest - 1, 0)] if lowest else np.False_
    step = np.diff(seen.audible[lowest : highest + 1].astype(np.int8), prepend=np.int8(before))
    places = np.flatnonzero(step == (1 if kind == STARTS else -1))
    if not len(places):
        return low, at, high
    sums = np.concatenate([[0.0], np.cumsum(share)])
    mass = sums[np.minimum(places + 4, len(share))] - sums[np.maximum(places - 3, 0)]
    best = int(np.argmax(mass))
    if mass[best] < EXACT_SHARE:
        return low, at, high
    exact = float(lowest + places[best])
    if mass[best] > 1.0 - EXACT_SHARE:
        return exact - EXACT_FRAMES, exact, exact + EXACT_FRAMES
    return min(low, exact - EXACT_FRAMES), exact, max(high, exact + EXACT_FRAMES)


def _carried(seen: Seen, far: Mask, edge: Place, inside: int, way: int) -> Place:
    """Carry an edge on through sound that never falls silent and is audible by definition.

    Breath and room tone beside a voice belong to it; another voice, which the detector hears and
    the net does not take for the near one, does not, and neither does any other loud sound.
    """
    count = len(seen.audible)
    if not seen.clear[min(max(inside, 0), count - 1)] or edge[1] != int(edge[1]):
        return edge
    at = int(edge[1]) if way > 0 else int(edge[1]) - 1
    reached, heard = at - way, at - way
    for frame in range(at, max(-1, min(count, at + way * FARTHEST)), way):
        if far[frame] or seen.loud[frame]:
            # The onset of another sound is heard before anything is sure of it.
            return edge
        if seen.sounding[frame]:
            heard = frame
        elif abs(frame - heard) > LONGEST_SILENCE:
            break
        if seen.audible[frame]:
            if abs(frame - reached) > SHORTEST_PAUSE:
                break
            reached = frame
    return _moved(edge, reached, way)


def _moved(edge: Place, reached: int, way: int) -> Place:
    place = float(reached + 1 if way > 0 else reached)
    if (place - edge[1]) * way <= 0:
        return edge
    return min(edge[0], place - EXACT_FRAMES), place, max(edge[2], place + EXACT_FRAMES)


def _interval(share: NDArray[np.float64], held: float) -> Place:
    """Return the median of a distribution over frames and the shortest interval that holds enough.

    Posteriors lean to one side (a word's tail may be masked, its beginning hardly), where the
    interval between two outer percentiles would be longer and miss the likeliest places. Each
    frame's share is spread half a frame to each side.
    """
    sums = np.concatenate([[0.0], np.cumsum(share)])
    places = np.arange(len(share) + 1) - 0.5
    below = np.linspace(0.0, 1.0 - held, 26)
    lows = np.interp(below, sums, places)
    highs = np.interp(below + held, sums, places)
    best = int(np.argmin(highs - lows))
    at = float(np.interp(0.5, sums, places))
    return float(lows[best]) - GRID_FRAMES, at, float(highs[best]) + GRID_FRAMES
