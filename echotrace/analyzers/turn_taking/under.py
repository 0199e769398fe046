"""The SNR under each turn: that of its own stretches of speech, and not the whole call's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echotrace.audio.snr import SnrResult
    from echotrace.audio.vad import SpeechSpan
    from echotrace.model.conversation import Turn, TurnSide

__all__ = ["with_snr"]


def with_snr(turns: Iterable[Turn], caller: SnrResult, agent: SnrResult) -> tuple[Turn, ...]:
    """Return the turns, each with the lowest SNR among the stretches of speech of its two sides.

    A turn whose stretches have none stays without: the SNR of the whole call says nothing of it.
    """
    return tuple(replace(turn, snr_db=_least(turn, caller, agent)) for turn in turns)


def _least(turn: Turn, caller: SnrResult, agent: SnrResult) -> float | None:
    known = [
        segment.snr_db.value
        for side, channel in ((turn.user, caller), (turn.agent, agent))
        if side is not None
        for segment in channel.segments
        if segment.snr_db.value is not None and _meet(side, segment.span)
    ]
    return round(min(known), 1) if known else None


def _meet(side: TurnSide, span: SpeechSpan) -> bool:
    return span.start_s < side.end_s and span.end_s > side.start_s
