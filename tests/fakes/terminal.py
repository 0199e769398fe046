"""A program in a pseudo-terminal of its own: read until a prompt is there, then type."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>]")
_PROMPT = re.compile(r"(\]|\(hidden\)|\n): \Z")
_CHILD = (
    "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "from echotrace.cli.main import main; main()"
)
CTRL_C = "\x03"
CTRL_D = "\x04"


class Terminal:
    """``echotrace`` with these arguments in a terminal of 80 x 24; used with ``with``."""

    def __init__(self, *arguments, env, cwd, limit_s=60.0):
        self._limit_s = limit_s
        self.raw = b""
        self._seen = 0
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", _CHILD, *map(os.fspath, arguments)],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env={"TERM": "xterm-256color", **env},
                cwd=cwd,
                start_new_session=True,
            )
        finally:
            os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    @property
    def text(self):
        """All that was shown, without control sequences."""
        clean = _CONTROL.sub(b"", self.raw).replace(b"\r", b"")
        return clean.decode("utf-8", "replace")

    def expect(self, *words):
        """Read until each of these has appeared, in this order, after what was expected before."""
        for word in words:
            end = time.monotonic() + self._limit_s
            while (at := self.text.find(word, self._seen)) < 0:
                left = end - time.monotonic()
                if left <= 0 or not self._read(left):
                    raise AssertionError(f"{word!r} did not appear after:\n{self.text}")
            self._seen = at + len(word)
        return self

    def prompt(self):
        """Read until the last thing shown is a prompt that waits for an answer."""
        end = time.monotonic() + self._limit_s
        while not _PROMPT.search(self.text, self._seen):
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                raise AssertionError(f"no prompt appeared after:\n{self.text}")
        self._seen = len(self.text)
        return self

    def type(self, text, *, enter=True):
        os.write(self._master, (text + ("\r" if enter else "")).encode())
        return self

    def answer(self, title, text):
        """Wait for a question and its prompt, then answer."""
        return self.expect(title).prompt().type(text)

    def leave(self, key):
        """Type a key that leaves, again where it was lost on the way; return the exit code.

        A signal that comes in a destructor, or after a prompt is drawn and before the interpreter
        waits for the answer, is noticed with the next key only, as it is for a person.
        """
        for _ in range(3):
            self.type(key, enter=False)
            end = time.monotonic() + self._limit_s / 12
            while (left := end - time.monotonic()) > 0:
                if not self._read(left):
                    break
            if left > 0 and time.monotonic() < end:
                break
        return self.wait()

    def wait(self):
        """Read to the end and return the exit code."""
        end = time.monotonic() + self._limit_s
        while self._read(max(0.0, end - time.monotonic())):
            pass
        return self.process.wait(max(0.1, end - time.monotonic()))

    def _read(self, limit_s):
        if not select.select([self._master], [], [], limit_s)[0]:
            return False
        with contextlib.suppress(OSError):  # Linux says EIO where the other side has gone
            part = os.read(self._master, 65_536)
            self.raw += part
            return bool(part)
        return False
