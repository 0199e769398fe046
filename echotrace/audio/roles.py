"""Who is the caller and who the agent on a two-channel recording, told from the features alone.

Each habit of agents and callers is weak evidence; together they are added as log-odds, as
independent evidence is in naive Bayes. The weights come from reason (how much more often an agent
than a caller does this), rounded, and none is large enough to decide against all others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from echotrace.audio.vad import LEAVE_PROBABILITY, runs, speech_mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.audio.features import ChannelFeatures

__all__ = ["SURE", "RoleGuess", "contradicts", "infer_roles"]

SURE: Final = 0.9
"""From here on a guess may contradict a person who named the channels."""

ORDER_ODDS: Final = 0.7
"""Platforms differ (Twilio puts the caller first, VICIdial the agent); this leans to the former."""
FIRST_WEIGHT: Final = 1.0
"""Agents greet; who calls out or answers the phone says a word or two."""
WORD_S: Final = 1.0
LAST_WEIGHT: Final = 0.2
FLOOR_WEIGHT: Final = 2.0
"""Synthesis is silent between words; a person's channel has a room behind it."""
TURN_WEIGHT: Final = 0.7
SHARE_WEIGHT: Final = 0.5
REPLY_WEIGHT: Final = 0.7
"""People answer within 0.2 s, agents take three times as long and more."""
LEVEL_WEIGHT: Final = 0.5
"""A synthetic voice keeps its level from turn to turn."""
WORDS_WEIGHT: Final = 1.0
"""Callers say "yes" and "mhm" while the agent talks on, agents hardly ever."""

DIGITAL_POWER: Final = 1e-10
QUIETEST_DB: Final = -80.0
"""A floor below this is no room's, however far below."""
FLOOR_SCALE_DB: Final = 20.0
LEVEL_SCALE_DB: Final = 2.0
SOFT_DB: Final = 20.0
"""Speech this far below the channel's own is somebody else's, heard from afar."""
ECHO_DB: Final = 12.0
ECHO_FRAMES: Final = 12
"""0.38 s: speech 12 dB softer than the other side just was counts as its echo, not as speech."""
MIN_FRAMES: Final = 4
CROWD_QUIET: Final = 0.1
"""A channel that is quiet for a smaller share of the time than this has a crowd in it."""
JOIN_FRAMES: Final = 22
"""0.7 s: a shorter pause does not end an utterance."""
GUARD_FRAMES: Final = 4
MIN_UTTERANCES: Final = 3
MIN_REPLY_S: Final = 0.05
MAX_REPLY_S: Final = 6.0
LEAST_LOG_ODDS: Final = 0.2
"""Evidence weaker than this is not worth a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGuess:
    """Who is who: indices of the channels, how sure that is (0.5 to 1), and why, in words."""

    caller: int
    agent: int
    confidence: float
    evidence: tuple[str, ...]


def infer_roles(features: Sequence[ChannelFeatures]) -> RoleGuess | None:
    """Guess which of two channels is the agent's.

    Returns:
        None where there are not two channels, or one of them has no speech.
    """
    if len(features) != 2:
        return None
    first, second = _Talk.of(features[0], features[1]), _Talk.of(features[1], features[0])
    if first is None or second is None:
        return None
    found = _evidence((first, second))
    odds = sum(item[0] for item in found) - ORDER_ODDS
    agent = 0 if odds > 0 else 1
    told = sorted(found, key=lambda item: -abs(item[0]))
    return RoleGuess(
        caller=1 - agent,
        agent=agent,
        confidence=1.0 / (1.0 + math.exp(-abs(odds))),
        evidence=tuple(
            words for weight, words in told if abs(weight) >= LEAST_LOG_ODDS and weight * odds > 0
        ),
    )


def contradicts(guess: RoleGuess | None, caller_channel: int) -> bool:
    """Whether a guess says with confidence that the named caller is the agent."""
    return guess is not None and guess.confidence >= SURE and guess.caller != caller_channel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Talk:
    """How one channel talks: utterances (n, 2) in frames, their levels, what is between them."""

    utterances: NDArray[np.int64]
    levels_db: NDArray[np.float64]
    floor_db: float | None
    crowded: bool
    frame_s: float

    @classmethod
    def of(cls, features: ChannelFeatures, other: ChannelFeatures) -> _Talk | None:
        """Return None where the channel has no speech of its own."""
        if features.active_level is None or other.active_level is None:
            return None
        power, probability = features.variance, features.speech_probability
        least = 10.0 ** ((features.active_level.level_dbfs - SOFT_DB) / 10.0)
        speech = speech_mask(probability)
        own = speech & ~_is_echo(features, other)
        spans = [
            (first, last)
            for first, last in runs(own)
            if last - first >= MIN_FRAMES and power[first:last].max() > least
        ]
        if not spans:
            return None
        joined = [spans[0]]
        for first, last in spans[1:]:
            if first - joined[-1][1] < JOIN_FRAMES:
                joined[-1] = joined[-1][0], last
            else:
                joined.append((first, last))
        heard = speech | (probability > LEAVE_PROBABILITY)
        quiet = power[np.convolve(heard, np.ones(2 * GUARD_FRAMES + 1), mode="same") < 0.5]
        floor = float(np.median(quiet)) if len(quiet) else None
        return cls(
            utterances=np.array(joined),
            levels_db=np.array([10.0 * np.log10(power[a:b].mean() + 1e-15) for a, b in joined]),
            floor_db=None if floor is None else 10.0 * math.log10(max(floor, DIGITAL_POWER)),
            crowded=len(quiet) < CROWD_QUIET * len(power),
            frame_s=features.frame_s,
        )

    @property
    def lengths_s(self) -> NDArray[np.float64]:
        """The length of each utterance."""
        return np.asarray((self.utterances[:, 1] - self.utterances[:, 0]) * self.frame_s)


def _is_echo(features: ChannelFeatures, other: ChannelFeatures) -> NDArray[np.bool_]:
    """Mark frames that are much softer, each for its channel, than the other side just was."""
    assert features.active_level is not None
    assert other.active_level is not None
    there = np.zeros(len(features.variance))
    size = min(len(there), len(other.variance))
    there[:size] = other.variance[:size]
    recent = np.lib.stride_tricks.sliding_window_view(
        np.concatenate([np.zeros(ECHO_FRAMES), there]), ECHO_FRAMES + 1
    ).max(axis=1)
    far_db = features.active_level.level_dbfs - other.active_level.level_dbfs - ECHO_DB
    return np.asarray(features.variance < recent * 10.0 ** (far_db / 10.0))


def _evidence(talks: tuple[_Talk, _Talk]) -> list[tuple[float, str]]:
    """Return log-odds that channel 0 is the agent's, each with its reason in words."""
    if talks[0].crowded != talks[1].crowded:
        # Whose words are whose in a crowd is not known, so that nothing else counts.
        odds = -FLOOR_WEIGHT if talks[0].crowded else FLOOR_WEIGHT
        return [(odds, f"channel {1 - _agent(odds)} has a crowd in it")]
    found = [_who_begins(talks), _who_ends(talks), _floors(talks), _words_between(talks)]
    turns = [float(talk.lengths_s.mean()) for talk in talks]
    found.append(_ratio(turns, TURN_WEIGHT, "channel {} talks longer at a time"))
    total = [float(talk.lengths_s.sum()) for talk in talks]
    found.append(_ratio(total, SHARE_WEIGHT, "channel {} talks more"))
    first, second = (_reply_s(talks[index], talks[1 - index]) for index in (0, 1))
    if first is not None and second is not None:
        found.append(_ratio((first, second), REPLY_WEIGHT, "channel {} takes longer to answer"))
    if min(len(talk.levels_db) for talk in talks) >= MIN_UTTERANCES:
        spread = [float(talk.levels_db.std()) for talk in talks]
        odds = LEVEL_WEIGHT * _clipped((spread[1] - spread[0]) / LEVEL_SCALE_DB)
        found.append((odds, f"channel {_agent(odds)} keeps its level"))
    return found


def _agent(odds: float) -> int:
    return 0 if odds > 0 else 1


def _clipped(value: float) -> float:
    return max(-1.0, min(1.0, value))


def _who_begins(talks: tuple[_Talk, _Talk]) -> tuple[float, str]:
    starts = [int(talk.utterances[0, 0]) for talk in talks]
    if starts[0] == starts[1]:
        return 0.0, ""
    first = 0 if starts[0] < starts[1] else 1
    sign = 1.0 if first == 0 else -1.0
    if talks[first].lengths_s[0] >= WORD_S:
        return sign * FIRST_WEIGHT, f"channel {first} speaks first"
    return -0.5 * sign * FIRST_WEIGHT, f"channel {first} begins with a word only"


def _who_ends(talks: tuple[_Talk, _Talk]) -> tuple[float, str]:
    ends = [int(talk.utterances[-1, 1]) for talk in talks]
    if ends[0] == ends[1]:
        return 0.0, ""
    last = 0 if ends[0] > ends[1] else 1
    return (LAST_WEIGHT if last == 0 else -LAST_WEIGHT), f"channel {last} speaks last"


def _floors(talks: tuple[_Talk, _Talk]) -> tuple[float, str]:
    floors = [talk.floor_db for talk in talks]
    if floors[0] is None or floors[1] is None:
        return 0.0, ""
    difference = max(floors[1], QUIETEST_DB) - max(floors[0], QUIETEST_DB)
    odds = FLOOR_WEIGHT * _clipped(difference / FLOOR_SCALE_DB)
    return odds, f"channel {_agent(odds)} has less noise between words"


def _words_between(talks: tuple[_Talk, _Talk]) -> tuple[float, str]:
    """Count the words that a channel puts in while the other talks on."""
    counts = [
        sum(
            bool(((other.utterances[:, 0] < start) & (other.utterances[:, 1] > end)).any())
            for (start, end), length_s in zip(talk.utterances, talk.lengths_s, strict=True)
            if length_s < WORD_S
        )
        for talk, other in ((talks[0], talks[1]), (talks[1], talks[0]))
    ]
    odds = WORDS_WEIGHT * _clipped((counts[1] - counts[0]) / 2.0)
    return odds, f"channel {1 - _agent(odds)} puts in words while the other talks on"


def _ratio(values: Sequence[float], weight: float, words: str) -> tuple[float, str]:
    """Weigh the logarithm of a ratio of two positive values, full at a factor of e."""
    odds = weight * _clipped(math.log(max(values[0], 1e-3) / max(values[1], 1e-3)))
    return odds, words.format(_agent(odds))


def _reply_s(talk: _Talk, other: _Talk) -> float | None:
    """Return the median silence before a channel's utterances that follow the other's."""
    gaps = []
    for start, _ in talk.utterances:
        before = other.utterances[other.utterances[:, 0] < start]
        own = talk.utterances[talk.utterances[:, 0] < start]
        if not len(before) or (len(own) and own[-1, 0] > before[-1, 0]):
            continue
        gap = (start - before[-1, 1]) * talk.frame_s
        if -MAX_REPLY_S < gap < MAX_REPLY_S:
            gaps.append(max(gap, MIN_REPLY_S))
    return float(np.median(gaps)) if len(gaps) >= MIN_UTTERANCES else None
