"""One turn on its own clock: who speaks when, what the caller waits, where both speak at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Measurement
from echotrace.render.console.axis import axis_to, drawable, scale
from echotrace.render.console.figures import milliseconds
from echotrace.render.console.layout import style_of
from echotrace.render.console.parts import columns, part
from echotrace.render.console.pipeline_trace_bar import fill_of, look_of
from echotrace.render.console.timeline import stamp
from echotrace.render.console.turns import interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.conversation import Conversation, Incident, Turn, TurnSide
    from echotrace.model.reconciled import TurnPart
    from echotrace.render.console.axis import Axis
    from echotrace.render.console.layout import Page

__all__ = ["Wait", "clock_lines", "dead_airs", "incidents_of", "turned", "wait_of"]

_LEFT = 10
_LABEL = 7
_SHORTEST = 12
_STYLES = {"caller": "cyan", "agent": "magenta"}
_EDGE_S = 0.15
"""A speech detector's stretches reach so far beyond what is audible."""
_SAME_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The time from the caller's last word to an answer, or to where the waiting ends without one.

    ``band`` is the word of the threshold profile, or the severity of a response that was missed.
    One that is not sure has ends that are not clear: its length is no figure. ``length_ms`` is what
    the report says, where it says it.
    """

    start_s: float
    end_s: float
    length_ms: float
    band: str | None = None
    is_answered: bool = True
    is_sure: bool = True

    @property
    def inside(self) -> tuple[float, float] | None:
        """The wait without its edges, where what was said before and after still rings."""
        first, last = self.start_s + _EDGE_S, self.end_s - _EDGE_S
        return (first, last) if first < last else None


def incidents_of(conversation: Conversation | None, turn: Turn) -> list[Incident]:
    """Return the incidents of a turn in the order of time."""
    found = (item for item in (conversation.incidents if conversation else ()))
    return sorted((item for item in found if item.turn_id == turn.id), key=lambda item: item.at_s)


def wait_of(turn: Turn, incidents: Sequence[Incident]) -> Wait | None:
    """Return what the caller waited in a turn; None where nobody had to wait.

    A missed response ends it where something else was heard, as its incident says.
    """
    if turn.user is None:
        return None
    begin_s = turn.user.end_s
    if turn.agent is not None:
        if not begin_s < turn.agent.start_s:
            return None
        gap = turn.heard_gap_ms
        end_s = turn.agent.start_s
        return Wait(
            start_s=begin_s,
            end_s=end_s,
            length_ms=1e3 * (end_s - begin_s) if gap.value is None else gap.value,
            band=gap.band,
            is_sure=gap.value is not None,
        )
    for item in incidents:
        lasting = item.duration_ms.value
        if item.type == "missed_response" and lasting is not None and 0 < lasting < math.inf:
            return Wait(
                start_s=begin_s,
                end_s=begin_s + lasting / 1e3,
                length_ms=lasting,
                band=item.severity.value,
                is_answered=False,
            )
    return None


def dead_airs(incidents: Sequence[Incident], wait: Wait | None) -> list[tuple[Incident, float]]:
    """Return the silences of known length that are not the wait, each with its length in ms."""
    return [
        (item, lasting)
        for item in incidents
        if item.type == "dead_air" and math.isfinite(item.at_s)
        for lasting in (item.duration_ms.value,)
        if lasting is not None and 0 < lasting < math.inf
        if wait is None or not wait.start_s - _SAME_S <= item.at_s < wait.end_s
    ]


def clock_lines(
    turn: Turn, incidents: Sequence[Incident], page: Page, parts: Sequence[TurnPart] = ()
) -> Iterator[Text]:
    """Yield the two sides as lanes on the turn's own axis, then each part with its length.

    ``parts`` are those of the pipeline's own trace that have a place: a lane below the sides.
    """
    wait = wait_of(turn, incidents)
    ends = [side.end_s for side in (turn.user, turn.agent) if side]
    starts = [side.start_s for side in (turn.user, turn.agent) if side]
    if not starts:
        yield from part("Parts", Text("nobody is heard in this turn", style="dim"), page, indent=0)
        return
    silent = dead_airs(incidents, wait)
    ends += [wait.end_s] if wait else []
    ends += [item.at_s + lasting / 1e3 for item, lasting in silent]
    begin_s, end_s = min(starts), max(ends)
    told = Text(f"{_clock(begin_s)} to {_clock(end_s)} of the recording", style="dim")
    yield from part("Parts", told, page, indent=0)
    cells = page.width - _LEFT
    if cells >= _SHORTEST and math.isfinite(end_s - begin_s) and end_s > begin_s:
        yield from _lanes(turn, wait, silent, begin_s, end_s, page, parts)
    rows = [*_rows(turn, wait, silent, page)]
    widths = [max(row[at].cell_len for row in rows) for at in (0, 2)]
    for row in rows:
        row[0].align("left", widths[0])
        row[2].align("right", widths[1])
    for lines in columns(rows, page, indent=0):
        yield from lines


def _lanes(
    turn: Turn,
    wait: Wait | None,
    silent: Sequence[tuple[Incident, float]],
    begin_s: float,
    end_s: float,
    page: Page,
    parts: Sequence[TurnPart],
) -> Iterator[Text]:
    axis = axis_to(1e3 * (end_s - begin_s), page.width - _LEFT, label_cells=_LABEL)
    glyphs = page.glyphs

    def lane(name: str, drawn: Sequence[tuple[float, float, str, str]]) -> Text:
        line = [(" ", "")] * axis.cells
        for start_s, stop_s, glyph, style in drawn:
            for cell in _covered(start_s - begin_s, stop_s - begin_s, axis):
                line[cell] = (glyph, style)
        text = Text.assemble((name.ljust(_LEFT), "dim"))
        for glyph, style in line:
            text.append(glyph, style)
        text.rstrip()
        return text

    waits = [] if wait is None else [_waiting(wait, page)]
    talked_on = _talked_on(turn)
    if talked_on is not None:
        waits.append((*talked_on, glyphs.estimated, _STYLES["agent"]))
    said = {
        name: [(side.start_s, side.end_s, glyphs.bar, _STYLES[name])]
        for name, side in (("caller", turn.user), ("agent", turn.agent))
        if side
    }
    nobody = [
        (item.at_s, item.at_s + lasting / 1e3, glyphs.empty, style_of(item.severity.value) or "dim")
        for item, lasting in silent
    ]
    yield lane("caller", [*said.get("caller", []), *nobody])
    yield lane("agent", [*waits, *said.get("agent", []), *nobody])
    if parts:
        yield lane("pipeline", _laid(parts, axis, begin_s, page))
    labels = scale(axis)
    tail = " ms" if _LEFT + len(labels) + 3 <= page.width else ""
    yield Text(" " * _LEFT + labels + tail, style="dim")


def _waiting(wait: Wait, page: Page) -> tuple[float, float, str, str]:
    style = style_of(wait.band) or "dim"
    return wait.start_s, wait.end_s, page.glyphs.empty, style


def _laid(
    parts: Sequence[TurnPart], axis: Axis, begin_s: float, page: Page
) -> list[tuple[float, float, str, str]]:
    """Return the pipeline's parts at their places, each begun by its letter."""
    cell_s = (axis.last_ms - axis.first_ms) / axis.cells / 1e3
    drawn = []
    for item in parts:
        if item.start_s is None or item.end_s is None or item.end_s < item.start_s:
            continue
        look = look_of(item.key)
        drawn.append((item.start_s, item.end_s, fill_of(item, page), look.style))
        cell = _covered(item.start_s - begin_s, item.start_s - begin_s, axis).start
        begun_s = begin_s + (cell + 0.5) * cell_s
        drawn.append((begun_s, begun_s, look.letter, look.bold))
    return drawn


def _talked_on(turn: Turn) -> tuple[float, float] | None:
    """Return from when to when the agent talked on after the caller had begun."""
    lasting = turn.yield_ms.value if turn.yield_ms else None
    if turn.user is None or lasting is None or not 0 < lasting < math.inf:
        return None
    return turn.user.start_s, turn.user.start_s + lasting / 1e3


def _covered(start_s: float, stop_s: float, axis: Axis) -> range:
    """Return the cells of a stretch, at least one."""
    first = max(0, min(axis.cells - 1, math.floor(axis.cell(drawable(1e3 * start_s)))))
    last = max(0, min(axis.cells, math.ceil(axis.cell(drawable(1e3 * stop_s)) - 1e-9)))
    return range(first, max(first + 1, last))


def _rows(
    turn: Turn, wait: Wait | None, silent: Sequence[tuple[Incident, float]], page: Page
) -> Iterator[list[Text]]:
    """Yield each part in the order of time: who, from when to when, how long, how sure."""
    glyphs = page.glyphs
    rows: list[tuple[float, list[Text]]] = []
    for name, side in (("caller", turn.user), ("agent", turn.agent)):
        if side is not None:
            row = _row(glyphs.bar, _STYLES[name], f"{name} speaks", side.start_s, side.end_s)
            rows.append((side.start_s, [*row, Text(_edges(side, page), style="dim")]))
    talked_on = _talked_on(turn)
    if talked_on is not None and turn.yield_ms is not None:
        lasting = turn.yield_ms.value
        row = _row(glyphs.estimated, _STYLES["agent"], "agent talks on", *talked_on, lasting)
        rows.append((talked_on[0] + 1e-6, [*row, _sure(turn.yield_ms, page)]))
    if turn.user and turn.agent and turn.agent.start_s < turn.user.end_s:
        both = (turn.agent.start_s, min(turn.user.end_s, turn.agent.end_s))
        early = turned(turn.heard_gap_ms)
        if both[1] < turn.user.end_s:  # the answer is over first: the gap is no length of this
            early = Measurement.measured(1e3 * (both[1] - both[0]), "ms")
        row = _row(" ", "", "both speak", *both, early.value)
        rows.append((both[0] + 1e-6, [*row, _sure(early, page)]))
    if wait is not None:
        style = style_of(wait.band) or "dim"
        row = _row(glyphs.empty, style, "caller waits", wait.start_s, wait.end_s, wait.length_ms)
        if not wait.is_sure:
            row[-1] = Text("n/a", style="bold")
        sure = _sure(turn.heard_gap_ms, page) if wait.is_answered else Text("no answer", "dim")
        rows.append((wait.start_s, [*row, sure]))
    for item, lasting in silent:
        style, end_s = style_of(item.severity.value), item.at_s + lasting / 1e3
        row = _row(glyphs.empty, style or "dim", "nobody speaks", item.at_s, end_s, lasting)
        sure = _sure(replace(item.duration_ms, band=item.severity.value), page)
        rows.append((item.at_s, [*row, sure]))
    for _, cells in sorted(rows, key=lambda pair: pair[0]):
        yield cells


def _row(
    glyph: str,
    style: str,
    name: str,
    start_s: float,
    end_s: float,
    lasting_ms: float | None = None,
) -> list[Text]:
    """Return who, when and how long; a length that the report gives is not worked out again."""
    lasting = milliseconds(1e3 * (end_s - start_s) if lasting_ms is None else lasting_ms)
    return [
        Text.assemble((glyph, style), " ", name),
        Text(f"{_clock(start_s)} to {_clock(end_s)}", style="cyan"),
        Text(lasting, style="bold"),
    ]


def _sure(item: Measurement, page: Page) -> Text:
    """Return how sure a length is, and the word of its band."""
    text = Text(interval(item, page), style="dim")
    if item.value is None:
        return Text(page.data(item.reason or "no reason given"), style="dim")
    if item.band:
        word = page.data(item.band, limit=16)
        text = Text.assemble(text, " " if text.plain else "", (word, style_of(item.band)))
    return text


def turned(gap: Measurement) -> Measurement:
    """Return a gap that is below zero as the length by which the answer came too early."""
    if gap.value is None:
        return gap
    low, high = (None if bound is None else -bound for bound in (gap.high, gap.low))
    return replace(gap, value=-gap.value, low=low, high=high, band=None)


def _edges(side: TurnSide, page: Page) -> str:
    """Return how sure the two ends are, in ms."""
    told = []
    for at_s, low_s, high_s in (
        (side.start_s, side.start_low_s, side.start_high_s),
        (side.end_s, side.end_low_s, side.end_high_s),
    ):
        if low_s is None or high_s is None:
            return ""
        low_ms, high_ms = 1e3 * (low_s - at_s), 1e3 * (high_s - at_s)
        told.append(interval(Measurement.measured(0.0, "ms", low=low_ms, high=high_ms), page))
    return f"edges {', '.join(told)} ms"


def _clock(at_s: float) -> str:
    return stamp(at_s, digits=2)
