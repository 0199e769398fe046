"""Streaming behaviour from the user's own log of partial results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from echotrace.providers.stt.streaming_summary import not_streamed, summarise, utterance_of
from echotrace.text.partials import utterances_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.audio.vad import SpeechSpan
    from echotrace.model.report import StreamedUtterance, Streaming
    from echotrace.text.partials import LoggedUtterance, Partial

__all__ = ["streaming_of_log"]

_EARLY_S: Final = 0.3
"""How far before the end of a stretch of speech its final result may come and still be of it all:
a detector's end is late by about this much."""
_LATE_S: Final = 10.0
"""A result that comes later than this after its speech is of other speech, or of another clock."""


def streaming_of_log(
    partials: Sequence[Partial], spans: Sequence[SpeechSpan], source: str
) -> Streaming:
    """Measure a log against the edges of the speech that it is of.

    An utterance is what comes up to a final result. Its first partial result belongs to the last
    stretch of speech that had begun by then, its final one to the last that had begun; a stretch
    that an earlier utterance ended in belongs to no later one. Time to the first partial result is
    counted from the start of speech, time to final from its end: it is negative when the result
    came before the detector's end. Times are left out, never guessed, where a result fits no
    speech, comes over 10 s after it, or was made final while speech went on (by over 0.3 s).

    Args:
        partials: in order of time, on the recording's clock.
        spans: speech of the channel, in order.
        source: the log's name.
    """
    found, lost = utterances_of(partials)
    if not found:
        return not_streamed(
            source, "no result of the log is marked as final", method=_method(0, 0, 0, lost)
        )
    matched: list[StreamedUtterance] = []
    firsts = finals = 0
    used = -1
    for utterance in found:
        streamed, used = _match(utterance, spans, used)
        firsts += streamed.first_partial_ms is not None
        finals += streamed.final_ms is not None
        matched.append(streamed)
    if not any(utterance.partials for utterance in found):
        no_partial = "the log holds no partial result before a final one"
    else:
        no_partial = "no partial result fits the speech in the recording"
    return summarise(
        matched,
        source=source,
        method=_method(len(found), firsts, finals, lost),
        chunk_ms=None,
        no_partial=no_partial,
        no_final="no final result fits the speech in the recording",
    )


def _match(
    utterance: LoggedUtterance, spans: Sequence[SpeechSpan], used: int
) -> tuple[StreamedUtterance, int]:
    """Return an utterance with its times, and the last span that now belongs to one."""
    shown = [item for item in utterance.partials if item.text]
    first = last = None
    first_ms = final_ms = None
    if shown:
        first = _begun_by(spans, shown[0].at_s, used)
        if first is not None:
            first_ms = (shown[0].at_s - spans[first].start_s) * 1e3
            if first_ms > (spans[first].end_s - spans[first].start_s + _LATE_S) * 1e3:
                first = first_ms = None
    at_s = utterance.final.at_s
    last = _begun_by(spans, at_s, used)
    if last is not None:
        final_s = at_s - spans[last].end_s
        used = last
        if -_EARLY_S <= final_s <= _LATE_S:
            final_ms = final_s * 1e3
    return (
        utterance_of(
            [item.text for item in utterance.partials],
            utterance.final.text,
            start_s=None if first is None else spans[first].start_s,
            end_s=None if last is None or final_ms is None else spans[last].end_s,
            first_partial_ms=first_ms,
            final_ms=final_ms,
        ),
        used,
    )


def _begun_by(spans: Sequence[SpeechSpan], at_s: float, used: int) -> int | None:
    """Return the last span that had begun by a time, None when an earlier utterance has it."""
    last = None
    for index in range(used + 1, len(spans)):
        if spans[index].start_s > at_s:
            break
        last = index
    return last


def _method(utterances: int, firsts: int, finals: int, lost: int) -> str:
    parts = [
        "times of the log against the edges of speech in the recording",
        f"{utterances} utterances, {firsts} first partial and {finals} final results fit it",
    ]
    if lost:
        parts.append(f"{lost} results without a final one left out")
    return "; ".join(parts)
