"""Signal-to-noise ratio without a reference, from frames that the speech detector has classified.

SNR = 10 log10((P_speech+noise - P_noise) / P_noise). The noise share inside speech frames is
subtracted, a guard around speech keeps word tails out of the noise, and the DC is taken from
pauses, because some voices have a DC of their own. Where a recording does not allow a figure the
answer is a reason, never a number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.levels import power_dbfs
from echotrace.audio.sounds import why_no_speech, without_tones
from echotrace.audio.vad import (
    ENTER_PROBABILITY,
    FRAME_S,
    FRAME_SAMPLES,
    LEAVE_PROBABILITY,
    SpeechSpan,
    speech_mask,
    speech_spans,
)
from echotrace.model.measure import Measurement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echotrace.audio.features import ChannelFeatures

    Mask = NDArray[np.bool_]
    Powers = NDArray[np.float64]

__all__ = [
    "DIGITAL_SILENCE_POWER",
    "GATED_FRAMES",
    "LOCAL_NOISE_S",
    "LOWEST_RATIO",
    "MAX_TRIMMED",
    "MIN_NOISE_FRAMES",
    "Frames",
    "SegmentSnr",
    "SnrResult",
    "classify",
    "dilated",
    "estimate_snr",
    "is_gated",
    "ratio_db",
]

DIGITAL_SILENCE_POWER: Final = 1e-10
"""-100 dBFS: 16-bit quantisation alone is at -101."""
GUARD_FRAMES: Final = 2
"""64 ms on either side of speech is neither speech nor noise."""
MIN_SPEECH_FRAMES: Final = 4
MIN_NOISE_FRAMES: Final = 6
"""0.19 s: 3,000 samples of noise, whose power is then known to 0.1 dB."""
GATED_FRAMES: Final = 8
"""0.26 s of digital silence in the pauses, and more of it than of noise: a gate or a synthesis."""
MAX_TRIMMED: Final = 0.2
"""Loud frames beyond this share of the pauses are the noise itself."""
DISAGREEMENT_DB: Final = 3.0
"""With and without the loud frames of the pauses: further apart, neither is a measurement."""
CLEAR_DB: Final = 20.0
"""Above, breaths and missed words in the pauses change no verdict, and P.56 hears only speech."""
LOWEST_RATIO: Final = 10**-0.5
"""-5 dB: further down the difference of the powers is chance."""
MIN_MEASURED_DB: Final = 3.0
"""Below, the subtraction is of nearly equal powers: an error of 3 dB and more."""
STEADY_SPREAD_DB: Final = 2.0
"""Spread of the noise's band levels from frame to frame: 1.1 dB in steady noise, 2.5 and more in
babble (octaves of 0.5 to 4 kHz, 32 ms)."""
FLUCTUATING_MIN_DB: Final = 12.5
FLUCTUATING_MIN_SHARE: Final = 0.03
"""In babble only rare gaps count as pauses, and they are quieter than it: a share of 3 % of the
time and 12.5 dB are needed to trust them."""
LOCAL_NOISE_S: Final = 3.0
DC_FRAMES: Final = 16
"""0.5 s of pauses before their mean is a measurement of the DC."""
DC_ERROR: Final = 0.002
"""0.2 % of full scale, a fifth of what is worth a word: how well pauses must know the DC."""
_DC_SPAN_FRAMES: Final = 16
_BANDS: Final = ((16, 32), (32, 64), (64, 128))
_QUANTILE: Final = 0.05

METHOD: Final = "noise-subtracted, Silero frames"
METHOD_SPECTRAL: Final = "noise-subtracted, 5 % spectral quantile"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSnr:
    """One stretch of speech with its own SNR."""

    span: SpeechSpan
    snr_db: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class SnrResult:
    """SNR of one channel and what it was computed from.

    ``speech`` marks the 32 ms frames of speech; ``dc_offset`` is in full scale; levels are in
    dBFS with the DC taken out.
    """

    snr_db: Measurement
    noise_floor_dbfs: Measurement
    speech_level_dbfs: Measurement
    dc_offset: Measurement
    speech: Mask
    segments: tuple[SegmentSnr, ...]

    @property
    def spans(self) -> tuple[SpeechSpan, ...]:
        """The stretches of speech without their SNR."""
        return tuple(item.span for item in self.segments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """The frames of one channel by class, and their powers about ``zero``.

    ``zero`` is the mean of what pauses there are: the powers of pauses and of the speech between
    them are compared about the same line, however well it is known.
    """

    speech: Mask
    loud: Mask
    pause: Mask
    noise: Mask
    digital: Mask
    power: Powers
    dc: Measurement
    zero: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noise:
    """A noise power; ``plain`` is that of all noise frames before the loud ones were left out."""

    power: float
    plain: float
    frames: Mask
    spectral: bool = False


def estimate_snr(features: ChannelFeatures) -> SnrResult:
    """Estimate SNR, noise floor, speech level and DC of one channel.

    Why so many outcomes: a gate, a tone or a recording of only noise has no SNR, and a number for
    it would be believed.
    """
    frames = classify(features)
    if not len(frames.speech):
        return _without_snr(frames, "the recording is empty")
    if frames.loud.sum() < MIN_SPEECH_FRAMES:
        return _without_snr(
            frames, why_no_speech(features, frames.power, frames.digital, frames.zero)
        )
    noise = _noise_in_pauses(frames.power, frames.noise)
    spectral = _noise_by_spectrum(features, frames)
    spans = _spans(features, frames)
    level = _speech_level(features, frames, None, None)
    if is_gated(frames):
        reason = "the pauses are digital silence (noise gate or synthesis): no noise to compare"
        return _without_snr(frames, reason, spans=spans, level=level, gated=True)
    used = noise or spectral
    if used is None or used.power < DIGITAL_SILENCE_POWER:
        return _without_snr(
            frames, "no noise can be heard beside the speech", spans=spans, level=level
        )
    snr_db = _decide(features, frames, noise, spectral)
    if noise is not None and snr_db.method == METHOD_SPECTRAL and spectral is not None:
        used = spectral
    return SnrResult(
        snr_db=snr_db,
        noise_floor_dbfs=_noise_floor(used),
        speech_level_dbfs=_speech_level(features, frames, used, snr_db.value),
        dc_offset=frames.dc,
        speech=frames.speech,
        segments=_segments(features, frames, used, snr_db),
    )


def classify(features: ChannelFeatures) -> Frames:
    """Sort the frames of a channel into speech, pauses, noise and digital silence."""
    probability, variance = features.speech_probability, features.variance
    digital = variance < DIGITAL_SILENCE_POWER
    speech = without_tones(features, speech_mask(probability))
    near_speech = dilated((probability > LEAVE_PROBABILITY) | speech, GUARD_FRAMES)
    pause = ~near_speech
    noise = pause & ~digital
    basis = noise if noise.any() else pause
    if basis.any():
        dc = float(features.mean[basis].mean())
    else:
        dc = float(np.median(features.mean)) if len(features.mean) else 0.0
    return Frames(
        speech=speech,
        loud=speech & (probability > ENTER_PROBABILITY) & ~digital,
        pause=pause,
        noise=noise,
        digital=digital,
        power=variance + (features.mean - dc) ** 2,
        dc=_dc_offset(features, pause, noise),
        zero=dc,
    )


def is_gated(frames: Frames) -> bool:
    """Whether the pauses are digital silence rather than noise, so that nothing can be compared."""
    gated = int((frames.pause & frames.digital).sum())
    return gated >= GATED_FRAMES and gated > int(frames.noise.sum())


def _dc_offset(features: ChannelFeatures, pause: Mask, noise: Mask) -> Measurement:
    """Return the mean of the pauses where they know it, else that of the whole channel.

    Rumble below the frame rate moves the zero line of single pauses: two of 0.2 s in one recording
    of a voice give 0.002 where every half second of it has 0.007. Pauses of digital silence count,
    but those with noise tell more.
    """
    if not len(features.mean):
        return Measurement.not_measurable("FS", "the recording is empty")
    basis = noise if noise.sum() >= DC_FRAMES else pause
    n = int(basis.sum())
    means = features.mean[basis]
    spans = len(np.unique(np.flatnonzero(basis) // _DC_SPAN_FRAMES))
    if n < DC_FRAMES:
        heard = f"only {n * FRAME_S:.2f} s of pauses" if n else "no pauses"
        reason = f"{heard}, and speech has a DC of its own"
    elif float(means.std()) <= DC_ERROR * math.sqrt(spans):
        return Measurement.measured(float(means.mean()), "FS", method="mean of pauses", n=n)
    else:
        reason = "a rumble moves the zero line of the pauses"
    # The last frame may be shorter than the others.
    weights = np.full(len(features.mean), FRAME_S)
    weights[-1] = max(features.duration_s - FRAME_S * (len(weights) - 1), 1e-6)
    whole = float(np.average(features.mean, weights=weights))
    return Measurement.estimated(whole, "FS", reason=reason, method="mean of all samples")


def dilated(mask: Mask, frames: int) -> Mask:
    """Widen every run of a mask by so many frames on both sides."""
    wide: Mask = mask.copy()
    for shift in range(1, frames + 1):
        wide[shift:] |= mask[:-shift]
        wide[:-shift] |= mask[shift:]
    return wide


def _noise_in_pauses(power: Powers, noise: Mask) -> _Noise | None:
    """Average the noise frames, leaving out rare loud ones: breaths, tails, words not detected.

    What counts as loud follows from the spread below the median, which speech cannot widen.
    """
    if noise.sum() < MIN_NOISE_FRAMES:
        return None
    level = 10.0 * np.log10(np.maximum(power[noise], 1e-15))
    low, middle = np.percentile(level, [10, 50])
    kept = level <= middle + 2.5 * (middle - low) + 1.0
    plain = float(power[noise].mean())
    if kept.mean() < 1.0 - MAX_TRIMMED:
        return _Noise(power=plain, plain=plain, frames=noise)
    frames = np.zeros_like(noise)
    frames[np.flatnonzero(noise)[kept]] = True
    return _Noise(power=float(power[frames].mean()), plain=plain, frames=frames)


def _noise_by_spectrum(features: ChannelFeatures, frames: Frames) -> _Noise | None:
    """Take the 5 % quantile of every frequency bin over time as noise, without any pause.

    In steady noise a bin's power is exponential, whose 5 % quantile is -ln(0.95) of its mean.
    """
    rows = features.power_spectra[~frames.digital[features.spectra_frames]]
    if len(rows) < MIN_SPEECH_FRAMES:
        return None
    per_bin = np.quantile(rows.astype(np.float64), _QUANTILE, axis=0) / -math.log1p(-_QUANTILE)
    one_sided = 2.0 * float(per_bin.sum()) - float(per_bin[0]) - float(per_bin[-1])
    hann_energy = 0.375 * FRAME_SAMPLES
    power = one_sided / (FRAME_SAMPLES * hann_energy)
    return _Noise(power=power, plain=power, frames=frames.noise, spectral=True)


def ratio_db(speech_and_noise: float, noise: float) -> float | None:
    """Return the SNR in dB; None where the speech frames are not louder than the noise."""
    speech = speech_and_noise - noise
    return 10.0 * math.log10(speech / noise) if speech > noise * LOWEST_RATIO else None


def _decide(
    features: ChannelFeatures, frames: Frames, noise: _Noise | None, spectral: _Noise | None
) -> Measurement:
    loud = float(frames.power[frames.loud].mean())
    n = int(frames.loud.sum())
    value = None if noise is None else ratio_db(loud, noise.power)
    weaker = None if spectral is None else ratio_db(loud, max(spectral.power, 1e-15))
    if noise is None:
        if weaker is None:
            return Measurement.not_measurable("dB", "the speech hardly differs from the noise")
        return Measurement.estimated(
            weaker, "dB", reason="less than 0.2 s of pauses to hear the noise in",
            method=METHOD_SPECTRAL, n=n,
        )  # fmt: skip
    if value is None:
        return Measurement.not_measurable("dB", "the speech hardly differs from the pauses")
    plain = ratio_db(loud, noise.plain)
    reason = _why_only_estimated(features, frames, noise, value, plain)
    if reason is None:
        return Measurement.measured(value, "dB", method=METHOD, n=n)
    if reason == _FLUCTUATES and weaker is not None:
        return Measurement.estimated(weaker, "dB", reason=reason, method=METHOD_SPECTRAL, n=n)
    return Measurement.estimated(value, "dB", reason=reason, method=METHOD, n=n)


_FLUCTUATES: Final = "the noise itself rises and falls like speech (babble, music)"


def _why_only_estimated(
    features: ChannelFeatures, frames: Frames, noise: _Noise, value: float, plain: float | None
) -> str | None:
    if value < MIN_MEASURED_DB:
        return "the speech hardly rises above the noise"
    if _spread_db(features, noise.frames) > STEADY_SPREAD_DB and (
        value < FLUCTUATING_MIN_DB or frames.noise.mean() < FLUCTUATING_MIN_SHARE
    ):
        return _FLUCTUATES
    if plain is None or (value - plain > DISAGREEMENT_DB and plain < CLEAR_DB):
        counted = "no speech stands out" if plain is None else f"the SNR is {plain:.1f} dB"
        return f"short loud sounds in the pauses are left out; with them {counted}"
    return None


def _spread_db(features: ChannelFeatures, noise: Mask) -> float:
    """Return how much the noise's band levels vary from frame to frame; 0 with too few frames."""
    rows = features.power_spectra[noise[features.spectra_frames]]
    if len(rows) < MIN_SPEECH_FRAMES:
        return 0.0
    bands = np.stack([rows[:, first:last].sum(axis=1) for first, last in _BANDS], axis=1)
    level = 10.0 * np.log10(np.maximum(bands.astype(np.float64), 1e-12))
    return float(level.std(axis=0).mean())


def _noise_floor(noise: _Noise) -> Measurement:
    level = power_dbfs(noise.power)
    if noise.spectral:
        return Measurement.estimated(
            level, "dBFS", reason="no usable pauses", method="5 % spectral quantile"
        )
    return Measurement.measured(level, "dBFS", method="RMS of pauses", n=int(noise.frames.sum()))


def _speech_level(
    features: ChannelFeatures, frames: Frames, noise: _Noise | None, snr_db: float | None
) -> Measurement:
    """Take P.56 where speech stands clear of the noise, else the noise-subtracted speech frames.

    P.56 counts loud noise as speech: 0.8 dB too much at 5 dB SNR.
    """
    if noise is not None and snr_db is not None and snr_db < CLEAR_DB:
        speech = float(frames.power[frames.loud].mean()) - noise.power
        if speech > 0.0:
            method = "speech frames, noise subtracted"
            return Measurement.measured(power_dbfs(speech), "dBFS", method=method)
    if features.active_level is None:
        return Measurement.not_measurable("dBFS", "there is no sound")
    return Measurement.measured(features.active_level.level_dbfs, "dBFS", method="ITU-T P.56 B")


def _spans(features: ChannelFeatures, frames: Frames) -> tuple[SpeechSpan, ...]:
    end_s = features.start_s + features.duration_s
    return speech_spans(frames.speech, start_s=features.start_s, end_s=end_s)


def _segments(
    features: ChannelFeatures, frames: Frames, noise: _Noise, overall: Measurement
) -> tuple[SegmentSnr, ...]:
    found = []
    for span in _spans(features, frames):
        first = round((span.start_s - features.start_s) / FRAME_S)
        last = max(first + 1, math.ceil((span.end_s - features.start_s) / FRAME_S - 1e-6))
        found.append(SegmentSnr(span=span, snr_db=_local(frames, noise, overall, first, last)))
    return tuple(found)


def _local(
    frames: Frames, noise: _Noise, overall: Measurement, first: int, last: int
) -> Measurement:
    """SNR of frames [first, last): noise within 3 s of them where there are pauses, else all."""
    loud = frames.power[first:last][frames.loud[first:last]]
    if not len(loud):
        return Measurement.not_measurable("dB", "too little speech")
    reach = round(LOCAL_NOISE_S / FRAME_S)
    near = slice(max(0, first - reach), last + reach)
    local = None
    if not noise.spectral:
        local = _noise_in_pauses(frames.power[near], frames.noise[near])
    power = (local or noise).power
    method = METHOD_SPECTRAL if noise.spectral else METHOD
    value = ratio_db(float(loud.mean()), max(power, 1e-15))
    if value is None:
        return Measurement.not_measurable("dB", "the speech hardly differs from the noise")
    if overall.status.is_scored and value >= MIN_MEASURED_DB and len(loud) >= MIN_SPEECH_FRAMES:
        return Measurement.measured(value, "dB", method=method, n=len(loud))
    reason = overall.reason or (
        "too little speech" if len(loud) < MIN_SPEECH_FRAMES else "hardly above the noise"
    )
    return Measurement.estimated(value, "dB", reason=reason, method=method, n=len(loud))


def _without_snr(
    frames: Frames,
    reason: str,
    *,
    spans: tuple[SpeechSpan, ...] = (),
    level: Measurement | None = None,
    gated: bool = False,
) -> SnrResult:
    """Build the result of a channel that has no SNR; the noise floor may still be one."""
    if frames.noise.any() and not gated:
        floor = Measurement.measured(
            power_dbfs(float(frames.power[frames.noise].mean())), "dBFS",
            method="RMS of pauses", n=int(frames.noise.sum()),
        )  # fmt: skip
    else:
        floor = Measurement.not_measurable("dBFS", reason)
    return SnrResult(
        snr_db=Measurement.not_measurable("dB", reason),
        noise_floor_dbfs=floor,
        speech_level_dbfs=level or Measurement.not_measurable("dBFS", reason),
        dc_offset=frames.dc,
        speech=frames.speech,
        segments=tuple(
            SegmentSnr(span=span, snr_db=Measurement.not_measurable("dB", reason)) for span in spans
        ),
    )
