"""Two reports side by side as lines, one per row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from echotrace.render.console.figures import figure, interval, number, quantity
from echotrace.render.console.layout import style_of
from echotrace.render.console.score import metric_name, points
from echotrace.render.console.timeline import named, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from echotrace.comparison.conditions import Condition
    from echotrace.comparison.figures import FigureChange
    from echotrace.comparison.score import DeductionChange, Unscored
    from echotrace.comparison.turns import TurnChange
    from echotrace.comparison.words import WordChange, WordChanges
    from echotrace.model.conversation import Turn
    from echotrace.model.measure import Measurement
    from echotrace.model.report import Deduction, Report
    from echotrace.render.console.layout import Page

__all__ = [
    "VERDICT_STYLES",
    "condition_line",
    "deduction_line",
    "figure_head",
    "figure_line",
    "report_line",
    "signed",
    "turn_head",
    "turn_line",
    "unscored_line",
    "verdict_text",
    "word_head",
    "word_line",
]

VERDICT_STYLES = {
    "better": "green",
    "worse": "red",
    "could be chance": "yellow",
    "uncertain": "yellow",
    "changed": "cyan",
    "only in A": "cyan",
    "only in B": "cyan",
    "gap only in A": "cyan",
    "gap only in B": "cyan",
    "not alike": "yellow",
    "same": "dim",
    "n/a": "dim",
}
"""Which way something went is told by its word; the colour only repeats it."""
_SHORT = {
    "could be chance": "chance?",
    "only in A": "only A",
    "only in B": "only B",
    "gap only in A": "gap A",
    "gap only in B": "gap B",
    "not alike": "unlike",
}
_AGAINST_GOLD = {"better": "fixed", "worse": "new error", "changed": "other"}
_NARROW, _WIDE = 64, 100
_GAP = 2
_DIFFERENCE = 10
_SHORT_VERDICT, _VERDICT = 9, 15
_TIME = 10


def signed(value: float | None, unit: str, *, metric: str = "") -> str:
    """Return a difference with its sign and unit; that of two ratios is in percentage points."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return "n/a"
    shown = quantity(abs(value), unit, metric=metric)
    if shown.endswith(" %") and unit == "ratio":
        shown = f"{number(abs(value) * 100, 1)} pp"
    if value and not any(digit in shown for digit in "123456789"):
        shown = f"{abs(value):.1g} {unit}".rstrip()
    return f"{'-' if value < 0 else '+' if value > 0 else ''}{shown}"


def verdict_text(verdict: str, width: int, *, words: bool = False) -> Text:
    """Return the word of a verdict; of words against one gold text it is fixed or new."""
    shown = _AGAINST_GOLD.get(verdict, verdict) if words else verdict
    if width < _VERDICT:
        shown = _SHORT.get(shown, shown)
    return Text(shown, style=VERDICT_STYLES.get(verdict, ""))


def report_line(letter: str, name: str, report: Report, page: Page) -> Text:
    """Return which report a letter stands for: its name, its score and its job."""
    score = report.score
    line = Text.assemble((f" {letter} ", "bold reverse"), " ")
    value = "n/a" if score.value is None else number(score.value, 0 if score.value % 1 == 0 else 1)
    told = Text.assemble((f"{value} / 100", "bold"))
    if score.grade:
        told.append(f" {page.data(score.grade, limit=16).upper()}", style_of(score.grade))
    if report.status.value != "complete":
        told.append(f"  {report.status.value.upper()}", style_of(report.status.value))
    room = page.width - line.cell_len - told.cell_len - _GAP
    line.append(page.data(name, limit=max(8, min(room, 40))))
    line.append("  ")
    line.append_text(told)
    job = f"  job {page.data(report.job_id, limit=14)}, {page.data(report.created_at, limit=20)}"
    if line.cell_len + cell_len(job) <= page.width:
        line.append(job, "dim")
    line.truncate(page.width)
    return line


def figure_head(page: Page, difference: str = "B less A") -> Text:
    """Return the heads over the rows of figures."""
    cells = [Text(word, "dim") for word in ("", "A", "B", difference, "")]
    return _side_by_side(cells, page)


def figure_line(row: FigureChange, page: Page) -> Text:
    """Return one figure in both reports, how far it moved, and which way that is."""
    room = _sides(page)
    return _side_by_side(
        [
            Text(page.data(row.label, limit=_columns(page)[0])),
            _value(row.a, row.metric, page, room),
            _value(row.b, row.metric, page, room),
            _moved(signed(row.difference, row.a.unit, metric=row.metric), row.difference),
            _verdict(row.verdict.value, page),
        ],
        page,
    )


def deduction_line(row: DeductionChange, page: Page) -> Text:
    """Return what one metric costs in each report; the difference is in points of the score."""
    return _side_by_side(
        [
            Text(f"  {page.data(metric_name(row.metric), limit=24)}"),
            _cost(row.a, page),
            _cost(row.b, page),
            _moved(signed(row.difference, ""), row.difference),
            _verdict(row.verdict.value, page),
        ],
        page,
    )


def unscored_line(row: Unscored, page: Page) -> Text:
    """Return a metric that one of the scores is without."""
    sides = [Text("not scored" if side is not None else "scored") for side in (row.a, row.b)]
    label = Text(f"  {page.data(metric_name(row.metric), limit=24)}")
    return _side_by_side([label, *sides, Text(), _verdict(row.verdict.value, page)], page)


def condition_line(row: Condition, page: Page) -> Text:
    """Return one thing that the two runs were made with."""
    sides = [Text(page.data(side)) for side in (row.a, row.b)]
    cells = [Text(row.label, "dim"), *sides, Text(), _verdict(row.verdict.value, page)]
    return _side_by_side(cells, page)


def turn_head(page: Page) -> Text:
    """Return the heads over the rows of turns."""
    heads = ("A", "B", "at", "kind", "gap A ms", "gap B ms", "B less A", "")
    return _turn_cells([Text(word, "dim") for word in heads], page)


def turn_line(row: TurnChange, page: Page) -> Text:
    """Return one turn in both reports, and how far its heard gap moved in ms."""
    turns = [turn for turn in (row.a, row.b) if turn]
    kinds = list(dict.fromkeys(named(turn.kind) for turn in turns))
    span = turns[0].span_s if turns else None
    moved = row.difference
    return _turn_cells(
        [
            Text(f"{row.a.id:,}" if row.a else "-"),
            Text(f"{row.b.id:,}" if row.b else "-"),
            Text(_at(span[0] if span else None), style="cyan"),
            Text(page.data(" > ".join(kinds))),
            _gap(row.a),
            _gap(row.b),
            _moved(_whole(moved), moved),
            _verdict(row.verdict.value, page),
        ],
        page,
    )


def word_head(words: WordChanges, page: Page) -> Text:
    """Return the heads over the rows of words."""
    heads = ("at", "gold", "A heard", "B heard", "")
    return _word_cells([Text(word, "dim") for word in heads], page, gold=words.has_gold)


def word_line(row: WordChange, words: WordChanges, page: Page) -> Text:
    """Return one stretch that the transcripts do not agree on."""
    at_s = row.at_a_s if row.at_a_s is not None else row.at_b_s
    cells = [Text(_at(at_s), style="cyan")]
    cells.append(Text(page.data(" ".join(row.gold))))
    for side in (row.a, row.b):
        wrong = words.has_gold and side != row.gold
        shown = page.data(" ".join(side))
        cells.append(Text(shown, "red" if wrong else "") if shown else Text("-", "dim"))
    verdict = verdict_text(row.verdict.value, _columns(page)[1], words=words.has_gold)
    return _word_cells([*cells, verdict], page, gold=words.has_gold)


def _at(seconds: float | None) -> str:
    return "" if seconds is None else stamp(seconds, digits=2)


def _moved(shown: str, difference: float | None) -> Text:
    return Text(shown, style="bold" if difference else "dim")


def _whole(difference: float | None) -> str:
    if difference is None:
        return ""
    return f"{'+' if difference > 0 else ''}{number(difference)}"


def _gap(turn: Turn | None) -> Text:
    if turn is None:
        return Text("-", "dim")
    item = turn.heard_gap_ms
    if item.value is None:
        return Text("n/a", "dim")
    return Text(number(item.value), style=style_of(item.band))


def _value(item: Measurement, metric: str, page: Page, room: int) -> Text:
    """Return a figure with as much of its interval, its band or its reason as has room."""
    if item.value is None:
        reason = f": {page.data(item.reason or '')}" if room >= 20 else ""
        return Text.assemble(("n/a", "bold"), (reason, "dim"))
    text = Text(page.data(figure(item, metric=metric)))
    band = (page.data(item.band or "", limit=16), style_of(item.band))
    return _with(text, [band, (interval(item, metric=metric), "dim")], room)


def _cost(item: Deduction | None, page: Page) -> Text:
    if item is None:
        return Text("-", "dim")
    text = Text.assemble((f"-{points(item.points)}", "bold"))
    value = quantity(item.value, page.data(item.unit, limit=12), metric=item.metric)
    return _with(text, [(value, ""), (page.data(item.band, limit=16), "dim")], _sides(page))


def _with(text: Text, extras: Iterable[tuple[str | None, str]], room: int) -> Text:
    """Append each of these that still has room; what has none is left out, not cut."""
    for extra, style in extras:
        if extra and text.cell_len + 1 + cell_len(extra) <= room:
            text.append(f" {extra}", style)
    return text


def _verdict(verdict: str, page: Page) -> Text:
    return verdict_text(verdict, _columns(page)[1])


def _columns(page: Page) -> tuple[int, int]:
    """Return the cells of a row's name and of its verdict."""
    if page.width < _NARROW:
        name = page.width - 2 - _DIFFERENCE - _SHORT_VERDICT - 2 * _GAP
        return max(6, min(18, name)), _SHORT_VERDICT
    return (18 if page.width >= _WIDE else 14), _VERDICT


def _sides(page: Page) -> int:
    """Return the cells of each report's column; 0 where there is no room for them."""
    if page.width < _NARROW:
        return 0
    name, verdict = _columns(page)
    return min(48, (page.width - 1 - name - _DIFFERENCE - verdict - 4 * _GAP) // 2)


def _side_by_side(cells: Sequence[Text], page: Page) -> Text:
    name, verdict = _columns(page)
    side = _sides(page)
    widths = [name, side, side, _DIFFERENCE, verdict]
    return _row(zip(cells, widths, (0, 0, 0, 1, 0), strict=True), page)


def _turn_cells(cells: Sequence[Text], page: Page) -> Text:
    if page.width < _NARROW:
        widths = [5, 5, 0, 0, 0, 0, 8, _SHORT_VERDICT]
    else:
        verdict = _columns(page)[1] if page.width >= 86 else _SHORT_VERDICT
        kind = min(30, page.width - 1 - 5 - 5 - _TIME - 8 - 8 - 8 - verdict - 7 * _GAP)
        widths = [5, 5, _TIME, max(kind, 0), 8, 8, 8, verdict]
    right = (1, 1, 1, 0, 1, 1, 1, 0)
    return _row(zip(cells, widths, right, strict=True), page)


def _word_cells(cells: Sequence[Text], page: Page, *, gold: bool) -> Text:
    verdict = _SHORT_VERDICT
    narrow = page.width < _NARROW
    columns = 2 + (gold and not narrow)
    at = 0 if narrow else _TIME
    left = page.width - 1 - at - verdict - (columns + (0 if narrow else 1)) * _GAP
    side = max(4, left // columns)
    widths = [at, side if gold and not narrow else 0, side, side, verdict]
    return _row(zip(cells, widths, (1, 0, 0, 0, 0), strict=True), page)


def _row(cells: Iterable[tuple[Text, int, int]], page: Page) -> Text:
    """Return the cells in their columns; a column of no width is left out."""
    line = Text(" ")
    for cell, width, right in cells:
        if not width:
            continue
        shown = cell.copy()
        if shown.cell_len > width:
            sign = page.glyphs.ellipsis
            shown.truncate(max(0, width - len(sign)), overflow="crop")
            shown.append(sign)
        gap = " " * (width - shown.cell_len)
        parts = (gap, shown) if right else (shown, gap)
        line.append_text(Text.assemble(*parts, " " * _GAP))
    line.rstrip()
    line.truncate(page.width, overflow="crop")
    return line
