import asyncio
import contextvars
import logging
import threading
import time
from contextlib import ExitStack

import pytest

from echotrace.telemetry import (
    Span,
    TelemetryCollector,
    current_collector,
    timed,
    use_collector,
)


def parents(collector):
    """The parent's name of every span, by name."""
    names = {span.id: span.name for span in collector.spans}
    return {span.name: names.get(span.parent_id) for span in collector.spans}


def in_a_thread(work, *args):
    """Run work in a bare thread, which starts with an empty context."""
    thread = threading.Thread(target=work, args=args)
    thread.start()
    thread.join()


def test_a_block_becomes_a_span_with_its_attributes():
    collector = TelemetryCollector()
    with collector.span("stt_audit", engine="sphinx", name="kept") as span:
        span.set(words=7, engine="other")
    (ended,) = collector.spans
    assert ended.name == "stt_audit"
    assert ended.attributes == {"engine": "other", "name": "kept", "words": 7}
    assert ended.status == "ok"
    assert ended.parent_id is None
    assert ended.start_ns <= ended.end_ns
    assert ended.cpu_ns >= 0
    assert ended.duration_ms == (ended.end_ns - ended.start_ns) / 1e6
    assert ended.cpu_ms == ended.cpu_ns / 1e6


def test_spans_are_values_that_do_not_follow_later_changes():
    collector = TelemetryCollector()
    with collector.span("a") as span:
        pass
    before = collector.spans
    span.set(late=True)
    assert before[0].attributes == {}
    assert collector.spans[0].attributes == {"late": True}
    with pytest.raises(AttributeError):
        before[0].name = "b"


def test_spans_come_in_order_of_start_and_only_when_ended():
    collector = TelemetryCollector()
    with collector.span("outer"):
        with collector.span("first"):
            pass
        assert [span.name for span in collector.spans] == ["first"]
        with collector.span("second"):
            pass
    assert [span.name for span in collector.spans] == ["outer", "first", "second"]
    assert parents(collector) == {"outer": None, "first": "outer", "second": "outer"}


def test_an_exception_fails_the_span_goes_on_and_leaves_its_text_behind():
    collector = TelemetryCollector()
    with pytest.raises(ValueError, match="sk-secret"), collector.span("a"):
        raise ValueError("sk-secret")
    (span,) = collector.spans
    assert span.status == "failed"
    assert span.attributes == {"error": "ValueError"}
    assert "sk-secret" not in repr(span)


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, GeneratorExit])
def test_being_stopped_is_cancelled_not_failed(error):
    collector = TelemetryCollector()
    with pytest.raises(error), collector.span("a"):
        raise error
    assert collector.spans[0].status == "cancelled"


def test_work_that_went_wrong_without_an_exception_can_say_so():
    collector = TelemetryCollector()
    with collector.span("a") as span:
        span.fail("HTTP_429")
    assert collector.spans[0].status == "failed"
    assert collector.spans[0].attributes == {"error": "HTTP_429"}


def test_a_block_can_be_used_again_but_not_inside_itself():
    collector = TelemetryCollector()
    block = collector.span("a", n=1)
    with block as first:
        first.set(n=2)
        with pytest.raises(RuntimeError, match="already"), block:
            pass
    with block:
        pass
    assert [span.attributes for span in collector.spans] == [{"n": 2}, {"n": 1}]


def test_gathered_tasks_nest_each_under_the_span_that_gathered():
    collector = TelemetryCollector()

    async def stage(name, mine, other):
        with collector.span(name):
            mine.set()
            await other.wait()  # both are open at the same time
            with collector.span(f"{name}.inner"):
                await asyncio.sleep(0)

    async def run():
        a, b = asyncio.Event(), asyncio.Event()
        with collector.span("run"):
            await asyncio.gather(stage("a", a, b), stage("b", b, a))

    asyncio.run(run())
    assert parents(collector) == {
        "run": None,
        "a": "run",
        "b": "run",
        "a.inner": "a",
        "b.inner": "b",
    }


def test_to_thread_and_copied_contexts_nest_and_bare_threads_do_not():
    collector = TelemetryCollector()

    def work(name):
        with collector.span(name), collector.span(f"{name}.inner"):
            pass

    async def run():
        with collector.span("run"):
            await asyncio.to_thread(work, "to_thread")
            in_a_thread(contextvars.copy_context().run, work, "copied")
            in_a_thread(work, "bare")

    asyncio.run(run())
    found = parents(collector)
    assert found["to_thread"] == found["copied"] == "run"
    assert found["to_thread.inner"] == "to_thread"
    if not getattr(__import__("sys").flags, "thread_inherit_context", False):
        assert found["bare"] is None
    assert found["bare.inner"] == "bare"


def test_a_task_that_outlives_its_span_goes_on_under_the_one_still_open():
    collector = TelemetryCollector()

    async def late(go):
        await go.wait()
        with collector.span("late"):
            pass
        with collector.span("later"):
            pass

    async def run():
        go = asyncio.Event()
        with collector.span("run"):
            with collector.span("short"):
                task = asyncio.create_task(late(go))
            go.set()
            await task

    asyncio.run(run())
    assert parents(collector) == {"run": None, "short": "run", "late": "run", "later": "run"}


def test_blocks_that_end_out_of_order_do_not_misplace_what_follows():
    collector = TelemetryCollector()

    def leaky():
        with collector.span("leaky"):
            yield

    with collector.span("run"):
        generator = leaky()
        next(generator)
        with collector.span("inside"):
            generator.close()
            with collector.span("deeper"):
                pass
        with collector.span("after"):
            pass
    with collector.span("next"):
        pass
    found = parents(collector)
    assert found["deeper"] == "inside"
    assert found["after"] == "run"
    assert found["next"] is None


def test_a_block_that_ends_in_another_thread_has_no_cpu_time_and_blocks_nobody():
    collector = TelemetryCollector()
    stack = ExitStack()
    with collector.span("run"):
        stack.enter_context(collector.span("moved"))
        in_a_thread(stack.close)
        with collector.span("after"):
            pass
    moved = next(span for span in collector.spans if span.name == "moved")
    assert moved.cpu_ns is None
    assert moved.cpu_ms is None
    assert parents(collector)["after"] == "run"


def test_two_collectors_keep_their_own_trees():
    one, two = TelemetryCollector(), TelemetryCollector()
    with one.span("one.outer"), two.span("two.outer"), one.span("one.inner"), two.span("two.inner"):
        pass
    assert parents(one) == {"one.outer": None, "one.inner": "one.outer"}
    assert parents(two) == {"two.outer": None, "two.inner": "two.outer"}


def test_threads_share_a_collector_without_losing_a_span():
    collector = TelemetryCollector()
    threads, each = 8, 200
    barrier = threading.Barrier(threads)

    @timed("inner")
    def inner():
        return None

    def work():
        barrier.wait()
        for _ in range(each):
            with collector.span("outer"):
                inner()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        assert all(span.end_ns >= span.start_ns for span in collector.spans)
        workers[0].join(0.01)
    for worker in workers:
        worker.join()
    spans = collector.spans
    assert len(spans) == 2 * threads * each
    assert len({span.id for span in spans}) == len(spans)
    outer = {span.id for span in spans if span.name == "outer"}
    assert sorted(span.parent_id for span in spans if span.name == "inner") == sorted(outer)


def test_record_takes_spans_measured_elsewhere():
    collector = TelemetryCollector()
    with collector.span("run") as run:
        inherited = collector.record("inherited", start_ns=1, end_ns=2)
        top = collector.record("top", start_ns=1, end_ns=1, parent=None)
        part = collector.record(
            "part",
            start_ns=5,
            end_ns=9,
            parent=run,
            cpu_ns=3,
            status="failed",
            accumulated=True,
        )
        child = collector.record("child", start_ns=6, end_ns=7, parent=part)
    assert inherited.parent_id == part.parent_id == run.id
    assert top.parent_id is None
    assert child.parent_id == part.id
    assert part == Span(
        id=part.id,
        name="part",
        start_ns=5,
        end_ns=9,
        cpu_ns=3,
        status="failed",
        attributes={"accumulated": True},
        parent_id=run.id,
    )
    assert [span.name for span in collector.spans] == ["inherited", "top", "part", "child", "run"]


def test_record_refuses_what_cannot_be():
    collector, other = TelemetryCollector(), TelemetryCollector()
    with pytest.raises(ValueError, match="before it starts"):
        collector.record("a", start_ns=2, end_ns=1)
    with pytest.raises(ValueError, match="status"):
        collector.record("a", start_ns=1, end_ns=2, status="fine")
    with other.span("theirs") as span, pytest.raises(ValueError, match="another collector"):
        collector.record("a", start_ns=1, end_ns=2, parent=span)
    assert collector.spans == ()


def test_a_full_collector_keeps_what_ended_last_and_counts_the_rest():
    collector = TelemetryCollector(max_spans=3)
    with collector.span("run"):
        for number in range(5):
            with collector.span(f"detail {number}"):
                pass
        collector.record("recorded", start_ns=1, end_ns=2)
    assert [span.name for span in collector.spans] == ["recorded", "run", "detail 4"]
    assert collector.dropped == 4
    with pytest.raises(ValueError, match="at least 1"):
        TelemetryCollector(max_spans=0)


def test_listeners_hear_starts_and_ends_until_they_are_taken_off():
    collector = TelemetryCollector()
    heard = []
    remove = collector.add_listener(heard.append)
    with collector.span("outer", stage="signal") as outer:
        with pytest.raises(OSError, match="gone"), collector.span("inner"):
            raise OSError("gone")
        outer.set(words=3)
    collector.record("recorded", start_ns=1, end_ns=2)
    remove()
    remove()
    with collector.span("unheard"):
        pass
    assert [(event.kind, event.name) for event in heard] == [
        ("started", "outer"),
        ("started", "inner"),
        ("ended", "inner"),
        ("ended", "outer"),
        ("ended", "recorded"),
    ]
    by_name = {span.name: span for span in collector.spans}
    assert heard[0].attributes == {"stage": "signal"}
    assert heard[0].span is None
    assert heard[1].parent_id == heard[0].id
    assert heard[2].span == by_name["inner"]
    assert heard[2].span.status == "failed"
    assert heard[3].attributes == {"stage": "signal", "words": 3}
    assert heard[0].at_ns <= by_name["outer"].start_ns
    assert heard[3].at_ns == by_name["outer"].end_ns


def test_a_listener_that_raises_breaks_neither_the_run_nor_the_other_listeners(caplog):
    collector = TelemetryCollector()
    heard = []

    def broken(event):
        raise RuntimeError("broken view")

    collector.add_listener(broken)
    collector.add_listener(heard.append)
    caplog.set_level(logging.DEBUG, logger="echotrace.telemetry.collector")
    with collector.span("a"):
        pass
    assert [event.kind for event in heard] == ["started", "ended"]
    assert [span.status for span in collector.spans] == ["ok"]
    assert "broken view" in caplog.text


def test_a_listener_may_use_the_collector_it_listens_to():
    collector = TelemetryCollector()
    heard = []

    def listener(event):
        heard.append(event.name)
        with collector.span("redraw"):
            pass

    collector.add_listener(listener)
    with collector.span("a"):
        pass
    assert heard == ["a", "a"]
    assert sorted(span.name for span in collector.spans) == ["a", "redraw", "redraw"]


def test_a_listener_that_is_interrupted_leaves_no_span_open():
    collector = TelemetryCollector()

    def interrupted(event):
        if event.kind == "ended":
            raise KeyboardInterrupt

    remove = collector.add_listener(interrupted)
    with pytest.raises(KeyboardInterrupt), collector.span("a"):
        pass
    remove()
    with collector.span("b"):
        pass
    assert parents(collector) == {"a": None, "b": None}


def test_the_ambient_collector_is_the_nearest():
    one, two = TelemetryCollector(), TelemetryCollector()
    assert current_collector() is None
    with use_collector(one) as given:
        assert given is current_collector() is one
        with two.span("a"):
            assert current_collector() is two
            with use_collector(one):
                assert current_collector() is one
        assert current_collector() is one
    assert current_collector() is None
    with one.span("a"):
        assert current_collector() is one
    assert current_collector() is None


def test_use_collector_keeps_the_tree_and_ends_for_tasks_that_outlive_it():
    collector = TelemetryCollector()

    async def look(go, seen):
        seen.append(current_collector())
        await go.wait()
        seen.append(current_collector())

    async def run():
        go, seen = asyncio.Event(), []
        with collector.span("run"), use_collector(collector), collector.span("inside"):
            pass
        with use_collector(collector):
            task = asyncio.create_task(look(go, seen))
            await asyncio.sleep(0)
        go.set()
        await task
        return seen

    assert asyncio.run(run()) == [collector, None]
    assert parents(collector) == {"run": None, "inside": "run"}


def test_work_in_a_library_s_threads_is_counted_when_the_span_counts_the_process():
    collector = TelemetryCollector()

    def spin():
        end = time.thread_time_ns() + 20_000_000
        while time.thread_time_ns() < end:
            pass

    for name in ("thread", "process"):
        with collector.span(name) as span:
            if name == "process":
                span.count_process()
            worker = threading.Thread(target=spin)
            worker.start()
            worker.join()
    own, whole = collector.spans
    assert own.cpu_ns < 20_000_000 <= whole.cpu_ns
