"""Any program of nested spans, run for real, gives the tree that the program describes."""

import asyncio
import itertools
from contextlib import suppress
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.telemetry import TelemetryCollector, timed, use_collector
from echotrace.telemetry.waterfall import span_records, waterfall

SYNC = ("block", "call", "generator", "failing")
ASYNC = ("coroutine", "gather", "async_generator", "thread", "async_failing")


@dataclass(frozen=True)
class Node:
    kind: str
    children: tuple["Node", ...]


NODES = st.recursive(
    st.builds(Node, st.sampled_from(SYNC + ASYNC), st.just(())),
    lambda inner: st.builds(
        Node, st.sampled_from(SYNC + ASYNC), st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=12,
)


class PlannedError(Exception):
    """Raised by the program itself, after its children ran."""


class Runner:
    """Runs a node under a fresh name and notes which parent and status its span should have."""

    def __init__(self, collector):
        self.collector = collector
        self.names = itertools.count()
        self.expected = {}

    def enter(self, node, parent):
        name = f"{node.kind} {next(self.names)}"
        status = "failed" if "failing" in node.kind else "ok"
        self.expected[name] = (parent, status)
        return name

    def sync(self, node, parent):
        """Run without a loop; kinds that need one become plain blocks."""
        name = self.enter(node, parent)

        def body():
            for child in node.children:
                self.sync(child, name)
            if "failing" in node.kind:
                raise PlannedError

        @timed(name)
        def items():
            for child in node.children:
                self.sync(child, name)
                yield

        if node.kind == "generator":
            for _ in items():
                pass
        elif node.kind == "call":
            timed(name)(body)()
        else:
            with suppress(PlannedError), self.collector.span(name):
                body()

    async def run(self, node, parent):
        if node.kind in SYNC:
            self.sync(node, parent)
            return
        name = self.enter(node, parent)

        @timed(name)
        async def items():
            for child in node.children:
                await self.run(child, name)
                yield

        @timed(name)
        async def body():
            runs = [self.run(child, name) for child in node.children]
            if node.kind == "gather":
                await asyncio.gather(*runs)
            else:
                for run in runs:
                    await run
                    await asyncio.sleep(0)
            if node.kind == "async_failing":
                raise PlannedError

        def in_thread():
            for child in node.children:
                self.sync(child, name)

        if node.kind == "async_generator":
            async for _ in items():
                await asyncio.sleep(0)
        elif node.kind == "thread":
            with self.collector.span(name):
                await asyncio.to_thread(in_thread)
        else:
            with suppress(PlannedError):
                await body()


@settings(max_examples=60)
@given(st.lists(NODES, min_size=1, max_size=3))
def test_a_program_of_nested_spans_gives_its_tree(program):
    collector = TelemetryCollector()
    runner = Runner(collector)

    async def main():
        with use_collector(collector):
            await asyncio.gather(*(runner.run(node, None) for node in program))

    asyncio.run(main())
    spans = collector.spans
    by_id = {span.id: span for span in spans}
    assert len(by_id) == len(spans) == len(runner.expected)
    assert list(spans) == sorted(spans, key=lambda span: (span.start_ns, span.id))
    for span in spans:
        parent = by_id.get(span.parent_id)
        assert (parent and parent.name, span.status) == runner.expected[span.name]
        assert span.start_ns <= span.end_ns
        assert span.cpu_ns >= 0
        if parent is not None:
            assert parent.start_ns <= span.start_ns
            assert span.end_ns <= parent.end_ns

    drawn = waterfall(span_records(spans))
    assert len(drawn.rows) == len(spans)
    assert all(0 <= row.offset_ratio <= 1 and 0 <= row.width_ratio <= 1 for row in drawn.rows)
    assert drawn.bottleneck in runner.expected
