"""The thin rows of a timeline, cell by cell: speech, turns, SNR, incidents, words, errors, axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rich.cells import cell_len

from echotrace.model.trace import PARTS
from echotrace.render.console.figures import number
from echotrace.render.console.lane import part_name
from echotrace.render.console.layout import style_of
from echotrace.render.console.pipeline_trace_bar import fill_of, look_of
from echotrace.render.console.timeline import mark_of, named, stamp
from echotrace.tui.lane_wave import DOTS
from echotrace.tui.window import ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.conversation import Turn
    from echotrace.model.reconciled import TurnPart
    from echotrace.model.report import Word, WordError
    from echotrace.render.console.layout import Page
    from echotrace.tui.lane_index import CallIndex, Lane, Spans
    from echotrace.tui.lane_wave import Cell, Peak
    from echotrace.tui.window import Window

__all__ = [
    "axis_row",
    "blank",
    "error_row",
    "head_row",
    "mark_row",
    "part_row",
    "role_of",
    "snr_row",
    "speech_row",
    "told_row",
    "turn_row",
    "whole_row",
    "word_row",
    "write",
]

T = TypeVar("T")

_ROLES = {"green": "good", "yellow": "warning", "bold red": "critical"}
_GRAVE = {"critical": 0, "warning": 1}
_QUIET = 2
_SPOKEN = 0.5
_CLOSE = 1e-3
_LABELLED = 3
"""Cells below which a block has no room for a number."""
_FULL_DB = 30.0
"""An SNR that fills its cell."""
_FEWEST = 4
"""Cells that a word has on average where words are written out."""
_LONGEST = 200


def blank(columns: int) -> list[Cell]:
    """Return an empty row."""
    return [(" ", "")] * columns


def write(row: list[Cell], at: int, text: str, role: str) -> None:
    """Write cleaned text over a row from a column on, as far as it fits, wide characters whole."""
    for char in text:
        cells = cell_len(char)
        if cells == 0:
            if 0 < at <= len(row) and row[at - 1][0]:
                row[at - 1] = (row[at - 1][0] + char, row[at - 1][1])
            continue
        if at < 0 or at + cells > len(row):
            return
        row[at] = (char, role)
        for more in range(1, cells):
            row[at + more] = ("", role)
        at += cells


def told_row(text: str, columns: int, page: Page) -> list[Cell]:
    """Return a sentence in the place of what there is not."""
    row = blank(columns)
    shown = page.data(text)
    if cell_len(shown) > columns:
        dots = page.glyphs.ellipsis
        while shown and cell_len(shown) + len(dots) > columns:
            shown = shown[:-1]
        shown += dots
    write(row, 0, shown, "dim")
    return row


def role_of(word: str | None) -> str:
    """Return the colour of a band or a severity."""
    return _ROLES.get(style_of(word), "dim")


def speech_row(lane: Lane, window: Window, found: Sequence[Peak | None], page: Page) -> list[Cell]:
    """Return where speech was found: by the segments, else by the envelope's probability."""
    row = blank(window.columns)
    mark = (page.glyphs.speech, "spoken")
    if len(lane.segments):
        for extent in _extents(lane.segments, window):
            for cell in extent.cells(window.columns):
                row[cell] = mark
        return row
    for cell in range(window.columns):
        near = found[cell * DOTS : cell * DOTS + DOTS]
        if any(peak is not None and peak.speech >= _SPOKEN for peak in near):
            row[cell] = mark
    return row


def turn_row(lane: Lane, index: CallIndex, window: Window, page: Page) -> list[Cell]:
    """Return a lane's side of the turns as blocks, and before the agent's how long one waits."""
    sides = _extents(lane.turns, window)
    shares = [0.0] * window.columns
    for side in sides:
        for cell in side.cells(window.columns):
            shares[cell] += side.share(cell)
    levels = page.glyphs.levels
    row = blank(window.columns)
    for cell, share in enumerate(shares):
        if share > 0:
            level = max(1, min(len(levels), round(share * len(levels))))
            row[cell] = (levels[level - 1], "turn")
    if lane.role == "agent":
        _waits(row, shares, index.waits, window, page)
    for side in sides:
        if side.end - side.begin >= _LABELLED:
            turn = lane.turns.items[side.at]
            is_answer = lane.role == "agent" and turn.user is not None
            kind = "" if is_answer else page.data(named(turn.kind), limit=20)
            _label(row, side, _names(turn, kind), "label")
    return row


def _names(turn: Turn, kind: str) -> list[str]:
    return [f"{turn.id} {kind}", str(turn.id)] if kind else [str(turn.id)]


def _waits(
    row: list[Cell], spoken: Sequence[float], waits: Spans[Turn], window: Window, page: Page
) -> None:
    """Fill the cells in which one waits longer than the agent speaks, the worst band on top."""
    ranked: dict[int, int] = {}
    for wait in _extents(waits, window):
        turn = waits.items[wait.at]
        cells = wait.cells(window.columns)
        rank = _GRAVE.get(turn.heard_gap_ms.band or "", _QUIET)
        if len(cells) == 1 and rank >= ranked.get(cells[0], _QUIET + 1):
            continue
        shown = [cell for cell in cells if wait.share(cell) >= spoken[cell]]
        if not shown and rank < _QUIET:
            shown = [max(cells, key=wait.share)]
        role = role_of(turn.heard_gap_ms.band)
        for cell in shown:
            if rank < ranked.get(cell, _QUIET + 1):
                ranked[cell] = rank
                row[cell] = (page.glyphs.empty, role)
        value = turn.heard_gap_ms.value
        if value is not None and wait.end - wait.begin >= _LABELLED:
            _label(row, wait, [f"{number(value)} ms", number(value)], f"{role}-label")


def _label(row: list[Cell], extent: _Extent, texts: Sequence[str], role: str) -> None:
    """Write the first of some texts that leaves a cell of the block free on both sides."""
    first, last = math.ceil(extent.begin), math.floor(extent.end)
    for text in texts:
        if last - first >= cell_len(text) + 2:
            write(row, first + 1, text, role)
            return


def part_row(parts: Spans[TurnPart], window: Window, page: Page) -> list[Cell]:
    """Return the parts of each wait, begun by a letter; its name where there is room for it.

    Of several in one column it is the one that takes most of it.
    """
    row = blank(window.columns)
    shares: dict[int, tuple[float, int]] = {}
    extents = _extents(parts, window)
    for number_of, extent in enumerate(extents):
        for cell in extent.cells(window.columns):
            share = (extent.share(cell), -number_of)
            shares[cell] = max(share, shares.get(cell, share))
    begun: set[int] = set()
    for cell, (_, behind) in sorted(shares.items()):
        part = parts.items[extents[-behind].at]
        role = f"part-{part.key}" if part.key in PARTS else "dim"
        row[cell] = (fill_of(part, page) if behind in begun else look_of(part.key).letter, role)
        begun.add(behind)
    for extent in extents:
        part = parts.items[extent.at]
        if extent.end - extent.begin >= _LABELLED and part.key in PARTS:
            name = part_name(part.key, page)
            shown = [f" {name} {number(part.ms.value or 0.0)} ", f" {name} "]
            _label(row, extent, shown, f"part-{part.key}")
    return row


def snr_row(lane: Lane, window: Window, page: Page) -> list[Cell]:
    """Return the lowest SNR under each column, as a level up to 30 dB.

    It is that of the words where there are any, else that of the stretch of speech. The colour is
    that of the band which the report gives the stretch; it gives a word none.
    """
    row = blank(window.columns)
    lowest: dict[int, float] = {}
    roles: dict[int, str] = {}
    for extent in _extents(lane.segments, window):
        known = lane.segments.items[extent.at].snr_db
        if known.value is not None and math.isfinite(known.value):
            for cell in extent.cells(window.columns):
                if known.value <= lowest.get(cell, known.value):
                    lowest[cell], roles[cell] = known.value, role_of(known.band)
    under: dict[int, float] = {}
    words = lane.words
    few = len(words.begun(window.start_s, window.end_s)) <= _FEWEST * window.columns
    for extent in _extents(words, window) if few or not lowest else ():
        level_db = words.items[extent.at].snr_db
        if level_db is not None and math.isfinite(level_db):
            for cell in extent.cells(window.columns):
                under[cell] = min(level_db, under.get(cell, level_db))
    levels = page.glyphs.levels
    for cell, snr_db in {**lowest, **under}.items():
        level = max(0, min(len(levels) - 1, int(snr_db / _FULL_DB * len(levels))))
        row[cell] = (levels[level], roles.get(cell, "dim"))
    return row


def mark_row(index: CallIndex, window: Window, page: Page) -> list[Cell]:
    """Return the incidents as letters, each with a line as long as it lasted.

    The gravest comes first; one whose cell is taken moves to a free neighbour, or is not drawn.
    """
    row = blank(window.columns)
    items = index.incidents.items
    shown = _extents(index.incidents, window)
    shown.sort(key=lambda extent: _GRAVE.get(items[extent.at].severity.value, _QUIET))
    for extent in reversed(shown):
        role = role_of(items[extent.at].severity.value)
        for cell in extent.cells(window.columns):
            row[cell] = (page.glyphs.rule, role)
    taken: set[int] = set()
    for extent in shown:
        item, begin = items[extent.at], extent.cells(window.columns)[0]
        for cell in (begin, begin + 1, begin - 1):
            if 0 <= cell < window.columns and cell not in taken:
                taken.add(cell)
                role = f"{role_of(item.severity.value)}-mark"
                row[cell] = (mark_of(item.type), role)
                break
    return row


def word_row(
    words: Spans[Word], window: Window, page: Page, wrong: frozenset[int] = frozenset()
) -> list[Cell]:
    """Return the words at their times, or where they have no room how dense they are."""
    count = len(words.begun(window.start_s, window.end_s))
    if count * _FEWEST > window.columns:
        return _density(words, window, page)
    row = blank(window.columns)
    shown = list(words.within(window.start_s, window.end_s))
    begins = [window.column_of(max(words.starts[at], window.start_s)) for at in shown]
    ends = [*begins, window.columns + 1][1:]
    whole = 0
    for at, begin, end in zip(shown, begins, ends, strict=True):
        word, room = words.items[at], end - begin - 1
        text = page.data(word.text[:_LONGEST])
        fits = cell_len(text) <= room
        whole += fits
        if not fits:
            text = _cut(text, room, page) if room > 2 else page.glyphs.ellipsis[:1]
        write(row, begin, text, "error" if id(word) in wrong else "text")
    return row if whole * 2 >= len(shown) else _density(words, window, page)


def _cut(text: str, room: int, page: Page) -> str:
    dots = page.glyphs.ellipsis[:1]
    while text and cell_len(text) + len(dots) > room:
        text = text[:-1]
    return text + dots


def _density(words: Spans[Word], window: Window, page: Page) -> list[Cell]:
    counts = [
        len(words.begun(window.time_of(cell), window.time_of(cell + 1)))
        for cell in range(window.columns)
    ]
    most = max(counts, default=0) or 1
    levels = page.glyphs.levels
    top = len(levels) // 2
    return [
        (levels[max(0, math.ceil(count / most * top) - 1)], "quiet") if count else (" ", "")
        for count in counts
    ]


def error_row(errors: Spans[WordError], window: Window, page: Page) -> list[Cell]:
    """Return an ``x`` per misheard word, and behind it what was said and heard if there is room."""
    row = blank(window.columns)
    shown = list(errors.within(window.start_s, window.end_s))
    begins = [window.column_of(max(errors.starts[at], window.start_s)) for at in shown]
    for place, at in enumerate(shown):
        row[begins[place]] = ("x", "error-mark")
        end = begins[place + 1] if place + 1 < len(begins) else window.columns + 1
        text = _said(errors.items[at], page) if end - begins[place] > _FEWEST else ""
        if text and begins[place] + 2 + cell_len(text) < end:
            write(row, begins[place] + 2, text, "error")
    return row


def _said(error: WordError, page: Page) -> str:
    gold, actual = (
        None if word is None else page.data(word[:_LONGEST]) for word in (error.gold, error.actual)
    )
    if gold is not None and actual is not None:
        return f"{gold} -> {actual}"
    return f"[-{gold}-]" if gold is not None else f"[+{actual}+]" if actual is not None else ""


def axis_row(window: Window, page: Page) -> list[Cell]:
    """Return round times, each behind a stroke at its place."""
    row = blank(window.columns)
    free = 0
    for at, label in ticks(window):
        if at >= free and at + 1 + len(label) <= window.columns:
            write(row, at, page.glyphs.guide + label, "dim")
            free = at + len(label) + 2
    return row


def head_row(window: Window, selected: tuple[float, float] | None, page: Page) -> list[Cell]:
    """Return the cursor's time over its column, and the selection as a bracket."""
    row = blank(window.columns)
    if selected is not None and selected[0] <= window.end_s and selected[1] >= window.start_s:
        cells = _Extent(0, window.cell(selected[0]), window.cell(selected[1])).cells(window.columns)
        for cell in cells:
            row[cell] = (page.glyphs.rule, "bracket")
        if selected[0] >= window.start_s:
            row[cells[0]] = ("[", "bracket")
        if selected[1] <= window.end_s and len(cells) > 1:
            row[cells[-1]] = ("]", "bracket")
    text = stamp(window.cursor_s, digits=2)
    at = window.cursor
    row[at] = ("v" if page.ascii_only else "▼", "cursor-time")
    if at + 1 + len(text) <= window.columns:
        write(row, at + 1, text, "cursor-time")
        beside = at + 1 + len(text)
    else:
        write(row, max(0, at - len(text)), text, "cursor-time")
        beside = at - len(text) - 1
    if 0 <= beside < window.columns and row[beside][0] in "[]":
        row[beside] = (" ", "")  # the rest of its bracket is under the time
    return row


def whole_row(found: Sequence[Peak | None], window: Window, page: Page) -> list[Cell]:
    """Return the whole recording in one row, with the window marked in it."""
    levels = page.glyphs.levels
    highest = max((_height(peak) for peak in found), default=0.0) or 1.0
    whole = window.fit()
    inside = range(whole.column_of(window.start_s), whole.column_of(window.end_s) + 1)
    row: list[Cell] = []
    for cell in range(window.columns):
        height = max(map(_height, found[cell * DOTS : cell * DOTS + DOTS]), default=0.0)
        level = min(len(levels) - 1, int(height / highest * len(levels)))
        row.append((levels[level], "inside" if cell in inside else "quiet"))
    return row


def _height(peak: Peak | None) -> float:
    return 0.0 if peak is None else max(abs(peak.low), abs(peak.high))


class _Extent(NamedTuple):
    """The number of a thing among its like, and where it lies, in columns from the left."""

    at: int
    begin: float
    end: float

    def cells(self, columns: int) -> range:
        """Return the columns that it touches, at least one."""
        first = min(int(self.begin + _CLOSE), columns - 1)
        return range(first, min(columns, max(math.ceil(self.end - _CLOSE), first + 1)))

    def share(self, cell: int) -> float:
        """Return how much of a column it covers."""
        return max(0.0, min(self.end, cell + 1.0) - max(self.begin, float(cell)))


def _extents(spans: Spans[T], window: Window) -> list[_Extent]:
    """Return where those of the window lie; thousands may, so nothing is looked up twice."""
    start_s, step_s, columns = window.start_s, window.step_s, float(window.columns)
    starts, ends = spans.starts, spans.ends
    return [
        _Extent(
            at,
            min(max((starts[at] - start_s) / step_s, 0.0), columns),
            min(max((ends[at] - start_s) / step_s, 0.0), columns),
        )
        for at in spans.within(start_s, window.end_s)
    ]
