"""Kills a benchmark with SIGKILL, again and again, and goes on with it until it is whole."""

import random
import signal
import subprocess
import time

from tests.fakes.cli import COMMAND, environment

TIMES = ("wall_ms", "made_at", "inference_ms")


def killed_runs(arguments, run_file, *, home, kills, seed, **extra):
    """Start a run ``kills`` times and kill each; return how many died in the middle of it.

    Where each is killed is drawn: after a number of lines of the run file, and then after a number
    of turns of an empty loop. A run that ends before it is killed is begun anew with the next.
    """
    chooser = random.Random(seed)
    died = 0
    while died < kills:
        begun = run_file.exists()
        before = lines(run_file)
        wanted = before + chooser.randrange(8)
        with subprocess.Popen(
            [*COMMAND, *arguments, "-o", run_file, *(["--resume"] if begun else [])],
            env=environment(home, **extra),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            while process.poll() is None and lines(run_file) < max(1, wanted):
                time.sleep(0.002)
            for _ in range(chooser.randrange(200_000)):
                pass
            process.send_signal(signal.SIGKILL)
            told = process.stderr.read().decode()
            process.wait()
        if process.returncode == -signal.SIGKILL:
            died += 1
        else:
            assert process.returncode == 0, told
            run_file.unlink()
    return died


def lines(path):
    """How many whole lines a file has; none while it is not there."""
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0
