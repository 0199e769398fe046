"""What the settings say of an address that is none."""

import pytest

from echotrace.config.loader import load_settings
from echotrace.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("127.0.0.1:8000", "it begins with neither http:// nor https://"),
        ("ftp://h", "it begins with neither http:// nor https://"),
        ("http://h:99999", "its port is no number from 1 to 65535"),
        ("http://h:hunter2", "its port is no number from 1 to 65535"),
        ("http://", "it names no host"),
        ("http://[::1", "its host cannot be read"),
        ("http://a b", "it holds a blank, or a character that cannot be printed"),
        ("http://h/\x07", "it holds a blank, or a character that cannot be printed"),
        ("http://me:hunter2@h", "it holds a user name or password"),
        ("   ", "it is empty"),
    ],
)
def test_what_is_wrong_is_said_and_the_address_is_not_repeated(text, why):
    environ = {"ECHOTRACE_STT_BASE_URL": text}
    with pytest.raises(ConfigError) as caught:
        load_settings({}, environ=environ, cwd=None)
    error = caught.value
    needed = "an http:// or https:// address without user name or password"
    assert error.what == f"ECHOTRACE_STT_BASE_URL must be {needed}: {why}"
    assert "hunter2" not in error.what + error.why + error.hint


@pytest.mark.parametrize("text", ["http://h/x@y", "https://h?a@b", "HTTP://h"])
def test_a_sign_behind_the_host_is_no_user_name(text):
    loaded = load_settings({}, environ={"ECHOTRACE_STT_BASE_URL": text}, cwd=None)
    assert loaded.settings.stt.base_url == text
