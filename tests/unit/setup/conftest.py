from dataclasses import replace

import pytest

from echotrace.config.loader import load_settings
from echotrace.setup.detect import Detected, KeyFound, read_saved
from echotrace.setup.machine import Machine
from echotrace.setup.ollama import OllamaFound

DOWN = OllamaFound(address="127.0.0.1:11434", problem="not running", hint="ollama serve")


class Place:
    """A home folder with a configuration in it, and what the wizard would know of it."""

    def __init__(self, home):
        self.home = home
        self.environ = {"HOME": str(home)}
        self.folder = home / ".config/echotrace"
        self.config = self.folder / "config.toml"
        self.secrets = self.folder / "secrets.toml"

    def write(self, text, *, path=None, mode=0o600):
        self.folder.mkdir(parents=True, exist_ok=True)
        target = path or self.config
        target.write_text(text, "utf-8")
        target.chmod(mode)
        return target

    def load(self, **environ):
        return load_settings({}, environ={**self.environ, **environ}, cwd=None)

    def detected(
        self,
        *,
        keys=(),
        in_environment=False,
        models=(),
        gpus=0,
        whisper=(),
        addresses=None,
        **base,
    ):
        saved = read_saved(self.environ)
        ollama = OllamaFound(address="h:1", running=True, models=models) if models else DOWN
        return Detected(
            saved=saved,
            base=replace(saved.settings, **base),
            machine=Machine(cores=2, memory_mb=8000, gpus=gpus, whisper=frozenset(whisper)),
            ollama=ollama,
            keys={key.name: KeyFound(secret=key, in_environment=in_environment) for key in keys},
            addresses=addresses or {},
        )


@pytest.fixture
def make_place(tmp_path):
    def make(name="home"):
        home = tmp_path / name
        home.mkdir(exist_ok=True)
        return Place(home)

    return make


@pytest.fixture
def place(make_place):
    return make_place()


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path):
    """No key, no model cache and no configuration of whoever runs the tests."""
    vendors = ("GROQ_API_KEY", "GROQ_BASE_URL", "OLLAMA_HOST", "OLLAMA_API_KEY")
    for name in (*vendors, "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody/config"))
