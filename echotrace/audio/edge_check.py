"""The second detector's opinion on an edge: a disagreement widens the edge's interval.

WebRTC's detector knows nothing of the net. It is coarse (10 ms frames, a hangover of about 70 ms),
so it moves no edge; but where it hears speech begin or end elsewhere, being sure is unwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.vad import runs
from echotrace.audio.webrtc import WEBRTC_FRAME_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from echotrace.audio.features import ChannelFeatures
    from echotrace.audio.stretches import Edge, Stretch

__all__ = ["checked"]

SHORTEST_PAUSE: Final = 15
SHORTEST_SPEECH: Final = 6
"""Frames of 10 ms, for the second detector's own stretches."""
ONSET_LIMITS_S: Final = (-0.04, 0.25)
END_LIMITS_S: Final = (-0.2, 0.25)
"""How far an edge may lie before and after the second detector's without contradicting it."""
NO_OPINION_S: Final = 0.5
MOST_FALSE: Final = 0.5
HANGOVER: Final = 20
DECIDED_S: Final = 0.025
"""Three frames: the samples themselves decided, and no detector knows better."""
DOUBT: Final = "the second detector hears it {distance:.0f} ms {side}"


def checked(features: ChannelFeatures, stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Return the stretches, an edge's interval widened where the second detector contradicts.

    It has no opinion farther than 0.5 s from an edge, nor where it calls most of what is left
    between the stretches speech.
    """
    second = features.webrtc_speech
    if not stretches or _calls_noise_speech(features, stretches):
        return tuple(stretches)
    own = _stretches(second)
    onsets = features.start_s + WEBRTC_FRAME_S * np.array([first for first, _ in own])
    ends = features.start_s + WEBRTC_FRAME_S * np.array([last for _, last in own])
    return tuple(
        replace(
            stretch,
            start=_checked(stretch.start, onsets, ONSET_LIMITS_S),
            end=_checked(stretch.end, ends, END_LIMITS_S),
        )
        for stretch in stretches
    )


def _calls_noise_speech(features: ChannelFeatures, stretches: Sequence[Stretch]) -> bool:
    rest = np.ones(len(features.webrtc_speech), np.bool_)
    for stretch in stretches:
        first = int((stretch.start.at_s - features.start_s) / WEBRTC_FRAME_S)
        last = int((stretch.end.at_s - features.start_s) / WEBRTC_FRAME_S)
        rest[max(first, 0) : last + HANGOVER] = False
    return not rest.any() or float(features.webrtc_speech[rest].mean()) > MOST_FALSE


def _stretches(speech: NDArray[np.bool_]) -> list[tuple[int, int]]:
    mask = speech.copy()
    for first, last in runs(~mask):
        if first > 0 and last < len(mask) and last - first < SHORTEST_PAUSE:
            mask[first:last] = True
    return [(first, last) for first, last in runs(mask) if last - first >= SHORTEST_SPEECH]


def _checked(edge: Edge, others: NDArray[np.float64], limits_s: tuple[float, float]) -> Edge:
    """Widen one edge by as much as it lies outside the limits around the nearest of the others."""
    if not len(others) or edge.high_s - edge.low_s <= DECIDED_S:
        return edge
    ahead = edge.at_s - float(others[np.argmin(np.abs(others - edge.at_s))])
    if abs(ahead) > NO_OPINION_S or limits_s[0] <= ahead <= limits_s[1]:
        return edge
    if ahead < 0:
        doubt = DOUBT.format(distance=-1000 * ahead, side="later")
        high_s = max(edge.high_s, edge.at_s + limits_s[0] - ahead)
        return replace(edge, high_s=high_s, doubt=doubt)
    doubt = DOUBT.format(distance=1000 * ahead, side="earlier")
    low_s = min(edge.low_s, edge.at_s + limits_s[1] - ahead)
    return replace(edge, low_s=low_s, doubt=doubt)
