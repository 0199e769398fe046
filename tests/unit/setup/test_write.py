import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.config.files import parse
from echotrace.config.secrets import Secret, get_secret
from echotrace.config.write import (
    FileChange,
    change_secrets,
    change_settings,
    check_writable,
    commit,
    edited,
)
from echotrace.errors import ConfigError, StorageError
from tests.fakes.llm_key import KEY

PATH = Path("config.toml")


def table(data):
    return parse(data, path=PATH, label="x").table


def edit(text, values):
    return edited(text.encode(), values, path=PATH).decode()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("text", "values", "wanted"),
    [
        ("", {("profile",): "x"}, 'profile = "x"\n'),
        ("", {("llm", "model"): "x"}, '[llm]\nmodel = "x"\n'),
        ("[llm]\n", {("llm", "model"): "x"}, '[llm]\nmodel = "x"\n'),
        ("[llm]\na = 1\n\n[b]\n", {("llm", "m"): 2}, "[llm]\na = 1\nm = 2\n\n[b]\n"),
        ("a = 1 # one\nb = 2\n", {("a",): 3}, "a = 3 # one\nb = 2\n"),
        ("a = 'x=#y' # one\n", {("a",): "z"}, 'a = "z" # one\n'),
        ("a = 1\r\nb = 2\r\n", {("a",): 3, ("c",): 4}, "a = 3\r\nb = 2\r\nc = 4\r\n"),
        ("a = 1\nb = 2\n", {("a",): None}, "b = 2\n"),
        ("# top\n\n[x]\ny = 1\n", {("a",): 1}, "# top\na = 1\n\n[x]\ny = 1\n"),
        ("# of x\n[x]\ny = 1\n", {("a",): 1}, "a = 1\n# of x\n[x]\ny = 1\n"),
        ("llm.a = 1\n[x]\n", {("llm", "b"): 2}, "llm.a = 1\nllm.b = 2\n[x]\n"),
        ("a = 1", {("b",): 2}, "a = 1\nb = 2"),
        ("a = 1", {("t", "b"): 2}, "a = 1\n\n[t]\nb = 2\n"),
        ('"a" = """\nx"""\n', {("b",): 2}, 'b = 2\n"a" = """\nx"""\n'),
        ("a = 1\n", {}, "a = 1\n"),
        ("a = 1\n", {("b",): None, ("c", "d"): None}, "a = 1\n"),
    ],
)
def test_only_the_lines_of_the_keys_change(text, values, wanted):
    assert edit(text, values) == wanted


@pytest.mark.parametrize(
    ("text", "values", "wanted"),
    [
        ("llm = {a = 1, b = 2}\n", {("llm", "a"): 3}, {"llm": {"a": 3, "b": 2}}),
        ('a = """\nx"""\nb = 1\n', {("a",): "y"}, {"a": "y", "b": 1}),
        ("llm = {a = 1, b = 2}\n", {("llm", "a"): None}, {"llm": {"b": 2}}),
    ],
)
def test_what_has_no_line_of_its_own_is_written_anew(text, values, wanted):
    assert table(edit(text, values).encode()) == wanted


def test_a_byte_order_mark_stays_first():
    after = edited(b"\xef\xbb\xbf# hello\na = 1\n", {("a",): 2, ("b", "c"): 3}, path=PATH)
    assert after == b"\xef\xbb\xbf# hello\na = 2\n\n[b]\nc = 3\n"


NAMES = st.sampled_from(["a", "b", "llm", "x y", "ä", 'q"t', "1"])
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-99, 99),
    st.text(max_size=8).filter(lambda text: "\x00" not in text),
    st.floats(allow_nan=False, allow_infinity=False),
)
TABLES = st.dictionaries(NAMES, SCALARS, max_size=4)
DOCUMENTS = st.dictionaries(NAMES, st.one_of(SCALARS, TABLES, st.lists(SCALARS, max_size=3)))


@given(
    DOCUMENTS,
    st.dictionaries(
        st.one_of(st.tuples(NAMES), st.tuples(NAMES, NAMES)),
        st.one_of(st.none(), SCALARS),
        max_size=3,
    ),
    st.booleans(),
)
def test_any_edit_means_what_was_asked_and_keeps_the_rest(document, values, crlf):
    import tomli_w

    wanted = {
        key: dict(value) if isinstance(value, dict) else value for key, value in document.items()
    }
    tables = {path[0] for path in values if len(path) == 2}
    if any(not isinstance(wanted.get(name, {}), dict) for name in tables):
        return  # a setting is never a table in one place and a value in another
    if any((name,) in values for name in tables) or any(
        len(path) == 1 and isinstance(wanted.get(path[0]), dict) for path in values
    ):
        return
    for path, value in values.items():
        below = wanted if len(path) == 1 else wanted.get(path[0], {})
        if value is None:
            below.pop(path[-1], None)
        else:
            (wanted.setdefault(path[0], below) if len(path) == 2 else below)[path[-1]] = value
    text = "# kept\n" + tomli_w.dumps(document)
    if crlf:
        text = text.replace("\n", "\r\n")
    after = edited(text.encode(), values, path=PATH)
    assert table(after) == wanted
    rewritten = any(isinstance(_at(document, path), list) for path in values)
    assert rewritten or b"# kept" in after


def _at(document, path):
    value = document
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def test_a_setting_that_does_not_exist_or_fit_is_refused():
    for values in ({("llm", "api_key"): KEY}, {("GROQ_API_KEY",): KEY}, {("stt", "beam_size"): 0}):
        with pytest.raises(ConfigError) as raised:
            change_settings(PATH, None, values)
        assert KEY not in str(raised.value) + raised.value.why + raised.value.hint


def test_nothing_is_written_when_nothing_changes(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("profile = 'x'  # mine")
    before = path.stat()
    change = change_settings(path, path.read_bytes(), {})
    assert (change.changes, commit([change])) == (False, ())
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    empty = change_settings(tmp_path / "other/config.toml", None, {})
    assert commit([empty]) == ()
    assert [item.name for item in tmp_path.iterdir()] == ["config.toml"]


def test_folder_and_files_are_for_their_owner_alone(tmp_path):
    folder = tmp_path / "a/b"
    old = os.umask(0)
    try:
        config = change_settings(folder / "config.toml", None, {("profile",): "x"})
        secrets = change_secrets(folder / "secrets.toml", [Secret("GROQ_API_KEY", KEY)])
        assert commit([secrets, config]) == (folder / "secrets.toml", folder / "config.toml")
    finally:
        os.umask(old)
    assert mode(folder) == 0o700
    assert mode(folder / "config.toml") == mode(folder / "secrets.toml") == 0o600
    assert get_secret("GROQ_API_KEY", {}, folder / "secrets.toml").reveal() == KEY
    assert KEY not in repr(secrets)


def test_an_open_folder_is_closed_when_a_key_is_stored(tmp_path):
    tmp_path.chmod(0o755)
    commit([change_secrets(tmp_path / "secrets.toml", [Secret("GROQ_API_KEY", KEY)])])
    assert mode(tmp_path) == 0o700


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "dotfiles").mkdir()
    real = tmp_path / "dotfiles/echotrace.toml"
    real.write_text("# mine\n")
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    commit([change_settings(link, b"# mine\n", {("profile",): "x"})])
    assert link.is_symlink()
    assert real.read_text() == '# mine\nprofile = "x"\n'


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("# new\n")
    with pytest.raises(StorageError) as raised:
        commit([change_settings(path, b"# old\n", {("profile",): "x"})])
    assert raised.value.code == "CONFIG_CHANGED"
    assert path.read_text() == "# new\n"


def test_when_one_file_cannot_be_written_none_is(tmp_path):
    good = FileChange(path=tmp_path / "config.toml", before=None, after=b"a = 1\n")
    (tmp_path / "file").write_text("")
    bad = FileChange(path=tmp_path / "file/secrets.toml", before=None, after=b"b = 1\n")
    with pytest.raises(StorageError) as raised:
        commit([good, bad])
    assert raised.value.exit_code == 6
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_an_interruption_leaves_no_temporary_file(tmp_path, monkeypatch):
    def interrupt(_descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        commit([FileChange(path=tmp_path / "config.toml", before=None, after=b"a = 1\n")])
    assert list(tmp_path.iterdir()) == []


def test_an_exposed_file_of_secrets_is_not_written_to(tmp_path):
    path = tmp_path / "secrets.toml"
    path.write_text('OTHER = "x"\n')
    path.chmod(0o644)
    with pytest.raises(ConfigError) as raised:
        change_secrets(path, [Secret("GROQ_API_KEY", KEY)])
    assert "chmod 600" in raised.value.hint


def test_a_folder_that_cannot_be_written_is_known_before(tmp_path):
    check_writable(tmp_path / "not/yet/there")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        check_writable(tmp_path / "file/echotrace")


@pytest.mark.skipif(not hasattr(os, "seteuid") or os.geteuid() != 0, reason="needs another user")
def test_a_folder_of_somebody_else_cannot_be_written():
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(StorageError, match="cannot be written"):
                check_writable(Path(name) / "echotrace")
        finally:
            os.seteuid(0)
