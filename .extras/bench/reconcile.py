"""A trace laid over a recording: how exact the clock is, what is refused, and how long it takes.

Calls are generated from a folder of clean speech, with answers late enough for a pipeline, and so
is the trace of each: offset 3.7 s, drift 150 ppm, 190 ms of silence at the head of the agent's
sound, 80 ms of transport, 600 ms of endpointing. The edges of the recording are those that the
turns stage finds. The parts of each wait are compared with the truth. Then every trace is laid over
the other calls' recordings, which must be refused.
A drift of 20 ppm moves 2 ms in a call of 100 s, less than an edge is known; --join 6 makes one
recording of six calls.

    python .extras/bench/reconcile.py --speech-dir DIR [--calls 7] [--conditions clean,white10]
        [--join 1] [--jobs 2] [--seed 7]
    python .extras/bench/reconcile.py --speed [--turns 2000] [--spans 50000]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from echotrace.fixtures.traced_call import trace_of, unhurried
from echotrace.fixtures.truth import CallTruth, Span, TrueTurn
from echotrace.model.conversation import Conversation, Turn, TurnSide
from echotrace.model.measure import Measurement
from echotrace.model.trace import TraceSpan
from echotrace.reconcile.clock import fit_clock
from echotrace.reconcile.trace_report import reconcile

CONDITIONS = "clean,white10,babble10,telephone15"
WAIT = "endpointing_wait"
OTHERS = ("turn_detection", "llm_inference", "sentence_aggregation", "speech_synthesis")
OFFSET_MS, DRIFT_PPM, PADDING_MS, BOUND_S = 15.0, 20.0, 270.0, 5.0


def joined(calls):
    """One recording of several calls, one after the other."""
    first, samples, turns, length_s = calls[0], [], [], 0.0
    for call in calls:
        for turn in call.truth.turns:
            user, agent = (
                side and replace(side, start_s=side.start_s + length_s, end_s=side.end_s + length_s)
                for side in (turn.user, turn.agent)
            )
            turns.append(replace(turn, id=len(turns) + 1, user=user, agent=agent))
        samples.append(call.samples)
        length_s += call.samples.shape[1] / call.sample_rate_hz
    truth = replace(first.truth, turns=tuple(turns), duration_s=length_s)
    return np.concatenate(samples, axis=1), first.sample_rate_hz, truth


def one_call(speech: Path, condition: str, index: int, seed: int, join: int):
    """Generate a call and let the turns stage hear it."""
    from echotrace import analyze
    from echotrace.fixtures.calls import build_call, find_speech_clips

    clips = find_speech_clips(speech)
    calls = [
        unhurried(build_call(clips, seed=seed, index=index * join + at, condition=condition))
        for at in range(join)
    ]
    samples, rate_hz, truth = joined(calls)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "call.wav"
        soundfile.write(path, samples.T, rate_hz, subtype="PCM_16")
        report = analyze(path, stages=("turns",), settings={"audio.caller_channel": 0})
    return condition, index, truth, report.conversation


def accuracy(options: argparse.Namespace) -> None:
    names = options.conditions.split(",")
    jobs = [(name, index) for name in names for index in range(1, options.calls + 1)]
    with ProcessPoolExecutor(options.jobs) as pool:
        futures = [
            pool.submit(one_call, options.speech_dir, name, index, options.seed, options.join)
            for name, index in jobs
        ]
        rows = [future.result() for future in futures]
    print("condition    calls fitted  offset error ms          drift error ppm       lag  residual")
    print("                           median worst in 15  held  median worst in 20  held   ms   ms")
    for name in names:
        table(name, [row for row in rows if row[0] == name], options)
    refused(rows, options)
    print()
    for name in names:
        parts(name, [row for row in rows if row[0] == name], options)


def table(name: str, rows, options) -> None:
    offsets, drifts, held, lags, residuals, lengths = [], [], [[], []], [], [], []
    for _, _, truth, heard in rows:
        traced = trace_of(truth, seed=options.seed)
        fit = fit_clock(traced.trace, heard)
        clock = fit.clock
        lengths.append(truth.duration_s)
        if clock.status != "fitted":
            print(f"  {name}: {clock.reason}")
            continue
        true_ms = traced.to_recording(clock.origin_s) * 1000
        offsets.append(clock.offset_ms.value - true_ms)
        held[0].append(clock.offset_ms.low <= true_ms <= clock.offset_ms.high)
        residuals.append(clock.residual_ms)
        lags.append(fit.lags_ms["agent.start.playout"] - PADDING_MS)
        if clock.drift_ppm.value is not None:
            drifts.append(clock.drift_ppm.value - traced.drift_ppm)
            held[1].append(clock.drift_ppm.low <= traced.drift_ppm <= clock.drift_ppm.high)
    text = f"{name:12} {len(rows):5} {len(offsets):6}"
    for errors, bound, inside in ((offsets, OFFSET_MS, held[0]), (drifts, DRIFT_PPM, held[1])):
        sizes = [abs(error) for error in errors]
        within = sum(size <= bound for size in sizes)
        text += f"  {statistics.median(errors):+6.1f} {max(sizes):5.1f} {within:2}/{len(sizes):2}"
        text += f" {sum(inside):2}/{len(inside):2}"
    text += f"  {statistics.median(lags):+5.1f} {statistics.median(residuals):5.1f}"
    print(text, f" ({statistics.mean(lengths):.0f} s a call)")


def refused(rows, options) -> None:
    """Lay every trace over the other calls' recordings, of every condition."""
    tries, accepted = 0, []
    for condition, index, _, heard in rows:
        for other, at, truth, _ in rows:
            if at != index and other == condition:
                tries += 1
                fit = fit_clock(trace_of(truth, seed=options.seed).trace, heard)
                if fit.clock.status != "refused":
                    accepted.append((condition, index, at))
    print(f"\ntraces of another call: refused {tries - len(accepted)} of {tries}", *accepted)


def parts(name: str, rows, options) -> None:
    """Compare the parts of each wait with the truth: the wait for the end inside its own bounds."""
    inside, errors, others, sums = [], [], [], []
    for _, _, truth, heard in rows:
        traced = trace_of(truth, seed=options.seed)
        told, _ = reconcile(traced.trace, heard, path="trace", sha256=None, offset_ms=None)
        true_turns = {turn.turn_id: turn for turn in traced.turns}
        for turn in told.turns:
            if turn.turn_id is None or turn.trace_turn_id not in true_turns or not turn.parts:
                continue
            true_ms = added(true_turns[turn.trace_turn_id].parts, lambda part: part.ms)
            found_ms = added(turn.parts, lambda part: part.ms.value)
            if turn.heard_gap_ms.value is not None:
                sums.append(abs(sum(found_ms.values()) - turn.heard_gap_ms.value))
            others += [
                abs(found_ms[key] - true_ms[key])
                for key in OTHERS
                if key in found_ms.keys() & true_ms
            ]
            for part in turn.parts:
                if part.key != WAIT or part.inside is not None or WAIT not in true_ms:
                    continue
                if part.ms.low is not None:
                    errors.append(abs(part.ms.value - true_ms[WAIT]))
                    inside.append(part.ms.low - 0.5 <= true_ms[WAIT] <= part.ms.high + 0.5)
    print(
        f"{name:12} {WAIT} inside its bounds {sum(inside)}/{len(inside)}, median error "
        f"{statistics.median(errors):.0f} ms, worst {max(errors):.0f}; parts of the trace alone "
        f"off by at most {max(others):.2f} ms; sums by {max(sums):.1g} ms"
    )


def added(parts, read):
    """Return the milliseconds of each part, without what lies inside another."""
    total: dict[str, float] = {}
    for part in parts:
        if part.inside is None:
            total[part.key] = total.get(part.key, 0.0) + read(part)
    return total


def long_call(turns: int, seconds: float):
    """The truth of a long call, and its edges as a recording would give them."""
    random = np.random.default_rng(5)
    step_s = seconds / turns
    true, heard = [], []
    for at in range(turns):
        begin_s = at * step_s + float(random.uniform(0.1, 0.5))
        user = Span(start_s=begin_s, end_s=begin_s + float(random.uniform(0.3, 0.3 * step_s)))
        gap_s = float(random.uniform(1.0, 1.0 + 0.15 * step_s))
        agent = Span(
            start_s=user.end_s + gap_s,
            end_s=user.end_s + gap_s + float(random.uniform(0.3, 0.3 * step_s)),
        )
        gap_ms = gap_s * 1000
        true.append(
            TrueTurn(id=at + 1, kind="response", user=user, agent=agent, heard_gap_ms=gap_ms)
        )
        sides = []
        for span in (user, agent):
            off = random.normal(0.0, 0.008, 2)
            sides.append(TurnSide(start_s=span.start_s + off[0], end_s=span.end_s + off[1]))
        gap = Measurement.measured(gap_ms, "ms", low=gap_ms - 30, high=gap_ms + 30)
        heard.append(
            Turn(id=at + 1, kind="response", user=sides[0], agent=sides[1], heard_gap_ms=gap)
        )
    truth = CallTruth(
        sample_rate_hz=8_000,
        duration_s=seconds,
        seed=1,
        index=1,
        condition={},
        voices={},
        caller=(),
        agent=(),
        turns=tuple(true),
        incidents=(),
        versions={},
        levels_dbfs={},
        floors_dbfs={},
    )
    from echotrace.analyzers.turn_taking import silence_only
    from echotrace.audio.stretches import ChannelSpeech
    from echotrace.config.settings import Settings

    summary, _ = silence_only(
        ChannelSpeech(stretches=()),
        reason="a bench",
        index=0,
        role="caller",
        start_s=0.0,
        end_s=seconds,
        thresholds=Settings().thresholds,
    )
    return truth, Conversation(status="measured", summary=summary, turns=tuple(heard))


def speed(options: argparse.Namespace) -> None:
    truth, heard = long_call(options.turns, 10_800.0)
    traced = trace_of(truth)
    trace = traced.trace
    missing = max(0, options.spans - len(trace.spans))
    more = [
        TraceSpan(
            id=f"{at:016x}",
            name="work",
            start_s=span.start_s,
            end_s=span.end_s,
            parent_id=span.parent_id,
            turn=span.turn,
        )
        for at, span in zip(
            range(1 << 60, (1 << 60) + missing),
            trace.spans * (missing // len(trace.spans) + 1),
            strict=False,
        )
    ]
    trace = replace(trace, spans=(*trace.spans, *more))
    print(f"{options.turns} turns, {len(trace.spans)} spans, 3 h (load {os.getloadavg()[0]:.1f})")
    wall, cpu = time.perf_counter(), time.process_time()
    fit = fit_clock(trace, heard)
    spent = time.perf_counter() - wall
    error_ms = (
        fit.to_recording(trace.spans[-1].start_s) - traced.to_recording(trace.spans[-1].start_s)
    ) * 1000
    print(
        f"fit_clock {spent:.2f} s wall, {time.process_time() - cpu:.2f} s CPU: "
        f"{fit.clock.status}, {fit.clock.matches} turns matched, {error_ms:+.2f} ms off at the end"
    )
    wall, cpu = time.perf_counter(), time.process_time()
    reconcile(trace, heard, path="trace.jsonl", sha256="0" * 64, offset_ms=None)
    spent = time.perf_counter() - wall
    verdict = "within" if spent < BOUND_S else "OVER"
    print(
        f"reconcile {spent:.2f} s wall, {time.process_time() - cpu:.2f} s CPU: "
        f"{verdict} {BOUND_S:.0f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--speech-dir", type=Path)
    parser.add_argument("--calls", type=int, default=7)
    parser.add_argument("--conditions", default=CONDITIONS)
    parser.add_argument("--join", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--turns", type=int, default=2_000)
    parser.add_argument("--spans", type=int, default=50_000)
    options = parser.parse_args()
    if options.speed:
        speed(options)
    elif options.speech_dir is None:
        parser.error("--speech-dir or --speed")
    else:
        accuracy(options)


if __name__ == "__main__":
    main()
