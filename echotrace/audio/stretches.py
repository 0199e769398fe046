"""Stretches of audible speech on one channel, each edge with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ChannelSpeech", "Edge", "Stretch"]


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
