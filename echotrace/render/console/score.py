"""The score box: the number, the grade, every deduction, and what did not enter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.figures import number, quantity, words
from echotrace.render.console.layout import Page, style_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Report, Score

__all__ = ["metric_name", "points", "score", "status_of", "verdict"]

_NAMES = {
    "snr_db": "SNR",
    "wer": "WER",
    "cer": "CER",
    "ttft_ms": "TTFT",
    "ttfa_ms": "TTFA",
    "heard_gap_ms": "heard gap",
    "dead_air_s": "dead air",
    "rtf": "STT time",
}
_LONGEST = 50
"""Cells of the bar, at most."""


def score(report: Report, page: Page) -> Iterator[Text]:
    """Yield the box; a score that could not be had says so in place of a number."""
    yield Text()
    result = report.score
    title = Text.assemble(("Reliability", "bold"))
    if result.profile != "default":
        title.append(f"  profile {page.data(result.profile, limit=page.width // 3)}")
    inner = page.inside()
    yield from page.box(title, [Text(), *_inside(result, inner), Text()])


def metric_name(metric: str) -> str:
    """Return what a reader calls a metric: ``heard_gap_ms`` reads ``heard gap``."""
    return _NAMES.get(metric, metric)


def points(value: float) -> str:
    """Return points without a decimal where they are whole."""
    whole = abs(value) < 1e9 and value == int(value)
    return number(value, 0 if whole else 1) if abs(value) < 1e9 else number(value)


def _inside(result: Score, page: Page) -> Iterator[Text]:
    status = status_of(result, page) if result.value is not None else None
    yield from verdict(result, page, indent=2, aside=status)
    if result.deductions:
        yield Text()
        yield from page.table(
            [
                [
                    Text(f"-{points(item.points)}", style="bold"),
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


def verdict(
    result: Score,
    page: Page,
    *,
    indent: int = 0,
    longest: int = _LONGEST,
    aside: Text | None = None,
) -> Iterator[Text]:
    """Yield the number with its grade, what stands ``aside`` of them, and below them a bar.

    The console's box, the overview's and the score's own screen begin with it. Without a score it
    is one line that says so.
    """
    grade, style = result.grade or "", style_of(result.grade)
    line = Text("n/a / 100  NOT MEASURABLE", style="bold")
    if result.value is not None:
        line = Text.assemble((f"{points(result.value)} / 100", "bold"))
        line.append(f"  {page.data(grade, limit=16).upper()}", f"bold {style}".strip())
    if aside is not None and aside.plain:
        line = Text.assemble(line, "  ", aside)
    yield from page.wrapped(line, indent=indent)
    if result.value is None:
        return
    room = min(page.width - 2 * indent, longest)
    filled = round(max(0.0, min(100.0, result.value)) / 100 * room)
    bar = Text.assemble(" " * indent, (page.glyphs.bar * filled, style))
    yield bar.append(page.glyphs.empty * (room - filled), "dim")


def status_of(result: Score, page: Page) -> Text:
    """Return the word for a score that not every metric entered; empty for a complete one."""
    if result.status == "complete":
        return Text()
    return Text(page.data(words(result.status), limit=20), style=style_of(result.status))
