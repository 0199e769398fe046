import pytest

from echotrace.config.settings import LlmSettings, Settings
from echotrace.errors import ConfigError, ProviderError, UsageError
from echotrace.model.measure import Severity, Status
from echotrace.providers.llm.choose import PROVIDERS, build, choose
from tests.fakes.llm_key import KEY
from tests.fakes.llm_servers import LlmServer, groq_answer, ollama_answer

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
    ],
)
def test_the_model(provider, model, chosen):
    assert pick({"GROQ_API_KEY": KEY}, provider=provider, model=model).model == chosen


@pytest.mark.parametrize("name", ["grok", "openai", "Groq", " "])
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
    ],
)
def test_a_bad_address_is_a_configuration_error(environ, llm, origin):
    with pytest.raises(ConfigError) as caught:
        pick(environ, **llm)
    assert origin in str(caught.value)
    assert caught.value.code == "BAD_BASE_URL"


def test_a_named_groq_without_key_is_blocked():
    choice = pick(provider="groq")
    assert choice.blocked.code == "LLM_KEY_MISSING"
    with pytest.raises(ProviderError) as caught:
        build(choice, Settings())
    assert "GROQ_API_KEY" in caught.value.hint


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


@pytest.mark.parametrize("provider", ["groq", "ollama"])
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
def test_a_strange_host_is_refused_or_unavailable(probe, provider, host):
    try:
        ran = probe(provider, f"http://{host}:9", timeout_s=5.0)
    except ConfigError:
        return
    assert ran.probe.ttft_ms.status is Status.UNAVAILABLE
    code = ran.finding("LLM_UNAVAILABLE").message.rpartition("[")[2]
    assert code in ("LLM_DNS]", "LLM_CONNECTION_FAILED]")


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


@pytest.mark.parametrize(
    ("name", "answer"), [("groq", groq_answer("a")), ("ollama", ollama_answer("a", "b"))]
)
def test_loopback_works_offline(probe, name, answer):
    with LlmServer(lambda _: answer) as server:
        ran = probe(name, server.url, offline=True)
    assert ran.probe.ttft_ms.status is Status.MEASURED
    assert ran.probe.sent_to == server.host
    assert ran.codes == []


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY", "http_proxy"])
@pytest.mark.parametrize("name", ["groq", "ollama"])
def test_proxies_of_the_environment_are_not_used(probe, environment, variable, name):
    answer = groq_answer("a") if name == "groq" else ollama_answer("a", "b")
    with LlmServer(lambda _: answer) as server, LlmServer(lambda _: answer) as proxy:
        environment.setenv(variable, proxy.url)
        ran = probe(name, server.url)
    assert ran.probe.ttft_ms.status is Status.MEASURED
    assert proxy.connections == 0


def test_a_nonsense_proxy_variable_does_not_matter(probe, environment):
    environment.setenv("ALL_PROXY", "socks9://::::")
    with LlmServer(lambda _: groq_answer("a")) as server:
        assert probe("groq", server.url).probe.ttft_ms.status is Status.MEASURED


def test_a_base_url_with_the_api_path_is_understood(probe):
    with LlmServer(lambda _: groq_answer("a")) as server:
        ran = probe("groq", f"{server.url}/openai/v1/")
    assert ran.probe.ttft_ms.status is Status.MEASURED
    assert server.strays == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_file_of_certificates_is_a_configuration_error(environment, tmp_path, content):
    place = tmp_path / "authority.pem"
    if content is not None:
        place.write_text(content)
    environment.setenv("SSL_CERT_FILE", str(place))
    with pytest.raises(ConfigError) as caught:
        build(pick({"GROQ_API_KEY": KEY}), Settings())
    assert caught.value.code == "BAD_CERTIFICATES"
    assert "SSL_CERT_FILE" in caught.value.what
    build(pick({"OLLAMA_HOST": "127.0.0.1"}), Settings())


def test_the_vendors_own_variables_are_read(probe, environment):
    with (
        LlmServer(lambda _: groq_answer("a")) as groq,
        LlmServer(lambda _: ollama_answer("a", "b")) as ollama,
    ):
        environment.setenv("GROQ_BASE_URL", groq.url)
        environment.setenv("OLLAMA_HOST", ollama.host)
        assert probe("groq", None).probe.sent_to == groq.host
        assert probe("ollama", None).probe.sent_to == ollama.host
