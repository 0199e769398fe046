"""The turns of a report as pieces of waiting, whatever they were measured by."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from echotrace.errors import InputError
from echotrace.model.measure import Measurement, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from echotrace.model.pipeline import Pipeline
    from echotrace.model.reconciled import PipelineSpan, PipelineTrace, PipelineTurn, TurnPart
    from echotrace.model.report import Report

__all__ = ["Case", "Cases", "Piece", "Work", "cases_of"]

_SAME_MS: Final = 1.0
"""A part whose ends are further from its length than this has no place of its own."""
_OF_A_FIT: Final = ("fitted", "given", "stated")
_RUN: Final = (
    "echotrace analyze call.wav --trace spans.json --output report.json, then ask that report"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One part that the answer waited for; times in ms since the case began, None if not known."""

    key: str
    ms: float
    start_ms: float | None = None
    end_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Work on one part as it really ran, beside the pieces or under one of them."""

    key: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One wait: its pieces add up to ``gap_ms`` but for what has no figure.

    ``is_watched`` says that what ran beside the pieces is known, ``is_sum`` that nothing did: the
    wait was put together. ``inside`` holds parts that lie in another one; those whose place is
    known are in ``works`` too.
    """

    turn_id: int | None
    trace_turn_id: int | None
    gap_ms: float
    pieces: tuple[Piece, ...]
    works: tuple[Work, ...] = ()
    inside: tuple[Piece, ...] = ()
    is_watched: bool = True
    is_sum: bool = False

    def part_keys(self) -> frozenset[str]:
        """The parts that this wait has."""
        return frozenset(item.key for item in (*self.pieces, *self.inside))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """All waits of a report, what they are, and how far they can be trusted before any change.

    ``slack_ms`` is how far times of the trace may be off beside those of the recording.
    """

    items: tuple[Case, ...]
    basis: str
    left_out: dict[str, int]
    owners: dict[str, tuple[str, ...]]
    status: Status = Status.MEASURED
    reason: str | None = None
    slack_ms: float = 0.0
    one: str = "turn"


def cases_of(report: Report) -> Cases:
    """Return the turns of the report's trace, or the samples of its estimate where it has none.

    Raises:
        InputError: it has neither, or none of its turns has parts.
    """
    pipeline = report.pipeline
    if pipeline is None:
        raise InputError(
            "the report has no parts of the wait to change",
            why="neither a trace of the pipeline nor a probe of its services went into it",
            hint=_RUN,
            code="NO_PARTS",
        )
    if pipeline.trace is not None:
        cases = _of_trace(pipeline.trace)
        if cases.items:
            return cases
        why = "; ".join(f"{count:,} {reason}" for reason, count in cases.left_out.items())
    else:
        why = pipeline.total_ms.reason or ""
    if pipeline.samples:
        return _of_estimate(pipeline)
    raise InputError(
        "no turn of the report has parts that could be changed",
        why=why,
        hint=_RUN,
        code="NO_PARTS",
    )


def _of_estimate(pipeline: Pipeline) -> Cases:
    items = tuple(
        Case(
            turn_id=None,
            trace_turn_id=sample.index,
            gap_ms=sample.total_ms,
            pieces=tuple(Piece(key=key, ms=ms) for key, ms in sample.parts_ms.items()),
            is_sum=True,
        )
        for sample in pipeline.samples
    )
    status = Status.SIMULATED if pipeline.simulated else Status.ESTIMATED
    return Cases(
        items=items,
        basis="estimate",
        left_out={},
        owners={part.key: (part.owner,) for part in pipeline.parts},
        status=status,
        reason=pipeline.total_ms.reason or "sums of probed parts",
        one="answer",
    )


def _of_trace(trace: PipelineTrace) -> Cases:
    basis = "heard" if trace.has_recording else "claimed"
    left_out: Counter[str] = Counter()
    owners: dict[str, dict[str, None]] = defaultdict(dict)
    kept: list[tuple[PipelineTurn, float]] = []
    for turn in trace.turns:
        gap = turn.heard_gap_ms if trace.has_recording else turn.claimed_gap_ms
        why = _why_not(turn, gap, basis)
        if why is not None:
            left_out[why] += 1
            continue
        kept.append((turn, gap.value or 0.0))
        for part in turn.parts:
            owners[part.key].setdefault(part.owner)
    on_clock = trace.clock.status in _OF_A_FIT or not trace.has_recording
    spans = _by_turn(trace.spans, [turn for turn, _ in kept]) if on_clock else {}
    return Cases(
        items=tuple(_case(turn, gap, spans.get(at, ())) for at, (turn, gap) in enumerate(kept)),
        basis=basis,
        left_out=dict(left_out),
        owners={key: tuple(names) for key, names in owners.items()},
        status=Status.MEASURED if trace.has_recording else Status.ESTIMATED,
        reason=None if trace.has_recording else "the pipeline's own figures, not what was heard",
        slack_ms=trace.clock.residual_ms or 0.0,
    )


def _why_not(turn: PipelineTurn, gap: Measurement, basis: str) -> str | None:
    if not turn.counted:
        return turn.why_not or "not counted"
    if gap.value is None:
        return f"without a {basis} gap"
    if not any(part.ms.value is not None and part.key != "unaccounted" for part in turn.parts):
        return "without parts"
    return None


def _case(turn: PipelineTurn, gap_ms: float, spans: Iterable[PipelineSpan]) -> Case:
    zero_s = min((part.start_s for part in turn.parts if part.start_s is not None), default=0.0)
    pieces = tuple(_piece(part, zero_s) for part in _told(turn.parts) if part.inside is None)
    inside = tuple(_piece(part, zero_s) for part in _told(turn.parts) if part.inside is not None)
    works = [
        Work(key=piece.key, start_ms=piece.start_ms, end_ms=_until(piece, pieces))
        for piece in _placed(turn.parts, inside, pieces)
        if piece.start_ms is not None
    ]
    first = [piece.start_ms for piece in pieces if piece.start_ms is not None]
    last = [piece.end_ms for piece in pieces if piece.end_ms is not None]
    seen = False
    for span in spans:
        start_ms, end_ms = (_since(zero_s, at_s) for at_s in (span.start_s, span.end_s))
        if not first or not last or end_ms <= min(first) or start_ms >= max(last):
            continue
        seen = True
        if span.status == "ok" and span.part is not None:
            begun_ms = max(start_ms, min(first))
            works.append(Work(key=span.part, start_ms=begun_ms, end_ms=end_ms))
    return Case(
        turn_id=turn.turn_id,
        trace_turn_id=turn.trace_turn_id,
        gap_ms=gap_ms,
        pieces=pieces,
        inside=inside,
        works=tuple(works),
        is_watched=seen,
    )


def _told(parts: Sequence[TurnPart]) -> list[TurnPart]:
    return [part for part in parts if part.ms.value is not None]


def _piece(part: TurnPart, zero_s: float) -> Piece:
    ms = part.ms.value or 0.0
    if part.start_s is None or part.end_s is None or ms < 0.0:
        return Piece(key=part.key, ms=ms)
    start_ms, end_ms = (_since(zero_s, at_s) for at_s in (part.start_s, part.end_s))
    if abs(end_ms - start_ms - ms) > _SAME_MS:
        return Piece(key=part.key, ms=ms)
    return Piece(key=part.key, ms=ms, start_ms=start_ms, end_ms=start_ms + ms)


def _since(zero_s: float, at_s: float) -> float:
    return round(1000.0 * (at_s - zero_s), 3)


def _placed(
    parts: Sequence[TurnPart], inside: Sequence[Piece], pieces: Sequence[Piece]
) -> Iterable[Piece]:
    """Yield the parts inside others with a place: their own, else at the other one's begin."""
    hosts = {piece.key: piece.start_ms for piece in pieces if piece.start_ms is not None}
    within = [part.inside for part in _told(parts) if part.inside is not None]
    for piece, host in zip(inside, within, strict=True):
        if piece.start_ms is not None or piece.ms < 0.0:
            yield piece
        elif host in hosts:
            start_ms = hosts[host]
            yield Piece(key=piece.key, ms=piece.ms, start_ms=start_ms, end_ms=start_ms + piece.ms)


def _until(hidden: Piece, pieces: Sequence[Piece]) -> float:
    """Return when work ends: what is hidden behind another part may go on as a part of its own."""
    end_ms = hidden.end_ms or 0.0
    own = (piece for piece in pieces if piece.key == hidden.key and piece.start_ms is not None)
    ends = (piece.end_ms for piece in own if abs((piece.start_ms or 0.0) - end_ms) <= _SAME_MS)
    return next((end for end in ends if end is not None), end_ms)


def _by_turn(
    spans: Sequence[PipelineSpan], turns: Sequence[PipelineTurn]
) -> dict[int, list[PipelineSpan]]:
    """Return the spans of parts by the position of their turn: by its number, else by its time."""
    numbers = {
        turn.trace_turn_id: at for at, turn in enumerate(turns) if turn.trace_turn_id is not None
    }
    windows = sorted(
        (max(ends), min(starts), at)
        for at, turn in enumerate(turns)
        for starts in [[part.start_s for part in turn.parts if part.start_s is not None]]
        for ends in [[part.end_s for part in turn.parts if part.end_s is not None]]
        if starts and ends
    )
    last = [end_s for end_s, _, _ in windows]
    found: dict[int, list[PipelineSpan]] = defaultdict(list)
    for span in spans:
        if span.part is None:
            continue
        if span.turn is not None:
            if span.turn in numbers:
                found[numbers[span.turn]].append(span)
            continue
        place = bisect_left(last, span.start_s)
        if place < len(windows) and windows[place][1] < span.end_s:
            found[windows[place][2]].append(span)
    return found
