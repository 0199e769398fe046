"""What a timeline looks up: everything of a report that has a time, sorted once."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Generic, TypeVar

from echotrace.tui.places import of_turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from echotrace.model.conversation import Incident, Turn, TurnSide
    from echotrace.model.reconciled import TurnPart
    from echotrace.model.report import (
        EnvelopeChannel,
        Report,
        SpeechSegment,
        Word,
        WordError,
    )

__all__ = ["CallIndex", "Lane", "Spans"]

T = TypeVar("T")

_SIDES = ("caller", "agent")
_FARTHEST_S = 1e9
"""A damaged report's times are kept within so many seconds."""


class Spans(Generic[T]):
    """Things with a begin and an end in seconds, found by time without a walk over all."""

    def __init__(self, found: Iterable[tuple[float | None, float | None, T]]) -> None:
        self.starts: list[float] = []
        self.ends: list[float] = []
        self.items: list[T] = []
        for start_s, end_s, item in found:
            if start_s is not None and -_FARTHEST_S <= start_s <= _FARTHEST_S:
                is_known = end_s is not None and start_s <= end_s <= _FARTHEST_S
                self.starts.append(start_s)
                self.ends.append(end_s if end_s is not None and is_known else start_s)
                self.items.append(item)
        if any(later < earlier for earlier, later in pairwise(self.starts)):
            order = sorted(range(len(self.starts)), key=self.starts.__getitem__)
            self.starts = [self.starts[at] for at in order]
            self.ends = [self.ends[at] for at in order]
            self.items = [self.items[at] for at in order]
        self._latest = list(accumulate(self.ends, max))

    def __len__(self) -> int:
        return len(self.items)

    def begun(self, start_s: float, end_s: float) -> range:
        """Return the numbers of those that begin from ``start_s`` to before ``end_s``."""
        return range(bisect_left(self.starts, start_s), bisect_left(self.starts, end_s))

    def within(self, start_s: float, end_s: float) -> Iterator[int]:
        """Yield the numbers of those of which some part lies between two times, in order.

        What ends as the stretch begins is over; what has no length is there at its begin.
        """
        first = bisect_left(self._latest, start_s)
        for at in range(first, bisect_right(self.starts, end_s)):
            if self.ends[at] > start_s or self.starts[at] >= start_s:
                yield at

    def at(self, at_s: float) -> list[int]:
        """Return the numbers of those that are on at a time, the one that began last first."""
        return sorted(self.within(at_s, at_s), key=self.starts.__getitem__, reverse=True)

    def met(self, start_s: float, end_s: float, at_s: float) -> list[int]:
        """Return the numbers of those on at a time, then of those that begin in a stretch."""
        here = self.at(at_s)
        return [*here, *(at for at in self.begun(start_s, end_s) if at not in here)]


class Lane:
    """One channel of the recording: its sound, its speech, and its side of the turns.

    ``index`` is None for a side of which only the turns are known.
    """

    def __init__(self, index: int | None, role: str) -> None:
        self.index = index
        self.role = role
        self.envelope: EnvelopeChannel | None = None
        self.loudest = 0.0
        self.segments: Spans[SpeechSegment] = Spans(())
        self.turns: Spans[Turn] = Spans(())
        self.words: Spans[Word] = Spans(())

    @property
    def name(self) -> str:
        """What the lane is called: its role, or its channel where there is none."""
        return self.role if self.role != "unknown" or self.index is None else f"ch {self.index}"


class CallIndex:
    """A report by time; made once, because a long call takes some ten milliseconds."""

    def __init__(self, report: Report) -> None:
        self.report = report
        heard, words = report.conversation, report.transcription
        turns = heard.turns if heard else ()
        self.lanes = _lanes(report, turns)
        spots = ((turn, of_turn(turn)) for turn in turns)
        self.turns: Spans[Turn] = Spans(
            (place.at_s, place.end_s, turn) for turn, place in spots if place
        )
        trace = report.pipeline.trace if report.pipeline else None
        self.parts: Spans[TurnPart] = Spans(
            (part.start_s, part.end_s, part)
            for turn in (trace.turns if trace and turns else ())
            if turn.turn_id is not None
            for part in turn.parts
            if part.inside is None and (part.ms.value or 0.0) > 0
        )
        """What the pipeline did while the caller waited, by its own trace."""
        self.waits: Spans[Turn] = Spans(
            (turn.user.end_s, turn.agent.start_s, turn)
            for turn in turns
            if turn.user and turn.agent and turn.agent.start_s > turn.user.end_s
        )
        self.incidents: Spans[Incident] = Spans(
            (item.at_s, item.at_s + max(0.0, item.duration_ms.value or 0.0) / 1e3, item)
            for item in (heard.incidents if heard else ())
        )
        spoken = [lane.words for lane in self.lanes if words and lane.index == words.channel_index]
        self.words = spoken[0] if spoken else _timed(words.words if words else ())
        self.others: Spans[Word] = _timed(
            word for channel in (words.other_channels if words else ()) for word in channel.words
        )
        listed = words.words if words else ()
        numbers = (error.word for error in (words.errors if words else ()))
        self.wrong = frozenset(
            id(listed[at]) for at in numbers if at is not None and 0 <= at < len(listed)
        )
        """The misheard words, by identity."""
        self.errors: Spans[WordError] = Spans(
            (error.start_s, error.end_s, error) for error in (words.errors if words else ())
        )
        envelope = report.signal.envelope if report.signal else None
        self.column_s = envelope.column_s if envelope and envelope.column_s > 0 else None
        self.first_s, self.last_s = self._ends()

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all has a time."""
        return self.last_s <= self.first_s

    def _ends(self) -> tuple[float, float]:
        source = self.report.source
        first_s = source.start_s if abs(source.start_s) <= _FARTHEST_S else 0.0
        if source.duration_s is not None and 0 < source.duration_s <= _FARTHEST_S:
            return first_s, first_s + source.duration_s
        known: list[Spans[Turn] | Spans[Incident] | Spans[Word]] = [self.turns, self.incidents]
        ends = [max(spans.ends) for spans in (*known, self.words, self.others) if len(spans)]
        shown = max((len(lane.envelope.max) for lane in self.lanes if lane.envelope), default=0)
        ends.append(first_s + shown * (self.column_s or 0.0))
        return first_s, max(first_s, *ends)


def _lanes(report: Report, turns: Sequence[Turn]) -> tuple[Lane, ...]:
    """Return a lane per channel that the report knows of, the caller's first, then the agent's."""
    found = _channels(report)
    for role, side in zip(_SIDES, (_user, _agent), strict=True):
        sides = [(part.start_s, part.end_s, turn) for turn in turns if (part := side(turn))]
        if sides and all(lane.role != role for lane in found):
            found.append(Lane(None, role))
        for lane in found:
            if lane.role == role:
                lane.turns = Spans(sides)
    ranks = {role: rank for rank, role in enumerate(_SIDES)}
    found.sort(key=lambda lane: ranks.get(lane.role, len(ranks)))
    return tuple(found)


def _channels(report: Report) -> list[Lane]:
    signal, words = report.signal, report.transcription
    channels = signal.channels if signal else ()
    envelopes = signal.envelope.channels if signal and signal.envelope else ()
    roles = {item.index: item.role for item in channels}
    roles.update((item.index, item.role) for item in report.source.channels)
    indexes = sorted({*roles, *(item.index for item in envelopes)})
    lanes = {index: Lane(index, roles.get(index, "unknown")) for index in indexes}
    for envelope in envelopes:
        lane = lanes[envelope.index]
        lane.envelope = envelope
        highest = max(map(abs, (*envelope.min, *envelope.max)), default=0.0)
        lane.loudest = highest if math.isfinite(highest) else 1.0
    for channel in channels:
        lanes[channel.index].segments = Spans(
            (item.start_s, item.end_s, item) for item in channel.segments
        )
    if words is not None and words.channel_index in lanes:
        lanes[words.channel_index].words = _timed(words.words)
    for other in words.other_channels if words else ():
        if other.channel_index in lanes:
            lanes[other.channel_index].words = _timed(other.words)
    return list(lanes.values())


def _timed(words: Iterable[Word]) -> Spans[Word]:
    return Spans((word.start_s, word.end_s, word) for word in words)


def _user(turn: Turn) -> TurnSide | None:
    return turn.user


def _agent(turn: Turn) -> TurnSide | None:
    return turn.agent
