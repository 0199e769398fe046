"""The places of a report on the recording's clock: what one jumps to, and from one to the next."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from echotrace.model.conversation import Incident, Turn
from echotrace.model.measure import Finding
from echotrace.model.report import SpeechSegment, Word, WordError
from echotrace.render.console.errors import worst_first

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.report import Deduction, Report, Signal

__all__ = [
    "Place",
    "PlaceKind",
    "after",
    "before",
    "of_deduction",
    "of_error",
    "of_finding",
    "of_incident",
    "of_turn",
    "of_word",
    "places_of",
]


class PlaceKind(str, Enum):
    """What is to be found at a place."""

    INCIDENT = "incident"
    ERROR = "error"
    TURN = "turn"
    FINDING = "finding"
    SEGMENT = "segment"
    WORD = "word"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A stretch of the recording; an instant ends where it begins.

    ``about`` is what the report holds there: the incident, the error, the turn, the finding, the
    stretch of speech or the word that was heard.
    ``channel`` is the index of the one channel that it is on, where it is on one.
    """

    kind: PlaceKind
    at_s: float
    end_s: float
    about: Incident | WordError | Turn | Finding | SpeechSegment | Word
    turn_id: int | None = None
    channel: int | None = None


def of_incident(incident: Incident) -> Place:
    """Return where an incident is; one of unknown length is an instant."""
    length_ms = incident.duration_ms.value or 0.0
    return Place(
        kind=PlaceKind.INCIDENT,
        at_s=incident.at_s,
        end_s=incident.at_s + max(0.0, length_ms) / 1e3,
        about=incident,
        turn_id=incident.turn_id,
    )


def of_error(error: WordError, channel: int | None = None) -> Place | None:
    """Return where a misheard word is, or None where nothing gives its place."""
    if error.start_s is None or not math.isfinite(error.start_s):
        return None
    end_s = error.start_s if error.end_s is None else max(error.start_s, error.end_s)
    return Place(
        kind=PlaceKind.ERROR, at_s=error.start_s, end_s=end_s, about=error, channel=channel
    )


def of_word(word: Word, channel: int | None = None) -> Place | None:
    """Return where a word was heard, or None where the engine gives no time for it."""
    if word.start_s is None or not math.isfinite(word.start_s):
        return None
    end_s = word.start_s if word.end_s is None else max(word.start_s, word.end_s)
    return Place(kind=PlaceKind.WORD, at_s=word.start_s, end_s=end_s, about=word, channel=channel)


def of_turn(turn: Turn) -> Place | None:
    """Return the stretch from the first to the last sound of a turn."""
    if turn.span_s is None:
        return None
    at_s, end_s = turn.span_s
    return Place(kind=PlaceKind.TURN, at_s=at_s, end_s=end_s, about=turn, turn_id=turn.id)


def of_finding(finding: Finding) -> Place | None:
    """Return where a warning points, or None where it is about the whole."""
    if finding.at_s is None or not math.isfinite(finding.at_s):
        return None
    return Place(kind=PlaceKind.FINDING, at_s=finding.at_s, end_s=finding.at_s, about=finding)


def places_of(report: Report) -> tuple[Place, ...]:
    """Return the incidents and the misheard words of a report in the order of time."""
    heard, words = report.conversation, report.transcription
    found = [of_incident(incident) for incident in (heard.incidents if heard else ())]
    if words is not None:
        placed = (of_error(error, words.channel_index) for error in words.errors)
        found += [place for place in placed if place is not None]
    known = (place for place in found if math.isfinite(place.at_s))
    return tuple(sorted(known, key=lambda place: (place.at_s, place.kind.value)))


def of_deduction(deduction: Deduction, report: Report) -> tuple[Place, ...]:
    """Return the places that cost a score its points, the worst first; many figures have none.

    A heard gap leads to the turns by gap, dead air to the silences by length, an error rate to the
    misheard words, the best explained first, noise to the stretches of speech that it covers most.
    """
    return tuple(place for place in _cost(deduction.metric, report) if math.isfinite(place.at_s))


def _cost(metric: str, report: Report) -> Iterator[Place]:
    heard, words = report.conversation, report.transcription
    if metric == "heard_gap_ms" and heard is not None:
        late = [turn for turn in heard.turns if turn.heard_gap_ms.band in ("warning", "critical")]
        late.sort(key=lambda turn: -(turn.heard_gap_ms.value or 0.0))
        yield from filter(None, map(of_turn, late))
    elif metric == "dead_air_s" and heard is not None:
        silences = [item for item in heard.incidents if item.type == "dead_air"]
        silences.sort(key=lambda item: -(item.duration_ms.value or 0.0))
        yield from map(of_incident, silences)
    elif metric in ("wer", "cer") and words is not None:
        placed = (of_error(error, words.channel_index) for error in worst_first(words.errors))
        yield from filter(None, placed)
    elif metric == "snr_db" and report.signal is not None:
        yield from _noisiest(report.signal)


def _noisiest(signal: Signal) -> Iterator[Place]:
    for channel in signal.channels:
        if channel.index == signal.scored_channel:
            known = [
                item
                for item in channel.segments
                if item.snr_db.value is not None and item.snr_db.band != "good"
            ]
            for item in sorted(known, key=lambda item: item.snr_db.value or 0.0):
                yield Place(
                    kind=PlaceKind.SEGMENT,
                    at_s=item.start_s,
                    end_s=item.end_s,
                    about=item,
                    channel=channel.index,
                )


def after(places: Sequence[Place], at_s: float) -> Place | None:
    """Return the first of some sorted places that begins later."""
    at = bisect_right(places, at_s, key=lambda place: place.at_s)
    return places[at] if at < len(places) else None


def before(places: Sequence[Place], at_s: float) -> Place | None:
    """Return the last of some sorted places that begins earlier."""
    at = bisect_left(places, at_s, key=lambda place: place.at_s)
    return places[at - 1] if at else None
