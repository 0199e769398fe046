"""The clips whose errors changed most between two runs, with both diffs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from echotrace.benchmark.rows import plain_condition, reference_of
from echotrace.model.benchmark import MovedClip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from echotrace.model.benchmark import RunItem
    from echotrace.model.report import WordCounts

__all__ = ["MOST", "moved_clips", "strongest"]

MOST: Final = 20


def moved_clips(
    subject: str,
    a: Mapping[str, Sequence[RunItem]],
    b: Mapping[str, Sequence[RunItem]],
) -> list[MovedClip]:
    """Return every clip of both whose number of errors changed; of repeats the first is told."""
    found = []
    for clip in a.keys() & b.keys():
        one, other = a[clip][0], b[clip][0]
        if one.counts is None or other.counts is None or not one.counts.reference_words:
            continue
        if reference_of(one) != reference_of(other):
            continue
        before, after = _edits(one.counts), _edits(other.counts)
        if before != after:
            found.append(
                MovedClip(
                    clip=clip,
                    subject=subject,
                    condition=plain_condition(one.condition),
                    edits_a=before,
                    edits_b=after,
                    words=one.counts.reference_words,
                    diff_a=one.diff,
                    diff_b=other.diff,
                )
            )
    return found


def strongest(moved: Sequence[MovedClip]) -> tuple[MovedClip, ...]:
    """Return the 20 that moved furthest, from the one that got worst to the one that gained."""
    furthest = sorted(moved, key=lambda each: (-abs(_change(each)), each.clip, each.subject))
    return tuple(
        sorted(furthest[:MOST], key=lambda each: (-_change(each), each.clip, each.subject))
    )


def _change(moved: MovedClip) -> int:
    return moved.edits_b - moved.edits_a


def _edits(counts: WordCounts) -> int:
    return counts.substitutions + counts.deletions + counts.insertions
