"""The providers in the package keep the rules that third parties are asked to keep."""

import shlex
import sys

import pytest

from echotrace.config.settings import LlmSettings, Settings, TtsSettings
from echotrace.providers.llm.mock import MockProvider
from echotrace.testing import LlmConformance, TtsConformance
from tests.fakes.llm_key import KEY
from tests.fakes.llm_servers import LlmServer, groq_answer, ollama_answer, openai_answer
from tests.fakes.tts_servers import SpeechServer, streamed, voice, wav

ANSWERS = {"groq": groq_answer, "openai": openai_answer, "ollama": ollama_answer}


@pytest.fixture(scope="class", params=sorted(ANSWERS))
def served(request):
    answer = ANSWERS[request.param]
    words = ("Block ", "your ", "card.")

    def slowly(seen):
        return answer(*words, first_s=0.01, gap_s=0.005)

    with LlmServer(slowly, models=("m",)) as server, pytest.MonkeyPatch.context() as patch:
        for name in ("GROQ_API_KEY", "OPENAI_API_KEY", "OLLAMA_API_KEY"):
            patch.setenv(name, KEY)
        yield request.param, server.url


class TestAgainstServers(LlmConformance):
    secrets = (KEY,)

    @pytest.fixture(autouse=True)
    def _of_this_server(self, served):
        self.name, url = served
        self.settings = self.refusing(url)

    def refusing(self, url):
        return Settings(llm=LlmSettings(base_url=url, model="m", timeout_s=10.0))


@pytest.fixture(scope="class", params=["groq", "openai"])
def speaking(request):
    sound = wav(voice(16_000, lead_s=0.1, speech_s=0.4), 16_000)

    def slowly(seen):
        return streamed(sound, first_s=0.01, gap_s=0.005)

    with SpeechServer(slowly, models=("m",)) as server, pytest.MonkeyPatch.context() as patch:
        for name in ("GROQ_API_KEY", "OPENAI_API_KEY"):
            patch.setenv(name, KEY)
        yield request.param, server.url


class TestSpeechServers(TtsConformance):
    secrets = (KEY,)
    model = "m"

    @pytest.fixture(autouse=True)
    def _of_this_server(self, speaking):
        self.name, url = speaking
        self.settings = self.refusing(url)

    def refusing(self, url):
        return Settings(tts=TtsSettings(base_url=url, timeout_s=10.0))


SPEAKER = """
import os, sys
sys.stdin.read()
data = open(sys.argv[1], "rb").read()
sys.stdout.buffer.write(data)
if not data:
    sys.exit(f"no voice; my environment is {os.environ}")
"""


class TestCommand(TtsConformance):
    name = "command"
    secrets = (KEY,)

    @pytest.fixture(autouse=True)
    def _program(self, tmp_path_factory, monkeypatch):
        folder = tmp_path_factory.getbasetemp()
        self.sound, script = folder / "sound.wav", folder / "speak.py"
        self.sound.write_bytes(wav(voice(16_000, lead_s=0.1, speech_s=0.4), 16_000))
        script.write_text(SPEAKER)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        self.model = shlex.join([sys.executable, "-S", "-E", str(script), str(self.sound)])

    def refusing(self, url):
        self.sound.write_bytes(b"")
        return self.settings


class TestMock(LlmConformance):
    name = "mock"

    @pytest.fixture(autouse=True)
    def _waits_little(self, monkeypatch):
        """The mock really waits for what it draws."""
        monkeypatch.setitem(MockProvider.__init__.__kwdefaults__, "ttft_range_ms", (40.0, 100.0))

    test_an_error_is_of_echotrace_and_holds_no_secret = None  # it never fails
