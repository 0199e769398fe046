"""Reference against transcript: the error rates as measurements, the counts and the diff.

WER = (S + D + I) / N with N reference words, a ratio that can exceed 1. MER = (S + D + I) /
(H + S + D + I), WIL = 1 - (H/N)(H/P) with P transcript words (Morris et al. 2004), CER = character
edits / reference characters, spaces counted. One recording is one sample: no interval is given.
"""

from __future__ import annotations

from dataclasses import dataclass

from echotrace.model.measure import Measurement
from echotrace.model.report import DiffOp, Normalizer, WordCounts
from echotrace.text.align import align_words, character_errors
from echotrace.text.normalize import TextNormalizer, normalizer_for, raw_tokens

__all__ = ["Comparison", "compare", "not_compared"]

_UNIT = "ratio"
_MAX_CHARACTERS = 2_000_000
_MAX_WORD_PAIRS = 10_000_000_000
_MAX_CHARACTER_PAIRS = 50_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The figures of one comparison; ``counts`` is None when nothing was compared.

    ``hallucinated_words`` counts the transcript's words when the reference holds none, else None.
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


def not_compared(reason: str) -> Comparison:
    """Return a comparison without any figure, for a run that has no reference."""
    return _without_rates(reason)


def compare(
    reference: str, hypothesis: str, *, language: str = "en", doubt: str | None = None
) -> Comparison:
    """Compare two texts.

    Args:
        reference: what was said.
        hypothesis: what was heard.
        language: decides the normaliser.
        doubt: why the figures are only estimates; None means that they are measured.
    """
    longest = max(len(reference), len(hypothesis))
    if longest > _MAX_CHARACTERS:
        return not_compared(
            f"a text of {longest:,} characters is too long to compare (at most {_MAX_CHARACTERS:,})"
        )
    normalizer = normalizer_for(language)
    gold, actual = normalizer(reference), normalizer(hypothesis)
    if not gold:
        return _without_rates(
            "the reference holds no words",
            normalizer=normalizer.info,
            counts=align_words(gold, actual).counts,
            hallucinated_words=len(actual),
            diff=(DiffOp(op="insert", actual=tuple(actual)),) if actual else (),
        )
    if len(gold) * len(actual) > _MAX_WORD_PAIRS:
        return not_compared(
            f"{len(gold):,} reference words against {len(actual):,} are too many to align"
        )
    aligned = align_words(gold, actual)
    name = _method(normalizer)
    return Comparison(
        wer=_rate(aligned.wer, f"WER, {name}", doubt),
        cer=_cer(" ".join(gold), " ".join(actual), f"CER, {name}", doubt),
        mer=_rate(aligned.mer, f"MER, {name}", doubt),
        wil=_rate(aligned.wil, f"WIL, {name}", doubt),
        wer_raw=_raw(reference, hypothesis, doubt),
        normalizer=normalizer.info,
        counts=aligned.counts,
        diff=aligned.diff,
    )


def _method(normalizer: TextNormalizer) -> str:
    info = normalizer.info
    return f"{info.name} {info.version}; one recording, so no interval"


def _rate(value: float, method: str, doubt: str | None) -> Measurement:
    if doubt is not None:
        return Measurement.estimated(value, _UNIT, reason=doubt, method=method, n=1)
    return Measurement.measured(value, _UNIT, method=method, n=1)


def _cer(gold: str, actual: str, method: str, doubt: str | None) -> Measurement:
    if len(gold) * len(actual) > _MAX_CHARACTER_PAIRS:
        return Measurement.not_measurable(_UNIT, "the texts are too long to align by character")
    return _rate(character_errors(gold, actual) / len(gold), method, doubt)


def _raw(reference: str, hypothesis: str, doubt: str | None) -> Measurement:
    gold, actual = raw_tokens(reference), raw_tokens(hypothesis)
    if len(gold) * len(actual) > _MAX_WORD_PAIRS:
        return Measurement.not_measurable(_UNIT, "the texts are too long to align as they stand")
    rate = align_words(gold, actual).wer
    return _rate(rate, "WER on the text as it stands (NFC); one recording, so no interval", doubt)


def _without_rates(
    reason: str,
    *,
    normalizer: Normalizer | None = None,
    counts: WordCounts | None = None,
    hallucinated_words: int | None = None,
    diff: tuple[DiffOp, ...] = (),
) -> Comparison:
    missing = Measurement.not_measurable(_UNIT, reason)
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
    )
