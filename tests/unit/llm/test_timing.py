"""Our times against the stamps of the server, both on CLOCK_MONOTONIC."""

import asyncio
import sys
import time

import pytest

from echotrace.config.secrets import Secret
from echotrace.model.measure import Status
from echotrace.providers.address import parse_address
from echotrace.providers.llm.groq import GroqProvider
from echotrace.providers.llm.measure import take_sample
from echotrace.providers.llm.ollama import OllamaProvider
from tests.fakes.llm_servers import (
    DONE,
    GROQ_FIRST,
    LlmServer,
    Pause,
    Reply,
    groq_answer,
    groq_chunk,
    groq_end,
    ollama_answer,
    ollama_end,
    ollama_part,
    split_everywhere,
)

SLACK_MS = 50.0
WORDS = ("Please ", "block ", "your ", "card.")
ANSWERS = {"groq": (groq_answer, 1), "ollama": (ollama_answer, 0)}


def assert_agrees(ours_ms, server_ms):
    """We see the request leave before the server has it, and the token after the server sent it."""
    assert server_ms <= ours_ms <= server_ms + SLACK_MS


@pytest.mark.parametrize("name", ANSWERS)
def test_ttft_and_total_agree_with_the_server(probe, name):
    answer, first_token_step = ANSWERS[name]
    with LlmServer(lambda _: answer(*WORDS, first_s=0.08, gap_s=0.02)) as server:
        ran = probe(name, server.url, probes=3)
    assert ran.probe.ttft_ms.status is Status.MEASURED
    assert ran.probe.ttft_ms.n == 3
    assert ran.probe.ttft_ms.value == sorted(ran.probe.samples_ms)[1]
    measured = server.chats[1:]
    assert len(measured) == 3
    for ours_ms, seen in zip(ran.probe.samples_ms, measured, strict=True):
        assert_agrees(ours_ms, (seen.step_ns[first_token_step] - seen.received_ns) / 1e6)
    totals = sorted((seen.step_ns[-1] - seen.received_ns) / 1e6 for seen in measured)
    assert totals[0] <= ran.probe.total_ms.value <= totals[-1] + SLACK_MS
    assert ran.probe.total_ms.value >= ran.probe.ttft_ms.value
    assert ran.probe.tokens_per_s.status is Status.MEASURED
    assert ran.probe.tokens_per_s.value > 0


@pytest.mark.parametrize("name", ANSWERS)
def test_the_warm_up_goes_first_over_the_same_connection(probe, name):
    answer, _ = ANSWERS[name]

    def slow_start(seen):
        return answer(*WORDS, first_s=0.3 if seen.index == 0 else 0.0)

    with LlmServer(slow_start) as server:
        ran = probe(name, server.url, probes=2)
    assert len(server.chats) == 3
    assert server.connections == 1
    assert ran.probe.warm_up_ms.value >= 300
    assert max(ran.probe.samples_ms) < ran.probe.warm_up_ms.value
    (warm,) = ran.span("warm_up")
    probes = ran.span("probe")
    assert warm.end_ns <= probes[0].start_ns
    assert [span.attributes["connection"] for span in probes] == ["kept open"] * 2
    assert warm.attributes["connect_ms"] > 0


def test_connection_set_up_is_left_out_when_the_server_closes_after_each_reply(probe):
    reply = groq_answer(*WORDS, first_s=0.05, framing="close", http="HTTP/1.0")
    with LlmServer(lambda _: reply) as server:
        ran = probe("groq", server.url)
    assert server.connections == 2
    assert ran.span("probe")[0].attributes["connection"] == "opened anew"
    seen = server.chats[1]
    assert_agrees(ran.probe.ttft_ms.value, (seen.step_ns[1] - seen.received_ns) / 1e6)


def test_groq_counts_reasoning_as_the_first_token_and_notes_the_answer_apart(probe):
    reply = Reply(
        steps=(
            GROQ_FIRST,
            groq_chunk(None),
            Pause(0.04),
            groq_chunk({"reasoning": "The caller"}),
            Pause(0.06),
            groq_chunk({"content": "Block it."}),
            groq_end(2),
            DONE,
        )
    )
    with LlmServer(lambda _: reply) as server:
        ran = probe("groq", server.url)
    seen = server.chats[1]
    assert_agrees(ran.probe.ttft_ms.value, (seen.step_ns[2] - seen.received_ns) / 1e6)
    ttfat_ms = ran.span("probe")[0].attributes["ttfat_ms"]
    assert_agrees(ttfat_ms, (seen.step_ns[3] - seen.received_ns) / 1e6)
    assert ttfat_ms > ran.probe.ttft_ms.value


def test_ollama_counts_thinking_as_the_first_token(probe):
    reply = Reply(
        steps=(
            ollama_part(""),
            Pause(0.04),
            ollama_part(message={"thinking": "The caller"}),
            Pause(0.06),
            ollama_part("Block it."),
            ollama_end(2),
        ),
        content_type="application/x-ndjson",
    )
    with LlmServer(lambda _: reply) as server:
        ran = probe("ollama", server.url)
    seen = server.chats[1]
    assert_agrees(ran.probe.ttft_ms.value, (seen.step_ns[1] - seen.received_ns) / 1e6)
    assert_agrees(
        ran.span("probe")[0].attributes["ttfat_ms"], (seen.step_ns[2] - seen.received_ns) / 1e6
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the two clocks are one only on Linux")
def test_stamps_are_on_the_clock_of_the_server():
    async def ask(url):
        provider = GroqProvider(
            model="test",
            key=Secret("GROQ_API_KEY", "k" * 24),
            address=parse_address(url, origin="test"),
            timeout_s=10,
            offline=True,
        )
        try:
            return [event async for event in provider.stream("p", system="s", max_tokens=8)]
        finally:
            await provider.close()

    begun_ns = time.monotonic_ns()
    with LlmServer(lambda _: groq_answer("a", "b", gap_s=0.01)) as server:
        events = asyncio.run(ask(server.url))
    (seen,) = server.chats
    assert [event.kind for event in events] == ["sent", "role", "answer", "answer", "done", "done"]
    sent, _, first, second, *_, done = events
    assert begun_ns < sent.at_ns < seen.received_ns < seen.step_ns[1] < first.at_ns
    assert seen.step_ns[2] < second.at_ns <= done.at_ns < time.monotonic_ns()
    assert done.tokens == 2


@pytest.mark.parametrize("name", ANSWERS)
def test_characters_split_between_packets_arrive_whole(name):
    text = "Grüße 你好 🙂"
    one = groq_chunk({"content": text}) if name == "groq" else ollama_part(text)
    end = (groq_end(1), DONE) if name == "groq" else (ollama_end(1),)
    kind = "text/event-stream" if name == "groq" else "application/x-ndjson"
    reply = Reply(steps=(*split_everywhere(one), *end), content_type=kind)

    async def ask(url):
        address = parse_address(url, origin="test")
        provider = (
            GroqProvider(
                model="test",
                key=Secret("GROQ_API_KEY", "k" * 24),
                address=address,
                timeout_s=10,
                offline=True,
            )
            if name == "groq"
            else OllamaProvider(model="test", address=address, timeout_s=10, offline=True)
        )
        try:
            return [event async for event in provider.stream("p", system="s", max_tokens=8)]
        finally:
            await provider.close()

    with LlmServer(lambda _: reply) as server:
        events = asyncio.run(ask(server.url))
    assert "".join(event.text for event in events) == text


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize(
    "more",
    [
        {"gzip": True},
        {"framing": "close", "http": "HTTP/1.0"},
        {"framing": "length"},
        {"content_type": None},
        {"content_type": "text/plain; charset=utf-8"},
    ],
    ids=["gzip", "http10", "length", "no-type", "plain-type"],
)
def test_unusual_but_complete_streams_are_measured(probe, name, more):
    answer, first = ANSWERS[name]
    with LlmServer(lambda _: answer(*WORDS, first_s=0.02, **more)) as server:
        ran = probe(name, server.url)
    assert ran.codes == []
    seen = server.chats[1]
    assert_agrees(ran.probe.ttft_ms.value, (seen.step_ns[first] - seen.received_ns) / 1e6)
    assert seen.headers["accept-encoding"] == "identity"


def test_a_stream_without_done_mark_is_complete_when_the_model_said_that_it_finished(probe):
    reply = Reply(steps=(GROQ_FIRST, groq_chunk({"content": "Yes."}), groq_end(1)))
    with LlmServer(lambda _: reply) as server:
        ran = probe("groq", server.url)
    assert ran.probe.ttft_ms.status is Status.MEASURED
    assert ran.probe.tokens_per_s.status is Status.NOT_MEASURABLE


def test_pieces_are_counted_and_called_estimated_when_the_server_counts_no_tokens(probe):
    end = groq_chunk({}, "stop")
    steps = (groq_chunk({"content": "a"}), Pause(0.02), groq_chunk({"content": "b"}), end, DONE)
    with LlmServer(lambda _: Reply(steps=steps)) as server:
        ran = probe("groq", server.url)
    assert ran.probe.tokens_per_s.status is Status.ESTIMATED
    assert ran.probe.tokens_per_s.value > 0
    assert "pieces of the stream" in ran.probe.tokens_per_s.reason


def test_a_server_that_hangs_after_the_end_does_not_hold_the_run(probe):
    def hang(seen):
        whole = groq_answer(*WORDS)
        return whole if seen.index == 0 else Reply(steps=(*whole.steps, Pause(60)))

    with LlmServer(hang) as server:
        ran = probe("groq", server.url)
        assert ran.probe.ttft_ms.status is Status.MEASURED
        assert ran.span("probe")[0].duration_ms < 10_000


def test_a_stream_that_never_ends_is_cut_and_keeps_its_first_token(probe):
    def endless(seen):
        if seen.index == 0:
            return groq_answer("a")
        return Reply(steps=(groq_chunk({"content": "a "}), Pause(0.05)) * 1000)

    with LlmServer(endless) as server:
        ran = probe("groq", server.url, timeout_s=0.5)
    assert ran.probe.ttft_ms.status is Status.MEASURED
    assert ran.probe.total_ms.status is Status.NOT_MEASURABLE
    assert "llm.timeout_s" in ran.probe.total_ms.reason
    assert 1_400 < ran.span("probe")[0].duration_ms < 10_000


def test_the_request_holds_only_the_built_in_prompt_and_the_limit_of_tokens(probe):
    with LlmServer(lambda _: groq_answer("a")) as groq_server:
        probe("groq", groq_server.url, max_tokens=17)
    with LlmServer(lambda _: ollama_answer("a", "b")) as ollama_server:
        probe("ollama", ollama_server.url, max_tokens=17)
    groq_body, ollama_body = groq_server.chats[1].body, ollama_server.chats[1].body
    assert groq_body["stream"] is ollama_body["stream"] is True
    assert groq_body["max_completion_tokens"] == ollama_body["options"]["num_predict"] == 17
    assert groq_body["messages"] == ollama_body["messages"]
    assert [message["role"] for message in groq_body["messages"]] == ["system", "user"]
    assert "card" in groq_body["messages"][1]["content"]


def test_the_section_is_held_from_warm_up_to_last_probe_and_its_wait_is_told_apart(probe):
    entered = []

    class Section:
        async def __aenter__(self):
            await asyncio.sleep(0.05)
            entered.append(len(server.chats))

        async def __aexit__(self, *_):
            entered.append(len(server.chats))

    with LlmServer(lambda _: groq_answer("a", "b")) as server:
        ran = probe("groq", server.url, probes=2, section=Section)
    assert entered == [0, 3]
    assert ran.span("llm_ttft")[0].attributes["queued_ms"] >= 50


def test_take_sample_needs_a_token():
    async def ask(url):
        provider = OllamaProvider(
            model="test", address=parse_address(url, origin="t"), timeout_s=10, offline=True
        )
        try:
            return await take_sample(provider, prompt="p", system="s", max_tokens=9, limit_s=10)
        finally:
            await provider.close()

    with LlmServer(lambda _: ollama_answer("a", "b", "c", gap_s=0.01)) as server:
        sample = asyncio.run(ask(server.url))
    assert sample.tokens == 3
    assert sample.tokens_counted
    assert sample.sent_ns < sample.first_ns < sample.last_ns
    assert sample.ttft_ms == sample.ttfat_ms < sample.total_ms
    spread_s = (sample.last_ns - sample.first_ns) / 1e9
    assert sample.tokens_per_s == pytest.approx(2 / spread_s)
