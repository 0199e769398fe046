"""The turns as rows, the worst first, each with how sure its figures are and why one is missing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Status
from echotrace.render.console.figures import figure, number, quantity, words
from echotrace.render.console.layout import style_of
from echotrace.render.console.timeline import named, stamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from echotrace.model.conversation import Conversation, Incident, Turn
    from echotrace.model.measure import Measurement
    from echotrace.render.console.layout import Page

__all__ = [
    "HEAD",
    "TurnRow",
    "by_turn",
    "interval",
    "rated",
    "turn_rows",
    "turn_table",
    "worst_first",
]

HEAD = ("turn", "at", "kind", "heard gap ms", "yield ms", "SNR", "note")
"""The columns of the table."""

_SHOWN = 10
_NOTE = len(HEAD) - 1
_BESIDE = 24
"""A note stands beside its row where at least so many cells are left."""

_LAST, _UNRANKED, _UNKNOWN = 4, 3, 2
_RANKS = {"critical": 0, "warning": 1}
_SAID_BY_KIND = frozenset({"barge_in", "early_start", "missed_response"})
"""Incidents that a turn's kind names already."""
_MISSED = "missed_response"
_WITHOUT_GAP = frozenset({"greeting", "follow_up", _MISSED, "unanswered"})
"""Kinds that have no gap by their nature, so that the bare reason says enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRow:
    """One turn as texts, in the order of :data:`HEAD`."""

    turn_id: int
    at: Text
    kind: Text
    gap: Text
    yield_: Text
    snr: Text
    note: Text

    @property
    def cells(self) -> tuple[Text, ...]:
        """The texts of the row from left to right."""
        head = Text(f"{self.turn_id:,}")
        return (head, self.at, self.kind, self.gap, self.yield_, self.snr, self.note)


def worst_first(conversation: Conversation) -> list[Turn]:
    """Return the turns by the gravest band among gap, yield and incidents, then by gap.

    A missed response leads its band, because no answer is worse than a late one. A turn that could
    not be measured comes before the good ones, and a greeting, which has no gap, is last.
    """
    severities = by_turn(conversation.incidents)

    def key(turn: Turn) -> tuple[int, float, int]:
        bands = [turn.heard_gap_ms.band, turn.yield_ms.band if turn.yield_ms else None]
        bands += [item.severity.value for item in severities.get(turn.id, ())]
        rank = min((_RANKS[band] for band in bands if band in _RANKS), default=_UNRANKED)
        gap = turn.heard_gap_ms.value
        if rank == _UNRANKED and turn.kind in ("greeting", "follow_up"):
            rank = _LAST
        elif rank == _UNRANKED and gap is None:
            rank = _UNKNOWN
        missed = turn.kind == _MISSED
        return rank, float("-inf") if missed else -gap if gap is not None else 0.0, turn.id

    return sorted(conversation.turns, key=key)


def turn_rows(
    conversation: Conversation,
    turns: Sequence[Turn],
    page: Page,
    *,
    brief: bool = False,
    unit: bool = False,
) -> list[TurnRow]:
    """Return the rows of some turns.

    ``brief`` moves intervals that are long to read from the figure to the note; ``unit`` writes ms
    behind a figure, where no column's head does.
    """
    belonging = by_turn(conversation.incidents)
    return [
        _turn_row(turn, belonging.get(turn.id, ()), page, brief=brief, unit=unit) for turn in turns
    ]


def turn_table(conversation: Conversation, page: Page) -> Iterator[Text]:
    """Yield the worst rows under their heads, and how many more there are."""
    turns = worst_first(conversation)
    shown = turns[:_SHOWN]
    yield Text()
    for brief in (False, True):
        rows = turn_rows(conversation, shown, page, brief=brief)
        kept = [at for at in range(_NOTE) if any(row.cells[at].plain for row in rows)]
        widths = {at: max(len(HEAD[at]), *(row.cells[at].cell_len for row in rows)) for at in kept}
        if 2 + sum(widths.values()) + 2 * (len(kept) - 1) <= page.width:
            yield from _aligned(rows, widths, page)
            break
    else:
        yield from _stacked(turn_rows(conversation, shown, page, unit=True), page)
    more = len(turns) - len(shown)
    if more:
        yield from page.wrapped(Text(f"and {more:,} more: --export-only has them", style="dim"))


def rated(item: Measurement, page: Page) -> Text:
    """Return a figure with the word of its band; ``n/a`` where there is none."""
    text = Text(page.data(figure(item)), style="bold" if item.value is None else "")
    if item.band and item.value is not None:
        text.append(f" {page.data(item.band, limit=16)}", style_of(item.band))
    return text


def interval(item: Measurement, page: Page) -> str:
    """Return how sure a figure is: ``±12`` where both sides are alike, else ``[640, 910]``.

    Of two sides that differ by at most a fifth the larger one is told.
    """
    if item.value is None or item.low is None or item.high is None:
        return ""
    below, above = item.value - item.low, item.high - item.value
    if min(below, above) >= 0 and max(below, above) <= 1.2 * min(below, above) + 0.5:
        return f"{'+-' if page.ascii_only else '±'}{number(max(below, above))}"
    return f"[{number(item.low)}, {number(item.high)}]"


def by_turn(incidents: Sequence[Incident]) -> Mapping[int, list[Incident]]:
    """Return the incidents of each turn by its id; those of no turn are left out."""
    found: defaultdict[int, list[Incident]] = defaultdict(list)
    for item in incidents:
        if item.turn_id is not None:
            found[item.turn_id].append(item)
    return found


def _turn_row(
    turn: Turn, incidents: Sequence[Incident], page: Page, *, brief: bool, unit: bool
) -> TurnRow:
    side = turn.user or turn.agent
    notes = _notes(turn, incidents)
    figures = []
    for label, item in (("gap", turn.heard_gap_ms), ("yield", turn.yield_ms)):
        sure = interval(item, page) if item else ""
        if brief and sure.startswith("["):
            notes.append(f"{label} in {sure}")
            sure = ""
        figures.append(_timed(item, sure, page, unit=unit) if item else Text())
    missed = [item.severity.value for item in incidents if item.type == _MISSED == turn.kind]
    for word in missed[:1]:
        figures[0].append(f" {word}", style_of(word))
    return TurnRow(
        turn_id=turn.id,
        at=Text(stamp(side.start_s) if side else "", style="cyan"),
        kind=Text(page.data(named(turn.kind), limit=16)),
        gap=figures[0],
        yield_=figures[1],
        snr=Text(f"{number(turn.snr_db)} dB" if turn.snr_db is not None else ""),
        note=Text(page.data(", ".join(notes)), style="dim"),
    )


def _timed(item: Measurement, sure: str, page: Page, *, unit: bool) -> Text:
    text = Text.assemble((number(item.value) if item.value is not None else "n/a", "bold"))
    if item.value is None:
        return text
    text.append(f" {sure}" if sure else "", "dim")
    text.append(f" {page.data(item.unit, limit=12)}" if unit else "")
    if item.band:
        text.append(f" {page.data(item.band, limit=16)}", style_of(item.band))
    return text


def _notes(turn: Turn, incidents: Sequence[Incident]) -> list[str]:
    parts = ["first turn"] if turn.first else []
    for item in incidents:
        if item.type in _SAID_BY_KIND and item.type == turn.kind:
            continue
        told = named(item.type)
        if item.duration_ms.value is not None:
            told += f" {quantity(item.duration_ms.value, item.duration_ms.unit)}"
        parts.append(f"{told} {item.severity.value}")
    for label, figure_of in (("", turn.heard_gap_ms), ("yield ", turn.yield_ms)):
        if figure_of is None or figure_of.status is Status.MEASURED:
            continue
        word = f"{label}{words(figure_of.status.value)}"
        reason = figure_of.reason
        plain = not label and turn.kind in _WITHOUT_GAP and reason
        parts.append(reason if plain and reason else f"{word}: {reason}" if reason else word)
    return parts


def _aligned(rows: Sequence[TurnRow], widths: Mapping[int, int], page: Page) -> Iterator[Text]:
    """Yield a table; notes stand beside their rows where there is room, else below them."""
    used = 2 + sum(widths.values()) + 2 * len(widths)
    longest = max((row.note.cell_len for row in rows), default=0)
    beside = page.width - used >= min(_BESIDE, longest)
    head = [Text(name, style="dim") for name in HEAD]
    if not (beside and longest):
        head[_NOTE] = Text()
    for cells in (head, *(row.cells for row in rows)):
        line = Text("  ")
        for at, width in widths.items():
            gap = " " * (width - cells[at].cell_len)
            parts = (gap, cells[at]) if at == 0 else (cells[at], gap)
            line.append_text(Text.assemble(*parts, "  "))
        line.rstrip()
        note = cells[_NOTE]
        if beside and note.plain:
            yield from page.wrapped(note, indent=used, first=line)
            continue
        yield line
        if note.plain:
            yield from page.wrapped(note, indent=4 + widths[0])


def _stacked(rows: Sequence[TurnRow], page: Page) -> Iterator[Text]:
    """Yield two or three lines a turn, for a page too narrow for a table."""
    widest = max((len(f"{row.turn_id:,}") for row in rows), default=0)
    for row in rows:
        lead = Text.assemble("  ", (f"{row.turn_id:,}".rjust(widest), "dim"))
        first = Text("  ").join([row.at, row.kind, row.gap])
        indent = min(4 + widest, page.width // 2)
        yield from page.wrapped(first, indent=indent, first=lead)
        rest = []
        if row.yield_.plain:
            rest.append(Text.assemble(("yield ", "dim"), row.yield_))
        if row.snr.plain:
            rest.append(Text.assemble(("SNR ", "dim"), row.snr))
        if row.note.plain:
            rest.append(row.note)
        if rest:
            yield from page.wrapped(Text("  ").join(rest), indent=indent)
