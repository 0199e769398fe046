"""Addresses and the taking out of secrets."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from echotrace.config.secrets import Secret
from echotrace.errors import ConfigError
from echotrace.providers.address import is_loopback, parse_address, stays_here
from echotrace.providers.scrub import one_line, scrub

keys = st.text(string.ascii_letters + string.digits + "_-", min_size=8, max_size=60)


@given(keys, st.text(max_size=40), st.text(max_size=40), st.data())
def test_no_long_piece_of_a_secret_survives(key, before, after, data):
    start = data.draw(st.integers(0, len(key) - 8))
    end = data.draw(st.integers(start + 8, len(key)))
    clean = scrub(before + key[start:end] + after, (Secret("K", key),))
    windows = {key[at : at + 8] for at in range(len(key) - 7)}
    assert not any(window in clean for window in windows)


@given(keys, st.text(max_size=80))
def test_text_without_the_secret_is_left_alone(key, text):
    assume(not any(key[at : at + 4] in text for at in range(len(key) - 3)))
    assert scrub(text, (Secret("K", key),)) == text


@given(st.text(max_size=500), st.integers(10, 80))
def test_one_line_is_printable_and_short(text, limit):
    line = one_line(text, limit)
    assert line.isprintable()
    assert len(line) <= limit


@pytest.mark.parametrize(
    ("text", "url", "shown", "loopback"),
    [
        ("https://api.groq.com", "https://api.groq.com", "api.groq.com", False),
        (
            "https://api.groq.com/openai/v1/",
            "https://api.groq.com/openai/v1",
            "api.groq.com",
            False,
        ),
        ("127.0.0.1", "http://127.0.0.1:11434", "127.0.0.1:11434", True),
        (":8080", "http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("0.0.0.0:11434", "http://127.0.0.1:11434", "127.0.0.1:11434", True),
        ("http://[::]:5", "http://[::1]:5", "[::1]:5", True),
        ("http://[::1]", "http://[::1]", "[::1]", True),
        ("LOCALHOST", "http://localhost:11434", "localhost:11434", True),
        ("http://u:p@host:1/x#y", "http://host:1/x", "host:1", False),
        ("HTTPS://Host.Example", "https://host.example", "host.example", False),
        ("  host  ", "http://host:11434", "host:11434", False),
    ],
)
def test_addresses(text, url, shown, loopback):
    address = parse_address(text, origin="test", default_port=11434)
    assert (address.url, address.shown, address.loopback) == (url, shown, loopback)


@pytest.mark.parametrize(
    "text", ["", "ftp://h", "http://", "http://[::1", "h:99999", "h:x", "a b", "file:///etc/passwd"]
)
def test_what_is_no_address(text):
    with pytest.raises(ConfigError):
        parse_address(text, origin="test")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("ftp://h", "neither http:// nor https://"),
        ("http://", "names no host"),
        ("http://[::1", "host cannot be read"),
        ("h:99999", "no number from 1 to 65535"),
        ("h:hunter2", "no number from 1 to 65535"),
        ("http://h:0", "no number from 1 to 65535"),
        ("http://h/a b", "a blank"),
        ("https://h.azure.com/openai?api-version=2024-06-01", "it has a query"),
        ("h:1?key=hunter2", "it has a query"),
    ],
)
def test_what_is_wrong_with_an_address_is_said_and_the_address_is_not_repeated(text, why):
    with pytest.raises(ConfigError) as caught:
        parse_address(text, origin="THE_SETTING")
    error = caught.value
    assert error.what == "THE_SETTING is not the address of a server"
    assert why in error.why
    assert "hunter2" not in error.why + error.hint
    assert ("api-version" in error.hint) == ("query" in error.why)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_configuration_error(text):
    try:
        address = parse_address(text, origin="test")
    except ConfigError:
        return
    assert address.host
    assert address.url.startswith(("http://", "https://"))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("sub.localhost.", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("127.0.0.1.example.com", False),
        ("localhost.example.com", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("", False),
    ],
)
def test_loopback(host, loopback):
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("sent_to", "here"),
    [
        (None, True),
        ("127.0.0.1:8000", True),
        ("localhost", True),
        ("[::1]:8000", True),
        ("::1", True),
        ("api.groq.com", False),
        ("192.0.2.2:80", False),
        ("[2001:db8::1]:80", False),
        ("[broken", False),
    ],
)
def test_what_stays_on_this_machine(sent_to, here):
    assert stays_here(sent_to) is here
