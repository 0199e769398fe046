"""What the caller heard: the turns of a two-channel recording and the gaps between them.

The steps are those of the metrics page: each side's speech with the uncertainty of its edges,
without what leaks in from the other side, and from both the turns, incidents and their summary.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from echotrace.analyzers.turn_taking import silence_only, summarize, take_turns, with_snr
from echotrace.analyzers.turn_taking.findings import bleed_findings, role_findings, turn_findings
from echotrace.audio.bleed import Canceller, find_bleed
from echotrace.audio.edges import find_speech
from echotrace.audio.features import FeatureExtractor
from echotrace.audio.snr import estimate_snr
from echotrace.audio.stretches import anybody, shared_ratio
from echotrace.model.conversation import Bleed, Conversation
from echotrace.model.measure import Finding, Measurement, Severity, Status
from echotrace.model.outcome import Outcome
from echotrace.telemetry import timed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    import numpy as np
    from numpy.typing import NDArray

    from echotrace.audio.bleed import Leak
    from echotrace.audio.features import ChannelFeatures
    from echotrace.audio.handle import Audio
    from echotrace.audio.stretches import ChannelSpeech
    from echotrace.config.settings import Settings
    from echotrace.model.report import Channel
    from echotrace.telemetry import TelemetryCollector

__all__ = ["TurnsAnalyzer"]

MOSTLY: Final = 0.5
ONE_SIGNAL: Final = 0.8
"""Two people are not audible together for this share of the time that anybody is."""
FAINTEST_DB: Final = 45.0
"""A fainter leak is heard by nobody, and hard to tell from chance."""
MASKED_DB: Final = 30.0
"""What lies this far below a side's own speech is not audible (20 dB), with a margin."""
BLOCK_S: Final = 32.0
METHOD: Final = "Silero, level and spectral edges"
TWO_CHANNELS: Final = (
    "record caller and agent on channels of their own (most platforms call it a stereo or "
    "dual-channel recording), or pass --caller a.wav --agent b.wav"
)
ONE_VOICE: Final = (
    "check that both sides were recorded: one of the two channels carries nobody who speaks"
)
BOTH_MUTE: Final = "check that the right file was exported and that the call was recorded at all"


class TurnsAnalyzer:
    """Turns two voice tracks into the ``conversation`` part of the report."""

    name = "turns"
    requires: tuple[str, ...] = ()

    def __init__(self, collector: TelemetryCollector) -> None:
        self._collector = collector

    @timed("turn_analysis")
    async def analyze(
        self,
        audio_path: str,
        *,
        audio: Audio,
        settings: Settings,
        timed_section: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
        **kwargs: Any,
    ) -> Outcome[Conversation]:
        """Measure the conversation; a recording that holds none says why and still has silences."""
        async with timed_section():
            return await asyncio.to_thread(self._measure, audio, settings)

    def _measure(self, audio: Audio, settings: Settings) -> Outcome[Conversation]:
        obstacle = _obstacle(audio)
        if obstacle is not None:
            return self._one_voice(audio, settings, obstacle)
        leaks, speech, features = self._speech(audio)
        obstacle = _one_sided(audio.source.channels, speech, leaks)
        if obstacle is not None:
            return self._one_voice(audio, settings, obstacle, leaks)
        return self._conversation(audio, settings, speech, features, leaks)

    def _speech(
        self, audio: Audio
    ) -> tuple[tuple[Bleed, ...], list[ChannelSpeech], list[ChannelFeatures]]:
        """Find the speech of each side, and its features, without what leaks in from the other."""
        start_s, end_s = _bounds(audio)
        features = list(audio.features)
        with self._collector.span("bleed"):
            found = find_bleed(audio.read, start_s, end_s, audio.features)
            leaks = [leak for leak in found if leak.attenuation_db <= FAINTEST_DB]
            audible = [leak for leak in leaks if _is_audible(leak, features)]
            canceller = Canceller(audio.read, audible, start_s=start_s, end_s=end_s)
            cleaned = sorted({leak.into_channel for leak in audible})
            for at in cleaned:
                features[at] = _features(partial(canceller.read, at), features[at])
        with self._collector.span("speech_edges"):
            speech = [
                find_speech(partial(canceller.read, at), item) for at, item in enumerate(features)
            ]
        for at in cleaned:
            speech[at] = _own(speech[at], partial(canceller.explained, at))
        named = audio.source.channels
        told = tuple(_bleed(leak, named, removed=leak in audible) for leak in leaks)
        return told, speech, features

    def _conversation(
        self,
        audio: Audio,
        settings: Settings,
        speech: Sequence[ChannelSpeech],
        features: Sequence[ChannelFeatures],
        leaks: tuple[Bleed, ...],
    ) -> Outcome[Conversation]:
        caller, agent = _roles(audio.source.channels)
        limits, (start_s, end_s) = settings.thresholds, _bounds(audio)
        with self._collector.span("turn_taking"):
            taken = take_turns(
                speech[caller], speech[agent], start_s=start_s, end_s=end_s, thresholds=limits
            )
            summary = summarize(
                taken,
                speech[caller],
                speech[agent],
                indices=(audio.source.channels[caller].index, audio.source.channels[agent].index),
                start_s=start_s,
                end_s=end_s,
                thresholds=limits,
            )
        with self._collector.span("turn_snr"):
            noise = [estimate_snr(features[side]) for side in (caller, agent)]
        heard = Conversation(
            status=Status.MEASURED.value,
            method=METHOD,
            turns=with_snr(taken.turns, *noise),
            incidents=taken.incidents,
            summary=summary,
            bleed=leaks,
        )
        names = {caller: "the caller", agent: "the agent"}
        findings = [
            *role_findings(audio.source.channels),
            *bleed_findings(leaks, [names[index] for index in sorted(names)]),
            *turn_findings(heard, limits),
        ]
        return Outcome(heard, tuple(findings))

    def _one_voice(
        self,
        audio: Audio,
        settings: Settings,
        obstacle: Obstacle,
        leaks: tuple[Bleed, ...] = (),
    ) -> Outcome[Conversation]:
        """Report the silences, which need no second channel where one holds both voices."""
        with self._collector.span("speech_edges"):
            speech = [
                find_speech(partial(audio.read, at), item) for at, item in enumerate(audio.features)
            ]
        speaking = [at for at, item in enumerate(speech) if item.stretches]
        channel = audio.source.channels[speaking[0] if speaking else audio.scored_channel]
        start_s, end_s = _bounds(audio)
        summary, incidents = silence_only(
            anybody(speech),
            reason=obstacle.reason,
            index=channel.index,
            role=channel.role if obstacle.one_sided else "mixed",
            start_s=start_s,
            end_s=end_s,
            thresholds=settings.thresholds,
        )
        untold = None if speaking else "nobody speaks in this recording"
        if untold is None and obstacle.one_sided:
            untold = f"the other side may have spoken: {obstacle.reason}"
        if untold is not None:
            unknown = Measurement.not_measurable("s", untold)
            summary = replace(summary, dead_air_s=unknown, dead_air_total_s=unknown, dead_airs=0)
            incidents = ()
        heard = Conversation(
            status=Status.NOT_MEASURABLE.value,
            reason=obstacle.reason,
            hint=obstacle.hint,
            method=METHOD if speaking else None,
            incidents=incidents,
            summary=summary,
            bleed=leaks,
        )
        missing = Finding(
            code="TURNS_NOT_MEASURABLE",
            severity=Severity.INFO,
            message=f"turns and heard gaps are not measurable: {obstacle.reason}",
            hint=obstacle.hint,
        )
        return Outcome(heard, (missing, *turn_findings(heard, settings.thresholds)))


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why there are no turns, and what to do; ``one_sided`` where a side is not in the sound."""

    reason: str
    hint: str
    one_sided: bool = False


def _features(
    read: Callable[[float, float], NDArray[np.float32]], before: ChannelFeatures
) -> ChannelFeatures:
    """Extract the features of one channel again, block by block."""
    extractor = FeatureExtractor(1, start_s=before.start_s)
    end_s, at_s = before.start_s + before.duration_s, before.start_s
    while at_s < end_s:
        extractor.push(read(at_s, min(at_s + BLOCK_S, end_s))[None, :])
        at_s += BLOCK_S
    return extractor.finish()[0]


def _is_audible(leak: Leak, features: Sequence[ChannelFeatures]) -> bool:
    """Whether a leak comes near to what is audible beside the target's own speech."""
    source, target = (features[at].active_level for at in (leak.from_channel, leak.into_channel))
    if source is None or target is None:
        return False
    return source.level_dbfs - leak.attenuation_db > target.level_dbfs - MASKED_DB


def _own(speech: ChannelSpeech, explained: Callable[[float, float], float]) -> ChannelSpeech:
    """Leave out the stretches that are mostly what the canceller could not take off."""
    kept = tuple(
        item for item in speech.stretches if explained(item.start.at_s, item.end.at_s) < MOSTLY
    )
    return replace(speech, stretches=kept)


def _bleed(leak: Leak, channels: Sequence[Channel], *, removed: bool) -> Bleed:
    return Bleed(
        from_channel=channels[leak.from_channel].index,
        into_channel=channels[leak.into_channel].index,
        attenuation_db=Measurement.measured(
            round(leak.attenuation_db, 1), "dB", method="lagged correlation"
        ),
        delay_ms=round(leak.delay_ms, 1),
        removed=removed,
    )


def _obstacle(audio: Audio) -> Obstacle | None:
    """Return why caller and agent cannot be told apart, if the recording alone tells it."""
    codes = {finding.code for finding in audio.findings}
    if audio.identical_channels:
        return Obstacle("both channels carry the same signal", TWO_CHANNELS)
    if audio.channels == 1:
        return Obstacle("the recording has one channel", TWO_CHANNELS)
    if "ANTI_PHASE" in codes:
        reason = "the two channels are one signal, once with its sign turned"
        return Obstacle(reason, TWO_CHANNELS)
    if audio.channels > 2:
        hint = "export the caller's and the agent's channel to a two-channel file"
        return Obstacle(f"the recording has {audio.channels} channels", hint)
    if "NO_OVERLAP" in codes:
        hint = "check --agent-offset-ms: it is in milliseconds"
        return Obstacle("the two files do not overlap in time", hint, one_sided=True)
    return None


def _one_sided(
    channels: Sequence[Channel], speech: Sequence[ChannelSpeech], leaks: Sequence[Bleed]
) -> Obstacle | None:
    """Return why there are not two voices, if the speech that was found tells it."""
    mute = [at for at, item in enumerate(speech) if not item.stretches]
    if len(mute) == 2:
        return Obstacle("neither channel carries speech", BOTH_MUTE, one_sided=True)
    for at in mute:
        index = channels[at].index
        for leak in leaks:
            if leak.into_channel == index:
                below, later = leak.attenuation_db.value or 0.0, leak.delay_ms or 0.0
                reason = (
                    f"channel {index} carries only channel {leak.from_channel} again, "
                    f"{below:.0f} dB lower and {later:.0f} ms later"
                )
                return Obstacle(reason, TWO_CHANNELS)
        return Obstacle(f"channel {index} carries no speech", ONE_VOICE, one_sided=True)
    if shared_ratio(speech[0], speech[1]) > ONE_SIGNAL:
        reason = "both channels carry the same voices at the same times"
        return Obstacle(reason, TWO_CHANNELS)
    return None


def _roles(channels: Sequence[Channel]) -> tuple[int, int]:
    """Return the places of caller and agent; where nothing tells them apart the first calls."""
    caller = next((at for at, item in enumerate(channels) if item.role == "caller"), 0)
    return caller, 1 - caller


def _bounds(audio: Audio) -> tuple[float, float]:
    start_s = audio.source.start_s
    return start_s, start_s + max(item.duration_s for item in audio.features)
