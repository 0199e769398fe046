"""The parts of one turn's wait: they add up to the heard gap, whatever the trace leaves out.

From the caller's last audible sample to the agent's first, on the recording's clock. The parts in
between are those that the answer waited for (see ``path``); the ends touch the recording's edges
and carry their bounds. What no part explains is ``unaccounted``, with its sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Measurement, Status
from echotrace.model.reconciled import TurnPart
from echotrace.reconcile.beside import parts_beside
from echotrace.reconcile.path import walk_back
from echotrace.reconcile.pieces import BY_TRACE, Piece, rounded
from echotrace.reconcile.way_out import way_out
from echotrace.reconcile.window import Window, window_of
from echotrace.reconcile.works import order_of, told_by

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from echotrace.model.conversation import Turn
    from echotrace.model.reconciled import ClockFit
    from echotrace.model.trace import ClaimedPart, TraceSpan, TraceTurn
    from echotrace.reconcile.path import Path, Step
    from echotrace.reconcile.works import Told

    class Fit(Protocol):
        """The clock of the parts: that of the recording, or of the trace alone."""

        @property
        def clock(self) -> ClockFit:
            """How far it can be trusted."""
            ...

        def to_recording(self, trace_s: float) -> float:
            """Return a moment of the trace on it."""
            ...


__all__ = ["turn_parts"]

_OWN_END_S: Final = 0.06
"""Work that begins this near to the trace's own opinion of the caller's end begins with it."""
_ROOM_MS: Final = 20.0
"""A duration may be this much longer than the gap that it is laid into."""
_FIRST_KEYS: Final = ("transcription", "turn_detection", "llm_inference", "tool_call")
_WAIT: Final = "endpointing_wait"
_WAIT_OWNER: Final = ("end-of-turn detection", "setting")
_BOTH_ENDS: Final = "from the recording's edge to the trace's moment"


@dataclass(frozen=True, slots=True)
class _Gap:
    start_s: float
    end_s: float
    after: int
    """The order of the part in front of it."""


def turn_parts(
    trace_turn: TraceTurn,
    turn: Turn | None,
    fit: Fit,
    spans: Sequence[TraceSpan],
    *,
    leading_silence_ms: Measurement | None,
) -> tuple[TurnPart, ...]:
    """Return the parts of a turn in the order of time, then what lies inside others.

    Args:
        trace_turn: the turn by the trace.
        turn: the same turn in the recording; without it the parts add up to the claimed gap.
        fit: brings moments of the trace to the clock of the parts.
        spans: of this turn.
        leading_silence_ms: how long the agent's sound was silent, where the audio tells it.
    """
    window = window_of(trace_turn, turn, fit)
    if window is None:
        return ()
    told = told_by(trace_turn, spans, fit, playout_s=window.playout_s)
    if window.playout_s is None and turn is not None:
        window = _with_first_sound(window, told)
    if window.start_s is None or window.end_s is None:
        return _without_places(trace_turn, window)
    return _Laying(trace_turn, fit, window, told, leading_silence_ms).parts()


class _Laying:
    """One turn while its parts are laid between its two edges."""

    def __init__(
        self,
        turn: TraceTurn,
        fit: Fit,
        window: Window,
        told: Told,
        silence: Measurement | None,
    ) -> None:
        assert window.start_s is not None
        assert window.end_s is not None
        self._turn, self._fit, self._window, self._told = turn, fit, window, told
        self._silence = silence
        self._begin_s, self._end_s = window.start_s, window.end_s
        self._handed_s = window.end_s if window.playout_s is None else window.playout_s
        self._pieces: list[Piece] = []
        self._gaps: list[_Gap] = []

    def parts(self) -> tuple[TurnPart, ...]:
        """Walk, lay what has a place, then what has none, and name the rest."""
        listening = ("transcription", "turn_detection")
        works = [
            replace(work, start_s=max(work.start_s, self._begin_s))
            if work.key in listening
            else work
            for work in self._told.works
            if work.end_s > self._begin_s or work.key not in listening
        ]
        path = walk_back(
            works, from_s=self._handed_s, until_s=self._begin_s, ended_s=self._told.ended_s
        )
        self._head(path)
        self._lay_steps(path)
        self._pieces += way_out(self._turn, self._window, self._told, self._silence)
        self._lay_loose()
        self._pieces.sort(key=lambda piece: _place(piece, self._handed_s))
        parts = [self._part(piece) for piece in self._pieces]
        parts.append(self._unaccounted(parts))
        beside = parts_beside(
            self._told,
            self._pieces,
            self._fit,
            begin_s=self._begin_s,
            handed_s=self._handed_s,
            waited=path.waited,
        )
        return (*parts, *beside)

    def _head(self, path: Path) -> None:
        """Settle what lies between the caller's end and the first work."""
        first = path.steps[0] if path.steps else None
        wait, begins_s = self._told.wait, path.begins_s
        owner = _WAIT_OWNER if wait is None else (wait.owner, wait.owner_kind)
        piece = Piece(
            key=_WAIT,
            owner=owner[0],
            owner_kind=owner[1],
            start_s=self._begin_s,
            end_s=begins_s,
            ms=(begins_s - self._begin_s) * 1000.0,
            method=_BOTH_ENDS,
            at_start=True,
            taken_from="both",
        )
        if path.waited:
            if wait is None:
                piece.reason = "until the trace's detector said that the caller had stopped"
            self._pieces.append(piece)
            self._gap(begins_s, first.start_s if first else self._handed_s, _WAIT)
        elif first is not None and self._begins_with_caller(first):
            pass
        elif first is not None and self._waits_untold(first):
            piece.reason = "the trace does not tell it: until its first work"
            self._pieces.append(piece)
        else:
            self._gap(self._begin_s, first.start_s if first else self._handed_s, None)

    def _begins_with_caller(self, first: Step) -> bool:
        """Whether work is told to begin with the caller's end, which the recording knows better."""
        own = self._turn.user.end_s if self._turn.user else None
        if own is None or self._turn.user is None or self._turn.user.edge != "speech":
            return first.start_s <= self._begin_s and first.work.key == "transcription"
        return abs(first.start_s - self._fit.to_recording(own)) <= _OWN_END_S or (
            first.start_s <= self._begin_s and first.work.key == "transcription"
        )

    def _waits_untold(self, first: Step) -> bool:
        """Whether everything before the first work must have been the wait for the end."""
        earlier = [
            part for part in self._told.loose if order_of(part.key) <= order_of(first.work.key)
        ]
        return first.work.key in _FIRST_KEYS and not earlier

    def _lay_steps(self, path: Path) -> None:
        begun = any(piece.at_start for piece in self._pieces) or bool(self._gaps)
        for at, step in enumerate(path.steps):
            last = self._pieces[-1] if self._pieces else None
            if last is not None and last.end_s is not None and at:
                self._gap(last.end_s, step.start_s, last.key)
                same = (last.key, last.owner) == (step.work.key, step.work.owner)
                if same and step.start_s - last.end_s < 0.001:
                    last.end_s, last.ms = step.end_s, last.ms + (step.end_s - step.start_s) * 1000.0
                    continue
            at_start = not at and not begun
            start_s = self._begin_s if at_start else step.start_s
            self._pieces.append(
                Piece(
                    key=step.work.key,
                    owner=step.work.owner,
                    owner_kind=step.work.owner_kind,
                    start_s=start_s,
                    end_s=step.end_s,
                    ms=(step.end_s - start_s) * 1000.0,
                    method=_BOTH_ENDS if at_start else BY_TRACE,
                    at_start=at_start,
                    taken_from="both" if at_start else "trace",
                )
            )
        if path.steps:
            self._gap(path.steps[-1].end_s, self._handed_s, path.steps[-1].work.key)

    def _gap(self, start_s: float, end_s: float, after: str | None) -> None:
        if end_s > start_s:
            self._gaps.append(_Gap(start_s, end_s, -1 if after is None else order_of(after)))

    def _lay_loose(self) -> None:
        """Lay durations without a place into what the others leave open, in their order."""
        for part in self._told.loose:
            at = self._open_gap(part)
            start_s = None
            if at is not None:
                gap = self._gaps[at]
                start_s = gap.start_s
                taken_s = min(max(part.ms, 0.0) / 1000.0, gap.end_s - gap.start_s)
                self._gaps[at] = _Gap(gap.start_s + taken_s, gap.end_s, order_of(part.key))
            self._pieces.append(
                Piece(
                    key=part.key,
                    owner=part.owner,
                    owner_kind=part.owner_kind,
                    start_s=start_s,
                    end_s=None if start_s is None else start_s + part.ms / 1000.0,
                    ms=part.ms,
                    method="a duration by the trace, laid behind the part before it",
                )
            )

    def _open_gap(self, part: ClaimedPart) -> int | None:
        for at, gap in enumerate(self._gaps):
            room_ms = (gap.end_s - gap.start_s) * 1000.0 + _ROOM_MS
            following = self._gaps[at + 1 :]
            later = all(other.after > order_of(part.key) for other in following)
            if gap.after <= order_of(part.key) and later and 0.0 <= part.ms <= room_ms:
                return at
        return None

    def _part(self, piece: Piece) -> TurnPart:
        ms = round(piece.ms, 1) + 0.0
        low, high = self._bounds(ms, at_start=piece.at_start, at_end=piece.at_end)
        if piece.less_ms or piece.more_ms:
            low = round((ms if low is None else low) - piece.less_ms, 1) + 0.0
            high = round((ms if high is None else high) + piece.more_ms, 1)
        return TurnPart(
            key=piece.key,
            owner=piece.owner,
            owner_kind=piece.owner_kind,
            ms=Measurement(
                unit="ms",
                status=Status.MEASURED if piece.reason is None else Status.ESTIMATED,
                value=ms,
                reason=piece.reason,
                method=piece.method,
                low=low,
                high=high,
            ),
            start_s=rounded(piece.start_s),
            end_s=rounded(piece.end_s),
            taken_from=piece.taken_from,
        )

    def _bounds(
        self, ms: float, *, at_start: bool, at_end: bool
    ) -> tuple[float | None, float | None]:
        """Return the interval of a part that touches an edge: the edge's own, and the clock's."""
        window = self._window
        if not window.is_heard or not (at_start or at_end):
            return None, None
        clock = window.clock_earlier_ms, window.clock_later_ms
        if at_start and at_end:
            clock = 0.0, 0.0  # both ends are the recording's
        elif at_end:
            clock = clock[1], clock[0]
        least = math.hypot(
            window.start_later_ms * at_start, window.end_earlier_ms * at_end, clock[0]
        )
        most = math.hypot(
            window.start_earlier_ms * at_start, window.end_later_ms * at_end, clock[1]
        )
        return round(ms - least, 1), round(ms + most, 1)

    def _unaccounted(self, parts: Sequence[TurnPart]) -> TurnPart:
        """Return what is left of the gap; the rounding of all parts goes into it."""
        assert self._window.gap_ms is not None
        known = math.fsum(part.ms.value or 0.0 for part in parts)
        ms = round(self._window.gap_ms - known, 3) + 0.0
        open_gaps = [gap for gap in self._gaps if gap.end_s - gap.start_s > 0.001]
        only = open_gaps[0] if len(open_gaps) == 1 else None
        if only is not None and abs((only.end_s - only.start_s) * 1000.0 - ms) > 1.0:
            only = None
        keys = {part.key for part in self._pieces if part.at_start or part.at_end}
        low, high = self._bounds(
            ms,
            at_start=not any(piece.at_start for piece in self._pieces),
            at_end=not any(piece.at_end for piece in self._pieces),
        )
        return TurnPart(
            key="unaccounted",
            owner="no part of the trace" if keys or self._pieces else "a trace without parts",
            owner_kind="pipeline",
            ms=Measurement.measured(ms, "ms", method="the gap less its parts", low=low, high=high),
            start_s=None if only is None else rounded(only.start_s),
            end_s=None if only is None else rounded(only.end_s),
            taken_from="both" if self._window.is_heard else "trace",
        )


def _with_first_sound(window: Window, told: Told) -> Window:
    """Let the way out begin with the first sound that was made, where no playout is told."""
    end_s = window.end_s
    made = [work.end_s for work in told.works if work.key == "speech_synthesis"]
    made = [at for at in made if end_s is None or at <= end_s + _OWN_END_S]
    return replace(window, playout_s=min(made)) if made else window


def _without_places(turn: TraceTurn, window: Window) -> tuple[TurnPart, ...]:
    """Return durations alone, where the trace knows neither when the caller ended nor an answer."""
    parts = [
        TurnPart(
            key=part.key,
            owner=part.owner,
            owner_kind=part.owner_kind,
            ms=Measurement.measured(round(part.ms, 1), "ms", method=BY_TRACE),
            inside=part.inside,
        )
        for part in sorted(turn.parts, key=lambda part: order_of(part.key))
    ]
    if window.gap_ms is None or not parts:
        return tuple(parts)
    known = math.fsum(part.ms.value or 0.0 for part in parts if part.inside is None)
    rest = Measurement.measured(
        round(window.gap_ms - known, 3) + 0.0, "ms", method="the gap less its parts"
    )
    unaccounted = TurnPart(
        key="unaccounted", owner="no part of the trace", owner_kind="pipeline", ms=rest
    )
    last = [part for part in parts if part.inside is not None]
    return (*(part for part in parts if part.inside is None), unaccounted, *last)


def _place(piece: Piece, handed_s: float) -> tuple[float, int]:
    start_s = handed_s if piece.start_s is None else piece.start_s
    end_s = start_s if piece.end_s is None else piece.end_s
    return min(start_s, end_s), order_of(piece.key)
