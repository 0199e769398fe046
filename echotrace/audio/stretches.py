"""Stretches of audible speech on one channel, each edge with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ChannelSpeech", "Edge", "Stretch", "anybody", "shared_ratio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Where speech becomes or stops being audible, in seconds on the recording's clock.

    ``low_s`` and ``high_s`` bound a 95 % interval that holds ``at_s``. ``doubt`` says in words why
    the interval is wide ("a crowd speaks too"), None where there is no doubt.
    """

    at_s: float
    low_s: float
    high_s: float
    doubt: str | None = None

    def __post_init__(self) -> None:
        if not self.low_s <= self.at_s <= self.high_s:
            raise ValueError(f"{self.low_s} <= {self.at_s} <= {self.high_s} does not hold")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One stretch of near speech, from its first to its last audible sample."""

    start: Edge
    end: Edge


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpeech:
    """The near speaker of one channel: stretches in order and disjoint.

    Pauses shorter than about 0.2 s stay inside a stretch. ``level_dbfs`` is the active speech
    level without noise (None: no speech); ``snr_db`` that level over the noise, None where there
    is no noise to measure; ``surroundings`` is quiet, steady or crowd.
    """

    stretches: tuple[Stretch, ...]
    level_dbfs: float | None = None
    snr_db: float | None = None
    surroundings: str = "quiet"


def anybody(speech: Sequence[ChannelSpeech]) -> ChannelSpeech:
    """Return when anybody is audible on any of the channels, as one channel's stretches."""
    joined: list[Stretch] = []
    everything = (item for side in speech for item in side.stretches)
    for item in sorted(everything, key=lambda stretch: stretch.start.at_s):
        if joined and item.start.at_s <= joined[-1].end.at_s:
            end = max(joined[-1].end, item.end, key=lambda edge: edge.at_s)
            joined[-1] = Stretch(start=joined[-1].start, end=end)
        else:
            joined.append(item)
    crowd = any(side.surroundings == "crowd" for side in speech)
    return ChannelSpeech(stretches=tuple(joined), surroundings="crowd" if crowd else "steady")


def shared_ratio(one: ChannelSpeech, other: ChannelSpeech) -> float:
    """Return the time when both are audible over the time when anybody is, 0 to 1."""
    either_s = _length_s(anybody((one, other)))
    both_s = _length_s(one) + _length_s(other) - either_s
    return both_s / either_s if either_s > 0.0 else 0.0


def _length_s(speech: ChannelSpeech) -> float:
    return sum(item.end.at_s - item.start.at_s for item in speech.stretches)
