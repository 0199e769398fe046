"""Every wrong, missed or added word of a comparison, in its place on the recording's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from echotrace.analyzers.stt_audit.causes import explain, snr_text
from echotrace.analyzers.stt_audit.evidence import LEAST_LOOK_S
from echotrace.model.report import WordError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from echotrace.analyzers.stt_audit.evidence import Evidence, Under
    from echotrace.model.report import Cause, DiffOp, Word

__all__ = ["find_errors"]

BETWEEN: Final = "between"
_SURE_PLACES: Final = frozenset({"word", "aligned"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wrong:
    """One error before its place is known; ``token`` counts the transcript's tokens before it."""

    gold: str | None
    actual: str | None
    gold_token: int
    token: int
    part: int = 0
    parts: int = 1
    """It is missed word ``part`` of so many in a row."""

    @property
    def op(self) -> str:
        if self.gold is None:
            return "insert"
        return "delete" if self.actual is None else "substitute"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    start_s: float
    end_s: float
    kind: str


def find_errors(
    *,
    diff: Sequence[DiffOp],
    words: Sequence[Word],
    ranges: Sequence[tuple[int, int] | None],
    evidence: Evidence,
    gold_places: Mapping[int, tuple[float, float]] | None = None,
) -> tuple[WordError, ...]:
    """Return one error per wrong, missed or added token of a comparison, in its order.

    Args:
        diff: the word alignment; its actual tokens in order are the transcript's.
        words: the transcript's words as its engine wrote them.
        ranges: for each actual token the words ``[first, end)`` that it comes from, None where
            that is not known.
        evidence: the scored channel.
        gold_places: where the reference's tokens were said, by their index, where an alignment
            knows; a missed word without one lies between its neighbours.
    """
    places = _Places(words, ranges, evidence, gold_places or {})
    return tuple(_error(wrong, places, words, evidence) for wrong in _walk(diff))


def _walk(diff: Sequence[DiffOp]) -> Iterator[_Wrong]:
    gold_token = token = 0
    for op in diff:
        if op.op != "equal":
            pairs = min(len(op.gold), len(op.actual))
            missed = len(op.gold) - pairs
            for index, gold in enumerate(op.gold):
                is_pair = index < pairs
                yield _Wrong(
                    gold=gold,
                    actual=op.actual[index] if is_pair else None,
                    gold_token=gold_token + index,
                    token=token + min(index, pairs),
                    part=0 if is_pair else index - pairs,
                    parts=1 if is_pair else missed,
                )
            for index, actual in enumerate(op.actual[pairs:], pairs):
                yield _Wrong(
                    gold=None,
                    actual=actual,
                    gold_token=gold_token + pairs,
                    token=token + index,
                )
        gold_token += len(op.gold)
        token += len(op.actual)


class _Places:
    """Looks up where a token lies, or between which neighbours."""

    def __init__(
        self,
        words: Sequence[Word],
        ranges: Sequence[tuple[int, int] | None],
        evidence: Evidence,
        gold_places: Mapping[int, tuple[float, float]],
    ) -> None:
        self._gold_places = gold_places
        self._ranges = ranges
        self._spans = [_span(words, found) for found in ranges]
        # The nearest known time on either side of every gap between two tokens.
        self._before: list[float | None] = [None]
        for span in self._spans:
            self._before.append(self._before[-1] if span is None else span.end_s)
        self._after: list[float | None] = [None]
        for span in reversed(self._spans):
            self._after.append(self._after[-1] if span is None else span.start_s)
        self._after.reverse()
        self._begin_s, self._end_s = evidence.begin_s, evidence.end_s

    def word(self, wrong: _Wrong) -> int | None:
        """Return the first word that a token comes from."""
        found = self._range(wrong)
        return None if found is None or found[1] <= found[0] else found[0]

    def of(self, wrong: _Wrong) -> _Place | None:
        """Return the place of an error; None where nothing around it has a time."""
        if wrong.actual is not None and wrong.token < len(self._spans):
            span = self._spans[wrong.token]
            if span is not None:
                return span
        if wrong.actual is None and wrong.gold_token in self._gold_places:
            start_s, end_s = self._gold_places[wrong.gold_token]
            return _Place(start_s=start_s, end_s=end_s, kind="aligned")
        last = len(self._spans)
        after_token = wrong.token + (wrong.actual is not None)
        before = self._before[min(wrong.token, last)]
        after = self._after[min(after_token, last)]
        if before is None and after is None:
            return None
        start_s = self._begin_s if before is None else before
        end_s = self._end_s if after is None else after
        start_s, end_s = min(start_s, end_s), max(start_s, end_s)
        step_s = (end_s - start_s) / wrong.parts
        return _Place(
            start_s=start_s + wrong.part * step_s,
            end_s=start_s + (wrong.part + 1) * step_s,
            kind=BETWEEN,
        )

    def _range(self, wrong: _Wrong) -> tuple[int, int] | None:
        if wrong.actual is None or wrong.token >= len(self._ranges):
            return None
        return self._ranges[wrong.token]


def _span(words: Sequence[Word], found: tuple[int, int] | None) -> _Place | None:
    if found is None:
        return None
    timed = [
        (word.start_s, word.end_s, word.time_source)
        for word in words[found[0] : found[1]]
        if word.start_s is not None and word.end_s is not None
    ]
    if not timed:
        return None
    return _Place(
        start_s=min(start_s for start_s, _, _ in timed),
        end_s=max(end_s for _, end_s, _ in timed),
        kind=timed[0][2] or "word",
    )


def _error(wrong: _Wrong, places: _Places, words: Sequence[Word], evidence: Evidence) -> WordError:
    place, word = places.of(wrong), places.word(wrong)
    probability = None if word is None else words[word].probability
    under: Under | None = None
    length_s = 0.0
    if place is not None:
        # A shorter place is looked at with what is around it: time stamps are no better.
        missing_s = max(0.0, LEAST_LOOK_S - (place.end_s - place.start_s)) / 2.0
        if place.kind != BETWEEN:
            missing_s = 0.0
        length_s = place.end_s - place.start_s + 2.0 * missing_s
        under = evidence.under(place.start_s - missing_s, place.end_s + missing_s)
    causes = explain(
        under,
        op=wrong.op,
        length_s=length_s,
        clip_db=evidence.clip_db,
        probability=probability,
        is_vague=place is not None and place.kind not in _SURE_PLACES,
    )
    snr_db = None if under is None else under.snr_db
    return WordError(
        op=wrong.op,
        gold=wrong.gold,
        actual=wrong.actual,
        message=_message(wrong, place, causes, snr_db, evidence.clip_db),
        causes=causes,
        word=word,
        start_s=None if place is None else round(place.start_s, 3),
        end_s=None if place is None else round(place.end_s, 3),
        place=None if place is None else place.kind,
        probability=probability,
        snr_db=None if snr_db is None else round(snr_db, 1),
    )


def _message(
    wrong: _Wrong,
    place: _Place | None,
    causes: Sequence[Cause],
    snr_db: float | None,
    clip_db: float | None,
) -> str:
    if wrong.gold is None:
        what = f'"{wrong.actual}" added'
    elif wrong.actual is None:
        what = f'"{wrong.gold}" missed'
    else:
        what = f'"{wrong.gold}" -> "{wrong.actual}"'
    if place is not None:
        near = "at" if place.kind in _SURE_PLACES else "near"
        what = f"{what} {near} {place.start_s:.1f} s"
    parts = [cause.evidence for cause in causes]
    is_said = any(part.startswith("local SNR") for part in parts)
    if snr_db is not None and not is_said and causes[0].kind != "no_speech":
        parts.append(snr_text(snr_db, clip_db))
    return f"{what}: {'; '.join(parts)}"
