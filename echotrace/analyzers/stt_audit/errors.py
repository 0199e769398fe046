"""Every wrong, missed or added word of a comparison, in its place on the recording's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from echotrace.analyzers.stt_audit.causes import explain, snr_text
from echotrace.analyzers.stt_audit.evidence import LEAST_LOOK_S
from echotrace.model.report import WordError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from echotrace.analyzers.stt_audit.evidence import Evidence
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
    """Where an error lies, and the span that is looked at for its causes."""

    start_s: float
    end_s: float
    kind: str
    look: tuple[float, float]


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
    reasons = _Reasons(evidence)
    return tuple(_error(wrong, places, words, reasons) for wrong in _walk(diff))


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
            return _Place(start_s=start_s, end_s=end_s, kind="aligned", look=(start_s, end_s))
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
        place = start_s + wrong.part * step_s, start_s + (wrong.part + 1) * step_s
        return _Place(
            start_s=place[0],
            end_s=place[1],
            kind=BETWEEN,
            look=place
            if step_s >= LEAST_LOOK_S
            else _shared((start_s, end_s), (wrong.part + 0.5) / wrong.parts),
        )

    def _range(self, wrong: _Wrong) -> tuple[int, int] | None:
        if wrong.actual is None or wrong.token >= len(self._ranges):
            return None
        return self._ranges[wrong.token]


def _shared(gap: tuple[float, float], share: float) -> tuple[float, float]:
    """Return the part of a gap that holds the point at ``share`` of it, at least 0.3 s.

    Time stamps are no better than that. Words that crowd in a gap share few such parts, so that a
    reference that does not belong costs no more than one that does.
    """
    start_s, end_s = gap
    length_s = end_s - start_s
    cells = int(length_s / LEAST_LOOK_S)
    if cells < 1:
        missing_s = (LEAST_LOOK_S - length_s) / 2.0
        return start_s - missing_s, end_s + missing_s
    at = min(int(share * cells), cells - 1)
    return start_s + at * length_s / cells, start_s + (at + 1) * length_s / cells


class _Reasons:
    """The causes of errors, remembered by what they follow from."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self.clip_db = evidence.clip_db
        self._found: dict[object, tuple[tuple[Cause, ...], float | None]] = {}

    def of(
        self, op: str, place: _Place | None, probability: float | None
    ) -> tuple[tuple[Cause, ...], float | None]:
        """Return the causes of an error and the SNR where it lies."""
        is_vague = place is not None and place.kind not in _SURE_PLACES
        look = None if place is None else place.look
        key = op, look, is_vague, probability
        if key not in self._found:
            under = None if look is None else self._evidence.under(*look)
            causes = explain(
                under,
                op=op,
                length_s=0.0 if look is None else look[1] - look[0],
                clip_db=self.clip_db,
                probability=probability,
                is_vague=is_vague,
            )
            self._found[key] = causes, None if under is None else under.snr_db
        return self._found[key]


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
    start_s = min(start_s for start_s, _, _ in timed)
    end_s = max(end_s for _, end_s, _ in timed)
    return _Place(start_s=start_s, end_s=end_s, kind=timed[0][2] or "word", look=(start_s, end_s))


def _error(wrong: _Wrong, places: _Places, words: Sequence[Word], reasons: _Reasons) -> WordError:
    place, word = places.of(wrong), places.word(wrong)
    probability = None if word is None else words[word].probability
    causes, snr_db = reasons.of(wrong.op, place, probability)
    return WordError(
        op=wrong.op,
        gold=wrong.gold,
        actual=wrong.actual,
        message=_message(wrong, place, causes, snr_db, reasons.clip_db),
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
