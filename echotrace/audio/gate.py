"""Whether something opens and closes the channel around speech: a noise gate, DTX, a synthesis.

What lies in the pauses of such a channel is not the noise under its speech. An SNR from it reads
30 to 45 dB too high, and the caller hears the noise come and go.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.dropouts import LONGEST_S
from echotrace.audio.snr import DIGITAL_SILENCE_POWER, GATED_FRAMES
from echotrace.audio.vad import runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from echotrace.audio.features import ChannelFeatures
    from echotrace.audio.vad import SpeechSpan

__all__ = ["Gate", "find_gate", "has_own_silence"]

FALL_DB: Final = 25.0
"""How far the background falls within 64 ms when a gate closes."""
STEADY_DB: Final = 6.0
"""Three frames before the fall lie within this: the background, not the end of a word."""
BELOW_SPEECH_DB: Final = 12.0
"""So far below the speech at least: a word's end is louder."""
SPREAD_DB: Final = 4.0
"""The background that is cut off has the same level every time (standard deviation)."""
MIN_FALLS: Final = 2
SHARE: Final = 0.6
"""Share of the pauses that a gate closes in."""
MIN_PAUSE_S: Final = 0.4
_SEARCH_S: Final = (-0.13, 0.64)
"""A gate holds for up to half a second after a word."""
_FLOOR_SLACK_DB: Final = 8.0
_GUARD_FRAMES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Whether a channel is gated, where that shows first, and how.

    ``is_gated`` is None where there are no pauses to tell it from. ``is_digital`` means that the
    pauses are digital silence; else a background was heard and fell abruptly.
    """

    is_gated: bool | None
    at_s: float | None = None
    is_digital: bool = False


def find_gate(
    features: ChannelFeatures,
    spans: tuple[SpeechSpan, ...],
    *,
    level_dbfs: float | None,
    begin_s: float,
    end_s: float,
) -> Gate:
    """Look at the pauses from ``begin_s`` to ``end_s`` for silence that is no room's.

    ``level_dbfs`` is the speech level. Either most of the pauses is digital silence, or those that
    follow speech fall to their floor from a steady background by 25 dB and more, or neither.
    """
    pauses = list(_pauses(features, spans, begin_s, end_s))
    power = features.variance
    digital = power < DIGITAL_SILENCE_POWER
    inner = [
        slice(
            first + (_GUARD_FRAMES if number else 0),
            max(first, last - (_GUARD_FRAMES if number < len(spans) else 0)),
        )
        for number, (first, last) in enumerate(pauses)
    ]
    silent = sum(int(digital[pause].sum()) for pause in inner)
    frames = sum(digital[pause].size for pause in inner)
    if silent >= GATED_FRAMES and 2 * silent > frames:
        first = next(first for first, last in pauses if digital[first:last].any())
        at = first + int(np.argmax(digital[first:]))
        return Gate(is_gated=True, at_s=features.start_s + at * features.frame_s, is_digital=True)
    # What lies before the first word cannot tell a gate from a line that was not yet open.
    after = pauses[1:]
    long = [pause for pause in after if (pause[1] - pause[0]) * features.frame_s >= MIN_PAUSE_S]
    if level_dbfs is None or frames < GATED_FRAMES:
        return Gate(is_gated=None)
    level = 10.0 * np.log10(np.maximum(power, DIGITAL_SILENCE_POWER))
    falls = [
        found
        for pause in long
        if (found := _fall(level, pause, features.frame_s, level_dbfs)) is not None
    ]
    enough = len(falls) >= max(MIN_FALLS, SHARE * len(long))
    if enough and float(np.std([background for _, background in falls])) <= SPREAD_DB:
        return Gate(is_gated=True, at_s=features.start_s + falls[0][0] * features.frame_s)
    return Gate(is_gated=False)


def has_own_silence(features: ChannelFeatures) -> bool:
    """Whether the channel holds a digital silence longer than any loss of packets."""
    longest = round(LONGEST_S / features.frame_s)
    digital = features.variance < DIGITAL_SILENCE_POWER
    return any(last - first > longest for first, last in runs(digital))


def _pauses(
    features: ChannelFeatures, spans: tuple[SpeechSpan, ...], begin_s: float, end_s: float
) -> Iterator[tuple[int, int]]:
    """Yield the frames [first, last) before the first word, and after each stretch of speech."""
    count = min(len(features.variance), int((end_s - features.start_s) / features.frame_s))
    first = math.ceil((begin_s - features.start_s) / features.frame_s - 1e-6)
    for span in spans:
        yield first, max(first, int((span.start_s - features.start_s) / features.frame_s))
        first = math.ceil((span.end_s - features.start_s) / features.frame_s - 1e-6)
    if spans:
        yield first, max(first, count)


def _fall(
    level: NDArray[np.float64], pause: tuple[int, int], frame_s: float, speech_dbfs: float
) -> tuple[int, float] | None:
    """Return the frame after which the background falls, and its level before; None without."""
    first, last = pause
    floor = float(np.median(level[(first + last) // 2 : last]))
    before, after = (round(reach_s / frame_s) for reach_s in _SEARCH_S)
    for at in range(max(2, first + before), min(first + after, last - 3)):
        steady = level[at - 2 : at + 1]
        background = float(steady.mean())
        if (
            background <= speech_dbfs - BELOW_SPEECH_DB
            and float(np.ptp(steady)) <= STEADY_DB
            and background - level[at + 2] >= FALL_DB
            and float(level[at + 2 : min(last, at + 6)].max()) <= floor + _FLOOR_SLACK_DB
        ):
            return at, background
    return None
