"""What lay under a span of the scored channel, asked for every word and every error.

Everything comes from the opened recording alone, so that the audit needs no other stage. What is
not seen: another voice on the same channel, and noise in the place of a part of a word.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from echotrace.audio.bleed import find_bleed
from echotrace.audio.close_look import (
    LEAST_NOISE_S,
    LONGEST_S,
    SURE_DB,
    flat_samples,
    held_runs,
    noise_db,
)
from echotrace.audio.dropouts import inside_speech
from echotrace.audio.flat_tops import CELL_S
from echotrace.audio.gate import has_own_silence
from echotrace.audio.levels import power_from_db
from echotrace.audio.local_snr import LocalSnr
from echotrace.audio.resample import RATE_HZ
from echotrace.audio.snr import dilated
from echotrace.audio.sounds import without_tones
from echotrace.audio.vad import FRAME_S, speech_mask, speech_spans
from echotrace.audio.webrtc import WEBRTC_FRAME_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.audio.bleed import Leak
    from echotrace.audio.handle import Audio
    from echotrace.model.report import Word

__all__ = ["Evidence", "Under"]

SILENT_SHARE: Final = 0.25
"""A span of which a detector calls less than this speech holds none for it: a word that overhangs
is half in speech, and one in silence may touch its neighbour by 50 ms."""
LEAST_LOOK_S: Final = 0.3
"""A shorter span is looked at with this much around its middle: time stamps are no better."""
NO_OPINION_SHARE: Final = 0.5
"""The second detector has none where it calls more than this of what is no speech for the first
one speech (noise at a table, music)."""
HANGOVER_FRAMES: Final = 6
"""0.19 s after a word in which the second detector still hears it."""
LEAK_MARGIN_DB: Final = 6.0
LEAK_FRAMES: Final = 5
"""0.16 s in which a room carries a voice on."""
SOFT_FRAMES: Final = 3
"""0.1 s beside a loud frame may be soft: a closure, the end of a word."""
ACTIVE_MARGIN_DB: Final = 15.9
"""What lies further below a channel's active speech level is no speech of its own (P.56)."""
OWN_NOISE_DB: Final = 6.0
"""So far below what the pauses say, the noise under a word is not theirs."""
STRONG_DB: Final = 5.0
"""Where the pauses alone make the SNR this low, a closer look would change nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """What lay under one span.

    ``snr_db`` is None where it cannot be told; ``is_own_noise`` says that the noise sounds under
    the span and not in the pauses beside it. ``dropouts`` counts lost packets and frozen samples,
    ``lost_s`` is their length; ``talk_over_s`` is how long the other side spoke. ``is_silent`` says
    that both detectors hear no speech, None where nobody listened.
    """

    snr_db: float | None = None
    is_own_noise: bool = False
    clipped_samples: int = 0
    clipped_share: float = 0.0
    dropouts: int = 0
    lost_s: float = 0.0
    talk_over_s: float = 0.0
    is_silent: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Close:
    """What the samples of a span tell: the SNR and whether the noise is its own, and faults."""

    snr_db: float | None = None
    is_own_noise: bool = False
    flat: int = 0
    held: int = 0
    held_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Second:
    """The second detector: its flags per 10 ms, their running sum, and the share that is speech.

    ``least`` lies above its false alarms in this recording.
    """

    flags: NDArray[np.bool_]
    heard: list[float]
    least: float


class Evidence:
    """The scored channel of a recording, to be asked about spans of it.

    Args:
        audio: the opened recording.
        row: the channel's row in ``audio.features``; beyond them nobody listened to it.
    """

    def __init__(self, audio: Audio, row: int) -> None:
        self._audio = audio
        self._row = row
        self._features = audio.features[row] if row < len(audio.features) else None
        self.begin_s = audio.source.start_s
        self.end_s = self.begin_s + (audio.duration_s or 0.0)
        self._clipped = _Clipped(audio, row)
        self._seen: dict[tuple[float, float], Under] = {}
        self._looked: dict[tuple[float, float], _Close] = {}

    @property
    def clip_db(self) -> float | None:
        """The channel's own SNR, beside which a word's is read."""
        return None if self._snr is None else self._snr.clip_db

    @property
    def holds_speech(self) -> bool | None:
        """Whether there is any speech on the channel; None where nobody listened."""
        return None if self._features is None else bool(self._speech.any())

    @property
    def silent_s(self) -> float | None:
        """How long both detectors hear no speech on the channel; None where nobody listened."""
        if self._features is None:
            return None
        frames = ~self._speech
        second = self._second
        if second is not None:
            times = (np.arange(len(frames)) + 0.5) * FRAME_S
            at = np.minimum((times / WEBRTC_FRAME_S).astype(np.int64), len(second.flags) - 1)
            frames = frames & ~second.flags[at]
        return float(frames.sum()) * FRAME_S

    def snr_db(self, start_s: float, end_s: float) -> float | None:
        """Return the SNR under a span; None where it cannot be told.

        The noise is that of the pauses beside it, or what sounds under the span itself where that
        is far more. Another voice under the span counts as speech.
        """
        return self._close(start_s, end_s).snr_db

    def is_silent(self, start_s: float, end_s: float) -> bool | None:
        """Whether both detectors hear no speech in a span; None where nobody listened.

        In a recording that holds no speech at all every span is silent: what the second detector
        alone calls speech there is noise.
        """
        features = self._features
        if features is None:
            return None
        if not self.holds_speech:
            return True
        missing_s = max(0.0, LEAST_LOOK_S - (end_s - start_s)) / 2.0
        first = start_s - missing_s - features.start_s
        last = end_s + missing_s - features.start_s
        if _share(self._heard, first, last, FRAME_S) >= SILENT_SHARE:
            return False
        second = self._second
        return second is None or _share(second.heard, first, last, WEBRTC_FRAME_S) < second.least

    def under(self, start_s: float, end_s: float) -> Under:
        """Gather all that is known of a span; asking again costs nothing."""
        key = start_s, end_s
        if key not in self._seen:
            self._seen[key] = self._under(start_s, end_s)
        return self._seen[key]

    def _under(self, start_s: float, end_s: float) -> Under:
        begins, ends = self._dropouts
        places = range(bisect_right(ends, start_s), bisect_left(begins, end_s))
        lost = [min(ends[at], end_s) - max(begins[at], start_s) for at in places]
        close = self._close(start_s, end_s)
        clipped = max(self._clipped.between(start_s, end_s), close.flat)
        return Under(
            snr_db=close.snr_db,
            is_own_noise=close.is_own_noise,
            clipped_samples=clipped,
            clipped_share=self._clipped.share(clipped, start_s, end_s),
            dropouts=len(lost) + close.held,
            lost_s=sum(lost) + close.held_s,
            talk_over_s=self._talk_over_s(start_s, end_s),
            is_silent=self.is_silent(start_s, end_s),
        )

    def _close(self, start_s: float, end_s: float) -> _Close:
        key = start_s, end_s
        if key not in self._looked:
            self._looked[key] = self._look(start_s, end_s)
        return self._looked[key]

    def _look(self, start_s: float, end_s: float) -> _Close:
        if self._snr is None:
            return _Close()
        beside = self._snr.at(start_s, end_s)
        length_s = end_s - start_s
        if not 0.0 < length_s <= LONGEST_S:
            return _Close(snr_db=beside)
        missing_s = max(0.0, LEAST_NOISE_S - length_s) / 2.0
        begin_s = max(start_s - missing_s, self.begin_s)
        around = self._audio.read(self._row, begin_s, end_s + missing_s)
        first = round((max(start_s, self.begin_s) - begin_s) * RATE_HZ)
        samples = around[first : first + round(length_s * RATE_HZ)]
        held = held_runs(samples, self._snr.zero)
        native = self._audio.native[self._row].sample_rate_hz
        close = _Close(
            snr_db=beside,
            flat=flat_samples(samples) if native == RATE_HZ else 0,
            held=len(held),
            held_s=sum(run.end - run.first for run in held) / RATE_HZ,
        )
        if beside is not None and beside < STRONG_DB:
            return close
        own = noise_db(around)
        if own is None or own >= SURE_DB or (beside is not None and own > beside - OWN_NOISE_DB):
            return close
        return replace(close, snr_db=own, is_own_noise=True)

    def with_snr(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Return the words with the SNR under each that has a place of its own."""
        return tuple(
            word
            if word.start_s is None or word.end_s is None or word.time_source == "segment"
            else replace(word, snr_db=_rounded(self.snr_db(word.start_s, word.end_s)))
            for word in words
        )

    @cached_property
    def _snr(self) -> LocalSnr | None:
        return None if self._features is None else LocalSnr(self._features)

    @cached_property
    def _speech(self) -> NDArray[np.bool_]:
        assert self._features is not None
        return without_tones(self._features, speech_mask(self._features.speech_probability))

    @cached_property
    def _heard(self) -> list[float]:
        return _running(self._speech)

    @cached_property
    def _second(self) -> _Second | None:
        """The second detector, None where it has no opinion."""
        assert self._features is not None
        flags = self._features.webrtc_speech
        if not len(flags):
            return None
        times = (np.arange(len(flags)) + 0.5) * WEBRTC_FRAME_S
        at = np.minimum((times / FRAME_S).astype(np.int64), len(self._speech) - 1)
        spoken = self._speech.copy()
        for shift in range(1, HANGOVER_FRAMES + 1):
            spoken[shift:] |= self._speech[:-shift]
        rest = flags[~spoken[at]]
        false_share = float(rest.mean()) if len(rest) else 1.0
        if false_share > NO_OPINION_SHARE:
            return None
        return _Second(flags=flags, heard=_running(flags), least=SILENT_SHARE + false_share)

    @cached_property
    def _dropouts(self) -> tuple[list[float], list[float]]:
        """Where lost packets begin and end, in order."""
        features = self._features
        if features is None or self._row >= len(self._audio.native):
            return [], []
        native = self._audio.native[self._row]
        if not native.stills:
            return [], []
        found = inside_speech(
            native.stills,
            speech_spans(self._speech, start_s=features.start_s),
            rate_hz=native.sample_rate_hz,
            start_s=self.begin_s,
            only_packets=has_own_silence(features),
        )
        return [at_s for at_s, _ in found], [at_s + length_s for at_s, length_s in found]

    def _talk_over_s(self, start_s: float, end_s: float) -> float:
        features = self._features
        if features is None or self._others_heard is None:
            return 0.0
        first, last = start_s - features.start_s, end_s - features.start_s
        return _share(self._others_heard, first, last, FRAME_S) * (end_s - start_s)

    @cached_property
    def _others_heard(self) -> list[float] | None:
        others = [row for row in range(len(self._audio.features)) if row != self._row]
        if self._features is None or not others:
            return None
        spoken = np.zeros(len(self._features.variance), np.bool_)
        for row in others:
            features = self._audio.features[row]
            mask = without_tones(features, speech_mask(features.speech_probability))
            size = min(len(mask), len(spoken))
            spoken[:size] |= (mask & self._is_own(row))[:size]
        return _running(spoken)

    def _is_own(self, row: int) -> NDArray[np.bool_]:
        """Mark the frames in which another channel is too loud to be bleed of the scored one."""
        scored, features = self._features, self._audio.features[row]
        assert scored is not None
        power = features.variance
        if features.active_level is None:
            return np.zeros(len(power), np.bool_)
        own: NDArray[np.bool_] = power > power_from_db(
            features.active_level.level_dbfs - ACTIVE_MARGIN_DB
        )
        for leak in self._leaks:
            if leak.into_channel == row and leak.from_channel == self._row:
                source = scored.variance[: len(power)]
                around = np.pad(source, (LEAK_FRAMES, 1))
                loudest = np.lib.stride_tricks.sliding_window_view(around, LEAK_FRAMES + 2)
                share = power_from_db(LEAK_MARGIN_DB - leak.attenuation_db)
                bound = np.zeros(len(power))
                bound[: len(source)] = loudest.max(axis=1)[: len(source)] * share
                own &= power > bound
        return dilated(own, SOFT_FRAMES)

    @cached_property
    def _leaks(self) -> Sequence[Leak]:
        audio = self._audio
        return find_bleed(audio.read, self.begin_s, self.end_s, audio.features)


class _Clipped:
    """The clipped cells of a channel, added up from the left."""

    def __init__(self, audio: Audio, row: int) -> None:
        cells, rate_hz = np.zeros((0, 2), np.int64), 1
        if row < len(audio.native):
            cells, rate_hz = audio.native[row].clipped_cells, audio.native[row].sample_rate_hz
        self._rate_hz = rate_hz
        self._begins = cells[:, 0] / rate_hz + audio.source.start_s
        self._sums = np.concatenate([[0], np.cumsum(cells[:, 1])])

    def between(self, start_s: float, end_s: float) -> int:
        """Return the clipped samples of the cells whose middle lies in a span."""
        if not len(self._begins):
            return 0
        half_s = CELL_S / 2.0
        first = np.searchsorted(self._begins, start_s - half_s)
        last = np.searchsorted(self._begins, max(end_s, start_s) - half_s, "right")
        return int(self._sums[last] - self._sums[first])

    def share(self, samples: int, start_s: float, end_s: float) -> float:
        """Return clipped samples over all that a span holds, at most 1."""
        return min(1.0, samples / max((end_s - start_s) * self._rate_hz, 1.0))


def _running(mask: NDArray[np.bool_]) -> list[float]:
    return [0.0, *np.cumsum(mask, dtype=np.float64).tolist()]


def _share(running: list[float], start_s: float, end_s: float, frame_s: float) -> float:
    """Return the share of a span that is marked; what lies outside the frames is not."""
    begin, end = start_s / frame_s, end_s / frame_s
    return (_at(running, end) - _at(running, begin)) / (end - begin) if end > begin else 0.0


def _at(running: list[float], place: float) -> float:
    """Return the marked frames before a place, a frame that it cuts by its part."""
    total = len(running) - 1
    inside = min(max(place, 0.0), float(total))
    whole = math.floor(inside)
    if whole == total:
        return running[total]
    return running[whole] + (inside - whole) * (running[whole + 1] - running[whole])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
