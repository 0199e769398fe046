"""Folders of the user: where the platform puts them, and what happens without a home."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from echotrace.config.paths import (
    Folder,
    cache_folder,
    config_folder,
    make_folder,
    secrets_file,
    state_folder,
    user_file,
)

ALL = [config_folder, cache_folder, state_folder, user_file, secrets_file]
XDG = ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"]


def _set(monkeypatch, environ):
    for name in ["HOME", *XDG]:
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("function", ALL)
def test_xdg_variables(tmp_path, function):
    environ = {name: str(tmp_path / name) for name in XDG}
    path = function(environ).path
    assert path.relative_to(tmp_path).parts[1] == "echotrace"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="the XDG layout is that of Linux")
@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize(
    "environ",
    [
        {"HOME": "/h"},
        {"HOME": "/h"} | {name: f"/x/{name}" for name in XDG},
        {"HOME": "/h", XDG[0]: ""},
    ],
)
def test_a_mapping_and_the_process_agree(monkeypatch, function, environ):
    asked = function(environ)  # the process's own variables differ: answered by the rules
    _set(monkeypatch, environ)
    assert function() == function(environ) == asked  # answered by platformdirs
    assert asked.path.is_absolute()


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"}, {"HOME": "\0"}])
def test_no_home_is_a_reason_and_never_raises(monkeypatch, function, environ):
    monkeypatch.setenv("HOME", "/somewhere")
    folder = function(environ)
    if sys.platform not in ("darwin", "win32"):
        assert folder.path is None
        assert "HOME" in folder.reason


@pytest.mark.parametrize("function", ALL)
def test_a_process_without_home_gets_an_absolute_path_or_a_reason(monkeypatch, function):
    _set(monkeypatch, {})
    folder = function()
    assert (folder.path is not None and folder.path.is_absolute()) != bool(folder.reason)


def test_an_unknown_user_without_home_gets_a_reason(monkeypatch):
    if sys.platform in ("darwin", "win32"):
        pytest.skip("the user database is asked on Linux")
    import pwd

    def unknown(uid):
        raise KeyError(uid)

    _set(monkeypatch, {})
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert config_folder().path is None
    assert "home" in config_folder().reason


def test_make_folder_is_private(tmp_path):
    folder = make_folder(Folder(tmp_path / "a" / "b"))
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert make_folder(folder) == folder


@pytest.mark.parametrize("path", ["/proc/self/nothing/here", "/dev/null/x", "a\0b", "x" * 5000])
def test_what_cannot_be_made_is_a_reason(path):
    folder = make_folder(Folder(Path("/proc") / path if path[0] != "/" else Path(path)))
    assert folder.path is None
    assert folder.reason


def test_a_read_only_home_is_a_reason(open_place, unprivileged):
    home = open_place.root / "home"
    home.chmod(0o555)
    try:
        with unprivileged():
            new = make_folder(Folder(home / "cache" / "echotrace"))
            old = make_folder(Folder(home))
    finally:
        home.chmod(0o755)
    assert new.path is None
    assert (old.path is None) or os.access not in os.supports_effective_ids
    assert make_folder(Folder(None, "why")) == Folder(None, "why")
