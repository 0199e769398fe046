"""Two reports laid side by side: what differs, which way, and what cannot be compared.

Nothing is tested for significance here. Two figures whose 95 % intervals overlap are called so,
and where a figure has no interval that is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from echotrace.comparison.conditions import Condition, conditions_of
from echotrace.comparison.figures import FigureChange, figure_changes
from echotrace.comparison.score import DeductionChange, Unscored, score_changes
from echotrace.comparison.turns import TurnChange, turn_changes
from echotrace.comparison.words import WordChange, WordChanges, word_changes

if TYPE_CHECKING:
    from echotrace.model.report import Report

__all__ = ["Comparison", "Row", "Section", "compare"]

Row = FigureChange | DeductionChange | Unscored | Condition | TurnChange | WordChange


class Section(str, Enum):
    """The parts of a comparison, in the order of their keys."""

    SCORE = "Score"
    FIGURES = "Figures"
    TURNS = "Turns"
    WORDS = "Words"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """All rows of two reports; compared by identity, because it is large."""

    conditions: tuple[Condition, ...]
    score: tuple[FigureChange | DeductionChange | Unscored, ...]
    figures: tuple[FigureChange, ...]
    turns: tuple[TurnChange, ...]
    why_no_turns: str
    words: WordChanges

    @property
    def recording(self) -> Condition:
        """Whether both are of one recording."""
        return self.conditions[0]

    def rows(self, section: Section) -> tuple[Row, ...]:
        """Return the rows of a section; the score's end with the conditions."""
        if section is Section.SCORE:
            return (*self.score, *self.conditions)
        if section is Section.FIGURES:
            return self.figures
        return self.turns if section is Section.TURNS else self.words.rows

    def differences(self, section: Section) -> tuple[int, ...]:
        """Return the positions of the rows that are not alike."""
        return tuple(at for at, row in enumerate(self.rows(section)) if row.verdict.is_difference)

    def why_nothing(self, section: Section) -> str:
        """Return why a section could not be compared at all; empty where it was."""
        if section is Section.TURNS:
            return self.why_no_turns
        return self.words.reason if section is Section.WORDS else ""


def compare(a: Report, b: Report) -> Comparison:
    """Lay report B beside report A; every difference is B less A."""
    conditions = conditions_of(a, b)
    unlike = conditions[0].why
    turns = turn_changes(a, b, unlike=unlike)
    return Comparison(
        conditions=conditions,
        score=tuple(score_changes(a, b)),
        figures=tuple(figure_changes(a, b)),
        turns=turns.rows,
        why_no_turns=turns.reason,
        words=word_changes(a.transcription, b.transcription, unlike=unlike),
    )
