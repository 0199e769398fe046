"""Which answer of the language model goes with which sound of the synthesiser.

A sum is only true of an answer and the speech that was made of it. A request that failed takes its
partner with it and shifts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from echotrace.model.probes import LlmSample, RequestSample, TtsSample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.probes import LlmProbe, TtsProbe

__all__ = ["Pairs", "pair"]

_S = TypeVar("_S", bound=RequestSample)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """The answers and the sounds of the estimate's samples, the i-th of each together.

    One is empty where that service was not probed or never gave a figure. ``apart`` is True where
    both gave figures, but no two belong together: then both are empty.
    """

    answers: tuple[LlmSample, ...] = ()
    sounds: tuple[TtsSample, ...] = ()
    apart: bool = False

    @property
    def count(self) -> int:
        """How many samples the estimate has."""
        return max(len(self.answers), len(self.sounds))


def pair(llm: LlmProbe | None, tts: TtsProbe | None) -> Pairs:
    """Return what belongs together of the measured requests, in the order of the answers.

    Where the synthesiser spoke the model's answers, a sound belongs to the answer whose first
    sentence it is, the one of the same place where several have that sentence; elsewhere the i-th
    request belongs to the i-th. A pair that lacks a time is left out, and an answer is used once.
    An answer without a whole sentence, or sound whose leading silence is not known, counts as
    lacking one only where others of its service have it.
    """
    answers = [item for item in llm.samples if not item.cold] if llm else []
    sounds = [item for item in tts.samples if not item.cold] if tts else []
    good_answers = _complete(answers, "ttfat_ms", "first_sentence_ms")
    good_sounds = _complete(sounds, "ttfb_ms", "leading_silence_ms")
    if not any(good_answers) or not any(good_sounds):
        return Pairs(answers=_there(good_answers), sounds=_there(good_sounds))
    if tts is not None and tts.text_source == "llm":
        places = _by_text(answers, sounds, good_answers, good_sounds)
    else:
        places = [(at, at) for at in range(min(len(answers), len(sounds)))]
    found = [(good_answers[one], good_sounds[other]) for one, other in sorted(places)]
    both = [(answer, sound) for answer, sound in found if answer and sound]
    return Pairs(
        answers=tuple(answer for answer, _ in both),
        sounds=tuple(sound for _, sound in both),
        apart=not both,
    )


def _by_text(
    answers: Sequence[LlmSample],
    sounds: Sequence[TtsSample],
    good_answers: Sequence[LlmSample | None],
    good_sounds: Sequence[TtsSample | None],
) -> list[tuple[int, int]]:
    """Return places of answers with those of the sounds that speak them, the same place first."""
    places = [
        (at, at)
        for at, (answer, sound) in enumerate(zip(answers, sounds))  # noqa: B905 - the shorter
        if answer.first_sentence == sound.text
    ]
    taken = {at for at, _ in places}
    free: dict[str | None, list[int]] = {}
    for at, answer in enumerate(good_answers):
        if answer is not None and at not in taken:
            free.setdefault(answer.first_sentence, []).append(at)
    for at, sound in enumerate(good_sounds):
        if sound is not None and at not in taken and free.get(sound.text):
            places.append((free[sound.text].pop(0), at))
    return places


def _complete(samples: Sequence[_S], first: str, then: str) -> list[_S | None]:
    """Return the answered ones in their places, None for others.

    Those with both figures count, or where none has both, those with the first.
    """
    answered = [
        item if item.status != "failed" and getattr(item, first) is not None else None
        for item in samples
    ]
    whole = [item if item and getattr(item, then) is not None else None for item in answered]
    return whole if any(whole) else answered


def _there(samples: Sequence[_S | None]) -> tuple[_S, ...]:
    return tuple(item for item in samples if item is not None)
