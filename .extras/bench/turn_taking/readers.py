"""The tools under test: ours, and those peers that can run in our own environment.

Channel 0 of a recording is the caller's, and every tool is told so.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import soundfile
import soxr

from turn_taking.readings import FoundIncident, FoundTurn, Reading, Span
from turn_taking.rules import obvious_reading

RATE = 16_000
RUNNER = Path(__file__).with_name("peer_runner.py")
OURS = "echotrace"
TELLS = (
    "gap",
    "interval",
    "yield",
    "severity",
    "barge_in",
    "backchannel",
    "talk_over",
    "early_start",
    "dead_air",
    "missed_response",
)


class StageMissingError(Exception):
    """The stage that measures turns is not part of this tree."""


def read_ours(path: Path, *, roles_told: bool = True) -> Reading:
    """Read a call as Python code would: the public entry, the turns stage alone."""
    from echotrace import analyze
    from echotrace.errors import EchoTraceError, UsageError
    from echotrace.model.measure import Severity, Status

    settings = {"audio.caller_channel": 0} if roles_told else {}
    try:
        report = analyze(str(path), stages=("turns",), settings=settings)
    except UsageError as error:
        raise StageMissingError(str(error)) from error
    except EchoTraceError as error:
        return Reading(OURS, tells=TELLS, refused=str(error))
    reading = Reading(OURS, tells=TELLS)
    found = report.conversation
    if found is None or found.status != "measured":
        entry = report.analyzers.get("turns")
        reading.refused = (found.reason if found else None) or (entry.reason if entry else None)
        reading.refused = reading.refused or "no conversation in the report"
        return reading
    if report.source.channels[0].role == "agent":
        reading.refused = "the channels were taken the wrong way round"
        return reading
    for turn in found.turns:
        if turn.user is None:
            continue
        gap = turn.heard_gap_ms
        measured = gap.status is Status.MEASURED
        reading.turns.append(
            FoundTurn(
                turn.user.start_s,
                turn.user.end_s,
                gap.value if measured else None,
                gap.low if measured else None,
                gap.high if measured else None,
            )
        )
    for incident in found.incidents:
        duration = incident.duration_ms
        reading.incidents.append(
            FoundIncident(
                incident.type,
                incident.at_s,
                duration.value,
                incident.severity is Severity.CRITICAL,
                duration.status is Status.MEASURED,
            )
        )
    return reading


def _at_16_khz(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(samples, rate, RATE).T if rate != RATE else samples.T


def read_silero(path: Path) -> Reading:
    """Silero's timestamps with the settings that its own authors default to, and the obvious rule.

    threshold 0.5, speech at least 250 ms, silence at least 100 ms, padding 30 ms; the defaults of
    the copy in faster-whisper (2 s of silence, 400 ms of padding) are made for recognition.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=0.5, min_speech_duration_ms=250, min_silence_duration_ms=100, speech_pad_ms=30
    )
    channels = _at_16_khz(path)
    sides: list[list[Span]] = [
        [
            (span["start"] / RATE, span["end"] / RATE)
            for span in get_speech_timestamps(np.ascontiguousarray(channel), options)
        ]
        for channel in channels[:2]
    ]
    return obvious_reading("silero", sides[0], sides[1], channels.shape[1] / RATE)


def read_librosa(path: Path) -> Reading:
    """``librosa.effects.split`` with its defaults (60 dB below the peak) and the obvious rule."""
    import librosa

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    sides: list[list[Span]] = [
        [
            (float(start) / rate, float(end) / rate)
            for start, end in librosa.effects.split(np.ascontiguousarray(channel))
        ]
        for channel in samples.T[:2]
    ]
    return obvious_reading("librosa", sides[0], sides[1], len(samples) / rate)


LOCAL_PEERS = {"silero": read_silero, "librosa": read_librosa}


def read_peer(python: Path, tool: str, path: Path, truth: Path) -> Reading:
    """Run a peer in its own interpreter; a peer that fails has refused the call."""
    command = [str(python), "-I", str(RUNNER), tool, str(path), str(truth)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=path.parent)
    if done.returncode:
        return Reading(tool, refused=done.stderr.strip().splitlines()[-1])
    return Reading.from_json(done.stdout)


def peer_versions(python: Path) -> dict[str, str | None]:
    done = subprocess.run(
        [str(python), "-I", str(RUNNER), "--versions"], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)
