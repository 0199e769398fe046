"""The obvious turn rule over bare speech spans, for detectors that know no turns.

It is the project's own vocabulary in its plainest reading, with no care for uncertain edges: caller
spans less than 3 s apart with no agent's onset between are one turn; the gap runs from its end to
the agent's next onset; the caller starting while the agent is audible is a barge-in when the caller
goes on for 400 ms or the agent stops within 1.5 s, else a backchannel.
"""

from __future__ import annotations

from turn_taking.readings import FoundIncident, FoundTurn, Reading, Span

TURN_PAUSE_S = 3.0
UTTERANCE_PAUSE_S = 0.7
BARGE_IN_S = 0.4
PROMPT_YIELD_S = 1.5
DEAD_AIR_S = 3.0
CRITICAL_YIELD_MS = 1000.0
CRITICAL_DEAD_AIR_S = 5.0
TELLS = (
    "gap",
    "yield",
    "severity",
    "barge_in",
    "backchannel",
    "early_start",
    "dead_air",
    "missed_response",
)


def joined(spans: list[Span], pause_s: float) -> list[Span]:
    """Close pauses shorter than ``pause_s``."""
    out: list[Span] = []
    for start, end in sorted(spans):
        if out and start - out[-1][1] < pause_s:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def silences(spans: list[Span], duration_s: float, least_s: float) -> list[Span]:
    """Stretches without any of ``spans``, from the beginning to the last of them."""
    out, clock = [], 0.0
    for start, end in joined(spans, 0.0):
        if min(start, duration_s) - clock >= least_s:
            out.append((clock, start))
        clock = max(clock, end)
    return out


def obvious_reading(tool: str, caller: list[Span], agent: list[Span], duration_s: float) -> Reading:
    """Turns and incidents from the speech spans of both sides."""
    reading = Reading(tool, tells=TELLS, critical_yield_ms=CRITICAL_YIELD_MS)
    agent = joined(agent, UTTERANCE_PAUSE_S)
    turns: list[Span] = []
    for start, end in joined(caller, UTTERANCE_PAUSE_S):
        over = next((said for said in agent if said[0] < start < said[1]), None)
        if over is not None:
            yield_s = over[1] - start
            if end - start < BARGE_IN_S and yield_s > PROMPT_YIELD_S:
                reading.incidents.append(FoundIncident("backchannel", start, (end - start) * 1e3))
                continue
            critical = yield_s * 1e3 > CRITICAL_YIELD_MS
            reading.incidents.append(FoundIncident("barge_in", start, yield_s * 1e3, critical))
        resumed = turns and start - turns[-1][1] < TURN_PAUSE_S
        if resumed and not any(turns[-1][0] < said[0] < start for said in agent):
            turns[-1] = (turns[-1][0], end)
        else:
            turns.append((start, end))
    for (start, end), following in zip(turns, [*turns[1:], (duration_s, 0.0)], strict=True):
        answer = next((said[0] for said in agent if start < said[0] < following[0]), None)
        gap_ms = None if answer is None else (answer - end) * 1e3
        reading.turns.append(FoundTurn(start, end, gap_ms))
        if gap_ms is None and following[0] < duration_s:
            silent_ms = (following[0] - end) * 1e3
            reading.incidents.append(FoundIncident("missed_response", end, silent_ms))
        elif gap_ms is not None and gap_ms < -100:
            reading.incidents.append(FoundIncident("early_start", answer, -gap_ms))
    for start, end in silences([*caller, *agent], duration_s, DEAD_AIR_S):
        critical = end - start >= CRITICAL_DEAD_AIR_S
        reading.incidents.append(FoundIncident("dead_air", start, (end - start) * 1e3, critical))
    return reading
