"""This side of the pipe to the process that PocketSphinx works in; see ``sphinx_worker``."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from echotrace.errors import MissingDependencyError
from echotrace.providers.stt.base import IsStopped, SttStopped, never_stopped
from echotrace.providers.stt.sphinx_worker import OTHER_KIND

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SphinxProcess", "pcm16"]

_WORKER: Final = Path(__file__).with_name("sphinx_worker.py")
_POLL_S: Final = 0.1


class SphinxProcess:
    """Starts the process, asks it, and ends it; one request at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> dict[str, Any]:
        """Start the process and return what it answers when the model is loaded.

        Raises:
            MissingDependencyError: the model cannot be loaded.
        """
        self._process = subprocess.Popen(
            [sys.executable, str(_WORKER), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self._answer(never_stopped)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what it did not read is of no use to it now
                    pipe.close()
        process.wait()

    def ask(
        self,
        samples: bytes = b"",
        *,
        kind: str = "recognise",
        is_stopped: IsStopped = never_stopped,
        **values: Any,
    ) -> dict[str, Any]:
        """Send one request and wait for its answer; ``sphinx_worker`` lists the kinds.

        Raises:
            SttStopped: ``is_stopped`` returned True meanwhile; the process has been ended.
            MissingDependencyError: the request failed, and the process has been ended.
        """
        process = self._process
        if process is None or process.stdin is None:
            raise RuntimeError("the engine is not loaded")
        head = len(samples).to_bytes(4, "little")
        if kind != "recognise":
            line = json.dumps({"kind": kind, "bytes": len(samples), **values}).encode()
            head = (len(line) | OTHER_KIND).to_bytes(4, "little") + line
        try:
            process.stdin.write(head + samples)
            process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        return self._answer(is_stopped)

    def _answer(self, is_stopped: IsStopped) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdout is None:
            raise RuntimeError("the engine is not loaded")
        while not select.select([process.stdout], [], [], _POLL_S)[0]:
            if is_stopped():
                self.close()
                raise SttStopped
        line = process.stdout.readline()
        if not line:
            raise self._ended()
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            self.close()
            raise _failed(reply["error"])
        return reply

    def _ended(self) -> MissingDependencyError:
        process = self._process
        status = process.wait() if process else None
        self.close()
        return _failed(f"its process ended with status {status}")


def _failed(why: str) -> MissingDependencyError:
    return MissingDependencyError(
        "the embedded engine sphinx failed",
        why=why,
        hint="--stt faster-whisper:tiny, or pip install --force-reinstall pocketsphinx",
        code="STT_FAILED",
    )


def pcm16(samples: NDArray[Any]) -> bytes:
    """Return float samples as the 16-bit integers that the process reads."""
    import numpy as np

    return bytes(np.clip(np.rint(samples * 32_768.0), -32_768, 32_767).astype("<i2").tobytes())
