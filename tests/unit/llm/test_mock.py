import asyncio
import subprocess
import sys
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.model.measure import Status
from echotrace.providers.llm.base import BUILT_IN_PROMPT
from echotrace.providers.llm.measure import take_sample
from echotrace.providers.llm.mock import MockProvider
from echotrace.providers.taken import Due


@given(st.integers())
@settings(max_examples=50)
def test_draws_lie_in_the_promised_range_and_repeat_with_the_seed(seed):
    one, two = MockProvider(seed=seed), MockProvider(seed=seed)
    draws = [one.draw_ms() for _ in range(20)]
    assert all(800 <= draw <= 2000 for draw in draws)
    assert len(set(draws)) > 1
    assert draws == [two.draw_ms() for _ in range(20)]


def test_the_drawn_time_is_really_waited_for():
    async def ask():
        provider = MockProvider(seed=3, ttft_range_ms=(20.0, 40.0))
        due = Due(index=1, cold=False, due_ns=time.perf_counter_ns(), origin_ns=0)
        return await take_sample(provider, prompt=BUILT_IN_PROMPT, max_tokens=3, limit_s=1, due=due)

    sample = asyncio.run(ask()).sample
    drawn_ms = MockProvider(seed=3, ttft_range_ms=(20.0, 40.0)).draw_ms()
    assert sample.ttft_ms >= drawn_ms - 1  # the loop's timer has the resolution of its clock
    assert (sample.tokens, sample.status, sample.reused) == (3, "ok", None)
    assert sample.first_sentence is None  # three words of five: it was not whole
    assert [phase.name for phase in sample.phases] == [
        *("queued", "first_token", "streaming", "done")
    ]


def test_a_run_with_the_mock_is_simulated_from_end_to_end(probe):
    entered = []

    class Section:
        async def __aenter__(self):
            entered.append(1)

        async def __aexit__(self, *_):
            entered.append(2)

    ran = probe(None, None, section=Section, mock_seed=5)
    drawn_ms = MockProvider(seed=5).draw_ms()
    assert ran.probe.simulated
    assert (ran.probe.provider, ran.probe.model, ran.probe.sent_to) == ("mock", None, None)
    for figure in (ran.probe.ttft_ms, ran.probe.total_ms, ran.probe.tokens_per_s):
        assert figure.status is Status.SIMULATED
        assert "[MOCK]" in figure.reason
    assert ran.probe.warm_up_ms.status is Status.NOT_RUN
    assert drawn_ms - 1 <= ran.probe.ttft_ms.value < drawn_ms + 500
    assert ran.codes == ["LLM_MOCK"]
    assert entered == []
    (child,), (stage,) = ran.span("probe"), ran.span("llm_ttft")
    assert child.attributes["simulated"] is stage.attributes["simulated"] is True
    assert child.parent_id == stage.id


def test_the_mock_loads_no_library(tmp_path):
    code = (
        "import asyncio, sys\n"
        "from echotrace.analyzers.llm_probe import LlmProbeAnalyzer\n"
        "from echotrace.config.settings import Settings\n"
        "from echotrace.providers.llm.choose import build, choose\n"
        "build(choose(Settings()), Settings())\n"
        "print({'groq', 'ollama', 'httpx', 'anyio', 'pydantic', 'numpy'} & set(sys.modules))\n"
    )
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
