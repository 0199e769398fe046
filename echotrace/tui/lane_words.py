"""What is under the cursor of a timeline, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.conversation import Turn
from echotrace.model.report import Word
from echotrace.render.console.errors import cause_name, cause_style
from echotrace.render.console.figures import number, quantity
from echotrace.render.console.lane import part_name
from echotrace.render.console.layout import style_of
from echotrace.render.console.parts import count, said_and_heard
from echotrace.render.console.pipeline_trace_bar import look_of
from echotrace.render.console.pipeline_trace_told import owner_of
from echotrace.render.console.timeline import mark_of, named, stamp
from echotrace.render.console.turns import interval, rated, worst_first
from echotrace.tui.lane_wave import dbfs, peak_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.conversation import Incident
    from echotrace.model.measure import Measurement
    from echotrace.model.reconciled import TurnPart
    from echotrace.model.report import WordError
    from echotrace.render.console.layout import Page
    from echotrace.tui.lane_index import CallIndex, Lane
    from echotrace.tui.lane_wave import Detail
    from echotrace.tui.places import Place
    from echotrace.tui.window import Window

__all__ = ["Found", "found_at", "parts_of"]

_WORD = 24
_REASON = 60
_EVIDENCE = 100
_MANY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the cursor is on; ``turns`` counts those that its column touches."""

    turn: Turn | None
    turns: int
    incidents: tuple[int, ...]
    errors: tuple[int, ...]
    word: Word | None


def found_at(index: CallIndex, window: Window, chosen: Place | None) -> Found:
    """Look up what the cursor is on; the place that was chosen comes before its neighbours.

    Of several turns in one column it is the one at the cursor's time, else the worst of them.
    """
    start_s = window.time_of(window.cursor)
    end_s = start_s + window.step_s
    at_s = window.cursor_s
    here = index.turns.at(at_s)
    near = list(index.turns.within(start_s, end_s))
    turn = None
    if chosen is not None and chosen.turn_id is not None:
        named_by_it = (index.turns.items[at] for at in near)
        turn = next((item for item in named_by_it if item.id == chosen.turn_id), None)
    if turn is None and here:
        turn = index.turns.items[here[0]]
    heard = index.report.conversation
    if turn is None and near and heard is not None:
        some = tuple(index.turns.items[at] for at in near)
        turn = worst_first(replace(heard, turns=some))[0]
    words, others = (spans.met(start_s, end_s, at_s) for spans in (index.words, index.others))
    word = index.words.items[words[0]] if words else None
    if word is None and others:
        word = index.others.items[others[0]]
    errors = index.errors.met(start_s, end_s, at_s)
    incidents = index.incidents.met(start_s, end_s, at_s)
    about: object = chosen.about if chosen is not None else None
    if isinstance(about, Word) and chosen is not None and chosen.at_s <= at_s <= chosen.end_s:
        word, errors = about, []
    if chosen is not None:
        errors.sort(key=lambda at: index.errors.items[at] is not about)
        incidents.sort(key=lambda at: index.incidents.items[at] is not about)
    return Found(
        turn=turn,
        turns=len(near),
        incidents=tuple(incidents),
        errors=tuple(errors),
        word=word,
    )


def parts_of(
    found: Found,
    index: CallIndex,
    window: Window,
    page: Page,
    *,
    detail: Detail | None,
) -> Iterator[Text]:
    """Yield the parts of the line about the cursor: when, who, how late, what went wrong.

    What the report does not know is left out, but for a gap: why it is not known is told.
    """
    yield Text(stamp(window.cursor_s, digits=2), style="bold cyan")
    yield _who(index, window)
    for at in index.parts.at(window.cursor_s)[:1]:
        yield _part(index.parts.items[at], page)
    if found.turn is not None:
        yield from _turn(found, found.turn, page)
    for at in found.incidents[:_MANY]:
        yield _incident(index.incidents.items[at], page)
    if len(found.incidents) > _MANY:
        yield Text(f"and {count(len(found.incidents) - _MANY, 'more incident')} here", style="dim")
    for at in found.errors[:1]:
        yield from _error(index.errors.items[at], page)
    if len(found.errors) > 1:
        yield Text(f"{len(found.errors):,} misheard words here", style="dim")
    if not found.errors and found.word is not None:
        yield _word(found.word, page)
    yield from _signal(index, window.cursor_s, detail, page)


def _who(index: CallIndex, window: Window) -> Text:
    at_s = window.cursor_s
    by_turns = any(len(lane.turns) for lane in index.lanes)
    if not by_turns and not any(len(lane.segments) for lane in index.lanes):
        return Text("nothing tells who speaks", style="dim")
    spans = ((lane, lane.turns if by_turns else lane.segments) for lane in index.lanes)
    speaking = [lane.name for lane, known in spans if known.at(at_s)]
    if len(speaking) > 1:
        return Text(f"{' and '.join(speaking)} speak")
    if speaking:
        return Text(f"{speaking[0]} speaks")
    if index.waits.at(at_s):
        return Text("the caller waits", style="bold")
    return Text("nobody speaks", style="dim")


def _turn(found: Found, turn: Turn, page: Page) -> Iterator[Text]:
    text = Text.assemble((f"turn {turn.id:,}", "bold"), f" {page.data(named(turn.kind), limit=20)}")
    if found.turns > 1:
        text.append(f", one of {found.turns:,} here", "dim")
    yield text
    gap = turn.heard_gap_ms
    if gap.value is None:
        yield Text(f"no heard gap: {page.data(gap.reason, limit=_REASON)}", style="dim")
    else:
        yield _figure("heard gap", gap, page)
    if turn.yield_ms is not None and turn.yield_ms.value is not None:
        yield _figure("yield", turn.yield_ms, page)


def _part(item: TurnPart, page: Page) -> Text:
    text = Text.assemble((f"{look_of(item.key).letter} ", look_of(item.key).bold))
    text.append(f"{part_name(item.key, page)} {number(item.ms.value or 0.0)} ms ")
    return text.append(page.data(owner_of(item, page), limit=_WORD), "dim")


def _figure(label: str, item: Measurement, page: Page) -> Text:
    text = Text.assemble((f"{label} ", "dim"), rated(item, page))
    sure = interval(item, page)
    return text.append(f" {sure}", "dim") if sure else text


def _incident(item: Incident, page: Page) -> Text:
    told = page.data(named(item.type), limit=20)
    text = Text.assemble((f"{mark_of(item.type)} ", "bold"), told)
    text.append(f" {item.severity.value}", style_of(item.severity.value) or "dim")
    if item.duration_ms.value is not None:
        text.append(f" {page.data(quantity(item.duration_ms.value, item.duration_ms.unit))}")
    return text


def _error(error: WordError, page: Page) -> Iterator[Text]:
    yield said_and_heard(error.gold, error.actual, page, limit=_WORD)
    if error.causes:
        first = error.causes[0]
        text = Text.assemble((cause_name(first.kind, page), cause_style(first.kind)))
        if first.evidence.strip():
            text.append(f": {page.data(first.evidence, limit=_EVIDENCE)}")
        yield text


def _word(word: Word, page: Page) -> Text:
    text = Text.assemble(("word ", "dim"), f'"{page.data(word.text[:200], limit=_WORD)}"')
    if word.probability is not None:
        text.append(f" {number(word.probability, 2)} sure", "dim")
    return text


def _signal(index: CallIndex, at_s: float, detail: Detail | None, page: Page) -> Iterator[Text]:
    told: dict[str, list[str]] = {}
    for lane in index.lanes:
        name = f"{page.data(lane.name, limit=10)} " if len(index.lanes) > 1 else ""
        for label, value in filter(None, (_snr(lane, at_s), _peak(index, lane, at_s, detail))):
            told.setdefault(label, []).append(f"{name}{value}")
    for label in sorted(told, key=lambda label: not label.endswith("SNR")):
        yield Text.assemble((f"{label} ", "dim"), ", ".join(told[label]))


def _snr(lane: Lane, at_s: float) -> tuple[str, str] | None:
    """Return the SNR of the word at a time, else that of the stretch of speech around it."""
    words = (lane.words.items[at].snr_db for at in lane.words.at(at_s))
    speech = (lane.segments.items[at].snr_db.value for at in lane.segments.at(at_s))
    for label, values in (("word SNR", words), ("speech SNR", speech)):
        value = next((value for value in values if value is not None), None)
        if value is not None:
            return label, quantity(value, "dB")
    return None


def _peak(
    index: CallIndex, lane: Lane, at_s: float, detail: Detail | None
) -> tuple[str, str] | None:
    found = peak_at(lane, at_s, index.first_s, index.column_s, detail)
    if found is None:
        return None
    peak, length_s = found
    level = dbfs(peak)
    told = quantity(level, "dBFS") if math.isfinite(level) else "silent"
    return f"peak in {number(length_s, 1)} s", told
