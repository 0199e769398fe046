"""What was said over what was heard, the wrong words in brackets and spelled out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.diff import difference, excerpt, tally
from echotrace.render.console.figures import figure
from echotrace.render.console.layout import style_of
from echotrace.tui.widgets.missing import missing
from echotrace.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Transcription, WordCounts
    from echotrace.render.console.layout import Page

__all__ = ["TranscriptPanel"]

_LISTED = 50
_WORD = 40
_TWO_LINES = 2


class TranscriptPanel(Panel):
    """The transcript diff."""

    def heading(self, page: Page) -> Text:
        """Return the title with the WER, its word, and the legend of the brackets."""
        title = Text("Transcript", style="bold")
        result = self._result
        if result is None:
            return title
        title.append(f"  WER {figure(result.wer)}", "dim")
        if result.wer.band:
            title.append(f" {page.data(result.wer.band, limit=16)}", style_of(result.wer.band))
        return title

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield the words in step, the substitutions, the counts, and whose words they are."""
        result = self._result
        if result is None:
            yield from missing("heard", "transcription", self.run, page)
            return
        if result.diff:
            aligned = list(_flush_left(difference(result.diff, page)))
            wrong = list(_spelled_out(result, page))
            # A long transcript must not push its wrong words off a small screen.
            yield from (*aligned, *wrong) if len(aligned) <= _TWO_LINES else (*wrong, *aligned)
        else:
            if result.gold:
                yield from _flush_left(excerpt("Gold:", result.gold, page))
            yield from _flush_left(excerpt("Actual:", result.actual, page))
            if result.wer.reason:
                reason = Text.assemble("WER n/a: ", (page.data(result.wer.reason), "dim"))
                yield from page.wrapped(reason, indent=0)
        if result.counts:
            yield from page.wrapped(Text(_counted(result.counts)), indent=0)
        if result.hallucinated_words:
            told = f"{result.hallucinated_words:,} hallucinated words"
            yield from page.wrapped(Text(told, style="yellow"), indent=0)
        yield from page.wrapped(_whose(result, page), indent=0)
        engine = result.gold_engine_transcript
        if engine is not None and engine != result.gold:
            yield from _flush_left(excerpt("Gold engine:", engine, page))
        for other in result.other_channels:
            yield from _flush_left(excerpt(f"ch {other.channel_index}:", other.actual, page))

    @property
    def _result(self) -> Transcription | None:
        report = self.run.report if self.run else None
        return report.transcription if report else None


def _flush_left(lines: Iterator[Text]) -> Iterator[Text]:
    """Take off the page's own indent of two: a panel has an edge already."""
    for line in lines:
        yield line[2:] if line.plain.startswith("  ") else line


def _whose(result: Transcription, page: Page) -> Text:
    text = Text.assemble(("heard by ", "dim"), page.data(result.engine))
    if result.engine_note:
        text.append(f" ({page.data(result.engine_note)})", "yellow")
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
