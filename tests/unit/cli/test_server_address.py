"""The address that a flag names, and what is said of one that is none."""

import pytest

from echotrace.cli.options import server_address
from echotrace.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (None, None),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("localhost:8000/v1/", "http://localhost:8000/v1"),
        (":8000", "http://127.0.0.1:8000"),
        ("https://host.example/v1", "https://host.example/v1"),
        ("http://host/x@y", "http://host/x@y"),
    ],
)
def test_addresses(text, url):
    assert server_address("--stt-base-url", text) == url


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://h:99999", "no number from 1 to 65535"),
        ("ftp://x", "neither http:// nor https://"),
        ("", "it is empty"),
        ("http://h/v1?api-version=1", "a query"),
        ("http://me:hunter2@h", "addresses are shown"),
        ("me:hunter2@h:80", "addresses are shown"),
    ],
)
def test_what_is_none_names_the_flag_and_says_why(text, why):
    with pytest.raises(ConfigError) as caught:
        server_address("--stt-base-url", text)
    error = caught.value
    assert error.what.startswith("--stt-base-url ")
    assert why in error.why
    assert "line that is named" not in error.hint
    assert "hunter2" not in error.what + error.why + error.hint
