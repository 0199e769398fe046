"""Which columns of aligned words an entity stands in, and which entity a column belongs to."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.figures import words as spelled
from echotrace.render.console.parts import quoted, said_and_heard
from echotrace.render.console.timeline import stamp
from echotrace.tui.word_search import folded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.report import Entity
    from echotrace.render.console.layout import Page
    from echotrace.tui.word_rows import Words
    from echotrace.tui.word_search import WordIndex

__all__ = ["EntityPlaces", "bad_first", "entity_lines", "entity_text"]

BAD = ("wrong", "missed", "added")
NEAR_S = 2.0
"""A time leads to a word that begins at most so much earlier or later."""
_REACH_S = 10.0
"""No entity is longer: a number of fifteen digits takes so long."""
_LEFT = 14
_SHORTEST = 8
_NAMES = {"email": "e-mail"}


def bad_first(items: Sequence[Entity]) -> list[Entity]:
    """Return the wrong, the missed and the added ones, then the others, each in their order."""
    ranks = {outcome: rank for rank, outcome in enumerate(BAD)}
    return sorted(items, key=lambda item: ranks.get(item.outcome, len(BAD)))


def entity_text(entity: Entity, page: Page) -> Text:
    """Return type, outcome and both sides of an entity; its outcome is in words."""
    kind = _NAMES.get(entity.type) or page.data(spelled(entity.type), limit=20)
    is_bad = entity.outcome in BAD
    text = Text.assemble(f"{kind} ", (page.data(entity.outcome, limit=12), "red" if is_bad else ""))
    text.append("  ")
    limit = max(_SHORTEST, page.width - _LEFT)
    if entity.outcome == "wrong" and entity.gold is not None and entity.actual is not None:
        return text.append_text(said_and_heard(entity.gold, entity.actual, page, limit=limit))
    either = entity.gold if entity.gold is not None else entity.actual or entity.value
    return text.append(quoted(either, page, limit=limit))


def entity_lines(entity: Entity, page: Page) -> Iterator[Text]:
    """Yield the lines of an entity in a list, its time in front."""
    time = stamp(entity.at_s) if entity.at_s is not None else ""
    lead = Text(f"{time:>8}", style="cyan")
    yield from page.wrapped(entity_text(entity, page), indent=10, first=lead)


class EntityPlaces:
    """Finds entities among words by their spelling, and by their time where that fails.

    The words are normalised and an entity is as it was written, so "$36" is found by its time only.

    Args:
        words: aligned, or one side alone.
        entities: in any order.
        index: of the same words.
    """

    def __init__(self, words: Words, entities: Sequence[Entity], index: WordIndex) -> None:
        self._words = words
        self._index = index
        self._entities = entities
        self._found: dict[int, range | None] = {}
        starts = enumerate(words.start_s)
        self._by_time = sorted((at_s, at) for at, at_s in starts if math.isfinite(at_s))

    def columns(self, entity: Entity) -> range | None:
        """Return the columns that an entity stands in, None where that is not known."""
        key = id(entity)
        if key not in self._found:
            self._found[key] = self._find(entity)
        return self._found[key]

    def at(self, column: int) -> Entity | None:
        """Return the first entity that a column is part of."""
        at_s = self._words.start_s[column]
        texts = [folded(side[column]) for side in self._words.sides if side[column]]
        for entity in self._entities:
            if _may_be(entity, at_s, texts):
                columns = self.columns(entity)
                if columns is not None and column in columns:
                    return entity
        return None

    def _find(self, entity: Entity) -> range | None:
        by_spelling = list(self._spelled(entity))
        if entity.at_s is None or not math.isfinite(entity.at_s):
            return by_spelling[0] if len(set(by_spelling)) == 1 else None
        at_s = entity.at_s
        near = [item for item in by_spelling if self._distance(item, at_s) <= NEAR_S]
        if near:
            return min(near, key=lambda item: self._distance(item, at_s))
        after = bisect_left(self._by_time, (at_s, -1))
        around = self._by_time[max(0, after - 1) : after + 1]
        nearest = min(around, key=lambda item: abs(item[0] - at_s), default=None)
        if nearest is None or abs(nearest[0] - at_s) > NEAR_S:
            return None
        return range(nearest[1], nearest[1] + 1)

    def _distance(self, columns: range, at_s: float) -> float:
        starts = (self._words.start_s[at] for at in columns)
        away = (abs(start_s - at_s) for start_s in starts if not math.isnan(start_s))
        return min(away, default=math.inf)

    def _spelled(self, entity: Entity) -> Iterator[range]:
        for text in filter(None, (entity.gold, entity.actual)):
            yield from self._index.whole_words(text)


def _may_be(entity: Entity, at_s: float, texts: Sequence[str]) -> bool:
    """Tell whether it is worth looking where an entity stands: it is near, or spelled so."""
    if entity.at_s is not None and math.isfinite(at_s) and abs(entity.at_s - at_s) <= _REACH_S:
        return True
    sides = [folded(side) for side in (entity.gold, entity.actual) if side]
    return any(text in side for side in sides for text in texts)
