"""`echotrace --version` against `python -c "import typer"`, interleaved; the bound is 3 times.

python .extras/bench/startup.py
"""

import statistics
import subprocess
import sys
import time

BOUND = 3.0
ROUNDS = 15


def milliseconds(*arguments: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return (time.perf_counter() - begin) * 1e3


def main() -> int:
    commands = {
        'python -c "import typer"': ("-c", "import typer"),
        "echotrace --version": ("-m", "echotrace", "--version"),
        "echotrace analyze --help": ("-m", "echotrace", "analyze", "--help"),
    }
    taken = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, arguments in commands.items():
            taken[name].append(milliseconds(*arguments))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    base = next(iter(medians.values()))
    for name, value in medians.items():
        print(f"{name:28} {value:6.0f} ms   {value / base:4.2f} x")
    return medians["echotrace --version"] / base > BOUND


if __name__ == "__main__":
    sys.exit(main())
