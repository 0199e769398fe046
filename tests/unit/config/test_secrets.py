"""Secrets: where they may come from, and that no text ever holds one."""

from __future__ import annotations

import base64
import copy
import dataclasses
import html
import json
import os
import pickle
import stat
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from echotrace.config.secrets import REDACTED, Secret, get_secret, redact
from echotrace.errors import ConfigError, ExitCode

NAME = "GROQ_API_KEY"
VALUE = "gsk_0123456789abcdefghijWXYZ"
KEY_CHARS = st.characters(min_codepoint=33, max_codepoint=126)
SECRETS = st.one_of(
    st.text(KEY_CHARS, min_size=8, max_size=60),
    st.builds("gsk_{}".format, st.text(KEY_CHARS, min_size=16, max_size=52)),
)


@pytest.fixture
def secrets_path(tmp_path):
    def write(text, mode=0o600):
        path = tmp_path / "secrets.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    return write


def _said(error):
    return " ".join([error.what, error.why, error.hint, str(error), repr(error)])


def test_the_environment_comes_first_and_the_file_is_not_opened(secrets_path):
    path = secrets_path("not TOML", 0o644)
    assert get_secret(NAME, {NAME: f" {VALUE}\n"}, path).reveal() == VALUE


@pytest.mark.parametrize("key", [NAME, NAME.lower(), f'"{NAME}"'])
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_the_file(secrets_path, key, mode):
    path = secrets_path(f'\ufeffother = 1\n{key} = "{VALUE}"\n', mode)
    assert get_secret(NAME, {NAME: ""}, path).reveal() == VALUE


@pytest.mark.parametrize("text", ["", "OTHER = 'x'", f"{NAME} = ''", f"[{NAME}_2]"])
def test_no_secret_is_none(secrets_path, text):
    assert get_secret(NAME, {}, secrets_path(text)) is None


def test_no_file_is_none(tmp_path):
    for path in (None, tmp_path / "secrets.toml", tmp_path / "x" / "y", tmp_path / ("a" * 5000)):
        assert get_secret(NAME, {}, path) is None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666, 0o777])
def test_a_file_that_others_may_use_is_refused(secrets_path, mode):
    path = secrets_path(f"{NAME} = '{VALUE}'", mode)
    with pytest.raises(ConfigError) as caught:
        get_secret(NAME, {}, path)
    error = caught.value
    assert error.exit_code is ExitCode.USAGE
    assert error.code == "SECRETS_EXPOSED"
    assert error.hint == f"chmod 600 {path}"
    assert f"{mode:04o}" in error.why
    assert VALUE not in _said(error)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_the_advice_quotes_the_path(tmp_path):
    path = tmp_path / "a b'c.toml"
    path.write_text("")
    path.chmod(0o644)
    with pytest.raises(ConfigError) as caught:
        get_secret(NAME, {}, path)
    assert caught.value.hint.startswith("chmod 600 '")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners on this system")
def test_a_file_of_another_user_is_refused(secrets_path):
    path = secrets_path(f"{NAME} = '{VALUE}'")
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 65534, -1)
    with pytest.raises(ConfigError) as caught:
        get_secret(NAME, {}, path)
    assert "belongs to another user" in caught.value.what


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "device"])
def test_what_is_no_regular_file_is_refused(tmp_path, kind):
    path = tmp_path / "secrets.toml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path, 0o600)
    else:
        path.symlink_to(path.name if kind == "loop" else "/dev/zero")
    with pytest.raises(ConfigError) as caught:
        get_secret(NAME, {}, path)
    assert caught.value.code == "SECRETS_UNREADABLE"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"\n{NAME} = {VALUE}", 2),
        (f"{NAME} = '{VALUE}", 1),
        (f"\n\n{NAME} = ['{VALUE}']", 3),
        (f"{NAME} = '{VALUE}\\n'\n{NAME} = '{VALUE}'", 2),
        (f'{NAME} = "{VALUE}\\nx"', 1),
        (f'{NAME} = "{VALUE}\u201d"', 1),
        (f"{NAME} = '{VALUE}'\n# ".encode() + b"\xff", 2),
        (f"'{VALUE}' = 1\n'{VALUE}' = 2", 2),
    ],
)
def test_a_bad_file_is_named_by_line_and_never_repeated(secrets_path, text, line):
    path = secrets_path(text)
    with pytest.raises(ConfigError) as caught:
        get_secret(NAME, {}, path)
    assert caught.value.what.startswith(f"{path}:{line}: ")
    seen = caught.value
    while seen is not None:
        assert VALUE not in str(seen)
        assert VALUE not in repr(vars(seen))
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


@pytest.mark.parametrize("value", ["two words", "tab\there", "quote\u201d", "a\nb", "\udcff"])
def test_a_variable_that_is_no_key_is_refused_and_never_repeated(value):
    with pytest.raises(ConfigError) as caught:
        get_secret(NAME, {NAME: value}, None)
    assert NAME in caught.value.what
    assert value not in _said(caught.value)


@pytest.mark.parametrize(
    ("value", "mask"),
    [
        (VALUE, "gsk_...WXYZ"),
        ("sk-proj-0123456789abcdef", "sk-...cdef"),
        ("0123456789abcdefghij", "...ghij"),
        ("gsk_short", "...."),
        ("", "...."),
    ],
)
def test_masks(value, mask):
    assert str(Secret(NAME, value)) == mask


@given(SECRETS)
def test_no_way_of_showing_a_secret_shows_it(value):
    assume(value.strip(".") and value not in f"Secret({NAME!r}, )Holder(key=)")
    secret = Secret(NAME, value)

    @dataclasses.dataclass
    class Holder:
        key: Secret

    texts = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>80}",
        f"{secret!r:.100}",
        "%s %r" % (secret, secret),  # noqa: UP031 - logging formats this way
        repr([secret, {"key": secret}]),
        repr(Holder(secret)),
        repr(dataclasses.asdict(Holder(secret))),
        repr(ValueError(secret)),
        str(secret.masked()),
    ]
    assert all(value not in text for text in texts)
    assert secret.reveal() == value
    hidden = len(value) - len(str(secret).replace("...", ""))
    assert hidden >= min(len(value), 12) or str(secret) == "...."


def test_a_secret_goes_into_no_file():
    secret = Secret(NAME, VALUE)
    with pytest.raises(TypeError) as caught:
        pickle.dumps(secret)
    assert VALUE not in str(caught.value)
    with pytest.raises(TypeError) as caught:
        json.dumps(secret)
    assert VALUE not in str(caught.value)
    assert copy.deepcopy(secret) is secret
    assert copy.copy(secret) is secret


def test_equality():
    assert Secret(NAME, VALUE) == Secret(NAME, VALUE)
    assert hash(Secret(NAME, VALUE)) == hash(Secret(NAME, VALUE))
    assert Secret(NAME, VALUE) != Secret(NAME, VALUE + "x")
    assert Secret(NAME, VALUE) != Secret("OTHER", VALUE)
    assert Secret(NAME, VALUE) != VALUE


def _coded(value):
    return [
        value,
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        html.escape(value),
        html.escape(value, quote=False),
        base64.b64encode(value.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
        value.upper(),
        value.lower(),
        value.encode().hex(),
        value.encode().hex().upper(),
    ]


WIDE = st.text(min_size=8, max_size=40).filter(
    lambda text: text.encode("utf-8", "ignore").decode() == text and not set(text) & set("[*]")
)


@example('two words/and \\ "quotes" & <\u00e9>', ["x"])
@given(st.one_of(SECRETS, WIDE), st.lists(st.text(max_size=10), min_size=1, max_size=3))
def test_redact_leaves_no_form_of_a_secret(value, between):
    assume(value not in REDACTED and REDACTED not in value)
    forms = _coded(value)
    text = "".join(part + form for part in between for form in forms)
    clean = redact(text, [Secret(NAME, value), None])
    assert REDACTED in clean
    assert all(form not in clean for form in forms)


@pytest.mark.parametrize("text", ["none", "NONE", "None of it", "6e6f6e65"])
def test_a_short_secret_is_hidden_only_as_it_is(text):
    assert redact(text, [Secret(NAME, "none")]) == text.replace("none", REDACTED)


@given(SECRETS, st.binary(max_size=5), st.binary(max_size=5))
def test_redact_finds_a_secret_inside_base64(value, before, after):
    coded = base64.b64encode(before + value.encode() + after).decode()
    clean = redact(f"Authorization: Basic {coded}", [Secret(NAME, value)])
    assert REDACTED in clean
    assert coded not in clean


@given(st.text(max_size=60), st.lists(SECRETS, max_size=3))
def test_redact_leaves_other_text_alone(text, values):
    assume(not any(value[:4] in text for value in values))
    assume(redact(text, []) == text)
    assert redact(text, [Secret(NAME, "")]) == text
    if not any(form[:3] in text for value in values for form in _coded(value)):
        assert redact(text, [Secret(NAME, value) for value in values]) == text


@given(SECRETS, SECRETS)
def test_redact_of_two_secrets_that_overlap(first, second):
    assume(not any(REDACTED in value or value in REDACTED for value in (first, second)))
    text = f"{first}{second} {second}{first} {first[:5]}{second}"
    clean = redact(text, [Secret("A", first), Secret("B", second)])
    assert first not in clean
    assert second not in clean
