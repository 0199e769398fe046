"""The process that ``warm_cli`` starts: it has loaded what every run loads, and forks one per call.

A fork leaves the loop below and becomes the call: its descriptors, environment, folder, arguments
and streams are set as the interpreter would have found them, and the console script is run to the
end of the interpreter, with its exit code and its last flush.

Nothing loaded here may read a variable that a call may set (``warm_cli.may_change``), and nothing
may start a thread. Both are tested.
"""

import atexit
import gc
import importlib
import io
import os
import pickle
import pkgutil
import socket
import struct
import sys
import types
from importlib.machinery import SourceFileLoader

LIBRARIES = (
    "anyio._backends._asyncio",
    "av",
    "ctranslate2",
    "httpx",
    "numpy.ma",
    "numpy.random",
    "onnxruntime",
    "platformdirs",
    "rich.console",
    "soundfile",
    "soxr",
    "sqlite3",
    "tokenizers",
    "webrtcvad",
)
"""Not huggingface_hub, faster_whisper, textual, tqdm, pydantic: they read the environment."""

LEFT_OUT = (
    "echotrace.__main__",
    "echotrace.providers.llm.groq",
    "echotrace.providers.llm.ollama",
    "echotrace.testing",
    "echotrace.tui",
)
"""Ours that load what is not among the libraries; all others are loaded."""

HEADER = struct.Struct("!q")


def preload() -> None:
    """Load what runs load, under the same order to treat warnings as errors."""
    for name in LIBRARIES:
        importlib.import_module(name)
    import echotrace

    for found in pkgutil.walk_packages(echotrace.__path__, "echotrace."):
        if not found.name.startswith(LEFT_OUT):
            importlib.import_module(found.name)


def serve(connection: socket.socket) -> tuple[dict, list[int]]:
    """Fork for each call, and tell its process id and later its status; return in the fork."""
    connection.sendall(HEADER.pack(os.getpid()))
    while True:
        head, passed, _, _ = socket.recv_fds(connection, HEADER.size, 3, socket.MSG_WAITALL)
        if not head:
            os._exit(0)
        (size,) = HEADER.unpack(head)
        call = pickle.loads(connection.recv(size, socket.MSG_WAITALL))
        assert _threads() == 1, "a process with threads cannot be forked"
        pid = os.fork()
        if pid == 0:
            connection.close()
            return call, passed
        for descriptor in passed:
            os.close(descriptor)
        connection.sendall(HEADER.pack(pid))
        _, status = os.waitpid(pid, 0)
        connection.sendall(HEADER.pack(status))


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - as cheap as it can be


def become(call: dict, passed: list[int]) -> None:
    """Set this process up as one that was started for the call."""
    waiting = iter(passed)
    for number, given in enumerate(call["streams"]):
        if given:
            os.dup2(next(waiting), number)
        else:
            os.close(number)
    for descriptor in passed:
        os.close(descriptor)
    coerced = {name: os.environ[name] for name in ("LC_CTYPE",) if name in os.environ}  # PEP 538
    os.environ.clear()
    os.environ.update(coerced | call["environment"])
    os.chdir(call["folder"])
    sys.argv = [call["script"], *call["arguments"]]
    sys.orig_argv = [*sys.orig_argv[: sys.orig_argv.index(__file__)], *sys.argv]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = _stream(number, name) if call["streams"][number] else None
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _stream(number: int, name: str) -> io.TextIOWrapper:
    """Make a standard stream as CPython's ``create_stdio`` does."""
    old = getattr(sys, name)
    mode = "r" if number == 0 else "w"
    binary = open(number, f"{mode}b", closefd=False)  # noqa: SIM115 - a descriptor
    binary.raw.name = f"<{name}>"
    text = io.TextIOWrapper(
        binary,
        encoding=old.encoding,
        errors=old.errors,
        newline="\n",
        line_buffering=binary.raw.isatty() or number == 2,
    )
    text.mode = mode
    return text


class Leave:
    """The end of a call, as its interpreter's but for one thing: modules are not torn down.

    That is half of the time of a call, and nobody sees it. What else a fresh process does at its
    end is done: it waits for its threads, runs what was registered with ``atexit``, collects what
    is left, and flushes. An end that is not the usual one is left to the interpreter altogether.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        atexit.register(self)  # the first one registered is the last one run

    def __call__(self) -> None:
        if self.code is None:
            return
        gc.collect()
        try:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None and not stream.closed:
                    stream.flush()
        except OSError:  # the interpreter tries again, and tells it
            return
        os._exit(self.code & 0xFF)


def run(script: str, leave: Leave) -> None:
    """Run a script as the main program; what it raises goes on to the interpreter."""
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=script, __cached__=None, __builtins__=__builtins__)
    main.__dict__.update(__annotations__={}, __loader__=SourceFileLoader("__main__", script))
    sys.modules["__main__"] = main
    with open(script, "rb") as file:  # noqa: PTH123 - nothing more is loaded here
        code = compile(file.read(), script, "exec")
    try:
        exec(code, main.__dict__)
        leave.code = 0
    except SystemExit as left:
        if left.code is None or type(left.code) is int:
            leave.code = left.code or 0
        raise


if __name__ == "__main__":
    _, script, descriptor = sys.argv
    sys.path[0] = os.path.dirname(script)  # noqa: PTH120 - as the interpreter sets it
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # its thread; EchoTrace sets it before every import
    leave = Leave()
    preload()
    gc.collect()
    gc.freeze()
    become(*serve(socket.socket(fileno=int(descriptor))))
    run(script, leave)
