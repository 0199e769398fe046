"""What a reader should know of a conversation, with what to do about it."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Finding, Severity, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.config.thresholds import Thresholds
    from echotrace.model.conversation import Bleed, Conversation, Incident, Turn
    from echotrace.model.report import Channel

__all__ = ["bleed_findings", "role_findings", "turn_findings"]

SURE: Final = 0.8
"""From this confidence on, inferred roles need no remark."""
PLACES: Final = 3
"""So many places of one kind are listed, the worst; the rest are counted."""
LOUD_BLEED_DB: Final = 30.0
"""Bleed less far below its source than this is near to what a recogniser still hears."""
_PLACE: Final = re.compile(r" somewhere between -?[\d.]+ and -?[\d.]+ s")


def role_findings(channels: Sequence[Channel]) -> list[Finding]:
    """Say which side was taken for the caller where that was little more than a guess."""
    for channel in channels:
        sure = channel.role_confidence
        if channel.role == "caller" and sure is not None and sure < SURE:
            return [
                Finding(
                    code="ROLES_GUESSED",
                    severity=Severity.WARNING,
                    message=f"channel {channel.index} is taken for the caller's, "
                    f"with only {sure:.0%} confidence".replace("%", " %"),
                    hint=f"say it: --caller-channel {channel.index}, or the other one",
                )
            ]
    return []


def bleed_findings(leaks: Sequence[Bleed], names: Sequence[str]) -> list[Finding]:
    """Name each side that is heard on the other's channel; ``names`` are per channel."""
    found = []
    for leak in leaks:
        level = leak.attenuation_db.value
        if level is None:
            continue
        loud = level < LOUD_BLEED_DB
        later = f", {leak.delay_ms:.0f} ms later" if leak.delay_ms is not None else ""
        found.append(
            Finding(
                code="BLEED",
                severity=Severity.WARNING if loud else Severity.INFO,
                message=f"{names[leak.from_channel]} leaks into the channel of "
                f"{names[leak.into_channel]}, {level:.0f} dB below its own level{later}; "
                + ("it was taken off and starts no turn" if leak.removed else "nobody hears it"),
                hint="an echo canceller on the caller's line removes it; an agent that hears "
                "itself interrupts itself"
                if loud
                else "harmless for these figures; an echo canceller would remove it",
            )
        )
    return found


def turn_findings(heard: Conversation, limits: Thresholds) -> list[Finding]:
    """List what the caller suffered from, worst kind first, and what could not be measured."""
    found = [*_slow(heard, limits)]
    for kind, code, say, say_bare, hint in _KINDS:
        items = [
            item
            for item in heard.incidents
            if item.type == kind and item.severity is not Severity.INFO
        ]
        found += _places(items, code, (say, say_bare), hint)
    return found + _uncertain(heard.turns)


def _slow(heard: Conversation, limits: Thresholds) -> list[Finding]:
    slow = [
        (turn.heard_gap_ms.value, turn)
        for turn in heard.turns
        if turn.heard_gap_ms.value is not None
        and turn.heard_gap_ms.value > limits.heard_gap_critical_ms
    ]
    if not slow:
        return []
    gap_ms, worst = max(slow, key=lambda item: item[0])
    several = f"; {len(slow)} turns are over {limits.heard_gap_critical_ms:,.0f} ms"
    return [
        Finding(
            code="SLOW_RESPONSE",
            severity=Severity.CRITICAL,
            message=f"the caller waited {gap_ms:,.0f} ms for an answer in turn {worst.id}"
            + (several if len(slow) > 1 else ""),
            hint="look in the pipeline's log at this time: the wait before a turn counts as ended, "
            "the model's first token, the first audio of speech synthesis",
            at_s=worst.user.end_s if worst.user else None,
        )
    ]


# Incident, code, what to say with a duration and without one, and what to do about it.
_KINDS: Final = (
    (
        "missed_response",
        "MISSED_RESPONSE",
        "the agent never answered",
        "the agent never answered",
        "check that the recogniser got this turn and that the agent's turn detection fired",
    ),
    (
        "dead_air",
        "DEAD_AIR",
        "nobody was heard for {}",
        "nobody was heard",
        "let the agent say that it is working on it, or shorten what it waits for",
    ),
    (
        "barge_in",
        "SLOW_YIELD",
        "the agent talked on for {} after the caller began",
        "the agent talked on after the caller began",
        "lower the interruption threshold, and clear the audio that is queued on the line",
    ),
    (
        "early_start",
        "EARLY_START",
        "the agent began {} before the caller had finished",
        "the agent began before the caller had finished",
        "raise the endpointing wait, or use a semantic turn detector",
    ),
)


def _places(items: Sequence[Incident], code: str, say: tuple[str, str], hint: str) -> list[Finding]:
    """List the worst places of one kind in order of time, and how many more there are."""
    worst = sorted(items, key=_gravity, reverse=True)[:PLACES]
    rest = len(items) - len(worst)
    found = []
    for number, item in enumerate(sorted(worst, key=lambda item: item.at_s), 1):
        more = f" ({rest} more like it)" if number == PLACES and rest else ""
        lasting = _lasting(item)
        found.append(
            Finding(
                code=code,
                severity=item.severity,
                message=(say[0].format(lasting) if lasting else say[1]) + more,
                hint=hint,
                at_s=item.at_s,
            )
        )
    return found


def _gravity(item: Incident) -> tuple[bool, float]:
    return item.severity is Severity.CRITICAL, item.duration_ms.value or 0.0


def _lasting(item: Incident) -> str | None:
    """Say how long something lasted; an estimated yield is a lower bound, and rounded down."""
    value = item.duration_ms.value
    if value is None:
        return None
    if item.type == "barge_in" and item.duration_ms.status is Status.ESTIMATED:
        return f"at least {math.floor(value / 100.0) / 10.0:.1f} s"
    return f"{value / 1000.0:.1f} s"


def _uncertain(turns: Sequence[Turn]) -> list[Finding]:
    answered = [turn for turn in turns if turn.user is not None and turn.agent is not None]
    lost = [turn for turn in answered if turn.heard_gap_ms.value is None]
    if not lost:
        return []
    why = Counter(_kind_of(turn) for turn in lost)
    kind, often = why.most_common(1)[0]
    chosen = next(turn for turn in lost if _kind_of(turn) == kind)
    reason = (chosen.heard_gap_ms.reason or kind) if often == 1 else kind
    others = len(lost) - often
    if others:
        reason = f"{often:,} because {reason}, and {others:,} for other reasons"
    return [
        Finding(
            code="TURNS_UNCERTAIN",
            severity=Severity.WARNING if 2 * len(lost) > len(answered) else Severity.INFO,
            message=f"{len(lost)} of {len(answered)} answered turns could not be measured: "
            f"{reason}",
            hint="record each side before noise and mixing; a quieter caller channel helps most",
            at_s=chosen.user.end_s if chosen.user else None,
        )
    ]


def _kind_of(turn: Turn) -> str:
    """Return why a turn could not be measured, without the place that is its own."""
    return _PLACE.sub(" at a moment that is not clear", turn.heard_gap_ms.reason or "")
