import asyncio
import contextvars
import functools
import gc
import inspect
import sys
import weakref
from contextlib import suppress
from time import thread_time_ns

import pytest

from echotrace.telemetry import TelemetryCollector, timed, use_collector


def outline(collector):
    """(name, parent's name, status) of every span, in order of start."""
    names = {span.id: span.name for span in collector.spans}
    return [(span.name, names.get(span.parent_id), span.status) for span in collector.spans]


class Analyzer:
    def __init__(self, collector=None):
        if collector is not None:
            self._collector = collector

    @timed("call")
    def call(self, x, *, y=0):
        """Add up."""
        return x + y

    @timed("analyze")
    async def analyze(self, path):
        await asyncio.sleep(0)
        return self.call(len(path))

    @timed("items")
    def items(self, n):
        for number in range(n):
            self.call(number)
            yield number
        return "done"

    @timed("stream")
    async def stream(self, n):
        for number in range(n):
            await asyncio.sleep(0)
            self.call(number)
            yield number

    @staticmethod
    @timed("static")
    def static(x):
        return x

    @timed("static_outside")
    @staticmethod
    def static_outside(x):
        return x

    @timed("made")
    @classmethod
    def made(cls):
        return cls.__name__


async def listed(stream):
    return [item async for item in stream]


def test_a_method_records_on_its_own_collector():
    collector, ambient = TelemetryCollector(), TelemetryCollector()
    with use_collector(ambient):
        assert Analyzer(collector).call(1, y=2) == 3
    assert outline(collector) == [("call", None, "ok")]
    assert ambient.spans == ()


@pytest.mark.parametrize("own", [None, "something else", object()])
def test_a_method_without_a_collector_records_on_the_ambient_one(own):
    ambient = TelemetryCollector()
    with use_collector(ambient):
        assert Analyzer(own).call(1) == 1
    assert outline(ambient) == [("call", None, "ok")]


def test_a_function_does_not_take_its_argument_for_self():
    theirs, ambient = TelemetryCollector(), TelemetryCollector()

    @timed("work")
    def work(analyzer):
        return analyzer

    work(Analyzer(theirs))
    with use_collector(ambient):
        work(Analyzer(theirs))
    assert theirs.spans == ()
    assert outline(ambient) == [("work", None, "ok")]


def test_without_any_collector_everything_works_and_nothing_is_recorded():
    analyzer = Analyzer()
    assert analyzer.call(1) == 1
    assert asyncio.run(analyzer.analyze("abc")) == 3
    assert list(analyzer.items(2)) == [0, 1]
    assert asyncio.run(listed(analyzer.stream(2))) == [0, 1]


def test_static_and_class_methods_either_way_round():
    ambient = TelemetryCollector()
    with use_collector(ambient):
        assert Analyzer.static(1) == Analyzer().static(1) == 1
        assert Analyzer.static_outside(2) == Analyzer().static_outside(2) == 2
        assert Analyzer.made() == Analyzer().made() == "Analyzer"
    assert [name for name, _, _ in outline(ambient)] == [
        "static",
        "static",
        "static_outside",
        "static_outside",
        "made",
        "made",
    ]


def test_other_callables_can_be_timed():
    ambient = TelemetryCollector()
    timed_len = timed("len")(len)
    timed_int = timed("int")(functools.partial(int, base=2))
    with use_collector(ambient):
        assert timed_len("abc") == 3
        assert timed_int("101") == 5
    assert [name for name, _, _ in outline(ambient)] == ["len", "int"]


def test_what_is_decorated_stays_what_it_was():
    assert Analyzer.call.__name__ == "call"
    assert Analyzer.call.__doc__ == "Add up."
    assert list(inspect.signature(Analyzer.call).parameters) == ["self", "x", "y"]
    assert inspect.iscoroutinefunction(Analyzer.analyze)
    assert inspect.isgeneratorfunction(Analyzer.items)
    assert inspect.isasyncgenfunction(Analyzer.stream)


def test_misuse_is_named_at_once():
    with pytest.raises(TypeError, match="needs a name"):

        @timed
        def bare():
            pass

    with pytest.raises(TypeError, match="functions and methods"):
        timed("a")(3)
    with pytest.raises(TypeError, match="functions and methods"):
        timed("a")(Analyzer)


def test_an_exception_is_a_failed_span_and_raised_again():
    collector = TelemetryCollector()
    error = ValueError("the text stays out")

    @timed("work")
    def work():
        raise error

    @timed("after")
    def after():
        pass

    with use_collector(collector):
        with pytest.raises(ValueError, match="stays out") as caught:
            work()
        after()
    assert caught.value is error
    assert outline(collector) == [("work", None, "failed"), ("after", None, "ok")]
    assert collector.spans[0].attributes == {"error": "ValueError"}


def test_recursion_nests():
    collector = TelemetryCollector()

    @timed("down")
    def down(n):
        return n and down(n - 1)

    with use_collector(collector):
        down(50)
    spans = collector.spans
    assert [span.parent_id for span in spans] == [None, *(span.id for span in spans[:-1])]


def test_coroutines_nest_and_take_their_result():
    collector = TelemetryCollector()
    assert asyncio.run(Analyzer(collector).analyze("abcd")) == 4
    assert outline(collector) == [("analyze", None, "ok"), ("call", "analyze", "ok")]


def test_gathered_coroutines_are_siblings():
    collector = TelemetryCollector()
    analyzer = Analyzer(collector)

    async def run():
        with collector.span("run"):
            return await asyncio.gather(analyzer.analyze("a"), analyzer.analyze("bb"))

    assert asyncio.run(run()) == [1, 2]
    by_id = {span.id: span for span in collector.spans}
    for span in collector.spans:
        parent = by_id.get(span.parent_id)
        assert (span.name, parent and parent.name) in {
            ("run", None),
            ("analyze", "run"),
            ("call", "analyze"),
        }
    calls = [span.parent_id for span in collector.spans if span.name == "call"]
    assert len(set(calls)) == 2


def test_a_failing_coroutine():
    collector = TelemetryCollector()

    @timed("work")
    async def work():
        await asyncio.sleep(0)
        raise OSError("no")

    async def run():
        with use_collector(collector), pytest.raises(OSError, match="no"):
            await work()

    asyncio.run(run())
    assert outline(collector) == [("work", None, "failed")]


def test_a_cancelled_coroutine_is_cancelled_and_may_clean_up():
    collector = TelemetryCollector()
    cleaned = []

    @timed("work")
    async def work(started):
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def run():
        started = asyncio.Event()
        with use_collector(collector):
            task = asyncio.create_task(work(started))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    with use_collector(collector), collector.span("run"):
        asyncio.run(run())
    assert cleaned == [True]
    assert ("work", "run", "cancelled") in outline(collector)


def test_a_coroutine_that_swallows_its_cancellation_is_ok():
    collector = TelemetryCollector()

    class Stubborn(Analyzer):
        @timed("work")
        async def work(self, started):
            try:
                started.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return "finished anyway"

    async def run():
        started = asyncio.Event()
        task = asyncio.create_task(Stubborn(collector).work(started))
        await started.wait()
        task.cancel()
        return await task

    assert asyncio.run(run()) == "finished anyway"
    assert outline(collector) == [("work", None, "ok")]


def test_a_time_out_cancels_the_span():
    collector = TelemetryCollector()

    class Hanging(Analyzer):
        @timed("work")
        async def work(self):
            await asyncio.Event().wait()

    async def run():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(Hanging(collector).work(), timeout=0.01)

    asyncio.run(run())
    assert outline(collector) == [("work", None, "cancelled")]


def test_a_coroutine_closed_before_its_end_is_cancelled_and_its_work_closed():
    collector = TelemetryCollector()
    closed = []

    class Work(Analyzer):
        @timed("work")
        async def work(self):
            try:
                await asyncio.sleep(0)
            finally:
                closed.append(True)

    coroutine = Work(collector).work()
    assert coroutine.send(None) is None
    coroutine.close()
    assert closed == [True]
    assert outline(collector) == [("work", None, "cancelled")]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="inspect.markcoroutinefunction is of 3.12")
def test_a_marked_function_may_return_any_awaitable():
    collector = TelemetryCollector()

    @inspect.markcoroutinefunction
    def work():
        return asyncio.ensure_future(asyncio.sleep(0, "slept"))

    async def run():
        with use_collector(collector):
            return await timed("work")(work)()

    assert asyncio.run(run()) == "slept"
    assert outline(collector) == [("work", None, "ok")]


def test_cpu_time_of_a_coroutine_is_its_own_and_that_of_a_call_the_threads():
    collector = TelemetryCollector()
    burn_ns = 30_000_000

    class Pair(Analyzer):
        @timed("waiting")
        async def waiting(self, started, over):
            started.set()
            await over.wait()

        @timed("burning")
        async def burning(self, started, over):
            await started.wait()
            self.burn()
            over.set()

        @timed("burn")
        def burn(self):
            until = thread_time_ns() + burn_ns
            while thread_time_ns() < until:
                pass

    async def run():
        started, over = asyncio.Event(), asyncio.Event()
        pair = Pair(collector)
        await asyncio.gather(pair.waiting(started, over), pair.burning(started, over))

    asyncio.run(run())
    spans = {span.name: span for span in collector.spans}
    assert spans["burn"].cpu_ns >= burn_ns
    assert spans["burning"].cpu_ns >= burn_ns
    assert spans["waiting"].cpu_ns < burn_ns
    assert spans["waiting"].duration_ms >= burn_ns / 1e6


def test_a_generator_is_one_span_from_first_item_to_exhaustion():
    collector = TelemetryCollector()

    def whole():
        return (yield from Analyzer(collector).items(2))

    generator = Analyzer(collector).items(3)
    assert collector.spans == ()
    assert list(generator) == [0, 1, 2]
    assert outline(collector) == [("items", None, "ok"), *[("call", "items", "ok")] * 3]

    delegating = whole()
    assert [next(delegating), next(delegating)] == [0, 1]
    with pytest.raises(StopIteration) as stop:
        next(delegating)
    assert stop.value.value == "done"


def test_between_items_the_caller_is_not_inside_the_generator():
    collector = TelemetryCollector()
    with collector.span("run"):
        for _ in Analyzer(collector).items(2):
            with collector.span("caller"):
                pass
    found = outline(collector)
    assert found.count(("caller", "run", "ok")) == 2
    assert found.count(("call", "items", "ok")) == 2


def test_a_block_open_across_items_stays_inside_the_generator():
    collector = TelemetryCollector()

    @timed("items")
    def items():
        with collector.span("batch"):
            for number in range(2):
                with collector.span("piece"):
                    pass
                yield number

    with collector.span("run"):
        for _ in items():
            with collector.span("caller"):
                pass
    found = outline(collector)
    assert found.count(("piece", "batch", "ok")) == 2
    assert found.count(("caller", "run", "ok")) == 2
    assert ("batch", "items", "ok") in found


def test_interleaved_generators_keep_apart():
    collector = TelemetryCollector()
    analyzer = Analyzer(collector)
    with collector.span("run"):
        assert list(zip(analyzer.items(3), analyzer.items(3), strict=True)) == [
            (0, 0),
            (1, 1),
            (2, 2),
        ]
    found = outline(collector)
    assert next(entry for entry in found if entry[0] == "items") == ("items", "run", "ok")
    calls = [span.parent_id for span in collector.spans if span.name == "call"]
    assert sorted(calls.count(parent) for parent in set(calls)) == [3, 3]


def test_a_generator_closed_early_is_cancelled_and_cleans_up():
    collector = TelemetryCollector()
    cleaned = []

    class Work(Analyzer):
        @timed("items")
        def items(self):
            try:
                yield 1
                yield 2
            finally:
                with collector.span("cleanup"):
                    cleaned.append(True)

    with collector.span("run"):
        generator = Work(collector).items()
        next(generator)
        generator.close()
    assert cleaned == [True]
    assert outline(collector) == [
        ("run", None, "ok"),
        ("items", "run", "cancelled"),
        ("cleanup", "items", "ok"),
    ]


def test_a_generator_that_raises_fails():
    collector = TelemetryCollector()

    class Work(Analyzer):
        @timed("items")
        def items(self):
            yield 1
            raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        list(Work(collector).items())
    assert outline(collector) == [("items", None, "failed")]


def test_send_and_throw_reach_the_generator():
    collector = TelemetryCollector()

    class Echo(Analyzer):
        @timed("echo")
        def echo(self):
            got = None
            while True:
                try:
                    got = yield got
                except KeyError as error:  # noqa: PERF203 - what the test is about
                    got = error

    generator = Echo(collector).echo()
    assert next(generator) is None
    assert generator.send("a") == "a"
    error = KeyError("k")
    assert generator.throw(error) is error
    assert generator.send("b") == "b"
    with pytest.raises(ValueError, match="out"):
        generator.throw(ValueError("out"))
    assert outline(collector) == [("echo", None, "failed")]


def test_an_async_generator_exhausted_closed_and_raising():
    collector = TelemetryCollector()

    class Work(Analyzer):
        @timed("raising")
        async def raising(self):
            yield 1
            raise LookupError("lost")

    work = Work(collector)

    async def run():
        assert await listed(work.stream(2)) == [0, 1]
        closing = work.stream(2)
        assert await closing.__anext__() == 0
        await closing.aclose()
        with pytest.raises(LookupError, match="lost"):
            await listed(work.raising())

    asyncio.run(run())
    assert [entry for entry in outline(collector) if entry[0] != "call"] == [
        ("stream", None, "ok"),
        ("stream", None, "cancelled"),
        ("raising", None, "failed"),
    ]
    assert {entry for entry in outline(collector) if entry[0] == "call"} == {
        ("call", "stream", "ok")
    }


def test_between_items_the_caller_is_not_inside_the_async_generator():
    collector = TelemetryCollector()

    async def consume():
        with collector.span("run"):
            async for _ in Analyzer(collector).stream(2):
                with collector.span("caller"):
                    await asyncio.sleep(0)

    asyncio.run(consume())
    found = outline(collector)
    assert found.count(("caller", "run", "ok")) == 2
    assert found.count(("call", "stream", "ok")) == 2


def test_send_throw_and_cancellation_reach_the_async_generator():
    collector = TelemetryCollector()

    class Echo(Analyzer):
        @timed("echo")
        async def echo(self):
            got = None
            while True:
                try:
                    got = yield got
                except KeyError as error:  # noqa: PERF203 - what the test is about
                    got = error

        @timed("hang")
        async def hang(self, started):
            started.set()
            await asyncio.Event().wait()
            yield

    async def run():
        stream = Echo(collector).echo()
        assert await stream.asend(None) is None
        assert await stream.asend("a") == "a"
        error = KeyError("k")
        assert await stream.athrow(error) is error
        await stream.aclose()
        started = asyncio.Event()
        task = asyncio.create_task(listed(Echo(collector).hang(started)))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert outline(collector) == [("echo", None, "cancelled"), ("hang", None, "cancelled")]


@pytest.mark.parametrize("recorded", [True, False])
def test_an_async_generator_left_behind_is_closed_by_the_loop(recorded):
    collector = TelemetryCollector()
    closed = []

    class Work(Analyzer):
        @timed("stream")
        async def stream(self):
            try:
                yield 1
                yield 2
            finally:
                closed.append(True)

    async def run():
        stream = Work(collector if recorded else None).stream()
        async for _ in stream:
            break
        del stream
        gc.collect()

    asyncio.run(run())
    assert closed == [True]
    assert outline(collector) == ([("stream", None, "cancelled")] if recorded else [])


def test_generators_may_move_between_threads_and_contexts():
    collector = TelemetryCollector()

    async def run():
        with collector.span("run"):
            generator = Analyzer(collector).items(3)
            return [await asyncio.to_thread(next, generator) for _ in range(3)], generator

    items, generator = asyncio.run(run())
    assert items == [0, 1, 2]
    contextvars.Context().run(generator.close)
    found = outline(collector)
    assert ("items", "run", "cancelled") in found
    assert found.count(("call", "items", "ok")) == 3


@pytest.mark.parametrize("kind", ["call", "coroutine", "generator", "async_generator"])
def test_what_a_failed_call_held_is_released_without_the_garbage_collector(kind):
    """A cycle through a traceback would keep a decoded recording alive until some later pass."""
    collector = TelemetryCollector()

    class Samples:
        pass

    class Work(Analyzer):
        @timed("call")
        def call(self, samples):
            raise LookupError

        @timed("coroutine")
        async def coroutine(self, samples):
            await asyncio.sleep(0)
            raise LookupError

        @timed("generator")
        def generator(self, samples):
            yield
            raise LookupError

        @timed("async_generator")
        async def async_generator(self, samples):
            yield
            raise LookupError

    def use(steps):
        samples = Samples()
        with suppress(LookupError):
            steps(Work(collector), samples)
        return weakref.ref(samples)

    def call(work, samples):
        work.call(samples)

    def coroutine(work, samples):
        started = work.coroutine(samples)
        started.send(None)
        started.throw(LookupError())

    def generator(work, samples):
        started = work.generator(samples)
        next(started)
        started.throw(LookupError())

    def async_generator(work, samples):
        started = work.async_generator(samples)
        with suppress(StopIteration):
            started.asend(None).send(None)
        started.athrow(LookupError()).send(None)

    steps = {
        "call": call,
        "coroutine": coroutine,
        "generator": generator,
        "async_generator": async_generator,
    }
    gc.collect()
    gc.disable()
    try:
        assert use(steps[kind])() is None
    finally:
        gc.enable()
