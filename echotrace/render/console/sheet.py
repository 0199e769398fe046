"""One request of a probe whole: its figures, every part of its time, the server's own times."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.report import TtsSample
from echotrace.render.console.axis import axis_to, drawable, scale
from echotrace.render.console.figures import (
    MEDIAN_NEEDS,
    MOCK,
    figure,
    milliseconds,
    number,
    quantity,
    words,
)
from echotrace.render.console.layout import style_of
from echotrace.render.console.parts import part
from echotrace.render.console.phases import (
    failure,
    is_mock,
    look_of,
    marked,
    numbered,
    phase_bar,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.measure import Measurement
    from echotrace.model.report import LlmProbe, LlmSample, Phase, TtsProbe
    from echotrace.render.console.layout import Page

    Sample = LlmSample | TtsSample
    Probe = LlmProbe | TtsProbe

__all__ = ["sample_sheet"]

_MIN_BAR = 3
_LABEL = 7


def sample_sheet(sample: Sample, probe: Probe, page: Page) -> Iterator[Text]:
    """Yield all that is known of one request: figures, every part of its time, the server's times.

    Args:
        sample: the request.
        probe: the one that it belongs to, for its names and medians.
        page: what it is written on.
    """
    mock = is_mock(probe)
    speech = isinstance(sample, TtsSample)
    head = Text.assemble((f"{'TTS' if speech else 'LLM'} request {numbered(sample, page)}", "bold"))
    head.append(f"  {_service(probe, page)}")
    if mock:
        head.append(f"  {MOCK}", "bold magenta")
    yield from page.wrapped(head, indent=0)
    yield Text()
    if sample.phases:
        told = Text("since it was due; the figures below count from its sending", style="dim")
        yield from part("Parts", told, page, indent=0)
        yield from _phases(sample.phases, page, mock=mock, failed=sample.status == "failed")
        yield Text()
    yield from page.pairs(_facts(sample, probe, page, mock=mock), indent=0)
    if sample.server is not None:
        yield Text()
        yield from _server(sample, page, mock=mock)


def _service(probe: Probe, page: Page) -> str:
    names = [probe.provider, probe.model or ""]
    return "  ".join(page.data(name, limit=page.width) for name in names if name)


def _facts(sample: Sample, probe: Probe, page: Page, *, mock: bool) -> Iterator[tuple[str, Text]]:
    status = Text(page.data(words(sample.status), limit=24), style=style_of(sample.status))
    status.append(", cold: it enters no figure" if sample.cold else ", warm")
    if sample.reused is not None:
        how = "over an open connection" if sample.reused else "it opened its connection"
        status.append(f", {how}")
    yield "status", status
    if sample.code or sample.reason:
        style = "yellow" if sample.status == "ok" else "red"
        yield "reason", Text(failure(sample, page), style=style)
    if isinstance(sample, TtsSample):
        yield from _speech(sample, probe, page, mock=mock)
    else:
        yield from _tokens(sample, probe, page, mock=mock)
    whole = _ours(sample.total_ms, probe.total_ms, page, mock=mock)
    if whole is not None:
        yield "total", whole
    asked = [] if sample.http_status is None else [f"status {sample.http_status:,}"]
    if sample.request_id:
        asked.append(f"request {page.data(sample.request_id, limit=80)}")
    if probe.sent_to:
        asked.append(f"to {page.data(probe.sent_to, limit=80)}")
    if asked:
        yield "HTTP", Text(", ".join(asked))
    yield "begun", Text(f"{milliseconds(sample.start_ms)} after the first request")


def _tokens(
    sample: LlmSample, probe: Probe, page: Page, *, mock: bool
) -> Iterator[tuple[str, Text]]:
    rows = (
        ("TTFT", sample.ttft_ms, "ttft_ms"),
        ("TTFAT", sample.ttfat_ms, "ttfat_ms"),
        ("1st sentence", sample.first_sentence_ms, "first_sentence_ms"),
    )
    for label, value, name in rows:
        text = _ours(value, getattr(probe, name, None), page, mock=mock)
        if text is not None:
            yield label, text
    if sample.first_sentence:
        yield "", Text(f'"{page.data(sample.first_sentence, limit=400)}"', style="dim")
    told = []
    if sample.tokens is not None:
        by = "counted by the server" if sample.tokens_counted else "counted as streamed pieces"
        told.append(f"{sample.tokens:,} {by}")
    if sample.prompt_tokens is not None:
        told.append(f"{sample.prompt_tokens:,} in the prompt")
    if sample.tokens_per_s is not None:
        told.append(marked(quantity(sample.tokens_per_s, "tokens/s"), mock=mock))
    if told:
        yield "tokens", Text(", ".join(told))
    gaps = [drawable(gap) for gap in sample.token_gaps_ms]
    if gaps:
        middle, worst = (marked(milliseconds(v), mock=mock) for v in (median(gaps), max(gaps)))
        yield "token gap", Text(f"median {middle}, longest {worst}, n={len(gaps):,}")


def _speech(
    sample: TtsSample, probe: Probe, page: Page, *, mock: bool
) -> Iterator[tuple[str, Text]]:
    rows = (
        ("TTFA", sample.ttfa_ms, "ttfa_ms"),
        ("TTFB", sample.ttfb_ms, "ttfb_ms"),
        ("silence first", sample.leading_silence_ms, "leading_silence_ms"),
    )
    for label, value, name in rows:
        text = _ours(value, getattr(probe, name, None), page, mock=mock)
        if text is not None:
            yield label, text
    if sample.rtf is not None:
        yield "RTF", Text(marked(quantity(sample.rtf, "ratio", metric="rtf"), mock=mock))
    told = []
    if sample.audio_s is not None:
        told.append(quantity(sample.audio_s, "s"))
    if sample.audio_bytes is not None:
        told.append(f"{sample.audio_bytes:,} bytes")
    if sample.audio_format:
        told.append(page.data(sample.audio_format, limit=80))
    if told:
        yield "sound", Text(", ".join(told))
    if sample.text:
        yield "text", Text(f'"{page.data(sample.text, limit=400)}"', style="dim")


def _ours(
    value: float | None, typical: Measurement | None, page: Page, *, mock: bool
) -> Text | None:
    if value is None:
        return None
    text = Text.assemble((marked(milliseconds(value), mock=mock), "bold"))
    if typical is not None and typical.value is not None:
        few = typical.n is not None and typical.n < MEDIAN_NEEDS
        label = f"middle of n={typical.n}" if few else "median"
        text.append(f"  {label} {page.data(figure(typical))}", "dim")
    return text


def _phases(phases: Sequence[Phase], page: Page, *, mock: bool, failed: bool) -> Iterator[Text]:
    names = [look_of(item.name, page).name for item in phases]
    starts = [milliseconds(drawable(item.start_ms)) for item in phases]
    taken = [marked(milliseconds(drawable(item.duration_ms)), mock=mock) for item in phases]
    widths = [
        max(Text(text).cell_len for text in (head, *texts))
        for head, texts in (("phase", names), ("at", starts), ("took", taken))
    ]
    left = sum(widths) + 6
    if page.width - left < _MIN_BAR:
        times = (Text(f"at {at}, took {took}") for at, took in zip(starts, taken, strict=True))
        yield from page.pairs(zip(names, times, strict=True), indent=0)
        return
    last = max(drawable(item.start_ms) + max(0.0, drawable(item.duration_ms)) for item in phases)
    axis = axis_to(last, max(_MIN_BAR, page.width - left), label_cells=_LABEL)
    head = f"{'phase':{widths[0]}}  {'at':>{widths[1]}}  {'took':>{widths[2]}}  {scale(axis)}"
    yield Text(head.rstrip(), style="dim")
    for at, item in enumerate(phases):
        bar = phase_bar([item], axis, page, mock=mock, failed=failed and at == len(phases) - 1)
        line = Text.assemble(names[at], " " * (widths[0] - Text(names[at]).cell_len + 2))
        line.append(starts[at].rjust(widths[1]) + "  ", "dim")
        line.append(taken[at].rjust(widths[2]) + "  ", "bold").append_text(bar)
        line.rstrip()
        yield line


def _server(sample: Sample, page: Page, *, mock: bool) -> Iterator[Text]:
    times = sample.server
    if times is None:
        return
    head = Text.assemble(("Server's own times", "bold"))
    head.append(f"  from {page.data(times.source, limit=40)}", "dim")
    yield from page.wrapped(head, indent=0)
    rows = [
        (label, Text(marked(milliseconds(value), mock=mock)))
        for label, value in (
            ("queue", times.queue_ms),
            ("model load", times.load_ms),
            ("prompt", times.prompt_ms),
            ("generation", times.generation_ms),
            ("total", times.total_ms),
        )
        if value is not None
    ]
    if times.total_ms is not None and sample.total_ms is not None:
        rows.append(("ours", Text(marked(milliseconds(sample.total_ms), mock=mock))))
    if sample.network_ms is not None:
        shown = marked(milliseconds(sample.network_ms), mock=mock)
        told = Text.assemble((shown, "bold"))
        share = _share(sample.network_ms, sample.total_ms)
        told.append(f"  ours less the server's{share}", "dim")
        rows.append(("network", told))
    yield from page.pairs(rows, indent=0)


def _share(part_ms: float, whole_ms: float | None) -> str:
    if whole_ms is None or not 0 < part_ms <= whole_ms:
        return ""
    return f", {number(100 * part_ms / whole_ms)} % of the whole"
