"""The figures of one comparison of texts, or why there are none; light to import."""

from __future__ import annotations

from dataclasses import dataclass

from echotrace.model.measure import Measurement
from echotrace.model.report import DiffOp, Normalizer, WordCounts

__all__ = ["UNIT", "Comparison", "not_compared", "without_rates"]

UNIT = "ratio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The figures of one comparison; ``counts`` is None when nothing was compared.

    ``rate`` says which of WER and CER leads. ``hallucinated_words`` counts the transcript's words
    when the reference holds none, else None. ``gold_tokens`` and ``actual_tokens`` are the words
    that were aligned; ``diff`` replays to them. ``character_edits`` are those of ``cer`` over
    ``reference_characters``, None where it was not measured.
    """

    wer: Measurement
    cer: Measurement
    mer: Measurement
    wil: Measurement
    wer_raw: Measurement
    normalizer: Normalizer | None = None
    counts: WordCounts | None = None
    hallucinated_words: int | None = None
    diff: tuple[DiffOp, ...] = ()
    rate: str = "wer"
    gold_tokens: tuple[str, ...] = ()
    actual_tokens: tuple[str, ...] = ()
    character_edits: int | None = None
    reference_characters: int | None = None


def not_compared(reason: str) -> Comparison:
    """Return a comparison without any figure, for a run that has no reference."""
    return without_rates(reason)


def without_rates(
    reason: str,
    *,
    normalizer: Normalizer | None = None,
    counts: WordCounts | None = None,
    hallucinated_words: int | None = None,
    diff: tuple[DiffOp, ...] = (),
    rate: str = "wer",
    actual_tokens: tuple[str, ...] = (),
) -> Comparison:
    """Return a comparison whose error rates are not measurable, with what is known all the same."""
    missing = Measurement.not_measurable(UNIT, reason)
    return Comparison(
        wer=missing,
        cer=missing,
        mer=missing,
        wil=missing,
        wer_raw=missing,
        normalizer=normalizer,
        counts=counts,
        hallucinated_words=hallucinated_words,
        diff=diff,
        rate=rate,
        actual_tokens=actual_tokens,
    )
