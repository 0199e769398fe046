"""The timeline: the recording on one clock, with a cursor that goes from place to place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from echotrace.model.report import WordError
from echotrace.render.console.lane import part_name
from echotrace.render.console.parts import count
from echotrace.render.console.pipeline_trace_bar import look_of
from echotrace.render.console.timeline import legend, packed, stamp
from echotrace.render.console.turns import worst_first
from echotrace.tui.lane_detail import DetailReader
from echotrace.tui.lane_index import CallIndex
from echotrace.tui.lane_words import found_at, parts_of
from echotrace.tui.messages import OpenTurn, PlaySpan
from echotrace.tui.places import PlaceKind, after, before, places_of
from echotrace.tui.screens.full import FullScreen
from echotrace.tui.widgets.lane_text import LaneText
from echotrace.tui.widgets.lanes import LEFT, Lanes
from echotrace.tui.window import Window, fitted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult

    from echotrace.render.console.layout import Page
    from echotrace.tui.lane_wave import Detail
    from echotrace.tui.places import Place
    from echotrace.tui.recording import Recording
    from echotrace.tui.state import RunState

__all__ = ["TimelineScreen"]

_AROUND = 1.3
"""A selection is centred while the window is so many times as long."""
_USEFUL_S = 5.0
"""A window this long shows a place with what was said around it."""
_FACTOR = 2.0
_BROKEN = 16
"""Cells that a sentence on two lines loses where its first line breaks."""
_KINDS: dict[str, frozenset[PlaceKind]] = {
    "places": frozenset({PlaceKind.INCIDENT, PlaceKind.ERROR}),
    "incidents": frozenset({PlaceKind.INCIDENT}),
    "misheard words": frozenset({PlaceKind.ERROR}),
}


_NOTHING = {"places": "incidents and no misheard words"}
_NOUNS = {"places": "place", "incidents": "incident", "misheard words": "misheard word"}
"""What next and previous visit: a place is an incident or a misheard word."""


class TimelineScreen(FullScreen):
    """Shows the recording from the report, and from the recording itself what is finer.

    Args:
        run: what is shown.
        recording: the file behind it; it is opened only when a finer view asks for it.
        place: where to begin; None begins with the whole, the cursor on the worst turn.
    """

    DEFAULT_CSS = """
    TimelineScreen { background: $background; }
    TimelineScreen #where { height: 1; }
    TimelineScreen #under { height: 4; background: $surface; }
    TimelineScreen.-tall #under { height: 5; }
    TimelineScreen.-narrow #under { height: 6; }
    TimelineScreen #sound { display: none; }
    TimelineScreen.-spectrogram #sound { display: block; height: 1fr; }
    TimelineScreen.-spectrogram Lanes { height: auto; max-height: 50%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "next_place", "Next", tooltip="Next place", id="timeline.next"),
        Binding("p", "previous_place", "Prev", tooltip="Place before", id="timeline.previous"),
        Binding(
            "plus,equals_sign",
            "zoom_in",
            "In",
            key_display="+",
            tooltip="Zoom in",
            id="timeline.zoom_in",
        ),
        Binding(
            "minus,underscore",
            "zoom_out",
            "Out",
            key_display="-",
            tooltip="Zoom out",
            id="timeline.zoom_out",
        ),
        Binding("0", "fit", "Show the whole", show=False, id="timeline.fit"),
        Binding("enter", "open", "Open", tooltip="All about it", id="timeline.open"),
        Binding("space", "play", "Play", tooltip="Play the selection", id="timeline.play"),
        Binding("s", "spectrogram", "Spectrum", id="timeline.spectrogram"),
        Binding("right", "move(1)", "Cursor right", show=False, id="timeline.right"),
        Binding("l", "move(1)", "Cursor right", show=False, id="timeline.right_letter"),
        Binding("left", "move(-1)", "Cursor left", show=False, id="timeline.left"),
        Binding("h", "move(-1)", "Cursor left", show=False, id="timeline.left_letter"),
        Binding(
            "shift+right,L,pagedown", "pan(0.5)", "Half a window on", show=False, id="timeline.on"
        ),
        Binding(
            "shift+left,H,pageup", "pan(-0.5)", "Half a window back", show=False, id="timeline.back"
        ),
        Binding("home,g", "first", "To the beginning", show=False, id="timeline.first"),
        Binding("end,G", "last", "To the end", show=False, id="timeline.last"),
        Binding("i", "visit", "What next and previous visit", show=False, id="timeline.visit"),
        Binding("v", "mark", "Begin or drop a selection", show=False, id="timeline.mark"),
        Binding("c", "channel", "Channel of the spectrum", show=False, id="timeline.channel"),
    ]

    def __init__(self, run: RunState, recording: Recording, place: Place | None = None) -> None:
        super().__init__(run)
        self.recording = recording
        self.index = CallIndex(self.report)
        self.chosen: Place | None = None
        self.places = places_of(self.report)
        self._all = self.places
        self._visits = next(iter(_KINDS))
        self._begin = place
        self._mark_s: float | None = None
        self._told = ""
        self._channel = 0
        self._reader = DetailReader(recording, self.index.column_s, self, self._refined)
        self._lanes = Lanes(self.index, fitted(self.index.first_s, self.index.last_s, 1))

    def body(self) -> ComposeResult:
        """Hold the lanes, and above them the room of the spectrogram."""
        yield LaneText(lambda page: [self.where(page)], id="where")
        yield Vertical(id="sound")
        yield self._lanes
        yield LaneText(self.under, last=self.why_coarse, spare=self.signs, id="under")

    def on_mount(self) -> None:
        """Show the place asked for, else the whole with the cursor on the worst turn."""
        self._lanes.window = self._lanes.window.with_columns(self.app.size.width - LEFT)
        if self._begin is not None:
            self.go_to(self._begin)
            return
        heard = self.report.conversation
        worst = next(iter(worst_first(heard)), None) if heard and heard.turns else None
        if worst is not None:
            side = worst.user or worst.agent
            if side is not None:
                self._show(self.window.at(side.end_s if worst.user else side.start_s))

    @property
    def window(self) -> Window:
        """What is shown, in as many columns as there is room for."""
        columns = self._lanes.columns if self._lanes.size.width else self.app.size.width - LEFT
        return self._lanes.window.with_columns(columns)

    @property
    def selected(self) -> tuple[float, float] | None:
        """The place that was chosen, else what was marked, in seconds."""
        if self._mark_s is not None:
            return min(self._mark_s, self.window.cursor_s), max(self._mark_s, self.window.cursor_s)
        if self.chosen is not None:
            return self.chosen.at_s, self.chosen.end_s
        return None

    @property
    def is_reading(self) -> bool:
        """Whether a thread reads the recording for what is shown."""
        return self._reader.is_reading

    def go_to(self, place: Place) -> None:
        """Select a place and put it into the middle, the cursor at its begin."""
        self.chosen, self._mark_s = place, None
        self._show(self.window.centred(place.at_s, place.end_s, _USEFUL_S))

    def _show(self, window: Window, told: str = "") -> None:
        self._told = told
        self._lanes.window = window
        self._lanes.selected = self.selected
        self._lanes.refresh()
        for widget in self.query(LaneText):
            widget.refresh()
        self._refine()
        self._show_spectrogram()

    def where(self, page: Page) -> Text:
        """Return the line above the lanes: the window, the whole, and what the last key found."""
        window, index = self.window, self.index
        if index.is_empty:
            return Text("nothing in this report has a time", style="bold")
        digits = 2 if window.width_s < 20 else 0 if window.width_s > 600 else 1
        if window.is_whole:
            text = Text.assemble(("the whole", "bold"), f" {_length(window.width_s, digits)}")
        else:
            first, last = (stamp(at, digits=2) for at in (window.start_s, window.end_s))
            text = Text.assemble((f"{first} to {last}", "bold"))
            text.append(f" of {_length(window.last_s - window.first_s, 0)}", "dim")
        if self._told:
            text.append("  ").append(page.data(self._told), "bold yellow")
        elif self.chosen is not None and self.chosen in self.places:
            at = self.places.index(self.chosen) + 1
            text.append(f"  place {at:,} of {len(self.places):,}", "dim")
        elif self.places:
            text.append(f"  n, p: {self._counted()}", "dim")
        if left_out := self._lanes.left_out:
            text.append(f"  no room for {count(left_out, 'more channel')}", "yellow")
        text.append(f"  a column is {_step(window.step_s)}", "dim")
        text.truncate(page.width, overflow="crop" if page.ascii_only else "ellipsis")
        return text

    def _counted(self) -> str:
        return count(len(self.places), _NOUNS[self._visits])

    def under(self, page: Page) -> Iterator[Text]:
        """Yield the lines below the lanes."""
        if self.index.is_empty:
            reason = next(
                (item.reason for item in self.report.analyzers.values() if item.reason), None
            )
            told = "the report holds neither a length nor a turn, a word or an envelope"
            yield from page.wrapped(
                Text(page.data(f"{told}: {reason}" if reason else told)), indent=0
            )
            return
        window = self.window
        found = found_at(self.index, window, self.chosen)
        parts = parts_of(found, self.index, window, page, detail=self._lanes.detail)
        yield from packed(parts, page, indent=0)

    def why_coarse(self, page: Page) -> list[Text]:
        """Return why less is drawn than could be: in one line, or where there is room in two."""
        why = self._reader.why_not
        if why is None or not self._reader.is_finer(self.window):
            return []
        told = f"zoom beyond the report's envelope needs the recording: {why}"
        if not self.has_class("-tall") and cell_len(told) > page.width:
            told = page.data(f"no finer sound: {why}", limit=page.width)
        text = Text(page.data(told, limit=2 * page.width - _BROKEN), style="yellow")
        return page.wrapped(text, indent=0)[:2]

    def signs(self, page: Page) -> Iterator[Text]:
        """Yield what the letters and the shades of the lanes stand for."""
        heard = self.report.conversation
        parts = legend(heard, page) if heard is not None else []
        if len(self.index.errors):
            parts.append(Text.assemble(("x", "bold"), (" misheard word", "dim")))
        for key in dict.fromkeys(item.key for item in self.index.parts.items):
            look = look_of(key)
            parts.append(
                Text.assemble((look.letter, look.bold), (f" {part_name(key, page)}", "dim"))
            )
        yield from packed(parts, page, indent=0)

    def action_move(self, columns: int) -> None:
        """Move the cursor."""
        self._show(self.window.moved(columns))

    def action_pan(self, share: float) -> None:
        """Move the window, or while marking the cursor, by a share of the window."""
        window = self.window
        if self._mark_s is not None:
            self._show(window.moved(share * window.columns))
        else:
            self._show(window.panned(share))

    def action_first(self) -> None:
        """Put the cursor to the recording's begin."""
        self._show(self.window.at(self.window.first_s))

    def action_last(self) -> None:
        """Put the cursor to the recording's end."""
        self._show(self.window.at(self.window.last_s))

    def action_zoom_in(self) -> None:
        """Show half as much, about the cursor; what is selected comes into the middle."""
        self._zoom(_FACTOR)

    def action_zoom_out(self) -> None:
        """Show twice as much, about the cursor."""
        self._zoom(1 / _FACTOR)

    def _zoom(self, factor: float, about_s: float | None = None) -> None:
        window = self.window
        zoomed = window.zoomed(factor, about_s)
        if about_s is None and factor > 1 and self.selected is not None:
            begin_s, end_s = self.selected
            inside = begin_s <= window.cursor_s <= end_s
            if inside and (end_s - begin_s) * _AROUND <= zoomed.width_s:
                zoomed = zoomed.centred(begin_s, end_s, zoomed.width_s).at(window.cursor_s)
        same = (zoomed.start_s, zoomed.end_s) == (window.start_s, window.end_s)
        self._show(zoomed, "as far as it goes" if same else "")

    def action_fit(self) -> None:
        """Show the whole."""
        self._show(self.window.fit())

    def action_next_place(self) -> None:
        """Go to the next place; after the last comes the first."""
        self._step(1)

    def action_previous_place(self) -> None:
        """Go to the place before; before the first comes the last."""
        self._step(-1)

    def _step(self, by: int) -> None:
        if not self.places:
            self._show(self.window, f"there are no {_NOTHING.get(self._visits, self._visits)}")
            return
        here = self.window.cursor_s
        chosen = self.chosen
        if chosen is not None and here == chosen.at_s and chosen in self.places:
            at = self.places.index(chosen) + by
            place = self.places[at] if 0 <= at < len(self.places) else None
        else:
            place = after(self.places, here) if by > 0 else before(self.places, here)
        wrapped = "" if place else "from the first again" if by > 0 else "from the last again"
        self.go_to(place or self.places[0 if by > 0 else -1])
        if wrapped:
            self._show(self.window, wrapped)

    def action_visit(self) -> None:
        """Change what next and previous visit: all, incidents, misheard words."""
        names = list(_KINDS)
        self._visits = names[(names.index(self._visits) + 1) % len(names)]
        kinds = _KINDS[self._visits]
        self.places = tuple(place for place in self._all if place.kind in kinds)
        self._show(self.window, f"n, p: {self._counted()}")

    def action_mark(self) -> None:
        """Begin a selection at the cursor, or drop it."""
        self.chosen = None
        self._mark_s = self.window.cursor_s if self._mark_s is None else None
        told = (
            "selecting: move the cursor, space plays, v drops it"
            if self._mark_s is not None
            else ""
        )
        self._show(self.window, told)

    def action_open(self) -> None:
        """Open the misheard word that was chosen, else the turn under the cursor."""
        found = found_at(self.index, self.window, self.chosen)
        words = self.report.transcription
        chosen = self.chosen.about if self.chosen else None
        if words is not None and isinstance(chosen, WordError):
            self._open_word(chosen)
        elif found.turn is not None:
            self.post_message(OpenTurn(found.turn.id))
        elif found.errors:
            self._open_word(self.index.errors.items[found.errors[0]])
        else:
            self._show(self.window, "there is no turn and no misheard word here")

    def _open_word(self, error: WordError) -> None:
        from echotrace.tui.screens.word import WordScreen

        errors = self.index.errors.items
        at = next((at for at, item in enumerate(errors) if item is error), 0)

        def closed(last: int | None) -> None:
            if last is not None and last != at:
                self._choose(errors[last])

        self.app.push_screen(WordScreen(self.report, errors, at), closed)

    def _choose(self, error: WordError) -> None:
        place = next((place for place in self._all if place.about is error), None)
        if place is not None:
            self.go_to(place)

    def action_play(self) -> None:
        """Play the selection, else what is in the window."""
        window = self.window
        start_s, end_s = self.selected or (window.start_s, window.end_s)
        channel = self.chosen.channel if self.chosen and self._mark_s is None else None
        self.post_message(PlaySpan(start_s, end_s, channel))

    def on_lanes_pointed(self, message: Lanes.Pointed) -> None:
        """Put the cursor where the user clicked."""
        self._show(self.window.at(message.at_s))

    def on_lanes_wheeled(self, message: Lanes.Wheeled) -> None:
        """Zoom about the pointer."""
        self._zoom(_FACTOR if message.into else 1 / _FACTOR, message.at_s)

    def on_resize(self) -> None:
        """Ask for as fine an envelope as the new size shows."""
        self._refine()

    def _refine(self) -> None:
        if not self.index.is_empty:
            self._reader.want(self.window)

    def _refined(self, detail: Detail | None) -> None:
        if detail is not None:
            self._lanes.detail = detail
            self._lanes.refresh()
        for widget in self.query(LaneText):
            widget.refresh()

    def on_unmount(self) -> None:
        """Stop reading."""
        self._reader.stop()

    async def action_spectrogram(self) -> None:
        """Show the spectrogram in the place of the envelopes, or the envelopes again."""
        is_on = not self.has_class("-spectrogram")
        self.set_class(is_on, "-spectrogram")
        self._lanes.with_waves = not is_on
        self._lanes.refresh(layout=True)
        await self._place_spectrogram()
        self._show(self.window)

    async def action_channel(self) -> None:
        """Show the spectrogram of the next channel."""
        indexes = self._indexes
        if not self.has_class("-spectrogram") or len(indexes) < 2:
            self._show(self.window, "c changes the channel of the spectrum; s shows it")
            return
        self._channel = (self._channel + 1) % len(indexes)
        await self._place_spectrogram()
        self._show(self.window)

    @property
    def _indexes(self) -> list[int]:
        return [lane.index for lane in self.index.lanes if lane.index is not None]

    async def _place_spectrogram(self) -> None:
        room = self.query_one("#sound")
        await room.remove_children()
        if self.has_class("-spectrogram"):
            from echotrace.tui.widgets.spectrogram import Spectrogram

            indexes = self._indexes or [0]
            await room.mount(Spectrogram(self.recording, indexes[self._channel]))

    def _show_spectrogram(self) -> None:
        window = self.window
        for widget in self.query("#sound > *"):
            shown: Any = widget
            shown.show(window.start_s, window.end_s, window.cursor_s)


def _length(seconds: float, digits: int) -> str:
    return stamp(seconds, digits=digits) if seconds >= 60 else f"{seconds:.{max(digits, 1)}f} s"


def _step(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
