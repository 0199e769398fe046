import pytest

from echotrace.config.secrets import Secret
from echotrace.errors import UsageError
from echotrace.setup.answers import answers_of, plan_of
from echotrace.setup.unattended import Flags, answers_from, due_checks
from tests.fakes.llm_key import KEY


def changed(detected, flags, environ=None):
    return dict(plan_of(detected.saved, answers_from(detected, flags, environ or {})).settings)


def test_without_flags_the_proposals_are_taken(place):
    assert changed(place.detected(), Flags()) == {}  # the mock stands in until there is better
    key = Secret("GROQ_API_KEY", KEY)
    assert changed(place.detected(keys=[key]), Flags())["llm.provider"] == "groq"
    assert changed(place.detected(models=("a",)), Flags()) == {
        "llm.provider": "ollama",
        "llm.model": "a",
    }


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        (Flags(stt="small"), {"stt.engine": "faster-whisper:small"}),
        (Flags(gold="sphinx"), {"stt.gold": "sphinx"}),
        (Flags(offline=True), {"offline": True}),
        (Flags(offline=False), {}),
        (Flags(allow_download=True), {"stt.allow_download": True}),
        (Flags(provider="groq:m"), {"llm.provider": "groq", "llm.model": "m"}),
        (Flags(provider="groq"), {"llm.provider": "groq", "llm.model": "openai/gpt-oss-20b"}),
    ],
)
def test_only_what_is_named_changes(place, flags, wanted):
    assert changed(place.detected(), flags) == wanted


def test_a_server_that_speaks_openais_protocol(place):
    openai = {"llm.provider": "openai"}
    vendor = {**openai, "llm.model": "gpt-4o-mini"}
    assert changed(place.detected(), Flags(provider="openai")) == vendor
    key = Secret("OPENAI_API_KEY", KEY)
    assert changed(place.detected(keys=[key]), Flags()) == vendor
    flags = Flags(provider="openai", base_url=":8000/v1/")
    local = {**openai, "llm.base_url": "http://127.0.0.1:8000/v1"}
    assert changed(place.detected(), flags) == local  # the server's own list says the model
    routed = place.detected(addresses={"OPENAI_BASE_URL": "http://h/v1"})
    assert changed(routed, Flags(provider="openai")) == openai
    environ = {"OPENAI_BASE_URL": "http://h/v1", "OPENAI_API_KEY": KEY}
    stored = answers_from(routed, Flags(provider="openai", from_env=True), environ)
    assert (stored.base_url, stored.keys) == ("http://h/v1", (key,))


def test_another_provider_takes_neither_model_nor_address_of_the_old(place):
    place.write('[llm]\nprovider = "groq"\nmodel = "big"\nbase_url = "http://h"\n')
    wanted = {"llm.provider": "ollama", "llm.model": "a", "llm.base_url": None}
    assert changed(place.detected(models=("a",)), Flags(provider="ollama")) == wanted
    assert changed(place.detected(), Flags(provider="groq")) == {}


def test_a_provider_with_its_model_in_one_key_is_taken_apart_only_when_touched(place):
    place.write('[llm]\nprovider = "groq:m"\n')
    assert changed(place.detected(), Flags(provider="groq", model="m")) == {}
    assert changed(place.detected(), Flags(model="n")) == {
        "llm.provider": "groq",
        "llm.model": "n",
    }


def test_gold_can_be_taken_away(place):
    place.write('[stt]\ngold = "sphinx"\n')
    assert changed(place.detected(), Flags(gold="none")) == {"stt.gold": None}


def test_from_the_environment_come_address_and_key(place):
    environ = {"GROQ_API_KEY": KEY, "GROQ_BASE_URL": "http://127.0.0.1:9"}
    key = Secret("GROQ_API_KEY", KEY)
    detected = place.detected(keys=[key], in_environment=True)
    answers = answers_from(detected, Flags(from_env=True), environ)
    assert answers.keys == (key,)
    assert answers.base_url == "http://127.0.0.1:9"
    ollama = answers_from(
        place.detected(models=("a",)), Flags(from_env=True), {"OLLAMA_HOST": "0.0.0.0"}
    )
    assert ollama.base_url == "http://127.0.0.1:11434"
    assert ollama.keys == ()


@pytest.mark.parametrize(
    ("flags", "due"),
    [
        (Flags(profile="default"), ()),
        (Flags(provider="mock"), ("llm",)),
        (Flags(provider="openai", base_url="http://127.0.0.1:1/v1"), ("llm",)),
        (Flags(stt="sphinx"), ("stt",)),
        (Flags(gold="sphinx"), ("gold",)),
        (Flags(), ()),
    ],
)
def test_what_is_named_is_tried(place, flags, due):
    detected = place.detected()
    assert due_checks(detected, flags, answers_from(detected, flags, {})) == due


def test_wrong_flags_are_refused(place):
    detected = place.detected()
    wrong = (
        *(Flags(provider="grok"), Flags(profile="x"), Flags(stt="spinx"), Flags(gold="x")),
        *(Flags(base_url=url) for url in ("ftp://h", "http://me:pw@h", "http://h?v=1", KEY, "")),
    )
    for flags in wrong:
        with pytest.raises(UsageError):
            answers_from(detected, flags, {})
    assert answers_of(detected.saved.settings).provider is None
