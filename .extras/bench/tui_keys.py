"""How soon the app answers a key on a report of three hours, and how much memory it takes.

The real program in a pseudo-terminal: `echotrace open` on a report with 2,000 turns and 20,000
words. Per view some keys are pressed again and again; a key is answered when the last byte of what
it draws has been written. Bounds: 50 ms per key (each view's median and 95th percentile are told,
the bound holds for the 95th), 150 MB of resident memory for the process after all views were open.

    python .extras/bench/tui_keys.py [--presses 20] [--size 160x48]
"""

import argparse
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.fakes.large_reports import three_hour_report

BOUND_MS = 50.0
BOUND_MB = 150.0
QUIET_S = 0.06
"""A burst of output has ended when nothing came for this long."""
FIRST_S = 30.0
NEVER_QUIET_S = 3.0
VIEWS = (
    ("overview", "", ("t",), ("j", "k")),
    ("overview, filter", "", ("t", "/", *"heard > 1500", "\r"), ("j", "k")),
    ("turn sheet", "", ("\x1b", "t", "\r"), ("n", "p")),
    ("timeline", "\x1b", ("l",), ("\x1b[C", "\x1b[D", "n", "p", "+", "-")),
    ("timeline, zoomed", "", ("+",) * 8, ("\x1b[C", "\x1b[1;2C", "n", "p")),
    ("waterfall", "\x1b", ("f",), ("j", "k")),
    ("text", "\x1b", ("x",), ("\x1b[B", "\x1b[A", "n", "p")),
    ("score", "\x1b", ("s",), ("j", "k")),
    ("words", "\x1b", ("w",), ("j", "k")),
)
"""Name, the keys that leave the view before, the keys that open this one, the keys to time."""


class Terminal:
    """The app in a pseudo-terminal of a size."""

    def __init__(self, command, columns, lines):
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            environment = {key: value for key, value in os.environ.items() if key != "CI"}
            environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            os.execve(command[0], command, environment)
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, size)

    def press(self, key):
        """Return the milliseconds until the last byte of the answer; None without an answer."""
        os.write(self.descriptor, key.encode())
        return self.burst(first_s=1.0)

    def burst(self, *, first_s, quiet_s=QUIET_S):
        begin = last = time.perf_counter()
        answered = False
        while select.select([self.descriptor], [], [], quiet_s if answered else first_s)[0]:
            os.read(self.descriptor, 1 << 20)
            answered, last = True, time.perf_counter()
            if last - begin > first_s + NEVER_QUIET_S:
                raise SystemExit("the app is never quiet: it draws with nobody at the keys")
        return (last - begin) * 1e3 if answered else None

    def resident_mb(self, field="VmRSS"):
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(field))
        return int(line.split()[1]) / 1024

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        os.close(self.descriptor)
        os.waitpid(self.pid, 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presses", type=int, default=20)
    parser.add_argument("--size", default="160x48")
    options = parser.parse_args()
    columns, lines = (int(part) for part in options.size.split("x"))
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "call.json"
        path.write_text(three_hour_report().to_json(), "utf-8")
        command = [sys.executable, "-m", "echotrace", "open", str(path)]
        terminal = Terminal(command, columns, lines)
        try:
            terminal.burst(first_s=FIRST_S, quiet_s=1.0)
            print(f"{'view':18} {'opened':>9} {'median':>9} {'p95':>9} {'worst':>9}   presses")
            for name, leave, opening, keys in VIEWS:
                for key in leave:
                    terminal.press(key)
                    terminal.burst(first_s=0.3)
                opened = 0.0
                for key in opening:
                    opened = terminal.press(key) or opened
                terminal.burst(first_s=0.5, quiet_s=0.3)
                taken = []
                for count in range(options.presses):
                    answer = terminal.press(keys[count % len(keys)])
                    if answer is not None:
                        taken.append(answer)
                taken.sort()
                if not taken:
                    print(f"{name:18} no key was answered")
                    failed = True
                    continue
                p95 = taken[min(len(taken) - 1, round(0.95 * (len(taken) - 1)))]
                failed |= p95 > BOUND_MS
                print(
                    f"{name:18} {opened:6.0f} ms {taken[len(taken) // 2]:6.0f} ms {p95:6.0f} ms"
                    f" {taken[-1]:6.0f} ms   {len(taken)} of {options.presses} answered"
                )
            print(
                f"memory {terminal.resident_mb():.0f} MB, at most "
                f"{terminal.resident_mb('VmHWM'):.0f} MB (bound {BOUND_MB:.0f})"
            )
            failed |= terminal.resident_mb("VmHWM") > BOUND_MB
        finally:
            terminal.close()
    print(f"bound per key {BOUND_MS:.0f} ms: {'failed' if failed else 'held'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
