"""How the parts of a request are drawn: a glyph, a colour and a name for each."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.report import TtsSample
from echotrace.render.console.axis import Axis, drawable
from echotrace.render.console.figures import MOCK, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from echotrace.model.report import LlmProbe, LlmSample, Phase, TtsProbe
    from echotrace.render.console.layout import Page

__all__ = [
    "ROOMY",
    "Look",
    "end_ms",
    "failure",
    "headline_ms",
    "is_mock",
    "look_of",
    "marked",
    "medians",
    "names_of",
    "numbered",
    "phase_bar",
    "warm",
]


ROOMY = 60
"""Cells of a page from which on columns need not be cut short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A part's name, a shorter one for the head of a column, its glyphs and its colour."""

    name: str
    short: str
    glyph: str
    plain: str
    style: str


_LOOKS = {
    "queued": Look(name="queued", short="queue", glyph="·", plain=".", style="dim"),
    "dns": Look(name="DNS", short="DNS", glyph="▂", plain="d", style="yellow"),
    "connect": Look(name="connect", short="conn", glyph="▄", plain="c", style="yellow"),
    "tls": Look(name="TLS", short="TLS", glyph="▆", plain="t", style="yellow"),
    "request_sent": Look(name="request sent", short="sent", glyph="▸", plain=">", style=""),
    "waiting": Look(name="waiting", short="wait", glyph="░", plain="-", style=""),
    "first_token": Look(name="first token", short="first", glyph="▒", plain="=", style="cyan"),
    "reasoning": Look(name="reasoning", short="think", glyph="▓", plain="%", style="magenta"),
    "first_audio": Look(name="first audio", short="first", glyph="▒", plain="=", style="cyan"),
    "streaming": Look(name="streaming", short="stream", glyph="█", plain="#", style="green"),
    "done": Look(name="done", short="done", glyph="▪", plain="|", style="dim"),
}


def look_of(name: str, page: Page) -> Look:
    """Return how a part is drawn; one of a later version is drawn with a question mark."""
    known = _LOOKS.get(name)
    if known is not None:
        return known
    shown = page.data(words(name), limit=16)
    short = page.data(words(name), limit=6)
    return Look(name=shown, short=short, glyph="?", plain="?", style="")


def phase_bar(
    phases: Sequence[Phase], axis: Axis, page: Page, *, mock: bool = False, failed: bool = False
) -> Text:
    """Return the parts of a request as one bar of ``axis.cells`` cells.

    Neighbours share their edge, so that the bar is as long as the whole; a part much shorter than
    a cell is not seen. The last cell of a request that failed is a cross.
    """
    cells = [(" ", "")] * axis.cells
    for tick in axis.ticks():
        cells[min(axis.cells - 1, int(axis.cell(tick)))] = (page.glyphs.guide, "dim")
    first, last = axis.cells, 0
    for phase in phases:
        look = look_of(phase.name, page)
        drawn = (look.plain if page.ascii_only else look.glyph, "magenta" if mock else look.style)
        start_ms = drawable(phase.start_ms)
        begin = _edge(start_ms, axis)
        end = _edge(start_ms + max(0.0, drawable(phase.duration_ms)), axis)
        first, last = min(first, begin), max(last, end)
        for cell in range(begin, end):
            cells[cell] = drawn
    if phases and last <= first:
        first = min(first, axis.cells - 1)
        last = first + 1
        cells[first] = (page.glyphs.sliver, "magenta" if mock else "dim")
    if failed and last:
        cells[last - 1] = (page.glyphs.failed, "red")
    line = Text()
    for char, style in cells:
        line.append(char, style)
    return line


def end_ms(samples: Iterable[LlmSample | TtsSample]) -> float:
    """Return when the longest of the requests ended, in ms since it was due."""
    ends = (
        drawable(part.start_ms) + max(0.0, drawable(part.duration_ms))
        for sample in samples
        for part in sample.phases
    )
    return max(ends, default=0.0)


def headline_ms(sample: LlmSample | TtsSample) -> float | None:
    """Return the figure that a request is known by: its TTFT, or its TTFA."""
    return sample.ttfa_ms if isinstance(sample, TtsSample) else sample.ttft_ms


def is_mock(probe: LlmProbe | TtsProbe) -> bool:
    """Tell whether the probe's figures are made up."""
    if getattr(probe, "simulated", False):
        return True
    return probe.total_ms.status.value == "simulated"


def warm(samples: Iterable[LlmSample | TtsSample]) -> list[LlmSample | TtsSample]:
    """Return the measured requests that were answered."""
    return [item for item in samples if not item.cold and item.status != "failed"]


def names_of(samples: Iterable[LlmSample | TtsSample]) -> list[str]:
    """Return the parts that happened in any of the requests, in their order."""
    found = Counter(part.name for sample in samples for part in sample.phases)
    known = [name for name in _LOOKS if name in found]
    return [*known, *(name for name in found if name not in _LOOKS)]


def medians(samples: Iterable[LlmSample | TtsSample]) -> dict[str, float]:
    """Return the median duration of each part in ms; a request without it counts nothing."""
    taken: dict[str, list[float]] = {}
    for sample in samples:
        for part in sample.phases:
            if math.isfinite(part.duration_ms):
                taken.setdefault(part.name, []).append(drawable(part.duration_ms))
    return {name: median(values) for name, values in taken.items()}


def numbered(sample: LlmSample | TtsSample, page: Page) -> str:
    """Return the number of a request, short enough for a column."""
    return page.data(sample.index, limit=8 if page.width >= ROOMY else 5)


def failure(sample: LlmSample | TtsSample, page: Page) -> str:
    """Return what a request failed of: its code and its reason."""
    return ": ".join(page.data(item) for item in (sample.code, sample.reason) if item) or "failed"


def marked(shown: str, *, mock: bool) -> str:
    """Return a figure, with [MOCK] before one that is made up."""
    return f"{MOCK} {shown}" if mock else shown


def _edge(at_ms: float, axis: Axis) -> int:
    return max(0, min(axis.cells, math.floor(axis.cell(at_ms) + 0.5)))
