"""The LLM probe as a stage: what it finds, and what it leaves behind when it is stopped."""

import asyncio
from dataclasses import replace

import pytest

from echotrace.analyzers.llm_probe import LlmProbeAnalyzer
from echotrace.config.settings import LlmSettings, Settings
from echotrace.telemetry import TelemetryCollector
from tests.fakes.llm_servers import LlmServer, Reply, Stall, error, groq_chunk, openai_answer

pytestmark = pytest.mark.on_a_clock

WORDS = ("Block ", "the ", "card.")


def settings_for(server, **llm):
    values = {"provider": "openai", "model": "test", "base_url": f"{server.url}/v1"}
    return Settings(llm=replace(LlmSettings(), **values, spacing_s=0.0, **llm))


def probed(server, **llm):
    collector = TelemetryCollector()
    analyzer = LlmProbeAnalyzer(collector)
    outcome = asyncio.run(analyzer.analyze("", settings=settings_for(server, **llm)))
    return outcome, collector.spans


def test_lost_probes_are_told_with_their_reasons():
    def answer(seen):
        return error(503, "busy") if seen.index in (2, 4) else openai_answer(*WORDS)

    with LlmServer(answer) as server:
        outcome, spans = probed(server, probes=5)
    (lost,) = [item for item in outcome.findings if item.code == "LLM_PROBES_LOST"]
    assert lost.message.startswith("3 of 5 probes count: ")
    assert "[LLM_SERVER_ERROR]" in lost.message
    assert [span.status for span in spans if span.name == "probe"].count("failed") == 2
    assert outcome.data.ttft_ms.n == 3


def test_several_at_a_time_have_a_connection_each():
    with LlmServer(lambda seen: openai_answer(*WORDS, gap_s=0.01)) as server:
        outcome, _ = probed(server, probes=6, concurrency=3)
    assert server.connections == 3
    assert [item.cold for item in outcome.data.samples].count(True) == 3
    assert outcome.data.ttft_ms.n == 6
    assert outcome.data.concurrency == 3


def test_a_stage_that_is_stopped_closes_its_connection_and_its_spans():
    begun = (groq_chunk({"role": "assistant", "content": ""}), groq_chunk({"content": "So "}))

    async def stop(server, collector):
        analyzer = LlmProbeAnalyzer(collector)
        task = asyncio.create_task(analyzer.analyze("", settings=settings_for(server)))
        while not (server.chats and len(server.chats[0].step_ns) == 2):  # noqa: ASYNC110 - the server is a thread, which sets no event of ours
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with LlmServer(lambda seen: Reply(steps=(*begun, Stall()))) as server:
        collector = TelemetryCollector()
        asyncio.run(stop(server, collector))
    assert {span.name: span.status for span in collector.spans} == {
        "warm_up": "cancelled",
        "llm_ttft": "cancelled",
    }


@pytest.mark.parametrize(("first_s", "told"), [(0.0, False), (0.72, True)])
def test_a_first_token_that_is_slow_for_voice_is_told(first_s, told):
    with LlmServer(lambda seen: openai_answer(*WORDS, first_s=first_s)) as server:
        outcome, _ = probed(server, probes=1)
    assert ("TTFT_SLOW_FOR_VOICE" in {item.code for item in outcome.findings}) is told
