"""``@timed``: a span around each call of a function or method, of whatever kind it is."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from functools import wraps
from time import perf_counter_ns, thread_time_ns
from types import coroutine
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from echotrace.telemetry.ambient import CURRENT, Scope, current_collector
from echotrace.telemetry.collector import (
    ActiveSpan,
    SpanBlock,
    TelemetryCollector,
    begin,
    count_steps,
    end,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator

__all__ = ["timed"]

P = ParamSpec("P")
R = TypeVar("R")
restore = CURRENT.set


def timed(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Measure each call as a span of that name.

    A function defined in a class body uses ``self._collector`` when that is a collector; every
    other function, and a method without one, uses the ambient collector (``use_collector``, else
    that of the innermost open span). Where there is none the call goes straight through and
    nothing is recorded. An exception makes the span ``failed`` and is raised again;
    ``asyncio.CancelledError``, ``KeyboardInterrupt`` and the early closing of a generator make it
    ``cancelled``.

    A generator's span begins at its first item and ends when it is exhausted, closed or raises;
    between two items the caller's spans are not inside it. CPU time is the thread's during the
    call; for coroutines and generators it is that of their own steps (with what they await
    directly), without other tasks that the thread runs meanwhile. Work in another thread or task
    is counted by the spans there.

    Raises:
        TypeError: what is decorated is no function, or the name was forgotten (bare ``@timed``).
    """
    if not isinstance(name, str):
        raise TypeError('timed needs a name: @timed("name")')

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        raw: Any = function
        if isinstance(raw, (staticmethod, classmethod)):
            return cast("Callable[P, R]", type(raw)(decorate(raw.__func__)))
        if not callable(raw) or isinstance(raw, type):
            raise TypeError(f"timed({name!r}) decorates functions and methods, not {raw!r}")
        method = _is_method(raw)
        if inspect.iscoroutinefunction(raw):
            wrapper = _wrap_coroutine(raw, name, method)
        elif inspect.isasyncgenfunction(raw):
            wrapper = _wrap_async_generator(raw, name, method)
        elif inspect.isgeneratorfunction(raw):
            wrapper = _wrap_generator(raw, name, method)
        else:
            wrapper = _wrap_call(raw, name, method)
        return cast("Callable[P, R]", wrapper)

    return decorate


def _is_method(function: Callable[..., Any]) -> bool:
    """Whether a function was defined in a class body, by its qualified name."""
    owner = getattr(function, "__qualname__", "").rpartition(".")[0]
    return bool(owner) and not owner.endswith("<locals>")


def _collector_for(method: bool, args: tuple[Any, ...]) -> TelemetryCollector | None:
    own = getattr(args[0], "_collector", None) if method and args else None
    return own if isinstance(own, TelemetryCollector) else current_collector()


def _wrap_call(function: Callable[..., Any], name: str, method: bool) -> Callable[..., Any]:
    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        # What _collector_for, end and keep do, written out: calling them is a fifth of the cost.
        collector = getattr(args[0], "_collector", None) if method and args else None
        if not isinstance(collector, TelemetryCollector):
            collector = current_collector()
            if collector is None:
                return function(*args, **kwargs)
        span = begin(collector, name)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            restore(span.outer)
            end(span, collector, error)
            raise
        span.cpu_ns = thread_time_ns() - span.cpu_begin_ns
        span.end_ns = perf_counter_ns()
        span.open_for = None
        restore(span.outer)
        finished = collector._finished
        if collector._listeners or len(finished) == collector.max_spans:
            collector.keep(span)
        else:
            finished.append(span)
        return result

    return wrapper


def _wrap_coroutine(
    function: Callable[..., Awaitable[Any]], name: str, method: bool
) -> Callable[..., Any]:
    @wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        collector = _collector_for(method, args)
        if collector is None:
            return await function(*args, **kwargs)
        with SpanBlock(collector, name, {}) as span:
            count_steps(span)
            work: Any = function(*args, **kwargs)
            if not hasattr(work, "send"):  # inspect.markcoroutinefunction allows any awaitable
                return await work
            return await _step_through(work, span)

    return wrapper


@coroutine
def _step_through(work: Coroutine[Any, Any, Any], span: ActiveSpan) -> Generator[Any, Any, Any]:
    """Drive ``work`` as ``await`` would, adding up the CPU time of its steps.

    What it holds is dropped before an exception leaves: a traceback that points at a frame which
    points at the exception (an ``athrow`` object does, too) would keep whole recordings in memory.
    """
    step: Callable[[Any], Any] = work.send
    argument: Any = None
    try:
        while True:
            began_ns = thread_time_ns()
            try:
                pending = step(argument)
            except StopIteration as stop:
                return stop.value
            finally:
                argument = None
                span.cpu_ns = (span.cpu_ns or 0) + thread_time_ns() - began_ns
            try:
                argument = yield pending
                step = work.send
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - handed on to the work, which decides
                step, argument = work.throw, error
    finally:
        del work, step


def _wrap_generator(
    function: Callable[..., Generator[Any, Any, Any]], name: str, method: bool
) -> Callable[..., Any]:
    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        collector = _collector_for(method, args)
        if collector is None:
            return (yield from function(*args, **kwargs))
        generator = function(*args, **kwargs)
        with SpanBlock(collector, name, {}) as span:
            count_steps(span)
            CURRENT.set(span.outer)
            inside: Scope | None = span
            step: Callable[[Any], Any] = generator.send
            argument: Any = None
            while True:
                outside = CURRENT.get()
                CURRENT.set(inside)
                began_ns = thread_time_ns()
                try:
                    item = step(argument)
                except StopIteration as stop:
                    return stop.value
                finally:
                    argument = None
                    span.cpu_ns = (span.cpu_ns or 0) + thread_time_ns() - began_ns
                    inside = CURRENT.get()
                    CURRENT.set(outside)
                try:
                    argument = yield item
                    step = generator.send
                except BaseException as error:  # noqa: BLE001 - handed on, also the closing
                    step, argument = generator.throw, error

    return wrapper


def _wrap_async_generator(
    function: Callable[..., AsyncGenerator[Any, Any]], name: str, method: bool
) -> Callable[..., Any]:
    @wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        collector = _collector_for(method, args)
        generator = function(*args, **kwargs)
        with nullcontext() if collector is None else SpanBlock(collector, name, {}) as span:
            if span is not None:
                count_steps(span)
                CURRENT.set(span.outer)
            inside: Scope | None = span
            step: Callable[[Any], Any] = generator.asend
            argument: Any = None
            while True:
                outside = CURRENT.get()
                if span is not None:
                    CURRENT.set(inside)
                try:
                    work = step(argument)
                    item = await (work if span is None else _step_through(work, span))
                except StopAsyncIteration:
                    return
                finally:
                    work = argument = None
                    if span is not None:
                        inside = CURRENT.get()
                        CURRENT.set(outside)
                try:
                    argument = yield item
                    step = generator.asend
                except BaseException as error:  # noqa: BLE001 - handed on, also the closing
                    step, argument = generator.athrow, error

    return wrapper
