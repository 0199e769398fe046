"""Runs whose truth is known: errors in bunches, clips of all lengths, calls with habits."""

import hashlib

import numpy as np

from echotrace.benchmark.compare import compare_runs
from echotrace.model.benchmark import BenchmarkRun, EngineInfo, RunHeader, RunItem
from echotrace.model.measure import RunStatus
from echotrace.model.report import Normalizer, WordCounts

SKEWS = ("gamma 0.3", "gamma 1", "gamma 3", "beta 0.3", "beta 1", "beta 5")
"""How unlike clips are: the shape of their error rates, from most skewed to nearly alike."""
LENGTHS = ("even", "long tail")


def words(rng, clips, lengths="even"):
    """Draw how many words each clip has: 4 to 35, or mostly few and some very many."""
    if lengths == "even":
        return rng.integers(4, 36, size=clips)
    return np.maximum(1, np.round(np.exp(rng.normal(2.3, 0.7, size=clips)))).astype(int)


def rates(rng, clips, mean, skew):
    """Draw the error rate of each clip; their mean over all clips there could be is ``mean``."""
    kind, shape = skew.split()
    if kind == "lost":  # half of the errors in the few clips of which so much is lost
        share = mean * 0.5 / float(shape)
        rest = mean * 0.5 / (1.0 - share)
        return np.where(rng.random(clips) < share, float(shape), rest)
    if kind == "gamma":
        return rng.gamma(float(shape), mean / float(shape), size=clips)
    return rng.beta(float(shape), float(shape) * (1.0 - mean) / mean, size=clips)


def edits(rng, rate, of_words, skew):
    """Draw the edits of each clip."""
    if skew.startswith("gamma"):
        return rng.poisson(rate * of_words)
    return rng.binomial(of_words, np.minimum(rate, 1.0))


def one_run(rng, clips, mean, skew, lengths):
    """Return rows (edits, words) of one run."""
    of_words = words(rng, clips, lengths)
    return np.stack((edits(rng, rates(rng, clips, mean, skew), of_words, skew), of_words), axis=1)


def two_runs(rng, clips, mean, skew, lengths, *, paired, factor=1.0, kept=0.0):
    """Return rows of two runs whose rates differ by ``factor``.

    When ``paired`` both hear the same clips, and ``kept`` of them come out alike, as they do where
    one engine hears a file twice.
    """
    if not paired:
        return tuple(one_run(rng, clips, mean * each, skew, lengths) for each in (1.0, factor))
    of_words = words(rng, clips, lengths)
    rate = rates(rng, clips, mean, skew)
    first = edits(rng, rate, of_words, skew)
    second = edits(rng, rate * factor, of_words, skew)
    second = np.where(rng.random(clips) < kept, first, second)
    return tuple(np.stack((each, of_words), axis=1) for each in (first, second))


def gaps(rng, calls, *, base_ms=900.0, factor=1.0, habits=None):
    """Return the heard gaps of each call: 4 to 9 turns, each call with a habit of its own."""
    habits = rng.normal(0.0, 0.2, size=calls) if habits is None else habits
    return [
        (
            base_ms * factor * np.exp(habit + rng.normal(0.0, 0.35, size=rng.integers(4, 10)))
        ).tolist()
        for habit in habits
    ]


def two_of_calls(rng, calls, *, paired, factor=1.0):
    """Return the heard gaps of two runs; when ``paired`` the calls keep their habits."""
    habits = rng.normal(0.0, 0.2, size=calls) if paired else None
    return (
        gaps(rng, calls, habits=habits),
        gaps(rng, calls, habits=habits, factor=factor),
    )


def header(items, engine="simulated", run="a"):
    """Return the header of a simulated run."""
    return RunHeader(
        run_id=run,
        created_at="2026-11-20T09:30:00Z",
        plan_sha256="ab" * 32,
        items=items,
        clips=items,
        engines=(EngineInfo(name=engine),),
    )


def run_items(rng, rows, *, gaps_of=None, run="", engine="simulated"):
    """Return items with these edits and words, entities heard as often as words are, some gaps."""
    items = []
    for at, (wrong, said) in enumerate(rows.tolist()):
        substituted = min(wrong, said)
        clip = f"{run}clip-{at:04}"
        entities = int(rng.integers(0, 4))
        items.append(
            RunItem(
                clip=clip,
                engine=engine,
                audio=f"{clip}.wav",
                sha256=hashlib.sha256(clip.encode()).hexdigest(),
                counts=WordCounts(
                    reference_words=said,
                    hypothesis_words=said + wrong - substituted,
                    hits=said - substituted,
                    substitutions=substituted,
                    deletions=0,
                    insertions=wrong - substituted,
                ),
                normalizer=Normalizer(name="whisper-en", version="1"),
                hallucinated_words=int(rng.poisson(0.3)),
                entities_said=entities,
                entities_found=int(rng.binomial(entities, 0.85)),
                is_call=gaps_of is not None,
                heard_gaps_ms=() if gaps_of is None else tuple(gaps_of[at]),
                audio_s=said / 2.5,
                inference_ms=said * 40.0,
            )
        )
    return tuple(items)


def run_of(items, engine="simulated"):
    """Return a run of these items without its summary: all that a comparison reads."""
    return BenchmarkRun(
        header=header(len(items), engine),
        status=RunStatus.COMPLETE,
        cells=(),
        llm_cells=(),
        frontiers=(),
        worst=(),
        items=items,
    )


def compared(rng, clips, *, paired, factor=1.0, mean=0.12, skew="gamma 1", calls=True):
    """Compare two simulated runs; nothing has changed where ``factor`` is 1."""
    rows = two_runs(rng, clips, mean, skew, "even", paired=paired, factor=factor)
    waits = two_of_calls(rng, clips, paired=paired) if calls else (None, None)
    runs = [
        run_of(run_items(rng, rows[at], gaps_of=waits[at], run="" if paired else str(at)))
        for at in (0, 1)
    ]
    return compare_runs(*runs, a_name="a", b_name="b")
