"""Where two transcripts differ: against one gold text, or against each other.

With one gold text both alignments are at hand already, so a difference is an error that is fixed,
new, or another one. Without it the two texts are aligned with as few edits as possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from echotrace.comparison.verdict import Verdict
from echotrace.model.report import WordError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.report import DiffOp, Transcription, Word

__all__ = ["WordChange", "WordChanges", "bare", "word_changes"]

_MOST_PAIRS = 4_000_000_000
"""Word pairs that are aligned in less than half a second; two texts of 60,000 words."""


_Span = tuple[int, int, int, int]
"""Where a stretch begins and ends in A's words, then in B's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordChange:
    """A stretch that the two transcripts do not agree on.

    ``at`` and ``end`` bound it in the words of ``WordChanges.base``. The errors are those of the
    report's list that stand here; the times are seconds on each recording's clock, if known.
    """

    at: int
    end: int
    gold: tuple[str, ...]
    a: tuple[str, ...]
    b: tuple[str, ...]
    verdict: Verdict
    error_a: WordError | None = None
    error_b: WordError | None = None
    at_a_s: float | None = None
    at_b_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordChanges:
    """The differences in their order; ``base`` is the gold text, or A's where there is none.

    ``fixed`` and ``new`` count words that only A or only B has wrong; ``reason`` says why there is
    nothing to compare, and ``note`` against what it was done.
    """

    rows: tuple[WordChange, ...] = ()
    base: tuple[str, ...] = ()
    has_gold: bool = False
    fixed: int = 0
    new: int = 0
    other: int = 0
    note: str = ""
    reason: str = ""


@dataclass(slots=True)
class _Unit:
    """What one report heard at one word of the gold text, and before it."""

    before: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()
    error: WordError | None = None


def word_changes(
    a: Transcription | None, b: Transcription | None, *, unlike: str = ""
) -> WordChanges:
    """Return where the transcripts differ.

    ``unlike`` says why the recordings are not the same: then only one gold text makes words of the
    two comparable.
    """
    missing = [name for name, item in (("A", a), ("B", b)) if item is None]
    if a is None or b is None:
        who = "neither report has a" if len(missing) == 2 else f"report {missing[0]} has no"
        return WordChanges(reason=f"{who} transcript")
    gold = tuple(_gold(a.diff))
    if gold and gold == tuple(_gold(b.diff)):
        return _against_gold(gold, a, b)
    if unlike:
        return WordChanges(reason=unlike)
    if a.channel_index != b.channel_index:
        heard = f"A heard channel {a.channel_index}, B channel {b.channel_index}"
        return WordChanges(reason=f"{heard}: their words are not the same ones")
    return _against_each_other(a, b)


def _gold(diff: Sequence[DiffOp]) -> Iterator[str]:
    for op in diff:
        yield from op.gold


def _against_gold(gold: tuple[str, ...], a: Transcription, b: Transcription) -> WordChanges:
    left, right = _units(a, len(gold)), _units(b, len(gold))
    rows: list[WordChange] = []
    counts = dict.fromkeys((Verdict.BETTER, Verdict.WORSE, Verdict.CHANGED), 0)
    for at in range(len(gold) + 1):
        one, other = left[at], right[at]
        if (one.before, one.heard) == (other.before, other.heard):
            continue
        said = gold[at : at + 1]
        right_a = not one.before and one.heard == said
        right_b = not other.before and other.heard == said
        verdict = Verdict.WORSE if right_a else Verdict.BETTER if right_b else Verdict.CHANGED
        counts[verdict] += 1
        row = WordChange(
            at=at,
            end=at + len(said),
            gold=said,
            a=one.before + one.heard,
            b=other.before + other.heard,
            verdict=verdict,
            error_a=one.error,
            error_b=other.error,
            at_a_s=one.error.start_s if one.error else None,
            at_b_s=other.error.start_s if other.error else None,
        )
        if rows and rows[-1].end == at and rows[-1].verdict is verdict:
            row = _joined(rows.pop(), row)
        rows.append(row)
    return WordChanges(
        rows=tuple(rows),
        base=gold,
        has_gold=True,
        fixed=counts[Verdict.BETTER],
        new=counts[Verdict.WORSE],
        other=counts[Verdict.CHANGED],
        note="against the gold text of both",
    )


def _joined(one: WordChange, other: WordChange) -> WordChange:
    return WordChange(
        at=one.at,
        end=other.end,
        gold=one.gold + other.gold,
        a=one.a + other.a,
        b=one.b + other.b,
        verdict=one.verdict,
        error_a=one.error_a or other.error_a,
        error_b=one.error_b or other.error_b,
        at_a_s=other.at_a_s if one.at_a_s is None else one.at_a_s,
        at_b_s=other.at_b_s if one.at_b_s is None else one.at_b_s,
    )


def _units(result: Transcription, words: int) -> list[_Unit]:
    """Return what was heard at each gold word; the last unit is what follows them all."""
    units = [_Unit() for _ in range(words + 1)]
    errors = _Errors(result.errors)
    at = 0
    for op in result.diff:
        if op.op == "insert":
            units[at].before += op.actual
            found = [errors.take(op.op, None, word) for word in op.actual]
            units[at].error = units[at].error or next(filter(None, found), None)
            continue
        if len(op.gold) == len(op.actual):
            heard: list[tuple[str, ...]] = [(word,) for word in op.actual]
        else:
            heard = [op.actual, *((),) * (len(op.gold) - 1)]
        for word, part in zip(op.gold, heard, strict=False):
            units[at].heard = part
            if op.op != "equal":
                error = errors.take(op.op, word, part[0] if part else None)
                units[at].error = units[at].error or error
            at += 1
    return units


class _Errors:
    """Hands out a report's errors in order; it stops where they do not fit the alignment."""

    def __init__(self, errors: Sequence[WordError]) -> None:
        self._errors = errors
        self._at = 0

    def take(self, op: str, gold: str | None, actual: str | None) -> WordError | None:
        if self._at >= len(self._errors):
            return None
        error = self._errors[self._at]
        if (error.op, error.gold, error.actual) != (op, gold, actual):
            return None
        self._at += 1
        return error


def _against_each_other(a: Transcription, b: Transcription) -> WordChanges:
    by_character = _unspaced(a.actual) or _unspaced(b.actual)
    left, right = _tokens(a, by_character), _tokens(b, by_character)
    if not left and not right:
        return WordChanges(reason="no words were heard in either")
    if len(left) * len(right) > _MOST_PAIRS:
        told = f"{len(left):,} words against {len(right):,} are too many to align"
        return WordChanges(reason=told)
    rows = []
    for begin, end, from_b, to_b in _edits(
        [bare(word) for word, _ in left], [bare(word) for word, _ in right]
    ):
        one, other = left[begin:end], right[from_b:to_b]
        rows.append(
            WordChange(
                at=begin,
                end=end,
                gold=(),
                a=tuple(word for word, _ in one),
                b=tuple(word for word, _ in other),
                verdict=Verdict.CHANGED
                if one and other
                else Verdict.ONLY_A
                if one
                else Verdict.ONLY_B,
                at_a_s=_start(one),
                at_b_s=_start(other),
            )
        )
    what = "there is no gold text of both"
    if a.gold and b.gold:
        what = "the two gold texts differ" if a.gold != b.gold else "one gold text by other rules"
    return WordChanges(
        rows=tuple(rows),
        base=tuple(word for word, _ in left),
        other=len(rows),
        note=f"one against the other: {what}",
    )


def _edits(a: list[str], b: list[str]) -> Iterator[_Span]:
    """Yield the stretches that differ; of several best alignments the same one from both sides."""
    from rapidfuzz.distance import Levenshtein

    ids: dict[str, int] = {}
    first, second = ([ids.setdefault(key, len(ids)) for key in keys] for keys in sorted((a, b)))
    edits = cast(
        "Sequence[tuple[str, int, int, int, int]]", Levenshtein.opcodes(first, second).as_list()
    )
    for begin, end, other, other_end in _blocks(edits):
        yield (begin, end, other, other_end) if a <= b else (other, other_end, begin, end)


def _blocks(edits: Sequence[tuple[str, int, int, int, int]]) -> Iterator[_Span]:
    """Join the edits that follow each other without an equal word between them."""
    run: _Span | None = None
    for tag, begin, end, from_b, to_b in edits:
        if tag != "equal":
            run = (run[0] if run else begin, end, run[2] if run else from_b, to_b)
        elif run:
            yield run
            run = None
    if run:
        yield run


def _unspaced(text: str) -> bool:
    from echotrace.text.scripts import writes_without_spaces

    return bool(text) and writes_without_spaces(text)


def _tokens(result: Transcription, by_character: bool) -> list[tuple[str, Word | None]]:
    if by_character:
        return [(char, None) for char in result.actual if char.isalnum()]
    spoken = result.actual.split()
    times: Sequence[Word | None] = result.words
    if [word.text.strip() for word in result.words] != spoken:
        times = [None] * len(spoken)
    pairs = zip(spoken, times, strict=True)
    return [(text, word) for text, word in pairs if bare(text)]


def bare(word: str) -> str:
    """Return what two spellings of one word have in common: no case, no punctuation."""
    return "".join(char for char in word.casefold() if char.isalnum())


def _start(side: Sequence[tuple[str, Word | None]]) -> float | None:
    return next((word.start_s for _, word in side if word is not None), None)
