"""Keys that a speech server sends back, and what it says to who sent none."""

import json

import pytest

from echotrace.config.secrets import REDACTED
from tests.fakes.llm_key import KEY
from tests.fakes.llm_servers import error
from tests.fakes.tts_servers import SpeechServer, refusal, spoken

both = pytest.mark.parametrize("provider", ["openai", "groq"])
ESCAPED = "".join(f"\\u{ord(sign):04x}" for sign in KEY)


@both
@pytest.mark.parametrize("status", [200, 400, 403, 500])
@pytest.mark.parametrize("spelt", [ESCAPED, json.dumps(ESCAPED)[1:-1], KEY.upper()])
def test_a_key_is_found_however_an_error_spells_it(speak, provider, status, spelt):
    reply = error(status, '{"error": {"message": "bad ' + spelt + '"}}')
    with SpeechServer(lambda _: reply) as server:
        taken = speak(provider, base_url=server.url)
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    shown = f"{taken!r} {taken.error.why} {taken.error.hint}".lower()
    assert f"bad {REDACTED}" in taken.sample.reason
    assert KEY[6:14].lower() not in shown
    assert ESCAPED[36:84].lower() not in shown


def test_a_server_here_that_wants_a_key_after_all_says_which(speak):
    with SpeechServer(lambda _: refusal(401, "no")) as server:
        taken = speak("openai", key=None, base_url=server.url)
    assert taken.error.code == "TTS_KEY_REFUSED"
    assert taken.sample.reason == "openai wants a key (401): none was sent"
    assert taken.error.hint == "set OPENAI_API_KEY to a valid key"


@both
def test_false_gzip_is_called_so(speak, provider):
    reply = spoken(b"RIFF", headers=(("Content-Encoding", "gzip"),))
    with SpeechServer(lambda _: reply) as server:
        taken = speak(provider, base_url=server.url)
    why = f"{provider}'s reply cannot be read: it is called gzip and cannot be unpacked"
    assert (taken.sample.code, taken.sample.reason) == ("TTS_MALFORMED", why)
