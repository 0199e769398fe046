"""Which synthesiser a run asks, and what is said when it cannot be one."""

import subprocess
import sys

import pytest

from echotrace.config.paths import secrets_file
from echotrace.errors import ConfigError, ProviderError, UsageError
from echotrace.providers.tts.choose import build, choose
from tests.fakes.llm_key import KEY
from tests.fakes.tts_servers import SpeechServer, spoken, voice, wav


def test_without_a_name_there_is_none(make_settings):
    assert choose(make_settings(None)) is None


@pytest.mark.parametrize("provider", ["openai", "groq"])
def test_the_vendors_need_a_key_from_the_environment_or_the_file(
    make_settings, environment, provider
):
    choice = choose(make_settings(provider))
    host = {"openai": "api.openai.com", "groq": "api.groq.com"}[provider]
    assert (choice.name, choice.sent_to) == (provider, host)
    assert choice.blocked.code == "TTS_KEY_MISSING"
    assert f"{provider.upper()}_API_KEY" in choice.blocked.why
    with pytest.raises(ProviderError):
        build(choice, make_settings(provider))
    path = secrets_file().path
    path.parent.mkdir(parents=True)
    path.touch(0o600)
    path.write_text(f'{provider}_api_key = "{KEY}"\n')
    chosen = choose(make_settings(provider))
    assert chosen.blocked is None
    assert KEY not in repr(chosen)


@pytest.mark.parametrize(
    ("provider", "tts", "model", "voice_name"),
    [
        ("openai", {}, "gpt-4o-mini-tts", "alloy"),
        ("openai", {"base_url": "http://127.0.0.1:8880"}, "tts-1", "alloy"),
        ("openai", {"base_url": "https://api.openai.com/v1"}, "gpt-4o-mini-tts", "alloy"),
        ("openai:kokoro:v1", {"voice": "af_sky"}, "kokoro:v1", "af_sky"),
        ("groq", {}, "canopylabs/orpheus-v1-english", "hannah"),
        ("groq:canopylabs/orpheus-arabic-saudi", {}, "canopylabs/orpheus-arabic-saudi", "noura"),
    ],
)
def test_the_default_model_and_voice_fit_the_server(
    make_settings, provider, tts, model, voice_name
):
    choice = choose(make_settings(provider, **tts))
    assert (choice.model, choice.voice) == (model, voice_name)


def test_the_address_is_the_settings_before_the_variables(make_settings, environment):
    environment.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1111/v1")
    environment.setenv("GROQ_BASE_URL", "http://127.0.0.1:2222")
    assert choose(make_settings("openai")).sent_to == "127.0.0.1:1111"
    assert choose(make_settings("groq")).sent_to == "127.0.0.1:2222"
    own = {"base_url": "http://127.0.0.1:3333"}
    assert choose(make_settings("openai", **own)).sent_to == "127.0.0.1:3333"
    assert choose(make_settings("groq", **own)).sent_to == "127.0.0.1:3333"


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/audio/speech"])
def test_a_server_of_this_machine_needs_no_key_and_any_form_of_address(speak, path):
    body = wav(voice(16_000, speech_s=0.3), 16_000)
    with SpeechServer(lambda seen: spoken(body)) as server:
        sample = speak("openai", base_url=server.url + path, key=None).sample
    assert sample.status == "ok"
    assert "authorization" not in server.asked[0].headers


@pytest.mark.parametrize("provider", ["openai", "groq"])
def test_offline_forbids_every_other_machine(make_settings, environment, provider):
    environment.setenv(f"{provider.upper()}_API_KEY", KEY)
    choice = choose(make_settings(provider, offline=True))
    assert choice.blocked.code == "TTS_OFFLINE"
    near = choose(make_settings(provider, offline=True, base_url="http://127.0.0.1:9"))
    assert near.blocked is None


def test_a_program_may_run_offline(make_settings):
    choice = choose(make_settings(f"command:{sys.executable} -c ''", offline=True))
    assert (choice.blocked, choice.sent_to, choice.voice) == (None, None, None)
    assert choice.model.startswith("python")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("opnai:tts-1", "did you mean openai?"),
        ("Groq", "did you mean groq?"),
        ("espeak-ng --stdout", "command:'espeak-ng --stdout'"),
        (":tts-1", "openai:MODEL"),
    ],
)
def test_an_unknown_name_gets_the_nearest(make_settings, name, hint):
    with pytest.raises(UsageError) as caught:
        choose(make_settings(name))
    assert caught.value.code == "UNKNOWN_PROVIDER"
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("provider", "tts", "code"),
    [
        ("openai:", {}, "UNKNOWN_MODEL"),
        ("groq:", {}, "UNKNOWN_MODEL"),
        ("groq", {"format": "mp3"}, "TTS_FORMAT"),
        ("groq", {"format": "pcm"}, "TTS_FORMAT"),
    ],
)
def test_what_cannot_be_is_refused_at_once(make_settings, provider, tts, code):
    with pytest.raises(UsageError) as caught:
        choose(make_settings(provider, **tts))
    assert caught.value.code == code


@pytest.mark.parametrize("provider", ["openai", "groq"])
def test_bad_certificates_are_named_when_the_client_is_made(
    make_settings, environment, provider, tmp_path
):
    environment.setenv(f"{provider.upper()}_API_KEY", KEY)
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    environment.setenv("SSL_CERT_FILE", str(bad))
    settings = make_settings(provider)
    with pytest.raises(ConfigError) as caught:
        build(choose(settings), settings)
    assert caught.value.code == "BAD_CERTIFICATES"


def test_choosing_loads_no_http_library():
    source = (
        "import sys\n"
        "from dataclasses import replace\n"
        "from echotrace.config.settings import Settings, TtsSettings\n"
        "from echotrace.providers.tts.choose import choose\n"
        "for name in ('openai', 'groq', 'command:true'):\n"
        "    choose(replace(Settings(), tts=TtsSettings(provider=name)))\n"
        "print([name for name in ('httpx', 'groq', 'anyio', 'numpy') if name in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
