"""The spectrogram of one channel: time to the right, frequency upwards on the mel scale."""

from __future__ import annotations

import asyncio
import math
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.color import Color, Lab, lab_to_rgb, rgb_to_lab
from textual.strip import Strip
from textual.widget import Widget

from echotrace.audio.stop import Stopped
from echotrace.errors import EchoTraceError
from echotrace.render.console.timeline import stamp
from echotrace.tui.lines import page_of
from echotrace.tui.widgets.lanes import LEFT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from echotrace.tui.recording import Recording

__all__ = ["Spectrogram"]

_WIDEST_DB: Final = 70.0
_NARROWEST_DB: Final = 40.0
_QUIET_PERCENT: Final = 10
_STEPS: Final = 24
_DEBOUNCE_S: Final = 0.06
_LABELS_HZ: Final = (1_000, 4_000, 250, 2_000, 500, 8_000, 16_000)
_SHADES: Final = " ░▒▓█"
_ASCII: Final = " .:-=+*#%@"
_TINT: Final = 55.0
"""How strongly the middle of the colours is tinted, in CIE L*a*b* units."""


class _Window(NamedTuple):
    """What is to be seen: a stretch in as many columns, and rows."""

    start_s: float
    end_s: float
    columns: int
    rows: int


class _Picture(NamedTuple):
    """Levels in dB (rows, columns) of a window, and the edges of its rows in Hz."""

    window: _Window
    levels: NDArray[np.float32]
    edges_hz: NDArray[np.float64]


class _Paint(NamedTuple):
    """How a level is drawn: two rows per cell in colours, or one row in characters."""

    colours: tuple[Color, ...]
    characters: str

    @property
    def rows_per_cell(self) -> int:
        return 2 if self.colours else 1


class Spectrogram(Widget):
    """Draws the window that ``show`` names; the levels come from a thread, only the last count.

    Louder is further from the background in lightness, so that it reads without colour as well.
    While a new window is worked out the old picture stands in for what both have in common.

    Args:
        recording: what is looked into.
        channel: the channel's index.
    """

    DEFAULT_CSS = """
    Spectrogram { height: 1fr; min-height: 4; background: $background; color: $foreground; }
    """

    def __init__(self, recording: Recording, channel: int) -> None:
        super().__init__()
        self.recording = recording
        self.channel = channel
        self.why_not: str | None = None
        self._stretch: tuple[float, float] | None = None
        self._cursor_s = 0.0
        self._asked = 0
        self._wanted: _Window | None = None
        self._picture: _Picture | None = None
        self._loading = ""
        self._lines: list[Strip] | None = None
        self._mixed: _Paint | None = None

    def show(self, start_s: float, end_s: float, cursor_s: float) -> None:
        """Show this stretch of the recording, and the cursor at its time."""
        self._stretch, self._cursor_s = (start_s, end_s), cursor_s
        self._ask()
        self.refresh()

    @property
    def is_loading(self) -> bool:
        """Whether a thread is at work on what is to be shown."""
        return bool(self._loading)

    def notify_style_update(self) -> None:
        """Paint anew: the colours may be others, and those of a new theme are known only now."""
        super().notify_style_update()
        self._forget()

    def on_resize(self) -> None:
        """Ask for as many columns and rows as there are now."""
        self._forget()
        self._ask()

    def on_unmount(self) -> None:
        """Let the thread stop."""
        self._asked += 1

    def _forget(self) -> None:
        self._lines = self._mixed = None
        self.refresh()

    @property
    def _ascii_only(self) -> bool:
        return self.app.has_class("-ascii")

    def _ask(self) -> None:
        columns, cells = self.size.width - LEFT, self.size.height - 1
        if self._stretch is None or columns < 1 or cells < 1 or not self.is_mounted:
            return
        start_s, end_s = self._stretch
        if not end_s > start_s:
            return
        window = _Window(start_s, end_s, columns, cells * self._paint().rows_per_cell)
        if window == self._wanted:
            return
        self._wanted, self._lines = window, None
        self._asked += 1
        self._loading = "reading the recording"
        if "librosa" not in sys.modules:
            self._loading = "loading librosa, which takes some seconds the first time"
        # Not a coroutine: one that is replaced before it began would never be awaited.
        work: Any = partial(self._fetch, window, self._asked)
        self.run_worker(
            work,
            exclusive=True,
            group="spectrogram",
            exit_on_error=False,
        )

    async def _fetch(self, window: _Window, number: int) -> None:
        await asyncio.sleep(_DEBOUNCE_S)
        picture, why = None, None
        try:
            picture = await asyncio.to_thread(self._look, window, number)
        except Stopped:
            return
        except EchoTraceError as error:
            why = ": ".join(filter(None, (error.what, error.why)))
        except Exception as error:  # noqa: BLE001 - else "reading" would stand there for ever
            why = f"the spectrogram failed: {error}"
        if number != self._asked:
            return
        self._loading, self.why_not = "", why
        self._picture = picture
        self._forget()

    def _look(self, window: _Window, number: int) -> _Picture:
        """Work out the levels; in a thread."""
        from echotrace.audio.spectrogram import band_edges_hz, top_hz

        levels = self.recording.spectrogram(
            self.channel,
            window.start_s,
            window.end_s,
            columns=window.columns,
            rows=window.rows,
            should_stop=lambda: number != self._asked,
        )
        return _Picture(window, levels, band_edges_hz(window.rows, top_hz(self.recording.rate_hz)))

    def render_line(self, y: int) -> Strip:
        """Return a line of the picture, or of what stands in its place; the last is the legend."""
        width = self.size.width
        if self._lines is None:
            self._lines = self._painted()
        if y >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        return self._with_cursor(self._lines[y]) if y < len(self._lines) - 1 else self._legend()

    def _painted(self) -> list[Strip]:
        width, height = self.size
        columns = width - LEFT
        if height < 2 or columns < 1:
            return [Strip.blank(width, self.rich_style) for _ in range(height)]
        if self._picture is None:
            return self._words(self.why_not or self._loading, width, height)
        grid = self._grid(self._picture, columns, height - 1)
        labels = _labels(self._picture.edges_hz, height - 1)
        muted = self.rich_style + Style(dim=True)
        lines = []
        for y in range(height - 1):
            label = labels.get(y, "").rjust(LEFT - 1).ljust(LEFT)
            lines.append(Strip([Segment(label, muted), *grid[y]], width))
        lines.append(Strip.blank(width, self.rich_style))
        return lines

    def _words(self, told: str, width: int, height: int) -> list[Strip]:
        page = page_of(width, ascii_only=self._ascii_only)
        from rich.text import Text

        wrapped = page.wrapped(Text(page.data(told)), indent=2) if told else []
        lines = [Strip.blank(width, self.rich_style) for _ in range(height)]
        top = max(0, (height - 1 - len(wrapped)) // 2)
        for at, text in enumerate(wrapped[: height - 1]):
            shown = Strip([Segment(text.plain, self.rich_style)])
            lines[top + at] = shown.adjust_cell_length(width, self.rich_style)
        return lines

    def _grid(self, picture: _Picture, columns: int, cells: int) -> list[list[Segment]]:
        """Return the segments of each line, from the top; columns come by their time."""
        import numpy as np

        paint, window = self._paint(), picture.window
        per = paint.rows_per_cell
        start_s, end_s = self._stretch or (window.start_s, window.end_s)
        times_s = start_s + (np.arange(columns) + 0.5) * ((end_s - start_s) / columns)
        share = (times_s - window.start_s) / (window.end_s - window.start_s)
        at = np.floor(share * window.columns).astype(int)
        known = (at >= 0) & (at < window.columns)
        rows = np.minimum(np.arange(cells * per) * window.rows // (cells * per), window.rows - 1)
        levels = picture.levels[rows][:, at.clip(0, window.columns - 1)].astype(float)
        levels[:, ~known] = np.nan
        low_db, high_db = self._range(picture)
        shares = (levels - low_db) / (high_db - low_db)
        count = len(paint.colours) or len(paint.characters)
        steps = np.where(np.isnan(shares), -1, np.clip(shares * count, 0, count - 1)).astype(int)
        made = []
        for y in range(cells):
            upper = steps[(cells - y) * per - 1]
            lower = steps[(cells - y - 1) * per]
            made.append(self._segments(paint, upper.tolist(), lower.tolist()))
        return made

    def _segments(self, paint: _Paint, upper: list[int], lower: list[int]) -> list[Segment]:
        plain = self.rich_style
        if not paint.colours:
            drawn = "".join(paint.characters[step] if step >= 0 else " " for step in upper)
            return [Segment(drawn, plain)]
        segments: list[Segment] = []
        begin = 0
        for end in range(1, len(upper) + 1):
            if end < len(upper) and (upper[end], lower[end]) == (upper[begin], lower[begin]):
                continue
            top, bottom = upper[begin], lower[begin]
            if top < 0 and bottom < 0:
                segments.append(Segment(" " * (end - begin), plain))
            else:
                style = plain + Style(
                    color=paint.colours[max(0, top)].rich_color,
                    bgcolor=paint.colours[max(0, bottom)].rich_color,
                )
                segments.append(Segment("▀" * (end - begin), style))
            begin = end
        return segments

    def _with_cursor(self, line: Strip) -> Strip:
        place = self._cursor_column()
        if place is None or self._picture is None:
            return line
        cell = line.crop(place, place + 1)
        under = next(iter(cell), Segment(" ", self.rich_style)).style or self.rich_style
        ground = under.bgcolor
        style = self.rich_style + Style(bold=True)
        if self._paint().colours and ground is not None and ground.triplet is not None:
            colour = Color(*ground.triplet)
            style = Style(color=colour.get_contrast_text(1.0).rich_color, bgcolor=ground, bold=True)
        mark = Strip([Segment("|" if self._ascii_only else "│", style)], 1)
        return Strip.join([line.crop(0, place), mark, line.crop(place + 1)])

    def _cursor_column(self) -> int | None:
        if self._stretch is None:
            return None
        start_s, end_s = self._stretch
        columns = self.size.width - LEFT
        if not start_s <= self._cursor_s <= end_s or columns < 1 or not end_s > start_s:
            return None
        share = (self._cursor_s - start_s) / (end_s - start_s)
        return LEFT + min(columns - 1, int(share * columns + 1e-9))

    def _legend(self) -> Strip:
        """Say whose sound it is, what the shades mean, and what is loudest at the cursor."""
        plain, width = self.rich_style, self.size.width
        roles = [
            item.role
            for item in self.recording.source.channels
            if item.index == self.channel and item.role != "unknown"
        ]
        page = page_of(width, ascii_only=self._ascii_only)
        segments = [Segment(page.data(f" ch {self.channel} {' '.join(roles)}"), plain)]
        picture = self._picture
        if picture is not None:
            low_db, high_db = self._range(picture)
            paint = self._paint()
            segments.append(Segment(f"  {low_db:.0f} dB ", plain))
            if paint.colours:
                segments += [
                    Segment("█", plain + Style(color=colour.rich_color))
                    for colour in paint.colours[::2]
                ]
            else:
                segments.append(Segment(paint.characters, plain))
            segments.append(Segment(f" {high_db:.0f} dB", plain))
            told = self._loading or self._at_cursor(picture)
            segments.append(Segment(f"  {told}" if told else "", plain + Style(dim=True)))
        return Strip(segments).adjust_cell_length(width, plain)

    def _at_cursor(self, picture: _Picture) -> str:
        import numpy as np

        window = picture.window
        share = (self._cursor_s - window.start_s) / (window.end_s - window.start_s)
        if not 0 <= share <= 1:
            return ""
        column = picture.levels[:, min(window.columns - 1, int(share * window.columns))]
        at = stamp(self._cursor_s, digits=2)
        if not np.isfinite(column).any():
            return f"{at}: no recording"
        row = int(np.nanargmax(column))
        middle_hz = float(picture.edges_hz[row] + picture.edges_hz[row + 1]) / 2
        return f"{at}: loudest near {_hertz(middle_hz)}, {column[row]:.0f} dB"

    def _range(self, picture: _Picture) -> tuple[float, float]:
        """Return what the weakest and the strongest shade stand for, in dB.

        Noise that is always there gets the weak shades, so that speech stands out from it.
        """
        import numpy as np

        finite = picture.levels[np.isfinite(picture.levels)]
        loudest = float(finite.max()) if finite.size else 0.0
        quiet = float(np.percentile(finite, _QUIET_PERCENT)) if finite.size else 0.0
        high_db = max(10.0 * math.ceil(loudest / 10.0), -50.0)
        low_db = 10.0 * math.floor(quiet / 10.0)
        return min(max(low_db, high_db - _WIDEST_DB), high_db - _NARROWEST_DB), high_db

    def _paint(self) -> _Paint:
        if self._mixed is None:
            self._mixed = self._mix()
        return self._mixed

    def _mix(self) -> _Paint:
        if self._ascii_only:
            return _Paint((), _ASCII)
        variables = self.app.theme_variables
        ground, ink, tint = (
            Color.parse(variables[name]) for name in ("background", "foreground", "primary")
        )
        if any(colour.ansi is not None for colour in (ground, ink, tint)):
            return _Paint((), _SHADES)  # the terminal's own colours cannot be mixed
        return _Paint(_ramp(ground, ground.blend(ink, ink.a).with_alpha(1.0), tint), "")


def _ramp(ground: Color, ink: Color, tint: Color) -> tuple[Color, ...]:
    """Return colours from the background to the text, even in lightness, tinted in the middle.

    The tint turns from the theme's own hue to its opposite, as heat maps do, but the lightness
    alone tells the order.
    """
    first, last, middle = rgb_to_lab(ground), rgb_to_lab(ink), rgb_to_lab(tint)
    length = math.hypot(middle.a, middle.b) or 1.0
    colours = []
    for step in range(_STEPS):
        share = step / (_STEPS - 1)
        strength = _TINT * math.sin(math.pi * share) / length
        turned = math.cos(math.pi * share)
        mixed = Lab(
            first.L + (last.L - first.L) * share,
            first.a + (last.a - first.a) * share + middle.a * strength * turned,
            first.b + (last.b - first.b) * share + middle.b * strength * turned,
        )
        colours.append(lab_to_rgb(mixed).clamped)
    return tuple(colours)


def _labels(edges_hz: NDArray[np.float64], cells: int) -> dict[int, str]:
    """Return which line from the top is named by which frequency; lines in between stay free."""
    import numpy as np

    rows = len(edges_hz) - 1
    labels: dict[int, str] = {}
    for hertz in _LABELS_HZ:
        row = int(np.searchsorted(edges_hz, hertz, side="right")) - 1
        if not 0 <= row < rows:
            continue
        line = cells - 1 - row * cells // rows
        if not {line - 1, line, line + 1} & set(labels):
            labels[line] = _hertz(hertz)
    return labels


def _hertz(value: float) -> str:
    return f"{value / 1000:.3g} kHz" if value >= 1_000 else f"{value:.0f} Hz"
