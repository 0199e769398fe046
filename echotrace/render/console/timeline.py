"""The call drawn as two lanes on one clock: caller above, agent below, incidents as marks."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.axis import Axis, drawable
from echotrace.render.console.figures import number, words
from echotrace.render.console.layout import style_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echotrace.model.conversation import Conversation, Incident, TurnSide
    from echotrace.model.report import Report
    from echotrace.render.console.layout import Page

__all__ = ["counted", "lanes", "legend", "mark_of", "named", "packed", "stamp"]

_LEFT = 8
"""Cells of a lane's name."""
_LABEL = 8
"""Cells that a label of the axis needs."""
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_LOUD = {"critical": 0, "warning": 1}
_QUIET = 2
"""The rank of what needs no attention."""

_MARKS = {
    "barge_in": "B",
    "backchannel": "b",
    "talk_over": "T",
    "dead_air": "D",
    "missed_response": "M",
    "early_start": "E",
}
_UNKNOWN = "?"
_HYPHENATED = {"barge_in": "barge-in", "talk_over": "talk-over"}


def named(key: str) -> str:
    """Return the kind of a turn or an incident in words: ``barge_in`` reads ``barge-in``."""
    return _HYPHENATED.get(key, words(key))


def mark_of(key: str) -> str:
    """Return the letter that stands for a type of incident wherever it is drawn."""
    return _MARKS.get(key, _UNKNOWN)


def counted(number_of: int, key: str) -> str:
    """Return how many incidents of a type there are: ``2 barge-ins``, ``1 dead air``."""
    return f"{number_of:,} {named(key)}{'' if number_of == 1 or key == 'dead_air' else 's'}"


def stamp(seconds: float, *, digits: int = 1) -> str:
    """Return a time on the recording's clock for finding the place: ``0:41.2``, ``1:02:03.4``."""
    if not math.isfinite(seconds):
        return "n/a"
    if not 0 <= seconds < 360_000:
        return f"{number(seconds, digits)} s"
    scale = 10**digits
    units = round(seconds * scale)
    minutes, rest = divmod(units, 60 * scale)
    tail = f"{rest // scale:02d}" + (f".{rest % scale:0{digits}d}" if digits else "")
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def lanes(report: Report, page: Page, *, indent: int = 2) -> Iterator[Text]:
    """Yield the two lanes, the marks and the axis; nothing where no turn could be told.

    The height of a block says how much of its cell is speech, so that a long call on a narrow page
    still shows who held the floor. Marks and waits take the colour of their severity or band.
    """
    conversation = report.conversation
    if conversation is None or not conversation.turns:
        return
    axis = _axis(report, conversation, page.width - indent - _LEFT)
    callers = [turn.user for turn in conversation.turns if turn.user]
    agents = [turn.agent for turn in conversation.turns if turn.agent]
    yield _row("caller", _blocks(_shares(callers, axis), page), indent)
    spoken = _shares(agents, axis)
    yield _row("agent", _waits(_blocks(spoken, page), spoken, conversation, axis, page), indent)
    if conversation.incidents:
        yield _row("marks", _marks(conversation.incidents, axis), indent)
    yield Text(" " * (indent + _LEFT) + _scale(axis), style="dim")


def legend(conversation: Conversation, page: Page) -> list[Text]:
    """Return what the marks and the shades stand for, each mark with how often it is there."""
    found = Counter(item.type for item in conversation.incidents)
    known = [kind for kind in _MARKS if kind in found]
    parts = []
    for kind in (*known, *(kind for kind in found if kind not in _MARKS)):
        told = page.data(counted(found[kind], kind), limit=24)
        parts.append(Text.assemble((mark_of(kind), "bold"), (f" {told}", "dim")))
    if any(turn.user and turn.agent for turn in conversation.turns):
        parts.append(Text.assemble(page.glyphs.empty, (" the caller waits", "dim")))
    return parts


def packed(parts: Iterable[Text], page: Page, *, indent: int) -> Iterator[Text]:
    """Yield parts side by side on as few lines as they need, none of them broken if it fits."""
    line = Text()
    for part in parts:
        if line and indent + line.cell_len + 3 + part.cell_len > page.width:
            yield from page.wrapped(line, indent=indent)
            line = Text()
        line = Text.assemble(line, "   ", part) if line else part
    if line:
        yield from page.wrapped(line, indent=indent)


def _axis(report: Report, conversation: Conversation, cells: int) -> Axis:
    first_s = report.source.start_s
    if report.source.duration_s is not None:
        last_s = first_s + report.source.duration_s
    else:
        sides = [side for turn in conversation.turns for side in (turn.user, turn.agent) if side]
        ends = [side.end_s for side in sides] + [item.at_s for item in conversation.incidents]
        last_s = max(ends, default=first_s)
    first, last = drawable(first_s * 1e3), drawable(last_s * 1e3)
    return Axis(
        first_ms=first, last_ms=max(last, first + 1.0), cells=max(1, cells), label_cells=_LABEL
    )


def _place(at_s: float, axis: Axis) -> float:
    return max(0.0, min(float(axis.cells), axis.cell(drawable(at_s * 1e3))))


def _shares(sides: Iterable[TurnSide], axis: Axis) -> list[float]:
    """Return the share of each cell in which a side is heard."""
    return _covered(((side.start_s, side.end_s) for side in sides), axis)


def _covered(stretches: Iterable[tuple[float, float]], axis: Axis) -> list[float]:
    filled = [0.0] * axis.cells
    for start_s, end_s in stretches:
        first, last = _place(start_s, axis), _place(end_s, axis)
        for cell in range(int(first), min(axis.cells, math.ceil(last))):
            filled[cell] += max(0.0, min(last, cell + 1.0) - max(first, cell))
    return filled


def _blocks(shares: Iterable[float], page: Page) -> list[tuple[str, str]]:
    """Return a character and a style per cell."""
    levels = page.glyphs.levels
    drawn = []
    for share in shares:
        level = max(1, min(len(levels), round(share * len(levels))))
        drawn.append((levels[level - 1], "cyan") if share > 0 else (" ", ""))
    return drawn


def _waits(
    lane: list[tuple[str, str]],
    spoken: list[float],
    conversation: Conversation,
    axis: Axis,
    page: Page,
) -> list[tuple[str, str]]:
    """Fill the cells in which the caller waits longer than the agent speaks, the worst band on top.

    A wait that is nowhere the longer one is drawn where it is longest, so that none is hidden.
    """
    drawn = list(lane)
    ranked: dict[int, int] = {}
    for turn in conversation.turns:
        if turn.user is None or turn.agent is None or turn.agent.start_s <= turn.user.end_s:
            continue
        begin, end = turn.user.end_s, turn.agent.start_s
        cells = range(int(_place(begin, axis)), min(axis.cells, math.ceil(_place(end, axis))))
        waited = {cell: _within(begin, end, cell, axis) for cell in cells}
        band = turn.heard_gap_ms.band or ""
        rank = _LOUD.get(band, _QUIET)
        shown = [cell for cell in cells if waited[cell] >= spoken[cell]]
        if not shown and rank < _QUIET:
            shown = sorted(cells, key=lambda cell: -waited[cell])[:1]
        for cell in shown:
            if rank < ranked.get(cell, _QUIET + 1):
                ranked[cell] = rank
                drawn[cell] = (page.glyphs.empty, style_of(band) or "dim")
    return drawn


def _within(begin_s: float, end_s: float, cell: int, axis: Axis) -> float:
    return min(_place(end_s, axis), cell + 1.0) - max(_place(begin_s, axis), cell)


def _marks(incidents: Iterable[Incident], axis: Axis) -> list[tuple[str, str]]:
    """Return one character a cell, the gravest first; one that is taken moves to a free neighbour.

    What finds no free cell is not drawn; the legend counts it.
    """
    drawn = [(" ", "")] * axis.cells
    for item in sorted(incidents, key=lambda item: _LOUD.get(item.severity.value, _QUIET)):
        at = min(axis.cells - 1, int(_place(item.at_s, axis)))
        for cell in (at, at + 1, at - 1):
            if 0 <= cell < axis.cells and drawn[cell][0] == " ":
                style = f"bold {style_of(item.severity.value)}".strip()
                drawn[cell] = (mark_of(item.type), style)
                break
    return drawn


def _row(name: str, cells: Iterable[tuple[str, str]], indent: int) -> Text:
    line = Text.assemble(" " * indent, (name.ljust(_LEFT), "dim"))
    for char, style in cells:
        line.append(char, style)
    line.rstrip()
    return line


def _scale(axis: Axis) -> str:
    ticks, digits = _ticks(axis)
    drawn = ""
    for tick_s in ticks:
        at = int(_place(tick_s, axis))
        label = stamp(tick_s, digits=digits)
        if len(drawn) <= at and at + len(label) <= axis.cells:
            drawn = drawn.ljust(at) + label + " "
    return drawn.rstrip()


def _ticks(axis: Axis) -> tuple[list[float], int]:
    """Return round times in seconds, a step of a clock apart, and the decimals they need."""
    rough_s = (axis.last_ms - axis.first_ms) / 1e3 / max(1, axis.cells // axis.label_cells)
    step_s = next((step for step in _STEPS_S if step >= rough_s), None)
    if step_s is None:
        step_s = 10.0 ** math.ceil(math.log10(rough_s))
    first = math.ceil(axis.first_ms / 1e3 / step_s - 1e-9)
    places = [(first + count) * step_s for count in range(axis.cells)]
    return [at_s for at_s in places if at_s * 1e3 < axis.last_ms], 0 if step_s >= 1 else 1
