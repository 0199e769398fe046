"""The last door of the command line: whatever comes, one line, one document, one exit code."""

import errno
import json
import os
import signal

import pytest

from echotrace.cli import main as command_line
from echotrace.cli.document import DOCUMENT
from tests.fakes.llm_key import KEY


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setenv("ACME_KEY", KEY)
    monkeypatch.setattr(DOCUMENT, "begun", False)
    monkeypatch.setattr(DOCUMENT, "owed", False)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


class Odd(BaseException):
    """Neither an Exception nor one of those that Python itself raises."""


@pytest.mark.parametrize("kind", [Odd, GeneratorExit, SystemExit, RuntimeError])
@pytest.mark.parametrize("debug", [(), ("--debug",)])
def test_whatever_comes_is_told_without_a_key(monkeypatch, capfd, kind, debug):
    def fail(*_arguments, **_more):
        raise kind(f"bad key {KEY}")

    monkeypatch.setattr(command_line, "app", fail)
    with pytest.raises(SystemExit) as caught:
        command_line.main(["analyze", "a.wav", "--json", *debug])
    assert caught.value.code == 70
    out, err = capfd.readouterr()
    assert json.loads(out)["warnings"][0]["message"].endswith(f"{kind.__name__}: bad key [***]")
    assert KEY not in out + err
    assert ("Traceback" in err) is bool(debug)


@pytest.mark.parametrize(("name", "where"), [(None, "stdout"), ("a.bin", "a.bin")])
def test_a_full_disk_is_storage_wherever_it_shows(monkeypatch, capfd, name, where):
    def fail(*_arguments, **_more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)

    monkeypatch.setattr(command_line, "app", fail)
    with pytest.raises(SystemExit) as caught:
        command_line.main(["baseline", "show"])
    assert caught.value.code == 6
    assert f"{where} cannot be written" in capfd.readouterr().err
