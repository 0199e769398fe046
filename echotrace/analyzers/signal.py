"""Signal quality per channel: SNR, levels, clipping, DC, silence, speech segments, envelope.

Everything comes from the features of the single pass, so that this stage reads no audio; only the
spectral details, on request, read the samples again.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from echotrace.audio.levels import amplitude_dbfs
from echotrace.audio.snr import SnrResult, estimate_snr
from echotrace.errors import MissingDependencyError
from echotrace.model.measure import Finding, Measurement, Severity, Status
from echotrace.model.outcome import Inputs, Outcome
from echotrace.model.report import (
    ChannelSignal,
    Envelope,
    EnvelopeChannel,
    Signal,
    SpeechSegment,
)
from echotrace.telemetry import timed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from echotrace.audio.features import ChannelFeatures
    from echotrace.audio.handle import Audio
    from echotrace.audio.native import NativeStats
    from echotrace.audio.spectral import SpectralDetails
    from echotrace.config.settings import Settings
    from echotrace.telemetry import TelemetryCollector

__all__ = ["SignalAnalyzer"]

MIN_DURATION_S = 0.25
CLIPPING_WARNING = 1e-4
CLIPPING_CRITICAL = 1e-2
DC_WARNING = 0.01
"""1 % of full scale, -40 dBFS."""
BLOCK_S = 32.0

_DIGITS = {"dB": 2, "dBFS": 2, "Hz": 0, "FS": 6, "ratio": 6, "1": 4}
_NO_INPUTS = Inputs()


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
        **kwargs: Any,
    ) -> Outcome[Signal]:
        """Measure every channel; a figure that cannot be had carries its reason."""
        async with timed_section():
            return await asyncio.to_thread(self._measure, audio, settings, spectral)

    def _measure(self, audio: Audio, settings: Settings, spectral: bool) -> Outcome[Signal]:
        with self._collector.span("snr"):
            estimates = [estimate_snr(features) for features in audio.features]
        details = self._spectral_details(audio) if spectral else {}
        channels, findings = [], _too_short(audio)
        for index, estimate in enumerate(estimates):
            source = audio.source.channels[index]
            channel = _channel(
                source.index, source.role, audio.features[index], audio.native[index], estimate
            )
            if index in details:
                found = details[index]
                channel = replace(
                    channel,
                    bandwidth_hz=_rounded(found.bandwidth_hz),
                    spectral_flatness=_rounded(found.spectral_flatness),
                )
            channels.append(channel)
            findings += _findings(channel, settings, scored=index == audio.scored_channel)
        signal = Signal(
            channels=tuple(channels),
            scored_channel=audio.scored_channel,
            envelope=_envelope(channels, audio.features),
        )
        return Outcome(signal, tuple(findings))

    def _spectral_details(self, audio: Audio) -> dict[int, SpectralDetails]:
        from echotrace.audio.spectral import SpectralDetails, SpectralMeter

        with self._collector.span("spectral_details"):
            try:
                meters = [SpectralMeter() for _ in range(audio.channels)]
            except MissingDependencyError as error:
                gone = SpectralDetails(
                    Measurement.unavailable("Hz", error.what),
                    Measurement.unavailable("1", error.what),
                )
                return dict.fromkeys(range(audio.channels), gone)
            for block in audio.blocks(BLOCK_S):
                for meter, samples in zip(meters, block.samples, strict=True):
                    meter.push(samples)
            return {index: meter.result() for index, meter in enumerate(meters)}


def _channel(
    index: int, role: str, features: ChannelFeatures, native: NativeStats, estimate: SnrResult
) -> ChannelSignal:
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
        segments=tuple(
            SpeechSegment(
                start_s=round(item.span.start_s, 3),
                end_s=round(item.span.end_s, 3),
                snr_db=_rounded(item.snr_db),
            )
            for item in estimate.segments
        ),
    )


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


def _findings(channel: ChannelSignal, settings: Settings, *, scored: bool) -> list[Finding]:
    """Say what is wrong with one channel and what to do about it."""
    where = f"channel {channel.index}" + (
        f" ({channel.role})" if channel.role not in ("unknown", "") else ""
    )
    found = _about_snr(channel, settings, where, scored=scored)
    clipped = channel.clipping_ratio.value or 0.0
    if clipped > CLIPPING_WARNING:
        found.append(
            Finding(
                code="CLIPPING",
                severity=Severity.CRITICAL if clipped > CLIPPING_CRITICAL else Severity.WARNING,
                message=f"{where}: {clipped * 100:.3g} % of the samples are clipped",
                hint="lower the input gain before the recorder; clipping cannot be undone",
            )
        )
    offset = channel.dc_offset.value or 0.0
    if abs(offset) >= DC_WARNING:
        guess = channel.dc_offset.status is Status.ESTIMATED
        doubt = f", estimated: {channel.dc_offset.reason}" if guess else ""
        found.append(
            Finding(
                code="DC_OFFSET",
                severity=Severity.INFO if guess else Severity.WARNING,
                message=f"{where}: DC offset of {offset * 100:.1f} % of full scale{doubt}",
                hint="high-pass the input at 20 to 60 Hz, or repair the sound card's input",
            )
        )
    return found


def _about_snr(
    channel: ChannelSignal, settings: Settings, where: str, *, scored: bool
) -> list[Finding]:
    snr = channel.snr_db
    if snr.status is Status.NOT_MEASURABLE:
        if not channel.segments:
            return [
                Finding(
                    code="NO_SPEECH",
                    severity=Severity.WARNING if scored else Severity.INFO,
                    message=f"{where}: {snr.reason}",
                    hint="check that the right channel was recorded and the microphone was open",
                )
            ]
        return [
            Finding(
                code="SNR_NOT_MEASURABLE",
                severity=Severity.INFO,
                message=f"{where}: SNR is not measurable: {snr.reason}",
                hint="record before the noise gate, with some background before the first word",
            )
        ]
    found = []
    if snr.status is Status.ESTIMATED:
        found.append(
            Finding(
                code="SNR_ESTIMATED",
                severity=Severity.INFO,
                message=f"{where}: SNR is only estimated: {snr.reason}",
                hint="a second of background without speech makes it a measurement",
            )
        )
    if snr.value is not None and snr.value < settings.thresholds.snr_critical_db:
        found.append(
            Finding(
                code="LOW_SNR",
                severity=Severity.WARNING,
                message=f"{where}: the speech is only {snr.value:.1f} dB above the noise",
                hint="move the microphone closer, or suppress noise before the recogniser",
            )
        )
    return found
