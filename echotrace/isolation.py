"""A contributor's analyzer at arm's length: it may raise, hang, print or return anything.

It runs in a daemon thread with an event loop of its own, so that a hang costs its time-out and not
the run; its result is reduced to what JSON can hold.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import math
import threading
from collections.abc import Mapping
from typing import Any

from echotrace.model.codec import to_plain

__all__ = ["IsolationError", "plain_result", "run_isolated"]


class IsolationError(Exception):
    """A contributor's analyzer failed in a way of its own; ``code`` names it for scripts."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


async def run_isolated(
    kind: Any, collector: Any, path: str, arguments: Mapping[str, Any], *, timeout_s: float
) -> Any:
    """Run ``kind(collector).analyze(path, **arguments)`` in a thread and await its result.

    Raises:
        IsolationError: it took longer than ``timeout_s``, or ended its thread.
        Exception: whatever the analyzer raised.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def deliver(value: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(value)
        elif isinstance(error, Exception):
            done.set_exception(error)
        else:
            message = f"it ended its own thread with {type(error).__name__}"
            done.set_exception(IsolationError(message, "ANALYZER_FAILED"))

    def work() -> None:
        value, error = None, None
        try:
            value = _call(kind, collector, path, arguments)
        except BaseException as raised:  # noqa: BLE001 - SystemExit must not pass unseen either
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(deliver, value, error)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(work,), name="analyzer", daemon=True).start()
    try:
        return await asyncio.wait_for(done, timeout_s)
    except (asyncio.TimeoutError, TimeoutError):
        message = f"it took longer than its time-out of {timeout_s:g} s"
        raise IsolationError(message, "ANALYZER_TIMEOUT") from None


def _call(kind: Any, collector: Any, path: str, arguments: Mapping[str, Any]) -> Any:
    analyze = kind(collector).analyze
    result = analyze(path, **arguments)
    if inspect.isawaitable(result):

        async def wait() -> Any:
            return await result

        return asyncio.run(wait())
    return result


def plain_result(value: Any) -> tuple[Any, list[str]]:
    """Reduce a result to plain JSON values, and name the places that were NaN or infinite.

    Keys that begin with ``_`` are dropped, arrays become lists, what JSON cannot hold its ``repr``.
    """
    masked: list[str] = []

    def reduce(item: Any, place: str) -> Any:
        if isinstance(item, Mapping):
            return {
                str(key): reduce(inner, f"{place}.{key}" if place else str(key))
                for key, inner in item.items()
                if not str(key).startswith("_")
            }
        if isinstance(item, (list, tuple, set, frozenset)):
            return [reduce(inner, f"{place}[{index}]") for index, inner in enumerate(item)]
        if hasattr(item, "tolist"):  # a numpy array or scalar
            return reduce(item.tolist(), place)
        if isinstance(item, float) and not math.isfinite(item):
            masked.append(place or "its result")
            return None
        try:
            plain = to_plain(item)
        except TypeError:
            return repr(item)[:1000]
        return reduce(plain, place) if isinstance(plain, (dict, list)) else plain

    return reduce(value, ""), masked
