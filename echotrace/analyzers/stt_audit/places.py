"""A place for every word: the transcript's own, that of an alignment, or its segment's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Finding, Severity
from echotrace.model.report import Word
from echotrace.providers.stt.segment_times import from_segments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.analyzers.stt_audit.hear import Heard
    from echotrace.audio.handle import Audio
    from echotrace.audio.vad import SpeechSpan
    from echotrace.model.report import WordError
    from echotrace.providers.stt.base import IsStopped
    from echotrace.telemetry import TelemetryCollector
    from echotrace.text.comparison import Comparison
    from echotrace.text.normalize import TextNormalizer

__all__ = ["gold_times", "in_place"]

_MAX_ALIGNED_S: Final = 1200.0
"""Twenty minutes of speech take somewhat over a minute to align."""


def in_place(
    heard: Heard,
    *,
    audio: Audio,
    channel: int,
    spans: Sequence[SpeechSpan],
    language: str,
    collector: TelemetryCollector,
    is_stopped: IsStopped,
) -> tuple[tuple[Word, ...], tuple[Finding, ...]]:
    """Return the words of a transcript with times, where there is any way to them.

    A transcript's own times are kept as they are. Without any, its text is aligned with the speech
    (English only); what that leaves out gets the times of its segment. A finding says why words
    have no place.
    """
    transcript = heard.transcript
    words = transcript.words or tuple(Word(text=text) for text in transcript.text.split())
    if not words or any(word.start_s is not None for word in words):
        return words, ()
    reason = _why_not_aligned(spans)
    if reason is None:
        from echotrace.providers.stt.sphinx_align import align_text

        aligned = align_text(
            audio,
            channel,
            spans,
            [word.text for word in words],
            collector=collector,
            is_stopped=is_stopped,
            language=language,
        )
        reason = aligned.reason
        words = tuple(
            word
            if place is None
            else Word(
                text=word.text,
                start_s=place[0],
                end_s=place[1],
                probability=word.probability,
                time_source="aligned",
            )
            for word, place in zip(words, aligned.places, strict=True)
        )
    words = from_segments(words, transcript.segments)
    if reason is None or all(word.start_s is not None for word in words):
        return words, ()
    return words, (
        Finding(
            code="WORDS_WITHOUT_PLACE",
            severity=Severity.INFO,
            message=f"the words of {heard.name} have no place on the recording: {reason}",
            hint="give a transcript with word times to see what lay under each error",
        ),
    )


def _why_not_aligned(spans: Sequence[SpeechSpan]) -> str | None:
    if not spans:
        return "no speech was found that they could be aligned with"
    speech_s = sum(span.end_s - span.start_s for span in spans)
    if speech_s > _MAX_ALIGNED_S:
        return f"aligning {speech_s / 60:.0f} minutes of speech would take minutes"
    return None


def gold_times(
    gold: str,
    compared: Comparison,
    words: Sequence[Word],
    ranges: Sequence[tuple[int, int] | None],
    errors: Sequence[WordError],
    normalizer: TextNormalizer,
) -> dict[int, float]:
    """Return when each word of the reference was said, by its index, as far as it is known.

    That of a word that was heard is its own; a wrong or missed one has the place of its error.
    """
    from echotrace.text.locate import locate

    said = gold.split()
    times: dict[int, float] = {}
    tokens = locate(said, compared.gold_tokens, normalizer)
    for token, at_s in enumerate(_token_times(compared, words, ranges, errors)):
        found = tokens[token]
        if found is None or at_s is None:
            continue
        for index in range(*found):
            times.setdefault(index, at_s)
    return times


def _token_times(
    compared: Comparison,
    words: Sequence[Word],
    ranges: Sequence[tuple[int, int] | None],
    errors: Sequence[WordError],
) -> Iterator[float | None]:
    """Yield the time of each compared word of the reference; errors come in the diff's order."""
    of_gold = iter([error for error in errors if error.op != "insert"])
    heard = 0
    for op in compared.diff:
        for index in range(len(op.gold)):
            if op.op == "equal":
                place = ranges[heard + index]
                yield words[place[0]].start_s if place is not None else None
            else:
                error = next(of_gold, None)
                yield error.start_s if error is not None else None
        heard += len(op.actual)
