"""A plug-in of a distribution of its own, checked as its author would check it."""

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from echotrace.testing import LlmConformance, RefusingServer, TtsConformance


@pytest.fixture(autouse=True)
def _installed(acme, monkeypatch):
    monkeypatch.syspath_prepend(str(acme))


class TestAcmeModel(LlmConformance):
    name = "acme"
    model = "acme-large"
    test_an_error_is_of_echotrace_and_holds_no_secret = None  # it never fails


class TestAcmeSpeech(TtsConformance):
    name = "acme"
    test_an_error_is_of_echotrace_and_holds_no_secret = None  # it never fails


def case(base, name):
    return type("Case", (base,), {"name": name, "limit_s": 5.0})()


def test_check_all_lists_every_rule_that_is_broken_once():
    case(LlmConformance, "acme").check_all()
    with pytest.raises(AssertionError) as raised:
        case(LlmConformance, "acme-stream").check_all()
    assert str(raised.value).splitlines() == [
        "llm 'acme-stream' breaks these rules:",
        "a request is answered: expected no error; got KeyError: 'choices of acme'",
    ]
    with pytest.raises(AssertionError) as raised:
        case(TtsConformance, "acme-unimportable").check_all()
    _, *rules = str(raised.value).splitlines()
    assert len(rules) == 1
    assert "acme-voice" in rules[0]
    assert "No module named 'acme_sdk_that_is_not_there'" in rules[0]


def test_a_name_that_is_not_registered_and_one_that_is_taken_are_told(tmp_path, monkeypatch):
    from tests.fakes.distribution import install

    unknown = case(LlmConformance, "acmee")
    with pytest.raises(
        AssertionError, match=r"'acmee' in the group echotrace\.llm; got only .*acme"
    ):
        unknown.test_it_is_found_by_its_entry_point()
    install(tmp_path, "copycat", "llm", {"mock": "Mock"}, "class Mock: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(AssertionError, match="copycat registers"):
        case(LlmConformance, "mock").test_it_is_found_by_its_entry_point()


def test_the_rules_can_be_checked_where_an_event_loop_is_running():
    async def inside():
        case(LlmConformance, "acme").check_all()

    asyncio.run(inside())


def test_importing_it_needs_no_test_runner():
    code = (
        "import sys, json, echotrace.testing; "
        "print(json.dumps([n for n in ('pytest', 'hypothesis', 'httpx', 'numpy') "
        "if n in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert json.loads(done.stdout) == []


def test_the_server_refuses_and_repeats_all_that_it_was_sent():
    with RefusingServer() as server:
        request = urllib.request.Request(
            f"{server.url}/v1/chat?x=1", b"the body", {"Authorization": "Bearer abcdefghijklmnop"}
        )
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(request, timeout=10)
        text = raised.value.read().decode()
        raised.value.close()
        assert server.asked == 1
    assert raised.value.code == 401
    for part in ("/v1/chat?x=1", "Bearer abcdefghijklmnop", "the body"):
        assert part in json.loads(text)["error"]["message"]
