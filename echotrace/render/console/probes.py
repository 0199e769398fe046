"""The probes of services: how long they let a caller wait, every simulated figure as [MOCK]."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from echotrace.model.measure import Measurement, Status
from echotrace.model.report import TtsProbe
from echotrace.render.console.anatomy import anatomy
from echotrace.render.console.axis import drawable
from echotrace.render.console.figures import (
    MOCK,
    P95_NEEDS,
    P99_NEEDS,
    figure,
    interval,
    milliseconds,
    note,
    number,
)
from echotrace.render.console.layout import Page, style_of
from echotrace.render.console.missing import has_recording, missing
from echotrace.render.console.phases import headline_ms, is_mock, look_of, medians, warm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.report import LlmProbe, LlmSample, Report, TtsSample

    Probe = LlmProbe | TtsProbe
    Sample = LlmSample | TtsSample

__all__ = ["llm_rows", "p99", "probes", "tts_rows"]

_SAMPLES = 12
_SPIKE = 2.0
_SPIKE_MS = 100.0
"""A request is a spike when it took so many times the median, and so much more than it."""
_PROMPTS = {
    "built-in": "built-in",
    "flag": "yours, from a flag",
    "file": "yours, from a file",
    "call": "the call's own words",
}
_TEXTS = {"built-in": "built-in", "llm": "the language model's first sentence"}
_CELLS = 4
_LEFT = 20
"""What the labels and the margin take, about."""
_SET_UP = ("dns", "connect", "tls")


def probes(report: Report, page: Page) -> Iterator[Text]:
    """Yield the language model's block and the speech synthesiser's, or why there is none."""
    llm = report.probes.llm if report.probes else None
    tts = report.probes.tts if report.probes else None
    if llm is not None:
        yield from _block("LLM probe", llm, llm_rows(llm, page), report, page)
    elif has_recording(report) or "llm" in report.analyzers:
        yield from missing("LLM probe", "llm", report, page)
    if tts is not None:
        yield from _block("TTS probe", tts, tts_rows(tts, page), report, page)
    elif "tts" in report.analyzers:
        yield from _without_tts(report, page)


def p99(item: Measurement, page: Page) -> Text:
    """Return the P99 figure, of what it is, and that few samples make it their maximum."""
    text = Text.assemble((page.data(figure(item)), "bold"))
    if item.value is None:
        return text.append(f"  {page.data(note(item))}", "dim")
    parts = [item.method] if item.method else []
    if item.n is not None:
        parts.append(f"n={item.n:,}" if item.status is Status.MEASURED else f"max of n={item.n:,}")
    if item.status is not Status.MEASURED:
        parts.append(item.status.value)
    return text.append(f"  {page.data(', '.join(parts))}", "dim")


def _without_tts(report: Report, page: Page) -> Iterator[Text]:
    """Yield why there is no speech synthesiser's block: one line where nobody named one."""
    entry = report.analyzers["tts"]
    if entry.status != "not_run":
        yield from missing("TTS probe", "tts", report, page)
        return
    aside = f"not run: {page.data(entry.reason)}" if entry.reason else "not run"
    if cell_len(aside) > page.width - len("TTS probe") - 4:
        aside = "not run"
    yield from page.heading("TTS probe", aside=aside, style="dim")


def _block(
    title: str, probe: Probe, rows: Iterator[tuple[str, Text]], report: Report, page: Page
) -> Iterator[Text]:
    aside = MOCK if is_mock(probe) else ""
    yield from page.heading(title, aside=aside, style="bold magenta")
    kept = list(rows)
    if title.startswith("LLM") and report.latency is not None:
        at = next((at for at, row in enumerate(kept) if row[0] in ("spike", "cold")), len(kept))
        kept.insert(at, ("P99", p99(report.latency.p99_ms, page)))
    yield from page.pairs(kept)
    yield from anatomy(probe, page)


def llm_rows(probe: LlmProbe, page: Page) -> Iterator[tuple[str, Text]]:
    """Yield label and text of each figure of a language model."""
    reasons: set[str] = set()
    answer = probe.ttfat_ms
    if answer is not None and answer.value is not None and answer.value == probe.ttft_ms.value:
        answer = None
    figures = (
        ("TTFT", probe.ttft_ms, "ttft_ms"),
        ("TTFAT", answer, "ttfat_ms"),
        ("1st sentence", probe.first_sentence_ms, "first_sentence_ms"),
        ("total", probe.total_ms, "total_ms"),
        ("token gap", probe.token_gap_ms, "token_gap_ms"),
        ("speed", probe.tokens_per_s, ""),
        ("network", probe.network_ms, "network_ms"),
    )
    yield from _head(probe, page)
    yield from _figures(figures, probe, page, reasons)
    yield from _spike(probe, page)
    yield from _cold(probe, probe.cold_ttft_ms, page, reasons)
    yield from _server(probe, page)
    yield from _failures(probe, page)
    if len(probe.samples_ms) > 1 and not probe.samples:
        shown = "  ".join(milliseconds(value) for value in probe.samples_ms[:_SAMPLES])
        more = len(probe.samples_ms) - _SAMPLES
        told = f"{MOCK} {shown}" if probe.simulated else shown
        yield "samples", Text(told + (f"  and {more:,} more" if more > 0 else ""))
    source = _PROMPTS.get(probe.prompt_source, page.data(probe.prompt_source, limit=40))
    if probe.system_source != "built-in":
        source += ", with your system prompt"
    sent = f"sent to {page.data(probe.sent_to)}" if probe.sent_to else "nothing was sent"
    yield "prompt", Text(f"{source}; {sent}")


def tts_rows(probe: TtsProbe, page: Page) -> Iterator[tuple[str, Text]]:
    """Yield label and text of each figure of a speech synthesiser."""
    reasons: set[str] = set()
    figures = (
        ("TTFA", probe.ttfa_ms, "ttfa_ms"),
        ("TTFB", probe.ttfb_ms, "ttfb_ms"),
        ("silence first", probe.leading_silence_ms, "leading_silence_ms"),
        ("RTF", probe.rtf, "rtf"),
        ("total", probe.total_ms, "total_ms"),
    )
    yield from _head(probe, page)
    yield from _figures(figures, probe, page, reasons)
    yield from _spike(probe, page)
    yield from _cold(probe, None, page, reasons)
    yield from _server(probe, page)
    yield from _failures(probe, page)
    if probe.audio_format:
        yield "sound", Text(page.data(probe.audio_format, limit=120))
    source = _TEXTS.get(probe.text_source, page.data(probe.text_source, limit=40))
    sent = f"sent to {page.data(probe.sent_to)}" if probe.sent_to else "it stayed on this machine"
    yield "text", Text(f"{source}; {sent}")


def _head(probe: Probe, page: Page) -> Iterator[tuple[str, Text]]:
    name = page.data(probe.provider)
    if probe.model:
        name += f"  {page.data(probe.model)}"
    voice = getattr(probe, "voice", None)
    if voice:
        name += f"  voice {page.data(voice, limit=80)}"
    yield "provider", Text(name, style="bold")
    if not probe.samples:
        return
    made = [item for item in probe.samples if not item.cold]
    failed = sum(item.status == "failed" for item in made)
    cut = sum(item.status == "cut" for item in made)
    told = Text(f"{len(made) - failed:,} of {max(probe.asked, len(made)):,} answered")
    if failed:
        told.append(", ").append(f"{failed:,} failed", "bold red")
    if probe.asked > len(made):
        told.append(f", {probe.asked - len(made):,} not made")
    if cut:
        told.append(f", {cut:,} cut at the limit")
    cold = len(probe.samples) - len(made)
    if cold:
        told.append(f"; {cold:,} cold before" if cold > 1 else "; one cold before")
    if probe.concurrency > 1:
        told.append(f"; {probe.concurrency:,} at a time")
    yield "requests", told


def _figures(
    rows: Sequence[tuple[str, Measurement | None, str]],
    probe: Probe,
    page: Page,
    reasons: set[str],
) -> Iterator[tuple[str, Text]]:
    """Yield a row per figure: value, interval, count and band aligned over the rows, then tails."""
    mock = is_mock(probe)
    kept = [(label, item, key) for label, item, key in rows if item is not None]
    told = [_cells(item, key, page, mock=mock) for _, item, key in kept]
    widths = [max((row[at].cell_len for row in told), default=0) for at in range(_CELLS)]
    aligned = sum(width + 2 for width in widths if width) <= page.width - _LEFT
    for (label, item, key), cells in zip(kept, told, strict=True):
        beside = page.data(_beside(item, reasons))
        if item.value is None:
            yield label, Text.assemble(("n/a", "bold"), (f"  {beside}", "dim"))
            continue
        line = Text("  ").join(cell for cell in cells if cell.plain)
        if aligned:
            line = Text()
            for at, cell in enumerate(cells):
                gap = " " * (widths[at] - cell.cell_len)
                both = (cell, gap) if at else (gap, cell)
                line.append_text(Text.assemble(*both, "  " if widths[at] else ""))
        tails = _tails(key, probe, page, mock=mock)
        if tails:
            line = Text("  " if not aligned else "").join([line, Text(tails)])
        line.rstrip()
        if beside:
            line.append(f"  {beside}", "dim")
        yield label, line
    counts = [probe.percentiles[key].n for _, _, key in kept if key in probe.percentiles]
    few = min((count for count in counts if count > 0), default=P95_NEEDS)
    notes = ["in brackets the 95 % interval"] if any(row[1].plain for row in told) else []
    if few < P95_NEEDS:
        notes.append(f"p95 needs {P95_NEEDS} answers, p99 {P99_NEEDS}")
    if notes:
        yield "", Text("; ".join(notes), style="dim")


def _cells(item: Measurement, key: str, page: Page, *, mock: bool) -> list[Text]:
    if item.value is None:
        return [Text()] * _CELLS
    band = page.data(item.band, limit=24) if item.band else ""
    return [
        Text(_shown(item, page, mock=mock, metric=key), style="bold"),
        Text(page.data(interval(item, metric=key), limit=40), style="dim"),
        Text("" if item.n is None else f"n={item.n:,}", style="dim"),
        Text(band, style=style_of(item.band)),
    ]


def _tails(key: str, probe: Probe, page: Page, *, mock: bool) -> str:
    spread = probe.percentiles.get(key)
    if spread is None:
        return ""
    named = (("p95", spread.p95), ("p99", spread.p99), ("worst", spread.worst))
    return ", ".join(
        f"{name} {_shown(tail, page, mock=mock)}" for name, tail in named if tail.value is not None
    )


def _shown(item: Measurement, page: Page, *, mock: bool, metric: str = "") -> str:
    shown = page.data(figure(item, metric=metric))
    return f"{MOCK} {shown}" if mock and not shown.startswith(MOCK) else shown


def _beside(item: Measurement, reasons: set[str]) -> str:
    """Return how sure a figure is and why; [MOCK] stands beside a simulated one already."""
    plain = replace(item, low=None, high=None, n=None)
    told = note(plain, told=reasons)
    return told.removeprefix("simulated").removeprefix(": ") if item.value is not None else told


def _spike(probe: Probe, page: Page) -> Iterator[tuple[str, Text]]:
    """Yield the slowest request where it stands out, and the part of it that grew."""
    timed = [item for item in warm(probe.samples) if headline_ms(item) is not None]
    if len(timed) < 3:
        return
    slow = max(timed, key=lambda item: drawable(headline_ms(item) or 0.0))
    others = [item for item in timed if item is not slow]
    usual = median(drawable(headline_ms(item) or 0.0) for item in others)
    taken = drawable(headline_ms(slow) or 0.0)
    if taken < _SPIKE * usual or taken < usual + _SPIKE_MS:
        return
    mock = f"{MOCK} " if is_mock(probe) else ""
    text = Text.assemble((f"request {page.data(slow.index, limit=8)}", "yellow"))
    text.append(f" took {mock}{milliseconds(taken)}")
    if usual > 0:
        text.append(f", {number(taken / usual, 1)} x the others' median")
    typical = medians(others)
    grown = [
        (drawable(item.duration_ms) - typical.get(item.name, 0.0), item) for item in slow.phases
    ]
    if grown:
        more, part = max(grown, key=lambda pair: pair[0])
        text.append(f": {mock}{milliseconds(more)} more of {look_of(part.name, page).name}")
    yield "spike", text


def _cold(
    probe: Probe, first: Measurement | None, page: Page, reasons: set[str]
) -> Iterator[tuple[str, Text]]:
    mock = is_mock(probe)
    whole = probe.warm_up_ms
    if whole.value is None:
        yield "cold", Text.assemble(("n/a", "bold"), (f"  {page.data(note(whole, told=reasons))}"))
        return
    text = Text()
    if first is not None and first.value is not None:
        text.append(f"TTFT {_shown(first, page, mock=mock)}, ")
    elif isinstance(probe, TtsProbe):
        heard = (headline_ms(item) for item in probe.samples if item.cold)
        known = next((value for value in heard if value is not None), None)
        if known is not None:
            text.append(f"TTFA {MOCK + ' ' if mock else ''}{milliseconds(known)}, ")
    text.append(f"whole request {_shown(whole, page, mock=mock)}")
    spent = medians(item for item in probe.samples if item.cold)
    opened = [
        f"{look_of(name, page).name} {milliseconds(spent[name])}"
        for name in _SET_UP
        if name in spent
    ]
    if opened and not mock:
        text.append(f", of it {', '.join(opened)}")
    yield "cold", text


def _server(probe: Probe, page: Page) -> Iterator[tuple[str, Text]]:
    """Yield the server's own times beside ours, and the network between: medians of all three."""
    told = [(item, item.server) for item in warm(probe.samples) if item.server is not None]
    if not told:
        return
    mock = f"{MOCK} " if is_mock(probe) else ""
    parts = []
    for label, name in (
        ("total", "total_ms"),
        ("queue", "queue_ms"),
        ("model load", "load_ms"),
        ("prompt", "prompt_ms"),
        ("generation", "generation_ms"),
    ):
        values = [getattr(times, name) for _, times in told]
        known = [drawable(value) for value in values if value is not None]
        if known:
            parts.append(f"{label} {mock}{milliseconds(median(known))}")
    ours = [drawable(item.total_ms) for item, _ in told if item.total_ms is not None]
    if ours and parts:
        parts.append(f"ours {mock}{milliseconds(median(ours))}")
    text = Text(", ".join(parts))
    source = page.data(told[0][1].source, limit=40)
    text.append(f"  medians, from {source}, n={len(told):,}", "dim")
    yield "server says", text
    if getattr(probe, "network_ms", None) is not None:
        return
    apart = [drawable(item.network_ms) for item, _ in told if item.network_ms is not None]
    if apart:
        network = Text.assemble((f"{mock}{milliseconds(median(apart))}", "bold"))
        yield "network", network.append("  ours less the server's", "dim")


def _failures(probe: Probe, page: Page) -> Iterator[tuple[str, Text]]:
    for kind in probe.failures:
        text = Text.assemble((f"{kind.count:,} x {page.data(kind.code, limit=40)}", "red"))
        yield "failed", text.append(f"  {page.data(kind.reason)}")
        if kind.hint:
            yield "", Text.assemble(("try: ", "dim"), page.data(kind.hint))
