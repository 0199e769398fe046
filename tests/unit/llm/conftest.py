import asyncio
import shutil
import time
from dataclasses import dataclass, field, replace

import pytest

from echotrace.analyzers.llm_probe import LlmProbeAnalyzer
from echotrace.config.settings import LlmSettings, Settings
from echotrace.errors import ProviderError
from echotrace.model.measure import Finding
from echotrace.model.report import LlmProbe
from echotrace.providers.llm.base import BUILT_IN_PROMPT
from echotrace.providers.llm.choose import build, choose
from echotrace.providers.llm.measure import take_sample
from echotrace.providers.taken import Due, Taken
from echotrace.telemetry import Span, TelemetryCollector
from tests.fakes.llm_key import KEY
from tests.fakes.timed_server import make_authority

KEY_NAMES = {"groq": "GROQ_API_KEY", "openai": "OPENAI_API_KEY"}


@dataclass(frozen=True)
class Ran:
    probe: LlmProbe
    findings: tuple[Finding, ...]
    spans: tuple[Span, ...]

    @property
    def codes(self):
        return [finding.code for finding in self.findings]

    def finding(self, code):
        (found,) = [finding for finding in self.findings if finding.code == code]
        return found

    def span(self, name):
        return [span for span in self.spans if span.name == name]


@dataclass
class Asked:
    """What came of asking one provider a few times, the first time cold."""

    provider: object = None
    takens: list[Taken] = field(default_factory=list)
    refused: ProviderError | None = None  # by build or prepare, before anything was asked

    @property
    def error(self):
        return self.refused if self.refused is not None else self.takens[-1].error

    @property
    def samples(self):
        return [taken.sample for taken in self.takens]

    @property
    def sample(self):
        return self.takens[-1].sample

    def phase_ms(self, name):
        (found,) = [phase for phase in self.sample.phases if phase.name == name]
        return found.duration_ms


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """No key, no address and no secrets of whoever runs the tests."""
    for name in (
        *("GROQ_API_KEY", "GROQ_BASE_URL", "OLLAMA_HOST", "OLLAMA_API_KEY"),
        *("OPENAI_API_KEY", "OPENAI_BASE_URL"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return monkeypatch


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def settings_for(environment):
    """Settings that lead to a server, with the planted key of its provider."""

    def make(provider, base_url, *, offline=False, key=KEY, **llm):
        name = (provider or "").partition(":")[0]
        if key and name in KEY_NAMES:
            environment.setenv(KEY_NAMES[name], key)
        values = {"provider": provider, "base_url": base_url, "model": "test", "timeout_s": 10.0}
        values |= {"probes": 1, "spacing_s": 0.0, **llm}
        return Settings(offline=offline, llm=replace(LlmSettings(), **values))

    return make


@pytest.fixture
def ask(settings_for):
    """Choose, build, prepare and ask a few times, as the analyzer would."""

    def run(provider, base_url, *, times=2, prompt=BUILT_IN_PROMPT, **more):
        settings = settings_for(provider, base_url, **more)
        return asyncio.run(_ask(settings, times, prompt))

    return run


async def _ask(settings, times, prompt):
    asked = Asked()
    try:
        asked.provider = build(choose(settings), settings)
    except ProviderError as error:
        asked.refused = error
        return asked
    origin_ns = time.perf_counter_ns()
    try:
        await asked.provider.prepare()
        for index in range(times):
            due_ns = time.perf_counter_ns()
            taken = await take_sample(
                asked.provider,
                prompt=prompt,
                max_tokens=settings.llm.max_tokens,
                limit_s=settings.llm.timeout_s,
                due=Due(index=index, cold=index == 0, due_ns=due_ns, origin_ns=origin_ns),
            )
            asked.takens.append(taken)
    except ProviderError as error:
        asked.refused = error
    finally:
        await asked.provider.close()
    return asked


@pytest.fixture
def probe(settings_for):
    """Run the analyzer once against a server, as the orchestrator would."""

    def run(provider, base_url, *, section=None, **more):
        settings = settings_for(provider, base_url, **more)
        collector = TelemetryCollector()
        kept = {} if section is None else {"timed_section": section}
        outcome = asyncio.run(LlmProbeAnalyzer(collector).analyze("", settings=settings, **kept))
        return Ran(outcome.data, outcome.findings, collector.spans)

    return run
