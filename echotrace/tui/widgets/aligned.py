"""The words of a transcript in lines, what was said over what was heard, with a cursor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from echotrace.render.console.plain import cut_middle
from echotrace.render.console.timeline import stamp
from echotrace.tui.lines import page_of
from echotrace.tui.word_rows import lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual import events

    from echotrace.tui.word_rows import Paragraph, Piece, WordLines, Words
    from echotrace.tui.word_search import WordSearch

__all__ = ["AlignedText"]

_LABELS = ("Gold", "Heard")
_ROOMY = 60
"""From so many cells on the times stand at the left of the words, below it above them."""
_ROLE = 8
_MADE_UP, _UNSURE = "~", "?"
"""Drawn below the words, so that nothing is told by colour alone."""
_ROLES = {"caller": "aligned--caller", "agent": "aligned--agent"}


class AlignedText(ScrollView, can_focus=True):
    """Draws the lines that are seen; holds numbers for all the others."""

    ALLOW_MAXIMIZE = False
    DEFAULT_CSS = """
    AlignedText {
        height: 1fr;
        padding: 0 0 0 1;
        scrollbar-size: 0 1;
        scrollbar-gutter: stable;
        scrollbar-color: $foreground 40%;
        scrollbar-background: $background;
        overflow-x: hidden;
        & > .aligned--aside { color: $foreground-muted; }
        & > .aligned--caller { color: $text-primary; }
        & > .aligned--agent { color: $text-secondary; }
        & > .aligned--said { color: $text-success; text-style: bold; }
        & > .aligned--misheard { color: $text-error; text-style: bold; }
        & > .aligned--doubt { color: $text-warning; }
        & > .aligned--match { background: $warning 35%; text-style: bold underline; }
        & > .aligned--cursor { text-style: reverse; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "aligned--aside",
        "aligned--caller",
        "aligned--agent",
        "aligned--said",
        "aligned--misheard",
        "aligned--doubt",
        "aligned--match",
        "aligned--cursor",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "by_word(-1)", "Word before", show=False, id="text.left"),
        Binding("right", "by_word(1)", "Next word", show=False, id="text.right"),
        Binding("up,k", "by_line(-1)", "Line before", show=False, id="text.up"),
        Binding("down,j", "by_line(1)", "Next line", show=False, id="text.down"),
        Binding("pageup", "by_page(-1)", "A page up", show=False, id="text.page_up"),
        Binding("pagedown", "by_page(1)", "A page down", show=False, id="text.page_down"),
        Binding("home,g", "to_end(-1)", "First word", show=False, id="text.first"),
        Binding("end,G", "to_end(1)", "Last word", show=False, id="text.last"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)
    """The column that the cursor is on."""

    @dataclass
    class Moved(Message):
        """The cursor has come to another word."""

        column: int

    def __init__(self) -> None:
        super().__init__()
        self.words: Words | None = None
        self.search: WordSearch | None = None
        self._lines: WordLines | None = None
        self._why: Sequence[str] = ()
        self._none = ""
        self._marked = False
        self._time_wide = 0
        self._who_wide = 0
        self._styles: dict[str, Style] = {}

    @property
    def ascii_only(self) -> bool:
        """Whether the terminal can draw nothing but ASCII."""
        return self.app.has_class("-ascii")

    def show(self, words: Words, cursor: int, *, none: str) -> None:
        """Draw these words; ``none`` is said where there are none."""
        self.words, self._none = words, none
        self.set_reactive(AlignedText.cursor, max(0, min(cursor, len(words) - 1)))
        self._lay()
        self.post_message(self.Moved(self.cursor))

    def mark(self, search: WordSearch | None) -> None:
        """Draw the matches of a search, or no longer."""
        self.search = search
        self.refresh()

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a word."""
        return max(0, min(cursor, len(self.words or ()) - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Draw both words anew, scroll to the new one, and tell of it."""
        if self._lines is None or not len(self._lines):
            return
        for column in (old, new):
            top = self._lines.line_of(column) * self._height
            # A word that is wider than a line has parts in the lines below.
            parts = len(self._lines.split.get(column, ((),)))
            self.refresh_lines(top, self._height * parts)
        self._see(new)
        self.post_message(self.Moved(new))

    def on_resize(self) -> None:
        """Fill the lines anew for the new width."""
        if self.words is not None and (self._lines is None or self._lines.room != self._room):
            self._lay()

    def notify_style_update(self) -> None:
        """Forget the colours of the theme before."""
        super().notify_style_update()
        self._styles = {}

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the word that was clicked."""
        if self._lines is None or not len(self._lines):
            return
        at = event.get_content_offset(self)
        if at is None:
            return
        line = (at.y + round(self.scroll_y)) // self._height
        if line < len(self._lines):
            self.cursor = self._lines.nearest(line, max(0, at.x - self._gutter))

    def action_by_word(self, by: int) -> None:
        """Move by one word."""
        self.cursor += by

    def action_by_line(self, by: int) -> None:
        """Move by one line, to the word at the same place in it."""
        if self._lines is None or not len(self._lines):
            return
        at = self._lines.line_of(self.cursor)
        if by > 0:
            at += len(self._lines.split.get(self.cursor, ((),))) - 1
        line = max(0, min(at + by, len(self._lines) - 1))
        if line != at:
            self.cursor = self._lines.nearest(line, self._lines.x_of(self.cursor))

    def action_by_page(self, by: int) -> None:
        """Move by as many lines as are seen."""
        self.action_by_line(by * max(1, self.scrollable_content_region.height // self._height - 1))

    def action_to_end(self, which: int) -> None:
        """Move to the first or to the last word."""
        self.cursor = 0 if which < 0 else len(self.words or ()) - 1

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        width, base = self.scrollable_content_region.width, self.rich_style
        y += round(self.scroll_y)
        lines = self._lines
        if lines is None:
            return Strip.blank(width, base)
        if not len(lines):
            return self._told(y, width)
        line, row = divmod(y, self._height)
        if line >= len(lines):
            return Strip.blank(width, base)
        strip = Strip([*self._aside(lines, line, row), *self._row(lines, line, row)])
        return strip.adjust_cell_length(width, base).apply_style(base)

    def _told(self, y: int, width: int) -> Strip:
        text = self._why[y - 1] if 1 <= y <= len(self._why) else ""
        return Strip([Segment(f"  {text}", self._style("aside"))]).adjust_cell_length(
            width, self.rich_style
        )

    @property
    def _paired(self) -> bool:
        return self.words is not None and len(self.words.sides) > 1

    @property
    def _timed_above(self) -> bool:
        return self._paired and self.size.width < _ROOMY

    @property
    def _height(self) -> int:
        """Lines of the screen per line of words."""
        if self._paired:
            return 4 if self._timed_above else 3
        return 2 if self._marked else 1

    @property
    def _gutter(self) -> int:
        if self._timed_above:
            return 6
        who = self._who_wide + 2 if self._who_wide else 0
        return max(who, self._time_wide + 2) + 7 if self._paired else self._time_wide + 2 + who

    @property
    def _room(self) -> int:
        return max(1, self.scrollable_content_region.width - self._gutter)

    def _lay(self) -> None:
        words = self.words
        if words is None:
            return
        page = page_of(self.size.width, ascii_only=self.ascii_only)
        times = [at_s for at_s in words.start_s if math.isfinite(at_s)]
        times += [item.start_s for item in words.paragraphs if item.start_s is not None]
        self._time_wide = len(stamp(max(times))) if times else 0
        self._marked = any(words.unsure) or any(words.flagged)
        roles = {item.role for item in words.paragraphs}
        self._who_wide = max((min(_ROLE, cell_len(role)) for role in roles), default=0)
        self._lines = lay_out(words, self._room, ellipsis=page.glyphs.ellipsis)
        height = len(self._lines) * self._height
        if not len(self._lines):
            from rich.text import Text

            room = page_of(self.size.width - 4, ascii_only=self.ascii_only)
            told = page.data(self._none)
            self._why = [line.plain for line in room.wrapped(Text(told), indent=0)]
            height = len(self._why) + 1
        self.virtual_size = Size(self.scrollable_content_region.width, height)
        if len(self._lines):
            self._see(self.cursor)
        self.refresh()

    def _see(self, column: int) -> None:
        if self._lines is None:
            return
        top, seen = self._lines.line_of(column) * self._height, self.size.height
        region = Region(0, top, 1, self._height)
        # What comes from afar is shown with what stands around it.
        margin = 2 * self._height
        is_far = not self.scroll_y - margin <= top < self.scroll_y + seen + margin
        self.scroll_to_region(region, animate=False, force=True, center=is_far)

    def _style(self, name: str) -> Style:
        found = self._styles.get(name)
        if found is None:
            found = self._styles[name] = self.get_component_rich_style(f"aligned--{name}")
        return found

    def _aside(self, lines: WordLines, line: int, row: int) -> Iterator[Segment]:
        """Yield what stands left of the words: time, speaker, and which side this is."""
        span = lines.span_of(line)
        paragraph = lines.words.paragraph_of(span[0])
        begins = paragraph is not None and paragraph.first == span[0]
        time = _time(lines.words, span, paragraph if begins else None)
        who = paragraph.role if paragraph else ""
        aside = self._style("aside")
        if self._timed_above:
            if row == 0:
                yield Segment("  ".join(filter(None, (time, who))), aside)
            else:
                yield Segment(self._label(row - 1).ljust(self._gutter), aside)
            return
        if self._paired:
            wide = self._gutter - 7
            text = (time.rjust(self._time_wide), who)[row] if row < len(_LABELS) else ""
            style = self._role(who) if row == 1 else aside
            yield Segment(_fitted(text, wide, self.ascii_only), style)
            yield Segment(self._label(row).ljust(7), aside)
            return
        yield Segment((time if row == 0 else "").rjust(self._time_wide) + "  ", aside)
        if self._who_wide:
            shown = who if begins and row == 0 else ""
            yield Segment(_fitted(shown, self._who_wide + 2, self.ascii_only), self._role(who))

    def _label(self, row: int) -> str:
        return _LABELS[row] if row < len(_LABELS) else ""

    def _role(self, who: str) -> Style:
        return self._style(_ROLES.get(who, "aligned--aside").removeprefix("aligned--"))

    def _row(self, lines: WordLines, line: int, row: int) -> Iterator[Segment]:
        """Yield the words of one side, or the marks below them."""
        if self._timed_above:
            if row == 0:
                return
            row -= 1
        x, marks_row = 0, len(lines.words.sides)
        for piece in lines.line(line):
            if piece.x > x:
                yield Segment(" " * (piece.x - x))
            if row < marks_row:
                yield from self._word(lines, piece, row)
            else:
                mark = _mark(lines.words, piece.column)
                yield Segment(mark * piece.width, self._style("doubt"))
            x = piece.x + piece.width

    def _word(self, lines: WordLines, piece: Piece, side: int) -> Iterator[Segment]:
        text = piece.texts[side]
        gap = piece.width - cell_len(text)
        style = self._word_style(lines.words, piece.column, side)
        if piece.column == self.cursor:
            yield Segment(text + " " * gap, style)
            return
        yield from self._matched(lines, piece, side, style)
        if gap:
            yield Segment(" " * gap)

    def _word_style(self, words: Words, column: int, side: int) -> Style | None:
        style = None
        if words.kinds[column] != "equal":
            style = self._style("misheard" if side or not self._paired else "said")
        elif words.flagged[column] or words.unsure[column]:
            style = self._style("doubt") if side or not self._paired else None
        if column == self.cursor:
            return _over(self._style("cursor"), style)
        return style

    def _matched(
        self, lines: WordLines, piece: Piece, side: int, style: Style | None
    ) -> Iterator[Segment]:
        """Yield a word with its matches marked; of a word in parts every part, if one matches."""
        text = piece.texts[side]
        word = lines.words.sides[side][piece.column]
        spans = list(self.search.spans(side, piece.column, len(word))) if self.search else []
        match = _over(self._style("match"), style)
        if not spans or not text or piece.column in lines.split:
            if text:
                yield Segment(text, match if spans else style)
            return
        lead, at = text.index(word), 0
        for start, end in spans:
            yield Segment(text[at : lead + start], style)
            yield Segment(text[lead + start : lead + end], match)
            at = lead + end
        yield Segment(text[at:], style)


def _time(words: Words, span: range, begun: Paragraph | None) -> str:
    """Return when a line begins: the time of the paragraph that it begins, or of a word in it."""
    if begun is not None and begun.start_s is not None:
        return stamp(begun.start_s)
    starts = (words.start_s[at] for at in span)
    known = next((at_s for at_s in starts if not math.isnan(at_s)), None)
    return "" if known is None else stamp(known)


def _mark(words: Words, column: int) -> str:
    if words.flagged[column]:
        return _MADE_UP
    return _UNSURE if words.unsure[column] else " "


def _over(upper: Style, style: Style | None) -> Style:
    """Return a style in the colour of another one."""
    return upper if style is None else upper + Style(color=style.color)


def _fitted(text: str, width: int, ascii_only: bool) -> str:
    """Return text of exactly so many cells, the last two of them empty."""
    cut = cut_middle(text, max(1, width - 2), ellipsis="." if ascii_only else "\u2026")
    return cut + " " * max(0, width - cell_len(cut))
