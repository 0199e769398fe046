"""What was said over what was heard, the wrong words in brackets and spelled out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from echotrace.render.console.dialogue import dialogue, is_dialogue
from echotrace.render.console.diff import difference, excerpt, tally
from echotrace.render.console.errors import worst_first
from echotrace.render.console.figures import figure, quantity
from echotrace.render.console.layout import style_of
from echotrace.render.console.parts import count
from echotrace.tui.widgets.drawn_lines import DrawnLines
from echotrace.tui.widgets.misheard import LISTED, MisheardTable
from echotrace.tui.widgets.missing import missing
from echotrace.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult
    from textual.widgets import DataTable

    from echotrace.model.report import Transcription, WordCounts, WordError
    from echotrace.render.console.layout import Page

__all__ = ["TranscriptPanel"]

_LISTED = 50
_WORD = 40
_TWO_LINES = 2
_TOLD = 6
"""What stands under the cursor is told in at most so many lines."""
_DIALOGUE = 6
_WIDTHS = 4
"""Lines are kept for so many widths: one layout asks for several."""


class TranscriptPanel(Panel):
    """The misheard words as a table where they are known one by one, and the transcript diff."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "text", "Open", tooltip="The whole text", id="panel.open"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._errors: list[WordError] = []
        self._shown: Transcription | None = None
        self._laid = (0, False)
        self._below: dict[Page, list[Text]] = {}
        self._below_of: Transcription | None = None

    def compose(self) -> ComposeResult:
        """Hold the table above the lines."""
        yield MisheardTable()
        yield DrawnLines(self._told, id="told")
        yield from super().compose()

    def action_text(self) -> None:
        """Open the whole text, or let the panel fill the screen while there is none."""
        if self._result is None:
            self.action_zoom()
        else:
            self.call_later(self.app.run_action, "transcript")

    def focus_words(self) -> None:
        """Put the cursor among the misheard words, or the focus on what stands in their place."""
        target = self.query_one(MisheardTable) if self._errors else self
        target.focus()

    def watch_run(self) -> None:
        """Fill the table anew."""
        self._fill()
        super().watch_run()

    def on_mount(self) -> None:
        """Colour the table anew when the theme changes."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._fill())

    def on_resize(self) -> None:
        """Lay the columns out for the new width."""
        if self._errors and self._laid != (self.size.width, self._roomy):
            self._fill()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell the whole of the error that the cursor has come to."""
        event.stop()
        self.query_one(DrawnLines).redraw()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open the sheet of the word; the cursor then follows it to where it was closed."""
        event.stop()
        report = self.run.report if self.run else None
        if report is None or not self._errors:
            return
        from echotrace.tui.screens.word import WordScreen

        def closed(at: int | None) -> None:
            if at is not None:
                self.query_one(MisheardTable).move_cursor(row=at)

        self.app.push_screen(WordScreen(report, self._errors, event.cursor_row), closed)

    def heading(self, page: Page) -> Text:
        """Return the title with the leading error rate and its word."""
        title = Text("Transcript", style="bold")
        result = self._result
        if result is None:
            return title
        label, rate = ("CER", result.cer) if result.rate == "cer" else ("WER", result.wer)
        title.append(f"  {label} {page.data(figure(rate))}", "dim")
        if rate.band:
            title.append(f" {page.data(rate.band, limit=16)}", style_of(rate.band))
        if result.errors:
            title.append(f"  {count(len(result.errors), 'error')}", "dim")
        return title

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield the words in step, the substitutions, the counts, and whose words they are."""
        result = self._result
        if result is None:
            yield from missing("heard", "transcription", self.run, page)
            return
        if self._below_of is not result or len(self._below) >= _WIDTHS:
            self._below, self._below_of = {}, result
        if page not in self._below:
            self._below[page] = list(self._not_moving(result, page))
        yield from self._below[page]

    def _not_moving(self, result: Transcription, page: Page) -> Iterator[Text]:
        """Yield what a move of the cursor does not change."""
        if result.diff:
            aligned = list(_flush_left(difference(result.diff, page)))
            wrong = [] if self._errors else list(_spelled_out(result, page))
            # A long transcript must not push its wrong words off a small screen.
            yield from (*aligned, *wrong) if len(aligned) <= _TWO_LINES else (*wrong, *aligned)
        else:
            if result.gold:
                yield from _flush_left(excerpt("Gold:", result.gold, page))
            yield from _flush_left(excerpt("Actual:", result.actual, page))
            if result.wer.reason:
                reason = Text.assemble("WER n/a: ", (page.data(result.wer.reason), "dim"))
                yield from page.wrapped(reason, indent=0)
        if result.counts and result.rate == "wer":
            yield from page.wrapped(Text(_counted(result.counts)), indent=0)
        if result.hallucinated_words and result.hallucination is None:
            told = f"{result.hallucinated_words:,} hallucinated words"
            yield from page.wrapped(Text(told, style="yellow"), indent=0)
        yield from page.wrapped(_whose(result, page), indent=0)
        engine = result.gold_engine_transcript
        if engine is not None and engine != result.gold:
            yield from _flush_left(excerpt("Gold engine:", engine, page))
        yield from _others(result, page)

    @property
    def _roomy(self) -> bool:
        return self.screen.has_class("-tall") or self.has_class("-maximized")

    def _told(self, page: Page) -> Iterator[Text]:
        """Yield what the cursor is on, in lines of their own: the rest does not move with it."""
        if not self._errors:
            return
        at = min(max(self.query_one(MisheardTable).cursor_row, 0), len(self._errors) - 1)
        message = page.data(self._errors[at].message, limit=_TOLD * page.width)
        yield from page.wrapped(Text(message, style="dim"), indent=0)
        if len(self._errors) > LISTED:
            told = f"the table ends after {LISTED:,} of them; the rest is in the JSON report"
            yield from page.wrapped(Text(told, style="dim"), indent=0)
        yield Text()

    def _fill(self) -> None:
        result = self._result
        self._errors = worst_first(result.errors) if result else []
        self._laid = (self.size.width, self._roomy)
        for table in self.query(MisheardTable):
            at = table.cursor_row if self._shown is result else 0
            table.show_header = self._roomy
            table.lay(self._errors, self.size.width, at=at, ascii_only=self.ascii_only)
        for told in self.query(DrawnLines):
            told.redraw(anew=True)
        self._shown = result

    @property
    def _result(self) -> Transcription | None:
        report = self.run.report if self.run else None
        return report.transcription if report else None


def _flush_left(lines: Iterator[Text]) -> Iterator[Text]:
    """Take off the page's own indent of two: a panel has an edge already."""
    for line in lines:
        yield line[2:] if line.plain.startswith("  ") else line


def _others(result: Transcription, page: Page) -> Iterator[Text]:
    """Yield the call as a dialogue, or the transcripts of the other channels as they are."""
    if is_dialogue(result.dialogue):
        yield Text()
        yield from dialogue(result.dialogue, page, indent=0, listed=_LISTED, height=_DIALOGUE)
        return
    for other in result.other_channels:
        yield from _flush_left(excerpt(f"ch {other.channel_index}:", other.actual, page))


def _whose(result: Transcription, page: Page) -> Text:
    text = Text.assemble(("heard by ", "dim"), page.data(result.engine))
    if result.engine_note:
        text.append(f" ({page.data(result.engine_note)})", "yellow")
    if result.cached_at is not None:
        text.append(f", from the cache of {page.data(result.cached_at)}", "dim")
    for item in result.sent:
        text.append(f"; {quantity(item.audio_s, 's')} of audio sent to {page.data(item.to)}")
    gold = page.data(result.gold_source) if result.gold_source else "none"
    return text.append("; gold: ", "dim").append(gold)


def _counted(counts: WordCounts) -> str:
    return (
        f"{counts.substitutions:,} wrong, {counts.deletions:,} missed, "
        f"{counts.insertions:,} added; {counts.hits:,} of {counts.reference_words:,} right"
    )


def _spelled_out(result: Transcription, page: Page) -> Iterator[Text]:
    swapped, missed, added = tally(result.diff)
    line = Text()
    if swapped:
        line.append("wrong ", "dim")
        for at, ((gold, actual), times) in enumerate(swapped.most_common(_LISTED)):
            line.append(",  " if at else "")
            line.append(f"{_quoted(gold, page)} -> ")
            line.append(_quoted(actual, page), "red")
            line.append(_times(times))
        _more(line, len(swapped))
    for label, found in (("missed ", missed), ("added ", added)):
        if found:
            line.append("; " if line else "")
            line.append(label, "dim")
            listed = found.most_common(_LISTED)
            line.append(", ".join(_quoted(word, page) + _times(times) for word, times in listed))
            _more(line, len(found))
    if line:
        yield from page.wrapped(line, indent=0)


def _more(line: Text, found: int) -> None:
    if found > _LISTED:
        line.append(f", and {found - _LISTED:,} more", "dim")


def _quoted(word: str, page: Page) -> str:
    return f'"{page.data(word, limit=min(_WORD, page.width // 2))}"'


def _times(times: int) -> str:
    return f" ({times:,} times)" if times > 1 else ""
