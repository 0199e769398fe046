"""The transcript on a screen of its own: what was said over what was heard, word by word."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.widgets import Input, Label

from echotrace.model.report import Entity, Word
from echotrace.tui.messages import Jump, PlaySpan
from echotrace.tui.places import Place, of_error, of_word
from echotrace.tui.screens.full import FullScreen
from echotrace.tui.widgets.aligned import AlignedText
from echotrace.tui.widgets.aligned_detail import Told, detail, heading, span_of_word
from echotrace.tui.widgets.row_list import Row, RowList
from echotrace.tui.word_entities import EntityPlaces, bad_first, entity_lines
from echotrace.tui.word_rows import after, before
from echotrace.tui.word_search import WordIndex
from echotrace.tui.word_texts import aligned, dialogue, has_dialogue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text
    from textual import events
    from textual.app import ComposeResult

    from echotrace.model.report import Transcription, WordError
    from echotrace.render.console.layout import Page
    from echotrace.tui.state import RunState
    from echotrace.tui.word_rows import Words

__all__ = ["TranscriptScreen"]

_MOST_ENTITIES = 2_000


class TranscriptScreen(FullScreen):
    """Reads the text word by word, searches it, and goes from a wrong word to its cause."""

    DEFAULT_CSS = """
    TranscriptScreen {
        & > #whose { height: 1; padding: 0 1; color: $foreground; }
        & > #split { height: 1fr; layout: vertical; }
        #beside { height: auto; border-top: solid $foreground 25%; }
        #word { height: 4; padding: 0 1; }
        #entities {
            display: none;
            height: 8;
            border-top: solid $foreground 25%;
            border-title-color: $foreground;
        }
        #entities:focus { border-top: heavy $accent; }
        #search { display: none; height: 1; background: $panel; }
        #search > Label { padding: 0 1; }
        #query { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
        #query:focus { border: none; }
        &.-searching #search { display: block; }
        &.-entities #entities { display: block; }
        &.-short.-entities #word { height: 3; }
        &.-tall #entities { height: 14; }
        &.-wide > #split { layout: horizontal; }
        &.-wide #beside {
            width: 44;
            height: 1fr;
            border-top: none;
            border-left: solid $foreground 25%;
        }
        &.-wide #word { height: 1fr; }
        &.-wide #entities { height: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", tooltip="Why this word is wrong", id="text.open"),
        Binding("n", "step(1)", "Next", tooltip="Next wrong word or match", id="text.next"),
        Binding("p", "step(-1)", "Previous", show=False, id="text.previous"),
        Binding("slash", "search", "Search", key_display="/", id="text.search"),
        Binding("e", "entities", "Entities", tooltip="Numbers, dates, names", id="text.entities"),
        Binding("v", "view", "Both sides, or the aligned text", show=False, id="text.view"),
        Binding("l", "timeline", "Timeline", tooltip="This word there", id="text.timeline"),
        Binding("space", "play", "Play", tooltip="Hear this word", id="text.play"),
    ]

    def __init__(self, run: RunState) -> None:
        super().__init__(run)
        self._both_sides = False
        self._index: WordIndex | None = None
        self._places: EntityPlaces | None = None
        self._entities = bad_first(self.result.entities.items if self.result.entities else ())
        self._begun_at = 0
        self._told_found = ""
        self._ended = ""

    @property
    def result(self) -> Transcription:
        """The transcription; this screen is opened on a report that has one."""
        if self.report.transcription is None:
            raise ValueError("a transcript needs a transcription")
        return self.report.transcription

    def body(self) -> ComposeResult:
        """Lay out the figures, the text, what is told of a word, and the search."""
        yield Told(id="whose")
        with Container(id="split"):
            yield AlignedText()
            with Vertical(id="beside"):
                yield Told(id="word")
                entities = RowList()
                entities.id = "entities"
                yield entities
        with Horizontal(id="search"):
            yield Label("/", markup=False)
            yield Input(id="query", placeholder="words, as they are said or heard", compact=True)
            yield Label("", id="found", markup=False)

    def on_mount(self) -> None:
        """Show the text from its first wrong word on."""
        self.call_after_refresh(self._show, None)

    @property
    def text(self) -> AlignedText:
        """The words."""
        return self.query_one(AlignedText)

    @property
    def words(self) -> Words | None:
        """The words that are shown; None before they are."""
        return self.text.words

    def _show(self, at_s: float | None) -> None:
        """Show one of the two texts, the cursor on the word at this time."""
        make = dialogue if self._both_sides else aligned
        words = make(self.report, ascii_only=self.ascii_only)
        self._index = self._places = None
        self.text.show(words, _nearest(words, at_s), none=self._why_empty())
        self._find(self.query_one("#query", Input).value, go=False)
        self._tell_whose()

    def _why_empty(self) -> str:
        result = self.result
        heard = f"no words: {result.engine} heard none"
        return f"{heard}, and {result.wer.reason}" if result.wer.reason else heard

    def on_resize(self, event: events.Resize) -> None:
        """Lay the lines out for the new width."""
        self.call_after_refresh(self._tell_whose)
        self.call_after_refresh(self._tell)

    def on_aligned_text_moved(self, message: AlignedText.Moved) -> None:
        """Tell of the word that the cursor has come to."""
        message.stop()
        self._end("")
        self._tell()

    def _tell(self) -> None:
        words = self.words
        for told in self.query("#word").results(Told):
            if words is None or not len(words):
                told.tell(iter(()))
                continue
            at = self.text.cursor
            entity = self._places_in(words).at(at) if self._entities else None
            tall = self.has_class("-wide")
            told.tell(detail(words, at, self.result, told.page, entity=entity, tall=tall))
        self._tell_found()

    def _tell_whose(self) -> None:
        for told in self.query("#whose").results(Told):
            line = heading(
                self.result, self.words, told.page, both_sides=self._both_sides, ended=self._ended
            )
            told.tell(iter([line]))

    def _end(self, what: str) -> None:
        """Say in the heading that there is no further place, or no longer."""
        if what != self._ended:
            self._ended = what
            self._tell_whose()

    def _index_of(self, words: Words) -> WordIndex:
        if self._index is None:
            self._index = WordIndex(words)
        return self._index

    def _places_in(self, words: Words) -> EntityPlaces:
        if self._places is None:
            self._places = EntityPlaces(words, self._entities, self._index_of(words))
        return self._places

    def action_step(self, by: int) -> None:
        """Go to the next or the previous match, or wrong word where no search is on."""
        words = self.words
        if words is None:
            return
        search = self.text.search
        places = search.places if search is not None else words.places
        found = (after if by > 0 else before)(places, self.text.cursor)
        if found is not None:
            self.text.cursor = found
            return
        what = "match" if search is not None else "line" if self._both_sides else "wrong word"
        if search is None and not self._both_sides and len(words.sides) == 1:
            what = "doubtful word"
        self._end(f"no {what} {'further on' if by > 0 else 'before this one'}")

    def action_search(self) -> None:
        """Ask for the words to look for."""
        if self.words is None or not len(self.words):
            return
        self._index_of(self.words)
        self.add_class("-searching")
        self._begun_at = self.text.cursor
        query = self.query_one("#query", Input)
        query.focus()
        query.select_all()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Go to the first match behind the place where the search began."""
        event.stop()
        self._find(event.value, go=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on in the text; without a word to look for the search is over."""
        event.stop()
        if self.text.search is None:
            self._end_search()
        self.text.focus()

    def _find(self, query: str, *, go: bool) -> None:
        words = self.words
        search = (
            self._index_of(words).search(query) if words is not None and query.strip() else None
        )
        self.text.mark(search)
        self._end("")
        if go and search is not None and search.places:
            at = after(search.places, self._begun_at - 1)
            self.text.cursor = search.places[0] if at is None else at
        self._tell_found()

    def _tell_found(self) -> None:
        search = self.text.search
        told = ""
        if search is not None:
            total = len(search.places)
            number = search.number(self.text.cursor)
            told = f"{number:,} of {total:,}" if total else "no match"
            told += ", esc ends"
        if told != self._told_found:
            self._told_found = told
            self.query_one("#found", Label).update(told)

    def _end_search(self) -> None:
        self.query_one("#query", Input).value = ""
        self.text.mark(None)
        self.remove_class("-searching")
        self.text.focus()

    def action_back(self) -> None:
        """End the search, close the entities, or go back."""
        if self.has_class("-searching"):
            self._end_search()
        elif self.has_class("-entities"):
            self.action_entities()
        else:
            super().action_back()

    def action_entities(self) -> None:
        """Show the entities, the wrong ones first, or hide them."""
        if self.has_class("-entities"):
            self.remove_class("-entities")
            self.text.focus()
            return
        self.add_class("-entities")
        rows = self.query_one("#entities", RowList)
        if not rows.rows:
            rows.fill([_row(entity) for entity in self._entities[:_MOST_ENTITIES]])
            bad = sum(item.outcome in ("wrong", "missed", "added") for item in self._entities)
            told = f"Entities  {bad:,} of {len(self._entities):,} wrong; enter goes to the place"
            rows.border_title = told
        rows.focus()

    def on_row_list_opened(self, message: RowList.Opened) -> None:
        """Go to where the entity stands in the text."""
        message.stop()
        entity, found = message.row.about, None
        if self.words is not None and isinstance(entity, Entity):
            found = self._places_in(self.words).columns(entity)
        if found is None:
            self._say("nothing gives the place of this one in the text")
            return
        self.text.cursor = found[0]
        self.text.focus()

    def action_view(self) -> None:
        """Switch between the aligned text and the dialogue of both sides."""
        span = self._span()
        self._both_sides = not self._both_sides
        self._show(span[0] if span else None)

    def action_open(self) -> None:
        """Open the sheet of a wrong word; the cursor follows it to where it is closed."""
        words = self.words
        if words is None or not len(words):
            return
        number = words.errors[self.text.cursor]
        if number < 0:
            self._say(self._why_no_sheet(words))
            return
        from echotrace.tui.screens.word import WordScreen

        def closed(at: int | None) -> None:
            if at is not None and words is self.words:
                column = next((c for c, found in enumerate(words.errors) if found == at), None)
                if column is not None:
                    self.text.cursor = column

        self.app.push_screen(WordScreen(self.report, self.result.errors, number), closed)

    def _why_no_sheet(self, words: Words) -> str:
        if words.kinds[self.text.cursor] != "equal":
            return "the report holds no causes for this word"
        if len(words.sides) > 1:
            return "this word was heard rightly; n goes to the next wrong one"
        return "there is nothing to compare this word with; l shows it on the timeline"

    def action_timeline(self) -> None:
        """Show the word on the timeline."""
        place = self._place()
        if place is None:
            self._say("nothing gives the time of this word")
        else:
            self.post_message(Jump(place))

    def action_play(self) -> None:
        """Play the word."""
        span = self._span()
        if span is None:
            self._say("nothing gives the time of this word")
        else:
            self.post_message(PlaySpan(*span, self._channel()))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what this transcript has nothing for."""
        if action == "view":
            return has_dialogue(self.result)
        if action == "entities":
            return True if self._entities else None
        return True

    def _error(self) -> WordError | None:
        words = self.words
        number = words.errors[self.text.cursor] if words is not None and len(words) else -1
        return self.result.errors[number] if number >= 0 else None

    def _span(self) -> tuple[float, float] | None:
        words = self.words
        if words is None or not len(words):
            return None
        return span_of_word(words, self.text.cursor, self._error())

    def _channel(self) -> int | None:
        words = self.words
        paragraph = words.paragraph_of(self.text.cursor) if words is not None else None
        return paragraph.channel if paragraph else None

    def _place(self) -> Place | None:
        error, span, words = self._error(), self._span(), self.words
        if error is not None and (place := of_error(error, self._channel())) is not None:
            return place
        if span is None or words is None:
            return None
        heard = words.heard[self.text.cursor]
        if heard is None or heard.start_s is None:
            text = words.sides[-1][self.text.cursor]
            heard = Word(text=text, start_s=span[0], end_s=span[1], time_source="segment")
        return of_word(heard, self._channel())

    def _say(self, what: str) -> None:
        self.notify(what, markup=False)


def _row(entity: Entity) -> Row:
    def draw(page: Page) -> Iterator[Text]:
        return entity_lines(entity, page)

    return Row(draw=draw, about=entity)


def _nearest(words: Words, at_s: float | None) -> int:
    """Return the word that begins nearest to a time; without one the first place to look at."""
    if at_s is None:
        return words.places[0] if len(words.places) and len(words.sides) > 1 else 0
    starts = enumerate(words.start_s)
    known = ((abs(start_s - at_s), at) for at, start_s in starts if not math.isnan(start_s))
    return min(known, default=(0.0, 0))[1]
