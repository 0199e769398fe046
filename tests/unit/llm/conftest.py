import asyncio
from dataclasses import dataclass, replace

import pytest

from echotrace.analyzers.llm_probe import LlmProbeAnalyzer
from echotrace.config.settings import LlmSettings, Settings
from echotrace.model.measure import Finding
from echotrace.model.report import LlmProbe
from echotrace.telemetry import Span, TelemetryCollector
from tests.fakes.llm_key import KEY


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


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """No key, no address and no secrets of whoever runs the tests."""
    for name in ("GROQ_API_KEY", "GROQ_BASE_URL", "OLLAMA_HOST", "OLLAMA_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return monkeypatch


@pytest.fixture
def probe(environment):
    """Run the analyzer once against a server, as the orchestrator would."""

    def run(provider, base_url, *, offline=False, key=KEY, section=None, **llm):
        if provider == "groq" and key:
            environment.setenv("GROQ_API_KEY", key)
        values = {"provider": provider, "base_url": base_url, "model": "test", "timeout_s": 10.0}
        settings = Settings(offline=offline, llm=replace(LlmSettings(), **{**values, **llm}))
        collector = TelemetryCollector()
        more = {} if section is None else {"timed_section": section}
        outcome = asyncio.run(LlmProbeAnalyzer(collector).analyze("", settings=settings, **more))
        return Ran(outcome.data, outcome.findings, collector.spans)

    return run
