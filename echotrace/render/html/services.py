"""Probes of services, the pipeline's parts, the run's own spans and its cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.model.measure import Status
from echotrace.model.probes import PHASES
from echotrace.render.console.axis import axis_of, axis_to, drawable
from echotrace.render.console.cost import cost_lines
from echotrace.render.console.figures import MOCK, figure, milliseconds, note, number, words
from echotrace.render.console.lane import part_name
from echotrace.render.console.phases import (
    end_ms,
    failure,
    headline_ms,
    is_mock,
    look_of,
    marked,
    medians,
    names_of,
)
from echotrace.render.console.probes import llm_rows, p99, tts_rows
from echotrace.render.console.tree import rows_of
from echotrace.render.html.markup import Markup, Part, el, join
from echotrace.render.html.svg import Scale, rect
from echotrace.render.html.texts import (
    Notes,
    badge,
    block_page,
    console_block,
    counted_rest,
    figure_cell,
    pairs,
    rich,
    sheet,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from echotrace.model.measure import Measurement
    from echotrace.model.report import Cost, Latency, LlmProbe, Pipeline, TtsProbe
    from echotrace.render.console.axis import Axis

    Probe = LlmProbe | TtsProbe

__all__ = ["cost_block", "pipeline_block", "probe_block", "waterfall_block"]

_REQUESTS = 200
_SPANS = 400
_SAMPLES = 40
_FIGURES = {
    "TTFT": "ttft_ms",
    "TTFAT": "ttfat_ms",
    "1st sentence": "first_sentence_ms",
    "TTFA": "ttfa_ms",
    "TTFB": "ttfb_ms",
    "silence first": "leading_silence_ms",
    "total": "total_ms",
    "token gap": "token_gap_ms",
    "speed": "tokens_per_s",
    "RTF": "rtf",
}
_PHASES = frozenset(PHASES)


def probe_block(probe: Probe, kind: str) -> Iterator[Part]:
    """Yield a probe's figures, what else is known of it, and its requests on one clock."""
    page = sheet()
    rows = llm_rows(probe, page) if kind == "llm" else tts_rows(probe, page)  # type: ignore[arg-type]
    yield el("h3", f"{kind.upper()} probe ", _mock(probe))
    yield pairs((label, rich(value)) for label, value in rows if label and label not in _FIGURES)
    yield _percentiles(probe)
    yield _requests(probe)


def _mock(probe: Probe) -> Markup | None:
    return el("span", MOCK, class_="badge mock") if is_mock(probe) else None


def _percentiles(probe: Probe) -> Markup:
    notes = Notes()
    rows = []
    for label, key in _FIGURES.items():
        item: Measurement | None = getattr(probe, key, None)
        if item is None:
            continue
        spread = probe.percentiles.get(key)
        count = item.n if item.n is not None else spread.n if spread else None
        tails = [spread.p95, spread.p99, spread.worst] if spread else [None] * 3
        rows.append(
            el(
                "tr",
                el("th", label, scope="row"),
                figure_cell(item, notes, metric=key),
                *(figure_cell(tail, notes, metric=key, sure=False) for tail in tails),
                el("td", "" if count is None else f"{count:,}", class_="num"),
            )
        )
    head = ("", "median", "p95", "p99", "worst", "n")
    whole = table(head, rows, numbers=range(1, 6), label="figures of the probe", class_="figures")
    return join([whole, notes.listed()])


def _requests(probe: Probe) -> Markup | None:
    """Return a row per request, its parts end to end, and what the colours stand for."""
    samples = probe.samples[:_REQUESTS]
    if not any(item.phases for item in samples):
        return None
    page = sheet()
    mock = is_mock(probe)
    axis = axis_to(end_ms(samples), 80, label_cells=10)
    scale = Scale.of(0.0, axis.last_ms)
    rows = [_labels(4, scale, axis)]
    for item in samples:
        bars = [
            rect(
                scale,
                part.start_ms,
                drawable(part.start_ms) + max(0.0, drawable(part.duration_ms)),
                y=3,
                height=11,
                class_=_phase(part.name),
                title=f"{look_of(part.name, page).name} {milliseconds(part.duration_ms)}",
            )
            for part in item.phases
        ]
        value = headline_ms(item)
        shown = "" if value is None else marked(milliseconds(value), mock=mock)
        total = "" if item.total_ms is None else milliseconds(item.total_ms)
        why = el("span", failure(item, page), class_="t-red") if item.status == "failed" else None
        rows.append(
            el(
                "tr",
                el("td", f"{item.index:,}", class_="num"),
                el("td", "cold" if item.cold else None, badge(_ended(item.status))),
                el("td", shown, class_="num"),
                el("td", total, class_="num"),
                el("td", _row(bars, scale, axis), why, class_="bars"),
            )
        )
    first = "TTFA" if any(hasattr(item, "ttfa_ms") for item in samples) else "TTFT"
    head = ("request", "", first, "total", "")
    whole = table(head, rows, numbers=(0, 2, 3), label="requests", class_="waterfall")
    typical = medians(samples)
    legend = el(
        "ul",
        *(
            el(
                "li",
                el("i", class_=f"key {_phase(name)}"),
                f" {look_of(name, page).name}",
                el("span", f" {milliseconds(typical[name])}", class_="dim")
                if name in typical and not mock
                else None,
            )
            for name in names_of(samples)
        ),
        class_="legend",
    )
    told = "ms since each was due" if mock else "ms since each was due; below, medians of the parts"
    rest = counted_rest(len(probe.samples) - len(samples), "request")
    return join([el("p", told, class_="dim"), whole, legend, rest])


def _ended(status: str) -> str | None:
    return None if status == "ok" else status


def _phase(name: str) -> str:
    return f"ph-{name}" if name in _PHASES else "ph-other"


def _row(bars: Sequence[Markup], scale: Scale, axis: Axis, *, labels: bool = False) -> Markup:
    grid: list[Part] = []
    for tick in axis.ticks():
        x = f"{scale.at(tick):g}%"
        if labels:
            grid.append(el("text", number(tick), x=x, y=12, dx=3, class_="tick"))
        grid.append(el("line", x1=x, x2=x, y1=0, y2=18, class_="grid"))
    return el("svg", *grid, *bars, class_="row", aria_hidden="true")


def _labels(before: int, scale: Scale, axis: Axis) -> Markup:
    """Return the row of the axis's labels, behind so many empty cells."""
    labels = el("td", _row([], scale, axis, labels=True), class_="bars")
    return el("tr", *(el("td") for _ in range(before)), labels, class_="axis")


def pipeline_block(result: Pipeline) -> Iterator[Part]:
    """Yield the parts of the caller's wait, whose they are, and each answer put together."""
    page = sheet()
    yield el("p", "an estimate of the caller's wait, from probes; not what a caller heard",
             class_="dim")  # fmt: skip
    notes = Notes()
    rows = [
        el(
            "tr",
            el("td", el("i", class_=f"key s{at % 8}"), " ", part_name(part.key, page)),
            figure_cell(part.ms, notes),
            el("td", _lacks(part.key, result)),
            el("td", f"{part.owner_kind} " if part.owner_kind == "setting" else None, part.owner),
        )
        for at, part in enumerate(result.parts)
    ]  # fmt: skip
    bound = "total, at least" if result.missing else "total"
    rows.append(
        el(
            "tr",
            el("th", bound, scope="row"),
            figure_cell(result.total_ms, notes),
            el("td"),
            el("td", _tails(result)),
            class_="sum",
        )
    )
    yield table(("part", "median", "", "owner"), rows, numbers=(1,), label="parts of the wait")
    yield notes.listed()
    yield _answers(result)


def _lacks(key: str, result: Pipeline) -> Markup | None:
    if key in result.missing:
        return el("span", "missing", class_="badge warn")
    return el("span", MOCK, class_="badge mock") if key in result.simulated else None


def _tails(result: Pipeline) -> str:
    spread = result.percentiles
    named = (("p95", spread.p95), ("p99", spread.p99), ("worst", spread.worst))
    told = [f"{label} {figure(item)}" for label, item in named if item.value is not None]
    return ", ".join([*told, f"n={spread.n:,}"])


def _answers(result: Pipeline) -> Markup | None:
    shown = result.samples[:_SAMPLES]
    if not shown:
        return None
    page = sheet()
    axis = axis_to(max(item.total_ms for item in shown), 80, label_cells=10)
    scale = Scale.of(0.0, axis.last_ms)
    rows = [_labels(2, scale, axis)]
    for item in shown:
        bars, at_ms = [], 0.0
        for number_of, part in enumerate(result.parts):
            value = max(0.0, drawable(item.parts_ms.get(part.key, 0.0)))
            if value:
                title = f"{part_name(part.key, page)} {milliseconds(value)}"
                kind = f"s{number_of % 8}" + (" mock" if part.key in result.simulated else "")
                bars.append(
                    rect(scale, at_ms, at_ms + value, y=3, height=11, class_=kind, title=title)
                )
            at_ms += value
        rows.append(
            el(
                "tr",
                el("td", f"{item.index:,}", class_="num"),
                el("td", milliseconds(item.total_ms), class_="num"),
                el("td", _row(bars, scale, axis), class_="bars"),
            )
        )
    whole = table(("answer", "sum", ""), rows, numbers=(0, 1), label="answers", class_="waterfall")
    return join([whole, counted_rest(len(result.samples) - len(shown), "answer")])


def waterfall_block(latency: Latency, reasons: Mapping[str, str]) -> Iterator[Part]:
    """Yield a row per span, nested, on the run's clock, and the totals."""
    page = sheet()
    if latency.spans:
        rows, hidden = rows_of(latency.spans, _SPANS)
        axis = axis_of([row.span for row in rows], 80, label_cells=10)
        scale = Scale.of(axis.first_ms, axis.last_ms)
        drawn = []
        for row in rows:
            span = row.span
            kind = "bar"
            kind = "bar slow" if span.slow else kind
            kind = "bar mock" if span.simulated else kind
            kind = "bar failed" if span.status != "ok" else kind
            title = f"{span.name}: {milliseconds(span.duration_ms)} from {number(span.start_ms)} ms"
            end = drawable(span.start_ms) + drawable(span.duration_ms)
            bar = rect(scale, span.start_ms, end, y=3, height=11, class_=kind, title=title)
            cpu = "" if span.cpu_ms is None else milliseconds(span.cpu_ms)
            drawn.append(
                el(
                    "tr",
                    el("td", span.name, class_=f"depth{min(6, row.depth)}"),
                    el("td", milliseconds(span.duration_ms), class_="num"),
                    el("td", cpu, class_="num dim"),
                    el(
                        "td",
                        badge("slow") if span.slow else None,
                        el("span", MOCK, class_="badge mock") if span.simulated else None,
                        badge(_ended(span.status)),
                        reasons.get(span.name) if span.status != "ok" else None,
                    ),
                    el("td", _row([bar], scale, axis), class_="bars"),
                )
            )
        yield table(
            ("span", "wall", "CPU", "", "ms since the run began"),
            [_labels(4, scale, axis), *drawn],
            numbers=(1, 2),
            label="spans of the run",
            class_="waterfall",
        )
        yield counted_rest(hidden, "shorter span")
    totals: list[tuple[Part, Part]] = []
    if latency.bottleneck:
        totals.append(("bottleneck", el("b", latency.bottleneck)))
    total = latency.e2e_ms
    beside = total.method if total.value is not None else note(total)
    totals.append(("total", join([el("b", figure(total)), " ", beside])))
    totals.append(("P99", rich(p99(latency.p99_ms, page))))
    yield pairs(totals)


def cost_block(result: Cost) -> Iterator[Part]:
    """Yield the total, its items and what it leaves out."""
    total = result.total_usd
    shown = "unknown" if total.value is None else figure(total)
    yield el("p", el("b", shown), " ", el("span", note(total), class_="dim"))
    if result.items:
        notes = Notes()
        yield table(
            ("amount", "stage", "quantity", "service", "price of"),
            [
                el(
                    "tr",
                    el("td", "no charge", class_="num") if item.usd.status is Status.NOT_RUN
                    else figure_cell(item.usd, notes),
                    el("td", words(item.stage)),
                    el("td", f"{'unknown' if item.quantity is None else f'{item.quantity:,.6g}'} "
                             f"{item.unit}", class_="num"),
                    el("td", " ".join(part for part in (item.provider, item.model) if part)),
                    el("td", item.price_source),
                )
                for item in result.items
            ],
            numbers=(0, 2),
            label="cost",
        )  # fmt: skip
        yield notes.listed()
    else:
        yield console_block(cost_lines(result, block_page(), indent=0))
    if result.leaves_out:
        yield pairs([("leaves out", item) for item in result.leaves_out])
