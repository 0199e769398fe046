"""What a benchmark run costs beside its engine, and what a second worker brings.

    python .extras/bench/benchmark.py AUDIO_DIR [--clips 200] [--engine sphinx] [--seconds 4]

Clips are cut from the recordings of AUDIO_DIR, no two alike. Three figures, each wall and CPU time:
a bare script that gives the same clips to PocketSphinx and does nothing else, `echotrace benchmark`
with one worker, and with two. The cache is off, and two rounds are made in turn; the best counts.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile

BARE = """
import sys
import numpy as np, soundfile
from pocketsphinx import Decoder
decoder = Decoder(loglevel="FATAL", samprate=16000.0)
for path in sys.argv[1:]:
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == 16000, rate
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), no_search=False, full_utt=True)
    decoder.end_utt()
    decoder.hyp()
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("audio", type=Path)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--engine", default="sphinx")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = cut(options.audio, folder / "clips", options.clips, options.seconds)
        rounds = [measure(folder, clips, options.engine, at) for at in range(options.rounds)]
    best = {key: min(each[key] for each in rounds) for key in rounds[0]}
    for key in ("bare", "one", "two"):
        if (key, "wall") in best:
            print(f"{key:5} wall {best[key, 'wall']:7.2f} s   CPU {best[key, 'cpu']:7.2f} s")
    print(f"engine's own time in the run of one: {best['one', 'engine']:.2f} s")
    over = best["one", "wall"] / best["one", "engine"]
    print(f"one worker over its engine's own time: {over:.3f} (wall)")
    if ("bare", "wall") in best:
        for kind in ("wall", "cpu"):
            over = best["one", kind] / best["bare", kind]
            print(f"one worker over the bare engine: {over:.3f} ({kind})")
    print(f"two workers faster than one: {best['one', 'wall'] / best['two', 'wall']:.3f} (wall)")


def cut(audio, folder, count, seconds):
    """Write clips of 16 kHz mono, cut at other places each."""
    folder.mkdir()
    sources = []
    for path in sorted([*audio.rglob("*.flac"), *audio.rglob("*.wav")]):
        samples, rate = soundfile.read(path, dtype="int16")
        if rate == 16_000 and samples.ndim == 1 and len(samples) > (seconds + 1) * rate:
            sources.append(samples)
    if not sources:
        sys.exit(f"{audio} holds no mono recording of 16 kHz and more than {seconds + 1:g} s")
    length = round(seconds * 16_000)
    paths = []
    for at in range(count):
        samples = sources[at % len(sources)]
        begin = (at * 7_919) % (len(samples) - length)
        paths.append(folder / f"{at:04}.wav")
        soundfile.write(paths[-1], samples[begin : begin + length], 16_000)
        paths[-1].with_suffix(".txt").write_text("a text to compare with what is heard")
    return paths


def measure(folder, clips, engine, number):
    found = {}
    if engine == "sphinx":
        found["bare", "wall"], found["bare", "cpu"] = timed([sys.executable, "-c", BARE, *clips])
    for name, jobs in (("one", 1), ("two", 2)):
        run = folder / f"{name}-{number}.jsonl"
        command = [sys.executable, "-m", "echotrace", "benchmark", clips[0].parent, "--no-cache"]
        command += ["--engines", engine, "--jobs", str(jobs), "-o", run, "-q"]
        found[name, "wall"], found[name, "cpu"] = timed(command)
        items = [json.loads(line) for line in run.read_text().splitlines()[1:]]
        assert {item["status"] for item in items} == {"ok"}
        found[name, "engine"] = sum(item["inference_ms"] or 0.0 for item in items) / 1e3
    return found


def timed(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, env=env)
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
