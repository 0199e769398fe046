"""The answer to a what-if: what was changed, the gap before and after, and the price of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Status
from echotrace.render.console.figures import MOCK, figure, milliseconds, number, words
from echotrace.render.console.page import printed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.measure import Measurement
    from echotrace.model.whatif import EndpointingPrice, PartChange, WaitPoint, WhatIf
    from echotrace.render.console.layout import Page

__all__ = ["render_what_if", "what_if_lines"]

_BASIS = {
    "heard": "turns of the recording",
    "claimed": "turns, by the pipeline's own figures",
    "estimate": "answers put together from probes",
}
_MARKS = {"present": "now", "asked": "asked", "both": "both"}
_STEP_MS = 100
_OWNER = 40
_BAR_MOST = 24
_ROOMY = 52
_COLUMNS = 32
"""What stands beside the two bars of a row; the interval takes more where there is room."""
_INTERVAL = 11


def render_what_if(
    result: WhatIf, *, width: int | None = None, color: bool = False, ascii_only: bool = False
) -> str:
    """Return the answer as lines of at most ``width`` cells, ending with a line feed."""
    return printed(
        lambda page: what_if_lines(result, page), width=width, color=color, ascii_only=ascii_only
    )


def what_if_lines(result: WhatIf, page: Page) -> Iterator[Text]:
    """Yield every line of the answer."""
    yield from page.heading("What if", aside="computed, not measured", style="yellow")
    yield from _source(result, page)
    if result.changes:
        yield Text()
        rows = [_change(part, page) for part in result.changes]
        yield from page.table(rows)
    if result.gap_ms is not None:
        yield from _gap(result, page)
    if result.endpointing is not None:
        yield from _price(result.endpointing, page)
    if result.warnings:
        yield from page.heading("To know")
        for finding in result.warnings:
            style = "dim" if finding.severity.value == "info" else "yellow"
            first = Text("  -", style=style)
            yield from page.wrapped(Text(page.data(finding.message)), indent=4, first=first)
            if finding.hint:
                hint = Text.assemble(("try: ", "dim"), page.data(finding.hint))
                yield from page.wrapped(hint, indent=4)


def _source(result: WhatIf, page: Page) -> Iterator[Text]:
    rows: list[tuple[str, Text]] = []
    if result.source is not None:
        rows.append(("report", Text(page.data(result.source.path))))
        rows.append(("recording", Text(page.data(result.source.recording))))
    if result.basis is not None:
        told = f"{len(result.turns):,} {_BASIS.get(result.basis, page.data(result.basis))}"
        left = [f"{count:,} {page.data(why)}" for why, count in result.left_out.items()]
        text = Text(told)
        if left:
            text.append(f"; left out: {', '.join(left)}", "dim")
        rows.append(("of", text))
    yield from page.pairs(rows)


def _change(part: PartChange, page: Page) -> list[Text]:
    value = part.value
    how = f"x {value:g}" if part.how == "scale" else f"= {milliseconds(value)}"
    owners = ", ".join(page.data(owner, limit=_OWNER) for owner in part.owners[:2])
    return [
        Text(page.data(words(part.key)), style="bold"),
        Text(how, style="cyan"),
        Text(f"{page.data(figure(part.before_ms))} -> {page.data(figure(part.after_ms))}"),
        Text(f"n={part.turns:,}", style="dim"),
        Text(owners, style="dim"),
    ]


def _gap(result: WhatIf, page: Page) -> Iterator[Text]:
    gap = result.gap_ms
    if gap is None:
        return
    name = {"claimed": "Claimed gap", "estimate": "Estimated wait"}.get(
        result.basis or "", "Heard gap"
    )
    yield from page.heading(name, aside="in brackets the 95 % interval", style="dim")
    heads = ("ms", "before", "after", "after less before")
    rows = [[Text(head, style="dim") for head in heads]]
    for label, before, after, moved in (
        ("p50", gap.before.p50, gap.after.p50, gap.p50_ms),
        ("p95", gap.before.p95, gap.after.p95, gap.p95_ms),
        ("worst", gap.before.worst, gap.after.worst, gap.worst_ms),
    ):
        if before.value is not None:
            rows.append([Text(label), *(_bare(item) for item in (before, after)), _moved(moved)])
    rows += [
        [
            Text(f"<= {number(share.target_ms)}"),
            _bare(share.before),
            _bare(share.after),
            _moved(share.difference),
        ]
        for share in result.targets
    ]
    yield from page.table(rows)
    missing = [item.reason for item in (gap.before.p50, gap.before.p95) if item.value is None]
    for reason in dict.fromkeys(missing):
        yield from page.wrapped(Text(page.data(reason), style="dim"))


def _bare(item: Measurement) -> Text:
    """Return a figure with its interval; ms stand without their unit, which the head has."""
    if item.value is None:
        return Text("n/a", style="dim")
    mock = f"{MOCK} " if item.status is Status.SIMULATED else ""
    text = Text(f"{mock}{_plain(item.value, item.unit)}", style="bold")
    return text.append(_ends(item, sign=""), "dim")


def _moved(item: Measurement) -> Text:
    if item.value is None:
        return Text("n/a", style="dim")
    style = "green" if _is_better(item) else "red" if item.value else "dim"
    unit = " pp" if item.unit == "ratio" else ""
    shown = _plain(item.value, item.unit, sign="+").removesuffix(" %") + unit
    return Text(shown, style=style).append(_ends(item, sign="+"), "dim")


def _plain(value: float, unit: str, *, sign: str = "") -> str:
    shown = number(100.0 * value) + " %" if unit == "ratio" else number(value)
    return sign + shown if value > 0 else shown


def _ends(item: Measurement, *, sign: str) -> str:
    if item.low is None or item.high is None:
        return ""
    low, high = (_plain(end, item.unit, sign=sign) for end in (item.low, item.high))
    return f" [{low.removesuffix(' %')}, {high.removesuffix(' %')}]"


def _is_better(item: Measurement) -> bool:
    value = item.value or 0.0
    return value > 0 if item.unit == "ratio" else value < 0


def _price(price: EndpointingPrice, page: Page) -> Iterator[Text]:
    yield from page.heading("Endpointing", aside="latency against cut-offs", style="dim")
    if price.status == "not_measurable":
        return  # the warning says why
    more = price.more_per_100
    told = Text(f"{price.turns:,} turns of the caller with {price.pauses:,} pauses replayed")
    if price.longest_pause_ms is not None:
        told.append(f", the longest {milliseconds(price.longest_pause_ms)}")
    if price.not_replayed:
        told.append(f"; {price.not_replayed:,} turns without heard speech are left out")
    yield from page.wrapped(told)
    if more is not None and more.value is not None:
        sign = "+" if more.value > 0 else ""
        line = Text.assemble((f"{sign}{number(more.value, 1)}", "bold"), " false cut-offs per 100")
        line.append(" turns beside the present wait")
        if more.low is not None and more.high is not None:
            line.append(f" [{number(more.low, 1)}, {number(more.high, 1)}]", "dim")
        yield from page.wrapped(line)
    yield from _frontier(price, page)


def _frontier(price: EndpointingPrice, page: Page) -> Iterator[Text]:
    """Yield a row per wait: how often the caller is cut off, and how long he waits."""
    points = [point for point in price.frontier if point.mark or point.wait_ms % _STEP_MS == 0]
    if not points:
        return
    shown = [_gap_of(point) for point in points]
    name = (
        "gap p50, ms"
        if all(point.gap_p50_ms.value is not None for point in points)
        else "worst gap, ms"
    )
    wait = max(5, *(len(number(point.wait_ms)) for point in points))
    beside = _INTERVAL if page.width >= _ROOMY else 2
    cells = max(4, min(_BAR_MOST, (page.width - _COLUMNS - beside - wait + 5) // 2))
    most = max(100.0, *(point.cut_offs_per_100.value or 0.0 for point in points))
    longest = max(1.0, *shown)
    yield Text()
    head = f"  {'wait':>{wait}}         {'cut off per 100':<{cells + beside + 7}}{name}"
    yield Text(head[: page.width], style="dim")
    for point, gap_ms in zip(points, shown, strict=True):
        cut = point.cut_offs_per_100
        line = Text(f"  {number(point.wait_ms):>{wait}}  ", "bold" if point.mark else "")
        mark = _MARKS.get(point.mark, "") if point.mark else ""
        line.append(f"{mark:<7}", "bold yellow")
        line.append(_bar((cut.value or 0.0) / most, cells, page), "red")
        line.append(f" {number(cut.value or 0.0, 1):>5} ")
        line.append(f"{_between(cut) if beside == _INTERVAL else '':<{beside}}", "dim")
        line.append(_bar(gap_ms / longest, cells, page), "cyan")
        line.append(f" {number(gap_ms):>6}")
        line.truncate(page.width, overflow="crop")
        yield line


def _gap_of(point: WaitPoint) -> float:
    middle = point.gap_p50_ms.value
    return point.gap_worst_ms if middle is None else middle


def _between(item: Measurement) -> str:
    if item.low is None or item.high is None:
        return ""
    return f"[{number(item.low)}, {number(item.high)}]"


def _bar(share: float, cells: int, page: Page) -> str:
    length = max(0, min(cells, round(share * cells)))
    drawn = page.glyphs.bar * length
    if not length and share > 0.0:
        drawn = page.glyphs.sliver
    return drawn.ljust(cells)
