"""The conversation in figures: distributions over turns, silence, overlap, and who talked how.

Percentiles need enough turns (5 for a median, 20 for p95, 100 for p99); below that they say how
many there were. They stand for the turns that could be measured, so that they are estimates where
those are the minority.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from echotrace.analyzers.turn_taking.incidents import dead_airs, time_audible_ms
from echotrace.analyzers.turn_taking.sounds import audible, length_ms, ms_between
from echotrace.model.conversation import ChannelTalk, ConversationSummary, Percentiles
from echotrace.model.measure import Measurement, Status
from echotrace.stats.percentiles import counted, percentiles, quantile_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.analyzers.turn_taking import TurnTaking
    from echotrace.audio.stretches import ChannelSpeech, Stretch
    from echotrace.config.thresholds import Thresholds
    from echotrace.model.conversation import Incident, Turn, TurnSide

__all__ = ["silence_only", "summarize"]

PAUSE_MS: Final = 200.0
"""Shorter pauses are those between sounds of one word."""
LONGEST_PAUSE_MS: Final = 3000.0
"""Where nobody's turns are known, longer silence may be anything."""
BEGUN_S: Final = 0.01
"""Speech that begins this close to the start of the recording may have begun before it."""
_NO_WORDS: Final = Measurement.not_run("words/min", "no transcript yet")


def summarize(
    taken: TurnTaking,
    caller: ChannelSpeech,
    agent: ChannelSpeech,
    *,
    indices: tuple[int, int],
    start_s: float,
    end_s: float,
    thresholds: Thresholds,
) -> ConversationSummary:
    """Return the figures of a call; ``indices`` are the channels of caller and agent.

    ``taken`` is what ``take_turns`` made of the same two channels. A missed response has no gap:
    it is counted apart and not as a gap that could not be measured.
    """
    sounds = audible(caller), audible(agent)
    answered = [turn for turn in taken.turns if turn.user and turn.agent]
    talk_over = [item for item in taken.incidents if item.type == "talk_over"]
    over_ms = sum(item.duration_ms.value or 0.0 for item in talk_over)
    anybody_ms = time_audible_ms(sounds)
    talk_ms = [_talk_ms(side) for side in sounds]
    sides: tuple[list[TurnSide], list[TurnSide]] = (
        [turn.user for turn in taken.turns if turn.user],
        [turn.agent for turn in taken.turns if turn.agent],
    )
    longest, total = _silence(taken.incidents)
    channels = tuple(
        _channel(
            index=indices[which],
            role=("caller", "agent")[which],
            sounds=sounds[which],
            ratio=_share(talk_ms[which], sum(talk_ms)),
            pauses_ms=_pauses_inside(sounds[which], sides[which]),
        )
        for which in (0, 1)
    )
    return ConversationSummary(
        heard_gap_ms=_percentiles(
            [turn.heard_gap_ms for turn in answered],
            "turn",
            none="no turn was answered" if sides[0] else "the caller took no turn",
        ),
        yield_ms=_percentiles(
            [turn.yield_ms for turn in taken.turns if turn.yield_ms is not None],
            "barge-in",
            none="there was no barge-in to measure",
        ),
        greeting_ms=_greeting(taken.turns, start_s),
        first_heard_gap_ms=next(
            (turn.heard_gap_ms for turn in taken.turns if turn.first),
            Measurement.not_measurable("ms", "the caller took no turn"),
        ),
        dead_air_s=longest,
        dead_air_total_s=total,
        talk_over_ms=Measurement.measured(round(over_ms, 1), "ms", n=len(talk_over)),
        overlap_ratio=_share(over_ms, anybody_ms),
        barge_ins=_count(taken.incidents, "barge_in"),
        backchannels=_count(taken.incidents, "backchannel"),
        early_starts=_count(taken.incidents, "early_start"),
        missed_responses=_count(taken.incidents, "missed_response"),
        dead_airs=_count(taken.incidents, "dead_air"),
        channels=tuple(sorted(channels, key=lambda channel: channel.index)),
    )


def silence_only(
    speech: ChannelSpeech,
    *,
    reason: str,
    index: int,
    role: str,
    start_s: float,
    end_s: float,
    thresholds: Thresholds,
) -> tuple[ConversationSummary, tuple[Incident, ...]]:
    """Return what one voice track tells: dead air and pauses; ``reason`` stands for the rest.

    Nobody knows who spoke last, so that silence at the end is no dead air here. Pauses are those
    of at least 0.2 s and less than 3 s, whoever paused.
    """
    sounds = audible(speech)
    incidents = dead_airs(
        (sounds,), start_s=start_s, end_s=end_s, trailing=False, limits=thresholds
    )
    none = Measurement.not_measurable("ms", reason)
    no_ratio = Measurement.not_measurable("ratio", reason)
    nothing = Percentiles(n=0, not_measured=0, p50=none, p95=none, p99=none, worst=none)
    pauses_ms = [
        pause_ms for pause_ms in _pauses(sounds) if PAUSE_MS <= pause_ms < LONGEST_PAUSE_MS
    ]
    longest, total = _silence(incidents)
    summary = ConversationSummary(
        heard_gap_ms=nothing,
        yield_ms=nothing,
        greeting_ms=none,
        first_heard_gap_ms=none,
        dead_air_s=longest,
        dead_air_total_s=total,
        talk_over_ms=none,
        overlap_ratio=no_ratio,
        dead_airs=len(incidents),
        channels=(
            _channel(index=index, role=role, sounds=sounds, ratio=no_ratio, pauses_ms=pauses_ms),
        ),
    )
    return summary, tuple(incidents)


def _percentiles(figures: Sequence[Measurement], what: str, *, none: str) -> Percentiles:
    """Return the distribution of the figures that have a value; ``none`` says why there are none.

    It is an estimate where most have none, or where one is only a bound.
    """
    known = [figure for figure in figures if figure.value is not None]
    values = [figure.value for figure in known if figure.value is not None]
    few = None
    if 2 * len(known) < len(figures):
        few = f"only {len(known)} of {counted(len(figures), what)} could be measured"
    worst = max(known, key=lambda figure: figure.value or 0.0, default=None)
    bounds = [figure for figure in known if figure.status is Status.ESTIMATED]
    largest_is = few
    if few is None and bounds:
        are = "is" if len(bounds) == 1 else "are"
        few = f"{len(bounds)} of {counted(len(known), what)} {are} known by a lower bound only"
        largest_is = worst.reason if worst in bounds and worst is not None else few
    status = Status.MEASURED if few is None else Status.ESTIMATED
    of_all = percentiles(
        values,
        "ms",
        not_measured=len(figures) - len(values),
        status=status,
        reason=few,
        what=what,
        none=_not_one(figures, what, none),
    )
    if worst is None:
        return of_all
    status = Status.MEASURED if largest_is is None else Status.ESTIMATED
    largest = replace(
        of_all.worst, status=status, reason=largest_is, low=worst.low, high=worst.high
    )
    return replace(of_all, worst=largest)


def _not_one(figures: Sequence[Measurement], what: str, none: str) -> Measurement:
    if not figures:
        return Measurement.not_measurable("ms", none)
    return Measurement.not_measurable(
        "ms", f"none of {counted(len(figures), what)} could be measured: {figures[0].reason}"
    )


def _greeting(turns: Sequence[Turn], start_s: float) -> Measurement:
    if not turns:
        return Measurement.not_measurable("ms", "nobody spoke")
    side = turns[0].agent
    if turns[0].kind != "greeting" or side is None:
        return Measurement.not_measurable("ms", "the caller spoke first")
    if start_s > 0.0:
        return Measurement.not_measurable(
            "ms", f"the analysed part begins {start_s:.1f} s into the recording"
        )
    if side.start_s - start_s < BEGUN_S:
        return Measurement.not_measurable(
            "ms", "the agent was already speaking when the recording began"
        )
    spread = {
        name: round(ms_between(at_s, start_s), 1)
        for name, at_s in (("low", side.start_low_s), ("high", side.start_high_s))
        if at_s is not None
    }
    return Measurement.measured(ms_between(side.start_s, start_s), "ms", method="edges", **spread)


def _silence(incidents: Sequence[Incident]) -> tuple[Measurement, Measurement]:
    """Return the longest dead air and their sum in s; 0 where there was none."""
    lasting = [
        item.duration_ms
        for item in incidents
        if item.type == "dead_air" and item.duration_ms.value is not None
    ]
    longest = max(lasting, key=lambda figure: figure.value or 0.0, default=None)
    total_s = sum(figure.value or 0.0 for figure in lasting) / 1000.0
    number = len(lasting)
    total = Measurement.measured(round(total_s, 4), "s", n=number)
    unsure = [figure for figure in lasting if figure.status is Status.ESTIMATED]
    if unsure:
        are = "is" if len(unsure) == 1 else "are"
        reason = f"{len(unsure)} of {counted(number, 'silence')} {are} estimated"
        total = Measurement.estimated(
            round(total_s, 4), "s", reason=f"{reason}: {unsure[0].reason}", n=number
        )
    if longest is None:
        return Measurement.measured(0.0, "s", n=0), total
    return (
        Measurement(
            unit="s",
            status=longest.status,
            value=_seconds(longest.value),
            reason=longest.reason,
            method=longest.method,
            low=_seconds(longest.low),
            high=_seconds(longest.high),
            n=number,
        ),
        total,
    )


def _seconds(value_ms: float | None) -> float | None:
    return None if value_ms is None else round(value_ms / 1000.0, 4)


def _channel(
    *,
    index: int,
    role: str,
    sounds: Sequence[Stretch],
    ratio: Measurement,
    pauses_ms: Sequence[float],
) -> ChannelTalk:
    count = len(pauses_ms)
    if pauses_ms:
        longest = Measurement.measured(max(pauses_ms), "ms", n=count)
    else:
        longest = Measurement.not_measurable("ms", "there was no pause of 200 ms")
    return ChannelTalk(
        index=index,
        role=role,
        talk_s=Measurement.measured(round(_talk_ms(sounds) / 1000.0, 4), "s", n=len(sounds)),
        talk_ratio=ratio,
        words_per_minute=_NO_WORDS,
        pauses=count,
        pause_p50_ms=quantile_figure(pauses_ms, 0.5, "ms", what="pause") if pauses_ms else longest,
        longest_pause_ms=longest,
    )


def _talk_ms(sounds: Sequence[Stretch]) -> float:
    return round(sum(length_ms(sound) for sound in sounds), 1)


def _share(part_ms: float, whole_ms: float) -> Measurement:
    if whole_ms <= 0.0:
        return Measurement.not_measurable("ratio", "nobody spoke")
    return Measurement.measured(round(part_ms / whole_ms, 6), "ratio")


def _pauses(sounds: Sequence[Stretch]) -> list[float]:
    return [
        ms_between(following.start.at_s, sound.end.at_s) for sound, following in pairwise(sounds)
    ]


def _pauses_inside(sounds: Sequence[Stretch], turns: Sequence[TurnSide]) -> list[float]:
    """Return the pauses of at least 0.2 s that lie inside a turn of the same side."""
    found, position = [], 0
    for turn in turns:
        while position < len(sounds) and sounds[position].start.at_s < turn.start_s:
            position += 1
        first = position
        while position < len(sounds) and sounds[position].end.at_s <= turn.end_s:
            position += 1
        found += [pause for pause in _pauses(sounds[first:position]) if pause >= PAUSE_MS]
    return found


def _count(incidents: Sequence[Incident], kind: str) -> int:
    return sum(item.type == kind for item in incidents)
