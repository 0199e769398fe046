"""Signal quality in two figures and their words, SNR and WER, and what stands behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Status
from echotrace.render.console.figures import figure, milliseconds, note, number
from echotrace.render.console.layout import style_of
from echotrace.render.console.wave import wave
from echotrace.tui.widgets.missing import missing
from echotrace.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.measure import Measurement
    from echotrace.model.report import ChannelSignal, Report, Transcription
    from echotrace.render.console.layout import Page

__all__ = ["SignalPanel", "rated", "reason_of"]

_WIDE = 44
_LABEL = 7


class SignalPanel(Panel):
    """SNR and WER with their words, levels, and the recording's shape where there is room."""

    def heading(self, page: Page) -> Text:
        """Return the title."""
        return Text("Signal quality", style="bold")

    def lines(self, page: Page) -> Iterator[Text]:
        """Yield SNR, WER, the levels of the scored channel, the waveform, and its finer points."""
        run = self.run
        report = run.report if run else None
        channel = _scored(report)
        if channel is None:
            yield from missing("SNR", "signal", run, page)
        else:
            yield from rated("SNR", channel.snr_db, page)
        if report is None or report.transcription is None:
            yield from missing("WER", "transcription", run, page)
        else:
            yield from rated(*_leading(report.transcription), page)
        if report is None or channel is None or report.signal is None:
            return
        yield from _levels(channel, page)
        yield from reason_of("SNR", channel.snr_db, page)
        if report.transcription is not None:
            yield from reason_of(*_leading(report.transcription), page)
        for other in report.signal.channels:
            if other is not channel:
                label = f"ch {other.index} {page.data(other.role, limit=9)} SNR"
                yield from rated(label, other.snr_db, page)
        yield from wave(report, report.signal, page)
        yield from _in_rows(_more(channel), page)


def rated(label: str, item: Measurement, page: Page, *, metric: str = "") -> Iterator[Text]:
    """Yield a figure and its word; one that could not be had says why in its place."""
    line = Text(page.data(figure(item, metric=metric)), style="bold")
    whole = Text.assemble((label.ljust(max(_LABEL, len(label) + 2)), "dim"), line)
    if item.band:
        whole.append(f"  {page.data(item.band, limit=20)}", style_of(item.band))
    if item.value is None:
        whole.append(f"  {page.data(note(item))}", "dim")
    elif item.status is Status.ESTIMATED:
        whole.append("  estimated", style_of("estimated"))
    yield from page.wrapped(whole, indent=0)


def reason_of(label: str, item: Measurement, page: Page) -> Iterator[Text]:
    """Yield why a figure is not plainly measured; it stands below the figures, which come first."""
    if item.value is None or item.status is Status.MEASURED:
        return
    told = f"{label}: {page.data(note(item))}"
    yield from page.wrapped(Text(told, style="dim"), indent=0)


def _leading(result: Transcription) -> tuple[str, Measurement]:
    """Return the error rate that counts for this language, with its name."""
    return ("CER", result.cer) if result.rate == "cer" else ("WER", result.wer)


def _scored(report: Report | None) -> ChannelSignal | None:
    if report is None or report.signal is None:
        return None
    channels = report.signal.channels
    wanted = report.signal.scored_channel
    return next((item for item in channels if item.index == wanted), None)


def _levels(channel: ChannelSignal, page: Page) -> Iterator[Text]:
    rows = (
        ("speech", channel.speech_level_dbfs),
        ("noise", channel.noise_floor_dbfs),
        ("clipped", channel.clipping_ratio),
        ("silence", channel.silence_ratio),
    )
    shown = [(label, figure(item)) for label, item in rows if item.value is not None]
    return _in_rows(shown, page)


def _more(channel: ChannelSignal) -> list[tuple[str, str]]:
    """Return what is not needed at first sight; what was looked for and not found is left out."""
    figures = (
        ("loud", channel.loudness_lufs),
        ("peak", channel.peak_dbfs),
        ("crest", channel.crest_factor_db),
        ("band", channel.bandwidth_hz),
        ("hum", channel.hum_hz),
    )
    shown = [(label, figure(item)) for label, item in figures if item is not None and item.value]
    if channel.dropouts is not None and channel.dropouts.count:
        lost = channel.dropouts
        shown.append(("dropout", f"{lost.count:,}, {milliseconds(lost.total_ms)}"))
    if channel.gated:
        shown.append(("gated", "yes"))
    if channel.mos is not None:
        parts = (("MOS", channel.mos.ovrl), ("MOS sig", channel.mos.sig))
        for label, item in (*parts, ("MOS bak", channel.mos.bak)):
            shown.append((label, number(item.value, 2) if item.value is not None else "n/a"))
    return shown


def _in_rows(shown: list[tuple[str, str]], page: Page) -> Iterator[Text]:
    """Yield labels and values, two to a line where there is room."""
    if page.width < _WIDE:
        for label, value in shown:
            line = Text.assemble((f"{label.ljust(7)} ", "dim"), page.data(value))
            yield from page.wrapped(line, indent=0)
        return
    for at in range(0, len(shown), 2):
        line = Text()
        for label, value in shown[at : at + 2]:
            line.append(f"{label.ljust(7)} ", "dim")
            line.append(f"{page.data(value).rjust(10)}   ")
        line.rstrip()
        yield from page.wrapped(line, indent=0)
