"""Each part of a request against the stamps of a server with known delays, on one clock."""

import asyncio
import json
import sys
import time
from itertools import chain

import pytest

from echotrace.providers.anatomy import phases_of
from tests.fakes.timed_server import TimedServer, Timing

pytestmark = [
    pytest.mark.on_a_clock,
    pytest.mark.skipif(
        sys.platform != "linux", reason="the clocks of the two sides are one only on Linux"
    ),
]
SERIES, COLD_EACH = 4, 5
SLACK_MS = 15.0
PARTS = (
    "queued",
    "connect",
    "tls",
    "request_sent",
    "waiting",
    "first_token",
    "reasoning",
    "streaming",
    "done",
)


def marks_of(exchange, lines):
    """Read the stream as a provider does; return the marks."""
    reasoning, answer = [], []
    for at_ns, line in lines:
        if not line.startswith("data: {"):
            continue
        for choice in json.loads(line[6:])["choices"]:
            if choice["delta"].get("reasoning"):
                reasoning.append(at_ns)
            if choice["delta"].get("content"):
                answer.append(at_ns)
    first_ns = (reasoning or answer)[0]
    return (
        ("first_token", first_ns),
        ("reasoning", answer[0] if reasoning else None),
        ("streaming", answer[-1]),
        ("done", exchange.ended_ns),
    )


def ends_ns(phases, due_ns):
    return {phase.name: due_ns + (phase.start_ms + phase.duration_ms) * 1e6 for phase in phases}


def server_ends_ns(asked):
    return {
        "connect": asked.accepted_ns,
        "tls": asked.tls_ns,
        "request_sent": asked.request_ns,
        "waiting": asked.first_byte_ns,
        "first_token": asked.reasoning_ns[0],
        "reasoning": asked.answer_ns[0],
        "streaming": asked.answer_ns[-1],
        "done": asked.end_ns,
    }


def differences_ms(trusted, asker):
    """Probe over twenty cold connections; return our ends of each part less the server's."""

    async def cold(one):
        async with one:
            due_ns = time.perf_counter_ns()
            exchange, lines = await one.read()
        phases = phases_of(exchange, due_ns=due_ns, marks=marks_of(exchange, lines))
        return int(exchange.request_id), due_ns, phases

    async def series(after_s, askers):
        await asyncio.sleep(after_s)  # so that one's handshake does not meet another's
        return [await cold(one) for one in askers]

    async def probe(url):
        askers = [[asker(url) for _ in range(COLD_EACH)] for _ in range(SERIES)]
        return await asyncio.gather(*(series(0.06 * at, each) for at, each in enumerate(askers)))

    with TimedServer(Timing(answer=("Block ", "it.")), tls=trusted.server_context()) as server:
        found = list(chain.from_iterable(asyncio.run(probe(server.url))))
    assert len(found) == len(server.asked) == SERIES * COLD_EACH
    assert len({asked.connection for asked in server.asked}) == len(found)
    by_index = {asked.index: asked for asked in server.asked}
    off_ms = {}
    for index, due_ns, phases in found:
        assert tuple(phase.name for phase in phases) == PARTS
        ours, theirs = ends_ns(phases, due_ns), server_ends_ns(by_index[index])
        for name, at_ns in theirs.items():
            off_ms.setdefault(name, []).append((ours[name] - at_ns) / 1e6)
    return off_ms


def test_over_twenty_cold_connections_each_part_is_that_of_the_server(trusted, asker):
    worst_ms = {
        name: max(map(abs, values)) for name, values in differences_ms(trusted, asker).items()
    }
    assert max(worst_ms.values()) <= SLACK_MS, worst_ms
