"""What passed between the handing out of the sound and its first audible sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from echotrace.reconcile.pieces import BY_TRACE, FAINT_MS, Piece

if TYPE_CHECKING:
    from echotrace.model.measure import Measurement
    from echotrace.model.trace import TraceTurn
    from echotrace.reconcile.window import Window
    from echotrace.reconcile.works import Told

__all__ = ["way_out"]

_WAY_OUT: Final = "what is left of the way out beside the silence"
_AT_MOST: Final = "at most: what the transport took cannot be told from it"
_TRANSPORT_AT_MOST: Final = "at most: it may end with silence that cannot be told from the wait"
_SINCE_PLAYOUT: Final = "from the playout by the trace to the agent's first audible sample"
_SINCE_SOUND: Final = "from the first sound made, by the trace, to the agent's first audible sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How the way out divides into transport and silence, and what says so."""

    silent_ms: float
    silence_from: str = "both"
    method: str = BY_TRACE
    silent_reason: str | None = None
    transport_from: str = "both"
    transport_reason: str | None = None


def way_out(
    turn: TraceTurn, window: Window, told: Told, silence: Measurement | None
) -> list[Piece]:
    """Divide the way out into transport and leading silence, in that order.

    What the trace tells of it comes first. The audio tells the least that the silence was, and
    without either the silence is told as the most that it can have been.
    """
    if window.playout_s is None or window.end_s is None or not window.is_heard:
        return []
    tail_ms = (window.end_s - window.playout_s) * 1000.0
    if tail_ms < 0.0:
        return []
    after = told.after
    since = _SINCE_PLAYOUT if window.playout_known else _SINCE_SOUND
    known = _Way(silent_ms=tail_ms, method=since, silent_reason=_AT_MOST)
    if "tts_leading_silence" in after:
        known = _Way(silent_ms=after["tts_leading_silence"], silence_from="trace")
    elif "output_transport" in after:
        silent_ms = tail_ms - after["output_transport"]
        known = _Way(silent_ms=silent_ms, method=since, transport_from="trace")
    elif silence is not None and silence.value is not None:
        known = _Way(
            silent_ms=silence.value,
            silence_from="audio",
            method=silence.method or "",
            silent_reason=silence.reason,
            transport_reason=_TRANSPORT_AT_MOST,
        )
    silent_ms = min(max(known.silent_ms, 0.0), tail_ms)
    heard_from_s = window.end_s - silent_ms / 1000.0
    pieces: list[Piece] = []
    if tail_ms - silent_ms > FAINT_MS:
        pieces.append(
            Piece(
                key="output_transport",
                owner="transport",
                owner_kind="pipeline",
                start_s=window.playout_s,
                end_s=heard_from_s,
                ms=tail_ms - silent_ms,
                method=BY_TRACE if known.transport_from == "trace" else _WAY_OUT,
                reason=known.transport_reason,
                at_end=known.silence_from == "trace",
                less_ms=tail_ms - silent_ms if known.transport_reason else 0.0,
                taken_from=known.transport_from,
            )
        )
    if silent_ms > FAINT_MS:
        owner, kind = _voice(turn, told)
        pieces.append(
            Piece(
                key="tts_leading_silence",
                owner=owner,
                owner_kind=kind,
                start_s=heard_from_s,
                end_s=window.end_s,
                ms=silent_ms,
                method=known.method,
                reason=known.silent_reason,
                at_end=known.silence_from != "trace",
                more_ms=tail_ms - silent_ms if known.silence_from == "audio" else 0.0,
                taken_from=known.silence_from,
            )
        )
    return pieces


def _voice(turn: TraceTurn, told: Told) -> tuple[str, str]:
    spoken = [part for part in turn.parts if part.key == "speech_synthesis"]
    if spoken:
        return spoken[-1].owner, spoken[-1].owner_kind
    made = [work for work in told.works if work.key == "speech_synthesis"]
    return (made[-1].owner, made[-1].owner_kind) if made else ("speech synthesis", "service")
