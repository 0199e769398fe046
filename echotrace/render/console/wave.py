"""The recording in one row per channel: its loudness over time, and where speech was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.figures import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import EnvelopeChannel, Report, Signal, SpeechSegment
    from echotrace.render.console.layout import Page

__all__ = ["wave"]

_LEFT = 12


def wave(report: Report, signal: Signal, page: Page) -> Iterator[Text]:
    """Yield the rows; they share one clock, which the last line names."""
    envelope = signal.envelope
    if envelope is None or not any(channel.max for channel in envelope.channels):
        return
    room = page.width - _LEFT - 2
    start_s = report.source.start_s
    length_s = envelope.column_s * max(len(channel.max) for channel in envelope.channels)
    segments = {channel.index: channel.segments for channel in signal.channels}
    yield Text()
    for channel in envelope.channels:
        label = "  " + page.data(f"ch {channel.index}", limit=_LEFT - 3)
        yield Text.assemble((label.ljust(_LEFT), "dim"), (_levels(channel, room, page), "cyan"))
        marks = _speech(segments.get(channel.index, ()), start_s, length_s, room, page)
        if marks.strip():
            yield Text.assemble(("  speech".ljust(_LEFT), "dim"), (marks.rstrip(), "green"))
    first, last = clock(start_s), clock(start_s + length_s)
    if len(first) + len(last) < room:
        yield Text(" " * _LEFT + first + last.rjust(room - len(first)), style="dim")


def _levels(channel: EnvelopeChannel, room: int, page: Page) -> str:
    """Draw the largest magnitude under each cell; the loudest column has full height."""
    peaks = [max(abs(low), abs(high)) for low, high in zip(channel.min, channel.max, strict=False)]
    loudest = max(peaks, default=0.0)
    levels = page.glyphs.levels
    if not loudest > 0:
        return levels[0] * room
    drawn = []
    for cell in range(room):
        begin = cell * len(peaks) // room
        end = max(begin + 1, (cell + 1) * len(peaks) // room)
        share = max(peaks[begin:end], default=0.0) / loudest
        drawn.append(levels[min(len(levels) - 1, int(share * len(levels)))])
    return "".join(drawn)


def _speech(
    segments: tuple[SpeechSegment, ...], start_s: float, length_s: float, room: int, page: Page
) -> str:
    cells = [" "] * room
    if not length_s > 0:
        return ""
    for segment in segments:
        first, last = (
            int(max(0.0, min(1.0, (at_s - start_s) / length_s)) * room)
            for at_s in (segment.start_s, segment.end_s)
        )
        for cell in range(first, min(room, max(last, first + 1))):
            cells[cell] = page.glyphs.speech
    return "".join(cells)
