"""Reference against transcript: the error rates as measurements, the counts and the diff.

WER = (S + D + I) / N with N reference words, a ratio that can exceed 1. MER = (S + D + I) /
(H + S + D + I), WIL = 1 - (H/N)(H/P) with P transcript words (Morris et al. 2004), CER = character
edits / reference characters, spaces counted. One recording is one sample: ``pool.with_interval``
gives an interval when it has enough segments.

Han, Kana, Thai, Lao, Khmer and Burmese are written without spaces: there CER leads, counted without
spaces, and the figures by word are estimates, because a "word" is whatever stands between spaces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.model.measure import Measurement
from echotrace.model.report import DiffOp
from echotrace.text.align import align_words, aligned_alike, character_errors, word_errors
from echotrace.text.comparison import UNIT, Comparison, not_compared, without_rates
from echotrace.text.normalize import TextNormalizer, normalizer_for, raw_tokens
from echotrace.text.scripts import writes_without_spaces

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Comparison", "compare", "join_tokens", "not_compared"]

_UNSPACED = "the script puts no spaces between words"
_MAX_CHARACTERS = 2_000_000
_MAX_WORDS = 250_000
"""More than a day of speech; every word can become an error, with its own place and causes."""
_MAX_WORD_PAIRS = 10_000_000_000
_MAX_CHARACTER_PAIRS = 50_000_000_000


def compare(
    reference: str,
    hypothesis: str,
    *,
    language: str = "en",
    normalizer: str = "auto",
    doubt: str | None = None,
) -> Comparison:
    """Compare two texts.

    Args:
        reference: what was said.
        hypothesis: what was heard.
        language: decides what the normaliser ``auto`` is.
        normalizer: a name that ``normalizer_for`` knows.
        doubt: why the figures are only estimates; None means that they are measured.
    """
    longest = max(len(reference), len(hypothesis))
    if longest > _MAX_CHARACTERS:
        return not_compared(
            f"a text of {longest:,} characters is too long to compare (at most {_MAX_CHARACTERS:,})"
        )
    rules = normalizer_for(language, normalizer)
    gold, actual = rules(reference), rules(hypothesis)
    most = max(len(gold), len(actual))
    if most > _MAX_WORDS:
        return not_compared(
            f"a text of {most:,} words is too long to compare (at most {_MAX_WORDS:,})"
        )
    unspaced = writes_without_spaces("".join(gold or actual))
    rate = "cer" if unspaced else "wer"
    if not gold:
        return without_rates(
            "the reference holds no words",
            normalizer=rules.info,
            counts=align_words(gold, actual).counts,
            hallucinated_words=len(actual),
            diff=(DiffOp(op="insert", actual=tuple(actual)),) if actual else (),
            rate=rate,
            actual_tokens=tuple(actual),
        )
    if len(gold) * len(actual) > _MAX_WORD_PAIRS:
        return not_compared(
            f"{len(gold):,} reference words against {len(actual):,} are too many to align"
        )
    aligned, actual = (
        aligned_alike(gold, actual) if rules.regroups else (align_words(gold, actual), actual)
    )
    name = _method(rules)
    by_word = (doubt or _UNSPACED) if unspaced else doubt
    gold_text, actual_text = join_tokens(gold, rate), join_tokens(actual, rate)
    edits = _character_edits(gold_text, actual_text)
    return Comparison(
        wer=_rate(aligned.wer, f"WER, {name}", by_word),
        cer=Measurement.not_measurable(UNIT, "the texts are too long to align by character")
        if edits is None
        else _rate(
            edits / len(gold_text), f"CER{', spaces left out' if unspaced else ''}, {name}", doubt
        ),
        mer=_rate(aligned.mer, f"MER, {name}", by_word),
        wil=_rate(aligned.wil, f"WIL, {name}", by_word),
        wer_raw=_raw(reference, hypothesis, by_word),
        normalizer=rules.info,
        counts=aligned.counts,
        diff=aligned.diff,
        rate=rate,
        gold_tokens=tuple(gold),
        actual_tokens=tuple(actual),
        character_edits=edits,
        reference_characters=None if edits is None else len(gold_text),
    )


def join_tokens(tokens: Sequence[str], rate: str) -> str:
    """Return the text whose characters are counted: with spaces, but none where CER leads."""
    return ("" if rate == "cer" else " ").join(tokens)


def _method(normalizer: TextNormalizer) -> str:
    info = normalizer.info
    return f"{info.name} {info.version}; one recording, so no interval"


def _rate(value: float, method: str, doubt: str | None) -> Measurement:
    if doubt is not None:
        return Measurement.estimated(value, UNIT, reason=doubt, method=method, n=1)
    return Measurement.measured(value, UNIT, method=method, n=1)


def _character_edits(gold: str, actual: str) -> int | None:
    if len(gold) * len(actual) > _MAX_CHARACTER_PAIRS:
        return None
    return character_errors(gold, actual)


def _raw(reference: str, hypothesis: str, doubt: str | None) -> Measurement:
    gold, actual = raw_tokens(reference), raw_tokens(hypothesis)
    if len(gold) * len(actual) > _MAX_WORD_PAIRS:
        return Measurement.not_measurable(UNIT, "the texts are too long to align as they stand")
    rate = word_errors(gold, actual) / len(gold)
    return _rate(rate, "WER on the text as it stands (NFC); one recording, so no interval", doubt)
