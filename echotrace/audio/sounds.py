"""What a channel holds that is no speech: beeps taken for a voice, and reasons in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.vad import MIN_SPEECH_S, runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echotrace.audio.features import ChannelFeatures

    Mask = NDArray[np.bool_]
    Powers = NDArray[np.float64]

__all__ = ["why_no_speech", "without_tones"]

TONE_SHARE: Final = 0.93
"""Share of a stretch's power within three bins (94 Hz): 0.98 in tones, up to 0.5 in speech."""


def without_tones(features: ChannelFeatures, speech: Mask) -> Mask:
    """Take beeps out of the speech: the detector hears a short tone near 200 Hz as a voice."""
    if not speech.any():
        return speech
    kept: Mask = speech.copy()
    for first, last in runs(speech):
        at, end = np.searchsorted(features.spectra_frames, [first, last])
        if at < end:
            mean = features.power_spectra[at:end].mean(axis=0, dtype=np.float64)
            peak = float(np.convolve(mean, np.ones(3), "same").max())
            if peak > TONE_SHARE * float(mean.sum()):
                kept[first:last] = False
    return kept


def why_no_speech(features: ChannelFeatures, power: Powers, digital: Mask, dc: float) -> str:
    """Say what the channel holds instead of speech, as far as its levels and spectrum tell."""
    if features.duration_s < MIN_SPEECH_S:
        return f"the recording is only {features.duration_s * 1000:.0f} ms long"
    sound = ~digital
    if not sound.any():
        if abs(dc) > 1e-4:
            return "no speech: nothing but a constant (DC) offset"
        return "no speech: digital silence"
    rows = features.power_spectra[sound[features.spectra_frames]].astype(np.float64)[:, 1:]
    if not len(rows):
        return "no speech was found"
    mean = np.maximum(rows.mean(axis=0), 1e-15)
    flatness = float(np.exp(np.log(mean).mean()) / mean.mean())
    level = 10.0 * np.log10(np.maximum(power[sound], 1e-15))
    steady = float(np.subtract(*np.percentile(level, [90, 10]))) < 3.0 and sound.mean() > 0.9
    if steady and flatness < 0.05:
        return "no speech: a steady tone or hum"
    if steady:
        return "no speech: steady noise"
    return "no speech was found: other sounds or noise only"
