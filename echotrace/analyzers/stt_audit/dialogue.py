"""The channels of a call as one dialogue: lines in the order in which they were spoken."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import merge
from typing import TYPE_CHECKING, Final

from echotrace.model.report import Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.report import TranscriptSegment, Word

__all__ = ["make_dialogue"]

PAUSE_S: Final = 3.0
"""Own silence from here on ends a line."""
BREATH_S: Final = 0.5
"""Own silence from here on is a place where the other side's words may cut a line."""
BACKCHANNEL_S: Final = 1.0
"""What the other side says in less, while this one goes on speaking, takes no turn."""
_SLACK_S: Final = 1e-6


@dataclass(slots=True, kw_only=True)
class _Phrase:
    """Words without a pause between them; ``texts`` in the transcript's order."""

    side: int
    start_s: float
    end_s: float
    texts: list[str] = field(default_factory=list)


def make_dialogue(
    channels: Sequence[tuple[int, str, Sequence[Word], Sequence[TranscriptSegment]]],
) -> tuple[Utterance, ...]:
    """Join transcripts of channels into lines, ordered by their beginning.

    A line is what one side says until the other side speaks or for 3 s nobody does. It is cut only
    at a pause or between segments; a word thrown in while it goes on is a line of its own and does
    not cut it. A word without times goes with the word before it, and a channel without any is
    told by its segments.

    Args:
        channels: index, role, words and segments of each.
    """
    phrases = merge(
        *(_phrases(side, words, segments) for side, (_, _, words, segments) in enumerate(channels)),
        key=lambda phrase: (phrase.start_s, phrase.side),
    )
    lines: list[_Phrase] = []
    last: dict[int, _Phrase] = {}
    holder: _Phrase | None = None
    for phrase in phrases:
        own = last.get(phrase.side)
        if own is not None and holder is own and phrase.start_s - own.end_s < PAUSE_S:
            own.texts += phrase.texts
            own.end_s = max(own.end_s, phrase.end_s)
            continue
        lines.append(phrase)
        last[phrase.side] = phrase
        is_thrown_in = (
            holder is not None
            and holder.side != phrase.side
            and phrase.end_s - phrase.start_s < BACKCHANNEL_S
            and phrase.end_s <= holder.end_s
        )
        if not is_thrown_in:
            holder = phrase
    return tuple(
        Utterance(
            channel_index=channels[line.side][0],
            role=channels[line.side][1],
            start_s=line.start_s,
            end_s=line.end_s,
            text=" ".join(line.texts),
        )
        for line in lines
    )


def _phrases(
    side: int, words: Sequence[Word], segments: Sequence[TranscriptSegment]
) -> Iterator[_Phrase]:
    """Yield a channel's phrases; none begins before the one in front of it."""
    if not any(_is_timed(word) for word in words):
        words, segments = (), [item for item in segments if item.text.strip()]
    items: Sequence[Word | TranscriptSegment] = words or segments
    starts = sorted(item.start_s for item in segments if item.start_s is not None) if words else []
    phrase: _Phrase | None = None
    waiting: list[str] = []
    at = 0
    for item in items:
        if item.start_s is None or item.end_s is None:
            (waiting if phrase is None else phrase.texts).append(item.text.strip())
            continue
        is_new = phrase is None or not words or item.start_s - phrase.end_s >= BREATH_S
        while at < len(starts) and starts[at] <= item.start_s + _SLACK_S:
            at += 1
            is_new = True
        if phrase is not None and is_new:
            yield phrase
        if phrase is None or is_new:
            start_s = item.start_s if phrase is None else max(item.start_s, phrase.start_s)
            phrase = _Phrase(side=side, start_s=start_s, end_s=max(item.end_s, start_s))
            phrase.texts += waiting
            waiting = []
        phrase.end_s = max(phrase.end_s, item.end_s)
        phrase.texts.append(item.text.strip())
    if phrase is not None:
        yield phrase


def _is_timed(item: Word) -> bool:
    return item.start_s is not None and item.end_s is not None
