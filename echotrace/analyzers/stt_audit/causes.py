"""Why a word may be wrong: hypotheses from what lay under it, each with its evidence.

A cause of the signal stands before the engine's own doubt, which says something about the model.
"model" is what is left: nothing that is measured in the signal explains the error. It is never
strong, because not all is measured: another voice on the same channel is not seen, nor a noise that
hides only a part of a word, nor a piece of a word that was replaced by soft noise.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from echotrace.audio.local_snr import LOWEST_DB
from echotrace.model.report import Cause, CauseCount

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from echotrace.analyzers.stt_audit.evidence import Evidence, Under
    from echotrace.model.report import Word, WordError

__all__ = ["MODEL", "UNKNOWN", "count_causes", "explain", "snr_text"]

STRENGTHS: Final = ("strong", "moderate", "weak")
SNR_LIMITS_DB: Final = (5.0, 10.0, 15.0)
"""Strong, moderate and weak below; 10 dB is where METRICS calls an SNR critical. From 15 dB on the
share of wrong words is that of clean speech (.extras/bench/stt_audit.py)."""
CLIPPED_LIMITS: Final = (0.1, 0.02, 0.002)
"""Shares of the word's samples: an overdrive of about 12, 6 and 1 dB."""
LOST_LIMITS_S: Final = (0.06, 0.02, 0.005)
"""Three packets of 20 ms, one, and the shortest loss that is looked for."""
TALK_OVER_LIMITS: Final = (0.5, 0.2)
"""Shares of the word, moderate and weak: each side has a channel of its own, so never strong."""
UNSURE_LIMITS: Final = (0.3, 0.5)
"""The engine's own probability, moderate and weak below."""
GOOD_SNR_DB: Final = 20.0
HIGHEST_DB: Final = 40.0
"""Above, a figure says more about the pauses than about the speech."""
MODEL: Final = "model"
UNKNOWN: Final = "unknown"
_OWN_NOISE: Final = ", noise under it alone"
_SIGNAL: Final = ("no_speech", "dropout", "clipped", "low_snr", "talk_over")
_CONDITIONS: Final = (*_SIGNAL, "low_confidence")
_KINDS: Final = (*_CONDITIONS, MODEL, UNKNOWN)


def explain(
    under: Under | None,
    *,
    op: str,
    length_s: float = 0.0,
    clip_db: float | None = None,
    probability: float | None = None,
    is_vague: bool = False,
) -> tuple[Cause, ...]:
    """Return the causes of one error, the best supported first; never empty.

    Args:
        under: what lay at its place, None where that is not known.
        op: substitute, delete or insert.
        length_s: how long the place is that ``under`` speaks of.
        clip_db: the channel's own SNR.
        probability: the engine's own, of the word that was heard.
        is_vague: the place is a segment's or lies between two words: nothing there is strong.
    """
    doubt = _low_confidence(probability)
    if under is None:
        unknown = Cause(kind=UNKNOWN, strength="weak", evidence="its place is not known")
        return (unknown, *doubt)
    found = [*_of_signal(under, op=op, length_s=length_s, clip_db=clip_db)]
    if is_vague:
        found = [_weaker(cause) for cause in found]
    found.sort(key=lambda cause: STRENGTHS.index(cause.strength))
    if found:
        return (*found, *doubt)
    return (_model(under, is_vague=is_vague), *doubt)


def snr_text(snr_db: float, clip_db: float | None) -> str:
    """Say a local SNR beside the channel's: ``local SNR 4 dB (clip 14 dB)``."""
    clip = "" if clip_db is None else f" (clip {_decibels(clip_db)})"
    return f"local SNR {_decibels(snr_db)}{clip}"


def _decibels(snr_db: float) -> str:
    if snr_db <= LOWEST_DB:
        return f"{LOWEST_DB:.0f} dB or less"
    return f"over {HIGHEST_DB:.0f} dB" if snr_db > HIGHEST_DB else f"{round(snr_db)} dB"


def count_causes(
    errors: Sequence[WordError],
    *,
    words: Sequence[Word],
    ranges: Sequence[tuple[int, int] | None],
    evidence: Evidence,
) -> tuple[CauseCount, ...]:
    """Count the errors by first cause, and how often words under each condition are wrong.

    A word is exposed to whatever would be a cause if it were wrong (an SNR below 15 dB, 0.2 % of it
    clipped, a lost packet, the other side for a fifth of it), whether it is right or wrong. Missed
    words whose place is known are counted among the words, but an engine has no probability for
    them: doubt is counted over the words that have one. The most frequent cause comes first.
    """
    first = Counter(error.causes[0].kind for error in errors)
    wrong = {
        index
        for error, found in _with_ranges(errors, ranges)
        for index in (range(*found) if found is not None else ())
    }
    exposed: Counter[str] = Counter()
    exposed_wrong: Counter[str] = Counter()
    total = _Total()
    sure = _Total()
    for index, word in enumerate(words):
        if word.start_s is None or word.end_s is None:
            continue
        is_wrong = index in wrong
        total.add(is_wrong)
        if word.probability is not None:
            sure.add(is_wrong)
        for kind in _conditions(word, evidence):
            exposed[kind] += 1
            exposed_wrong[kind] += is_wrong
    missed = Counter(
        error.causes for error in errors if error.op == "delete" and error.start_s is not None
    )
    for causes, count in missed.items():
        total.add(True, count)
        for kind in {cause.kind for cause in causes}.intersection(_CONDITIONS):
            exposed[kind] += count
            exposed_wrong[kind] += count
    counts = []
    for kind in _KINDS:
        judged = sure if kind == "low_confidence" else total
        if not first[kind] and not exposed[kind]:
            continue
        counts.append(
            CauseCount(
                kind=kind,
                errors=first[kind],
                words_exposed=exposed[kind],
                wrong_exposed=exposed_wrong[kind],
                words_other=judged.words - exposed[kind],
                wrong_other=judged.wrong - exposed_wrong[kind],
            )
            if kind in _CONDITIONS and total.words
            else CauseCount(kind=kind, errors=first[kind])
        )
    return tuple(sorted(counts, key=lambda count: -count.errors))


@dataclass(slots=True)
class _Total:
    words: int = 0
    wrong: int = 0

    def add(self, is_wrong: bool, count: int = 1) -> None:
        self.words += count
        self.wrong += count if is_wrong else 0


def _with_ranges(
    errors: Iterable[WordError], ranges: Sequence[tuple[int, int] | None]
) -> Iterable[tuple[WordError, tuple[int, int] | None]]:
    """Pair each error with the raw words it covers; one may be written as several."""
    spans = {found[0]: found for found in ranges if found is not None and found[1] > found[0]}
    for error in errors:
        if error.word is None:
            yield error, None
        else:
            yield error, spans.get(error.word, (error.word, error.word + 1))


def _conditions(word: Word, evidence: Evidence) -> set[str]:
    assert word.start_s is not None
    assert word.end_s is not None
    under = evidence.under(word.start_s, word.end_s)
    causes = _of_signal(
        under, op="insert", length_s=word.end_s - word.start_s, clip_db=evidence.clip_db
    )
    found = (*causes, *_low_confidence(word.probability))
    return {cause.kind for cause in found}


def _of_signal(under: Under, *, op: str, length_s: float, clip_db: float | None) -> Iterable[Cause]:
    if under.is_silent:
        yield _no_speech(op)
    if under.dropouts:
        places = "a dropout" if under.dropouts == 1 else f"{under.dropouts} dropouts"
        yield from _falling(
            "dropout",
            under.lost_s,
            LOST_LIMITS_S,
            f"{places} of {1000.0 * under.lost_s:.0f} ms",
            value=1000.0 * under.lost_s,
            unit="ms",
        )
    share = under.clipped_share
    yield from _falling(
        "clipped", share, CLIPPED_LIMITS, f"{100.0 * share:.1f} % of it clipped",
        value=share, unit="ratio",
    )  # fmt: skip
    if under.snr_db is not None and not under.is_silent:
        yield from _falling(
            "low_snr",
            -under.snr_db,
            tuple(-limit for limit in SNR_LIMITS_DB),
            snr_text(under.snr_db, clip_db) + (_OWN_NOISE if under.is_own_noise else ""),
            value=under.snr_db,
            unit="dB",
        )
    over = min(1.0, under.talk_over_s / length_s) if length_s > 0.0 else 0.0
    yield from _falling(
        "talk_over",
        over,
        (float("inf"), *TALK_OVER_LIMITS),
        f"the other side speaks during {100.0 * over:.0f} % of it",
        value=1000.0 * under.talk_over_s,
        unit="ms",
    )


def _falling(
    kind: str, height: float, limits: Sequence[float], evidence: str, *, value: float, unit: str
) -> Iterable[Cause]:
    """Yield the cause with the strength of the first limit that ``height`` passes, or nothing."""
    for strength, limit in zip(STRENGTHS, limits, strict=True):
        if height >= limit and not (kind == "low_snr" and height == limit):
            yield Cause(
                kind=kind,
                strength=strength,
                evidence=evidence,
                value=round(value, 4),
                unit=unit,
            )
            return


def _no_speech(op: str) -> Cause:
    if op == "delete":
        text, strength = "no speech is heard there: too soft, or not said", "weak"
    else:
        text = "no speech there, both detectors agree"
        strength = "strong" if op == "insert" else "moderate"
    return Cause(kind="no_speech", strength=strength, evidence=text)


def _low_confidence(probability: float | None) -> tuple[Cause, ...]:
    if probability is None or probability >= UNSURE_LIMITS[1]:
        return ()
    strength = "moderate" if probability < UNSURE_LIMITS[0] else "weak"
    return (
        Cause(
            kind="low_confidence",
            strength=strength,
            evidence=f"the engine itself was unsure ({probability:.2f})",
            value=round(probability, 4),
            unit="ratio",
        ),
    )


def _model(under: Under, *, is_vague: bool) -> Cause:
    nothing = "nothing measured in the signal explains it"
    if under.snr_db is None:
        known = "nobody listened to the signal" if under.is_silent is None else nothing
        evidence = known if known != nothing else f"{nothing}, but its SNR cannot be told"
        return Cause(kind=MODEL, strength="weak", evidence=evidence)
    return Cause(
        kind=MODEL,
        strength="weak" if is_vague or under.snr_db <= GOOD_SNR_DB else "moderate",
        evidence=f"{snr_text(under.snr_db, None)}: {nothing}",
        value=round(under.snr_db, 4),
        unit="dB",
    )


def _weaker(cause: Cause) -> Cause:
    if cause.strength != "strong":
        return cause
    return Cause(
        kind=cause.kind,
        strength="moderate",
        evidence=cause.evidence,
        value=cause.value,
        unit=cause.unit,
    )
