"""The app's first frame against `import textual.app`, and how long its event loop is ever held up.

First frame: `echotrace demo` in a pseudo-terminal, from the start of the process to the first
complete frame, at most 0.6 s beyond `python -c "import textual.app"`; interleaved pairs in one run.
Event loop: a task that ticks every 5 ms in the app while the bundled models run; no gap between two
ticks may exceed 50 ms beyond the tick itself.

    python .extras/bench/tui.py [--pairs 7] [--runs 3]
"""

import argparse
import asyncio
import os
import pty
import select
import signal
import statistics
import subprocess
import sys
import time

from echotrace.cli.bundled import demo_runs
from echotrace.tui.app import EchoTraceApp
from echotrace.tui.job import Job

FRAME_BOUND_S = 0.6
GAP_BOUND_MS = 50.0
TICK_S = 0.005
LAST_OF_FRAME = b"Help"


def first_frame_s() -> float:
    begin = time.perf_counter()
    pid, descriptor = pty.fork()
    if pid == 0:
        environment = {key: value for key, value in os.environ.items() if key != "CI"}
        environment |= {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        command = [sys.executable, "-m", "echotrace", "demo"]
        os.execve(sys.executable, command, environment)
    seen = b""
    try:
        while LAST_OF_FRAME not in seen:
            if not select.select([descriptor], [], [], 20)[0]:
                raise SystemExit("no frame within 20 s")
            seen += os.read(descriptor, 65_536)
        return time.perf_counter() - begin
    finally:
        os.kill(pid, signal.SIGTERM)
        os.close(descriptor)
        os.waitpid(pid, 0)


def import_s() -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import textual.app"], check=True)
    return time.perf_counter() - begin


async def gaps_ms() -> list[tuple[float, str]]:
    jobs = [Job(name=name, request=request, settings=own) for name, request, own in demo_runs()]
    app = EchoTraceApp(jobs)
    gaps: list[tuple[float, str]] = []

    async def tick() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.perf_counter()
            running = [log.phase.value for log in app.logs]
            gaps.append(((now - last - TICK_S) * 1e3, "/".join(running)))
            last = now

    async with app.run_test(size=(80, 24)) as pilot:
        task = asyncio.create_task(tick())
        while not all(log.phase.is_over for log in app.logs):
            await pilot.pause(0.05)
        task.cancel()
    return gaps


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    first_frame_s(), import_s()
    frames, imports = [], []
    for pair in range(options.pairs):
        for measure, into in ((first_frame_s, frames), (import_s, imports))[
            :: 1 if pair % 2 else -1
        ]:
            into.append(measure())
    beyond = statistics.median(frame - bare for frame, bare in zip(frames, imports, strict=True))
    print(f"import textual.app   {statistics.median(imports):6.3f} s (median of {len(imports)})")
    print(f"first frame          {statistics.median(frames):6.3f} s")
    print(f"beyond               {beyond:6.3f} s (bound {FRAME_BOUND_S})")
    worst = 0.0
    for run in range(options.runs):
        # A fresh process each: the second run in one would find the engines imported.
        code = f"import runpy; runpy.run_path({__file__!r})['print_gaps']()"
        found = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout
        longest, ticks = (float(part) for part in found.split())
        worst = max(worst, longest)
        print(f"longest gap, run {run + 1}   {longest:6.1f} ms of {ticks:,.0f} ticks")
    print(f"longest gap          {worst:6.1f} ms (bound {GAP_BOUND_MS:.0f})")
    return beyond > FRAME_BOUND_S or worst > GAP_BOUND_MS


def print_gaps() -> None:
    gaps = asyncio.run(gaps_ms())
    if "-v" in sys.argv or os.environ.get("BENCH_VERBOSE"):
        for gap, phase in sorted(gaps, reverse=True)[:8]:
            print(f"{gap:8.1f} {phase}", file=sys.stderr)
    print(max(gap for gap, _ in gaps), len(gaps))


if __name__ == "__main__":
    sys.exit(main())
