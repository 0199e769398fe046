import asyncio
import sys
import time
from dataclasses import replace

import pytest

from echotrace.config.settings import Settings, TtsSettings
from echotrace.providers.taken import Due
from echotrace.providers.tts.choose import build, choose
from echotrace.providers.tts.measure import take_sample
from tests.fakes.llm_key import KEY

TEXT = "I am sorry to hear that."


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """No key, no address and no secrets of whoever runs the tests."""
    for vendor in ("GROQ", "OPENAI"):
        for name in ("API_KEY", "BASE_URL"):
            monkeypatch.delenv(f"{vendor}_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return monkeypatch


@pytest.fixture
def make_settings():
    def make(provider, *, offline=False, **tts):
        values = {"provider": provider, "timeout_s": 10.0, **tts}
        return replace(Settings(), offline=offline, tts=TtsSettings(**values))

    return make


@pytest.fixture
def speak(environment, make_settings):
    """Take samples of a provider, one after the other, in one event loop."""

    def run(provider, *, times=1, text=TEXT, key=KEY, wait_s=0.0, **tts):
        if key:
            for vendor in ("GROQ", "OPENAI"):
                environment.setenv(f"{vendor}_API_KEY", key)
        settings = make_settings(provider, **tts)
        choice = choose(settings)
        return asyncio.run(_samples(choice, settings, times, text, wait_s))

    return run


async def _samples(choice, settings, times, text, wait_s):
    provider = build(choice, settings)
    origin_ns = time.perf_counter_ns()
    taken = []
    try:
        for index in range(times):
            due_ns = time.perf_counter_ns() - round(wait_s * 1e9)
            due = Due(index=index, cold=index == 0, due_ns=due_ns, origin_ns=origin_ns)
            limit_s = settings.tts.timeout_s
            taken.append(await take_sample(provider, text=text, limit_s=limit_s, due=due))
    finally:
        await provider.close()
    return taken if times > 1 else taken[0]


@pytest.fixture
def script(tmp_path):
    """Write a Python program and return the command that runs it, without site packages."""

    def write(source):
        path = tmp_path / "speaker.py"
        path.write_text("import os, sys, time\n" + source)
        return f"command:{sys.executable} -S -E {path}"

    return write
