import asyncio

import pytest

from echotrace.config.settings import LlmSettings, Settings
from echotrace.errors import ConfigError, ProviderError, UsageError
from echotrace.model.measure import Severity, Status
from echotrace.providers.llm.choose import PROVIDERS, build, choose
from tests.fakes.llm_key import KEY
from tests.fakes.llm_servers import LlmServer, groq_answer, ollama_answer, openai_answer

REMOTE_OLLAMA = {"OLLAMA_HOST": "ollama.example"}


def pick(environ=None, *, offline=False, **llm):
    return choose(Settings(offline=offline, llm=LlmSettings(**llm)), environ=environ or {})


@pytest.mark.parametrize(
    ("environ", "llm", "name"),
    [
        ({}, {}, "mock"),
        ({"GROQ_API_KEY": ""}, {}, "mock"),
        ({"GROQ_API_KEY": "  "}, {}, "mock"),
        ({"OLLAMA_HOST": ""}, {}, "mock"),
        ({"GROQ_API_KEY": KEY}, {}, "groq"),
        ({"OLLAMA_HOST": "127.0.0.1:11434"}, {}, "ollama"),
        (REMOTE_OLLAMA, {}, "ollama"),
        ({}, {"base_url": "http://127.0.0.1:1"}, "ollama"),
        ({"GROQ_API_KEY": KEY, **REMOTE_OLLAMA}, {}, "groq"),
        ({"GROQ_API_KEY": KEY}, {"provider": "ollama"}, "ollama"),
        (REMOTE_OLLAMA, {"provider": "groq"}, "groq"),
        ({"GROQ_API_KEY": KEY}, {"provider": "mock"}, "mock"),
        ({"OPENAI_API_KEY": KEY}, {}, "openai"),
        ({"OPENAI_API_KEY": KEY, "GROQ_API_KEY": KEY}, {}, "groq"),
        ({"OPENAI_API_KEY": KEY, **REMOTE_OLLAMA}, {}, "ollama"),
        ({"OPENAI_API_KEY": KEY}, {"base_url": "http://127.0.0.1:1"}, "ollama"),
        ({}, {"base_url": "http://127.0.0.1:1/v1"}, "openai"),
        ({}, {"base_url": "http://127.0.0.1:1/v1/"}, "openai"),
        ({}, {"base_url": "https://far.example/v1"}, "mock"),
        ({"OPENAI_API_KEY": KEY}, {"base_url": "https://far.example/v1"}, "openai"),
        ({"GROQ_API_KEY": KEY}, {"base_url": "http://127.0.0.1:1/v1"}, "groq"),
        ({"OPENAI_API_KEY": KEY}, {"provider": "ollama"}, "ollama"),
    ],
)
def test_who_is_chosen(environ, llm, name):
    choice = pick(environ, **llm)
    assert choice.name == name
    assert choice.stand_in is (name == "mock" and "provider" not in llm)


def test_the_stand_in_says_how_to_get_a_real_figure():
    (finding,) = pick().findings
    assert finding.code == "LLM_MOCK"
    assert finding.severity is Severity.WARNING
    assert "[MOCK]" in finding.message
    assert "GROQ_API_KEY" in finding.hint
    assert "OPENAI_API_KEY" in finding.hint
    assert "OLLAMA_HOST" in finding.hint
    assert pick(provider="mock").findings[0].severity is Severity.INFO


@pytest.mark.parametrize(
    ("provider", "model", "chosen"),
    [
        ("groq:openai/gpt-oss-120b", None, "openai/gpt-oss-120b"),
        ("groq", "a", "a"),
        ("groq:b", "a", "b"),
        ("ollama:qwen3:0.6b", None, "qwen3:0.6b"),
        ("ollama", None, None),
        ("groq", None, "openai/gpt-oss-20b"),
        ("openai", None, "gpt-4o-mini"),
        ("openai:vendor/model:free", None, "vendor/model:free"),
    ],
)
def test_the_model(provider, model, chosen):
    assert pick({"GROQ_API_KEY": KEY}, provider=provider, model=model).model == chosen


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000/v1", "https://router.example/api/v1"])
def test_elsewhere_than_at_the_vendor_no_model_is_guessed(address):
    assert pick({"OPENAI_API_KEY": KEY}, provider="openai", base_url=address).model is None


@pytest.mark.parametrize("provider", ["groq:", "ollama: ", "openai:"])
def test_an_empty_model_is_a_usage_error(provider):
    with pytest.raises(UsageError) as caught:
        pick(provider=provider)
    assert caught.value.code == "UNKNOWN_MODEL"


@pytest.mark.parametrize("name", ["grok", "openal", "Groq", " ", ":model"])
def test_an_unknown_name_is_a_usage_error(name):
    with pytest.raises(UsageError) as caught:
        pick(provider=name)
    assert caught.value.exit_code == 2
    for known in PROVIDERS:
        assert known in caught.value.why


def test_a_near_name_is_suggested():
    with pytest.raises(UsageError) as caught:
        pick(provider="olama")
    assert "ollama" in caught.value.hint


@pytest.mark.parametrize(
    ("environ", "llm", "origin"),
    [
        ({}, {"provider": "ollama", "base_url": "ftp://host"}, "llm.base_url"),
        ({"OLLAMA_HOST": "http://[::1"}, {}, "OLLAMA_HOST"),
        ({"GROQ_API_KEY": KEY, "GROQ_BASE_URL": "https://"}, {}, "GROQ_BASE_URL"),
        ({"OLLAMA_HOST": "host:port"}, {}, "OLLAMA_HOST"),
        ({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "h:x"}, {}, "OPENAI_BASE_URL"),
    ],
)
def test_a_bad_address_is_a_configuration_error(environ, llm, origin):
    with pytest.raises(ConfigError) as caught:
        pick(environ, **llm)
    assert origin in str(caught.value)
    assert caught.value.code == "BAD_BASE_URL"


@pytest.mark.parametrize(
    ("provider", "variable"), [("groq", "GROQ_API_KEY"), ("openai", "OPENAI_API_KEY")]
)
def test_a_named_provider_without_its_key_is_blocked(provider, variable):
    choice = pick(provider=provider)
    assert choice.blocked.code == "LLM_KEY_MISSING"
    assert variable in choice.blocked.why
    with pytest.raises(ProviderError) as caught:
        build(choice, Settings())
    assert variable in caught.value.hint


def test_a_server_on_this_machine_needs_no_key_of_openai():
    choice = pick(provider="openai:m", base_url="http://127.0.0.1:8000")
    assert choice.blocked is None
    assert choice.sent_to == "127.0.0.1:8000"


def test_a_key_that_was_only_given_to_choose_reaches_the_provider():
    """As in the set-up, which tries a key before it stores it."""
    choice = pick({"GROQ_API_KEY": KEY}, provider="groq")
    provider = build(choice, Settings(llm=LlmSettings(provider="groq")))
    assert [secret.reveal() for secret in provider.secrets] == [KEY]
    assert KEY not in repr(choice) + repr(vars(provider))


@pytest.mark.parametrize("name", PROVIDERS)
def test_making_a_provider_opens_nothing_and_sends_nothing(environment, name):
    for variable in ("GROQ_API_KEY", "OPENAI_API_KEY"):
        environment.setenv(variable, KEY)
    with LlmServer(lambda _: groq_answer("a")) as server:
        settings = Settings(llm=LlmSettings(provider=name, base_url=server.url))
        provider = build(choose(settings), settings)
        asyncio.run(provider.close())
        asyncio.run(provider.close())
    assert server.connections == provider.requests_sent == 0


def test_a_key_of_the_stored_secrets_counts(tmp_path):
    folder = tmp_path / "config" / "echotrace"
    folder.mkdir(parents=True)
    stored = folder / "secrets.toml"
    stored.write_text(f'GROQ_API_KEY = "{KEY}"\n')
    stored.chmod(0o600)
    choice = pick({"XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert choice.name == "groq"
    assert choice.blocked is None
    assert KEY not in repr(choice)


@pytest.mark.parametrize("provider", ["groq", "ollama", "openai"])
@pytest.mark.parametrize(
    "host",
    [
        "a..b",
        "-",
        "xn--",
        "x" * 70 + ".invalid",
        "\u2603.invalid",
        "a_b.invalid",
        "1.2.3.4.5",
        "%41",
        "h\x7f",
    ],
)
def test_a_strange_host_is_refused_or_unavailable(ask, provider, host):
    try:
        asked = ask(provider, f"http://{host}:9", timeout_s=5.0, times=1)
    except ConfigError:
        return
    assert asked.error.code in ("LLM_DNS", "LLM_CONNECTION_FAILED")


@pytest.mark.parametrize(
    ("environ", "llm", "name", "blocked"),
    [
        ({"GROQ_API_KEY": KEY}, {"provider": "groq"}, "groq", True),
        (REMOTE_OLLAMA, {"provider": "ollama"}, "ollama", True),
        ({}, {"provider": "ollama"}, "ollama", False),
        ({"OLLAMA_HOST": "0.0.0.0"}, {}, "ollama", False),
        ({"GROQ_API_KEY": KEY, "OLLAMA_HOST": "localhost"}, {}, "ollama", False),
        ({"GROQ_API_KEY": KEY, "GROQ_BASE_URL": "http://127.0.0.1:1"}, {}, "groq", False),
        ({"GROQ_API_KEY": KEY}, {}, "mock", False),
        ({"GROQ_API_KEY": KEY, **REMOTE_OLLAMA}, {}, "mock", False),
    ],
)
def test_offline_leaves_only_loopback(environ, llm, name, blocked):
    choice = pick(environ, offline=True, **llm)
    assert choice.name == name
    assert (choice.blocked is not None) is blocked
    if blocked:
        assert "--offline" in choice.blocked.why
    if name == "mock":
        assert "--offline" in choice.findings[0].message


def test_a_named_cloud_provider_is_unavailable_offline(probe):
    ran = probe("groq", None, offline=True)
    assert ran.probe.ttft_ms.status is Status.UNAVAILABLE
    assert "--offline forbids" in ran.probe.ttft_ms.reason
    assert "api.groq.com" in ran.probe.ttft_ms.reason
    assert "LLM_OFFLINE" in ran.finding("LLM_UNAVAILABLE").message
    assert ran.probe.sent_to is None
    assert ran.span("warm_up") == []


ANSWERS = {
    "groq": groq_answer("a"),
    "openai": openai_answer("a"),
    "ollama": ollama_answer("a", "b"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_loopback_works_offline(ask, name):
    with LlmServer(lambda _: ANSWERS[name]) as server:
        asked = ask(name, server.url, offline=True)
    assert asked.sample.status == "ok"
    assert asked.provider.sent_to == server.host


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY", "http_proxy"])
@pytest.mark.parametrize("name", ANSWERS)
def test_proxies_of_the_environment_are_not_used(ask, environment, variable, name):
    answer = ANSWERS[name]
    with LlmServer(lambda _: answer) as server, LlmServer(lambda _: answer) as proxy:
        environment.setenv(variable, proxy.url)
        asked = ask(name, server.url, times=1)
    assert asked.sample.status == "ok"
    assert proxy.connections == 0


@pytest.mark.parametrize("name", ANSWERS)
def test_a_nonsense_proxy_variable_does_not_matter(ask, environment, name):
    environment.setenv("ALL_PROXY", "socks9://::::")
    with LlmServer(lambda _: ANSWERS[name]) as server:
        assert ask(name, server.url, times=1).sample.status == "ok"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("groq", "/openai/v1/"),
        ("openai", "/v1/"),
        ("openai", "/v1/chat/completions"),
        ("openai", "/openai/v1"),
        ("openai", "/"),
    ],
)
def test_a_base_url_with_the_api_path_is_understood(ask, name, path):
    with LlmServer(lambda _: ANSWERS[name]) as server:
        asked = ask(name, f"{server.url}{path}", times=1)
    assert asked.sample.status == "ok"
    assert server.strays == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_file_of_certificates_is_a_configuration_error(environment, tmp_path, content):
    place = tmp_path / "authority.pem"
    if content is not None:
        place.write_text(content)
    environment.setenv("SSL_CERT_FILE", str(place))
    for variable in ("GROQ_API_KEY", "OPENAI_API_KEY"):
        with pytest.raises(ConfigError) as caught:
            build(pick({variable: KEY}), Settings())
        assert caught.value.code == "BAD_CERTIFICATES"
        assert "SSL_CERT_FILE" in caught.value.what
    build(pick({"OLLAMA_HOST": "127.0.0.1"}), Settings())


@pytest.mark.parametrize(
    ("name", "variable"),
    [("groq", "GROQ_BASE_URL"), ("openai", "OPENAI_BASE_URL"), ("ollama", "OLLAMA_HOST")],
)
def test_the_vendors_own_variables_are_read(ask, environment, name, variable):
    with LlmServer(lambda _: ANSWERS[name]) as server:
        environment.setenv(variable, server.host if name == "ollama" else server.url)
        asked = ask(name, None, times=1)
    assert asked.sample.status == "ok"
    assert asked.provider.sent_to == server.host
