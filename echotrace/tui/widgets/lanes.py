"""The lanes of a recording on one clock, drawn row by row and only as far as they are seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from echotrace.model.trace import PARTS
from echotrace.render.console.figures import number
from echotrace.tui.lane_rows import (
    axis_row,
    blank,
    error_row,
    head_row,
    mark_row,
    part_row,
    snr_row,
    speech_row,
    told_row,
    turn_row,
    whole_row,
    word_row,
)
from echotrace.tui.lane_wave import DOTS, Cell, peaks, wave_rows
from echotrace.tui.lines import page_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual import events
    from textual.geometry import Size

    from echotrace.render.console.layout import Page
    from echotrace.tui.lane_index import CallIndex, Lane
    from echotrace.tui.lane_wave import Detail, Peak
    from echotrace.tui.window import Window

__all__ = ["LEFT", "Lanes"]

LEFT = 9
"""Cells of a row's name."""

_HIGHEST = 16
"""Rows of an envelope; more show nothing new."""
_LOWEST = 2
_KEPT = 8
"""So many windows are kept as drawn: one goes back to them, most of all to the whole."""
_WHOLE_FROM = 26
"""Rows from which there is one for the whole recording."""

_ROLES = (
    *("speech", "quiet", "spoken", "turn", "label", "text", "dim", "error", "error-mark"),
    *("good", "warning", "critical", "good-label", "warning-label", "critical-label", "dim-label"),
    *("dim-mark", "good-mark", "warning-mark", "critical-mark", "bracket", "inside"),
    *("cursor-time", "cursor", "selected", "name"),
    *(f"part-{key}" for key in PARTS),
)


@dataclass(frozen=True, slots=True)
class _Row:
    """A name at the left and how to make the cells behind it.

    ``key`` tells it from the other rows, also after the height of the lanes has changed.
    """

    name: str
    key: tuple[str | int, ...]
    cells: Callable[[], list[Cell]]
    is_lane: bool = False
    is_timed: bool = True


class Lanes(Widget):
    """Every channel's sound, speech, turns and SNR, then incidents, words, errors and the times.

    The screen sets ``window``, ``selected`` and ``detail``, then refreshes. Only the rows of the
    last few windows are kept.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lanes--{role}" for role in _ROLES}
    DEFAULT_CSS = """
    Lanes { height: 1fr; width: 1fr; background: $background; }
    Lanes > .lanes--name { color: $foreground; text-style: bold; }
    Lanes > .lanes--speech { color: $text-primary; }
    Lanes > .lanes--quiet { color: $foreground-muted; }
    Lanes > .lanes--spoken { color: $text-success; }
    Lanes > .lanes--turn { color: $primary; }
    Lanes > .lanes--label { color: $primary; text-style: reverse bold; }
    Lanes > .lanes--text { color: $foreground; }
    Lanes > .lanes--dim { color: $foreground-muted; }
    Lanes > .lanes--dim-label { color: $foreground; }
    Lanes > .lanes--dim-mark { color: $foreground; text-style: bold; }
    Lanes > .lanes--good { color: $text-success; }
    Lanes > .lanes--good-label { color: $text-success; }
    Lanes > .lanes--good-mark { color: $text-success; text-style: bold; }
    Lanes > .lanes--warning { color: $text-warning; }
    Lanes > .lanes--warning-label { color: $text-warning; text-style: bold; }
    Lanes > .lanes--warning-mark { color: $text-warning; text-style: bold; }
    Lanes > .lanes--critical { color: $text-error; }
    Lanes > .lanes--critical-label { color: $text-error; text-style: bold; }
    Lanes > .lanes--critical-mark { color: $text-error; text-style: bold; }
    Lanes > .lanes--error { color: $text-error; }
    Lanes > .lanes--error-mark { color: $text-error; text-style: bold; }
    Lanes > .lanes--bracket { color: $text-accent; text-style: bold; }
    Lanes > .lanes--inside { color: $text-accent; text-style: bold; }
    Lanes > .lanes--cursor-time { color: $text-accent; text-style: bold; }
    Lanes > .lanes--cursor { color: $text-accent; background: $accent 35%; }
    Lanes > .lanes--selected { background: $accent 15%; }
    Lanes > .lanes--part-endpointing_wait, Lanes > .lanes--part-turn_detection,
    Lanes > .lanes--part-sentence_aggregation { color: $text-warning; }
    Lanes > .lanes--part-transcription, Lanes > .lanes--part-tool_call,
    Lanes > .lanes--part-output_transport { color: $text-primary; }
    Lanes > .lanes--part-llm_inference { color: $text-success; }
    Lanes > .lanes--part-speech_synthesis, Lanes > .lanes--part-tts_leading_silence {
        color: $text-secondary;
    }
    Lanes > .lanes--part-unaccounted { color: $foreground-muted; }
    """

    @dataclass
    class Pointed(Message):
        """The user clicked on a time."""

        at_s: float

    @dataclass
    class Wheeled(Message):
        """The user turned the wheel over a time; up is in."""

        at_s: float
        into: bool

    def __init__(self, index: CallIndex, window: Window) -> None:
        super().__init__()
        self.index = index
        self.window = window
        self.detail: Detail | None = None
        self.selected: tuple[float, float] | None = None
        self.with_waves = True
        self.letters: dict[str, str] = {}
        self._styles: dict[tuple[str, bool, bool], Style] = {}
        self._kept_for: object = None
        self._rows: list[_Row] = []
        self._cells: dict[object, list[Cell]] = {}
        self._seen: dict[object, dict[object, list[Cell]]] = {}
        self._peaks: dict[int, list[Peak | None]] = {}
        self._waves: dict[tuple[int, int], list[list[Cell]]] = {}
        self._whole: tuple[int, list[Peak | None]] | None = None
        self.left_out = 0

    @property
    def page(self) -> Page:
        """The page as wide as the cells behind the names."""
        return page_of(self.columns, ascii_only=self.app.has_class("-ascii"))

    @property
    def columns(self) -> int:
        """How many columns of time there is room for."""
        return max(1, self.size.width - LEFT)

    def notify_style_update(self) -> None:
        """Forget the colours of the theme before."""
        self._styles.clear()
        super().notify_style_update()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many rows there are without the envelopes, which take what there is."""
        return len(list(self._planned(viewport.height)))

    def render_line(self, y: int) -> Strip:
        """Return a row; what the window needs is looked up once for all rows."""
        self._look_up()
        width = self.size.width
        if y >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[y]
        cells = self._cells.get(row.key)
        if y == 0 and row.is_timed:
            cells = head_row(self.window, self.selected, self.page)
        elif cells is None:
            cells = self._cells[row.key] = row.cells()
        name = row.name[: LEFT - 1].ljust(LEFT)
        role = "name" if row.is_lane else "dim"
        segments = [Segment(name, self._style(role))]
        segments += self._segments(cells, is_marked=y > 0 and row.is_timed)
        return Strip(segments, width)

    def _segments(self, cells: list[Cell], *, is_marked: bool) -> Iterator[Segment]:
        window = self.window
        cursor = window.cursor
        if cells[cursor][0] == "" and cursor:
            cursor -= 1
        first, last = self._selected_columns()
        text, kept = "", ("", False, False)
        stroke = "|" if self.page.ascii_only else "│"
        for at, (char, role) in enumerate(cells):
            is_cursor = is_marked and at == cursor
            if is_cursor and char == " ":
                char, role = stroke, "cursor"
            look = (role, is_marked and first <= at <= last, is_cursor)
            if look != kept and text:
                yield Segment(text, self._style(*kept))
                text = ""
            kept = look
            text += char
        if text:
            yield Segment(text, self._style(*kept))

    def _selected_columns(self) -> tuple[int, int]:
        window = self.window
        if self.selected is None or self.selected[1] < window.start_s:
            return 0, -1
        if self.selected[0] > window.end_s:
            return 0, -1
        first = window.column_of(self.selected[0])
        return first, max(first, math.ceil(window.cell(self.selected[1])) - 1)

    def _style(self, role: str, is_selected: bool = False, is_cursor: bool = False) -> Style:
        key = (role, is_selected, is_cursor)
        if key not in self._styles:
            style = self.get_component_rich_style(f"lanes--{role}") if role else self.rich_style
            for wanted, name in ((is_selected, "selected"), (is_cursor, "cursor")):
                if wanted:
                    over = self.get_component_rich_style(f"lanes--{name}")
                    style += Style(bgcolor=over.bgcolor)
            self._styles[key] = style
        return self._styles[key]

    def _look_up(self) -> None:
        """Find rows and cells anew if the window, the size or what is known of it has changed."""
        self.window = window = self.window.with_columns(self.columns)
        height = self.size.height
        detail = self.detail and (self.detail.start_s, self.detail.end_s)
        key = (window.start_s, window.end_s, window.columns, detail)
        if (key, height, self.with_waves) == self._kept_for:
            return
        self._kept_for = (key, height, self.with_waves)
        self._peaks.clear()
        self._waves.clear()
        self._rows = list(self._planned(height))[:height]
        self._cells = self._seen.pop(key, {})
        self._seen[key] = self._cells
        if len(self._seen) > _KEPT:
            del self._seen[next(iter(self._seen))]

    def _planned(self, height: int) -> Iterator[_Row]:
        page, window, index = self.page, self.window, self.index
        if index.is_empty:
            yield _Row("", ("head",), lambda: blank(window.columns), is_timed=False)
            yield from self._reasons()
            return
        lanes, thin, tall = self._fitting(height)
        yield _Row("", ("head",), lambda: blank(window.columns))
        for number_of, lane in enumerate(lanes):
            yield from self._lane_rows(number_of, lane, thin, tall)
        if len(index.parts):
            yield _Row("pipeline", ("parts",), lambda: part_row(index.parts, window, page))
        yield from self._reasons()
        heard = index.report.conversation
        if heard is not None and (heard.turns or heard.incidents):
            yield _Row("marks", ("marks",), lambda: mark_row(index, window, page))
        if len(index.words):
            yield _Row(
                "words", ("words",), lambda: word_row(index.words, window, page, index.wrong)
            )
        if len(index.errors):
            yield _Row("errors", ("errors",), lambda: error_row(index.errors, window, page))
        if len(index.others) and "others" in thin:
            yield _Row("others", ("others",), lambda: word_row(index.others, window, page))
        yield _Row("", ("axis",), lambda: axis_row(window, page))
        if height >= _WHOLE_FROM:
            yield _Row("whole", ("whole",), self._whole_cells, is_timed=False)

    def _fitting(self, height: int) -> tuple[tuple[Lane, ...], frozenset[str], int]:
        """Return the lanes, the kinds of thin rows and the rows of an envelope that have room.

        What can be missed goes first: the other channels' words, the speech, the SNR; then lanes.
        """
        index = self.index
        heard = index.report.conversation
        shared = 2 + len(list(self._reasons())) + (height >= _WHOLE_FROM)
        shared += heard is not None and bool(heard.turns or heard.incidents)
        shared += bool(len(index.words)) + bool(len(index.errors)) + bool(len(index.parts))
        thin = frozenset({"others", "speech", "snr", "turns"})
        lanes = index.lanes
        for dropped in ("", "others", "speech", "snr"):
            thin = thin - {dropped}
            tall = self._tall(lanes, thin, height - shared)
            if tall >= _LOWEST:
                break
        while len(lanes) > 1 and tall < 1:
            lanes = lanes[:-1]
            tall = self._tall(lanes, thin, height - shared)
        self.left_out = len(index.lanes) - len(lanes)
        return lanes, thin, min(max(tall, 1), _HIGHEST)

    def _tall(self, lanes: tuple[Lane, ...], thin: frozenset[str], room: int) -> int:
        room -= bool(len(self.index.others)) and "others" in thin
        room -= sum(len(list(self._thin(lane, thin))) for lane in lanes)
        sounding = sum(self._sounds(lane) for lane in lanes)
        return room // sounding if sounding else (_LOWEST if room >= 0 else 0)

    def _sounds(self, lane: Lane) -> bool:
        return self.with_waves and lane.envelope is not None and bool(lane.envelope.max)

    def _thin(self, lane: Lane, thin: frozenset[str]) -> Iterator[str]:
        has_speech = len(lane.segments) or lane.envelope is not None
        if has_speech and ("speech" in thin or not len(lane.turns)):
            yield "speech"
        if len(lane.turns):
            yield "turns"
        if "snr" in thin and (_has_snr(lane)):
            yield "snr"

    def _lane_rows(self, at: int, lane: Lane, thin: frozenset[str], tall: int) -> Iterator[_Row]:
        page, window, index = self.page, self.window, self.index
        name = page.data(lane.name, limit=LEFT - 1)
        makers: dict[str, Callable[[], list[Cell]]] = {
            "speech": lambda: speech_row(lane, window, self._peaks_of(at, lane), page),
            "turns": lambda: turn_row(lane, index, window, page),
            "snr": lambda: snr_row(lane, window, page),
        }
        named = False
        if self._sounds(lane):
            for row in range(tall):
                second = _full_scale(lane) if row == 1 else ""
                yield _Row(
                    second if row else name,
                    ("wave", at, tall, row),
                    self._wave(at, lane, tall, row),
                    not row,
                )
            named = True
        for kind in self._thin(lane, thin):
            label = "SNR" if kind == "snr" else kind
            yield _Row(label if named else name, (kind, at), makers[kind], not named)
            named = True

    def _wave(self, at: int, lane: Lane, tall: int, row: int) -> Callable[[], list[Cell]]:
        def cells() -> list[Cell]:
            if (at, tall) not in self._waves:
                found = self._peaks_of(at, lane)
                self._waves[at, tall] = wave_rows(
                    found, lane.loudest, tall, ascii_only=self.page.ascii_only
                )
            return self._waves[at, tall][row]

        return cells

    def _peaks_of(self, at: int, lane: Lane) -> list[Peak | None]:
        if at not in self._peaks:
            index = self.index
            self._peaks[at] = peaks(lane, self.window, index.first_s, index.column_s, self.detail)
        return self._peaks[at]

    def _whole_cells(self) -> list[Cell]:
        index, window = self.index, self.window
        if self._whole is None or self._whole[0] != window.columns:
            each = [
                peaks(lane, window.fit(), index.first_s, index.column_s, None)
                for lane in index.lanes
            ]
            dots = range(window.columns * DOTS)
            self._whole = (window.columns, [_louder(found[dot] for found in each) for dot in dots])
        return whole_row(self._whole[1], window, self.page)

    def _reasons(self) -> Iterator[_Row]:
        """Yield a row for each part that the report does not have, with the reason."""
        report, page, columns = self.index.report, self.page, self.columns

        def row(name: str, told: str) -> _Row:
            return _Row(name, ("why", name), lambda: told_row(told, columns, page), is_timed=False)

        if report.signal is None:
            yield row("signal", f"no levels: {_why('signal', self.index)}")
        elif self.index.column_s is None:
            yield row("signal", "no envelope: the report holds none to draw")
        heard = report.conversation
        if heard is None:
            yield row("turns", f"no turns: {_why('turns', self.index)}")
        elif not heard.turns:
            yield row("turns", f"no turns: {heard.reason or heard.status.replace('_', ' ')}")
        words = report.transcription
        if words is None:
            yield row("words", f"no words: {_why('transcription', self.index)}")
        elif not len(self.index.words):
            yield row(
                "words",
                "the words of the transcript have no times" if words.words else "no word was heard",
            )

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the user clicked."""
        if event.x >= LEFT:
            self.post_message(self.Pointed(self._time_at(event.x)))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in about the pointer."""
        event.stop()
        self.post_message(self.Wheeled(self._time_at(event.x), into=True))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out about the pointer."""
        event.stop()
        self.post_message(self.Wheeled(self._time_at(event.x), into=False))

    def _time_at(self, x: int) -> float:
        return self.window.time_of(min(max(x - LEFT, 0), self.window.columns))


def _louder(found: Iterable[Peak | None]) -> Peak | None:
    known = (peak for peak in found if peak is not None)
    return max(known, key=lambda peak: max(-peak.low, peak.high), default=None)


def _has_snr(lane: Lane) -> bool:
    return any(item.snr_db.value is not None for item in lane.segments.items) or any(
        word.snr_db is not None for word in lane.words.items
    )


def _full_scale(lane: Lane) -> str:
    """Return what an envelope that fills its lane stands for."""
    if not lane.loudest > 0:
        return "silent"
    return f"{number(20 * math.log10(lane.loudest))} dBFS"


def _why(stage: str, index: CallIndex) -> str:
    entry = index.report.analyzers.get(stage)
    if entry is None or entry.status == "not_run":
        return (entry.reason if entry else None) or f"the {stage} stage was not part of this run"
    return entry.reason or entry.status.replace("_", " ")
