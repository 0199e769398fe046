"""Error rates over many utterances or segments, with a bootstrap interval over them.

Edits and words are added up first and divided once: the mean of clips is no error rate, because a
clip of one word would weigh as much as one of a hundred. The interval resamples whole utterances
(``echotrace.stats.ratios``), as their errors come in bunches and words are no independent samples.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from echotrace.model.measure import Measurement
from echotrace.text.compare import join_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from echotrace.model.report import WordCounts
    from echotrace.stats.ratios import Interval, Statistic
    from echotrace.text.comparison import Comparison

__all__ = [
    "MIN_UTTERANCES",
    "ErrorCounts",
    "PooledRates",
    "pool",
    "pooled_mer",
    "pooled_rate",
    "pooled_wil",
    "with_interval",
]

MIN_UTTERANCES: Final = 10
"""Below it, a 95 % interval holds the truth far less often than it says."""
_SEED: Final = 20_040_517
_MAX_CELLS: Final = 20_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCounts:
    """The counts of one utterance, by word or by character.

    ``edits`` are substitutions, deletions and insertions, ``reference`` and ``hypothesis`` the
    lengths of both sides, ``hits`` what is right; WER and CER need the first two only.
    """

    edits: int
    reference: int
    hits: int = 0
    hypothesis: int = 0

    @classmethod
    def of_words(cls, counts: WordCounts) -> ErrorCounts:
        """Take over the counts of a word alignment."""
        return cls(
            edits=counts.substitutions + counts.deletions + counts.insertions,
            reference=counts.reference_words,
            hits=counts.hits,
            hypothesis=counts.hypothesis_words,
        )

    @classmethod
    def of_characters(cls, compared: Comparison) -> ErrorCounts | None:
        """Return the counts by character, None where they were not taken."""
        if compared.character_edits is None or compared.reference_characters is None:
            return None
        return cls(edits=compared.character_edits, reference=compared.reference_characters)


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledRates:
    """Rates over the utterances with a reference, and what the others made up.

    ``utterances`` were pooled; ``without_reference`` had no reference word and enter no rate: their
    words are ``hallucinated_words``. ``not_compared`` could not be compared at all.
    """

    wer: Measurement
    cer: Measurement
    mer: Measurement
    wil: Measurement
    utterances: int
    without_reference: int
    hallucinated_words: int
    not_compared: int


def pool(
    comparisons: Sequence[Comparison], *, seed: int = _SEED, doubt: str | None = None
) -> PooledRates:
    """Pool the comparisons of many utterances; ``doubt`` as in ``compare``."""
    words = [ErrorCounts.of_words(item.counts) for item in comparisons if item.counts]
    spoken = [item for item in comparisons if item.counts and item.counts.reference_words]
    characters = [ErrorCounts.of_characters(item) for item in spoken]
    whole = [item for item in characters if item is not None]
    return PooledRates(
        wer=pooled_rate(words, name="WER", seed=seed, doubt=doubt),
        cer=pooled_rate(whole, name="CER", seed=seed, doubt=doubt)
        if len(whole) == len(characters)
        else Measurement.not_measurable("ratio", "an utterance is too long to align by character"),
        mer=pooled_mer(words, seed=seed, doubt=doubt),
        wil=pooled_wil(words, seed=seed, doubt=doubt),
        utterances=len(spoken),
        without_reference=len(words) - len(spoken),
        hallucinated_words=sum(item.hypothesis for item in words if not item.reference),
        not_compared=len(comparisons) - len(words),
    )


def pooled_rate(
    counts: Sequence[ErrorCounts],
    *,
    name: str = "WER",
    unit_name: str = "utterances",
    seed: int = _SEED,
    doubt: str | None = None,
) -> Measurement:
    """Return the sum of edits over the sum of reference lengths.

    Entries without a reference are left out: what was heard there is made up, and no rate.

    Args:
        counts: one entry per utterance.
        name: what the rate is called in its method, such as WER or CER.
        unit_name: what an entry is called there.
        seed: of the bootstrap; the same seed gives the same interval.
        doubt: why the figure is only an estimate; None means that it is measured.
    """
    return _pooled(counts, _error_rate(), name=name, unit_name=unit_name, seed=seed, doubt=doubt)


def pooled_mer(
    counts: Sequence[ErrorCounts],
    *,
    unit_name: str = "utterances",
    seed: int = _SEED,
    doubt: str | None = None,
) -> Measurement:
    """Return the match error rate, edits / (hits + edits), of all entries together."""
    return _pooled(counts, _match_error(), name="MER", unit_name=unit_name, seed=seed, doubt=doubt)


def pooled_wil(
    counts: Sequence[ErrorCounts],
    *,
    unit_name: str = "utterances",
    seed: int = _SEED,
    doubt: str | None = None,
) -> Measurement:
    """Return the word information lost, 1 - (H/N)(H/P), of all entries together."""
    return _pooled(counts, _lost(), name="WIL", unit_name=unit_name, seed=seed, doubt=doubt)


def with_interval(
    comparison: Comparison, blocks: Sequence[int], *, seed: int = _SEED
) -> Comparison:
    """Return the comparison of one recording with intervals from resampling its segments.

    ``blocks[i]`` is the segment that word ``i`` of ``actual_tokens`` belongs to. A reference word
    goes to the segment of the word that it is aligned with, a missed one to that of the word
    before. With fewer than ``MIN_UTTERANCES`` segments that hold reference words, the figures keep
    having no interval, and their method says why.

    Raises:
        ValueError: there is not one block for each word.
    """
    if len(blocks) != len(comparison.actual_tokens):
        raise ValueError(f"{len(blocks)} blocks for {len(comparison.actual_tokens)} words")
    if comparison.counts is None or not comparison.gold_tokens:
        return comparison
    words = _by_block(
        ((op.op, len(op.gold), len(op.actual)) for op in comparison.diff), list(blocks)
    )
    characters = _characters_by_block(comparison, blocks)
    return replace(
        comparison,
        wer=_interval(comparison.wer, words, _error_rate(), seed),
        mer=_interval(comparison.mer, words, _match_error(), seed),
        wil=_interval(comparison.wil, words, _lost(), seed),
        cer=comparison.cer
        if characters is None
        else _interval(comparison.cer, characters, _error_rate(), seed),
    )


def _error_rate() -> Statistic:
    from echotrace.stats.ratios import ratio

    return ratio()


def _match_error() -> Statistic:
    """Edits over edits and hits; a column of the rows is edits, the third is hits."""
    import numpy as np

    from echotrace.stats.ratios import Statistic

    def of(totals: Any) -> tuple[Any, Any]:
        edits, hits = totals[..., 0], totals[..., 2]
        whole = edits + hits
        gradient = np.zeros_like(totals)
        gradient[..., 0], gradient[..., 2] = hits / whole**2, -edits / whole**2
        return edits / whole, gradient

    return Statistic(of, words=1, highest=1.0)


def _lost() -> Statistic:
    """1 - (H/N)(H/P), of the hits H, the words said N and the words heard P."""
    import numpy as np

    from echotrace.stats.ratios import Statistic

    def of(totals: Any) -> tuple[Any, Any]:
        said, hits, heard = totals[..., 1], totals[..., 2], np.maximum(totals[..., 3], 1.0)
        kept = hits**2 / (said * heard)
        gradient = np.zeros_like(totals)
        gradient[..., 1], gradient[..., 3] = kept / said, kept / heard
        gradient[..., 2] = -2.0 * hits / (said * heard)
        return 1.0 - kept, gradient

    return Statistic(of, words=1, highest=1.0)


def _rows(counts: Iterable[ErrorCounts]) -> list[tuple[int, int, int, int]]:
    return [(c.edits, c.reference, c.hits, c.hypothesis) for c in counts if c.reference]


def _pooled(
    counts: Sequence[ErrorCounts],
    statistic: Statistic,
    *,
    name: str,
    unit_name: str,
    seed: int,
    doubt: str | None,
) -> Measurement:
    import numpy as np

    rows = _rows(counts)
    if not rows:
        return Measurement.not_measurable("ratio", f"none of the {unit_name} has a reference word")
    value = float(statistic.of(np.asarray(rows, dtype=np.float64).sum(axis=0))[0])
    extra: dict[str, Any] = {"n": len(rows)}
    if len(rows) < MIN_UTTERANCES:
        extra["method"] = f"{name}, pooled; too few {unit_name} ({len(rows)}) for an interval"
    else:
        found = _ends(rows, statistic, seed)
        extra["low"], extra["high"] = found.low, found.high
        extra["method"] = f"{name}, pooled; {found.how}, over {len(rows)} {unit_name}"
    if doubt is not None:
        return Measurement.estimated(value, "ratio", reason=doubt, **extra)
    return Measurement.measured(value, "ratio", **extra)


def _interval(
    figure: Measurement,
    counts: Sequence[ErrorCounts],
    statistic: Statistic,
    seed: int,
) -> Measurement:
    if figure.value is None:
        return figure
    method = (figure.method or "").partition("; one recording")[0]
    if len(counts) < MIN_UTTERANCES:
        why = f"one recording with fewer than {MIN_UTTERANCES} segments, so no interval"
        return replace(figure, method=f"{method}; {why}")
    found = _ends(_rows(counts), statistic, seed)
    return replace(
        figure,
        low=min(found.low, figure.value),
        high=max(found.high, figure.value),
        method=f"{method}; {found.how}, over {len(counts)} segments",
    )


def _ends(rows: Sequence[tuple[int, int, int, int]], statistic: Statistic, seed: int) -> Interval:
    from echotrace.stats.ratios import ratio_interval

    return ratio_interval(rows, statistic, seed=seed)


def _by_block(
    steps: Iterable[tuple[str, int, int]], blocks: Sequence[int]
) -> tuple[ErrorCounts, ...]:
    """Count by block along an alignment; a block without a reference joins the one before it.

    The counts of all blocks add up to those of the whole.
    """
    edits: Counter[int] = Counter()
    reference: Counter[int] = Counter()
    hits: Counter[int] = Counter()
    hypothesis: Counter[int] = Counter()
    order: dict[int, None] = {}
    here = blocks[0] if blocks else 0
    at = 0
    for kind, gold, actual in steps:
        for index in range(max(gold, actual)):
            if index < actual:
                here = blocks[at]
                at += 1
                hypothesis[here] += 1
            order.setdefault(here)
            reference[here] += index < gold
            edits[here] += kind != "equal"
            hits[here] += kind == "equal"
    found: list[ErrorCounts] = []
    carried = ErrorCounts(edits=0, reference=0)
    for block in order:
        counts = ErrorCounts(
            edits=edits[block],
            reference=reference[block],
            hits=hits[block],
            hypothesis=hypothesis[block],
        )
        if counts.reference:
            found.append(_sum(counts, carried))
            carried = ErrorCounts(edits=0, reference=0)
        elif found:
            found[-1] = _sum(found[-1], counts)
        else:
            carried = _sum(carried, counts)
    return tuple(found)


def _sum(one: ErrorCounts, other: ErrorCounts) -> ErrorCounts:
    return ErrorCounts(
        edits=one.edits + other.edits,
        reference=one.reference + other.reference,
        hits=one.hits + other.hits,
        hypothesis=one.hypothesis + other.hypothesis,
    )


def _characters_by_block(
    comparison: Comparison, blocks: Sequence[int]
) -> tuple[ErrorCounts, ...] | None:
    from rapidfuzz.distance import Levenshtein

    gold = join_tokens(comparison.gold_tokens, comparison.rate)
    actual = join_tokens(comparison.actual_tokens, comparison.rate)
    if comparison.cer.value is None or len(gold) * len(actual) > _MAX_CELLS:
        return None

    def steps() -> Iterator[tuple[str, int, int]]:
        for op in Levenshtein.opcodes(gold, actual):
            yield op.tag, op.src_end - op.src_start, op.dest_end - op.dest_start

    spaced = comparison.rate != "cer"
    places: list[int] = []
    for token, block in zip(comparison.actual_tokens, blocks, strict=True):
        places += [block] * (len(token) + spaced)
    return _by_block(steps(), places[: len(actual)])
