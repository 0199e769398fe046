"""Silence, overlap and slow yielding as incidents, and how bad each is.

An incident is critical only where the better end of its interval still is: a wide interval must
not raise an alarm that the recording does not support.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from echotrace.analyzers.turn_taking.sounds import METHOD, WIDEST_MS, difference, ms_between
from echotrace.audio.stretches import Edge
from echotrace.model.conversation import Incident
from echotrace.model.measure import Measurement, Severity, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from echotrace.audio.stretches import Stretch
    from echotrace.config.thresholds import Thresholds

__all__ = [
    "Overlap",
    "dead_airs",
    "never_yielded",
    "overlap_severity",
    "overlaps",
    "silence_severity",
    "sure_or_estimated",
    "time_audible_ms",
    "yield_severity",
]

TALK_OVER_MS: Final = 100.0
"""Shorter overlaps belong to ordinary changes of speaker."""
LONG_OVERLAP_MS: Final = 1000.0


class Overlap:
    """The time for which one utterance of each side is audible at once, pauses left out."""

    __slots__ = ("_first", "_last", "agent", "caller", "value_ms")

    def __init__(self, caller: int, agent: int, first: Edge) -> None:
        self.caller, self.agent = caller, agent
        self.value_ms = 0.0
        self._first = self._last = first

    def add(self, start: Edge, end: Edge) -> None:
        """Count one more piece, the next in time."""
        self.value_ms = round(self.value_ms + ms_between(end.at_s, start.at_s), 1)
        self._last = end

    @property
    def at_s(self) -> float:
        """When both are heard at once for the first time."""
        return self._first.at_s

    def duration(self) -> Measurement:
        """Return the time with the interval that its outer edges give it."""
        whole, low, high = difference(self._last, self._first)
        return sure_or_estimated(
            self.value_ms,
            max(0.0, round(self.value_ms - (whole - low), 1)),
            round(self.value_ms + (high - whole), 1),
            (self._first, self._last),
        )


def overlaps(
    caller: Sequence[Stretch],
    agent: Sequence[Stretch],
    caller_said: Sequence[Stretch],
    agent_said: Sequence[Stretch],
) -> list[Overlap]:
    """Return where both sides are audible for at least 100 ms, per pair of utterances.

    The first two arguments are sounds, the others the utterances that they form.
    """
    caller_onsets = [item.start.at_s for item in caller_said]
    agent_onsets = [item.start.at_s for item in agent_said]
    found: list[Overlap] = []
    one = other = 0
    while one < len(caller) and other < len(agent):
        mine, theirs = caller[one], agent[other]
        start = max(mine.start, theirs.start, key=_at)
        end = min(mine.end, theirs.end, key=_at)
        if start.at_s < end.at_s:
            pair = (
                bisect_right(caller_onsets, start.at_s) - 1,
                bisect_right(agent_onsets, start.at_s) - 1,
            )
            if not found or (found[-1].caller, found[-1].agent) != pair:
                found.append(Overlap(*pair, start))
            found[-1].add(start, end)
        if mine.end.at_s <= theirs.end.at_s:
            one += 1
        else:
            other += 1
    return [item for item in found if item.value_ms >= TALK_OVER_MS]


def dead_airs(
    sides: Sequence[Sequence[Stretch]],
    *,
    start_s: float,
    end_s: float,
    trailing: bool,
    limits: Thresholds,
) -> list[Incident]:
    """Return the silences of all sides that last as long as the profile calls dead air.

    The silence before the first sound counts, because a caller waits for a greeting; the one
    after the last only with ``trailing``. Where the edges are uncertain by more than 400 ms even
    the shortest silence that they allow has to be long enough.
    """
    found: list[Incident] = []

    def take(since: Edge, until: Edge, latest_s: float) -> None:
        cautious = Edge(
            at_s=since.at_s,
            low_s=since.low_s,
            high_s=max(latest_s, since.high_s),
            doubt=since.doubt,
        )
        value, low, high = difference(until, cautious)
        least = low if round(high - low, 1) > WIDEST_MS else value
        if value > 0.0 and least >= limits.dead_air_warning_s * 1000.0:
            duration = sure_or_estimated(value, max(0.0, low), high, (until, cautious))
            found.append(
                Incident(
                    type="dead_air",
                    at_s=since.at_s,
                    duration_ms=duration,
                    severity=silence_severity(duration, limits),
                )
            )

    since = _exactly(start_s)
    latest_s = start_s
    for sound in sorted((sound for side in sides for sound in side), key=_start):
        if sound.start.at_s > since.at_s:
            take(since, sound.start, latest_s)
        since = max(since, sound.end, key=_at)
        latest_s = max(latest_s, sound.end.high_s)
    if trailing:
        take(since, _exactly(end_s), min(latest_s, end_s))
    return found


def time_audible_ms(sides: Iterable[Sequence[Stretch]]) -> float:
    """Return for how long anybody is audible."""
    total, until_s = 0.0, float("-inf")
    for sound in sorted((sound for side in sides for sound in side), key=_start):
        from_s = max(sound.start.at_s, until_s)
        if sound.end.at_s > from_s:
            total += ms_between(sound.end.at_s, from_s)
            until_s = sound.end.at_s
    return round(total, 1)


def sure_or_estimated(
    value: float, low: float, high: float, edges: tuple[Edge, Edge]
) -> Measurement:
    """Return a duration in ms that is estimated where its interval exceeds 400 ms."""
    if round(high - low, 1) <= WIDEST_MS:
        return Measurement.measured(value, "ms", method=METHOD, low=low, high=high)
    widest = max(edges, key=lambda edge: edge.high_s - edge.low_s)
    reason = f"one end lies somewhere between {widest.low_s:.2f} and {widest.high_s:.2f} s"
    return Measurement.estimated(
        value,
        "ms",
        reason=f"{reason}: {widest.doubt}" if widest.doubt else reason,
        method=METHOD,
        low=low,
        high=high,
    )


def silence_severity(duration: Measurement, limits: Thresholds) -> Severity:
    """Return critical for a silence that is sure to reach the profile's critical length."""
    least = duration.low if duration.low is not None else duration.value
    if least is not None and least >= limits.dead_air_critical_s * 1000.0:
        return Severity.CRITICAL
    return Severity.WARNING


def overlap_severity(value_ms: float) -> Severity:
    """Return warning for an overlap of a second or more."""
    return Severity.WARNING if value_ms >= LONG_OVERLAP_MS else Severity.INFO


def yield_severity(
    bounds_ms: tuple[float, float, float], figure: Measurement, *, sure: bool, limits: Thresholds
) -> Severity:
    """Return how bad a yield of (value, low, high) is.

    Never critical where the figure has no value, or where it is not ``sure`` that somebody barged
    in at all. An estimated one is a lower bound that is critical itself (:func:`never_yielded`).
    """
    value, low, _ = bounds_ms
    if sure and figure.status is Status.ESTIMATED:
        return Severity.CRITICAL
    if sure and figure.status is Status.MEASURED and low > limits.yield_critical_ms:
        return Severity.CRITICAL
    slow = value if figure.status is Status.MEASURED else low
    return Severity.WARNING if slow > limits.yield_good_ms else Severity.INFO


def never_yielded(
    stop: Edge, onset: Edge, finished: Edge, *, cut: bool, limits: Thresholds
) -> Measurement | None:
    """Return the least that a yield lasted, where the agent never yielded and that is critical.

    It had not stopped when the recording ended (``cut``), or was sure to be heard after the last
    word of the caller, ``finished``. How much longer it went on has no bound above. None where
    the edges are too vague for that, or where it may have been quick enough.
    """
    places = [(stop, "recording")] if cut else []
    if stop.low_s >= finished.high_s:
        places.append((finished, "caller's turn"))
    for until, what in places:
        _, low, high = difference(until, onset)
        if low > limits.yield_critical_ms and round(high - low, 1) <= WIDEST_MS:
            return Measurement.estimated(
                low,
                "ms",
                reason=f"the agent had not stopped by the end of the {what}: "
                f"at least {low:,.0f} ms",
                method=METHOD,
                low=low,
            )
    return None


def _exactly(at_s: float) -> Edge:
    return Edge(at_s=at_s, low_s=at_s, high_s=at_s)


def _at(edge: Edge) -> float:
    return edge.at_s


def _start(sound: Stretch) -> float:
    return sound.start.at_s
