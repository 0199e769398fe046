"""The spans as a tree with bars, drawn by visible line: of very many only what is seen costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from echotrace.tui.lines import content, page_of
from echotrace.tui.span_rows import FoldedTree, tree_of
from echotrace.tui.widgets.span_layout import SpanLayout, Widths, lay, row_line

if TYPE_CHECKING:
    from textual import events

__all__ = ["SpanTreeView"]

_CURSOR = "$block-cursor-foreground on $block-cursor-background"
_CURSOR_AWAY = "$block-cursor-blurred-foreground on $block-cursor-blurred-background reverse"
_KEPT = 2_000
"""Lines that stay drawn; several screens of them."""


class SpanTreeView(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows that fold, and a cursor; its screen binds the keys.

    It is empty until ``show`` hands it a tree. ``folded`` says which rows are seen and where the
    cursor is, ``window_ms`` which part of the run the bars show.
    """

    DEFAULT_CSS = """
    SpanTreeView {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        scrollbar-color: $foreground 40%;
        scrollbar-background: $background;
        background: $background;
    }
    """

    class Moved(Message):
        """The cursor is on another row, or another part of the tree or of the run is seen."""

    def __init__(self) -> None:
        super().__init__()
        self.folded = FoldedTree(tree_of(()))
        self.window_ms = (0.0, 0.0)
        self._widths: Widths | None = None
        self._columns: SpanLayout | None = None
        self._strips: dict[tuple[int, bool, str], Strip] = {}

    @property
    def columns(self) -> SpanLayout | None:
        """The columns at the present width; None until there is a tree."""
        width = self.scrollable_content_region.width
        if self._widths is None or not width:
            return None
        if self._columns is None or self._columns.page.width != width:
            page = page_of(width, ascii_only=self.app.has_class("-ascii"))
            self._columns = lay(self._widths, page, self.window_ms)
            self._strips.clear()
        return self._columns

    def show(self, folded: FoldedTree, widths: Widths) -> None:
        """Draw a tree, the whole run at first."""
        self.folded, self._widths = folded, widths
        self.window_ms = (folded.tree.first_ms, folded.tree.last_ms)
        self.rows_changed()

    def zoom(self, window_ms: tuple[float, float]) -> None:
        """Let the bars show this part of the run."""
        self.window_ms = window_ms
        self._columns = None
        self._changed()

    def go(self, place: int) -> None:
        """Put the cursor on the row that is seen in this place."""
        before = self.folded.place
        self.folded.go(place)
        if self.folded.place != before:
            self.refresh_line(before)
            self.refresh_line(self.folded.place)
            self._in_sight()
            self.post_message(self.Moved())

    def rows_changed(self) -> None:
        """Draw anew after rows were folded or unfolded."""
        self.virtual_size = Size(self.size.width, len(self.folded.visible))
        self._in_sight()
        self._changed()

    @property
    def page_rows(self) -> int:
        """How many rows are seen at once, at least one."""
        return max(1, self.scrollable_content_region.height)

    def _changed(self) -> None:
        self.refresh()
        self.post_message(self.Moved())

    def _in_sight(self) -> None:
        self.scroll_to_region(
            Region(0, self.folded.place, 1, 1), animate=False, force=True, immediate=True
        )

    def on_resize(self) -> None:
        """Lay the columns anew, and keep the cursor in sight."""
        self._columns = None
        if self._widths is not None:
            self.rows_changed()

    def notify_style_update(self) -> None:
        """Forget the colours of another theme."""
        self._strips.clear()
        super().notify_style_update()

    def on_focus(self) -> None:
        """Show that the keys come here."""
        self.refresh_line(self.folded.place)

    def on_blur(self) -> None:
        """Show that the keys go elsewhere."""
        self.refresh_line(self.folded.place)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a row; on the row of the cursor, fold or unfold."""
        place = event.y + self.scroll_offset.y
        if not 0 <= place < len(self.folded.visible):
            return
        if place == self.folded.place:
            row = self.folded.cursor
            if self.folded.fold(row) or self.folded.unfold(row):
                self.rows_changed()
        self.go(place)

    def render_line(self, y: int) -> Strip:
        """Return one visible line; those that were drawn before are kept."""
        place, columns = y + self.scroll_offset.y, self.columns
        visible = self.folded.visible
        width = self.scrollable_content_region.width
        if columns is None or place >= len(visible):
            return Strip.blank(width, self.rich_style)
        row = visible[place]
        cursor = ""
        if row == self.folded.cursor:
            cursor = _CURSOR if self.has_focus else _CURSOR_AWAY
        key = (row, self.folded.is_folded(row), cursor)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) >= _KEPT:
                self._strips.clear()
            line = content([row_line(columns, self.folded, row, cursor=cursor)])
            strip = Visual.to_strips(self, line, width, 1, self.visual_style, pad=True)[0]
            self._strips[key] = strip
        return strip
