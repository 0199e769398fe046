"""The near speaker's active level and the noise beside it, from the frames of one channel.

The definition of audible hangs on the level of the speech without noise. ITU-T P.56 of a noisy
channel counts the noise as speech, so its rule is applied here to powers from which the local
noise was taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.levels import MIN_POWER, power_from_db
from echotrace.audio.sounds import without_tones
from echotrace.audio.vad import speech_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echotrace.audio.features import ChannelFeatures

    Mask = NDArray[np.bool_]
    Powers = NDArray[np.float64]

__all__ = ["DIGITAL_SILENCE", "NearLevel", "level_within", "near_level"]

DIGITAL_SILENCE: Final = 1e-10
"""-100 dBFS: the rounding of 16-bit samples lies at about -101."""
QUIET_PROBABILITY: Final = 0.2
GUARD_FRAMES: Final = 3
"""96 ms kept free around anything like speech: word tails are not noise."""
NOISE_REACH: Final = 150
"""4.8 s each way: noise is compared with speech nearby, for fans start and cars pass."""
FEW_FRAMES: Final = 12
"""0.4 s of quiet frames nearby are enough to know the noise by."""
QUANTILE: Final = 0.1
STEADY: Final = 2.0
"""The mean of steady noise lies less than 3 dB above its lowest tenth."""
MARGIN: Final = 10 ** (-15.9 / 10)
"""How far below the active level P.56 still counts as active."""
HANGOVER_FRAMES: Final = 6
"""0.2 s, as in P.56."""
LOUD: Final = 10**-0.4
"""Frames less than 4 dB below the level are the near speaker's even in a crowd 10 dB below."""
LOUD_BIAS: Final = 10**0.02
"""The mean of those frames lies about 0.2 dB above the active level (42 channels of 14 voices)."""
CLEAN: Final = 1e3
"""30 dB: noise so far below the speech leaves the channel's own active level right."""
DISAGREEMENT: Final = 10**0.06
"""0.6 dB: two estimates of the level that lie so close are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearLevel:
    """What one channel's speech and noise measure, as powers (1.0 = 0 dBFS).

    ``speech`` is the active level without noise; ``noise`` the mean noise around each 32 ms frame;
    ``quiet`` marks the frames it was heard in; ``floor`` is what remains of it at the quietest
    moments nearby; ``dc`` is the zero line.
    """

    speech: float
    noise: Powers
    floor: Powers
    quiet: Mask
    dc: float

    @property
    def level_dbfs(self) -> float:
        """The active speech level in dBFS."""
        return 10.0 * math.log10(max(self.speech, MIN_POWER))

    @property
    def snr_db(self) -> float | None:
        """The speech over the mean noise in dB; None where the noise is digital silence."""
        noise = float(self.noise.mean()) if len(self.noise) else 0.0
        if noise < DIGITAL_SILENCE or self.speech < MIN_POWER:
            return None
        return 10.0 * math.log10(self.speech / noise)


def near_level(features: ChannelFeatures) -> NearLevel | None:
    """Estimate the near speaker's active level; None where no speech was detected."""
    probability = features.speech_probability
    speech = without_tones(features, speech_mask(probability))
    dc = float(np.median(features.mean)) if len(features.mean) else 0.0
    power = features.variance + (features.mean - dc) ** 2
    if not (speech & (power > DIGITAL_SILENCE)).any():
        return None
    near = _widened(speech, GUARD_FRAMES)
    quiet = ~_widened((probability > QUIET_PROBABILITY) | speech, GUARD_FRAMES)
    lowest = _lowest_around(power)
    noise = _noise_around(power, quiet, lowest)
    level = _active_power(np.where(near, np.maximum(power - noise, 0.0), 0.0))
    loud = _loud(power, near)
    above = _excess(power, loud)
    if above > max(level, MIN_POWER) * DISAGREEMENT:
        # The detector took a crowd for speech: tell the near speaker from it by level.
        level, quiet = above, ~_widened(loud, GUARD_FRAMES)
        noise = _noise_around(power, quiet, lowest)
    if level < MIN_POWER:
        return None
    measured = features.active_level
    if measured is not None and float(noise.mean()) * CLEAN < level:
        exact = power_from_db(measured.level_dbfs)
        if 1.0 / DISAGREEMENT < exact / level < DISAGREEMENT:
            level = exact
    floor = np.minimum(noise, STEADY * lowest)
    return NearLevel(speech=level, noise=noise, floor=floor, quiet=quiet, dc=dc)


def level_within(power: Powers, near: Mask, level: NearLevel) -> NearLevel:
    """Return the level again when it is known in which frames the near speaker was audible."""
    if not near.any() or near.all():
        return level
    quiet = ~_widened(near, GUARD_FRAMES)
    if quiet.sum() < FEW_FRAMES:
        return level
    lowest = _lowest_around(power)
    noise = _noise_around(power, quiet, lowest)
    speech = _active_power(np.where(_widened(near, 1), np.maximum(power - noise, 0.0), 0.0))
    if speech < MIN_POWER:
        return level
    floor = np.minimum(noise, STEADY * lowest)
    return NearLevel(speech=speech, noise=noise, floor=floor, quiet=quiet, dc=level.dc)


def _noise_around(power: Powers, quiet: Mask, lowest: Powers) -> Powers:
    """Average the power of the quiet frames within 4.8 s of each frame.

    Where hardly any frame is quiet, the lowest tenth of the powers nearby counts with them, for
    a crowd leaves no pause.
    """
    at = np.arange(len(power))
    first = np.maximum(at - NOISE_REACH, 0)
    last = np.minimum(at + NOISE_REACH + 1, len(power))
    count = _between(quiet.astype(np.float64), first, last)
    total = _between(np.where(quiet, power, 0.0), first, last)
    mean = np.maximum(total, 0.0) / np.maximum(count, 1.0)
    share = np.clip(count / FEW_FRAMES, 0.0, 1.0)
    return np.asarray(share * mean + (1.0 - share) * lowest)


def _lowest_around(power: Powers) -> Powers:
    """Return the lowest tenth of the powers within 4.8 s of each frame."""
    knots = np.arange(0, len(power), NOISE_REACH // 2)
    lowest = [
        np.quantile(power[max(k - NOISE_REACH, 0) : k + NOISE_REACH + 1], QUANTILE) for k in knots
    ]
    return np.interp(np.arange(len(power)), knots, lowest)


def _loud(power: Powers, speech: Mask) -> Mask:
    """Mark the frames of speech less than 4 dB below the mean of such frames, 0.2 s held."""
    held = np.where(speech, _held(power), 0.0)
    level = float(np.quantile(power[speech], 0.95))
    noise = float(np.quantile(power, QUANTILE))
    loud = held > level * LOUD
    for _ in range(40):
        loud = held > max(level * LOUD, 1.6 * noise)
        if not loud.any():
            break
        noise = float(power[~loud].mean()) if not loud.all() else 0.0
        found = float(np.maximum(power[loud] - noise, 0.0).mean())
        if abs(found - level) < 1e-4 * level:
            break
        level = found
    return np.asarray(loud)


def _excess(power: Powers, loud: Mask) -> float:
    """Return the active level that the loud frames give over the mean of the others."""
    if not loud.any() or loud.all():
        return 0.0
    noise = float(power[~loud].mean())
    return float(np.maximum(power[loud] - noise, 0.0).mean()) / LOUD_BIAS


def _held(power: Powers) -> Powers:
    """Return the largest smoothed power of each frame and the 0.2 s before it."""
    amplitude = np.sqrt(power)
    smooth = amplitude.copy()
    smooth[1:] = 0.5 * (amplitude[1:] + amplitude[:-1])
    padded = np.concatenate([np.zeros(HANGOVER_FRAMES), smooth])
    windows = np.lib.stride_tricks.sliding_window_view(padded, HANGOVER_FRAMES + 1)
    return np.asarray(windows.max(axis=1) ** 2)


def _active_power(clean: Powers) -> float:
    """Apply the rule of P.56 to noise-free frame powers: mean over the time that is active.

    Active is what lies less than 15.9 dB below the result, with 0.2 s after it.
    """
    total = float(clean.sum())
    held = _held(clean)
    level = total / max(int((held > 0).sum()), 1)
    for _ in range(30):
        active = int((held > level * MARGIN).sum())
        found = total / max(active, 1)
        if abs(found - level) < 1e-3 * level:
            break
        level = found
    return level


def _between(values: Powers, first: NDArray[np.int64], last: NDArray[np.int64]) -> Powers:
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(sums[last] - sums[first])


def _widened(mask: Mask, frames: int) -> Mask:
    wide: Mask = mask.copy()
    for shift in range(1, frames + 1):
        wide[shift:] |= mask[:-shift]
        wide[:-shift] |= mask[shift:]
    return wide
