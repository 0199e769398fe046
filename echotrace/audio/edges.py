"""Where near speech begins and ends on one channel, true in noise, with honest intervals.

A small net reads 8 ms frames and gives two things: whether near speech is audible, from which the
stretches come, and how likely an edge lies at each frame, from which each edge gets its place (the
median) and its interval (2.5 % to 97.5 %). Where the noise lies far below the threshold of
audibility, the definition itself decides: the first and the last 8 ms frame above the active
speech level - 20 dB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.edge_check import checked
from echotrace.audio.edge_features import HOP_S, PER_FRAME, frame_blocks
from echotrace.audio.edge_level import level_within, near_level
from echotrace.audio.edge_net import OUTPUTS, SIDE_FRAMES, logits
from echotrace.audio.edge_place import HELD, HELD_ON_LINE, SHORTEST_PAUSE, Seen, place_edges
from echotrace.audio.stretches import ChannelSpeech, Edge, Stretch
from echotrace.audio.vad import ENTER_PROBABILITY, SAMPLE_RATE_HZ, runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from echotrace.audio.edge_level import NearLevel
    from echotrace.audio.edge_place import Place
    from echotrace.audio.features import ChannelFeatures

    Mask = NDArray[np.bool_]
    Read = Callable[[float, float], NDArray[np.float32]]

__all__ = ["find_speech"]

AUDIBLE: Final = 0.01
"""20 dB below the active level."""
CLEAR: Final = 10**0.8
"""8 dB: where the background lies this far below the threshold, frames above it are speech."""
MOST_NOISE: Final = 0.6
"""The mean noise over the threshold up to which that holds: above, there is noise at times."""
SOUNDING: Final = 10**-1.5
LOUD: Final = 10.0
"""Powers over the threshold: what follows a voice out of its room, and what no room tone is."""
SILENT: Final = 10**2.5
"""25 dB: where the channel falls silent so far below the threshold, what comes and goes with the
voice (its room, its breath) is heard with it."""
SHORTEST_SPEECH: Final = 8
CERTAIN: Final = 0.8
"""A stretch needs 64 ms of near speech, and one frame the net is sure of."""
LOUD_SHARE: Final = 0.1
"""A tenth of a stretch lies less than 10 dB below the active level; of a near voice half does."""
SECOND_LOOK_DB: Final = 0.5
"""The net is shown a channel again when the level it was shown it with was so far off."""
QUIET_SNR_DB: Final = 35.0
CROWD_SHARE: Final = 0.25
"""Other voices in more than this share of the rest are a crowd."""
LINE_HZ: Final = 4300.0
LINE_SHARE: Final = 10**-4.5
DOUBTFUL_S: Final = 0.2
DOUBTS: Final = {
    "quiet": "the voice fades below what is audible",
    "steady": "the noise masks the voice",
    "crowd": "other people speak too",
}


def find_speech(read: Read, features: ChannelFeatures) -> ChannelSpeech:
    """Find the stretches of near speech of one channel.

    Args:
        read: gives samples (frames,) float32 at 16 kHz between two times on the recording's clock.
        features: those of the same channel.
    """
    level = near_level(features)
    if level is None:
        return ChannelSpeech(stretches=())
    seen = _look(read, features, level)
    better = _second_level(features, seen, level)
    if better is not None:
        level = better
        seen = _look(read, features, level)
    coarse = _coarse(seen)
    if not coarse:
        return ChannelSpeech(stretches=())
    snr_db = level.snr_db
    surroundings = _surroundings(features, seen, snr_db)
    stretches = [
        Stretch(
            start=_on_clock(features, start, surroundings),
            end=_on_clock(features, end, surroundings),
        )
        for start, end in place_edges(seen, coarse)
    ]
    return ChannelSpeech(
        stretches=checked(features, stretches),
        level_dbfs=level.level_dbfs,
        snr_db=snr_db,
        surroundings=surroundings,
    )


def _look(read: Read, features: ChannelFeatures, level: NearLevel) -> Seen:
    """Go over the samples a minute at a time and keep what is needed of every 8 ms frame."""
    powers, found = [np.zeros(0)], [np.zeros((0, OUTPUTS), np.float32)]
    for _, before, size, power, inputs in frame_blocks(read, features, level):
        padded = np.zeros((size + 2 * SIDE_FRAMES, inputs.shape[1]), np.float32)
        first = max(before - SIDE_FRAMES, 0)
        part = inputs[first : before + size + SIDE_FRAMES]
        at = SIDE_FRAMES - (before - first)
        padded[at : at + len(part)] = part
        powers.append(power)
        found.append(logits(padded))
    power = np.concatenate(powers)
    count = len(power)
    floor = np.repeat(level.floor, PER_FRAME)[:count]
    noise = np.repeat(level.noise, PER_FRAME)[:count]
    voiced = np.repeat(features.speech_probability > ENTER_PROBABILITY, PER_FRAME)[:count]
    threshold = level.speech * AUDIBLE
    return Seen(
        logits=np.concatenate(found),
        audible=power - floor > threshold,
        sounding=power > threshold * SOUNDING,
        loud=power > threshold * LOUD,
        clear=(floor * CLEAR < threshold)
        & ((noise < MOST_NOISE * threshold) | (floor * SILENT < threshold)),
        voiced=voiced,
        held=HELD_ON_LINE if _is_telephone(features) else HELD,
    )


def _is_telephone(features: ChannelFeatures) -> bool:
    """Say whether nothing lies above 4.3 kHz: a line of 8 kHz, brought to 16 kHz."""
    if not len(features.power_spectra):
        return False
    spectrum = features.power_spectra.mean(axis=0, dtype=np.float64)
    first = round(LINE_HZ / SAMPLE_RATE_HZ * 2 * (len(spectrum) - 1))
    return float(spectrum[first:].sum()) < LINE_SHARE * float(spectrum.sum())


def _second_level(features: ChannelFeatures, seen: Seen, level: NearLevel) -> NearLevel | None:
    """Return the level again where the first look found other frames than it was made from."""
    near = seen.near > 0.5
    frames = len(features.speech_probability)
    padded = np.zeros(frames * PER_FRAME, np.bool_)
    padded[: len(near)] = near
    power = features.variance + (features.mean - level.dc) ** 2
    again = level_within(power, padded.reshape(frames, PER_FRAME).mean(axis=1) >= 0.5, level)
    if abs(again.level_dbfs - level.level_dbfs) < SECOND_LOOK_DB:
        return None
    return again


def _coarse(seen: Seen) -> list[tuple[int, int]]:
    """Return [first, last) frames of the stretches, short pauses filled.

    Long runs of frames known to be inaudible are pauses whatever the net says, and what never
    comes near the speaker's level is somebody else.
    """
    near = seen.near
    mask = near > 0.5
    for first, last in runs(seen.clear & ~seen.audible):
        if last - first >= SHORTEST_PAUSE:
            mask[first:last] = False
    for first, last in runs(~mask):
        if first > 0 and last < len(mask) and last - first < SHORTEST_PAUSE:
            mask[first:last] = True
    return [
        (first, last)
        for first, last in runs(mask)
        if near[first:last].sum() >= SHORTEST_SPEECH
        and near[first:last].max() > CERTAIN
        and seen.loud[first:last].mean() >= LOUD_SHARE
    ]


def _on_clock(features: ChannelFeatures, place: Place, surroundings: str) -> Edge:
    low, at, high = (features.start_s + frame * HOP_S for frame in place)
    doubt = DOUBTS[surroundings] if high - low > DOUBTFUL_S else None
    return Edge(at_s=at, low_s=low, high_s=high, doubt=doubt)


def _surroundings(features: ChannelFeatures, seen: Seen, snr_db: float | None) -> str:
    """Name what is around the speaker: other voices are a crowd, other noise is steady."""
    if snr_db is None or snr_db > QUIET_SNR_DB:
        return "quiet"
    away = seen.near < 0.2
    frames = len(features.speech_probability)
    padded = np.zeros(frames * PER_FRAME, np.bool_)
    padded[: len(away)] = away
    alone = padded.reshape(frames, PER_FRAME).all(axis=1)
    if alone.sum() < 30:
        return "steady"
    voices = float((features.speech_probability[alone] > ENTER_PROBABILITY).mean())
    return "crowd" if voices > CROWD_SHARE else "steady"
