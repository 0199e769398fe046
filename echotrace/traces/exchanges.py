"""The lines of a call's transcript put together into turns: what the caller said, and the answer.

For platforms that hand out a list of messages and no turns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from echotrace.model.trace import ClaimedPart, TraceSide, TraceTurn
from echotrace.traces.values import bounded

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Exchange", "Line", "exchanges", "turn_of"]

CUT_S = 1.5
"""An agent that ends this soon after the caller began was broken off by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message: ``role`` is user, agent or tool; ``raw`` is what stood there.

    ``interrupted`` is the platform's own word; None where it has none and the times must tell.
    A backchannel never waits for an answer.
    """

    role: str
    side: TraceSide
    raw: dict[str, Any]
    interrupted: bool | None = None
    backchannel: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A line of the caller, the tools that ran, and the line that answered; any may be missing."""

    user: Line | None = None
    tools: tuple[Line, ...] = ()
    agent: Line | None = None
    is_cut: bool = False

    @property
    def is_answered(self) -> bool:
        """Whether the caller said something and the agent answered."""
        return self.user is not None and self.agent is not None


@dataclass(slots=True)
class _Open:
    user: Line | None = None
    tools: list[Line] = field(default_factory=list)


def exchanges(lines: Iterable[Line]) -> list[Exchange]:
    """Cut a transcript into turns.

    Each line of the caller opens one and the next line of the agent ends it; a second line of
    either side is a turn of its own.
    """
    ordered = list(lines)
    found: list[Exchange] = []
    begun = _Open()
    for position, line in enumerate(ordered):
        if line.role == "tool":
            begun.tools.append(line)
        elif line.role == "agent":
            found.append(
                Exchange(
                    user=begun.user,
                    tools=tuple(begun.tools),
                    agent=line,
                    is_cut=_is_cut(line, ordered[position + 1 :]),
                )
            )
            begun = _Open()
        elif line.backchannel:
            found.append(Exchange(user=line))
        else:
            if begun.user is not None:
                found.append(Exchange(user=begun.user, tools=tuple(begun.tools)))
                begun = _Open()
            begun.user = line
    if begun.user is not None or begun.tools:
        found.append(Exchange(user=begun.user, tools=tuple(begun.tools)))
    return found


def _is_cut(agent: Line, later: list[Line]) -> bool:
    """Whether the caller broke this answer off."""
    if agent.interrupted is not None:
        return agent.interrupted
    caller = next((line for line in later if line.role == "user" and not line.backchannel), None)
    ends_s = agent.side.end_s
    if caller is None or ends_s is None or caller.side.start_s is None:
        return False
    return ends_s - CUT_S <= caller.side.start_s < ends_s


def turn_of(
    exchange: Exchange,
    position: int,
    *,
    parts: tuple[ClaimedPart, ...] = (),
    claimed_gap_ms: float | None = None,
    claimed_by: str | None = None,
) -> TraceTurn:
    """The turn of an exchange, with what the platform claims of it; the lines stay whole."""
    user, agent = exchange.user, exchange.agent
    attributes: dict[str, Any] = {}
    if user is not None:
        attributes["user"] = bounded(user.raw)
    if exchange.tools:
        attributes["tools"] = [bounded(tool.raw) for tool in exchange.tools]
    if agent is not None:
        attributes["agent"] = bounded(agent.raw)
    is_backchannel = user is not None and user.backchannel
    return TraceTurn(
        id=position,
        user=None if user is None else user.side,
        agent=None if agent is None else agent.side,
        claimed_gap_ms=claimed_gap_ms,
        claimed_by=None if claimed_gap_ms is None else claimed_by,
        parts=parts,
        interrupted=exchange.is_cut,
        aborted=agent is None and user is not None and not is_backchannel,
        attributes=attributes,
    )
