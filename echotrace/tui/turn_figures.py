"""The figures of one turn by name, for the filter over the turns."""

from __future__ import annotations

import difflib
from functools import cached_property
from typing import TYPE_CHECKING

from echotrace.errors import UsageError
from echotrace.expressions import Expression, Figure, parse
from echotrace.model.measure import Measurement, Severity, Status
from echotrace.printable import printable
from echotrace.render.console.turn_words import TurnWords
from echotrace.render.console.turns import by_turn
from echotrace.tui.turn_order import ABSENT, placed_s

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from echotrace.model.conversation import Incident, Turn
    from echotrace.model.report import Report

__all__ = ["EXAMPLE", "MAIN", "NAMES", "TurnFigures", "parse_filter"]

EXAMPLE = "heard > 1500 and kind = barge_in"
_INCIDENTS = (
    "barge_in",
    "talk_over",
    "dead_air",
    "backchannel",
    "missed_response",
    "early_start",
)
_ALIASES = {"gap": "heard", "turn": "id"}
MAIN = (
    *("heard", "yield", "overlap", "snr", "kind", "at", "errors", "words", "first"),
    *("band", "severity", "status", "incidents", "id"),
)
"""The names that are told first, in this order."""
NAMES = (*MAIN, *_INCIDENTS, *_ALIASES)
"""What a filter may name: heard, yield and overlap in ms, snr in dB, at in s, the rest as words
(kind, first = yes or no, band, severity, status) or as counts."""

_WITHOUT_GAP = ("greeting", "follow_up")
_RANKS = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


def parse_filter(text: str) -> Expression:
    """Parse a filter over turns; a word may be written as it is shown: ``kind = barge-in``.

    Raises:
        UsageError: it does not fit the language, or names what no turn has; the hint helps.
    """
    try:
        expression = parse(text, word=_word)
    except UsageError as error:
        raise UsageError(
            error.what, why=error.why, hint=f"write it like {EXAMPLE}", code="FILTER"
        ) from None
    for name in expression.names:
        if name in NAMES:
            continue
        near = difflib.get_close_matches(name.lower(), NAMES, n=3, cutoff=0.5)
        raise UsageError(
            f"no turn has {printable(name)!r}",
            hint=f"did you mean {' or '.join(near)}?" if near else f"use {', '.join(MAIN)}",
            code="FILTER",
        )
    return expression


class TurnFigures:
    """Looks figures of turns up; what they need of the report is gathered on first use.

    Args:
        report: whose turns they are.
    """

    def __init__(self, report: Report) -> None:
        self._report = report

    def gather(self) -> None:
        """Find the words of every turn now; a filter that names them is then answered at once."""
        _ = self.words, self._by_turn

    def look_up(self, turn: Turn, name: str) -> Figure:
        """Return one figure of a turn, or why there is none.

        A name that no turn has is a figure that is not there: check names with `parse_filter`.
        """
        name = _ALIASES.get(name, name)
        if name == "heard":
            absent = turn.kind in _WITHOUT_GAP and turn.heard_gap_ms.value is None
            return Figure(None, ABSENT) if absent else _figure(turn.heard_gap_ms)
        if name == "yield":
            return _figure(turn.yield_ms) if turn.yield_ms else Figure(None, ABSENT)
        if name == "overlap":
            return self.overlap(turn)
        if name == "snr":
            return Figure(turn.snr_db, "its SNR cannot be told")
        if name == "at":
            return Figure(placed_s(turn), "its place is not known")
        if name in ("errors", "words"):
            return self._errors(turn) if name == "errors" else self._words(turn)
        if name in _INCIDENTS:
            return Figure(sum(item.type == name for item in self._incidents_of(turn)))
        return self._plain(turn, name)

    def overlap(self, turn: Turn) -> Figure:
        """Return for how many ms both sides are heard at once in a turn."""
        heard = self._report.conversation
        whole = heard.summary.talk_over_ms if heard else None
        if whole is None or whole.value is None:
            return Figure(None, whole.reason if whole else "not run")
        lasting = [
            item.duration_ms for item in self._incidents_of(turn) if item.type == "talk_over"
        ]
        lost = next((item for item in lasting if item.value is None), None)
        total = sum(item.value or 0.0 for item in lasting)
        return Figure(total, lost.reason if lost else None, at_least=lost is not None)

    def _plain(self, turn: Turn, name: str) -> Figure:
        found = self._incidents_of(turn)
        if name == "severity":
            grave = min((item.severity for item in found), key=_RANKS.__getitem__, default=None)
            return Figure(grave.value if grave else "none")
        return {
            "kind": Figure(_word(turn.kind)),
            "id": Figure(turn.id),
            "first": Figure("yes" if turn.first else "no"),
            "band": Figure(
                _word(turn.heard_gap_ms.band) if turn.heard_gap_ms.band else None,
                "its heard gap has no band",
            ),
            "status": Figure(turn.heard_gap_ms.status.value),
            "incidents": Figure(len(found)),
        }.get(name, Figure(None, "no turn has it"))

    def _errors(self, turn: Turn) -> Figure:
        result = self._report.transcription
        if result is None or result.gold is None:
            return Figure(None, "no words were compared")
        words, channel = self.words, result.channel_index
        stretch = words.stretch(turn, channel)
        if stretch is None:
            return Figure(None, "the side whose words were compared is not in it")
        lacks = []
        if words.placeless:
            lacks.append(f"{words.placeless:,} errors have no place")
        if stretch[1] > words.told_until_s:
            lacks.append(f"{result.errors_left_out:,} errors are not in the report")
        known = len(words.errors(turn))
        return Figure(known, "; ".join(lacks) or None, at_least=bool(lacks))

    def _words(self, turn: Turn) -> Figure:
        if self._report.transcription is None:
            return Figure(None, "nothing was transcribed")
        said = (item for channel in self.words.channels for item in self.words.of(turn, channel))
        return Figure(sum(item.word is not None for item in said))

    @cached_property
    def words(self) -> TurnWords:
        """The words by turn."""
        return TurnWords(self._report)

    def _incidents_of(self, turn: Turn) -> Sequence[Incident]:
        return self._by_turn.get(turn.id, ())

    @cached_property
    def _by_turn(self) -> Mapping[int, Sequence[Incident]]:
        heard = self._report.conversation
        return by_turn(heard.incidents if heard else ())


def _word(text: str) -> str:
    """Return a word as the report writes it, also where it was written as the table shows it."""
    return text.replace("-", "_").replace(" ", "_")


def _figure(item: Measurement) -> Figure:
    """Return a measurement as a figure; one without an upper bound is the least that it may be."""
    if item.value is None or item.status is Status.SIMULATED:
        return Figure(None, item.reason or item.status.value.replace("_", " "))
    open_above = item.status is Status.ESTIMATED and item.low is not None and item.high is None
    return Figure(item.value, item.reason, at_least=open_above)
