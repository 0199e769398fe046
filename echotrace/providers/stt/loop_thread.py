"""An event loop in a thread of its own, for requests that can be given up while they are out."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import wait
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from echotrace.providers.stt.base import IsStopped, SttStopped

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

__all__ = ["LoopThread"]

T = TypeVar("T")

_POLL_S: Final = 0.05
_GIVE_UP_S: Final = 2.0


class LoopThread:
    """Runs coroutines for callers that have no event loop, or one that must not wait."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stt", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], is_stopped: IsStopped) -> T:
        """Run to the end, or until nobody waits for it any more.

        Raises:
            SttStopped: ``is_stopped`` returned True; the work was cancelled.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            while not wait((future,), _POLL_S).done:
                if is_stopped():
                    raise SttStopped
        finally:
            if not future.done():
                future.cancel()
        return future.result()

    def close(self) -> None:
        """Cancel what still runs and end the thread."""
        if not self._loop.is_closed():
            with suppress(Exception):
                asyncio.run_coroutine_threadsafe(_drain(), self._loop).result(_GIVE_UP_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_GIVE_UP_S)
            if not self._thread.is_alive():
                self._loop.close()


async def _drain() -> None:
    """Cancel every other task and let it end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=_GIVE_UP_S / 2)
    await asyncio.get_running_loop().shutdown_asyncgens()
