"""How fast the turns of a 10 minute two-channel call are measured on one core, start-up left out.

The call is the bundled one again and again, or generated calls end to end with --speech-dir. The
child process is held to one core and one thread per library, reads a short call first, so that
imports and models are loaded, and then reads the long one --runs times. Real time over the median
of the CPU times has to reach 100: on one core that is the wall time of an idle machine, which is
printed beside it. Peak memory of a 3 hour call: memory.py --stages turns.

    python .extras/bench/turns_speed.py [--minutes 10] [--runs 3] [--stages turns]
        [--speech-dir DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

import echotrace

BOUND = 100.0
BUSY = 1.15
DEMO = Path(echotrace.__file__).parent / "demo"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
CHILD = """
import json, os, sys, time
short, long, stages, runs = sys.argv[1:]
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
from echotrace import analyze
def read(path):
    wall, cpu = time.perf_counter(), time.process_time()
    report = analyze(path, stages=tuple(stages.split(",")), settings={"audio.caller_channel": 0})
    return report, time.perf_counter() - wall, time.process_time() - cpu
read(short)
rows = []
for _ in range(int(runs)):
    report, wall, cpu = read(long)
    rows.append((wall, cpu))
spans = [(span.name, span.duration_ms, span.cpu_ms) for span in report.latency.spans]
turns = len(report.conversation.turns) if report.conversation else 0
print(json.dumps({"rows": rows, "spans": spans, "turns": turns}))
"""


def demo_call(minutes: float) -> tuple[np.ndarray, int]:
    """The bundled call end to end with a little noise, so that no two passes are the same."""
    call, rate = soundfile.read(DEMO / "call.wav", dtype="float32")
    frames = int(minutes * 60 * rate)
    random = np.random.default_rng(1)
    samples = np.tile(call, (frames // len(call) + 1, 1))[:frames]
    return samples + random.standard_normal(samples.shape).astype(np.float32) * 1e-3, rate


def generated_call(minutes: float, speech: Path, seed: int) -> tuple[np.ndarray, int]:
    """Generated calls of several conditions, end to end."""
    from echotrace.fixtures.calls import CONDITIONS, build_call, find_speech_clips

    clips, parts, rate, index = find_speech_clips(speech), [], 16_000, 0
    names = ("clean", "white10", "babble10", "office10")
    while sum(part.shape[1] for part in parts) < minutes * 60 * rate:
        condition = CONDITIONS[names[index % len(names)]]
        parts.append(build_call(clips, seed=seed, index=index, condition=condition).samples)
        index += 1
    return np.concatenate(parts, axis=1)[:, : int(minutes * 60 * rate)].T, rate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--stages", default="turns", help="names, separated by commas")
    parser.add_argument("--speech-dir", type=Path, help="clean speech to generate calls from")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    if options.speech_dir is None:
        samples, rate = demo_call(options.minutes)
    else:
        samples, rate = generated_call(options.minutes, options.speech_dir, options.seed)
    with tempfile.TemporaryDirectory() as name:
        long = Path(name) / "long.wav"
        soundfile.write(long, samples, rate, subtype="PCM_16")
        command = [sys.executable, "-c", CHILD, str(DEMO / "call.wav"), str(long)]
        command += [options.stages, str(options.runs)]
        environment = dict(os.environ) | dict.fromkeys(THREADS, "1")
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env=environment, cwd=name
        )
    found = json.loads(done.stdout)
    seconds = len(samples) / rate
    wall = statistics.median(row[0] for row in found["rows"])
    cpu = statistics.median(row[1] for row in found["rows"])
    print(
        f"{seconds / 60:.1f} min, 2 channels at {rate} Hz, stages {options.stages}, one core,"
        f" median of {options.runs}: {found['turns']} turns"
    )
    print(f"cpu  {cpu:.2f} s = {seconds / cpu:.0f} x real time (bound {BOUND:.0f})")
    busy = ": the machine is busy" if wall > BUSY * cpu else ""
    print(f"wall {wall:.2f} s = {seconds / wall:.0f} x real time{busy}")
    for span, duration_ms, cpu_ms in found["spans"]:
        cpu_s = "" if cpu_ms is None else f", cpu {cpu_ms / 1e3:6.2f} s"
        print(f"  {span:<24} {duration_ms / 1e3:6.2f} s{cpu_s}")
    return seconds / cpu < BOUND


if __name__ == "__main__":
    sys.exit(main())
