"""Two mono files that become one call: the caller's recording and the agent's, on one clock.

Each file goes through the door alone, with the same checks, caps and errors as any recording; their
16 kHz samples are then laid beside each other, and the features are computed over both.
"""

from __future__ import annotations

import math
import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Final

from echotrace.audio.cut import Cut, check_cut
from echotrace.audio.decoder import warning
from echotrace.audio.door import STDIN, open_recording
from echotrace.audio.facts import about_channels, conclude, is_identical, is_one_signal
from echotrace.audio.handle import Audio, AudioOptions, decode_span
from echotrace.audio.opening import NoExtractor, Opened, Opening, discard, no_audio
from echotrace.audio.resample import RATE_HZ
from echotrace.audio.rows import Rows, measure
from echotrace.audio.stop import ShouldStop, never
from echotrace.errors import InputError, UsageError
from echotrace.model.measure import Finding, Severity
from echotrace.model.report import Channel, Source, SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from echotrace.audio.door import Recording
    from echotrace.audio.ingest import Laps, MakeExtractor
    from echotrace.audio.spool import Spool
    from echotrace.telemetry import TelemetryCollector

__all__ = ["open_pair"]

CALLER: Final = 0
AGENT: Final = 1
_ROLES: Final = ("caller", "agent")
_AUDIBLE_RMS: Final = 1e-6
_SHORT_S: Final = 10.0
_SHORT_SHARE: Final = 0.2


def open_pair(
    caller_path: str | os.PathLike[str],
    agent_path: str | os.PathLike[str],
    *,
    agent_offset_ms: float = 0.0,
    options: AudioOptions,
    collector: TelemetryCollector | None = None,
    stdin: BinaryIO | None = None,
    make_extractor: MakeExtractor | None = None,
    should_stop: ShouldStop = never,
) -> Audio:
    """Open two mono recordings as one: channel 0 is the caller, channel 1 the agent.

    The clock's zero is where the earlier of the two begins; the shorter one is padded with digital
    silence. A stereo file counts as mono when both its channels carry the same signal.

    Args:
        caller_path: the caller's file; ``-`` for standard input, which only one of them can be.
        agent_path: the agent's file.
        agent_offset_ms: where the agent's file begins after the caller's; negative: before.
        options: the cut on the common clock and the caps, which hold for each file; the caller's
            channel in it is not looked at.
        collector: gets a span ``audio_decode``, as in :func:`echotrace.audio.handle.open_audio`.
        stdin: what ``-`` reads, by default the process's own.
        make_extractor: what computes the features.
        should_stop: asked several times a second.

    Raises:
        InputError: a file cannot be used, is not mono (NOT_MONO), or both together are too long.
        UsageError: the offset is no time, the cut contradicts itself, or both names are ``-``.
        StorageError: there is no room for temporary data.
        Stopped: ``should_stop`` said so.
    """
    if not math.isfinite(agent_offset_ms):
        raise UsageError(
            f"--agent-offset-ms {agent_offset_ms:g} is no time",
            hint="give the milliseconds from the caller's beginning to the agent's",
            code="OFFSET_INVALID",
        )
    if os.fspath(caller_path) == STDIN == os.fspath(agent_path):
        raise UsageError(
            "both recordings cannot come from standard input",
            hint="save one of them to a file and name it",
            code="STDIN_TWICE",
        )
    if make_extractor is None:
        from echotrace.audio.features import FeatureExtractor

        make_extractor = FeatureExtractor
    offset_s = agent_offset_ms / 1000.0
    begins_s = (max(0.0, -offset_s), max(0.0, offset_s))
    cut = check_cut(options.start_s, options.end_s)
    with decode_span(collector) as laps, ExitStack() as on_error:
        sides = []
        for role, path, begin_s in zip(_ROLES, (caller_path, agent_path), begins_s, strict=True):
            recording = on_error.enter_context(
                open_recording(
                    path,
                    stdin=stdin,
                    max_bytes=options.max_decoded_mib << 20,
                    should_stop=should_stop,
                )
            )
            side = _open_side(recording, role, begin_s, cut, options, laps, should_stop)
            on_error.callback(discard, side.opened.found)
            sides.append(side)
        audio = _join(sides, cut, options, make_extractor, laps, should_stop)
        laps.noted.update(decoder=audio.source.decoder, codec=audio.source.codec)
        on_error.pop_all()
    return audio


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One of the two files; ``local`` is the common cut on its own clock, which begins later."""

    role: str
    begin_s: float
    local: Cut
    opened: Opened

    @property
    def shown(self) -> str:
        return self.opened.recording.shown

    @property
    def rate_hz(self) -> int:
        return self.opened.found.decoder.format.rate_hz


def _open_side(
    recording: Recording,
    role: str,
    begin_s: float,
    cut: Cut,
    options: AudioOptions,
    laps: Laps,
    should_stop: ShouldStop,
) -> _Side:
    end_s = None if cut.end_s is None else max(0.0, cut.end_s - begin_s)
    local = Cut(max(0.0, cut.start_s - begin_s), end_s)
    opened = Opening(
        recording,
        cut=local,
        max_duration_s=options.max_duration_s,
        max_decoded_mib=options.max_decoded_mib,
        keep_samples=True,
        make_extractor=NoExtractor,
        laps=laps,
        should_stop=should_stop,
    ).run()
    side = _Side(role=role, begin_s=begin_s, local=local, opened=opened)
    try:
        _require_mono(side)
        if not opened.found.frames and local.start_s == 0.0 and local.end_s != 0.0:
            raise no_audio(recording, opened.found, local)
    except BaseException:
        discard(opened.found)
        raise
    return side


def _require_mono(side: _Side) -> None:
    found = side.opened.found
    if len(found.native) == 1 or is_identical(found):
        return
    if len(found.native) == 2 and all(stats.peak < _AUDIBLE_RMS for stats in found.native):
        return
    raise InputError(
        f"{side.shown} has {len(found.native)} channels that differ",
        why=f"the {side.role}'s file has to be mono",
        hint="export that side's channel alone, or analyse a stereo call as one file",
        code="NOT_MONO",
    )


def _join(
    sides: Sequence[_Side],
    cut: Cut,
    options: AudioOptions,
    make_extractor: MakeExtractor,
    laps: Laps,
    should_stop: ShouldStop,
) -> Audio:
    leads = [max(0, round((side.begin_s - cut.start_s) * RATE_HZ)) for side in sides]
    rows = Rows([_kept(side.opened.found.spool) for side in sides], leads, 0)
    rows.frames = frames = _length(sides, rows, cut)
    if frames > options.max_duration_s * RATE_HZ:
        raise _too_far_apart(sides, frames / RATE_HZ, options.max_duration_s)
    features, correlation = measure(rows, cut.start_s, make_extractor, laps, should_stop)
    identical = is_one_signal(correlation)
    native = tuple(
        replace(side.opened.found.native[0], index=index) for index, side in enumerate(sides)
    )

    def decode_again() -> Rows:
        with ExitStack() as on_error:
            spools = []
            for side in sides:
                spools.append(side.opened.again())
                on_error.callback(spools[-1].close)
            on_error.pop_all()
        return Rows(spools, leads, frames)

    if not options.keep_samples:
        rows.close()
    return Audio(
        tuple(side.opened.recording for side in sides),
        native=native,
        features=features,
        samples=rows if options.keep_samples else None,
        source=_source(sides, frames, cut, identical),
        findings=(
            *(finding for side in sides for finding in _about_side(side)),
            *_about_clock(sides, rows, cut),
            *about_channels(native, correlation, is_cut=cut.start_s > 0.0 or cut.end_s is not None),
        ),
        identical_channels=identical,
        caller_channel=None if identical else CALLER,
        decode_again=decode_again,
    )


def _kept(spool: Spool | None) -> Spool:
    assert spool is not None
    return spool


def _names(sides: Sequence[_Side]) -> str:
    return " + ".join(side.shown for side in sides)


def _too_far_apart(sides: Sequence[_Side], whole_s: float, limit_s: float) -> InputError:
    """The error for a call beyond the cap: each file alone keeps to it, so it is the offset."""
    offset_ms = (sides[AGENT].begin_s - sides[CALLER].begin_s) * 1000.0
    order = "after" if offset_ms > 0 else "before"
    return InputError(
        f"{_names(sides)} make a call of {whole_s:,.0f} s with --agent-offset-ms {offset_ms:.12g}, "
        f"which is more than {limit_s:,.0f} s",
        why=f"the agent's recording would begin {abs(offset_ms) / 1000:,.0f} s {order} "
        "the caller's",
        hint="check the offset: it is in milliseconds; raise --max-duration when it is right",
        code="TOO_LONG",
    )


def _length(sides: Sequence[_Side], rows: Rows, cut: Cut) -> int:
    """Return how many frames at 16 kHz the call has inside the cut."""
    reached = rows.ends()
    if not any(side.opened.found.frames for side in sides):
        raise InputError(
            f"nothing of {_names(sides)} lies in the cut",
            why=_lengths(sides),
            hint="choose another --start and --end",
            code="CUT_OUTSIDE",
        )
    frames = max(reached)
    if cut.end_s is None:
        return frames
    wanted = round((cut.end_s - cut.start_s) * RATE_HZ)
    goes_on = any(side.begin_s >= cut.end_s for side in sides)
    return wanted if goes_on else min(frames, wanted)


def _lengths(sides: Sequence[_Side]) -> str:
    parts = []
    for side in sides:
        declared = side.opened.found.decoder.format.declared_frames
        if declared is not None:
            end_s = side.begin_s + declared / side.rate_hz
            parts.append(f"the {side.role}'s goes from {side.begin_s:.2f} to {end_s:.2f} s")
    return ", ".join(parts)


def _source(sides: Sequence[_Side], frames: int, cut: Cut, identical: bool) -> Source:
    roles: tuple[Channel, ...] = (Channel(index=0, role="mixed"),)
    if not identical:
        roles = tuple(
            Channel(index=index, role=side.role, role_source="files")
            for index, side in enumerate(sides)
        )
    forms = [side.opened.found.decoder.format for side in sides]
    return Source(
        path=_names(sides),
        size_bytes=sum(side.opened.recording.size_bytes for side in sides),
        container=_both(form.container for form in forms),
        codec=_both(form.codec for form in forms),
        decoder=_both(form.decoder for form in forms),
        duration_s=frames / RATE_HZ,
        sample_rate_hz=max(form.rate_hz for form in forms),
        channels=roles,
        start_s=cut.start_s,
        end_s=cut.end_s,
        files=tuple(
            SourceFile(
                path=side.shown,
                sha256=side.opened.sha256,
                role=side.role,
                offset_ms=side.begin_s * 1000.0,
            )
            for side in sides
        ),
    )


def _both(words: Iterable[str]) -> str:
    return " + ".join(dict.fromkeys(words))


def _about_side(side: _Side) -> list[Finding]:
    """Return what is strange about one file, with its name and on the common clock."""
    opened = side.opened
    if not opened.found.frames:
        message = f"nothing of {side.shown} lies in the cut: the {side.role}'s channel is silent"
        return [warning("SIDE_SILENT", message, "choose another --start and --end")]
    results = []
    for finding in conclude(
        opened.recording, opened.how, opened.found, Cut(side.local.start_s, None)
    ):
        code, message, hint = finding.code, finding.message, finding.hint
        if code == "IDENTICAL_CHANNELS":
            code, hint = "DOUBLED_MONO", None
            message = "both its channels carry the same signal; the first was analysed"
        results.append(
            replace(
                finding,
                code=code,
                message=f"{side.shown}: {message}",
                hint=hint,
                at_s=None if finding.at_s is None else finding.at_s + side.begin_s,
            )
        )
    return results


def _about_clock(sides: Sequence[_Side], rows: Rows, cut: Cut) -> list[Finding]:
    """Return what the common clock needs to have said about it."""
    results = []
    if sides[CALLER].begin_s > 0.0:
        results.append(
            Finding(
                code="CLOCK_FROM_AGENT",
                severity=Severity.INFO,
                message=f"the agent's recording begins {sides[CALLER].begin_s * 1000:,.0f} ms "
                "before the caller's; times count from the agent's beginning",
            )
        )
    if all(side.opened.found.frames for side in sides):
        results += _about_overlap(sides, rows, cut)
    whole_s = cut.start_s + rows.frames / RATE_HZ
    if cut.end_s is not None and cut.end_s - whole_s > 1 / min(side.rate_hz for side in sides):
        results.append(
            warning(
                "CUT_SHORTENED",
                f"--end {cut.end_s:g} lies behind the recordings' end at {whole_s:.2f} s",
                "what is there was analysed",
                at_s=whole_s,
            )
        )
    return results


def _about_overlap(sides: Sequence[_Side], rows: Rows, cut: Cut) -> list[Finding]:
    """Return what follows from where the two files begin and end inside the cut."""
    begins, ends = rows.begins(), [min(end, rows.frames) for end in rows.ends()]
    if max(begins) >= min(ends):
        return [
            warning(
                "NO_OVERLAP",
                "the two recordings do not overlap in time: one begins when the other has ended",
                "check --agent-offset-ms: it is in milliseconds, from the caller's beginning",
            )
        ]
    results = []
    for places, short, what in (
        (begins, begins.index(max(begins)), "begins {:.1f} s after"),
        (ends, ends.index(min(ends)), "ends {:.1f} s before"),
    ):
        apart = max(places) - min(places)
        if apart > max(_SHORT_S * RATE_HZ, _SHORT_SHARE * rows.frames):
            one, other = sides[short], sides[1 - short]
            results.append(
                warning(
                    "SIDE_SHORT",
                    f"the {one.role}'s recording {what.format(apart / RATE_HZ)} the "
                    f"{other.role}'s: {apart / rows.frames:.0%} of the call has one side only",
                    "check that both files are whole and of the same call, and --agent-offset-ms",
                    at_s=cut.start_s + places[short] / RATE_HZ,
                )
            )
    return results
