import asyncio

import pytest

from echotrace.config.settings import LlmSettings, Settings, SttSettings
from echotrace.setup.checks import check_llm, check_stt
from tests.fakes.llm_key import KEY, pieces_of_key
from tests.fakes.llm_servers import LlmServer, error, groq_answer, ollama_answer, openai_answer
from tests.fakes.speech_models import mini_model


def ask(provider, url, **llm):
    settings = Settings(llm=LlmSettings(provider=provider, base_url=url, timeout_s=10.0, **llm))
    keys = {"GROQ_API_KEY": KEY, "OPENAI_API_KEY": KEY}
    return asyncio.run(check_llm(settings, {**keys, "HOME": "/nowhere"}))


def test_a_model_that_answers_is_timed():
    with LlmServer(lambda seen: groq_answer("Yes", " sir")) as server:
        result = ask("groq", server.url, model="m")
        assert result.ok
        assert "first token after" in result.text
        assert len(server.chats) == 2  # a cold and a warm request
    with LlmServer(lambda seen: ollama_answer("Yes", " sir"), models=("a",)) as server:
        assert "a at" in ask("ollama", server.url).text
    with LlmServer(lambda seen: openai_answer("Yes", " sir"), models=("served",)) as server:
        assert "served at" in ask("openai", f"{server.url}/v1").text
        assert server.chats[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_failure_is_said_without_the_key():
    echo = error(401, {"error": {"message": f"Invalid key {KEY}"}})
    with LlmServer(lambda seen: echo) as server:
        result = ask("groq", server.url, model="m")
        url = server.url
    assert (result.ok, result.code, result.exit_code) == (False, "LLM_KEY_REFUSED", 4)
    assert "console.groq.com" in result.hint
    with LlmServer(lambda seen: echo) as server:
        mine = ask("openai", server.url, model="m")
    assert (mine.code, "platform.openai.com" in mine.hint) == ("LLM_KEY_REFUSED", False)
    down = ask("ollama", url, model="m")
    assert (down.code, down.hint) == ("LLM_CONNECTION_REFUSED", "start it with: ollama serve")
    shown = repr(result) + repr(mine) + repr(down)
    assert not any(piece in shown for piece in pieces_of_key())


def test_a_mock_is_labelled():
    assert "[MOCK]" in ask("mock", None).text


@pytest.mark.parametrize("offline", [False, True])
def test_a_missing_model_is_never_fetched_by_the_check(tmp_path, monkeypatch, offline):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    name = "faster-whisper:small"
    refused = check_stt(name, Settings(offline=offline))
    assert (refused.ok, refused.exit_code) == (False, 5)
    assert "--allow-download" in refused.hint
    allowed = check_stt(name, Settings(offline=offline, stt=SttSettings(allow_download=True)))
    assert allowed.ok is not offline
    assert list(tmp_path.iterdir()) == []


def test_engines_are_loaded_and_run():
    assert check_stt(f"faster-whisper:{mini_model('whisper-mini-fast')}", Settings()).ok
    assert check_stt("sphinx", Settings()).ok
    assert "stands in" in check_stt("auto", Settings()).text or check_stt("auto", Settings()).ok
