"""The turns in the order that was asked for, and those of them that a filter keeps."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from echotrace.model.conversation import Turn
from echotrace.render.console.turns import worst_first

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from echotrace.expressions import Expression, Figure
    from echotrace.model.conversation import Conversation

__all__ = ["ABSENT", "Order", "Sift", "ordered", "placed_s", "sift", "told_order", "value_of"]

ABSENT = "there is none"
"""Why there is no figure where its turn cannot have one: it is not unknown."""


class Order(str, Enum):
    """What the turns are sorted by; the members stand in the order of the key that changes it."""

    WORST = "worst"
    HEARD = "heard"
    YIELD = "yield"
    OVERLAP = "overlap"
    SNR = "snr"
    TIME = "time"

    @property
    def is_falling(self) -> bool:
        """Whether the largest value comes first before anybody reverses it."""
        return self in (Order.HEARD, Order.YIELD, Order.OVERLAP)


_TOLD = {
    Order.WORST: ("the worst first", "the best first"),
    Order.HEARD: ("by heard gap, the longest first", "by heard gap, the shortest first"),
    Order.YIELD: ("by yield, the longest first", "by yield, the shortest first"),
    Order.OVERLAP: ("by talk-over, the longest first", "by talk-over, the shortest first"),
    Order.SNR: ("by SNR, the noisiest first", "by SNR, the cleanest first"),
    Order.TIME: ("by time, the earliest first", "by time, the latest first"),
}


def told_order(order: Order, *, is_reversed: bool) -> str:
    """Return an order in words."""
    return _TOLD[order][is_reversed]


def placed_s(turn: Turn) -> float | None:
    """Return when a turn begins, as the table tells it: with the caller, else with the agent."""
    side = turn.user or turn.agent
    return side.start_s if side else None


def value_of(turn: Turn, order: Order, overlap_ms: Callable[[Turn], Figure]) -> float | None:
    """Return the figure that an order goes by, or None where there is none.

    A figure that is not finite, from a damaged report, is none.
    """
    value: float | str | None = None
    if order is Order.HEARD:
        value = turn.heard_gap_ms.value
    elif order is Order.YIELD:
        value = turn.yield_ms.value if turn.yield_ms else None
    elif order is Order.OVERLAP:
        value = overlap_ms(turn).value
    elif order is Order.SNR:
        value = turn.snr_db
    elif order is Order.TIME:
        value = placed_s(turn)
    return value if isinstance(value, (int, float)) and math.isfinite(value) else None


def ordered(
    conversation: Conversation,
    order: Order,
    overlap_ms: Callable[[Turn], Figure],
    *,
    is_reversed: bool = False,
) -> list[Turn]:
    """Return all turns of a conversation in an order.

    Equal ones keep their order in the report. A turn without the figure comes last in either
    direction: it is neither the best nor the worst. Only among the worst first it stands where
    ``worst_first`` has it, before the good ones.
    """
    if order is Order.WORST:
        worst = worst_first(conversation)
        if not is_reversed:
            return worst
        best = [turn for turn in worst[::-1] if _is_judged(turn)]
        return best + [turn for turn in worst if not _is_judged(turn)]
    known: list[tuple[float, Turn]] = []
    unknown: list[Turn] = []
    for turn in conversation.turns:
        value = value_of(turn, order, overlap_ms)
        if value is None:
            unknown.append(turn)
        else:
            known.append((value, turn))
    known.sort(key=lambda pair: pair[0], reverse=order.is_falling is not is_reversed)
    return [turn for _, turn in known] + unknown


def _is_judged(turn: Turn) -> bool:
    """Whether a turn is good or bad: a late answer is, and one that never came."""
    return turn.heard_gap_ms.value is not None or turn.kind == "missed_response"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sift:
    """What a filter made of some turns: those it keeps, those it drops, those it cannot judge.

    ``reasons`` says why it cannot, the most frequent reason first. ``absent`` counts by name the
    figures that turns cannot have, where that alone is why; they are in ``unknown`` and have no
    reason.
    """

    kept: tuple[Turn, ...]
    dropped: tuple[Turn, ...]
    unknown: tuple[Turn, ...]
    reasons: tuple[str, ...] = ()
    absent: tuple[tuple[tuple[str, ...], int], ...] = ()


def sift(
    turns: Sequence[Turn], expression: Expression, look_up: Callable[[Turn, str], Figure]
) -> Sift:
    """Judge every turn by an expression, keeping their order."""
    parts: dict[bool | None, list[Turn]] = {True: [], False: [], None: []}
    reasons: Counter[str] = Counter()
    absent: Counter[tuple[str, ...]] = Counter()
    there_is_none = f": {ABSENT}"
    for turn in turns:
        verdict = expression.verdict(partial(look_up, turn))
        parts[verdict.holds].append(turn)
        if verdict.holds is None:
            unknown = [why for why in verdict.reasons if not why.endswith(there_is_none)]
            if unknown:
                reasons.update(dict.fromkeys(unknown, 1))
            else:
                lacks = (why.removesuffix(there_is_none) for why in verdict.reasons)
                absent[tuple(dict.fromkeys(lacks))] += 1
    return Sift(
        kept=tuple(parts[True]),
        dropped=tuple(parts[False]),
        unknown=tuple(parts[None]),
        reasons=tuple(reason for reason, _ in reasons.most_common()),
        absent=tuple(absent.items()),
    )
