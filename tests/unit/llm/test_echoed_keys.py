"""What a hostile or careless server sends in place of an answer: the key, or a page."""

import json
from dataclasses import replace

import pytest

from echotrace.config.secrets import REDACTED
from tests.fakes.llm_key import KEY
from tests.fakes.llm_servers import LlmServer, Reply, error

ALL = ("groq", "openai", "ollama")
SPELT = {
    "each sign": "".join(f"\\u{ord(sign):04x}" for sign in KEY),
    "some signs": KEY.replace("_", "\\u005F").replace("L", "\\u004c").replace("3", "\\u0033"),
    "JSON in JSON": json.dumps("".join(f"\\u{ord(sign):04x}" for sign in KEY))[1:-1],
    "upper case": KEY.upper(),
    "hexadecimal": KEY.encode().hex(),
}
HTML = b"\xef\xbb\xbf <!doctype html><title>Sign in</title>"


def body_for(provider, spelt):
    told = '"bad %s"' if provider == "ollama" else '{"message": "bad %s"}'
    return '{"error": ' + told % spelt + "}"


def ask_with_key(ask, environment, provider, server):
    environment.setenv("OLLAMA_API_KEY", KEY)
    return ask(provider, server.url, times=1)


@pytest.mark.parametrize("provider", ALL)
@pytest.mark.parametrize("status", [200, 400, 403, 429, 500])
@pytest.mark.parametrize("spelt", SPELT.values(), ids=SPELT)
def test_a_key_is_found_however_an_error_spells_it(ask, environment, provider, status, spelt):
    reply = error(status, body_for(provider, spelt))
    if status == 200 and provider == "ollama":  # it reads line by line
        reply = replace(reply, steps=(*reply.steps, b"\n"), content_type="application/x-ndjson")
    with LlmServer(lambda _: reply) as server:
        asked = ask_with_key(ask, environment, provider, server)
    assert server.chats[0].headers["authorization"] == f"Bearer {KEY}"
    shown = f"{asked.sample.reason} {asked.error.hint} {asked.provider.exchange.body}"
    assert f"bad {REDACTED}" in asked.sample.reason
    for piece in (KEY[6:14], KEY.encode().hex()[12:28], SPELT["each sign"][36:84]):
        assert piece.lower() not in shown.lower()


@pytest.mark.parametrize("provider", ALL)
def test_a_header_that_is_quoted_holds_no_key(ask, environment, provider):
    kind = "application/x-ndjson" if provider == "ollama" else "text/event-stream"
    reply = Reply(steps=(b"x",), headers=(("Content-Encoding", KEY),), content_type=kind)
    with LlmServer(lambda _: reply) as server:
        asked = ask_with_key(ask, environment, provider, server)
    assert asked.error.code == "LLM_MALFORMED"
    assert REDACTED in asked.sample.reason
    assert KEY[4:12].lower() not in asked.sample.reason.lower()


@pytest.mark.parametrize("provider", ALL)
@pytest.mark.parametrize("steps", [(HTML,), (HTML[:1], HTML[1:4], HTML[4:])], ids=["whole", "bits"])
def test_a_page_that_is_called_a_stream_is_the_same_failure_of_all(ask, provider, steps):
    kind = "application/x-ndjson" if provider == "ollama" else "text/event-stream"
    with LlmServer(lambda _: Reply(steps=steps, content_type=kind)) as server:
        asked = ask(provider, server.url, times=1)
    assert asked.sample.code == "LLM_NOT_A_STREAM"
    assert (
        asked.sample.reason == f"{provider} did not stream: the server answered with an HTML page"
    )


@pytest.mark.parametrize(("provider", "name"), [("openai", "OPENAI"), ("ollama", "OLLAMA")])
def test_a_server_here_that_wants_a_key_after_all_says_which(ask, provider, name):
    with LlmServer(lambda _: error(401, "no")) as server:
        asked = ask(provider, server.url, times=1, key=None)
    assert asked.sample.reason == f"{provider} wants a key (401): none was sent"
    assert asked.error.hint == f"set {name}_API_KEY to a valid key"


@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_a_listed_model_that_holds_the_key_is_passed_over(ask, environment, provider):
    environment.setenv("OLLAMA_API_KEY", KEY)
    with LlmServer(lambda _: error(500, ""), models=(f"m-{KEY}", "tiny")) as server:
        asked = ask(provider, server.url, times=1, model=None)
    assert asked.provider.model == server.chats[0].body["model"] == "tiny"


def test_a_short_word_in_place_of_a_key_hides_no_model(ask, environment):
    environment.setenv("OLLAMA_API_KEY", "llama")
    with LlmServer(lambda _: error(500, ""), models=("llama3",)) as server:
        asked = ask("ollama", server.url, times=1, model=None)
    assert asked.provider.model == "llama3"
