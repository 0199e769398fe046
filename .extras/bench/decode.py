"""Open a recording through the audio door against the shortest script that does the same.

The bare script: soundfile reads the whole file, soxr resamples each channel to 16 kHz. The door
does that and also hashes, counts clipping and DC per channel at the native rate, correlates the
channels and keeps the samples. Features (voice activity, spectra) are left out of both.
Prints the ratio of the medians over interleaved pairs; run it with ``--memory`` for the peak
memory of a generated 3 hour stereo file, with features.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import soxr

from echotrace.audio.handle import AudioOptions, open_audio

MEMORY_SCRIPT = """
import resource, sys, time
from echotrace.audio.handle import AudioOptions, open_audio
began = time.perf_counter()
with open_audio(sys.argv[1], options=AudioOptions(keep_samples=sys.argv[2] == "keep")) as audio:
    length = audio.duration_s
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
took = time.perf_counter() - began
print(f"{sys.argv[2]}: {length:.0f} s of stereo, {took:.1f} s, {peak:.0f} MiB")
"""


class NoFeatures:
    def __init__(self, channels: int, *, start_s: float = 0.0) -> None:
        pass

    def push(self, samples: np.ndarray) -> None:
        pass

    def finish(self) -> tuple:
        return ()


def make_recording(path: Path, seconds: int, rate: int) -> None:
    random = np.random.default_rng(1)
    with soundfile.SoundFile(path, "w", rate, 2, "PCM_16") as file:
        time_s = np.arange(rate * 10) / rate
        left = 0.3 * np.sin(2 * np.pi * 220 * time_s) * (np.sin(2 * np.pi * 0.4 * time_s) > 0)
        for _ in range(seconds // 10):
            right = 0.05 * random.standard_normal(rate * 10)
            file.write(np.stack([left + 0.001 * right, right], axis=1).astype(np.float32))


def bare(path: Path) -> int:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    channels = [soxr.resample(samples[:, c], rate, 16_000) for c in range(samples.shape[1])]
    return channels[0].size


def door(path: Path, *, keep: bool) -> int:
    options = AudioOptions(keep_samples=keep)
    with open_audio(path, options=options, make_extractor=NoFeatures) as audio:
        return round(audio.duration_s * 16_000)


def timed(call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "call.wav"
        if options.memory:
            make_recording(path, 3 * 3600, 16_000)
            for mode in ("drop", "keep"):
                subprocess.run([sys.executable, "-c", MEMORY_SCRIPT, str(path), mode], check=True)
            return
        make_recording(path, options.seconds, 44_100)
        door(path, keep=True), bare(path)
        rows = [
            (
                timed(lambda: bare(path)),
                timed(lambda: door(path, keep=True)),
                timed(lambda: door(path, keep=False)),
            )
            for _ in range(options.pairs)
        ]
    plain = statistics.median(row[0] for row in rows)
    print(f"{options.seconds} s, 44.1 kHz stereo WAV, {options.pairs} interleaved runs")
    print(f"bare soundfile + soxr    {plain:.3f} s")
    for name, column in (("door, samples kept", 1), ("door, nothing kept", 2)):
        ratio = statistics.median(row[column] / row[0] for row in rows)
        print(f"{name:<24} {statistics.median(r[column] for r in rows):.3f} s   {ratio:.2f} x")


if __name__ == "__main__":
    main()
