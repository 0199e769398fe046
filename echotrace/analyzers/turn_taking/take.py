"""Turns and incidents of a two-channel recording, from each side's audible stretches.

The rules are those of the metrics page. What it leaves open is decided here and in the two
modules that prepare it (``sounds``, ``drafts``), each with its reason:

* Onsets less than 100 ms apart are simultaneous. Neither side answered or interrupted the other;
  the agent's sound then belongs to what the caller had said before.
* A caller who begins in the agent's last 100 ms takes the turn as people do. Talk-over counts
  from 100 ms too, and a barge-in that nobody hears as an overlap would be none.
* After a barge-in, further sounds of the caller belong to the same turn for as long as the agent
  begins nothing new, however short they are.
* An agent's sound that is over before the caller's turn is answers nothing. It is an early start
  where it lasts 400 ms, else the agent's own "mhm".
* An agent that speaks again by itself, 3 s or more after its last word, gets a turn of the kind
  ``follow_up``, without a caller and without a gap.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from echotrace.analyzers.turn_taking.drafts import Draft, caller_turns, chains, distribute
from echotrace.analyzers.turn_taking.incidents import (
    dead_airs,
    never_yielded,
    overlap_severity,
    overlaps,
    silence_severity,
    sure_or_estimated,
    yield_severity,
)
from echotrace.analyzers.turn_taking.sounds import (
    BACKCHANNEL_MS,
    BESIDE_MS,
    agent_utterances,
    audible,
    between,
    caller_utterances,
    difference,
    length_ms,
    ms_between,
    side_of,
)
from echotrace.audio.stretches import Edge, Stretch
from echotrace.model.conversation import Incident, Turn
from echotrace.model.measure import Measurement, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.audio.stretches import ChannelSpeech
    from echotrace.config.thresholds import Thresholds

__all__ = ["TurnTaking", "take_turns"]

ANSWER_MS: Final = 15_000.0
"""An answer that comes later than this answers nothing."""
_LATE: Final = f"no answer within {ANSWER_MS / 1000.0:.0f} s"
CUT_MS: Final = 20.0
"""Speech that ends this close to the end of the recording may have gone on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnTaking:
    """Turns in order of time for each side, numbered from 1, and incidents in order of time."""

    turns: tuple[Turn, ...]
    incidents: tuple[Incident, ...]


def take_turns(
    caller: ChannelSpeech,
    agent: ChannelSpeech,
    *,
    start_s: float,
    end_s: float,
    thresholds: Thresholds,
) -> TurnTaking:
    """Return the turns and the incidents of a conversation between ``start_s`` and ``end_s``.

    A turn's gap is its agent's start less its user's end, to 0.1 ms, and not measurable where the
    two edges leave it open by more than 400 ms.
    """
    call = _Call(caller, agent, start_s=start_s, end_s=end_s, limits=thresholds)
    return call.result()


class _Call:
    """One conversation while its turns are put together."""

    def __init__(
        self,
        caller: ChannelSpeech,
        agent: ChannelSpeech,
        *,
        start_s: float,
        end_s: float,
        limits: Thresholds,
    ) -> None:
        self._start_s, self._end_s = round(start_s, 4), round(end_s, 4)
        self._limits = limits
        self._crowd = caller.surroundings == "crowd"
        self._caller_sounds, self._agent_sounds = audible(caller), audible(agent)
        self._agent = agent_utterances(self._agent_sounds, self._caller_sounds)
        self._caller = caller_utterances(self._caller_sounds, self._agent)
        self._onsets = sorted((sound.start for sound in (*self._caller, *self._agent)), key=_at)

    def result(self) -> TurnTaking:
        """Settle every turn and number them."""
        drafts, backchannels = caller_turns(self._caller, self._agent)
        turns = self._unasked(distribute(drafts, self._agent))
        if turns:
            turns[0].kind = "greeting"
            turns[0].gap = Measurement.not_measurable("ms", "the agent spoke first")
        for index, draft in enumerate(drafts):
            following = drafts[index + 1] if index + 1 < len(drafts) else None
            later = self._answer(draft, following)
            self._judge_yield(draft)
            turns += [draft, *self._unasked(later)]
        incidents = self._incidents(turns, backchannels)
        return TurnTaking(
            turns=tuple(
                _turn(number, draft, first=draft is next(iter(drafts), None))
                for number, draft in enumerate(turns, 1)
            ),
            incidents=tuple(sorted(incidents, key=lambda item: (item.at_s, item.type))),
        )

    def _unasked(self, items: Sequence[Stretch]) -> list[Draft]:
        """Return what the agent said by itself as turns without a caller."""
        found = []
        for answer in chains(items):
            begin_s = answer[0].start.at_s
            before = bisect_left(self._agent, begin_s, key=_start_s) - 1
            silent_ms = ms_between(begin_s, self._agent[before].end.at_s) if before >= 0 else 0.0
            again = (
                f"the agent spoke again by itself, {silent_ms / 1000.0:.1f} s after its last word"
            )
            found.append(
                Draft(kind="follow_up", answer=answer, gap=Measurement.not_measurable("ms", again))
            )
        return found

    def _answer(self, draft: Draft, following: Draft | None) -> list[Stretch]:
        """Settle what answered a turn, and return what the agent said later by itself."""
        finished = draft.said[-1].end
        answers = [item for item in draft.heard if item.end.at_s > finished.at_s]
        for item in draft.heard:
            if item.end.at_s <= finished.at_s and length_ms(item) >= BACKCHANNEL_MS:
                draft.incidents.append(_early(item.start, item.end))
        if not answers:
            self._unanswered(draft, following)
            return []
        first = answers[0].start
        gap_ms = ms_between(first.at_s, finished.at_s)
        if gap_ms > ANSWER_MS:
            self._missed(draft, _LATE)
            return answers
        draft.answer = chains(answers)[0]
        draft.gap = between(
            first, finished, names=("the agent's first word begins", "the caller's last word ends")
        )
        if gap_ms <= -BESIDE_MS:
            draft.incidents.append(_early(first, finished))
            if draft.interrupted is None:
                draft.kind = "early_start"
        return answers[len(draft.answer) :]

    def _unanswered(self, draft: Draft, following: Draft | None) -> None:
        """Say why a turn has no answer; one that the agent simply talked over was not missed."""
        finished_s = draft.said[-1].end.at_s
        until_s = self._end_s if following is None else following.begin_s
        silent_ms = ms_between(until_s, finished_s)
        after = f"after {max(0.0, silent_ms) / 1000.0:.1f} s"
        last = bisect_right(self._agent, finished_s, key=_start_s) - 1
        if last >= 0 and self._agent[last].end.at_s > finished_s:
            what = "the recording ends" if following is None else "the caller spoke again"
            reason = f"the agent talked on, and {what} {after}"
        elif silent_ms > ANSWER_MS:
            return self._missed(draft, _LATE)
        elif following is not None:
            return self._missed(draft, f"the caller spoke again {after}")
        elif silent_ms <= CUT_MS:
            reason = "the recording ends while the caller speaks"
        else:
            reason = f"the recording ends {after}"
        draft.gap = Measurement.not_measurable("ms", reason)
        if draft.interrupted is None:
            draft.kind = "unanswered"
        return None

    def _missed(self, draft: Draft, reason: str) -> None:
        finished = draft.said[-1].end
        heard = bisect_right(self._onsets, finished.at_s, key=_at)
        until = self._onsets[heard] if heard < len(self._onsets) else _exactly(self._end_s)
        duration = sure_or_estimated(*difference(until, finished), (until, finished))
        draft.gap = Measurement.not_measurable("ms", reason)
        if draft.interrupted is None:
            draft.kind = "missed_response"
        draft.incidents.append(
            Incident(
                type="missed_response",
                at_s=finished.at_s,
                duration_ms=duration,
                severity=silence_severity(duration, self._limits),
            )
        )

    def _judge_yield(self, draft: Draft) -> None:
        """Measure how long the agent talked on after a barge-in."""
        if draft.interrupted is None or draft.by is None:
            return
        stop, onset = draft.interrupted.end, draft.by.start
        # A short sound may be a backchannel that the agent's last words happened to follow, and a
        # voice from the crowd may be taken for the caller's: neither raises the alarm.
        sure = not self._crowd and difference(draft.by.end, onset)[1] >= BACKCHANNEL_MS
        cut = ms_between(self._end_s, stop.at_s) <= CUT_MS
        if cut:
            reason = "the recording ends while the agent talks on"
            draft.yielded = Measurement.not_measurable("ms", reason)
        else:
            draft.yielded = between(
                stop, onset, names=("the agent's last word ends", "the caller's first word begins")
            )
        if sure and draft.yielded.value is None:
            bound = never_yielded(stop, onset, draft.said[-1].end, cut=cut, limits=self._limits)
            draft.yielded = bound or draft.yielded
        draft.incidents.append(
            Incident(
                type="barge_in",
                at_s=onset.at_s,
                duration_ms=draft.yielded,
                severity=yield_severity(
                    difference(stop, onset), draft.yielded, sure=sure, limits=self._limits
                ),
            )
        )

    def _incidents(self, turns: Sequence[Draft], backchannels: Sequence[Stretch]) -> list[Incident]:
        """Collect the incidents of all turns and those between them, each with its turn."""
        of = {item.start.at_s: n for n, draft in enumerate(turns, 1) for item in draft.said}
        found = [
            replace(item, turn_id=number)
            for number, draft in enumerate(turns, 1)
            for item in draft.incidents
        ]
        loose = [_backchannel(sound) for sound in backchannels]
        for item in overlaps(self._caller_sounds, self._agent_sounds, self._caller, self._agent):
            talk_over = Incident(
                type="talk_over",
                at_s=item.at_s,
                duration_ms=item.duration(),
                severity=overlap_severity(item.value_ms),
                turn_id=of.get(self._caller[item.caller].start.at_s),
            )
            (loose if talk_over.turn_id is None else found).append(talk_over)
        loose += dead_airs(
            (self._caller_sounds, self._agent_sounds),
            start_s=self._start_s,
            end_s=self._end_s,
            trailing=_last_s(self._caller_sounds) >= _last_s(self._agent_sounds),
            limits=self._limits,
        )
        begins = list(accumulate((draft.begin_s for draft in turns), max))
        found += [replace(one, turn_id=bisect_right(begins, one.at_s) or None) for one in loose]
        return found


def _turn(number: int, draft: Draft, *, first: bool) -> Turn:
    assert draft.gap is not None
    return Turn(
        id=number,
        kind=draft.kind,
        user=side_of(draft.said[0], draft.said[-1]) if draft.said else None,
        agent=side_of(draft.answer[0], draft.answer[-1]) if draft.answer else None,
        heard_gap_ms=draft.gap,
        yield_ms=draft.yielded,
        first=first,
    )


def _early(start: Edge, end: Edge) -> Incident:
    """An agent who talks into the caller's turn; a warning where even the least of it is heard."""
    value, low, high = difference(end, start)
    return Incident(
        type="early_start",
        at_s=start.at_s,
        duration_ms=sure_or_estimated(value, low, high, (start, end)),
        severity=Severity.WARNING if low >= BESIDE_MS else Severity.INFO,
    )


def _backchannel(sound: Stretch) -> Incident:
    return Incident(
        type="backchannel",
        at_s=sound.start.at_s,
        duration_ms=sure_or_estimated(
            *difference(sound.end, sound.start), (sound.start, sound.end)
        ),
        severity=Severity.INFO,
    )


def _exactly(at_s: float) -> Edge:
    return Edge(at_s=at_s, low_s=at_s, high_s=at_s)


def _last_s(sounds: Sequence[Stretch]) -> float:
    return sounds[-1].end.at_s if sounds else float("-inf")


def _at(edge: Edge) -> float:
    return edge.at_s


def _start_s(sound: Stretch) -> float:
    return sound.start.at_s
