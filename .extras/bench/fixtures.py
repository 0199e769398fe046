"""Clips per second of `echotrace generate-fixtures` against a plain script with librosa.

The plain script does the same work as one writes it by hand: librosa.load, librosa.resample, noise
from NumPy (babble of six other recordings), a gain for the SNR, soundfile.write, and the file read
again to check its SNR; an SNR over the whole clip, because librosa has no speech level. One variant
loads a clip for each file, as a function that makes one file does; the other once for all its
files. All are processes of their own, run in turn --runs times; ratios are those of the median
times of the whole process, start-up and all, and the bound holds for the first variant. Without
--speech-dir the bundled recordings are the speech.

    python .extras/bench/fixtures.py [--speech-dir DIR] [--clips 24] [--rate-hz 44100]
        [--jobs 2,1] [--runs 3]

``--snr-table`` prints instead, as Markdown, how far the SNR that `echotrace analyze` measures lies
from the achieved one, by noise and level.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile
import soxr

import echotrace
from echotrace.fixtures.manifest_file import read_manifest
from echotrace.fixtures.sound_files import decode
from echotrace.fixtures.speech import find_spoken

BOUND = 5.0
DEMO = Path(echotrace.__file__).parent / "demo"
NOISES = ("white", "pink", "brown", "babble", "hum")
LEVELS_DB = (20.0, 10.0, 5.0)
TABLE_DB = (30.0, 20.0, 15.0, 10.0, 5.0, 0.0)
PLAIN = """
import sys
from pathlib import Path

import librosa
import numpy as np
import soundfile

speech_dir, out_dir, load_each = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "each"
RATE = 16_000
random = np.random.default_rng(0)
paths = sorted(speech_dir.rglob("*.wav"))


def load(path):
    samples, rate = librosa.load(path, sr=None)
    return librosa.resample(samples, orig_sr=rate, target_sr=RATE)


def coloured(frames, power):
    spectrum = np.fft.rfft(random.standard_normal(frames))
    hz = np.fft.rfftfreq(frames, 1 / RATE)
    return np.fft.irfft(spectrum / np.maximum(hz, 20.0) ** power, frames)


def babble(path, frames):
    others = [each for each in paths if each != path]
    mix = np.zeros(frames)
    for at in random.permutation(len(others))[:6]:
        talker = np.resize(load(others[at]), frames)
        mix += np.roll(talker, random.integers(frames)) / np.sqrt(np.mean(talker**2))
    return mix


def hum(frames):
    time_s = np.arange(frames) / RATE
    return sum(np.sin(2 * np.pi * 50 * order * time_s) / order for order in range(1, 10))


def make(name, path, frames):
    if name == "white":
        return random.standard_normal(frames)
    if name == "babble":
        return babble(path, frames)
    return hum(frames) if name == "hum" else coloured(frames, {"pink": 0.5, "brown": 1.0}[name])


for path in paths:
    speech = load(path)
    for name in (None, NOISES):
        for snr in LEVELS if name else (None,):
            if load_each:
                speech = load(path)
            noise = np.zeros(len(speech))
            if name:
                noise = make(name, path, len(speech))
                noise *= np.sqrt(np.mean(speech**2) / 10 ** (snr / 10) / np.mean(noise**2))
            mixed = speech + noise
            gain = min(1.0, 0.99 / np.max(np.abs(mixed)))
            folder = out_dir / (f"{name}-{snr}" if name else "clean")
            folder.mkdir(parents=True, exist_ok=True)
            target = folder / f"{path.stem}.wav"
            soundfile.write(target, mixed * gain, RATE, subtype="PCM_16")
            again, _ = librosa.load(target, sr=None)
            if name:
                left = again - speech * gain
                power = np.mean((speech * gain) ** 2) / np.mean(left**2)
                assert abs(10 * np.log10(power) - snr) < 0.5
"""


def copies(speech_dir: Path | None, folder: Path, clips: int, rate_hz: int) -> float:
    """Write so many recordings as WAV at a rate; further ones are the first ones again."""
    spoken = find_spoken(speech_dir or DEMO).clips
    seconds = 0.0
    for at in range(clips):
        samples = decode(spoken[at % len(spoken)].path)
        seconds += len(samples) / 16_000
        high = soxr.resample(np.roll(samples, 97 * (at // len(spoken))), 16_000, rate_hz)
        soundfile.write(folder / f"clip-{at:04d}.wav", high, rate_hz, subtype="PCM_16")
    return seconds


def timed(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Run a command; return its wall time and its CPU time, that of its own children included."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, check=True, env=env, capture_output=True)
    after, wall_s = os.times(), time.perf_counter() - began
    cpu_s = after.children_user + after.children_system
    return wall_s, cpu_s - before.children_user - before.children_system


def rates(arguments: argparse.Namespace) -> int:
    files = arguments.clips * (1 + len(NOISES) * len(LEVELS_DB))
    levels = ",".join(f"{level:g}" for level in LEVELS_DB)
    program = str(Path(sys.executable).with_name("echotrace"))
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        speech, out = work / "speech", work / "out"
        speech.mkdir()
        seconds = copies(arguments.speech_dir, speech, arguments.clips, arguments.rate_hz)
        plain = PLAIN.replace("NOISES)", f"*{NOISES!r})").replace("LEVELS if", f"{LEVELS_DB!r} if")
        (work / "plain.py").write_text(plain, "utf-8")
        plain_command = [sys.executable, str(work / "plain.py"), speech, out]
        commands = {f"plain, load {how}": [*plain_command, how] for how in ("each", "once")}
        for jobs in arguments.jobs.split(","):
            commands[f"--jobs {jobs}"] = [
                program, "generate-fixtures", "--speech-dir", speech, "--out-dir", out, "--jobs",
                jobs, "--max-clips", str(arguments.clips), "--noise", ",".join(NOISES),
                "--snr", levels, "--quiet",
            ]  # fmt: skip
        taken = defaultdict(list)
        env = os.environ | {"HOME": temporary}
        for _ in range(arguments.runs):
            for name, command in commands.items():
                taken[name].append(timed([str(word) for word in command], env))
                made = len(list(out.rglob("*.wav")))
                assert made == files, f"{name} made {made} files of {files}"
                shutil.rmtree(out)
    print(f"{arguments.clips} clips, {seconds:.0f} s at {arguments.rate_hz} Hz, {files} files")
    walls = {name: statistics.median(wall for wall, _ in runs) for name, runs in taken.items()}
    for name, wall in walls.items():
        cpu = statistics.median(cpu for _, cpu in taken[name])
        print(
            f"{name:16}  {wall:7.2f} s  {files / wall:7.1f} files/s  "
            f"{walls['plain, load each'] / wall:5.1f} x  {walls['plain, load once'] / wall:5.1f} x"
            f"  (CPU {cpu:.2f} s)"
        )
    best = walls["plain, load each"] / min(list(walls.values())[2:])
    print(f"{best:.1f} x the first; wanted: {BOUND:g} x; busy cores make it less")
    return 0 if best >= BOUND else 1


def table(arguments: argparse.Namespace) -> int:
    from echotrace import analyze
    from echotrace.fixtures.fixture_plan import FixtureRequest, plan_fixtures
    from echotrace.fixtures.generate import generate
    from echotrace.fixtures.grid import GridLists

    errors: dict[tuple[str, float], list[float]] = defaultdict(list)
    missing: dict[tuple[str, float], int] = defaultdict(int)
    own: list[float] = []
    with tempfile.TemporaryDirectory() as temporary:
        request = FixtureRequest(
            speech_dir=arguments.speech_dir or DEMO,
            out_dir=Path(temporary) / "out",
            lists=GridLists(
                noise=",".join(NOISES), snr=",".join(f"{level:g}" for level in TABLE_DB)
            ),
            max_clips=arguments.clips,
        )
        generate(plan_fixtures(request))
        manifest = read_manifest(request.out_dir)
        for clip in manifest.clips:
            report = analyze(request.out_dir / clip.audio, stages=("signal",))
            measured = report.signal.channels[0].snr_db
            if clip.achieved_snr_db is None:
                own.append(math.inf if measured.value is None else measured.value)
                continue
            assert abs(clip.achieved_snr_db - clip.condition.snr_db) < 0.1
            key = clip.condition.noise, clip.condition.snr_db
            if measured.value is None:
                missing[key] += 1
            else:
                errors[key].append(measured.value - clip.achieved_snr_db)
    print(
        "Mean absolute error (and mean error) of the measured SNR in dB; - where none was given.\n"
    )
    print("| noise | " + " | ".join(f"{level:g} dB" for level in TABLE_DB) + " |")
    print("|---|" + "---|" * len(TABLE_DB))
    for noise in NOISES:
        cells = []
        for level in TABLE_DB:
            found = np.array(errors[noise, level])
            left = f", {missing[noise, level]} without" if missing[noise, level] else ""
            text = f"{np.mean(np.abs(found)):.1f} ({np.mean(found):+.1f})" if len(found) else "-"
            cells.append(text + left)
        print(f"| {noise} | " + " | ".join(cells) + " |")
    every = np.concatenate([np.array(each) for each in errors.values()])
    print(f"\n{len(every)} files: mean absolute error {np.mean(np.abs(every)):.2f} dB.")
    print(f"Without noise the same recordings measure {min(own):.0f} to {max(own):.0f} dB (median")
    print(f"{statistics.median(own):.0f}): their own noise is part of what is measured, and shows")
    print("where the noise that was added is not far above it.")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speech-dir", type=Path)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--rate-hz", type=int, default=44_100)
    parser.add_argument("--jobs", default="2,1")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--snr-table", action="store_true")
    arguments = parser.parse_args()
    return table(arguments) if arguments.snr_table else rates(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
