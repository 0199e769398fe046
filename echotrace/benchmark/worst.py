"""The clips that an engine got most wrong, and the calls whose callers waited longest."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from echotrace.benchmark.rows import by_clip, errors_of
from echotrace.model.benchmark import WorstClip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from echotrace.model.benchmark import RunItem

__all__ = ["MOST", "worst_clips"]

MOST: Final = 20


def worst_clips(of_engines: Mapping[str, Sequence[RunItem]]) -> tuple[WorstClip, ...]:
    """Return at most 20 clips, the worst first; calls and words in turn where there are both.

    Clips are ordered by how many errors they have above what the engine makes of so many words on
    average: the WER alone would put clips of one word first, and their errors alone the longest.
    """
    waits, words = _waits(of_engines), _words(of_engines)
    in_turn = [clip for pair in zip_longest(waits, words) for clip in pair if clip is not None]
    return tuple(in_turn[:MOST])


def _waits(of_engines: Mapping[str, Sequence[RunItem]]) -> list[WorstClip]:
    """Return one entry for each call: its turns are the same whichever engine reads it."""
    found: dict[str, WorstClip] = {}
    for engine, items in of_engines.items():
        for clip, repeats in by_clip(items).items():
            gaps = [gap for item in repeats for gap in item.heard_gaps_ms]
            if gaps and clip not in found:
                why = "the longest wait for an answer"
                found[clip] = _entry(clip, engine, repeats, why, max(gaps))
    return sorted(found.values(), key=lambda each: (-(each.worst_heard_gap_ms or 0.0), each.clip))


def _words(of_engines: Mapping[str, Sequence[RunItem]]) -> list[WorstClip]:
    found: list[tuple[float, WorstClip]] = []
    for engine, items in of_engines.items():
        clips = by_clip(items)
        counts = {clip: errors_of(repeats) for clip, repeats in clips.items()}
        known = [each for each in counts.values() if each is not None]
        said = sum(each.reference for each in known)
        rate = sum(each.edits for each in known) / said if said else 0.0
        for clip, each in counts.items():
            if each is None or not each.edits:
                continue
            repeats = clips[clip]
            above = (each.edits - rate * each.reference) / len(repeats)
            if above > 0.0 or each.edits >= each.reference:
                more = "more" if above >= 0.0 else "fewer"
                why = f"{abs(above):.1f} errors {more} than the engine's average"
                found.append((above, _entry(clip, engine, repeats, why, None)))
    found.sort(key=lambda pair: (-pair[0], pair[1].clip, pair[1].engine))
    return [entry for _, entry in found]


def _entry(
    clip: str, engine: str, repeats: Sequence[RunItem], why: str, gap: float | None
) -> WorstClip:
    counts, first = errors_of(repeats), repeats[0]
    times = sum(1 for item in repeats if item.counts and item.counts.reference_words) or 1
    if gap is None:
        gap = max(first.heard_gaps_ms, default=None)
    return WorstClip(
        clip=clip,
        engine=engine,
        condition=first.condition,
        why=why if times == 1 else f"{why}, over {times} repeats",
        wer=None if counts is None else counts.edits / counts.reference,
        edits=None if counts is None else counts.edits,
        words=None if counts is None else counts.reference,
        worst_heard_gap_ms=gap,
        audio=first.audio,
    )
