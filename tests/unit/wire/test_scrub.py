"""A key in a text that somebody else wrote is found however it is spelt."""

import html
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from echotrace.config.secrets import REDACTED, Secret
from echotrace.providers.exchange import Exchange
from echotrace.providers.failures import Kind, Target, by_status, by_wire, said_by, unknown_model
from echotrace.providers.reply_body import ReplyStoppedError
from echotrace.providers.scrub import scrub

VALUE = 'sk-Ab9/+x"Zq&7PlantedKeyQwErTy0123'
SECRETS = (Secret("OPENAI_API_KEY", VALUE),)
KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)
SPELT = (
    lambda sign: sign,
    lambda sign: f"\\u{ord(sign):04x}",
    lambda sign: f"\\u{ord(sign):04X}",
    lambda sign: f"\\\\u{ord(sign):04x}",
    lambda sign: f"\\x{ord(sign):02x}",
    lambda sign: f"%{ord(sign):02X}",
    lambda sign: f"&#{ord(sign)};",
    lambda sign: f"&#x{ord(sign):X};",
    lambda sign: html.escape(sign),
    lambda sign: f"\\{sign}" if sign in '/"\\' else sign,
    lambda sign: f"{sign}\u200b",
    lambda sign: f"{sign} \n",
)


def escaped(text):
    return "".join(f"\\u{ord(sign):04x}" for sign in text)


# A key must not itself look like an escape, or nobody could say what stands there.
@example(VALUE, [1, 0, 3, 6, 9, 10])
@given(KEYS.filter(lambda key: not set(key) & set("\\&%")), st.lists(st.integers(0, 11)))
def test_each_sign_may_be_spelt_in_a_way_of_its_own(key, ways):
    assume(REDACTED not in key)
    ways = ways or [1]
    spelt = "".join(SPELT[ways[at % len(ways)]](sign) for at, sign in enumerate(key))
    clean = scrub(f"bad <{spelt}> end", (Secret("K", key),))
    assert clean.startswith("bad <")
    assert clean.endswith("> end")
    assert set(clean[5:-5]) <= {*REDACTED, "\u200b", " ", "\n"}


@pytest.mark.parametrize(
    "spelt",
    [
        json.dumps(VALUE),
        json.dumps(json.dumps(escaped(VALUE))),
        json.dumps({"error": json.dumps({"error": {"message": escaped(VALUE)}})}),
        html.escape(html.escape(VALUE)),
        quote(VALUE, safe=""),
        VALUE.upper(),
        VALUE.lower(),
        VALUE.encode().hex(),
        VALUE.encode().hex().upper(),
        " ".join(VALUE),
        "\n".join(VALUE[at : at + 5] for at in range(0, len(VALUE), 5)),
        json.dumps(VALUE[:6] + "\u200b" + VALUE[6:]),
        f"&apo\u017f; {VALUE} \ud83d &#9999; \\",
    ],
)
def test_ways_that_servers_and_routers_have(spelt):
    clean = scrub(f"bad {spelt} end", SECRETS)
    assert REDACTED in clean
    assert clean.startswith("bad ")
    assert clean.endswith(" end")
    low = clean.lower()
    assert "plant" not in low
    assert "p l a n t" not in low
    assert escaped("Plant") not in low
    assert b"Plant".hex() not in low


def test_a_part_is_found_in_another_case_and_escaped():
    clean = scrub(f"{VALUE[3:14].lower()} {escaped(VALUE[10:19])} {VALUE[:7]}", SECRETS)
    assert clean == f"{REDACTED} {REDACTED} {VALUE[:7]}"


def test_json_stays_json():
    text = json.dumps({"a": f"x {VALUE} \\ \u200b y"}).replace("K", "\\u004b")
    assert json.loads(scrub(text, SECRETS)) == {"a": f"x {REDACTED} \\ \u200b y"}


@given(st.text(max_size=80))
def test_other_text_stays_as_it_is(text):
    assert scrub(text, SECRETS) == text


def test_a_short_secret_hides_no_plain_word_in_another_case():
    text = "Empty input, error 656d707479, none: EMPTY"
    assert scrub(text, (Secret("K", "EMPTY"),)) == text.replace("EMPTY", REDACTED)


def test_a_long_text_is_read_in_one_pass():
    begun_s = time.monotonic()
    scrub("\\" * 65536 + "&#x" + "0" * 65536 + "%5" * 9999, SECRETS)
    assert time.monotonic() - begun_s < 10  # quadratic work takes minutes


def target(**more):
    kind = Kind(prefix="LLM", reply="stream")
    options = {"provider": "openai", "model": "m", "host": "h", "timeout_s": 1.0, **more}
    return Target(kind=kind, **options)


BODIES = [
    '{"error": {"message": "bad %s"}}',
    '{"error": "bad %s"}',
    '{"detail": [{"msg": "bad %s"}]}',
    '["bad %s"]',
    '"bad %s"',
    '{"error": {"message": "bad %s"}',  # cut short, so no JSON
    "bad %s",
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("status", [400, 403, 413, 429, 500])
def test_what_an_error_says_is_scrubbed_after_it_was_read(body, status):
    exchange = Exchange(started_ns=0, status=status, body=body % escaped(VALUE))
    said = said_by(exchange, SECRETS)
    error = by_status(exchange, target(secrets=SECRETS, key_name="OPENAI_API_KEY"))
    for text in (said, error.why):
        assert "bad" in text
        assert REDACTED in text
        assert "Plant" not in text
        assert escaped("Plant") not in text


def test_a_stopped_reply_does_not_quote_a_key():
    fault = ReplyStoppedError("MALFORMED", f"unknown content encoding {VALUE}")
    error = by_wire((fault,), target(secrets=SECRETS), stalled=None)
    assert error.code == "LLM_MALFORMED"
    assert error.why == f"unknown content encoding {REDACTED}"


@pytest.mark.parametrize("pull", [False, True])
def test_a_model_that_a_server_named_after_the_key_is_not_shown(pull):
    asked = target(model=f"m-{VALUE}", secrets=SECRETS, pull=pull)
    error = unknown_model(asked, (f"m-{VALUE}", f"n-{escaped(VALUE)}"))
    text = f"{error.what} {error.why} {error.hint}"
    assert text.count(REDACTED) >= 3
    assert "Plant" not in text
    assert escaped("Plant") not in text


def test_a_server_that_wants_a_key_is_told_apart_from_one_that_refuses_it():
    exchange = Exchange(started_ns=0, status=401)
    none = by_status(exchange, target(key_name="OPENAI_API_KEY"))
    assert (none.what, none.why) == ("openai wants a key (401)", "none was sent")
    assert none.hint == "set OPENAI_API_KEY to a valid key"
    refused = by_status(exchange, target(key_name="OPENAI_API_KEY", secrets=SECRETS))
    assert refused.what == "openai refused the key (401)"
    assert refused.why == "h does not accept OPENAI_API_KEY"
    assert refused.hint == none.hint
    assert none.code == refused.code == "LLM_KEY_REFUSED"
    assert by_status(exchange, target()).hint == "set the key to a valid key"
