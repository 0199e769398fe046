"""Asking a provider for real, and keeping what came with the moment it came."""

from __future__ import annotations

import asyncio
import inspect
import io
import time
from contextlib import aclosing, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from echotrace.testing.rule import BrokenRuleError, said
from echotrace.testing.watch import run_alone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Asked", "Course", "ask_all", "cancel_and_ask_again", "only_check", "refused"]

_LEFTOVER_S = 0.5


@dataclass(slots=True)
class Asked:
    """One request: every event with the ``perf_counter_ns`` at which it came out.

    ``counts`` are ``requests_sent`` before and after; ``error`` is what ended it.
    """

    started_ns: int
    events: list[tuple[Any, int]] = field(default_factory=list)
    counts: tuple[Any, Any] = (None, None)
    error: BaseException | None = None


@dataclass(slots=True)
class Course:
    """Requests made one after the other of one provider, what it printed, and its closing."""

    asked: list[Asked] = field(default_factory=list)
    printed: str = ""
    closing: list[BaseException] = field(default_factory=list)
    provider: Any = None


def ask_all(
    make: Callable[[], Any], asks: Sequence[Callable[[Any], Any]], limit_s: float
) -> Course:
    """Make one provider, ask it several times, close it twice.

    Raises:
        NeverEnds: it took longer than ``limit_s``.
        Exception: it could not be made, checked or prepared.
    """
    course = Course()

    async def work() -> None:
        course.provider = provider = make()
        provider.check()
        try:
            await _prepared(provider)
            for ask in asks:
                course.asked.append(asked := Asked(started_ns=0))
                await _record(provider, ask, asked)
                if asked.error is not None:
                    break
        finally:
            await _close(provider, course)
            await _close(provider, course)

    printed = io.StringIO()
    with redirect_stdout(printed):
        run_alone(work, limit_s=limit_s)
    course.printed = printed.getvalue()
    return course


def only_check(make: Callable[[], Any]) -> BaseException | None:
    """Make a provider and return what ``check`` raises."""
    provider = make()
    try:
        provider.check()
    except Exception as error:  # noqa: BLE001 - judged by the caller
        return error
    return None


def refused(
    make: Callable[[], Any], ask: Callable[[Any], Any], limit_s: float
) -> BaseException | None:
    """Return the error that one request ends with, from making the provider to its last event."""

    async def work() -> BaseException | None:
        provider = None
        try:
            provider = make()
            provider.check()
            await _prepared(provider)
            await _record(provider, ask, asked := Asked(started_ns=0))
        except Exception as error:  # noqa: BLE001 - judged by the caller
            return error
        finally:
            if provider is not None:
                await provider.close()
        return asked.error

    return run_alone(work, limit_s=limit_s)


def cancel_and_ask_again(
    rule: str, make: Callable[[], Any], ask: Callable[[Any], Any], limit_s: float
) -> Asked:
    """Leave one request early, cancel another in its middle, and return a third.

    Raises:
        BrokenRuleError: the cancel was not obeyed, or a task was left behind.
        NeverEnds: it took longer than ``limit_s``.
    """

    async def work() -> Asked:
        provider = make()
        provider.check()
        try:
            await _prepared(provider)
            before = asyncio.all_tasks()
            async with aclosing(_stream(provider, ask)) as events:
                async for _ in events:
                    break
            await _nothing_left(rule, before, "was left early")
            await _cancel(rule, _stream(provider, ask), limit_s / 2)
            await _nothing_left(rule, before, "was cancelled")
            last = Asked(started_ns=0)
            await _record(provider, ask, last)
            return last
        finally:
            await provider.close()

    return run_alone(work, limit_s=limit_s)


async def _close(provider: Any, course: Course) -> None:
    try:
        await provider.close()
    except Exception as error:  # noqa: BLE001 - judged by a rule of its own
        course.closing.append(error)


async def _prepared(provider: Any) -> None:
    prepare = getattr(provider, "prepare", None)  # a speech synthesiser has none
    if prepare is not None:
        await prepare()


def _stream(provider: Any, ask: Callable[[Any], Any]) -> Any:
    events = ask(provider)
    if hasattr(events, "__anext__") and hasattr(events, "aclose"):
        return events
    got = said(events)
    if inspect.iscoroutine(events):
        events.close()
        got = "a coroutine"
    raise BrokenRuleError(
        "a request gives an asynchronous generator",
        expected="a method of `async def` with `yield` in it",
        got=got,
    )


async def _record(provider: Any, ask: Callable[[Any], Any], asked: Asked) -> None:
    before = provider.requests_sent
    asked.started_ns = time.perf_counter_ns()
    try:
        async with aclosing(_stream(provider, ask)) as events:
            async for event in events:
                asked.events.append((event, time.perf_counter_ns()))
    except Exception as error:  # noqa: BLE001 - judged by the rules
        asked.error = error
    asked.counts = (before, provider.requests_sent)


async def _cancel(rule: str, events: Any, limit_s: float) -> None:
    begun, seen = asyncio.Event(), 0

    async def consume() -> None:
        nonlocal seen
        async with aclosing(events):
            async for _ in events:
                seen += 1
                begun.set()

    task = asyncio.create_task(consume())
    waiting = asyncio.create_task(begun.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    await asyncio.wait({waiting})
    at_cancel, finished = seen, task.done()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=limit_s)
    expected = "a request that is cancelled in its middle to raise CancelledError at once"
    if not done:
        raise BrokenRuleError(rule, expected=expected, got=f"it still runs after {limit_s:g} s")
    if task.cancelled() or finished:
        return
    error = task.exception()
    if error is not None:
        raise BrokenRuleError(rule, expected=expected, got=said(error))
    if seen > at_cancel:
        raise BrokenRuleError(rule, expected=expected, got=f"{seen - at_cancel} more events")
    raise BrokenRuleError(rule, expected=expected, got="it ended as if it had been whole")


async def _nothing_left(rule: str, before: set[asyncio.Task[Any]], when: str) -> None:
    left = asyncio.all_tasks() - before
    if not left:
        return
    _, pending = await asyncio.wait(left, timeout=_LEFTOVER_S)
    if pending:
        names = sorted(getattr(task.get_coro(), "__qualname__", "a task") for task in pending)
        raise BrokenRuleError(
            rule,
            expected=f"no task to be left when a request {when}",
            got=f"still running: {', '.join(names)}",
        )
