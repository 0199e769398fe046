"""Each provider of tests/fakes/broken_providers.py breaks one rule, which is named; Good none."""

import inspect
from dataclasses import replace

import pytest

from echotrace.config.settings import LlmSettings, TtsSettings
from echotrace.testing import BrokenRuleError, LlmConformance, TtsConformance
from tests.fakes import broken_providers
from tests.fakes.distribution import install
from tests.fakes.llm_key import KEY

PROVIDERS = {
    name: kind
    for name, kind in vars(broken_providers).items()
    if inspect.isclass(kind) and issubclass(kind, broken_providers.Good)
}
WHOLE = {name for name, kind in PROVIDERS.items() if kind.__doc__ == "Breaks none."}
SLOW_TO_END = {"Endless", "DeafToCancel"}


@pytest.fixture
def registered(tmp_path, monkeypatch):
    for group, base in (("llm", LlmConformance), ("tts", TtsConformance)):
        points = {name.lower(): name for name, kind in PROVIDERS.items() if _base(kind) is base}
        source = f"from {broken_providers.__name__} import *\n"
        install(tmp_path, f"faulty_{group}", group, points, source)
    monkeypatch.syspath_prepend(str(tmp_path))


def _base(kind):
    return TtsConformance if issubclass(kind, broken_providers.GoodSpeech) else LlmConformance


def case(name):
    class Case(_base(PROVIDERS[name])):
        secrets = (KEY,)
        limit_s = 0.2 if name in SLOW_TO_END else 5.0

        def refusing(self, url):
            return replace(
                self.settings, llm=LlmSettings(base_url=url), tts=TtsSettings(base_url=url)
            )

    Case.name = name.lower()
    return Case()


def broken_rules(case):
    found = {}
    for name in dir(case):
        if name.startswith("test_"):
            try:
                getattr(case, name)()
            except BrokenRuleError as error:
                found[error.rule] = str(error)
    return found


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_broken_provider_fails_by_the_rule_that_it_breaks_and_no_other(registered, name):
    rules = broken_rules(case(name))
    for text in rules.values():
        assert KEY[:8] not in text
    if name in WHOLE:
        assert rules == {}
        return
    wanted = PROVIDERS[name].__doc__
    assert wanted in rules, rules
    if not PROVIDERS[name].breaks_more:
        assert set(rules) == {wanted}
