"""A home, a project folder and a loader between them."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from echotrace.config.loader import LoadedSettings, load_settings

NOBODY = 65534


@dataclass
class Place:
    """A user's home with its configuration folder, and a project folder."""

    root: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def cwd(self) -> Path:
        return self.root / "project"

    @property
    def user_file(self) -> Path:
        return self.root / "home" / ".config" / "echotrace" / "config.toml"

    @property
    def environ(self) -> dict[str, str]:
        return {"HOME": str(self.root / "home"), "PATH": "/usr/bin", **self.extra}

    def project(self, text: str, name: str = ".echotrace.toml") -> Path:
        path = self.cwd / name
        path.write_bytes(text.encode())
        return path

    def user(self, text: str) -> Path:
        self.user_file.write_bytes(text.encode())
        return self.user_file

    def load(self, flags: dict[str, Any] | None = None, **more: Any) -> LoadedSettings:
        more.setdefault("cwd", self.cwd)
        more.setdefault("environ", self.environ)
        return load_settings(flags or {}, **more)


def make_place(root: Path) -> Place:
    place = Place(root)
    place.cwd.mkdir()
    place.user_file.parent.mkdir(parents=True)
    return place


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path)


@contextmanager
def _unprivileged():
    """Act as a user whom file modes bind; root would read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def unprivileged():
    if not hasattr(os, "seteuid"):
        pytest.skip("file modes do not bind on this system")
    return _unprivileged


@pytest.fixture
def open_place():
    """A place whose folders every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        yield make_place(root)
