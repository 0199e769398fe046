"""The items of a run in the shape that statistics take: one row per clip, whatever its repeats.

A clip that was heard three times is still one clip: its repeats are added up, and it is the clip
that is drawn again and again. So it is with one recording under ten noises: where each text stands
under each condition at most once, its clips are one unit, as what is hard to hear in one of them is
hard in all.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from echotrace.text.pool import ErrorCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from echotrace.model.benchmark import ClipCondition, RunItem

__all__ = [
    "by_clip",
    "condition_order",
    "entity_row",
    "errors_of",
    "made_up_row",
    "once",
    "plain_condition",
    "reference_of",
    "summed",
    "time_row",
    "total",
    "units",
]


def once(items: Iterable[RunItem]) -> tuple[RunItem, ...]:
    """Return the items with one for each key, the last that was written, in their first order."""
    found: dict[object, RunItem] = {}
    for item in items:
        found[item.key] = item
    return tuple(found.values())


def by_clip(items: Iterable[RunItem]) -> dict[str, tuple[RunItem, ...]]:
    """Return the items with a result, by clip."""
    found: defaultdict[str, list[RunItem]] = defaultdict(list)
    for item in items:
        if item.status == "ok":
            found[item.clip].append(item)
    return {clip: tuple(each) for clip, each in found.items()}


def errors_of(repeats: Sequence[RunItem]) -> ErrorCounts | None:
    """Add up the words of a clip's repeats; None where none was compared with a reference."""
    found = [item.counts for item in repeats if item.counts and item.counts.reference_words]
    return total([ErrorCounts.of_words(each) for each in found]) if found else None


def total(counts: Sequence[ErrorCounts]) -> ErrorCounts:
    """Add up counts."""
    return ErrorCounts(
        edits=sum(each.edits for each in counts),
        reference=sum(each.reference for each in counts),
        hits=sum(each.hits for each in counts),
        hypothesis=sum(each.hypothesis for each in counts),
    )


def entity_row(repeats: Sequence[RunItem]) -> tuple[float, float] | None:
    """Return (found, said) over a clip's repeats; None where no entity was said."""
    said = sum(item.entities_said or 0 for item in repeats)
    return (float(sum(item.entities_found or 0 for item in repeats)), float(said)) if said else None


def made_up_row(repeats: Sequence[RunItem]) -> tuple[float, float] | None:
    """Return (words made up per repeat, 1); None where that was not looked for."""
    found = [item.hallucinated_words for item in repeats if item.hallucinated_words is not None]
    return (sum(found) / len(found), 1.0) if found else None


def time_row(repeats: Sequence[RunItem]) -> tuple[float, float] | None:
    """Return (inference, audio) in seconds, without what came from the cache."""
    found = [
        (item.inference_ms / 1000.0, item.audio_s)
        for item in repeats
        if item.inference_ms is not None and item.audio_s and not item.cached
    ]
    if not found:
        return None
    return sum(spent for spent, _ in found), sum(audio for _, audio in found)


def plain_condition(condition: ClipCondition) -> ClipCondition:
    """Return the condition with a loss or a reverberation of 0 as none at all."""
    if condition.packet_loss_percent == 0 or condition.reverb_s == 0:
        return replace(
            condition,
            packet_loss_percent=condition.packet_loss_percent or None,
            reverb_s=condition.reverb_s or None,
        )
    return condition


def condition_order(condition: ClipCondition) -> tuple[str, float, str, float, float]:
    """Return a key: clean first, then by noise with its SNR falling, codec, loss, reverberation."""
    return (
        condition.noise or "",
        float("-inf") if condition.snr_db is None else -condition.snr_db,
        condition.codec or "",
        condition.packet_loss_percent or 0.0,
        condition.reverb_s or 0.0,
    )


def reference_of(item: RunItem) -> tuple[str, ...]:
    """Return the words of the reference as they were compared; none where there is no diff."""
    return tuple(word for op in item.diff for word in op.gold)


def units(clips: Mapping[str, Sequence[RunItem]]) -> list[tuple[str, ...]]:
    """Return which clips belong together, as recordings of one text under several conditions."""
    by_text: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for clip, repeats in clips.items():
        by_text[reference_of(repeats[0])].append(clip)
    found: list[tuple[str, ...]] = []
    for text, names in by_text.items():
        conditions = {plain_condition(clips[name][0].condition) for name in names}
        if text and len(conditions) == len(names):
            found.append(tuple(names))
        else:
            found += [(name,) for name in names]
    return found


def summed(
    grouped: Iterable[Sequence[str]],
    clips: Mapping[str, Sequence[RunItem]],
    row_of: Callable[[Sequence[RunItem]], tuple[float, float] | None],
) -> list[tuple[float, float]]:
    """Return one row per unit, the sum of its clips' rows; a unit without any is left out."""
    found = []
    for names in grouped:
        rows = [row for row in (row_of(clips[name]) for name in names) if row is not None]
        if rows:
            found.append((sum(row[0] for row in rows), sum(row[1] for row in rows)))
    return found
