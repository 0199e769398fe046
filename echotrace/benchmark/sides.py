"""What of two runs is compared with what: engines with engines, and clips with clips."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.benchmark.rows import by_clip, plain_condition, reference_of
from echotrace.stats.ratios import MIN_UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from echotrace.model.benchmark import BenchmarkRun, RunItem


__all__ = ["Clips", "Sides", "calls_of", "engine_pairs", "engines_of", "same_clips", "sides_of"]


Clips = dict[str, "tuple[RunItem, ...]"]
"""Items with a result, by clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The clips of one engine, or of two, that are compared; of pairs both have the same keys.

    ``unlike`` says why the two do not count the same words, ``lost`` that B has no result where A
    has one, ``unpaired_why`` why clips are not paired, ``shared`` why
    their times cannot be compared.
    """

    subject: str
    a: Clips
    b: Clips
    paired: bool
    unlike: str = ""
    lost: str = ""
    unpaired_why: str = ""
    shared: str = ""

    @property
    def n(self) -> int:
        """How many clips there are, on the smaller side."""
        return min(len(self.a), len(self.b))


def engines_of(run: BenchmarkRun, kind: str) -> list[str]:
    """Return the engines of a kind (stt or llm) that the run has items of, in its order."""
    named = [engine.name for engine in run.header.engines if engine.kind == kind]
    wanted = "llm" if kind == "llm" else "clip"
    there = {item.engine: None for item in run.items if item.kind == wanted}
    return [name for name in named if name in there] + [n for n in there if n not in named]


def engine_pairs(a: BenchmarkRun, b: BenchmarkRun, kind: str) -> list[tuple[str, str]]:
    """Return which engine is compared with which: those of one name, or the only one of each."""
    one, other = engines_of(a, kind), engines_of(b, kind)
    same = [(name, name) for name in one if name in other]
    if same or len(one) != 1 or len(other) != 1:
        return same
    return [(one[0], other[0])]


def sides_of(a: BenchmarkRun, b: BenchmarkRun, engines: tuple[str, str]) -> Sides:
    """Return the clips of an engine that are compared."""
    items = [
        [item for item in run.items if item.kind == "clip" and item.engine == engine]
        for run, engine in zip((a, b), engines, strict=True)
    ]
    one, other = by_clip(items[0]), by_clip(items[1])
    subject = engines[0] if engines[0] == engines[1] else f"{engines[0]} -> {engines[1]}"
    same, why = same_clips(one, other)
    lost = _lost(one, other, items[1], b.missing)
    if not why:
        one = {clip: one[clip] for clip in same}
        other = {clip: other[clip] for clip in same}
    return Sides(
        subject=subject,
        a=one,
        b=other,
        paired=not why,
        unlike=_unlike_pairs(one, other) if not why else _unlike_samples(one, other),
        lost=lost,
        unpaired_why=why,
        shared=_shared(a, b),
    )


def _shared(a: BenchmarkRun, b: BenchmarkRun) -> str:
    jobs = [run.header.settings.get("jobs", 1) for run in (a, b)]
    return "" if jobs == [1, 1] else f"{jobs[0]} and {jobs[1]} workers shared their machine's cores"


def same_clips(a: Clips, b: Clips) -> tuple[list[str], str]:
    """Return the clips of both by id and contents, and why they do not make pairs, if they don't.

    A few clips in common are no pairs where the two runs have many others.
    """
    named = [clip for clip in a if clip in b]
    same = [clip for clip in named if a[clip][0].sha256 == b[clip][0].sha256]
    if len(same) >= MIN_UNITS or (same and max(len(a), len(b)) == len(same)):
        return same, ""
    if len(same) < len(named):
        return [], f"{len(named) - len(same)} clips of one name hold different recordings"
    if same:
        return [], f"the two have only {len(same)} clips in common"
    return [], "the two have no clip in common"


def _lost(a: Clips, b: Clips, items: Sequence[RunItem], missing: int) -> str:
    failed = {item.clip for item in items if item.status != "ok"} - b.keys()
    worse = failed & a.keys()
    if worse:
        return f"{len(worse)} clips have a result in A and failed in B"
    if missing and any(clip not in b for clip in a):
        return f"B was stopped: {missing} of its items are missing"
    return ""


def _unlike_pairs(a: Clips, b: Clips) -> str:
    if told := _unlike_rules(a, b):
        return told
    other = sum(
        not _same_reference(one, two)
        for clip in a
        for one, two in zip(a[clip], b[clip], strict=False)
    )
    return f"{other} clips were compared with another reference" if other else ""


def _same_reference(one: RunItem, other: RunItem) -> bool:
    if one.diff and other.diff:
        return reference_of(one) == reference_of(other)
    if one.counts is None or other.counts is None:
        return True
    return one.counts.reference_words == other.counts.reference_words


def _unlike_samples(a: Clips, b: Clips) -> str:
    if told := _unlike_rules(a, b):
        return told
    one, other = ({plain_condition(item[0].condition) for item in side.values()} for side in (a, b))
    if one != other:
        return "the clips of the two stand under different conditions"
    return ""


def _unlike_rules(a: Clips, b: Clips) -> str:
    rules = [
        {item.normalizer for each in side.values() for item in each if item.normalizer}
        for side in (a, b)
    ]
    if rules[0] and rules[1] and rules[0] != rules[1]:
        return "the words of the two were normalised in different ways"
    return ""


def calls_of(run: BenchmarkRun) -> Mapping[str, tuple[RunItem, ...]]:
    """Return the calls of a run, each once: its turns are the same whichever engine reads it."""
    found: defaultdict[str, tuple[RunItem, ...]] = defaultdict(tuple)
    for item in run.items:
        if item.kind == "clip" and item.status == "ok" and item.is_call:
            found[item.clip] = found[item.clip] or (item,)
    return dict(found)
