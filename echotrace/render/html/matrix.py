"""The matrix of a run: engines beside conditions, every figure with how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.render.console.figures import figure, interval, number
from echotrace.render.html.markup import Markup, Part, el, join
from echotrace.render.html.svg import Scale, extent, whisker
from echotrace.render.html.texts import Notes, figure_cell, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.benchmark import BenchmarkRun, Cell, LlmCell

__all__ = ["engine_blocks", "llm_block", "overview"]

_HEAD = (
    "condition",
    "clips",
    "failed",
    "WER",
    "",
    "entity recall",
    "hallucinated",
    "SNR error",
    "heard gap p50",
    "p95",
    "missed",
    "RTF",
    "cost",
)


def overview(run: BenchmarkRun) -> Markup | None:
    """Return the error rates alone: a row per condition, a column per engine, on one scale."""
    engines = list(dict.fromkeys(cell.engine for cell in run.cells))
    if not engines:
        return None
    scale = _wer_scale(run.cells)
    by_place = {(cell.engine, _label(cell)): cell for cell in run.cells}
    rows = []
    for label in dict.fromkeys(_label(cell) for cell in run.cells):
        cells: list[Part] = [el("th", label, scope="row")]
        for at, engine in enumerate(engines):
            cell = by_place.get((engine, label))
            cells.append(_rate(cell, scale, at) if cell else el("td"))
        rows.append(el("tr", *cells, class_="sum" if label == _ALL else None))
    head = ["WER", *engines]
    return table(head, rows, label="word error rate by condition and engine", class_="overview")


_ALL = "all clips"


def _label(cell: Cell) -> str:
    return _ALL if cell.condition is None else cell.condition.label


def _wer_scale(cells: Sequence[Cell]) -> Scale:
    return extent([bound for cell in cells for bound in (cell.wer.value, cell.wer.high)])


def _rate(cell: Cell, scale: Scale, at: int) -> Markup:
    item = cell.wer
    bounds = interval(item)
    label = f"{cell.engine}, {_label(cell)}: WER {figure(item)} {bounds}".strip()
    if item.value is None:
        return el("td", el("span", "n/a", class_="na"), title=item.reason)
    drawn = whisker(scale, item.value, item.low, item.high, class_=f"c{at % 8}", label=label)
    text = join([el("b", figure(item)), " ", el("span", bounds, class_="dim")])
    return el("td", el("div", text, class_="rate"), drawn)


def engine_blocks(run: BenchmarkRun) -> Iterator[Part]:
    """Yield a table per engine with all its figures, and under each why some are missing."""
    scale = _wer_scale(run.cells)
    doubts = {item.name: (item.note, item.doubt) for item in run.header.engines}
    for at, engine in enumerate(dict.fromkeys(cell.engine for cell in run.cells)):
        notes = Notes()
        rows = [_row(cell, scale, at, notes) for cell in run.cells if cell.engine == engine]
        yield el("h3", el("i", class_=f"key s{at % 8}"), " ", engine)
        for told in doubts.get(engine, ()):
            if told:
                yield el("p", told, class_="t-yellow")
        yield table(
            _HEAD,
            rows,
            numbers=(*range(1, 4), *range(5, len(_HEAD))),
            label=f"figures of {engine}",
            class_="matrix",
        )
        yield notes.listed()


def _row(cell: Cell, scale: Scale, at: int, notes: Notes) -> Markup:
    item = cell.wer
    label = f"WER {figure(item)} {interval(item)}"
    drawn = whisker(scale, item.value, item.low, item.high, class_=f"c{at % 8}", label=label)
    gap = cell.heard_gap_ms
    return el(
        "tr",
        el("th", _label(cell), scope="row"),
        el("td", f"{cell.clips:,}", class_="num"),
        el("td", f"{cell.failed:,}", class_="num t-red" if cell.failed else "num dim"),
        figure_cell(item, notes),
        el("td", drawn if item.value is not None else None, class_="drawn"),
        figure_cell(cell.entity_recall, notes),
        figure_cell(cell.hallucinated_words, notes, sure=False),
        _snr(cell, notes),
        figure_cell(gap.p50, notes),
        figure_cell(gap.p95, notes),
        figure_cell(cell.missed_responses, notes, sure=False),
        figure_cell(cell.rtf, notes, metric="rtf"),
        figure_cell(cell.cost_usd, notes, sure=False),
        class_="all" if cell.condition is None else None,
    )


def _snr(cell: Cell, notes: Notes) -> Markup:
    bias = cell.snr_bias_db.value
    beside = "" if bias is None else f"bias {number(bias, 1)} dB"
    made = figure_cell(cell.snr_error_db, notes, sure=False)
    if not beside:
        return made
    return Markup(made.removesuffix("</td>") + el("span", f" {beside}", class_="dim") + "</td>")


def llm_block(cells: Sequence[LlmCell]) -> Iterator[Part]:
    """Yield the language models' times to the first token."""
    notes = Notes()
    yield table(
        ("model", "TTFT p50", "p95", "p99", "worst", "n", "failed", "cost"),
        [
            el(
                "tr",
                el(
                    "th",
                    cell.engine,
                    el("span", " [MOCK]", class_="badge mock") if cell.simulated else None,
                    scope="row",
                ),
                figure_cell(cell.ttft_ms.p50, notes),
                figure_cell(cell.ttft_ms.p95, notes),
                figure_cell(cell.ttft_ms.p99, notes),
                figure_cell(cell.ttft_ms.worst, notes, sure=False),
                el("td", f"{cell.ttft_ms.n:,}", class_="num"),
                el("td", f"{cell.failed:,}", class_="num"),
                figure_cell(cell.cost_usd, notes, sure=False),
            )
            for cell in cells
        ],
        numbers=range(1, 8),
        label="language models",
    )
    yield notes.listed()
