"""How an engine's WER grows as clips get worse, and where it has doubled."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from echotrace.model.benchmark import ClipCondition, Frontier, FrontierPoint
from echotrace.model.measure import Measurement, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from echotrace.model.benchmark import Cell

__all__ = ["breakpoint_of", "frontiers"]

_AXES = {
    "snr_db": ("dB", ("noise", "snr_db")),
    "packet_loss_percent": ("%", ("packet_loss_percent",)),
    "reverb_s": ("s", ("reverb_s",)),
    "codec": ("", ("codec",)),
}
"""For each axis its unit and what is taken away for the clean clips of its series."""


def frontiers(cells: Sequence[Cell]) -> tuple[Frontier, ...]:
    """Return the frontiers of one engine from its cells, those of two points and more.

    A series holds what else is the same. Where clips are given that have nothing but the axis,
    series with something besides are left out: they show two things at once.
    """
    of = {each.condition: each for each in cells if each.condition is not None}
    found: list[Frontier] = []
    for axis, (unit, keys) in _AXES.items():
        series = _series(of, axis, keys)
        plain = {name: each for name, each in series.items() if each[0] == ClipCondition()}
        for name, (clean, conditions) in (plain or series).items():
            points = tuple(_points(of, axis, clean, conditions))
            if len(points) < 2:
                continue
            found.append(
                Frontier(
                    engine=of[conditions[0]].engine,
                    axis=axis,
                    unit=unit,
                    series=name,
                    points=points,
                    breakpoint=breakpoint_of(points, axis, unit),
                )
            )
    return tuple(found)


def _series(
    of: Mapping[ClipCondition, Cell], axis: str, keys: Sequence[str]
) -> dict[str, tuple[ClipCondition, list[ClipCondition]]]:
    """Return for each series its name, its clean condition and its others."""
    grouped: defaultdict[tuple[str, ClipCondition], list[ClipCondition]] = defaultdict(list)
    for condition in of:
        if getattr(condition, axis) is None:
            continue
        clean = replace(condition, **dict.fromkeys(keys))
        besides = replace(clean, noise=condition.noise) if axis == "snr_db" else clean
        grouped[besides.label, clean].append(condition)
    return {name: (clean, conditions) for (name, clean), conditions in grouped.items()}


def _points(
    of: Mapping[ClipCondition, Cell],
    axis: str,
    clean: ClipCondition,
    conditions: Sequence[ClipCondition],
) -> Iterator[FrontierPoint]:
    if clean in of:
        yield FrontierPoint(label=clean.label, value=None, wer=of[clean].wer)
    if axis == "codec":
        ordered = sorted(conditions, key=lambda each: _at_end(of[each].wer))
        for condition in ordered:
            yield FrontierPoint(label=str(condition.codec), value=None, wer=of[condition].wer)
        return
    sign = -1.0 if axis == "snr_db" else 1.0
    for condition in sorted(conditions, key=lambda each: sign * getattr(each, axis)):
        yield FrontierPoint(
            label=condition.label, value=getattr(condition, axis), wer=of[condition].wer
        )


def _at_end(wer: Measurement) -> float:
    return float("inf") if wer.value is None else wer.value


def breakpoint_of(points: Sequence[FrontierPoint], axis: str, unit: str) -> Measurement:
    """Return where WER is twice that of the clean clips, or of the best point without them.

    It is interpolated between the last point below and the first one at or above it. Clean clips
    have a loss and a reverberation of 0 but no SNR: where the first noise doubles WER already, its
    SNR is a lower bound.
    """
    known = [(point, point.wer.value) for point in points if point.wer.value is not None]
    if len(known) < 2:
        return Measurement.not_measurable(unit, "WER is known at fewer than two points")
    begin = 0
    if points[0].value is not None or known[0][0] is not points[0]:
        begin = min(range(len(known)), key=lambda at: known[at][1])
    best, base = known[begin]
    if base == 0.0:
        return Measurement.not_measurable(
            unit, f"WER is 0 under {best.label}: there is nothing to double"
        )
    target = 2.0 * base
    doubled = next((at for at in range(begin + 1, len(known)) if known[at][1] >= target), None)
    if axis == "codec":
        return _of_codec(known[begin:], None if doubled is None else known[doubled][0], best)
    if doubled is None:
        worst = known[-1][0]
        why = f"WER has not doubled by {worst.label}"
        if begin == len(known) - 1:
            why = f"WER is lowest at the worst point, {worst.label}"
        return Measurement.not_measurable(unit, why)
    (before, below), (after, above) = known[doubled - 1], known[doubled]
    method = f"WER twice that of {best.label}, linear between points"
    doubt = next((point.wer.reason for point, _ in known if _is_doubted(point)), None)
    end = after.value or 0.0
    if before.value is None and axis == "snr_db":
        reason = f"WER has more than doubled at {after.label} already: it lies at or above that"
        return Measurement.estimated(end, unit, reason=reason, method=method)
    start = before.value or 0.0
    value = start + (end - start) * (target - below) / (above - below)
    if doubt is not None:
        return Measurement.estimated(value, unit, reason=doubt, method=method)
    return Measurement.measured(value, unit, method=method)


def _is_doubted(point: FrontierPoint) -> bool:
    return point.wer.status is Status.ESTIMATED


def _of_codec(
    known: Sequence[tuple[FrontierPoint, float]], doubled: FrontierPoint | None, best: FrontierPoint
) -> Measurement:
    if doubled is None:
        worst = known[-1][0].label
        why = f"no codec doubles WER; {worst} comes nearest"
        return Measurement.not_measurable("", why)
    return Measurement(
        unit="",
        status=Status.NOT_MEASURABLE,
        reason=f"codecs have no scale; {doubled.label} is the first that doubles WER",
        method=f"{doubled.label}: WER at least twice that of {best.label}",
    )
