"""What the caller's line sounded like: levels per channel, and the recording drawn in one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from echotrace.model.measure import Measurement, Status
from echotrace.render.console.figures import figure, milliseconds, note, number
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
    yield from page.pairs(_notes(result.channels, page))
    if result.envelope is not None:
        yield from wave(report, result, page)


_LABELS = 16
_COLUMN = 24
_FINDINGS = frozenset({"dropouts", "noise gate", "mains hum"})
"""Rows that are there only where one of the channels has such a thing."""


def _name(item: ChannelSignal, page: Page, *, scored: bool) -> Text:
    name = Text.assemble((f"ch {item.index} {page.data(item.role, limit=9)}", "bold"))
    return Text.assemble(name, (", scored", "dim")) if scored else name


def _rows(item: ChannelSignal) -> list[tuple[str, Measurement | str | None, str]]:
    """Return a label, a figure or a text, and the metric's name for each line of the table.

    None is what needs no line of its own: not part of the run, or looked for and not found.
    """
    return [
        ("SNR", item.snr_db, "snr_db"),
        ("speech level", item.speech_level_dbfs, ""),
        ("noise floor", item.noise_floor_dbfs, ""),
        ("loudness", item.loudness_lufs, ""),
        ("peak", item.peak_dbfs, ""),
        ("crest factor", item.crest_factor_db, ""),
        ("clipping", item.clipping_ratio, ""),
        ("dropouts", _dropouts(item), ""),
        ("silence", item.silence_ratio, ""),
        ("noise gate", "yes" if item.gated else None, ""),
        ("DC offset", item.dc_offset, "dc_offset"),
        ("mains hum", _found(item.hum_hz), ""),
        ("bandwidth", item.bandwidth_hz, ""),
        ("flatness", item.spectral_flatness, "flatness"),
        ("MOS, sig/bak", _mos(item), ""),
    ]


def _dropouts(item: ChannelSignal) -> str | None:
    found = item.dropouts
    return f"{found.count:,}, {milliseconds(found.total_ms)}" if found and found.count else None


def _found(hum: Measurement | None) -> Measurement | None:
    return hum if hum is not None and hum.value else None


def _mos(item: ChannelSignal) -> Measurement | str | None:
    if item.mos is None or item.mos.ovrl.value is None:
        return item.mos.ovrl if item.mos else None
    parts = [
        number(part.value, 2) if part.value is not None else "n/a"
        for part in (item.mos.sig, item.mos.bak)
    ]
    return f"{number(item.mos.ovrl.value, 2):>10}  {'/'.join(parts)}"


def _table(head: list[Text], group: tuple[ChannelSignal, ...], page: Page) -> Iterator[Text]:
    yield _line("", head)
    for cells in zip(*(_rows(item) for item in group), strict=True):
        if all(item is None for _, item, _ in cells):
            continue
        absent = "none" if cells[0][0] in _FINDINGS else "n/a"
        yield _line(cells[0][0], [_cell(item, metric, absent, page) for _, item, metric in cells])


def _cell(item: Measurement | str | None, metric: str, absent: str, page: Page) -> Text:
    if item is None or isinstance(item, str):
        return Text(f"{item or absent:>10}")
    cell = Text(f"{page.data(figure(item, metric=metric)):>10}")
    if item.band:
        cell.append(f"  {page.data(item.band)}", style_of(item.band))
    elif item.status is Status.ESTIMATED:
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


def _notes(channels: tuple[ChannelSignal, ...], page: Page) -> list[tuple[str, Text]]:
    """Return why figures are not plainly measured; one reason of several figures is told once."""
    whose: dict[str, list[str]] = {}
    for item in channels:
        for label, measured, _ in _rows(item):
            if not isinstance(measured, Measurement):
                continue
            if measured.status is not Status.MEASURED or measured.low is not None:
                whose.setdefault(note(measured), []).append(f"ch {item.index}, {label}")
    return [
        (labels[0], Text(page.data(_also(told, labels[1:])), style="dim"))
        for told, labels in whose.items()
    ]


def _also(told: str, others: list[str]) -> str:
    return f"{told}; also {'; '.join(others)}" if others else told
