"""Which channel is whose: as the user says, else as the sound suggests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from echotrace.audio.roles import contradicts, infer_roles
from echotrace.errors import UsageError
from echotrace.model.measure import Finding, Severity
from echotrace.model.report import Channel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.audio.features import ChannelFeatures
    from echotrace.audio.roles import RoleGuess

__all__ = ["Assigned", "assign_roles"]

ENOUGH: Final = 0.8
"""From this confidence on an inferred caller counts as known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """The channels with their roles; ``caller`` is None where it is not known well enough."""

    channels: tuple[Channel, ...]
    caller: int | None = None
    findings: tuple[Finding, ...] = ()


def assign_roles(
    count: int, features: Sequence[ChannelFeatures], *, identical: bool, caller: int | None
) -> Assigned:
    """Give each channel its role.

    Args:
        count: how many channels the file has.
        features: of every one of them.
        identical: the two channels carry one signal.
        caller: the caller's channel when the user named it.

    Raises:
        UsageError: there is no such channel.
    """
    if caller is not None and not 0 <= caller < count:
        known = "one channel, 0" if count == 1 else f"channels 0 to {count - 1}"
        raise UsageError(
            f"there is no channel {caller}",
            why=f"the recording has {known}",
            hint="choose another --caller-channel",
            code="NO_SUCH_CHANNEL",
        )
    if identical:
        return Assigned(channels=(Channel(index=0, role="mixed"),))
    guess = infer_roles(features) if len(features) == 2 else None
    if caller is not None:
        swapped = guess is not None and contradicts(guess, caller)
        return Assigned(
            channels=_named(count, caller),
            caller=caller,
            findings=(_swapped(guess),) if guess is not None and swapped else (),
        )
    if guess is None:
        return Assigned(channels=tuple(Channel(index=index) for index in range(count)))
    return Assigned(
        channels=tuple(
            Channel(
                index=index,
                role="caller" if index == guess.caller else "agent",
                role_source="inferred",
                role_confidence=round(guess.confidence, 3),
            )
            for index in range(2)
        ),
        caller=guess.caller if guess.confidence >= ENOUGH else None,
    )


def _named(count: int, caller: int) -> tuple[Channel, ...]:
    other = "agent" if count == 2 else "unknown"
    return tuple(
        Channel(index=index, role="caller", role_source="flag")
        if index == caller
        else Channel(index=index, role=other, role_source="flag" if count == 2 else None)
        for index in range(count)
    )


def _swapped(guess: RoleGuess) -> Finding:
    percent = f"{guess.confidence:.0%}".replace("%", " %")
    return Finding(
        code="CHANNELS_SWAPPED",
        severity=Severity.WARNING,
        message=f"channel {guess.agent} is named the caller's, but sounds like the agent's "
        f"({percent} sure: {', '.join(guess.evidence)})",
        hint=f"if the channels are swapped: --caller-channel {guess.caller}",
    )
