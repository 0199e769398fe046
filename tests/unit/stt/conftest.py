import importlib
from dataclasses import replace

import pytest

from echotrace.audio.vad import SpeechSpan
from echotrace.config.settings import Settings, SttSettings
from echotrace.telemetry import TelemetryCollector
from tests.fakes.scripted_whisper import write_scripted_whisper


@pytest.fixture
def collector():
    return TelemetryCollector()


@pytest.fixture
def spans():
    return lambda *pairs: [SpeechSpan(start, end) for start, end in pairs]


@pytest.fixture(scope="session")
def scripted_model(tmp_path_factory):
    """A multilingual model that writes "alpha beta gamma", whatever it hears."""
    return write_scripted_whisper(tmp_path_factory.mktemp("whisper") / "scripted")


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """An empty Hugging Face cache in place of the user's; any connection is refused."""
    constants = importlib.import_module("huggingface_hub.constants")
    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("socket.socket.connect", _no_network)
    monkeypatch.setattr("socket.create_connection", _no_network)
    return cache


def _no_network(*args, **kwargs):
    raise AssertionError(f"a connection was tried: {args}")


@pytest.fixture
def make_settings():
    def make(*, offline=False, **stt):
        return replace(Settings(), offline=offline, stt=SttSettings(**{"cpu_threads": 1, **stt}))

    return make


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """No key, no address and no secrets of whoever runs the tests."""
    for vendor in ("GROQ", "OPENAI"):
        for name in ("API_KEY", "BASE_URL"):
            monkeypatch.delenv(f"{vendor}_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return monkeypatch
