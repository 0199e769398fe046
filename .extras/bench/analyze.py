"""`analyze --export-only` against the bare script (decode, load, transcribe), per interleaved pair.

Same model, beam, VAD and word times on a file of 60 s. The bound is 1.3 times the bare script.

    python .extras/bench/analyze.py [--model FOLDER] [--pairs 9]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

import echotrace

BOUND = 1.3
SECONDS = 60
DEMO = Path(echotrace.__file__).parent / "demo"
BARE = """
import sys
from faster_whisper import WhisperModel, decode_audio
path, model, threads = sys.argv[1:]
audio = decode_audio(path)
engine = WhisperModel(
    model, device="cpu", compute_type="int8", cpu_threads=int(threads), local_files_only=True
)
segments, _ = engine.transcribe(
    audio, language="en", beam_size=5, vad_filter=True, word_timestamps=True,
    condition_on_previous_text=False,
    vad_parameters={vad!r},
)
print(" ".join(segment.text for segment in segments))
"""


def make_recording(folder: Path) -> Path:
    call, rate = soundfile.read(DEMO / "call.wav", dtype="float32")
    mono = np.tile(call.sum(axis=1), 2)[: SECONDS * rate]
    path = folder / "sixty.wav"
    soundfile.write(path, mono, rate, subtype="PCM_16")
    return path


def seconds(command: list[str]) -> float:
    environment = dict(os.environ, HF_HUB_OFFLINE="1")
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - begin


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=str(DEMO / "models/whisper-mini-gold"))
    parser.add_argument("--pairs", type=int, default=9)
    options = parser.parse_args()
    from echotrace.providers.stt.faster_whisper import VAD_OPTIONS

    threads = str(min(4, os.cpu_count() or 1))
    bare = BARE.replace("{vad!r}", repr(dict(VAD_OPTIONS)))
    ratios, ours, theirs = [], [], []
    with tempfile.TemporaryDirectory() as name:
        path = str(make_recording(Path(name)))
        profiler = [sys.executable, "-m", "echotrace", "analyze", path, "--export-only"]
        profiler += ["--no-cache"]
        profiler += ["--stt", f"faster-whisper:{options.model}"]
        script = [sys.executable, "-c", bare, path, options.model, threads]
        for command in (profiler, script):
            seconds(command)
        for pair in range(options.pairs):
            order = (profiler, script) if pair % 2 else (script, profiler)
            taken = {id(command): seconds(command) for command in order}
            ours.append(taken[id(profiler)])
            theirs.append(taken[id(script)])
            ratios.append(ours[-1] / theirs[-1])
    print(f"bare script   {statistics.median(theirs):6.2f} s (median of {len(theirs)})")
    print(f"analyze       {statistics.median(ours):6.2f} s")
    ratio = statistics.median(ratios)
    spread = f"pairs {min(ratios):.2f} to {max(ratios):.2f}"
    print(f"ratio         {ratio:6.2f}   (bound {BOUND}; {spread})")
    return ratio > BOUND


if __name__ == "__main__":
    sys.exit(main())
