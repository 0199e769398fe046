"""One reading against a call's exact truth.

Turns: found turns are matched to true ones one to one and in order, so that the total overlap of
the caller's spans is as large as it can be; where a tool tells only the caller's end, a pair weighs
1 s minus the distance of the ends, and nothing beyond 1 s. True turns are those of the truth that
have a gap; one without a match, or whose match has no gap, is not measured.

Incidents: matched per type, nearest onsets first, when their times overlap or lie within 0.3 s. A
found one without a match is false. Silences and overlaps follow from the true spans themselves
rather than from the schedule: dead air of 3 s is required from 3.15 s and tolerated from 2.85 s (a
few milliseconds decide in between), likewise a slow response at 2 s; talk-over is true where both
sides speak within 0.25 s, an early start where a true gap is negative. A critical barge-in is false
when no true one is there, and graded too high when the true yield lies more than 100 ms below the
tool's own bar.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turn_taking.rules import silences

if TYPE_CHECKING:
    from turn_taking.readings import FoundIncident, FoundTurn, Reading, Span

END_REACH_S = 1.0
NEAR_S = 0.3
OVERLAP_NEAR_S = 0.25
DEAD_AIR_S = 3.0
SLOW_S = 2.0
UNDECIDED_S = 0.15
GRADE_SLACK_MS = 100.0


@dataclass
class Score:
    """Sums and lists over calls; ``false`` and ``true`` count incidents by type.

    ``turns`` has a row for each true turn with a gap: call, the caller's voice, where the caller
    ends (s), the true gap, the gap found and its interval (ms).
    """

    calls: int = 0
    refused: int = 0
    true_turns: int = 0
    turns: list[list[Any]] = field(default_factory=list)
    errors_ms: list[float] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)
    widths_ms: list[float] = field(default_factory=list)
    invented_gaps: int = 0
    unanswered_turns: int = 0
    yield_errors_ms: list[float] = field(default_factory=list)
    true: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    hit: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    found: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    false: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    false_critical: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    graded_too_high: int = 0
    backchannels_called_barge_in: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, other: Score) -> None:
        for name in vars(self):
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, list):
                mine.extend(theirs)
            elif isinstance(mine, dict):
                for key, count in theirs.items():
                    mine[key] += count
            else:
                setattr(self, name, mine + theirs)


def weight(true: Span, found: FoundTurn) -> float:
    if found.user_start_s is None:
        return max(0.0, END_REACH_S - abs(found.user_end_s - true[1]))
    return max(0.0, min(true[1], found.user_end_s) - max(true[0], found.user_start_s))


def matched(true: list[Span], found: list[FoundTurn]) -> dict[int, FoundTurn]:
    """The found turn of each true one, by order-keeping matching of the largest total weight."""
    found = sorted(found, key=lambda turn: turn.user_end_s)
    best = [[0.0] * (len(found) + 1) for _ in range(len(true) + 1)]
    for row, span in enumerate(true):
        for column, turn in enumerate(found):
            pair = weight(span, turn)
            taken = best[row][column] + pair if pair > 0 else 0.0
            best[row + 1][column + 1] = max(best[row][column + 1], best[row + 1][column], taken)
    pairs, row, column = {}, len(true), len(found)
    while row and column:
        if best[row][column] == best[row - 1][column]:
            row -= 1
        elif best[row][column] == best[row][column - 1]:
            column -= 1
        else:
            row, column = row - 1, column - 1
            pairs[row] = found[column]
    return pairs


Event = tuple[float, float]
"""Onset and duration in seconds."""


def paired(true: list[Event], found: list[Event], near_s: float) -> dict[int, int]:
    """Index of the true event per found one, nearest onsets first."""
    near = sorted(
        (abs(at - onset), mine, other)
        for mine, (at, lasts) in enumerate(found)
        for other, (onset, length) in enumerate(true)
        if at <= onset + length + near_s and onset <= at + lasts + near_s
    )
    pairs: dict[int, int] = {}
    for _, mine, other in near:
        if mine not in pairs and other not in pairs.values():
            pairs[mine] = other
    return pairs


def _spans(rows: list[dict[str, Any]]) -> list[Span]:
    return sorted((row["start_s"], row["end_s"]) for row in rows)


def _overlaps(caller: list[Span], agent: list[Span]) -> list[Event]:
    out = []
    for start, end in caller:
        for other_start, other_end in agent:
            begin, stop = max(start, other_start), min(end, other_end)
            if stop > begin - OVERLAP_NEAR_S:
                out.append((min(begin, stop), max(0.0, stop - begin)))
    return out


@dataclass(frozen=True)
class Expected:
    """Incidents of one type: those to be found, and those that may be found as well.

    ``many`` lets several found ones lie on the same tolerated one.
    """

    required: list[Event]
    tolerated: list[Event] = field(default_factory=list)
    many: bool = False

    def excuses(self, events: list[Event]) -> set[int]:
        """Which of ``events`` are tolerated."""
        if self.many:
            return {
                at for at, event in enumerate(events) if paired(self.tolerated, [event], NEAR_S)
            }
        return set(paired(self.tolerated, events, NEAR_S))


def expected_incidents(truth: dict[str, Any]) -> dict[str, Expected]:
    """What a perfect tool finds in this call, by type."""
    listed: dict[str, list[Event]] = defaultdict(list)
    for row in truth["incidents"]:
        listed[row["type"]].append((row["at_s"], (row["duration_ms"] or 0.0) / 1e3))
    caller, agent = _spans(truth["caller"]), _spans(truth["agent"])
    quiet = silences([*caller, *agent], truth["duration_s"], DEAD_AIR_S - UNDECIDED_S)
    last_s = max((end for _, end in [*caller, *agent]), default=0.0)
    tail = (last_s, truth["duration_s"] - last_s)
    long_quiet = [(a, b - a) for a, b in quiet if b - a >= DEAD_AIR_S + UNDECIDED_S]
    waits = _waits(truth, agent)
    early = [
        (turn["agent"]["start_s"], -turn["heard_gap_ms"] / 1e3)
        for turn in truth["turns"]
        if turn["user"] and turn["agent"] and (turn["heard_gap_ms"] or 0.0) < 0
    ]
    return {
        "barge_in": Expected(listed["barge_in"]),
        "backchannel": Expected(listed["backchannel"]),
        "missed_response": Expected(listed["missed_response"]),
        "early_start": Expected(listed["early_start"], early),
        "talk_over": Expected(listed["talk_over"], _overlaps(caller, agent), many=True),
        "dead_air": Expected(long_quiet, [*((a, b - a) for a, b in quiet), tail]),
        "slow_response": Expected(
            [wait for wait in waits if wait[1] >= SLOW_S + UNDECIDED_S], [*waits, tail], many=True
        ),
    }


def _waits(truth: dict[str, Any], agent: list[Span]) -> list[Event]:
    """Silences of about 2 s and more between a caller's end and the agent's next onset."""
    waits = []
    for turn in truth["turns"]:
        if turn["user"] is None:
            continue
        end_s = turn["user"]["end_s"]
        onset = next((start for start, _ in agent if start >= end_s), truth["duration_s"])
        if onset - end_s >= SLOW_S - UNDECIDED_S:
            waits.append((end_s, onset - end_s))
    return waits


def score_call(truth: dict[str, Any], reading: Reading) -> Score:
    """Score one reading of one call."""
    score = Score(calls=1)
    if reading.refused:
        score.refused = 1
        score.notes.append(reading.refused)
    _score_turns(truth, reading, score)
    expected = expected_incidents(truth)
    of_type: dict[str, list[FoundIncident]] = defaultdict(list)
    for incident in reading.incidents:
        of_type[incident.type].append(incident)
    for kind, events in expected.items():
        if kind in reading.tells:
            _score_incidents(kind, events, of_type[kind], score, reading)
    if "yield" in reading.tells and "barge_in" not in reading.tells:
        _score_yields(expected["barge_in"].required, of_type["barge_in"], score)
    if "barge_in" in reading.tells:
        barged = [_event(incident) for incident in of_type["barge_in"]]
        true_ones = paired(expected["barge_in"].required, barged, NEAR_S)
        rest = [event for at, event in enumerate(barged) if at not in true_ones]
        short = [(at, 0.0) for at, _ in rest]
        score.backchannels_called_barge_in = len(
            paired(expected["backchannel"].required, short, NEAR_S)
        )
        score.true["backchannels at all"] = len(expected["backchannel"].required)
    return score


def _score_turns(truth: dict[str, Any], reading: Reading, score: Score) -> None:
    turns = [turn for turn in truth["turns"] if turn["user"] is not None]
    spans = [(turn["user"]["start_s"], turn["user"]["end_s"]) for turn in turns]
    pairs = matched(spans, reading.turns)
    for at, turn in enumerate(turns):
        found, true_ms = pairs.get(at), turn["heard_gap_ms"]
        told = found is not None and found.gap_ms is not None
        if true_ms is None:
            score.unanswered_turns += 1
            score.invented_gaps += told
            continue
        score.true_turns += 1
        gap = (found.gap_ms, found.low_ms, found.high_ms) if found else (None, None, None)
        score.turns.append([truth["index"], truth["voices"]["caller"], spans[at][1], true_ms, *gap])
        if not told:
            continue
        score.errors_ms.append(found.gap_ms - true_ms)
        if found.low_ms is not None and found.high_ms is not None:
            score.covered.append(found.low_ms <= true_ms <= found.high_ms)
            score.widths_ms.append(found.high_ms - found.low_ms)


def _event(incident: FoundIncident) -> Event:
    return incident.at_s, (incident.duration_ms or 0.0) / 1e3


def _score_incidents(
    kind: str,
    expected: Expected,
    found: list[FoundIncident],
    score: Score,
    reading: Reading,
) -> None:
    events = [_event(incident) for incident in found]
    hits = paired(expected.required, events, NEAR_S)
    rest = [at for at in range(len(found)) if at not in hits]
    excused = {rest[at] for at in expected.excuses([events[at] for at in rest])}
    score.true[kind] += len(expected.required)
    score.hit[kind] += len(hits)
    score.found[kind] += len(found)
    for at, incident in enumerate(found):
        if at not in hits and at not in excused:
            score.false[kind] += 1
            score.false_critical[kind] += incident.critical
    if kind != "barge_in":
        return
    for at, other in hits.items():
        yielded_ms = expected.required[other][1] * 1e3
        bar_ms = reading.critical_yield_ms - GRADE_SLACK_MS
        score.graded_too_high += found[at].critical and yielded_ms < bar_ms
    if "yield" in reading.tells:
        _score_yields(expected.required, found, score)


def _score_yields(required: list[Event], found: list[FoundIncident], score: Score) -> None:
    for at, other in paired(required, [_event(incident) for incident in found], NEAR_S).items():
        yielded_ms = found[at].duration_ms
        if yielded_ms is not None and found[at].measured:
            score.yield_errors_ms.append(yielded_ms - required[other][1] * 1e3)
