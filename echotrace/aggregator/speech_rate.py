"""Words per minute: the transcript's words over the time that the side was heard to talk."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echotrace.model.measure import Measurement, Status

if TYPE_CHECKING:
    from echotrace.model.conversation import ChannelTalk, Conversation
    from echotrace.model.report import Transcription

__all__ = ["with_words_per_minute"]

MIN_TALK_S = 2.0
"""Below this a single word moves the rate by 30 words a minute."""


def with_words_per_minute(heard: Conversation, text: Transcription) -> Conversation:
    """Fill in the speech rate of each channel that has a transcript."""
    words = {text.channel_index: len(text.actual.split())}
    words |= {item.channel_index: len(item.actual.split()) for item in text.other_channels}
    doubt = text.wer.status is Status.ESTIMATED or bool(text.engine_note)
    summary = replace(
        heard.summary,
        channels=tuple(
            replace(talk, words_per_minute=_rate(talk, words.get(talk.index), doubt=doubt))
            for talk in heard.summary.channels
        ),
    )
    return replace(heard, summary=summary)


def _rate(talk: ChannelTalk, words: int | None, *, doubt: bool) -> Measurement:
    unit = "words/min"
    if words is None:
        return Measurement.not_run(unit, "this channel was not transcribed")
    talk_s = talk.talk_s.value
    if talk_s is None or talk_s < MIN_TALK_S:
        heard_s = "no speech" if not talk_s else f"only {talk_s:.1f} s of speech"
        return Measurement.not_measurable(unit, f"{heard_s} on this channel")
    rate = round(words / talk_s * 60.0, 1)
    if doubt:
        return Measurement.estimated(rate, unit, reason="a stand-in engine counted the words")
    return Measurement.measured(rate, unit, n=words)
