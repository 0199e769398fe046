"""Which sounds make up a turn: the caller's bids for one, and what the agent said after each."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from echotrace.analyzers.turn_taking.sounds import BACKCHANNEL_MS, BESIDE_MS, length_ms, ms_between
from echotrace.audio.stretches import Stretch
from echotrace.model.conversation import Incident
from echotrace.model.measure import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["TURN_PAUSE_MS", "Draft", "caller_turns", "chains", "distribute"]

TURN_PAUSE_MS: Final = 3000.0
"""Own silence from here on ends a turn."""
STOPPED_MS: Final = 1500.0
"""An agent that stops this soon after a short sound stopped for it."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """A turn while it is put together; ``said`` is empty where the agent speaks unasked.

    ``heard`` has the agent's utterances since this turn's onset and before the next one's,
    ``answer`` those of them that are its answer; ``interrupted`` is the agent's utterance that the
    caller barged in on, and ``by`` the caller's that did.
    """

    kind: str = "response"
    said: list[Stretch] = field(default_factory=list)
    heard: list[Stretch] = field(default_factory=list)
    answer: list[Stretch] = field(default_factory=list)
    interrupted: Stretch | None = None
    by: Stretch | None = None
    gap: Measurement | None = None
    yielded: Measurement | None = None
    incidents: list[Incident] = field(default_factory=list)

    @property
    def begin_s(self) -> float:
        """When its first word begins."""
        return (self.said or self.answer)[0].start.at_s


def caller_turns(
    said: Sequence[Stretch], agent: Sequence[Stretch]
) -> tuple[list[Draft], list[Stretch]]:
    """Return the caller's turns, and the backchannels among his utterances, which start none."""
    onsets = [item.start.at_s for item in agent]
    drafts: list[Draft] = []
    backchannels: list[Stretch] = []
    for sound in said:
        under = _under(sound, agent, onsets)
        own_ms = length_ms(sound)
        left_ms = ms_between(under.end.at_s, sound.start.at_s) if under else 0.0
        if drafts and _goes_on(drafts[-1], sound, agent, onsets):
            draft = drafts[-1]
            draft.said.append(sound)
        elif own_ms < BACKCHANNEL_MS and left_ms > STOPPED_MS:
            backchannels.append(sound)
            continue
        else:
            draft = Draft(said=[sound])
            drafts.append(draft)
        if (
            under is not None
            and draft.interrupted is None
            and ms_between(sound.start.at_s, under.start.at_s) >= BESIDE_MS
            and (own_ms >= BACKCHANNEL_MS or left_ms <= STOPPED_MS)
        ):
            draft.kind, draft.interrupted, draft.by = "barge_in", under, sound
    return drafts, backchannels


def distribute(drafts: Sequence[Draft], agent: Sequence[Stretch]) -> list[Stretch]:
    """Give each agent's utterance to the last turn that began 100 ms before it or earlier.

    Fills ``heard`` of the turns, which are in order of time, and returns what precedes them all.
    """
    opening: list[Stretch] = []
    position = -1
    for item in agent:
        while (
            position + 1 < len(drafts)
            and ms_between(item.start.at_s, drafts[position + 1].begin_s) >= BESIDE_MS
        ):
            position += 1
        (drafts[position].heard if position >= 0 else opening).append(item)
    return opening


def chains(items: Iterable[Stretch]) -> list[list[Stretch]]:
    """Part utterances of one side where it is silent for 3 s or more."""
    found: list[list[Stretch]] = []
    for item in items:
        if found and ms_between(item.start.at_s, found[-1][-1].end.at_s) < TURN_PAUSE_MS:
            found[-1].append(item)
        else:
            found.append([item])
    return found


def _under(sound: Stretch, agent: Sequence[Stretch], onsets: Sequence[float]) -> Stretch | None:
    """Return the agent's utterance that is heard 100 ms after a sound's onset, if there is one.

    It may begin in those 100 ms: then the two began together.
    """
    last = bisect_right(onsets, sound.start.at_s + BESIDE_MS / 1000.0) - 1
    if last < 0 or ms_between(onsets[last], sound.start.at_s) >= BESIDE_MS:
        return None
    return agent[last] if ms_between(agent[last].end.at_s, sound.start.at_s) >= BESIDE_MS else None


def _goes_on(
    draft: Draft, sound: Stretch, agent: Sequence[Stretch], onsets: Sequence[float]
) -> bool:
    """Whether a sound of the caller belongs to the turn before it: the agent answered nothing."""
    last = draft.said[-1]
    if ms_between(sound.start.at_s, last.end.at_s) >= TURN_PAUSE_MS:
        return False
    for index in range(bisect_right(onsets, last.start.at_s), len(agent)):
        item = agent[index]
        if ms_between(item.start.at_s, sound.start.at_s) >= BESIDE_MS:
            break
        begun_ms = ms_between(item.start.at_s, last.start.at_s)
        if begun_ms >= BESIDE_MS and item.end.at_s > last.end.at_s:
            return False
    return True
