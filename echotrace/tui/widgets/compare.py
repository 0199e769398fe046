"""The parts of the screen that lays two reports side by side, all but its list of rows."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from echotrace.comparison.conditions import Condition
from echotrace.comparison.figures import FigureChange
from echotrace.comparison.reports import Section
from echotrace.comparison.score import DeductionChange, Unscored
from echotrace.comparison.turns import TurnChange
from echotrace.comparison.verdict import Verdict
from echotrace.comparison.words import WordChange
from echotrace.render.console import compare as drawn
from echotrace.render.console import compare_detail as details
from echotrace.render.console.parts import count
from echotrace.tui.lines import content, page_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from textual.app import RenderResult
    from textual.events import Click

    from echotrace.comparison.reports import Comparison
    from echotrace.render.console.layout import Page
    from echotrace.tui.screens.compare import CompareScreen

__all__ = [
    "SECTIONS",
    "CompareDetail",
    "CompareHead",
    "CompareLines",
    "SectionBar",
    "SectionHead",
]

SECTIONS = tuple(Section)
_OF = {Verdict.SAME: "", Verdict.CHANGED: "; of different recordings"}
_OF_UNKNOWN = "; of recordings that may differ"


class CompareLines(Widget):
    """Lines that the screen draws for the width that there is."""

    DEFAULT_CSS = "CompareLines { text-wrap: nowrap; }"

    def lines(self, page: Page) -> Iterable[Text]:
        """Return what stands here."""
        raise NotImplementedError

    def render(self) -> RenderResult:
        """Return the lines at the present width, no more than fit."""
        page = page_of(self.size.width, ascii_only=self.app.has_class("-ascii"))
        room = max(1, self.size.height)
        shown = list(islice(self.lines(page), room + 1))
        if len(shown) > room:
            shown.pop()
            shown[-1].truncate(page.width - len(page.glyphs.ellipsis))
            shown[-1].append(page.glyphs.ellipsis, "dim")
        return content(shown)

    @property
    def _screen(self) -> CompareScreen:
        return cast("CompareScreen", self.screen)


class CompareHead(CompareLines):
    """Which reports A and B are, and what they do not have in common."""

    DEFAULT_CSS = "CompareHead { height: 3; padding: 0 1; background: $surface; }"

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield a line for each report, and what cannot be compared."""
        screen = self._screen
        for letter, run in (("A", screen.run), ("B", screen.other)):
            if run.report is not None:
                yield drawn.report_line(letter, run.name, run.report, page)
        yield _common(screen.comparison, page)


class SectionBar(CompareLines):
    """The sections with their keys, and how many differences each has; a click opens one."""

    DEFAULT_CSS = "SectionBar { height: 1; padding: 0 1; background: $panel; }"

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield the one line."""
        line = Text()
        for at, (section, label) in enumerate(self._labels(page)):
            line.append("  " if at else "")
            line.append(label, "bold reverse" if section is self._screen.section else "")
        line.truncate(page.width)
        yield line

    def on_click(self, event: Click) -> None:
        """Show the section that was clicked."""
        page = page_of(self.size.width, ascii_only=self.app.has_class("-ascii"))
        begin = 0
        offset = event.get_content_offset(self)
        for section, label in self._labels(page):
            if offset is not None and begin <= offset.x < begin + len(label):
                self._screen.section = section
                return
            begin += len(label) + 2

    def _labels(self, page: Page) -> Iterator[tuple[Section, str]]:
        """Yield each section's label; where not all have room, the others keep their key only."""
        whole = [self._label(at, section) for at, section in enumerate(SECTIONS)]
        brief = sum(len(label) + 2 for label in whole) > page.width
        for at, section in enumerate(SECTIONS):
            hidden = brief and section is not self._screen.section
            yield section, f" {at + 1} " if hidden else whole[at]

    def _label(self, at: int, section: Section) -> str:
        found = self._screen.comparison
        if found is None:
            return f" {at + 1} {section.value} "
        number = len(found.differences(section))
        told = f"{number:,}" if number else "n/a" if found.why_nothing(section) else "="
        return f" {at + 1} {section.value} {told} "


class SectionHead(CompareLines):
    """What the section found in a sentence, and the heads of its columns."""

    DEFAULT_CSS = "SectionHead { height: 2; padding: 0 2 0 1; }"

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield the sentence and the heads."""
        screen = self._screen
        found = screen.comparison
        if found is None:
            yield Text(f"comparing{page.glyphs.ellipsis}", "dim")
            return
        told = Text(f"{screen.at_end}: " if screen.at_end else "", style="yellow")
        told = Text.assemble(told, page.data(_summary(found, screen.section)))
        told.truncate(page.width, overflow="crop" if page.ascii_only else "ellipsis")
        yield told
        if found.rows(screen.section):
            yield _head(found, screen.section, page)


class CompareDetail(CompareLines):
    """All about the row under the cursor."""

    DEFAULT_CSS = "CompareDetail { height: 6; padding: 0 1; }"

    row: reactive[object | None] = reactive(None)

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield a rule, and the lines about the row."""
        yield Text(page.glyphs.rule * page.width, "dim")
        found = self._screen.comparison
        if found is not None and self.row is not None:
            yield from _detail(self.row, found, page)


def _common(found: Comparison | None, page: Page) -> Text:
    if found is None:
        return Text()
    unlike = [item.label for item in found.conditions if item.verdict.is_difference]
    if found.recording.verdict is Verdict.UNKNOWN:
        unlike.insert(0, "recording not known")
    if not unlike:
        line = Text("of one recording, and made alike; the limits behind the points are not known")
        line.stylize("dim")
    else:
        line = Text.assemble(("not the same: ", "yellow"), page.data(", ".join(unlike)))
        line.append("  (1 tells what that means)", "dim")
    line.truncate(page.width, overflow="crop" if page.ascii_only else "ellipsis")
    return line


def _summary(found: Comparison, section: Section) -> str:
    if section is Section.WORDS:
        words = found.words
        if words.reason:
            return words.reason
        if not words.rows:
            return f"both heard the same words; {words.note}"
        if not words.has_gold:
            return f"{count(len(words.rows), 'difference')}; {words.note}"
        return f"{words.fixed:,} fixed, {words.new:,} new, {words.other:,} other; {words.note}"
    counts = dict.fromkeys(Verdict, 0)
    for row in found.rows(section):
        counts[row.verdict] += 1
    told = [f"{number:,} {verdict.value}" for verdict, number in counts.items() if number]
    if section is Section.SCORE:
        return "the score, what it lost, and what the two runs were made with"
    if section is Section.TURNS:
        return f"{', '.join(told)}; paired by their time" if told else "no turns to compare"
    return ", ".join(told) + _OF.get(found.recording.verdict, _OF_UNKNOWN)


def _head(found: Comparison, section: Section, page: Page) -> Text:
    if section is Section.TURNS:
        return drawn.turn_head(page)
    if section is Section.WORDS:
        return drawn.word_head(found.words, page)
    return drawn.figure_head(page)


def _detail(row: object, found: Comparison, page: Page) -> Iterator[Text]:
    if isinstance(row, FigureChange):
        yield from details.figure_detail(row, page)
    elif isinstance(row, DeductionChange):
        yield from details.deduction_detail(row, page)
    elif isinstance(row, Unscored):
        yield from details.unscored_detail(row, page)
    elif isinstance(row, Condition):
        yield from details.condition_detail(row, page)
    elif isinstance(row, TurnChange):
        yield from details.turn_detail(row, page)
    elif isinstance(row, WordChange):
        yield from details.word_detail(row, found.words, page)
