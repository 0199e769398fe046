"""What the pass says about the file, as findings: what is missing, broken, or strange."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from echotrace.audio.decoder import warning
from echotrace.audio.native import LIMIT, NativeStats
from echotrace.model.measure import Finding, Severity

if TYPE_CHECKING:
    from echotrace.audio.choose import Plan
    from echotrace.audio.cut import Cut
    from echotrace.audio.door import Recording
    from echotrace.audio.ingest import Pass

__all__ = ["about_channels", "conclude", "is_identical", "is_one_signal"]

_IDENTICAL = 0.9
_SHORT_S = 0.1
_NARROW_HZ = 8_000
_MISSING_S = 0.1
_DEAD_RMS = 10 ** (-70 / 20)
_DEAD_BELOW = 10 ** (-30 / 20)
_DEAD_S = 10.0
"""A side can be quiet for some seconds; a channel of 10 s or more in which nothing is said is worth
a word."""


def is_identical(found: Pass) -> bool:
    """Whether two channels carry one signal: correlation above 0.9 at lag 0 over 0.1 s or more."""
    return is_one_signal(found.correlation)


def is_one_signal(correlation: float | None) -> bool:
    """Whether a correlation at lag 0 is that of one signal; None is where there is none."""
    return correlation is not None and correlation > _IDENTICAL


def conclude(recording: Recording, how: Plan, found: Pass, cut: Cut) -> tuple[Finding, ...]:
    """Gather the findings about a recording that could be opened."""
    findings = list(_about_file(recording, how, found, cut))
    findings += found.decoder.notes
    findings += _about_samples(found)
    is_cut = cut.start_s > 0.0 or cut.end_s is not None
    findings += about_channels(found.native, found.correlation, is_cut=is_cut)
    return tuple(findings)


def _about_file(recording: Recording, how: Plan, found: Pass, cut: Cut) -> list[Finding]:
    form = found.decoder.format
    seconds = found.frames / form.rate_hz
    results = []
    changed = recording.changed()
    if changed:
        results.append(
            warning(
                "CHANGED",
                f"the file changed while it was analysed: {changed}",
                "analyse it again when the recording is finished",
            )
        )
    if how.header is not None and how.header.hides_data:
        results.append(
            warning(
                "HEADER_REPAIRED",
                "the header says that there is no audio, but audio follows it; that was analysed",
                "the program that recorded it was stopped before it could finish the file",
            )
        )
    damaged = any(note.code == "DAMAGED" for note in found.decoder.notes)
    if found.failure and not damaged:
        results.append(
            warning(
                "DAMAGED",
                f"the recording is damaged ({found.failure}); {seconds:.2f} s could be decoded",
                "copy or record it again",
            )
        )
    if how.looks.damaged_tag:
        results.append(
            warning(
                "DAMAGED_TAG",
                "a tag in front of the audio claims more bytes than the file has; it was skipped",
                "write the tags again, or remove them",
            )
        )
    if how.chained:
        results.append(
            warning(
                "CHAINED",
                "the file is several Ogg recordings one after the other",
                "split it when they do not belong together",
            )
        )
    results += _about_length(how, found, cut)
    if seconds < _SHORT_S:
        results.append(
            warning(
                "TOO_SHORT",
                f"{seconds * 1000:.0f} ms of audio are too short for most figures",
                "record at least one second",
            )
        )
    if form.rate_hz <= _NARROW_HZ:
        results.append(
            Finding(
                code="NARROWBAND",
                severity=Severity.INFO,
                message=f"telephone bandwidth: the sample rate is {form.rate_hz:,} Hz",
                hint="recognisers trained on wide-band speech make more errors on it",
            )
        )
    return results


def _about_length(how: Plan, found: Pass, cut: Cut) -> list[Finding]:
    form, results = found.decoder.format, []
    whole = (round(cut.start_s * form.rate_hz) + found.frames) / form.rate_hz
    if cut.end_s is not None and found.reached_end and cut.end_s - whole > 1 / form.rate_hz:
        results.append(
            warning(
                "CUT_SHORTENED",
                f"--end {cut.end_s:g} lies behind the recording's end at {whole:.2f} s",
                "what is there was analysed",
                at_s=whole,
            )
        )
    header = how.header
    promised: float | None = None
    if header is not None and header.is_cut and header.bytes_per_s and header.declared_bytes:
        promised = header.declared_bytes / header.bytes_per_s
    elif not form.trusted and found.reached_end and form.declared_frames is not None:
        promised = form.declared_frames / form.rate_hz
        if promised - whole < max(_MISSING_S, 0.01 * promised):
            promised = None
    if promised is not None:
        results.append(
            warning(
                "TRUNCATED",
                f"the file promises {promised:,.2f} s of audio and holds {whole:,.2f} s",
                "it was cut off while it was recorded or copied",
            )
        )
    return results


def _about_samples(found: Pass) -> list[Finding]:
    results = []
    broken = sum(stats.non_finite_samples for stats in found.native)
    if broken:
        results.append(
            warning(
                "NON_FINITE",
                f"{broken:,} samples are not numbers (NaN or infinite); they are read as silence",
                "look for a division by zero in the program that wrote the file",
            )
        )
    if found.gain != 1.0:
        results.append(
            warning(
                "OUT_OF_RANGE",
                f"the samples go far beyond full scale; they were divided by {1 / found.gain:,.0f}",
                "write floating-point samples in the range of -1 to 1",
            )
        )
        return results
    wild = sum(stats.out_of_range_samples for stats in found.native)
    if wild:
        results.append(
            warning(
                "OUT_OF_RANGE",
                f"{wild:,} samples lie beyond {LIMIT:.0f} times full scale and were limited to it",
                "write floating-point samples in the range of -1 to 1",
            )
        )
    return results


def about_channels(
    native: tuple[NativeStats, ...], correlation: float | None, *, is_cut: bool = False
) -> list[Finding]:
    """Name channels that are one signal, each other's negative, or dead.

    With ``is_cut`` only a piece of the recording was read: a short one can lie in a side's pause,
    and says nothing about the channel.
    """
    results = []
    if is_one_signal(correlation):
        results.append(
            Finding(
                code="IDENTICAL_CHANNELS",
                severity=Severity.INFO,
                message="both channels carry the same signal; they are analysed as one",
                hint="record caller and agent on channels of their own to hear who spoke when",
            )
        )
    elif correlation is not None and correlation < -_IDENTICAL:
        results.append(
            warning(
                "ANTI_PHASE",
                "the two channels are each other's negative: mixed to mono they would be silent",
                "swap the two wires of one channel, or export one channel only",
            )
        )
    for stats in native:
        signal = _dead_signal(stats, native, is_cut=is_cut)
        if signal is not None:
            results.append(
                warning(
                    "DEAD_CHANNEL",
                    f"channel {stats.index} carries {signal} while another does",
                    "check which channels were recorded",
                )
            )
    return results


def _dead_signal(
    stats: NativeStats, native: tuple[NativeStats, ...], *, is_cut: bool
) -> str | None:
    """Return what a dead channel carries; None for one that is alive or too short to tell."""
    loudest = max(other.ac_rms for other in native)
    if not stats.samples or stats.ac_rms >= min(_DEAD_RMS, loudest * _DEAD_BELOW):
        return None
    is_long = stats.samples >= _DEAD_S * stats.sample_rate_hz
    if stats.highest == stats.lowest:
        return "no signal" if is_long or not is_cut else None
    level_dbfs = 20 * math.log10(max(stats.ac_rms, 1e-10))
    return f"nearly no signal ({level_dbfs:.0f} dBFS)" if is_long else None
