"""Run one peer over one recording and print its reading; started by the peers' interpreter.

    python peer_runner.py TOOL CALL.wav TRUTH.json
    python peer_runner.py --versions

Channel 0 is the caller's. Each peer is called at its documented entry point for a two-channel
recording, with its default settings unless stated here.

hotato
    Incidents are those of ``hotato check`` (autopsy), with its own severities. Response gaps are
    those of ``hotato scan --min-gap 0.01``, since the default lists only gaps of 2 s and more; an
    agent that starts early is listed there with how long the caller went on, which is the negative
    gap. How late an agent went silent is the scan's too. It tells only the caller's end of a turn.
hotato-told
    ``hotato run`` scores one event at an onset that a person labels. It is told the true onsets:
    that of the caller's last utterance of each turn for the gap, that of each barge-in for the
    yield. No other tool is told anything. Voice activity is kept from one onset to the next, which
    changes no figure.
call-ai-metrics
    ``analyze(path, speakers=[...])``: gaps between its turns (not clamped at 0, as its own median
    is), its interruptions by the caller. It lists no backchannels and grades nothing.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from turn_taking.readings import FoundIncident, FoundTurn, Reading

TOOLS = {
    "hotato": "hotato",
    "hotato-told": "hotato",
    "call-ai-metrics": "call-ai-metrics",
}
HOTATO_TYPES = {
    "barge-in": "barge_in",
    "talk-over": "talk_over",
    "dead-air": "dead_air",
    "latency-spike": "slow_response",
}
SMALLEST_GAP_S = 0.01


def versions() -> dict[str, str | None]:
    there = {found.name: found.version for found in importlib.metadata.distributions()}
    return {tool: there.get(distribution) for tool, distribution in TOOLS.items()}


def hotato(path: str, truth: dict) -> Reading:
    from hotato.autopsy import TALK_OVER_CRITICAL_SEC, run_autopsy
    from hotato.scan import scan_recording

    reading = Reading(
        "hotato",
        tells=("gap", "yield", "severity", "barge_in", "talk_over", "dead_air", "slow_response"),
        critical_yield_ms=TALK_OVER_CRITICAL_SEC * 1e3,
    )
    scan = scan_recording(path, min_gap_sec=SMALLEST_GAP_S)
    yields: dict[float, float | None] = {}
    for moment in scan["candidates"]:
        durations, reaction = moment["durations"], moment["agent_reaction"] or {}
        if moment["kind"] == "overlap_while_agent_talking":
            after_s = reaction.get("after_sec")
            yields[moment["t_sec"]] = None if after_s is None else after_s * 1e3
        elif moment["kind"] == "long_response_gap":
            answered = reaction.get("next_agent_onset_sec") is not None
            gap_ms = durations["gap_sec"] * 1e3 if answered else None
            reading.turns.append(FoundTurn(None, moment["t_sec"], gap_ms))
        elif moment["kind"] == "agent_start_during_caller":
            early_s = durations.get("caller_kept_talking_sec")
            if early_s is not None:
                end_s = moment["t_sec"] + early_s
                reading.turns.append(FoundTurn(None, end_s, -early_s * 1e3))
    try:
        result, _ = run_autopsy(path)
    except ValueError as error:
        reading.refused = str(error).splitlines()[0]
        return reading
    for incident in result["incidents"]:
        kind = HOTATO_TYPES.get(incident["kind_key"])
        if kind is None:
            continue
        at_s, durations = incident["t_sec"], incident["measurements"]
        length_s = durations.get("gap_sec", durations.get("trailing_silence_sec"))
        if kind == "barge_in":
            duration_ms = yields.get(at_s)
        elif length_s is not None:
            duration_ms = length_s * 1e3
        else:
            duration_ms = durations["overlap_sec"] * 1e3
        critical = incident["severity"] == "CRITICAL"
        reading.incidents.append(FoundIncident(kind, at_s, duration_ms, critical))
    return reading


def hotato_told(path: str, truth: dict) -> Reading:
    from hotato._engine import score
    from hotato._engine.audio import read_wav

    reading = Reading("hotato-told", tells=("gap", "yield"))
    signal = read_wav(path)
    config = score.ScoreConfig()
    kept = {
        id(params): score._run_vad(signal.get(channel), signal.sample_rate, config, params)
        for channel, params in ((0, config.caller_vad), (1, config.agent_vad))
    }
    score._run_vad = lambda samples, rate, config, params: kept[id(params)]
    for turn in truth["turns"]:
        user = turn["user"]
        if user is None:
            continue
        inside = [said["start_s"] for said in truth["caller"] if said["end_s"] <= user["end_s"]]
        last_s = max([user["start_s"], *inside])
        latency = score.score_stereo(signal, 0, 1, last_s, config).signals["latency"]
        gap_s, early_s = latency["response_gap_sec"], latency["premature_start_sec"]
        if gap_s is None and early_s is not None:
            gap_s = -early_s
        gap_ms = None if gap_s is None else gap_s * 1e3
        reading.turns.append(FoundTurn(user["start_s"], user["end_s"], gap_ms))
    for incident in truth["incidents"]:
        if incident["type"] == "barge_in":
            onset_s = incident["at_s"]
            yielded_s = score.score_stereo(signal, 0, 1, onset_s, config).time_to_yield_sec
            yielded_ms = None if yielded_s is None else yielded_s * 1e3
            reading.incidents.append(FoundIncident("barge_in", onset_s, yielded_ms))
    return reading


def call_ai_metrics(path: str, truth: dict) -> Reading:
    from call_ai_metrics import analyze

    report = analyze(path, speakers=["caller", "agent"])
    reading = Reading("call-ai-metrics", tells=("gap", "barge_in"))
    for turn, following in zip(report.turns, [*report.turns[1:], None], strict=True):
        if turn.speaker == "caller":
            answered = following is not None and following.speaker == "agent"
            gap_ms = (following.start_s - turn.end_s) * 1e3 if answered else None
            reading.turns.append(FoundTurn(turn.start_s, turn.end_s, gap_ms))
    for event in report.interruption_events:
        if event.by == "caller":
            duration_ms = event.overlap_s * 1e3
            reading.incidents.append(FoundIncident("barge_in", event.time_s, duration_ms))
    return reading


READERS = {"hotato": hotato, "hotato-told": hotato_told, "call-ai-metrics": call_ai_metrics}


def main() -> None:
    if sys.argv[1] == "--versions":
        print(json.dumps(versions()))
        return
    tool, path, truth_path = sys.argv[1:]
    truth = json.loads(Path(truth_path).read_text("utf-8"))
    print(READERS[tool](path, truth).to_json())


if __name__ == "__main__":
    main()
