"""What is wrong with a channel's sound, where that is first heard, and what to do about it.

A finding tells the reader something to act on; a recording that is merely ordinary gets none. What
holds for several channels alike is said once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.features import ChannelFeatures
from echotrace.audio.gate import Gate
from echotrace.audio.hum import Hum
from echotrace.model.measure import Finding, Severity, Status
from echotrace.model.signal import ChannelSignal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echotrace.config.settings import Settings

__all__ = ["Evidence", "signal_findings"]

CLIPPING_WARNING: Final = 1e-4
CLIPPING_CRITICAL: Final = 1e-2
DC_WARNING: Final = 0.01
"""1 % of full scale, -40 dBFS."""
HUM_BELOW_SPEECH_DB: Final = 25.0
"""A hum further below the speech than this is less than what counts as good SNR, by 5 dB."""
_DC_FRAMES: Final = 16
_ORDER: Final = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One channel's figures, and what its findings need beside them.

    ``begin_s`` is where the channel's samples begin on the recording's clock.
    """

    channel: ChannelSignal
    features: ChannelFeatures
    begin_s: float
    clipped_at_s: float | None
    gate: Gate
    hum: Hum | None
    is_upsampled: bool
    rate_hz: int
    is_scored: bool

    @property
    def is_agent(self) -> bool:
        """Whether this is the agent's side, whose synthesis is quiet between words by nature."""
        return self.channel.role == "agent" and not self.is_scored

    @property
    def speech_at_s(self) -> float:
        """Where speech begins, or the channel where there is none."""
        segments = self.channel.segments
        return segments[0].start_s if segments else self.begin_s


def signal_findings(channels: Iterable[Evidence], settings: Settings) -> tuple[Finding, ...]:
    """Return the findings of all channels, channel by channel, what they share only once."""
    merged: dict[tuple[str, str], tuple[Finding, list[str]]] = {}
    for item in channels:
        name = str(item.channel.index)
        if item.channel.role not in ("unknown", ""):
            name += f" ({item.channel.role})"
        for finding in _of_channel(item, settings):
            key = finding.code, finding.message
            first, names = merged.get(key, (finding, []))
            merged[key] = _worse(first, finding), [*names, name]
    return tuple(
        replace(finding, message=f"{_where(names)}: {finding.message}")
        for finding, names in merged.values()
    )


def _worse(one: Finding, other: Finding) -> Finding:
    places = [finding.at_s for finding in (one, other) if finding.at_s is not None]
    severity = max(one.severity, other.severity, key=_ORDER.index)
    return replace(one, severity=severity, at_s=min(places, default=None))


def _where(names: list[str]) -> str:
    if len(names) == 1:
        return f"channel {names[0]}"
    return f"channels {', '.join(names[:-1])} and {names[-1]}"


def _of_channel(item: Evidence, settings: Settings) -> Iterator[Finding]:
    yield from _about_snr(item, settings)
    yield from _about_clipping(item)
    yield from _about_offset(item)
    if not item.channel.segments:
        return
    yield from _about_dropouts(item)
    if item.is_upsampled:
        yield Finding(
            code="UPSAMPLED",
            severity=Severity.INFO if item.is_agent else Severity.WARNING,
            message=f"telephone audio at {item.rate_hz / 1000:g} kHz: there is nothing above 4 kHz",
            hint="record before the telephone leg, or recognise it with a model for 8 kHz speech",
            at_s=_place(item.speech_at_s),
        )
    yield from _about_hum(item)


def _about_snr(item: Evidence, settings: Settings) -> Iterator[Finding]:
    channel, gate = item.channel, item.gate
    snr = channel.snr_db
    if not channel.segments:
        yield Finding(
            code="NO_SPEECH",
            severity=Severity.WARNING if item.is_scored else Severity.INFO,
            message=snr.reason or "no speech was found",
            hint="check that the right channel was recorded and the microphone was open",
        )
        return
    if gate.is_gated:
        yield _gated(item)
    elif snr.status is Status.NOT_MEASURABLE:
        if not item.is_agent:
            yield Finding(
                code="SNR_NOT_MEASURABLE",
                severity=Severity.INFO,
                message=f"SNR is not measurable: {snr.reason}",
                hint="record some background before the first word",
            )
    elif snr.status is Status.ESTIMATED and not item.is_agent:
        yield Finding(
            code="SNR_ESTIMATED",
            severity=Severity.INFO,
            message=f"SNR is only estimated: {snr.reason}",
            hint="a second of background without speech makes it a measurement",
        )
    if snr.value is not None and snr.value < settings.thresholds.snr_critical_db:
        yield Finding(
            code="LOW_SNR",
            severity=Severity.WARNING,
            message=f"the speech is only {snr.value:.1f} dB above the noise",
            hint="move the microphone closer, or suppress noise before the recogniser",
            at_s=_place(_noisiest_s(item)),
        )


def _gated(item: Evidence) -> Finding:
    if item.gate.is_digital:
        message = "the pauses are digital silence (gate, DTX or synthesis): SNR is not measurable"
    else:
        message = "a noise gate cuts the background off after words: SNR is not measurable"
    audible = not item.gate.is_digital and item.is_scored
    return Finding(
        code="GATED",
        severity=Severity.WARNING if audible else Severity.INFO,
        message=message,
        hint="record before the noise gate, with some background before the first word",
        at_s=_place(item.gate.at_s),
    )


def _noisiest_s(item: Evidence) -> float:
    known = [part for part in item.channel.segments if part.snr_db.value is not None]
    worst = min(known, key=lambda part: part.snr_db.value or 0.0, default=None)
    return item.speech_at_s if worst is None else worst.start_s


def _about_clipping(item: Evidence) -> Iterator[Finding]:
    clipped = item.channel.clipping_ratio.value or 0.0
    if clipped > CLIPPING_WARNING:
        yield Finding(
            code="CLIPPING",
            severity=Severity.CRITICAL if clipped > CLIPPING_CRITICAL else Severity.WARNING,
            message=f"{clipped * 100:.3g} % of the samples are clipped",
            hint="lower the input gain before the recorder; clipping cannot be undone",
            at_s=_place(item.clipped_at_s),
        )


def _about_offset(item: Evidence) -> Iterator[Finding]:
    figure = item.channel.dc_offset
    offset = figure.value or 0.0
    if abs(offset) < DC_WARNING:
        return
    guess = figure.status is Status.ESTIMATED
    doubt = f", estimated: {figure.reason}" if guess else ""
    yield Finding(
        code="DC_OFFSET",
        severity=Severity.INFO if guess else Severity.WARNING,
        message=f"DC offset of {offset * 100:.1f} % of full scale{doubt}",
        hint="high-pass the input at 20 to 60 Hz, or repair the sound card's input",
        at_s=_place(_offset_at_s(item, offset)),
    )


def _offset_at_s(item: Evidence, offset: float) -> float:
    """Return where the mean over half a second first reaches half of the offset."""
    mean = item.features.mean
    size = min(_DC_FRAMES, len(mean))
    if not size:
        return item.begin_s
    running = np.convolve(mean, np.full(size, 1.0 / size), "valid") * np.sign(offset)
    at = int(np.argmax(running >= abs(offset) / 2))
    return item.features.start_s + at * item.features.frame_s


def _about_dropouts(item: Evidence) -> Iterator[Finding]:
    lost = item.channel.dropouts
    if lost is None or not lost.count:
        return
    places = "1 dropout" if lost.count == 1 else f"{lost.count:,} dropouts"
    yield Finding(
        code="DROPOUTS",
        severity=Severity.WARNING,
        message=f"{places} in the speech, {lost.total_ms:,.0f} ms of digital silence together",
        hint="packets were lost before the recorder: look at loss and jitter on that leg",
        at_s=_place(lost.at_s[0]),
    )


def _about_hum(item: Evidence) -> Iterator[Finding]:
    hum, speech = item.hum, item.channel.speech_level_dbfs.value
    if hum is None or speech is None or hum.level_dbfs < speech - HUM_BELOW_SPEECH_DB:
        return
    yield Finding(
        code="HUM",
        severity=Severity.INFO if item.is_agent else Severity.WARNING,
        message=f"mains hum at {hum.mains_hz} Hz, loud enough to be heard beside the speech",
        hint="find the ground loop or the power supply, or high-pass the input at 80 to 130 Hz",
        at_s=_place(item.begin_s),
    )


def _place(at_s: float | None) -> float | None:
    return None if at_s is None else round(at_s, 3)
