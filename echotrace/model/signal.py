"""Signal quality of each channel, and the envelope that views draw."""

from __future__ import annotations

from dataclasses import dataclass

from echotrace.model.measure import Measurement

__all__ = [
    "ChannelSignal",
    "DropoutCount",
    "Envelope",
    "EnvelopeChannel",
    "Mos",
    "Signal",
    "SpeechSegment",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechSegment:
    """A stretch of speech on one channel."""

    start_s: float
    end_s: float
    snr_db: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class DropoutCount:
    """Runs of digital silence inside speech: how many, how long together, and the first places."""

    count: int
    total_ms: float
    at_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mos:
    """Predicted mean opinion scores, 1 to 5 (DNSMOS P.835): signal, background, overall."""

    sig: Measurement
    bak: Measurement
    ovrl: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSignal:
    """Signal quality of one channel; a figure of None was not part of this run."""

    index: int
    role: str
    snr_db: Measurement
    noise_floor_dbfs: Measurement
    speech_level_dbfs: Measurement
    clipping_ratio: Measurement
    dc_offset: Measurement
    silence_ratio: Measurement
    peak_dbfs: Measurement
    loudness_lufs: Measurement | None = None
    bandwidth_hz: Measurement | None = None
    spectral_flatness: Measurement | None = None
    crest_factor_db: Measurement | None = None
    hum_hz: Measurement | None = None
    dropouts: DropoutCount | None = None
    gated: bool | None = None
    mos: Mos | None = None
    segments: tuple[SpeechSegment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeChannel:
    """Per column: smallest and largest sample, and the highest speech probability."""

    index: int
    min: tuple[float, ...]
    max: tuple[float, ...]
    speech_probability: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """For drawing: at most 4,000 columns of ``column_s`` seconds each, per channel."""

    column_s: float
    channels: tuple[EnvelopeChannel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Signal quality per channel; ``scored_channel`` is the one that the score reads."""

    channels: tuple[ChannelSignal, ...]
    scored_channel: int
    envelope: Envelope | None = None
