"""Word alignment, its counts, and a diff that a person can read.

jiwer finds the minimum number of edits. Among the alignments with that number it often picks one
that pairs unlike words, so inside each run of errors the words are paired again by likeness, which
changes no count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.model.report import DiffOp, WordCounts
from echotrace.text.repairs import in_the_words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Alignment", "align_words", "aligned_alike", "character_errors", "word_errors"]

_MAX_PAIRINGS = 400
"""Cells of the table that pairs one run of errors; a longer run keeps jiwer's own pairing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Counts and diff of one comparison, with jiwer's rates.

    ``wer``, ``mer`` and ``wil`` are ratios; they mean nothing when the reference has no word.
    ``diff`` replays to both sides: its gold words in order are the reference, its actual words the
    hypothesis.
    """

    counts: WordCounts
    wer: float
    mer: float
    wil: float
    diff: tuple[DiffOp, ...]


def align_words(gold: Sequence[str], actual: Sequence[str]) -> Alignment:
    """Align two lists of words (none of which holds white space) with as few edits as possible."""
    import jiwer

    split = jiwer.Compose([jiwer.ReduceToListOfListOfWords()])
    found = jiwer.process_words(
        " ".join(gold), " ".join(actual), reference_transform=split, hypothesis_transform=split
    )
    counts = WordCounts(
        reference_words=len(gold),
        hypothesis_words=len(actual),
        hits=found.hits,
        substitutions=found.substitutions,
        deletions=found.deletions,
        insertions=found.insertions,
    )
    return Alignment(
        counts=counts,
        wer=float(found.wer),
        mer=float(found.mer),
        wil=float(found.wil),
        diff=_diff(gold, actual, found.alignments[0]),
    )


def aligned_alike(gold: Sequence[str], actual: Sequence[str]) -> tuple[Alignment, list[str]]:
    """Align, with the transcript split and joined as the reference where only spaces differ.

    Returns the alignment and the transcript's words as they were aligned.
    """
    found = align_words(gold, actual)
    alike = in_the_words_of(found.diff)
    if alike is None:
        return found, list(actual)
    return align_words(gold, alike), alike


def word_errors(gold: Sequence[str], actual: Sequence[str]) -> int:
    """Return the least number of word edits, without the alignment."""
    from rapidfuzz.distance import Levenshtein

    ids: dict[str, int] = {}
    left = [ids.setdefault(word, len(ids)) for word in gold]
    right = [ids.setdefault(word, len(ids)) for word in actual]
    return int(Levenshtein.distance(left, right))


def character_errors(gold: str, actual: str) -> int:
    """Return the least number of character edits between two texts, spaces included."""
    from rapidfuzz.distance import Levenshtein

    return int(Levenshtein.distance(gold, actual))


def _diff(
    gold: Sequence[str], actual: Sequence[str], chunks: Sequence[object]
) -> tuple[DiffOp, ...]:
    ops: list[DiffOp] = []
    run: list[DiffOp] = []
    for chunk in chunks:
        op = DiffOp(
            op=chunk.type,  # type: ignore[attr-defined]  # jiwer.AlignmentChunk, untyped here
            gold=tuple(gold[chunk.ref_start_idx : chunk.ref_end_idx]),  # type: ignore[attr-defined]  # the same
            actual=tuple(actual[chunk.hyp_start_idx : chunk.hyp_end_idx]),  # type: ignore[attr-defined]  # the same
        )
        if op.op == "equal":
            ops += _pair(run)
            run = []
            ops.append(op)
        else:
            run.append(op)
    return tuple(ops + _pair(run))


def _pair(run: list[DiffOp]) -> list[DiffOp]:
    """Pair the words of one run of errors by likeness; every pair is still one substitution."""
    gold = [word for op in run for word in op.gold]
    actual = [word for op in run for word in op.actual]
    if len(run) < 2 or not gold or not actual or len(gold) * len(actual) > _MAX_PAIRINGS:
        return run
    ops: list[DiffOp] = []
    for kind, left, right in _steps(gold, actual):
        if ops and ops[-1].op == kind:
            left, right = ops[-1].gold + left, ops[-1].actual + right
            ops.pop()
        ops.append(DiffOp(op=kind, gold=left, actual=right))
    return ops


def _steps(
    gold: list[str], actual: list[str]
) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Return the ordered pairing with min(len) pairs and the greatest likeness in all.

    The shorter side is paired whole, so the edits number ``max(len)``, as in every best alignment.
    """
    from rapidfuzz.distance import Indel

    likeness = Indel.normalized_similarity
    swap = len(gold) > len(actual)
    short, long = (actual, gold) if swap else (gold, actual)
    slack = len(long) - len(short)
    # best[i][k]: likeness of the first i short words paired with k long words left out so far
    best = [[0.0] * (slack + 1) for _ in range(len(short) + 1)]
    for i in range(1, len(short) + 1):
        row = [
            best[i - 1][k] + likeness(short[i - 1][:64], long[i - 1 + k][:64])
            for k in range(slack + 1)
        ]
        for k in range(1, slack + 1):
            row[k] = max(row[k], row[k - 1])
        best[i] = row
    steps: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = []
    i, k = len(short), slack
    while i or k:
        if k and (not i or best[i][k - 1] >= best[i][k]):
            k -= 1
            alone = (long[i + k],)
            steps.append(("delete", alone, ()) if swap else ("insert", (), alone))
        else:
            i -= 1
            one, other = (short[i],), (long[i + k],)
            steps.append(("substitute", other, one) if swap else ("substitute", one, other))
    steps.reverse()
    return steps
