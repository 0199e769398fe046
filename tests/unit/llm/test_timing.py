"""Our times against the stamps of the server, both on CLOCK_MONOTONIC."""

import asyncio
import statistics
import sys
import time

import pytest

from echotrace.model.measure import Status
from echotrace.providers.llm.base import BUILT_IN_PROMPT
from echotrace.providers.llm.choose import build, choose
from echotrace.providers.llm.measure import take_sample
from echotrace.providers.taken import Due
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
    openai_answer,
    split_everywhere,
)
from tests.fakes.timed_server import TimedServer, Timing

pytestmark = pytest.mark.on_a_clock

SLACK_MS = 50.0
WORDS = ("Please ", "block ", "your ", "card.")
ANSWERS = {"groq": (groq_answer, 1), "openai": (openai_answer, 1), "ollama": (ollama_answer, 0)}
REASONING = {
    "groq": [groq_chunk({"reasoning": "The caller"})],
    "openai": [groq_chunk({"reasoning_content": "The caller"})],
    "ollama": [ollama_part(message={"thinking": "The caller"})],
}


def assert_agrees(ours_ms, server_ms):
    """We see the request leave before the server has it, and the token after the server sent it."""
    assert server_ms <= ours_ms <= server_ms + SLACK_MS


def stamped_ms(seen, step):
    return (seen.step_ns[step] - seen.received_ns) / 1e6


@pytest.mark.parametrize("name", ANSWERS)
def test_the_figures_agree_with_the_server(ask, name):
    answer, first = ANSWERS[name]
    with LlmServer(lambda _: answer(*WORDS, first_s=0.05, gap_s=0.02)) as server:
        asked = ask(name, server.url, times=3)
    assert [sample.status for sample in asked.samples] == ["ok"] * 3
    for sample, seen in zip(asked.samples, server.chats, strict=True):
        assert_agrees(sample.ttft_ms, stamped_ms(seen, first))
        assert_agrees(sample.total_ms, stamped_ms(seen, first + 4))
        assert sample.ttfat_ms == sample.ttft_ms
        assert sample.first_sentence == "Please block your card."
        assert sample.first_sentence_ms == sample.total_ms  # only the end tells that it is whole
        assert (sample.tokens, sample.tokens_counted) == (4, True)
        assert len(sample.token_gaps_ms) == 3
        assert min(sample.token_gaps_ms) > 10
        spread_s = sum(sample.token_gaps_ms) / 1e3
        assert sample.tokens_per_s == pytest.approx(3 / spread_s)
        assert sample.http_status == 200


@pytest.mark.parametrize("name", ANSWERS)
def test_all_requests_go_over_one_connection(ask, name):
    answer, _ = ANSWERS[name]
    with LlmServer(lambda _: answer(*WORDS)) as server:
        asked = ask(name, server.url, times=3)
    assert server.connections == 1
    assert [sample.reused for sample in asked.samples] == [False, True, True]
    assert [sample.cold for sample in asked.samples] == [True, False, False]
    for sample in asked.samples:
        names = [phase.name for phase in sample.phases]
        assert ("connect" in names) is sample.cold
        assert names[0] == "queued"
        assert names[-1] == "done"
    assert asked.provider.requests_sent == 3


@pytest.mark.parametrize("name", ["groq", "openai"])
def test_connection_set_up_is_in_no_figure_when_the_server_closes_after_each_reply(ask, name):
    reply = groq_answer(*WORDS, first_s=0.05, framing="close", http="HTTP/1.0")
    with LlmServer(lambda _: reply) as server:
        asked = ask(name, server.url)
    assert server.connections == 2
    assert asked.sample.reused is False
    assert_agrees(asked.sample.ttft_ms, stamped_ms(server.chats[1], 1))


@pytest.mark.parametrize("name", REASONING)
def test_reasoning_is_the_first_token_and_the_answer_is_noted_apart(ask, name):
    start = [ollama_part("")] if name == "ollama" else [GROQ_FIRST, groq_chunk(None)]
    word = ollama_part("Block it.") if name == "ollama" else groq_chunk({"content": "Block it."})
    end = [ollama_end(2)] if name == "ollama" else [groq_end(2), DONE]
    steps = (*start, Pause(0.03), *REASONING[name], Pause(0.05), word, *end)
    kind = "application/x-ndjson" if name == "ollama" else "text/event-stream"
    with LlmServer(lambda _: Reply(steps=steps, content_type=kind)) as server:
        asked = ask(name, server.url)
    seen = server.chats[1]
    assert_agrees(asked.sample.ttft_ms, stamped_ms(seen, len(start)))
    assert_agrees(asked.sample.ttfat_ms, stamped_ms(seen, len(start) + 1))
    assert asked.sample.first_sentence == "Block it."
    assert asked.phase_ms("reasoning") == pytest.approx(
        asked.sample.ttfat_ms - asked.sample.ttft_ms, abs=0.01
    )
    names = [phase.name for phase in asked.sample.phases]
    assert names.index("first_token") < names.index("reasoning") < names.index("done")


def test_an_answer_that_is_all_reasoning_has_no_time_of_an_answer(ask):
    steps = (*[groq_chunk({"reasoning": "so "}), Pause(0.01)] * 3, groq_end(3, "length"), DONE)
    with LlmServer(lambda _: Reply(steps=steps)) as server:
        asked = ask("openai", server.url)
    assert asked.sample.status == "ok"
    assert asked.sample.ttft_ms > 0
    assert asked.sample.ttfat_ms is asked.sample.first_sentence_ms is None
    assert asked.phase_ms("reasoning") >= 19
    assert "streaming" not in [phase.name for phase in asked.sample.phases]


@pytest.mark.skipif(sys.platform != "linux", reason="the two clocks are one only on Linux")
@pytest.mark.parametrize("name", ["groq", "openai"])
def test_stamps_are_on_the_clock_of_the_server(settings_for, name):
    begun_ns = time.monotonic_ns()
    with LlmServer(lambda _: ANSWERS[name][0]("a", "b", gap_s=0.01)) as server:
        events = asyncio.run(stream(settings_for(name, server.url)))
    (seen,) = server.chats
    assert [event.kind for event in events][:4] == ["sent", "role", "answer", "answer"]
    assert {event.kind for event in events[4:]} == {"done"}
    sent, _, first, second, *_, done = events
    assert begun_ns < sent.at_ns < seen.received_ns < seen.step_ns[1] < first.at_ns
    assert seen.step_ns[2] < second.at_ns <= done.at_ns < time.monotonic_ns()
    assert (done.tokens, done.prompt_tokens) == (2, 9)


async def stream(settings):
    provider = build(choose(settings), settings)
    try:
        return [event async for event in provider.stream(BUILT_IN_PROMPT, max_tokens=8)]
    finally:
        await provider.close()


@pytest.mark.parametrize("name", ANSWERS)
def test_characters_split_between_packets_arrive_whole(settings_for, name):
    text = "Grüße 你好 🙂"
    one = ollama_part(text) if name == "ollama" else groq_chunk({"content": text})
    end = (ollama_end(1),) if name == "ollama" else (groq_end(1), DONE)
    kind = "application/x-ndjson" if name == "ollama" else "text/event-stream"
    reply = Reply(steps=(*split_everywhere(one), *end), content_type=kind)
    with LlmServer(lambda _: reply) as server:
        events = asyncio.run(stream(settings_for(name, server.url)))
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
def test_unusual_but_complete_streams_are_measured(ask, name, more):
    answer, first = ANSWERS[name]
    with LlmServer(lambda _: answer(*WORDS, first_s=0.02, **more)) as server:
        asked = ask(name, server.url)
    assert (asked.sample.status, asked.sample.code) == ("ok", None)
    assert asked.sample.first_sentence == "Please block your card."
    seen = server.chats[1]
    assert_agrees(asked.sample.ttft_ms, stamped_ms(seen, first))
    assert seen.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("name", ["groq", "openai"])
def test_a_stream_without_done_mark_is_complete_when_the_model_said_that_it_finished(ask, name):
    reply = Reply(steps=(GROQ_FIRST, groq_chunk({"content": "Yes."}), groq_end(1)))
    with LlmServer(lambda _: reply) as server:
        asked = ask(name, server.url)
    assert asked.sample.status == "ok"
    assert asked.sample.tokens_per_s is None


@pytest.mark.parametrize("name", ["groq", "openai"])
def test_pieces_are_counted_when_the_server_counts_no_tokens(ask, name):
    end = groq_chunk({}, "stop")
    steps = (groq_chunk({"content": "a"}), Pause(0.02), groq_chunk({"content": "b"}), end, DONE)
    with LlmServer(lambda _: Reply(steps=steps)) as server:
        asked = ask(name, server.url)
    assert (asked.sample.tokens, asked.sample.tokens_counted) == (2, False)
    assert asked.sample.tokens_per_s == pytest.approx(1e3 / asked.sample.token_gaps_ms[0])
    assert asked.sample.prompt_tokens is None


def test_pieces_of_one_read_have_no_gap_between_them(ask):
    pieces = [groq_chunk({"content": word}) for word in WORDS]
    steps = (GROQ_FIRST, b"".join(pieces[:2]), Pause(0.03), b"".join(pieces[2:]), groq_end(4), DONE)
    with LlmServer(lambda _: Reply(steps=steps)) as server:
        asked = ask("openai", server.url)
    (gap_ms,) = asked.sample.token_gaps_ms
    assert gap_ms >= 29
    assert asked.sample.tokens == 4


def test_a_server_that_hangs_after_the_end_costs_the_figures_nothing(ask):
    def hang(seen):
        whole = groq_answer(*WORDS)
        return whole if seen.index == 0 else Reply(steps=(*whole.steps, Pause(60)))

    with LlmServer(hang) as server:
        asked = ask("groq", server.url)
    assert asked.sample.status == "ok"
    assert asked.sample.total_ms < 1_000
    assert sum(phase.duration_ms for phase in asked.sample.phases) < 1_000


@pytest.mark.parametrize("name", ["groq", "openai"])
def test_a_stream_that_never_ends_is_cut_and_keeps_its_first_token(ask, name):
    endless = Reply(steps=(groq_chunk({"content": "a "}), Pause(0.02)) * 1000)
    with LlmServer(lambda _: endless) as server:
        asked = ask(name, server.url, timeout_s=0.15, times=1)
    sample = asked.sample
    assert (sample.status, sample.code, asked.error) == ("cut", "LLM_CUT", None)
    assert sample.ttft_ms > 0
    assert sample.total_ms is sample.first_sentence is None
    assert sample.tokens == 1 + len(sample.token_gaps_ms)
    assert not sample.tokens_counted
    assert sample.phases[-1].name == "streaming"
    assert sum(phase.duration_ms for phase in sample.phases) >= 440


@pytest.mark.parametrize("name", ANSWERS)
def test_the_request_holds_the_prompt_and_the_limit_of_tokens(ask, name):
    with LlmServer(lambda _: ANSWERS[name][0]("a", "b")) as server:
        ask(name, server.url, max_tokens=17)
    body = server.chats[1].body
    limit = {"groq": "max_completion_tokens", "openai": "max_tokens"}
    found = body["options"]["num_predict"] if name == "ollama" else body[limit[name]]
    assert (found, body["stream"], body["model"]) == (17, True, "test")
    assert body["messages"] == BUILT_IN_PROMPT.messages()
    if name == "openai":
        assert body["stream_options"] == {"include_usage": True}


def test_the_sdk_and_the_plain_client_agree(settings_for):
    """Each against the server's own stamps, in turn, so that a busy machine meets both alike."""

    def difference_ms(sample, seen):
        return sample.ttft_ms - stamped_ms(seen, 1), sample.total_ms - stamped_ms(seen, 5)

    async def run(server):
        made = [settings_for(name, server.url) for name in ("groq", "openai")]
        providers = [build(choose(settings), settings) for settings in made]
        found = {provider.name: [] for provider in providers}
        for index in range(9):
            for provider in providers:
                due = Due(index=index, cold=index == 0, due_ns=time.perf_counter_ns(), origin_ns=0)
                taken = await take_sample(
                    provider, prompt=BUILT_IN_PROMPT, max_tokens=9, limit_s=10, due=due
                )
                found[provider.name].append(difference_ms(taken.sample, server.chats[-1]))
        for provider in providers:
            await provider.close()
        return found

    with LlmServer(lambda _: groq_answer(*WORDS, first_s=0.02, gap_s=0.005)) as server:
        found = asyncio.run(run(server))
    for at in (0, 1):
        sdk, plain = (
            statistics.median(difference[at] for difference in found[name][1:])
            for name in ("groq", "openai")
        )
        assert abs(sdk - plain) <= 10


@pytest.mark.skipif(sys.platform != "linux", reason="the two clocks are one only on Linux")
def test_every_part_of_a_cold_request_over_tls_agrees_with_the_server(
    settings_for, authority, environment
):
    environment.setenv("SSL_CERT_FILE", str(authority.certificate))
    timing = Timing(
        tls_ms=30, first_byte_ms=60, reasoning_ms=100, answer_ms=160, token_ms=20, end_ms=30
    )

    async def once(settings):
        provider = build(choose(settings), settings)
        due = Due(index=0, cold=True, due_ns=time.perf_counter_ns(), origin_ns=0)
        taken = await take_sample(
            provider, prompt=BUILT_IN_PROMPT, max_tokens=9, limit_s=10, due=due
        )
        await provider.close()
        return taken.sample, due.due_ns

    with TimedServer(timing, tls=authority.server_context()) as server:
        settings = [settings_for(name, server.url) for name in ("groq", "openai")]
        asyncio.run(once(settings[0]))  # the SDK's own first time, which loads parts of it
        found = [asyncio.run(once(item)) for item in settings]
    for sample, due_ns in found:
        asked = server.asked[int(sample.request_id)]
        ends = {
            phase.name: due_ns + (phase.start_ms + phase.duration_ms) * 1e6
            for phase in sample.phases
        }
        assert list(ends) == [
            *("queued", "connect", "tls", "request_sent", "waiting", "first_token", "reasoning"),
            *("streaming", "done"),
        ]
        stamps = {
            "connect": asked.accepted_ns,
            "tls": asked.tls_ns,
            "request_sent": asked.request_ns,
            "waiting": asked.first_byte_ns,
            "first_token": asked.reasoning_ns[0],
            "reasoning": asked.answer_ns[0],
            "streaming": asked.answer_ns[-1],
            "done": asked.end_ns,
        }
        for name, stamp_ns in stamps.items():
            assert ends[name] == pytest.approx(stamp_ns, abs=25e6), name  # shortest part: 30 ms


def test_the_section_is_held_over_all_requests_and_its_wait_is_told_apart(probe):
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
    assert ran.probe.ttft_ms.status is Status.MEASURED
