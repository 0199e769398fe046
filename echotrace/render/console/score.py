"""The score box: the number, the grade, every deduction, and what did not enter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.figures import number, quantity, words
from echotrace.render.console.layout import Page, style_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Report, Score

__all__ = ["score"]


def score(report: Report, page: Page) -> Iterator[Text]:
    """Yield the box; a score that could not be had says so in place of a number."""
    yield Text()
    result = report.score
    title = Text.assemble(("Reliability", "bold"))
    if result.profile != "default":
        title.append(f"  profile {page.data(result.profile, limit=page.width // 3)}")
    inner = page.inside()
    yield from page.box(title, [Text(), *_inside(result, inner), Text()])


def _inside(result: Score, page: Page) -> Iterator[Text]:
    yield from _verdict(result, page)
    if result.deductions:
        yield Text()
        yield from page.table(
            [
                [
                    Text(f"-{_points(item.points)}", style="bold"),
                    Text(page.data(item.metric, limit=32)),
                    Text(quantity(item.value, page.data(item.unit, limit=12), metric=item.metric)),
                    Text(page.data(item.band, limit=24), style=style_of(item.band)),
                    Text(page.data(item.message), style="dim"),
                ]
                for item in result.deductions
            ],
            right=(0, 2),
        )
    elif result.value is not None:
        yield Text()
        yield Text("  no deductions")
    if result.not_scored:
        yield Text()
        yield Text("  not scored", style="bold")
        yield from page.pairs(
            (
                (page.data(item.metric, limit=32), Text(page.data(item.reason)))
                for item in result.not_scored
            ),
            indent=4,
        )


def _verdict(result: Score, page: Page) -> Iterator[Text]:
    if result.value is None:
        yield Text("  n/a / 100   NOT MEASURABLE", style="bold")
        return
    grade = result.grade or ""
    style = style_of(grade)
    line = Text.assemble((f"{_points(result.value)} / 100", "bold"))
    line.append(f"   {page.data(grade, limit=16).upper()}", style)
    if result.status != "complete":
        line.append(f"   {page.data(words(result.status), limit=20)}", style_of(result.status))
    yield from page.wrapped(line)
    room = min(page.width - 4, 50)
    filled = round(max(0.0, min(100.0, result.value)) / 100 * room)
    bar = Text.assemble("  ", (page.glyphs.bar * filled, style))
    bar.append(page.glyphs.empty * (room - filled), "dim")
    yield bar


def _points(value: float) -> str:
    return number(value, 0 if value == int(value) else 1) if abs(value) < 1e9 else number(value)
