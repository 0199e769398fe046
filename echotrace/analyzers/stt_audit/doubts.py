"""What makes an audit doubtful: a reference, a transcript or a cache that does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.model.measure import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.text.comparison import Comparison
    from echotrace.text.transcript_file import TranscriptFile

__all__ = [
    "cache_troubles",
    "foreign_reference",
    "odd_transcript",
    "overlong_transcript",
    "same_engine",
]

_MAX_WORDS_PER_S = 7.0
"""Faster than anybody speaks: auctioneers and sports commentators reach about 6 a second."""
_SPARE_WORDS = 5
_MAX_CHARACTERS_PER_S = 45.0
_MAX_SYLLABLES_PER_S = 15.0
"""Signs of scripts without spaces; each is about a syllable, and 10 a second is fast speech."""
_SPARE_CHARACTERS = 40
_SPARE_DIFFERENCES = 2
_MAX_DIFFERENCES = 0.2
"""Share of words: engines write numbers and names otherwise in the text than in the list."""
_UNLIKE_RATE = 0.9
"""Above this share of wrong words a transcript and a reference have hardly a word in common."""
_UNLIKE_WORDS = 20
"""Fewer words may differ by chance or by an accent; no reference is doubted for them."""


def cache_troubles(troubles: Sequence[str]) -> Iterator[Finding]:
    """Say why a transcript was not kept."""
    for told in troubles:
        yield Finding(
            code="CACHE_TROUBLE",
            severity=Severity.INFO,
            message=f"the transcript was not kept: {told}",
            hint="--no-cache does without; XDG_CACHE_HOME names another folder",
        )


def foreign_reference(text: str, compared: Comparison, duration_s: float) -> tuple[Finding, ...]:
    """Doubt a reference that is too long for the recording or has hardly a word of it."""
    counts = compared.counts
    words = counts.reference_words if counts else len(text.split())
    signs = sum(not sign.isspace() for sign in text)
    fastest = _MAX_SYLLABLES_PER_S if compared.rate == "cer" else _MAX_CHARACTERS_PER_S
    if words > _MAX_WORDS_PER_S * duration_s + _SPARE_WORDS:
        said = f"the reference has {words:,} words"
    elif signs > fastest * duration_s + _SPARE_CHARACTERS:
        said = f"the reference has {signs:,} characters"
    elif _is_unlike(compared):
        said = ""
    else:
        return ()
    message = f"{said}, more than anybody says in {duration_s:.1f} s"
    if not said:
        rate = compared.cer if compared.rate == "cer" else compared.wer
        message = f"hardly anything of the reference was heard: {compared.rate.upper()} "
        message += f"{100.0 * (rate.value or 0.0):.0f} %"
    return (
        Finding(
            code="REFERENCE_MISMATCH",
            severity=Severity.WARNING,
            message=message,
            hint="check that it belongs to this recording, to this channel and part of it",
        ),
    )


def odd_transcript(file: TranscriptFile) -> tuple[Finding, ...]:
    """Doubt a file without any word, and one whose words are not those of its text."""
    if not file.text.strip() and not file.words:
        return (
            Finding(
                code="TRANSCRIPT_EMPTY",
                severity=Severity.WARNING,
                message=f"{file.name} holds no words: all that was said counts as missed",
                hint="check that the pipeline wrote its text there",
            ),
        )
    told, listed = (_plain(text) for text in (file.text, " ".join(w.text for w in file.words)))
    if not listed or listed == told:
        return ()
    from echotrace.text.align import align_words

    counts = align_words(told, listed).counts
    other = counts.substitutions + max(counts.deletions, counts.insertions)
    if other <= max(_SPARE_DIFFERENCES, _MAX_DIFFERENCES * len(told)):
        return ()
    return (
        Finding(
            code="TRANSCRIPT_WORDS_DIFFER",
            severity=Severity.WARNING,
            message=f"{other:,} words in the text of {file.name} differ from its list of words; "
            "the text is compared, and places come from the list",
            hint="leave out the text, or the words",
        ),
    )


def _plain(text: str) -> list[str]:
    letters = "".join(sign if sign.isalnum() else " " for sign in text.lower())
    return letters.split()


def overlong_transcript(name: str, actual: str, duration_s: float) -> tuple[Finding, ...]:
    """Doubt a transcript that holds more than anybody can say in this time."""
    words, signs = len(actual.split()), sum(not sign.isspace() for sign in actual)
    if words <= 2 * (_MAX_WORDS_PER_S * duration_s + _SPARE_WORDS) and signs <= 2 * (
        _MAX_CHARACTERS_PER_S * duration_s + _SPARE_CHARACTERS
    ):
        return ()
    return (
        Finding(
            code="TRANSCRIPT_MISMATCH",
            severity=Severity.WARNING,
            message=f"{name} has {words:,} words, more than anybody says in {duration_s:.1f} s; "
            "its errors are not placed",
            hint="check that it belongs to this recording, and to this part of it",
        ),
    )


def _is_unlike(compared: Comparison) -> bool:
    counts, cer = compared.counts, compared.cer.value
    if compared.rate == "cer":
        heard = min(len("".join(compared.gold_tokens)), len("".join(compared.actual_tokens)))
        return cer is not None and cer > _UNLIKE_RATE and heard >= _UNLIKE_WORDS
    if counts is None or min(counts.reference_words, counts.hypothesis_words) < _UNLIKE_WORDS:
        return False
    return counts.hits < (1.0 - _UNLIKE_RATE) * counts.reference_words


def same_engine(name: str) -> Finding:
    """Warn that an engine is held against itself."""
    return Finding(
        code="GOLD_SAME_ENGINE",
        severity=Severity.WARNING,
        message=f"{name} is compared with itself, which shows nothing",
        hint="--gold takes a better engine than --stt",
    )
