"""From audible stretches to utterances, and from two edges to a duration with its interval."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from echotrace.audio.stretches import Edge, Stretch
from echotrace.model.conversation import TurnSide
from echotrace.model.measure import Measurement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.audio.stretches import ChannelSpeech

__all__ = [
    "BACKCHANNEL_MS",
    "BESIDE_MS",
    "METHOD",
    "WIDEST_MS",
    "agent_utterances",
    "audible",
    "between",
    "caller_utterances",
    "difference",
    "length_ms",
    "ms_between",
    "side_of",
]

SHORTEST_MS: Final = 60.0
"""A sound shorter than this is a click or a breath, and starts nothing."""
CLOSURE_MS: Final = 300.0
"""Unless it comes so soon after a word that it is its last consonant."""
PAUSE_MS: Final = 700.0
"""Own silence from here on parts two utterances."""
BESIDE_MS: Final = 100.0
"""Onsets closer than this are simultaneous: nobody reacts to speech within 100 ms."""
BACKCHANNEL_MS: Final = 400.0
"""A sound of the listener shorter than this is no bid for the turn."""
TALKED_THROUGH_MS: Final = 200.0
"""A speaker who resumes sooner than this after such a sound has not answered it."""
TALKED_OVER_MS: Final = 400.0
"""The same after one that began while he spoke: to stop, understand and answer takes longer."""
REACTION_MS: Final = 2000.0
"""A pause that begins later than this after an interruption is no reaction to it."""
STOP_MS: Final = 300.0
"""After an interruption that is over, silence from here on is a stop and not a pause."""
WIDEST_MS: Final = 400.0
"""A figure whose interval is wider than this says nothing about a turn."""
METHOD: Final = "edges"
_DECIMALS: Final = 4
_LOOK_AHEAD: Final = 3


def ms_between(later_s: float, earlier_s: float) -> float:
    """Return the difference in ms, to 0.1 ms.

    Edges lie on a grid of 0.1 ms (:func:`audible`), so that rounding takes the binary fractions
    off and a threshold decides the same wherever in the recording it is met.
    """
    return round((later_s - earlier_s) * 1000.0, 1)


def length_ms(sound: Stretch) -> float:
    """Return how long a sound lasts."""
    return ms_between(sound.end.at_s, sound.start.at_s)


def audible(speech: ChannelSpeech) -> tuple[Stretch, ...]:
    """Return the stretches that last at least 60 ms, their edges on a grid of 0.1 ms.

    A shorter one is left out unless it follows another within 0.3 s: there it is the consonant
    that ends the word, and belongs to that stretch.
    """
    kept: list[Stretch] = []
    for item in speech.stretches:
        sound = Stretch(start=_gridded(item.start), end=_gridded(item.end))
        if length_ms(sound) >= SHORTEST_MS:
            kept.append(sound)
        elif kept and ms_between(sound.start.at_s, kept[-1].end.at_s) <= CLOSURE_MS:
            kept[-1] = Stretch(start=kept[-1].start, end=sound.end)
    return tuple(kept)


def agent_utterances(agent: Sequence[Stretch], caller: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Join the agent's sounds over pauses that are no stop; both sides as from :func:`audible`.

    A pause under 0.7 s parts two utterances only where the caller interrupted and has finished
    before the agent goes on: what follows then is an answer and not the rest of the sentence.
    """
    onsets = [sound.start.at_s for sound in caller]
    joined: list[Stretch] = []
    for sound in agent:
        if joined and _agent_goes_on(joined[-1], sound, caller, onsets):
            joined[-1] = Stretch(start=joined[-1].start, end=sound.end)
        else:
            joined.append(sound)
    return tuple(joined)


def caller_utterances(caller: Sequence[Stretch], agent: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Join the caller's sounds over pauses under 0.7 s in which the agent does not come in.

    ``agent`` holds utterances. Somebody who is talked over pauses as in any sentence, so that an
    utterance which the caller interrupted leaves his whole. One that began while he spoke does so
    only where he had less than 400 ms left to say: with more he takes the turn back.
    """
    onsets = [sound.start.at_s for sound in agent]
    joined: list[Stretch] = []
    for index, sound in enumerate(caller):
        if (
            joined
            and ms_between(sound.start.at_s, joined[-1].end.at_s) < PAUSE_MS
            and not _agent_came_in(joined[-1], caller, index, agent, onsets)
        ):
            joined[-1] = Stretch(start=joined[-1].start, end=sound.end)
        else:
            joined.append(sound)
    return tuple(joined)


def difference(later: Edge, earlier: Edge) -> tuple[float, float, float]:
    """Return (value, low, high) in ms of ``later - earlier``.

    The two edges err independently, so their half-widths add up as squares; early and late errors
    are kept apart because noise hides the ends of words and not what comes after them.
    """
    value = ms_between(later.at_s, earlier.at_s)
    below = math.hypot(later.at_s - later.low_s, earlier.high_s - earlier.at_s) * 1000.0
    above = math.hypot(later.high_s - later.at_s, earlier.at_s - earlier.low_s) * 1000.0
    return value, round(value - below, 1), round(value + above, 1)


def between(later: Edge, earlier: Edge, *, names: tuple[str, str]) -> Measurement:
    """Return ``later - earlier`` in ms, not measurable where its interval exceeds 400 ms.

    ``names`` say in words what happens at either edge ("the agent's first word begins").
    """
    value, low, high = difference(later, earlier)
    if round(high - low, 1) > WIDEST_MS:
        edge, name = max(
            ((later, names[0]), (earlier, names[1])), key=lambda item: _width_s(item[0])
        )
        where = f"{name} somewhere between {edge.low_s:.2f} and {edge.high_s:.2f} s"
        return Measurement.not_measurable("ms", f"{where}: {edge.doubt}" if edge.doubt else where)
    return Measurement.measured(value, "ms", method=METHOD, low=low, high=high)


def side_of(first: Stretch, last: Stretch) -> TurnSide:
    """Return what one side said in a turn, from its first utterance to its last."""
    return TurnSide(
        start_s=first.start.at_s,
        end_s=last.end.at_s,
        start_low_s=first.start.low_s,
        start_high_s=first.start.high_s,
        end_low_s=last.end.low_s,
        end_high_s=last.end.high_s,
    )


def _agent_goes_on(
    spoken: Stretch, following: Stretch, caller: Sequence[Stretch], onsets: Sequence[float]
) -> bool:
    pause_ms = ms_between(following.start.at_s, spoken.end.at_s)
    if pause_ms >= PAUSE_MS:
        return False
    last = bisect_left(onsets, following.start.at_s) - 1
    if last < 0 or caller[last].end.at_s >= following.start.at_s:
        return True
    ended_s, began_s = caller[last].end.at_s, caller[last].start.at_s
    while (
        last > 0
        and ms_between(began_s, spoken.start.at_s) >= BESIDE_MS
        and ms_between(began_s, caller[last - 1].end.at_s) < PAUSE_MS
    ):
        last -= 1
        began_s = caller[last].start.at_s
    if ms_between(began_s, spoken.start.at_s) < BESIDE_MS:
        return True
    short = ms_between(ended_s, began_s) < BACKCHANNEL_MS
    if ended_s > spoken.end.at_s:
        limit_ms = TALKED_OVER_MS if began_s < spoken.end.at_s else TALKED_THROUGH_MS
        return short and ms_between(following.start.at_s, ended_s) < limit_ms
    return short or ms_between(spoken.end.at_s, began_s) > REACTION_MS or pause_ms < STOP_MS


def _agent_came_in(
    spoken: Stretch,
    caller: Sequence[Stretch],
    index: int,
    agent: Sequence[Stretch],
    onsets: Sequence[float],
) -> bool:
    """Whether the agent took the turn between ``spoken`` and the caller's sound ``index``."""
    resumed_s = caller[index].start.at_s
    for at in range(bisect_left(onsets, spoken.start.at_s), bisect_left(onsets, resumed_s)):
        sound = agent[at]
        if (
            ms_between(sound.start.at_s, spoken.start.at_s) < BESIDE_MS
            or sound.end.at_s <= spoken.end.at_s
        ):
            continue
        after_ms = ms_between(resumed_s, sound.end.at_s)
        if length_ms(sound) < BACKCHANNEL_MS and 0.0 <= after_ms < TALKED_THROUGH_MS:
            continue
        inside = ms_between(sound.start.at_s, spoken.end.at_s) <= -BESIDE_MS
        if not inside or _left_to_say_ms(caller, index) >= BACKCHANNEL_MS:
            return True
    return False


def _left_to_say_ms(caller: Sequence[Stretch], index: int) -> float:
    """Return how long the caller goes on from a sound, as far as it matters here."""
    begin_s, end_s = caller[index].start.at_s, caller[index].end.at_s
    for sound in caller[index + 1 : index + 1 + _LOOK_AHEAD]:
        if ms_between(sound.start.at_s, end_s) >= PAUSE_MS:
            break
        end_s = sound.end.at_s
    return ms_between(end_s, begin_s)


def _width_s(edge: Edge) -> float:
    return edge.high_s - edge.low_s


def _gridded(edge: Edge) -> Edge:
    return Edge(
        at_s=round(float(edge.at_s), _DECIMALS),
        low_s=round(float(edge.low_s), _DECIMALS),
        high_s=round(float(edge.high_s), _DECIMALS),
        doubt=edge.doubt,
    )
