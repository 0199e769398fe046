"""What the caller's line sounded like: levels per channel, and the recording drawn in one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from echotrace.model.measure import Measurement, Status
from echotrace.render.console.figures import figure, note
from echotrace.render.console.layout import Page, style_of
from echotrace.render.console.missing import missing
from echotrace.render.console.wave import wave

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import ChannelSignal, Report

__all__ = ["signal"]


def signal(report: Report, page: Page) -> Iterator[Text]:
    """Yield a table with one column per channel, the reasons behind it, and the waveforms."""
    result = report.signal
    if result is None:
        yield from missing("Signal", "signal", report, page)
        return
    yield from page.heading("Signal")
    columns = max(1, (page.width - _LABELS) // _COLUMN)
    for at in range(0, len(result.channels), columns):
        group = result.channels[at : at + columns]
        head = [_name(item, page, scored=item.index == result.scored_channel) for item in group]
        yield from _table(head, group, page)
    notes = [
        (f"ch {item.index}, {label}", Text(page.data(told), style="dim"))
        for item in result.channels
        for label, told in _notes(item)
    ]
    if notes:
        yield from page.pairs(notes)
    if result.envelope is not None:
        yield from wave(report, result, page)


_LABELS = 16
_COLUMN = 24


def _name(item: ChannelSignal, page: Page, *, scored: bool) -> Text:
    name = Text.assemble((f"ch {item.index} {page.data(item.role, limit=9)}", "bold"))
    return Text.assemble(name, (", scored", "dim")) if scored else name


def _rows(item: ChannelSignal) -> list[tuple[str, Measurement | None, str]]:
    return [
        ("SNR", item.snr_db, "snr_db"),
        ("speech level", item.speech_level_dbfs, ""),
        ("noise floor", item.noise_floor_dbfs, ""),
        ("peak", item.peak_dbfs, ""),
        ("loudness", item.loudness_lufs, ""),
        ("clipping", item.clipping_ratio, ""),
        ("silence", item.silence_ratio, ""),
        ("DC offset", item.dc_offset, "dc_offset"),
        ("bandwidth", item.bandwidth_hz, ""),
        ("flatness", item.spectral_flatness, "flatness"),
    ]


def _table(head: list[Text], group: tuple[ChannelSignal, ...], page: Page) -> Iterator[Text]:
    yield _line("", head)
    for cells in zip(*(_rows(item) for item in group), strict=True):
        if all(item is None for _, item, _ in cells):
            continue
        yield _line(cells[0][0], [_cell(item, metric, page) for _, item, metric in cells])


def _cell(item: Measurement | None, metric: str, page: Page) -> Text:
    shown = page.data(figure(item, metric=metric))
    cell = Text(f"{shown:>10}")
    if item is not None and item.band:
        cell.append(f"  {page.data(item.band)}", style_of(item.band))
    elif item is not None and item.status is Status.ESTIMATED:
        cell.append("  estimated", "dim")
    return cell


def _line(label: str, cells: list[Text]) -> Text:
    line = Text.assemble("  ", (label, "dim"), " " * (_LABELS - 2 - cell_len(label)))
    for cell in cells:
        cell.truncate(_COLUMN - 1)
        line.append_text(cell)
        line.append(" " * (_COLUMN - cell.cell_len))
    line.rstrip()
    return line


def _notes(item: ChannelSignal) -> list[tuple[str, str]]:
    return [
        (label, note(measured))
        for label, measured, _ in _rows(item)
        if measured is not None
        and (measured.status is not Status.MEASURED or measured.low is not None)
    ]
