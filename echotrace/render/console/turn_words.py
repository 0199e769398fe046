"""Which words and which errors of a transcript were said in a turn."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

from echotrace.model.report import Word, WordError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from echotrace.model.conversation import Turn, TurnSide
    from echotrace.model.report import Report

__all__ = ["SaidWord", "TurnWords"]

PAD_S = 0.2
"""A recogniser's times may lie so far outside of what is audible."""


_Said = tuple[float, Word | None, WordError | None]
"""The middle of its time, the word if it was heard, the error if it is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidWord:
    """A word in its place: one that was heard, or one that was missed, which has an error only."""

    at_s: float
    channel: int
    word: Word | None = None
    error: WordError | None = None


class TurnWords:
    """Finds the words of a turn by the middle of their time, in all channels that have words.

    A word belongs to the side whose channel it is on; on a channel that is nobody's it belongs to
    the whole turn.

    Args:
        report: it is read once, here, so that a turn of a long call is found at once.
    """

    def __init__(self, report: Report) -> None:
        result = report.transcription
        self._roles = {channel.index: channel.role for channel in report.source.channels}
        self._said: dict[int, tuple[list[float], list[_Said]]] = {}
        self.placeless = 0
        """Errors that nothing gives a place."""
        self.told_until_s = math.inf
        """Errors that begin later are not in the report."""
        self.channel = result.channel_index if result else None
        if result is None:
            return
        marked = {error.word: error for error in result.errors if error.word is not None}
        scored = list(_words(result.words, marked))
        starts = []
        for error in result.errors:
            at_s = _middle(error.start_s, error.end_s)
            if at_s is None:
                self.placeless += 1
                continue
            starts.append(at_s)
            heard = error.word is not None and 0 <= error.word < len(result.words)
            if not heard or _middle_of(result.words[error.word or 0]) is None:
                scored.append((at_s, None, error))
        if result.errors_left_out:
            self.told_until_s = max(starts, default=-math.inf)
        self._keep(result.channel_index, scored)
        for other in result.other_channels:
            self._keep(other.channel_index, list(_words(other.words, {})))

    @property
    def channels(self) -> tuple[int, ...]:
        """The channels that have words, the scored one first."""
        return tuple(self._said)

    def role(self, channel: int) -> str:
        """Return whose channel it is; ``unknown`` where the report does not say."""
        return self._roles.get(channel, "unknown")

    def of(self, turn: Turn, channel: int) -> Sequence[SaidWord]:
        """Return the words of one channel in a turn in the order of time."""
        stretch = self.stretch(turn, channel)
        kept = self._said.get(channel)
        if stretch is None or kept is None:
            return ()
        times, said = kept
        first = bisect_left(times, stretch[0] - PAD_S)
        return [
            SaidWord(at_s=at_s, channel=channel, word=word, error=error)
            for at_s, word, error in said[first : bisect_right(times, stretch[1] + PAD_S)]
        ]

    def errors(self, turn: Turn) -> list[WordError]:
        """Return the misheard words of a turn in the order of time."""
        if self.channel is None:
            return []
        return [item.error for item in self.of(turn, self.channel) if item.error is not None]

    def stretch(self, turn: Turn, channel: int) -> tuple[float, float] | None:
        """Return when the side of a channel speaks in a turn, or the whole turn."""
        role = self.role(channel)
        if role in ("caller", "agent"):
            side: TurnSide | None = turn.user if role == "caller" else turn.agent
            return (side.start_s, side.end_s) if side else None
        return turn.span_s

    def _keep(self, channel: int, said: list[_Said]) -> None:
        said.sort(key=itemgetter(0))
        self._said[channel] = ([item[0] for item in said], said)


def _words(words: Sequence[Word], marked: Mapping[int, WordError]) -> Iterator[_Said]:
    for number, word in enumerate(words):
        at_s = _middle_of(word)
        if at_s is not None:
            yield at_s, word, marked.get(number)


def _middle_of(word: Word) -> float | None:
    return _middle(word.start_s, word.end_s)


def _middle(start_s: float | None, end_s: float | None) -> float | None:
    if start_s is None:
        return None
    middle = start_s if end_s is None else (start_s + end_s) / 2
    return middle if math.isfinite(middle) else None
