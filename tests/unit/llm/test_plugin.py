"""A provider of another distribution: its entry point finds it, its faults are told with whose."""

import asyncio
import sys

import pytest

from echotrace.config.settings import LlmSettings, Settings
from echotrace.errors import ConfigError, ProviderError, UsageError
from echotrace.providers.llm.choose import PROVIDERS, build, choose
from tests.fakes.distribution import install
from tests.fakes.llm_key import KEY, pieces_of_key

SOURCE = """
import os
import time

from echotrace.errors import ConfigError, ProviderError, UsageError
from echotrace.providers.llm.base import TokenEvent


def now(kind, text="", **more):
    return TokenEvent(kind=kind, at_ns=time.perf_counter_ns(), text=text, **more)


class Good:
    name = "acme"
    simulated = False
    sent_to = None
    exchange = None
    requests_sent = 0

    def __init__(self, model):
        self.model = model

    @classmethod
    def create(cls, model, settings):
        return cls(model)

    def check(self):
        pass

    async def prepare(self):
        pass

    async def stream(self, prompt, *, max_tokens):
        self.requests_sent += 1
        yield now("sent")
        yield now("answer", "Yes. ")
        yield now("answer", os.environ.get("ACME_KEY", "No."))
        yield now("done", tokens=2)

    async def close(self):
        pass


class BadCreate(Good):
    @classmethod
    def create(cls, model, settings):
        raise KeyError("no " + os.environ["ACME_KEY"])


class Refuses(Good):
    @classmethod
    def create(cls, model, settings):
        raise UsageError("acme has no model " + repr(model), code="UNKNOWN_MODEL")


class BadCheck(Good):
    def check(self):
        raise ConfigError("acme is not set up", why="no account", code="ACME")


class BadName(Good):
    name = None


class BadPrepare(Good):
    async def prepare(self):
        raise OSError("down")


class Raises(Good):
    async def stream(self, prompt, *, max_tokens):
        yield now("sent")
        yield now("answer", "Yes")
        raise RuntimeError("boom " + os.environ["ACME_KEY"] + "\\nsecond line")


class Strange(Good):
    async def stream(self, prompt, *, max_tokens):
        yield {"kind": "answer"}


class StrangeKind(Good):
    async def stream(self, prompt, *, max_tokens):
        yield now("thought", "x")


class NoStream(Good):
    async def stream(self, prompt, *, max_tokens):
        return 5


class Endless(Good):
    async def stream(self, prompt, *, max_tokens):
        import asyncio
        yield now("sent")
        await asyncio.sleep(3600)


class BadClose(Good):
    async def close(self):
        raise OSError("close failed")


class Far(Good):
    sent_to = "[2001:db8::1]:443"
"""
CLASSES = {
    "good": "Good",
    "create": "BadCreate",
    "refuses": "Refuses",
    "check": "BadCheck",
    "name": "BadName",
    "prepare": "BadPrepare",
    "raises": "Raises",
    "strange": "Strange",
    "kind": "StrangeKind",
    "no-stream": "NoStream",
    "endless": "Endless",
    "close": "BadClose",
    "far": "Far",
    "gone": "Gone",
    "groq": "Good",
}


@pytest.fixture
def acme(tmp_path, environment):
    folder = tmp_path / "site"
    install(folder, "acme_voice", "llm", CLASSES, SOURCE)
    install(folder, "acme_broken", "llm", {"broken": "X"}, "raise RuntimeError('no such thing')\n")
    environment.syspath_prepend(str(folder))
    environment.delitem(sys.modules, "acme_voice", raising=False)  # of another test's distribution
    environment.setenv("ACME_KEY", KEY)
    yield
    for name in ("acme_voice", "acme_broken"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("acme")
def test_it_is_found_and_asked_like_the_built_in_ones(ask):
    asked = ask("good:m1", None)
    assert asked.error is None
    assert (asked.provider.name, asked.provider.model) == ("acme", "m1")
    assert (asked.sample.status, asked.sample.tokens) == ("ok", 2)
    assert asked.provider.requests_sent == 2
    assert "queued" in [phase.name for phase in asked.sample.phases]


@pytest.mark.usefixtures("acme")
def test_the_model_of_the_settings_counts_for_it_too(ask):
    assert ask("good", None, times=1).provider.model == "test"


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("name", "package", "fragment"),
    [
        ("broken", "acme_broken", "RuntimeError: no such thing"),
        ("gone", "acme_voice", "AttributeError"),
        ("create", "acme_voice", "KeyError"),
        ("name", "acme_voice", "its name is a NoneType"),
        ("prepare", "acme_voice", "OSError: down"),
        ("raises", "acme_voice", "RuntimeError: boom"),
        ("strange", "acme_voice", "a dict instead of a TokenEvent"),
        ("kind", "acme_voice", "unknown kind 'thought'"),
        ("no-stream", "acme_voice", "a coroutine, no async generator"),
    ],
)
def test_its_faults_are_named_with_its_distribution(ask, name, package, fragment):
    asked = ask(name, None, times=1)
    error = asked.error
    assert type(error) is ProviderError
    assert error.code == "LLM_PROVIDER_BROKEN"
    assert repr(package) in error.what
    assert fragment in error.why
    assert package in error.hint
    assert "second line" not in error.why
    text = repr(asked.samples) + str(error) + repr(error.__dict__)
    assert [piece for piece in pieces_of_key() if piece in text] == []
    assert error.__cause__ is error.__context__ is None
    if name == "raises":
        assert asked.sample.phases[-1].name == "streaming"


@pytest.mark.usefixtures("acme")
def test_its_own_errors_keep_their_words(ask):
    with pytest.raises(UsageError, match="acme has no model 'x'"):
        ask("refuses:x", None)
    with pytest.raises(ConfigError, match="acme is not set up"):
        ask("check", None)


@pytest.mark.usefixtures("acme")
def test_one_that_never_ends_is_given_up(ask):
    asked = ask("endless", None, times=1, timeout_s=0.2)
    assert asked.error.code == "LLM_STALL"
    assert asked.sample.status == "failed"


@pytest.mark.usefixtures("acme")
def test_a_close_that_fails_changes_no_figure(ask):
    assert ask("close", None, times=1).sample.status == "ok"


@pytest.mark.usefixtures("acme")
def test_its_keys_are_taken_out_of_what_it_answers(ask):
    sentence = ask("good", None, times=1).sample.first_sentence
    assert sentence == "Yes."
    assert [piece for piece in pieces_of_key() if piece in sentence] == []


@pytest.mark.usefixtures("acme")
def test_offline_counts_for_it_also_when_it_forgot(ask):
    asked = ask("far", None, offline=True)
    assert asked.refused.code == "LLM_OFFLINE"
    assert ask("good", None, offline=True, times=1).sample.status == "ok"


@pytest.mark.usefixtures("acme")
def test_a_built_in_name_cannot_be_taken_over():
    settings = Settings(llm=LlmSettings(provider="groq"))
    choice = choose(settings, environ={"GROQ_API_KEY": KEY})
    provider = build(choice, settings)
    assert type(provider).__module__ == "echotrace.providers.llm.groq"
    asyncio.run(provider.close())


@pytest.mark.usefixtures("acme")
def test_an_unknown_name_lists_the_plug_ins_too():
    with pytest.raises(UsageError) as caught:
        choose(Settings(llm=LlmSettings(provider="endles")))
    assert "endless" in caught.value.hint
    for known in (*PROVIDERS, "good"):
        assert known in caught.value.why


@pytest.mark.usefixtures("acme")
def test_choosing_it_loads_nothing_of_it():
    choice = choose(Settings(llm=LlmSettings(provider="good:m1")))
    assert (choice.name, choice.model, choice.sent_to) == ("good", "m1", None)
    assert "acme_voice" not in sys.modules
