"""A run beside its baseline: each figure's difference as a dot with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.render.console.figures import figure, interval, number, percent, quantity
from echotrace.render.html.head import finding_list
from echotrace.render.html.markup import Markup, Part, el, join
from echotrace.render.html.svg import Scale, extent, whisker
from echotrace.render.html.texts import Notes, badge, counted_rest, figure_cell, table
from echotrace.render.html.words import diff

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.benchmark import FigureComparison, MovedClip, RunComparison

__all__ = ["comparison_block"]

_MOVED = 30
_WORDS = 400


def comparison_block(result: RunComparison) -> Iterator[Part]:
    """Yield the verdict, a row per figure, and the clips that moved most with both diffs."""
    yield el("p", badge(result.outcome), " ", result.reason, class_="verdict")
    both = f"{result.clips_in_both:,} clips in both"
    apart = [
        f"{count:,} only in {name}"
        for count, name in ((result.only_in_a, result.a), (result.only_in_b, result.b))
        if count
    ]
    yield el("p", "A: ", el("b", result.a), ", B: ", el("b", result.b), "; ",
             ", ".join([both, *apart]), class_="dim")  # fmt: skip
    yield finding_list(result.warnings)
    yield _figures(result.figures)
    if result.moved:
        yield el("h3", "Clips that moved most")
        yield from (_moved(item, result) for item in result.moved[:_MOVED])
        yield counted_rest(len(result.moved) - _MOVED, "clip")


def _figures(figures: Sequence[FigureComparison]) -> Markup:
    notes = Notes()
    scales = {unit: _scale(unit, figures) for unit in dict.fromkeys(f.unit for f in figures)}
    rows = [_row(item, scales[item.unit], notes) for item in figures]
    head = ("of", "figure", "A", "B", "B - A", "better is left", "B better", "could find", "n",
            "outcome", "why")  # fmt: skip
    whole = table(head, rows, numbers=(2, 3, 4, 6, 7, 8), label="comparison", class_="versus")
    return join([whole, notes.listed()])


def _scale(unit: str, figures: Sequence[FigureComparison]) -> Scale:
    """Return one scale for all figures of a unit, as far to the left of 0 as to the right."""
    bounds = [
        bound
        for item in figures
        if item.unit == unit
        for bound in (item.difference.value, item.difference.low, item.difference.high)
    ]
    found = extent(bounds)
    reach = max(abs(found.first), abs(found.last))
    return Scale.of(-reach, reach)


def _row(item: FigureComparison, scale: Scale, notes: Notes) -> Markup:
    change = item.difference
    label = f"{item.label} of {item.subject}: {figure(change)} {interval(change)}"
    sign = -1 if item.more_is_better else 1
    bounds = [None if v is None else sign * v for v in (change.value, change.low, change.high)]
    known = ("pass", "regression", "not_enough_evidence")
    drawn = whisker(
        scale,
        *bounds,
        class_=item.outcome if item.outcome in known else "",
        zero=0.0,
        label=label,
    )
    chance = item.improvement_probability
    least = item.minimum_detectable_effect
    return el(
        "tr",
        el("th", item.subject, scope="row"),
        el("td", item.label),
        figure_cell(item.a, notes, metric=item.metric, sure=False),
        figure_cell(item.b, notes, metric=item.metric, sure=False),
        figure_cell(change, notes, metric=item.metric, signed=True),
        el("td", drawn if change.value is not None else None, class_="drawn"),
        el("td", "" if chance is None else percent(chance), class_="num"),
        el(
            "td",
            "" if least is None else quantity(least, item.unit, metric=item.metric),
            class_="num",
        ),
        el("td", f"{number(item.n)}{'' if item.paired else ' unpaired'}", class_="num"),
        el("td", badge(item.outcome)),
        el("td", item.reason),
    )


def _moved(item: MovedClip, result: RunComparison) -> Markup:
    change = item.edits_b - item.edits_a
    head = el(
        "p",
        el("b", item.clip),
        f" {item.subject}, {item.condition.label}: ",
        el("span", f"{change:+,} errors", class_="t-red" if change > 0 else "t-green"),
        f" of {item.words:,} words",
    )
    sides = [
        el("div", el("span", f"{name}, {count:,} errors", class_="dim"), diff(ops, _WORDS))
        for name, count, ops in (
            (result.a, item.edits_a, item.diff_a),
            (result.b, item.edits_b, item.diff_b),
        )
        if ops
    ]
    return el("div", head, el("div", *sides, class_="sides"), class_="clip")
