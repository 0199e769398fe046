"""What the run's requests cost at list prices; what is not known is said, never $0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Measurement, Status
from echotrace.render.console.figures import figure, note, number
from echotrace.render.console.parts import columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Cost, CostItem, Report
    from echotrace.render.console.layout import Page

__all__ = ["cost", "cost_lines"]

_LISTED = 24
_DECIMALS = {"audio seconds": 1}


def cost(report: Report, page: Page) -> Iterator[Text]:
    """Yield the block; nothing where no stage ran that a provider charges for."""
    if report.cost is None:
        return
    yield from page.heading("Cost", aside="at list prices", style="dim")
    yield from cost_lines(report.cost, page)


def cost_lines(result: Cost, page: Page, *, indent: int = 2) -> Iterator[Text]:
    """Yield the total, every item with its quantity and price, and what the total leaves out."""
    total = result.total_usd
    line = Text.assemble((_amount(total, page), "bold"))
    beside = note(total) if total.value is None else _sure(result)
    if beside:
        line.append(f"  {page.data(beside)}", "dim")
    yield from page.pairs([("total", line)], indent=indent)
    told: set[str] = set()
    rows = [_row(item, page, told) for item in result.items[:_LISTED]]
    for lines in columns(rows, page, indent=indent):
        yield from lines
    more = len(result.items) - _LISTED
    if more > 0:
        yield from page.wrapped(Text(f"and {more:,} more in the JSON report", style="dim"))
    if result.leaves_out:
        left = [Text(page.data(item), style="yellow") for item in result.leaves_out[:_LISTED]]
        pairs = [("" if at else "leaves out", item) for at, item in enumerate(left)]
        yield from page.pairs(pairs, indent=indent)


def _sure(result: Cost) -> str:
    """Return the status of a total; its reason stands below, where it only names what is left."""
    total = result.total_usd
    return note(total) if not result.leaves_out else note(total).partition(":")[0]


def _row(item: CostItem, page: Page, told: set[str]) -> list[Text]:
    name = page.data(item.provider, limit=24)
    if item.model:
        name += f" {page.data(item.model, limit=40)}"
    amount = "unknown" if item.quantity is None else number(item.quantity, _digits(item))
    usd = item.usd
    beside = ", ".join(part for part in (_why(usd, told), item.price_source) if part)
    return [
        Text(_amount(usd, page), style="bold" if usd.value is not None else ""),
        Text(page.data(item.stage, limit=16)),
        Text(f"{amount} {page.data(item.unit, limit=16)}"),
        Text.assemble(name, (f"  {page.data(beside, limit=400)}" if beside else "", "dim")),
    ]


def _digits(item: CostItem) -> int:
    return 0 if item.quantity == int(item.quantity or 0) else _DECIMALS.get(item.unit, 0)


def _why(usd: Measurement, told: set[str]) -> str:
    """Return why there is no amount; what the amount's word says already is left out."""
    reason = usd.reason or ""
    if reason in told:
        return ""
    told.add(reason)
    return reason


def _amount(usd: Measurement, page: Page) -> str:
    """Return an amount, or a word: nothing that is not known reads as a number."""
    if usd.value is None:
        return "no charge" if usd.status is Status.NOT_RUN else "unknown"
    return page.data(figure(usd), limit=24)
