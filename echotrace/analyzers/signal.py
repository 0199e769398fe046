"""Signal quality per channel: SNR, levels, bandwidth, clipping, dropouts, hum, speech, envelope.

Everything comes from the features and the native statistics of the single pass, so that this stage
reads no audio; only spectral flatness and opinion scores, on request, read the samples again.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from echotrace.analyzers.signal_findings import Evidence, signal_findings
from echotrace.audio.bandwidth import Bandwidth, measure_bandwidth
from echotrace.audio.dropouts import inside_speech
from echotrace.audio.features import ChannelFeatures
from echotrace.audio.gate import Gate, find_gate, has_own_silence
from echotrace.audio.hum import LINES, MIN_FRAMES, Hum, find_hum, with_sound
from echotrace.audio.levels import amplitude_dbfs
from echotrace.audio.loudness import loudness_lufs
from echotrace.audio.native import NativeStats
from echotrace.audio.snr import SnrResult, estimate_snr
from echotrace.errors import MissingDependencyError
from echotrace.model.measure import Finding, Measurement, Severity
from echotrace.model.outcome import Inputs, Outcome
from echotrace.model.report import (
    ChannelSignal,
    DropoutCount,
    Envelope,
    EnvelopeChannel,
    Mos,
    Signal,
    SpeechSegment,
)
from echotrace.telemetry import timed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from echotrace.audio.handle import Audio
    from echotrace.config.settings import Settings
    from echotrace.telemetry import TelemetryCollector

__all__ = ["SignalAnalyzer"]

MIN_DURATION_S: Final = 0.25
BLOCK_S: Final = 32.0
MOST_PLACES: Final = 20
"""How many dropouts are listed with their places; all are counted."""
GATED_REASON: Final = "a noise gate closes in the pauses: the noise under the speech is not heard"

_DIGITS = {"dB": 2, "dBFS": 2, "LUFS": 2, "MOS": 2, "Hz": 0, "FS": 6, "ratio": 6, "1": 4}
_NO_INPUTS = Inputs()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What was found out about one channel before it is written down."""

    features: ChannelFeatures
    native: NativeStats
    estimate: SnrResult
    bandwidth: Bandwidth
    gate: Gate
    hum: Hum | None
    begin_s: float


class SignalAnalyzer:
    """Turns the features of a recording into the ``signal`` part of the report."""

    name = "signal"
    requires: tuple[str, ...] = ()

    def __init__(self, collector: TelemetryCollector) -> None:
        self._collector = collector

    @timed("signal_analysis")
    async def analyze(
        self,
        audio_path: str,
        *,
        audio: Audio,
        settings: Settings,
        results: Mapping[str, Any],
        inputs: Inputs = _NO_INPUTS,
        timed_section: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
        spectral: bool = False,
        mos: bool = False,
        **kwargs: Any,
    ) -> Outcome[Signal]:
        """Measure every channel; a figure that cannot be had carries its reason."""
        async with timed_section():
            return await asyncio.to_thread(self._measure, audio, settings, spectral, mos)

    def _measure(
        self, audio: Audio, settings: Settings, spectral: bool, mos: bool
    ) -> Outcome[Signal]:
        with self._collector.span("snr"):
            estimates = [estimate_snr(features) for features in audio.features]
        with self._collector.span("signal_details"):
            heard = [_hear(audio, index, found) for index, found in enumerate(estimates)]
        flatness = self._flatness(audio) if spectral else {}
        scores, findings = self._scores(audio, heard) if mos else ({}, [])
        channels, evidence = [], []
        for index, found in enumerate(heard):
            source = audio.source.channels[index]
            channel = replace(
                _channel(source.index, source.role, found),
                spectral_flatness=_rounded(flatness[index]) if index in flatness else None,
                mos=scores.get(index),
            )
            channels.append(channel)
            evidence.append(
                Evidence(
                    channel=channel,
                    features=found.features,
                    begin_s=found.begin_s,
                    clipped_at_s=_clipped_at_s(found),
                    gate=found.gate,
                    hum=found.hum,
                    is_upsampled=found.bandwidth.is_upsampled,
                    rate_hz=found.native.sample_rate_hz,
                    is_scored=index == audio.scored_channel,
                )
            )
        signal = Signal(
            channels=tuple(channels),
            scored_channel=audio.scored_channel,
            envelope=_envelope(channels, audio.features),
        )
        told = (*_too_short(audio), *signal_findings(evidence, settings), *findings)
        return Outcome(signal, told)

    def _flatness(self, audio: Audio) -> dict[int, Measurement]:
        from echotrace.audio.spectral import SpectralMeter

        with self._collector.span("spectral_details"):
            try:
                meters = [SpectralMeter() for _ in range(audio.channels)]
            except MissingDependencyError as error:
                gone = Measurement.unavailable("1", error.what)
                return dict.fromkeys(range(audio.channels), gone)
            for block in audio.blocks(BLOCK_S):
                for meter, samples in zip(meters, block.samples, strict=True):
                    meter.push(samples)
            return {index: meter.result() for index, meter in enumerate(meters)}

    def _scores(self, audio: Audio, heard: list[_Heard]) -> tuple[dict[int, Mos], list[Finding]]:
        from echotrace.audio.mos import MosModel, missing_mos, mos_windows

        with self._collector.span("mos"):
            try:
                model = MosModel()
            except MissingDependencyError as error:
                told = Finding(
                    code=error.code,
                    severity=Severity.WARNING,
                    message=f"{error.what}: {error}"
                    if not error.why
                    else f"{error.what}: {error.why}",
                    hint=error.hint,
                )
                return dict.fromkeys(range(audio.channels), missing_mos(error)), [told]
            scores = {}
            for index, found in enumerate(heard):
                features = found.features
                windows = mos_windows(
                    found.estimate.spans, end_s=features.start_s + features.duration_s
                )
                scores[index] = _rounded_mos(
                    model.rate(
                        partial(audio.read, index),
                        windows,
                        is_telephone=found.bandwidth.is_telephone,
                    )
                )
            return scores, []


def _hear(audio: Audio, index: int, estimate: SnrResult) -> _Heard:
    """Look at everything that the single pass kept of one channel."""
    features, native = audio.features[index], audio.native[index]
    begin_s = _begin_s(audio, index)
    gate = find_gate(
        features,
        estimate.spans,
        level_dbfs=estimate.speech_level_dbfs.value,
        begin_s=begin_s,
        end_s=begin_s + native.samples / native.sample_rate_hz,
    )
    if gate.is_gated and not gate.is_digital:
        estimate = _without_snr(estimate)
    return _Heard(
        features=features,
        native=native,
        estimate=estimate,
        bandwidth=measure_bandwidth(native.spectrum),
        gate=gate,
        hum=find_hum(native.hum_power),
        begin_s=begin_s,
    )


def _begin_s(audio: Audio, index: int) -> float:
    """Return where a channel's native samples begin: of two files one may begin later."""
    source = audio.source
    offset_s = source.files[index].offset_ms / 1000.0 if index < len(source.files) else 0.0
    return max(source.start_s, offset_s)


def _without_snr(estimate: SnrResult) -> SnrResult:
    """Take the SNR away that a gate's floor gave: it reads 30 dB and more too high."""
    gone = Measurement.not_measurable("dB", GATED_REASON)
    if estimate.snr_db.value is None:
        gone = estimate.snr_db
    return replace(
        estimate,
        snr_db=gone,
        segments=tuple(replace(item, snr_db=gone) for item in estimate.segments),
    )


def _channel(index: int, role: str, heard: _Heard) -> ChannelSignal:
    features, native, estimate = heard.features, heard.native, heard.estimate
    empty = Measurement.not_measurable("ratio", "the recording is empty")
    speech_s = sum(span.end_s - span.start_s for span in estimate.spans)
    has_samples = native.samples > 0 and features.duration_s > 0
    silence = 1.0 - speech_s / features.duration_s if has_samples else 0.0
    return ChannelSignal(
        index=index,
        role=role,
        snr_db=_rounded(estimate.snr_db),
        noise_floor_dbfs=_rounded(estimate.noise_floor_dbfs),
        speech_level_dbfs=_rounded(estimate.speech_level_dbfs),
        clipping_ratio=_rounded(
            Measurement.measured(native.clipping_ratio, "ratio", n=native.samples)
        )
        if has_samples
        else empty,
        dc_offset=_rounded(estimate.dc_offset),
        silence_ratio=_rounded(
            Measurement.measured(min(1.0, max(0.0, silence)), "ratio", method="Silero")
        )
        if has_samples
        else empty,
        peak_dbfs=_peak(native.peak) if has_samples else replace(empty, unit="dBFS"),
        loudness_lufs=_rounded(loudness_lufs(native.spectrum.k_power, native.spectrum.step_s)),
        bandwidth_hz=_rounded(heard.bandwidth.bandwidth_hz),
        crest_factor_db=_rounded(_crest_factor(native, estimate.speech_level_dbfs)),
        hum_hz=_rounded(_hum(native, heard.hum)),
        dropouts=_dropouts(heard),
        gated=heard.gate.is_gated,
        segments=tuple(
            SpeechSegment(
                start_s=round(item.span.start_s, 3),
                end_s=round(item.span.end_s, 3),
                snr_db=_rounded(item.snr_db),
            )
            for item in estimate.segments
        ),
    )


def _crest_factor(native: NativeStats, level: Measurement) -> Measurement:
    """Take the peak about the DC over the active speech level: about 12 to 20 dB in plain speech.

    The RMS of the whole channel would sink with every pause and the crest factor rise with it.
    """
    peak = max(native.highest - native.dc_offset, native.dc_offset - native.lowest)
    if level.value is None or peak <= 0.0:
        return Measurement.not_measurable("dB", level.reason or "there is no sound")
    value = amplitude_dbfs(peak) - level.value
    return Measurement.measured(value, "dB", method="peak over active speech level")


def _hum(native: NativeStats, found: Hum | None) -> Measurement:
    """Write the mains frequency down; 0 says that it was looked for and is not there."""
    frames = len(with_sound(native.hum_power))
    if frames < MIN_FRAMES:
        return Measurement.not_measurable(
            "Hz", "less than 2.5 s of sound to tell a hum from a voice"
        )
    if found is None:
        lines = ", ".join(map(str, LINES))
        method = f"no steady line at {lines} Hz"
        return Measurement.measured(0.0, "Hz", method=method, n=frames)
    method = (
        f"steady line of {found.level_dbfs:.1f} dBFS, {found.prominence_db:.0f} dB above "
        "the frequencies beside it"
    )
    return Measurement.measured(float(found.mains_hz), "Hz", method=method, n=frames)


def _dropouts(heard: _Heard) -> DropoutCount | None:
    """Count the dropouts in speech; None where there is no speech to be interrupted."""
    if not heard.estimate.spans:
        return None
    found = inside_speech(
        heard.native.stills,
        heard.estimate.spans,
        rate_hz=heard.native.sample_rate_hz,
        start_s=heard.begin_s,
        only_packets=has_own_silence(heard.features),
    )
    return DropoutCount(
        count=len(found),
        total_ms=round(1000.0 * sum(duration_s for _, duration_s in found), 1),
        at_s=tuple(round(at_s, 3) for at_s, _ in found[:MOST_PLACES]),
    )


def _clipped_at_s(heard: _Heard) -> float | None:
    first = heard.native.first_clipped
    return None if first is None else heard.begin_s + first / heard.native.sample_rate_hz


def _rounded_mos(scores: Mos) -> Mos:
    return Mos(sig=_rounded(scores.sig), bak=_rounded(scores.bak), ovrl=_rounded(scores.ovrl))


def _peak(peak: float) -> Measurement:
    if peak <= 0.0:
        return Measurement.not_measurable("dBFS", "digital silence")
    return _rounded(Measurement.measured(amplitude_dbfs(peak), "dBFS"))


def _rounded(figure: Measurement) -> Measurement:
    digits = _DIGITS[figure.unit]
    return replace(
        figure,
        value=_round(figure.value, digits),
        low=_round(figure.low, digits),
        high=_round(figure.high, digits),
    )


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _envelope(
    channels: list[ChannelSignal], features: tuple[ChannelFeatures, ...]
) -> Envelope | None:
    if not features or not len(features[0].envelope_min):
        return None
    return Envelope(
        column_s=features[0].column_s,
        channels=tuple(
            EnvelopeChannel(
                index=channel.index,
                min=_numbers(item.envelope_min),
                max=_numbers(item.envelope_max),
                speech_probability=_numbers(item.column_probability(), 3),
            )
            for channel, item in zip(channels, features, strict=True)
        ),
    )


def _numbers(values: Any, digits: int = 4) -> tuple[float, ...]:
    """Round in float64: float32's nearest to 0.1 is 0.10000000149."""
    return tuple(values.astype("float64").round(digits).tolist())


def _too_short(audio: Audio) -> list[Finding]:
    duration_s = max((features.duration_s for features in audio.features), default=0.0)
    if duration_s >= MIN_DURATION_S or any(f.code == "TOO_SHORT" for f in audio.findings):
        return []
    return [
        Finding(
            code="TOO_SHORT",
            severity=Severity.WARNING,
            message=f"only {duration_s * 1000:.0f} ms of audio: nothing can be said of it",
            hint="pass a recording of at least a second, with speech and pauses",
        )
    ]
