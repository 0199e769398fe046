"""Calls of a Python script that cost a fork each instead of an interpreter and its imports."""

import atexit
import io
import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.fakes.warm_cli_server import HEADER

_SERVER = Path(__file__).with_name("warm_cli_server.py")
_PIECE = 4096  # what a pipe takes at once when it takes something

_NAMES = frozenset(
    {"HOME", "PATH", "TMPDIR", "COLUMNS", "LINES", "TERM", "NO_COLOR", "FORCE_COLOR"}
    | {"SSL_CERT_FILE", "OLLAMA_HOST", "http_proxy", "https_proxy", "all_proxy", "no_proxy"}
)
_BEGINNINGS = ("ECHOTRACE_", "HF_", "XDG_")
_ENDS = ("_API_KEY", "_BASE_URL")


def may_change(name: str) -> bool:
    """Whether nobody reads this variable before a call has begun.

    Others (PYTHON..., LANG, LC_..., TZ, OMP_...) may be read as the interpreter or a library
    starts, so a call must have them as the process that it is forked from.
    """
    return name in _NAMES or name.startswith(_BEGINNINGS) or name.endswith(_ENDS)


class WarmCli:
    """A script in a process that is kept ready, and forks for each call; one at a time.

    It ends with this process at the latest.

    Args:
        script: the script, as ``python script`` would run it.
        environment: what the process is started with.
    """

    def __init__(self, script: Path, environment: Mapping[str, str]) -> None:
        self._script = str(script)
        self._fixed = _fixed(environment)
        self._lock = threading.Lock()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._connection, theirs = socket.socketpair()
        number = theirs.fileno()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", _SERVER, self._script, str(number)],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                pass_fds=(number,),
            )
        atexit.register(self.close)
        self.pid = self._number()

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the process end, and wait for it."""
        atexit.unregister(self.close)
        self._connection.close()
        self._process.wait()
        self._errors.close()

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Whether a call with this environment is the same here as in a fresh interpreter."""
        return _fixed(environment) == self._fixed

    def call(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: str | os.PathLike[str] | None = None,
        stdin: bytes | None = None,
        closed: Sequence[int] = (),
        timeout_s: float = 100,
    ) -> tuple[int, bytes, bytes]:
        """Run the script to its end; return its exit code and what it wrote.

        Args:
            arguments: what follows the script's name.
            environment: its whole environment.
            folder: its working directory; that of this process when None.
            stdin: what it may read; nothing when None.
            closed: the standard streams that it does not get, by their numbers.
            timeout_s: when it is killed, and ``subprocess.TimeoutExpired`` raised.
        """
        assert self.fits(environment)
        deadline = time.monotonic() + timeout_s
        request = {
            "script": self._script,
            "arguments": list(arguments),
            "environment": dict(environment),
            "folder": os.fspath(folder or Path.cwd()),
            "streams": [number not in closed for number in range(3)],
        }
        (its_in, our_in), (our_out, its_out), (our_err, its_err) = (_pipe() for _ in range(3))
        if stdin is None:
            its_in.close()
            its_in = io.FileIO(os.devnull, "rb")
        with self._lock, our_in, our_out, our_err:
            with its_in, its_out, its_err:
                pid = self._begin(pickle.dumps(request), (its_in, its_out, its_err), closed)
            try:
                told = _exchange(our_in, stdin or b"", (our_out, our_err), deadline)
                status = self._number(deadline)
            except BaseException as error:  # also where the test's own time is over
                os.kill(pid, signal.SIGKILL)
                self._connection.settimeout(None)
                self._number()
                if not isinstance(error, TimeoutError):
                    raise
                raise subprocess.TimeoutExpired([self._script, *arguments], timeout_s) from None
        return os.waitstatus_to_exitcode(status), *told

    def _begin(self, request: bytes, streams: Sequence[io.FileIO], closed: Sequence[int]) -> int:
        passed = [end.fileno() for number, end in enumerate(streams) if number not in closed]
        socket.send_fds(self._connection, [HEADER.pack(len(request))], passed)
        self._connection.sendall(request)
        return self._number()

    def _number(self, deadline: float | None = None) -> int:
        """Read one number from the process; when there is none, it has ended."""
        left = None if deadline is None else max(deadline - time.monotonic(), 0.001)
        self._connection.settimeout(left)
        head = self._connection.recv(HEADER.size)
        self._connection.settimeout(None)
        if not head:
            self._errors.seek(0)
            raise RuntimeError(self._errors.read().decode(errors="replace"))
        return HEADER.unpack(head)[0]


def _fixed(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not may_change(name)}


def _pipe() -> tuple[io.FileIO, io.FileIO]:
    read, write = os.pipe()
    return io.FileIO(read, "rb"), io.FileIO(write, "wb")


def _exchange(
    target: io.FileIO, data: bytes, sources: Sequence[io.FileIO], deadline: float
) -> list[bytes]:
    """Write the data and read all sources to their ends."""
    told: dict[io.FileIO, list[bytes]] = {source: [] for source in sources}
    with selectors.DefaultSelector() as selector:
        selector.register(target, selectors.EVENT_WRITE)
        for source in sources:
            selector.register(source, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(deadline - time.monotonic(), 0))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                if key.fileobj is target:
                    data = _write(target, data)
                    done = not data
                else:
                    piece = key.fileobj.read(1 << 16)
                    told[key.fileobj].append(piece)
                    done = not piece
                if done:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
    return [b"".join(pieces) for pieces in told.values()]


def _write(target: io.FileIO, data: bytes) -> bytes:
    """Write a piece; return what is left, which is nothing when nobody reads it."""
    try:
        return data[target.write(data[:_PIECE]) :]
    except BrokenPipeError:
        return b""
