"""Where engines break: error rates along a degradation, drawn as curves and told as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.render.console.axis import drawable
from echotrace.render.console.figures import figure, interval, number, percent, quantity, words
from echotrace.render.console.run.frontier import doubled
from echotrace.render.html.markup import Markup, Part, el, join
from echotrace.render.html.svg import nice_ticks
from echotrace.render.html.texts import Notes, figure_cell, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.benchmark import BenchmarkRun, Frontier, FrontierPoint

__all__ = ["frontier_blocks"]

_WIDTH, _HEIGHT = 560, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 12, 40
_AXES = {
    "snr_db": "SNR in dB, falling",
    "packet_loss_percent": "packet loss in %",
    "reverb_s": "reverberation (RT60) in s",
    "codec": "codec",
}
_SHORT = {"snr_db": "SNR", "packet_loss_percent": "packet loss", "reverb_s": "reverberation"}
_DASHES = (None, "7 3", "2 3", "9 3 2 3")


def frontier_blocks(run: BenchmarkRun) -> Iterator[Part]:
    """Yield a chart per axis and series with a curve per engine; then the breakpoints."""
    engines = list(dict.fromkeys(item.engine for item in run.frontiers))
    groups: dict[tuple[str, str], list[Frontier]] = {}
    for item in run.frontiers:
        groups.setdefault((item.axis, item.series), []).append(item)
    charts = [_chart(axis, series, found, engines) for (axis, series), found in groups.items()]
    if not charts:
        return
    legend = [
        el("li", el("i", class_=f"key s{at % 8}"), f" {name}") for at, name in enumerate(engines)
    ]
    legend.append(el("li", "dotted upright: where WER has doubled; bars: 95 % interval"))
    yield el("ul", *legend, class_="legend")
    yield el("div", *charts, class_="charts")
    yield _breakpoints(run.frontiers)
    yield el("details", el("summary", "all points as a table"), _points(run.frontiers))


class _Plane:
    """Places of a chart; the clean clips stand at the left, apart from the axis's values."""

    def __init__(self, found: Sequence[Frontier]) -> None:
        self.axis = found[0].axis
        points = [point for item in found for point in item.points]
        self.labels = list(dict.fromkeys(point.label for point in points))
        self.values = sorted({drawable(p.value) for p in points if p.value is not None})
        self.has_clean = any(point.value is None for point in points)
        self.by_label = self.axis == "codec" or not self.values
        tops = [(p.wer.high, p.wer.value) for p in points]
        highest = max((drawable(v) for pair in tops for v in pair if v is not None), default=0.0)
        self.top = max(0.02, min(10.0, highest) * 1.05)

    def x(self, point: FrontierPoint) -> float:
        if self.by_label:
            return self._share(self.labels.index(point.label), 0, max(1, len(self.labels) - 1))
        if point.value is None:
            return _LEFT + 12.0
        return self.x_of(point.value)

    def x_of(self, value: float) -> float:
        first, last = self.values[0], self.values[-1]
        if self.axis == "snr_db":
            first, last = last, first
        begin = 0.16 if self.has_clean else 0.0
        share = 0.5 if first == last else (drawable(value) - first) / (last - first)
        return self._share(begin + (1 - begin) * max(-0.02, min(1.02, share)), 0, 1)

    def y(self, rate: float) -> float:
        room = _HEIGHT - _TOP - _BOTTOM
        share = max(0.0, min(1.0, drawable(rate) / self.top))
        return round(_HEIGHT - _BOTTOM - share * room, 1)

    def _share(self, value: float, first: float, last: float) -> float:
        room = _WIDTH - _LEFT - _RIGHT - 24
        return round(_LEFT + 12 + room * (value - first) / (last - first), 1)


def _chart(axis: str, series: str, found: Sequence[Frontier], engines: Sequence[str]) -> Markup:
    plane = _Plane(found)
    drawn: list[Part] = list(_frame(axis, plane, found))
    for item in found:
        drawn += _curve(item, plane, engines.index(item.engine))
    told = "; ".join(f"{item.engine}: {_said(item)}" for item in found)
    caption = f"WER along {_AXES.get(axis, words(axis))}" + (f", {series}" if series else "")
    picture = el(
        "svg",
        *drawn,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        class_="chart",
        role="img",
        aria_label=f"{caption}. {told}",
    )
    return el("figure", el("figcaption", caption), picture)


def _frame(axis: str, plane: _Plane, found: Sequence[Frontier]) -> Iterator[Markup]:
    right, floor = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    for rate in nice_ticks(0.0, plane.top):
        y = plane.y(rate)
        yield el("line", x1=_LEFT, x2=right, y1=y, y2=y, class_="grid")
        yield el("text", percent(rate).replace(".0 %", " %"), x=_LEFT - 5, y=y + 4, class_="end")
    yield el("line", x1=_LEFT, x2=right, y1=floor, y2=floor, class_="axis-line")
    named: dict[float, str] = {}
    for item in found:
        for point in item.points:
            label = point.label
            if not plane.by_label:
                label = "clean" if point.value is None else f"{point.value:,.6g}"
            named.setdefault(plane.x(point), label)
    for x, label in named.items():
        yield el("line", x1=x, x2=x, y1=floor, y2=floor + 4, class_="axis-line")
        short = label if len(label) <= 14 else f"{label[:13]}…"
        yield el("text", short, x=x, y=floor + 16, class_="middle")
    name = _AXES.get(axis, words(axis))
    yield el("text", name, x=(_LEFT + right) / 2, y=_HEIGHT - 6, class_="middle")


def _curve(item: Frontier, plane: _Plane, at: int) -> Iterator[Markup]:
    line, fill = f"l{at % 8}", f"s{at % 8}"
    known = [point for point in item.points if point.wer.value is not None]
    path = " ".join(f"{plane.x(p)},{plane.y(p.wer.value or 0.0)}" for p in known)
    if len(known) > 1:
        yield el(
            "polyline",
            points=path,
            class_=f"curve {line}",
            stroke_dasharray=_DASHES[at // 2 % len(_DASHES)],
        )
    for point in known:
        x, y = plane.x(point), plane.y(point.wer.value or 0.0)
        if point.wer.low is not None and point.wer.high is not None:
            ends = plane.y(point.wer.low), plane.y(point.wer.high)
            yield el("line", x1=x, x2=x, y1=ends[0], y2=ends[1], class_=f"error {line}")
        title = f"{item.engine}, {point.label}: {figure(point.wer)} {interval(point.wer)}"
        yield el("circle", el("title", title), cx=x, cy=y, r=3.6, class_=fill)
    broken = item.breakpoint.value
    if broken is None or plane.by_label:
        return
    x = plane.x_of(broken)
    ends = (_TOP + 12 * (at % 8) + 12, _HEIGHT - _BOTTOM)
    where = doubled(item, quantity(broken, item.unit))
    told = f"{item.engine}: WER doubled {where}"
    yield el("line", el("title", told), x1=x, x2=x, y1=ends[0], y2=ends[1], class_=f"broken {line}")
    late = x > _WIDTH * 0.7
    yield el(
        "text",
        f"2x {where}",
        x=x - 4 if late else x + 4,
        y=ends[0] + 4,
        class_="label end" if late else "label",
    )


def _said(item: Frontier) -> str:
    if item.breakpoint.value is not None:
        return f"WER doubles {doubled(item, quantity(item.breakpoint.value, item.unit))}"
    return item.breakpoint.reason or "no breakpoint"


def _breakpoints(found: Sequence[Frontier]) -> Markup:
    notes = Notes()
    rows = [
        el(
            "tr",
            el("th", item.engine, scope="row"),
            el("td", _SHORT.get(item.axis) or words(item.axis)),
            el("td", item.series),
            _place(item, notes),
            el("td", item.breakpoint.method),
        )
        for item in found
    ]
    head = ("engine", "axis", "series", "WER doubles at", "")
    return join([table(head, rows, numbers=(3,), label="breakpoints"), notes.listed()])


def _place(item: Frontier, notes: Notes) -> Markup:
    if not item.is_bound:
        return figure_cell(item.breakpoint, notes)
    return el(
        "td", f"{figure(item.breakpoint)} or before", notes.mark(item.breakpoint), class_="num"
    )


def _points(found: Sequence[Frontier]) -> Markup:
    notes = Notes()
    rows = [
        el(
            "tr",
            el("th", item.engine if not at else "", scope="row"),
            el("td", (_SHORT.get(item.axis) or words(item.axis)) if not at else ""),
            el("td", point.label),
            el("td", "" if point.value is None else number(point.value, 1), class_="num"),
            figure_cell(point.wer, notes),
        )
        for item in found
        for at, point in enumerate(item.points)
    ]
    head = ("engine", "axis", "clips", "at", "WER")
    return join([table(head, rows, numbers=(3, 4), label="points"), notes.listed()])
