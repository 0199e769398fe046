"""Conversations written down as the seconds in which each side is audible."""

from __future__ import annotations

from echotrace.analyzers.turn_taking import summarize, take_turns
from echotrace.audio.stretches import ChannelSpeech, Edge, Stretch
from echotrace.config.thresholds import Thresholds

LIMITS = Thresholds()


def edge(at_s, *, early=0.0, late=0.0, doubt=None):
    return Edge(at_s=at_s, low_s=at_s - early, high_s=at_s + late, doubt=doubt)


def stretch(start, end):
    return Stretch(
        start=start if isinstance(start, Edge) else edge(start),
        end=end if isinstance(end, Edge) else edge(end),
    )


def side(*spans, **about):
    """One channel; a span is (start, end), each in seconds or an Edge."""
    return ChannelSpeech(stretches=tuple(stretch(*span) for span in spans), **about)


def taken(caller, agent, *, start_s=0.0, end_s=60.0, limits=LIMITS):
    """Turns and incidents of two sides, each a ChannelSpeech or a list of spans."""
    caller, agent = (
        item if isinstance(item, ChannelSpeech) else side(*item) for item in (caller, agent)
    )
    return take_turns(caller, agent, start_s=start_s, end_s=end_s, thresholds=limits)


def summary(caller, agent, *, start_s=0.0, end_s=60.0, indices=(0, 1), limits=LIMITS):
    caller, agent = (
        item if isinstance(item, ChannelSpeech) else side(*item) for item in (caller, agent)
    )
    return summarize(
        taken(caller, agent, start_s=start_s, end_s=end_s, limits=limits),
        caller,
        agent,
        indices=indices,
        start_s=start_s,
        end_s=end_s,
        thresholds=limits,
    )


def outline(found):
    """Turns as (kind, user, agent, gap in ms), sides as (start, end)."""
    return [
        (
            turn.kind,
            turn.user and (turn.user.start_s, turn.user.end_s),
            turn.agent and (turn.agent.start_s, turn.agent.end_s),
            turn.heard_gap_ms.value,
        )
        for turn in found.turns
    ]


def incidents(found, *types):
    """Incidents of some types as (type, at, duration in ms, severity)."""
    return [
        (item.type, item.at_s, item.duration_ms.value, item.severity.value)
        for item in found.incidents
        if item.type in types
    ]
