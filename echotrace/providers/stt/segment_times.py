"""Times for words whose transcript knows the times of its segments only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echotrace.text.align import align_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.report import TranscriptSegment, Word

__all__ = ["from_segments"]


def from_segments(words: Sequence[Word], segments: Sequence[TranscriptSegment]) -> tuple[Word, ...]:
    """Give each word without times those of the segment that it stands in.

    The words and the segments tell the same text, or nearly: they are aligned, and a word that no
    segment holds stays without times unless the words on both sides are of one segment. Such a word
    has ``time_source`` "segment"; words with times stay as they are.
    """
    said = [(token, index) for index, item in enumerate(segments) for token in item.text.split()]
    if not said or all(word.start_s is not None for word in words):
        return tuple(words)
    written = [(token, index) for index, word in enumerate(words) for token in word.text.split()]
    return tuple(
        word if segment is None or word.start_s is not None else _placed(word, segments[segment])
        for word, segment in zip(words, _segment_of(written, said, len(words)), strict=True)
    )


def _segment_of(
    written: Sequence[tuple[str, int]], said: Sequence[tuple[str, int]], count: int
) -> list[int | None]:
    """Return the index of the segment of each word."""
    found: list[int | None] = [None] * count
    at = other = 0
    aligned = align_words(
        [token.casefold() for token, _ in written], [token.casefold() for token, _ in said]
    )
    for op in aligned.diff:
        if op.op in ("equal", "substitute"):
            for step in range(len(op.gold)):
                word = written[at + step][1]
                if found[word] is None:
                    found[word] = said[other + step][1]
        at += len(op.gold)
        other += len(op.actual)
    return _between(found)


def _between(found: Sequence[int | None]) -> list[int | None]:
    """Fill what lies between two words of one segment."""
    following: list[int | None] = [*found, None]
    for index in range(len(found) - 1, -1, -1):
        following[index] = found[index] if found[index] is not None else following[index + 1]
    filled: list[int | None] = []
    before: int | None = None
    for index, segment in enumerate(found):
        if segment is not None:
            before = segment
        filled.append(before if before == following[index] else segment)
    return filled


def _placed(word: Word, segment: TranscriptSegment) -> Word:
    if segment.start_s is None or segment.end_s is None:
        return word
    return replace(word, start_s=segment.start_s, end_s=segment.end_s, time_source="segment")
