"""A worker: a process that does one task after another and keeps its engine loaded between them.

It is started by this file's path. Frames come in on stdin and go out on stdout, each the length of
a pickle (4 bytes) and the pickle: in where modules are, the setup, tasks, and None for the end; out
a greeting, and an item for each task. What engines print goes to stderr. When the parent is gone,
however it ended, stdin ends, and the worker with whatever it started ends at once.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and sys.path and sys.path[0] == __file__.rpartition("/")[0]:
    del sys.path[0]  # the folder of this file would shadow installed packages

import asyncio
import os
import pickle
import signal
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from echotrace.benchmark.plan import Setup, Task
    from echotrace.model.benchmark import RunItem

__all__ = ["READY", "read_frame", "serve", "write_frame"]

READY: Final = "ready"


def write_frame(stream: BinaryIO, value: object) -> None:
    """Write one value; the other side is this program."""
    data = pickle.dumps(value)
    stream.write(len(data).to_bytes(4, "little") + data)
    stream.flush()


def read_frame(stream: BinaryIO) -> Any:
    """Read one value.

    Raises:
        EOFError: the other side is gone, perhaps in the middle of a frame.
    """
    head = stream.read(4)
    size = int.from_bytes(head, "little")
    data = stream.read(size) if len(head) == 4 else b""
    if len(head) < 4 or len(data) < size:
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - a pipe to a process that this program started


def serve(
    setup: Setup, receive: Callable[[], Task | None], answer: Callable[[RunItem], None]
) -> int:
    """Do tasks until there is none; return how many models were loaded for them."""
    from echotrace.benchmark.item import make_item
    from echotrace.plugins import plugins_remembered
    from echotrace.providers.stt.kept import keep_engines

    with plugins_remembered(), keep_engines() as keeper:
        while (task := receive()) is not None:
            if task.clip is not None:
                gold = setup.settings.stt.gold
                keeper.drop_others({task.column.asked, *([gold] if gold else [])})
            answer(asyncio.run(make_item(task, setup.settings, setup.key_terms)))
    return keeper.loads


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    source = sys.stdin.buffer
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    frames: SimpleQueue[Any] = SimpleQueue()
    try:
        sys.path[:] = read_frame(source)
        setup = read_frame(source)
        import echotrace.benchmark.item
        import echotrace.orchestrator  # noqa: F401 - before the greeting: no clip pays for it

        write_frame(target, READY)
        threading.Thread(target=_listen, args=(source, frames), daemon=True).start()
        serve(setup, frames.get, lambda item: write_frame(target, item))
        target.close()
        os._exit(0)  # what is left would only be taken apart
    except (EOFError, BrokenPipeError):
        _end()


def _listen(source: BinaryIO, frames: SimpleQueue[Any]) -> None:
    """Pass frames on; when the parent is gone, end the process in whatever it is doing."""
    try:
        while (frame := read_frame(source)) is not None:
            frames.put(frame)
        frames.put(None)
    except (EOFError, OSError):
        _end()


def _end() -> None:
    """End this process and those that it started, which are of its group."""
    if os.getpgid(0) == os.getpid():
        with suppress(OSError):
            os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    from echotrace.benchmark import work

    work._main()
