"""Peak resident memory of `analyze --stages signal` on a generated 3 hour stereo recording.

python .extras/bench/memory.py [--hours 3] [--stages turns]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

import echotrace

BOUNDS_MIB = {"signal": 400, "turns": 600}
DEMO = Path(echotrace.__file__).parent / "demo"


def make_recording(path: Path, hours: float) -> None:
    """The bundled call, again and again with a little noise, so that the channels differ."""
    call, rate = soundfile.read(DEMO / "call.wav", dtype="float32")
    random = np.random.default_rng(1)
    with soundfile.SoundFile(path, "w", rate, 2, subtype="PCM_16") as file:
        for _ in range(int(hours * 3600 / (len(call) / rate)) + 1):
            file.write(call + random.standard_normal(call.shape).astype(np.float32) * 1e-3)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--stages", default="signal", choices=list(BOUNDS_MIB))
    options = parser.parse_args()
    bound = BOUNDS_MIB[options.stages]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "long.wav"
        make_recording(path, options.hours)
        command = [sys.executable, "-m", "echotrace", "analyze", str(path)]
        command += ["--stages", options.stages]
        begin = time.perf_counter()
        subprocess.run([*command, "--export-only"], check=True, stdout=subprocess.DEVNULL)
        taken = time.perf_counter() - begin
        size = path.stat().st_size / 2**20
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{options.hours:g} h stereo ({size:.0f} MiB file), {options.stages}: {taken:.0f} s, ",
        end="",
    )
    print(f"peak {peak:.0f} MiB (bound {bound})")
    return peak > bound


if __name__ == "__main__":
    sys.exit(main())
