"""The real command line in a process of its own, in a home of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import echotrace as echotrace_package
from tests.fakes.warm_cli import WarmCli

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = Path(echotrace_package.__file__).parent / "demo"
COMMAND = [sys.executable, "-W", "error", str(Path(sys.executable).with_name("echotrace"))]

SHORT_MOCK = {"ECHOTRACE_LLM_PROBES": "1", "ECHOTRACE_LLM_MOCK_SEED": "8916"}
"""For runs that are not about the mock: it is asked once, and its first draws are short."""


@dataclass(frozen=True)
class Result:
    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout; anything beside it is an error."""
        return json.loads(self.stdout)


def environment(home: Path | None, **extra: str) -> dict[str, str]:
    """A clean environment: no keys, no proxies, no configuration, an own home or none at all."""
    kept = {
        key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL", "TMPDIR") if key in os.environ
    }
    kept["PYTHONWARNINGS"] = "error"
    kept["OPENBLAS_NUM_THREADS"] = "1"  # see tests/conftest.py
    if home is not None:
        kept["HOME"] = str(home)
    return kept | extra


def echotrace(
    *arguments: str | Path,
    home: Path | None,
    cwd: Path | None = None,
    stdin: bytes | None = None,
    timeout_s: float = 100,
    fresh: bool = False,
    **extra: str,
) -> Result:
    """Run ``echotrace`` with these arguments to its end.

    It runs in a fork of a process that has loaded its modules. It gets an interpreter of its own
    where the test says ``fresh``, where a variable is set that may be read as modules are loaded
    (PYTHONPATH for plug-ins), and where a system cannot fork such a process safely.
    """
    words = [os.fspath(argument) for argument in arguments]
    variables = environment(home, **extra)
    folder = cwd or home
    if sys.platform == "linux" and not fresh and warm().fits(variables):
        code, stdout, stderr = warm().call(
            words, environment=variables, folder=folder, stdin=stdin, timeout_s=timeout_s
        )
        return Result(code, stdout.decode(), stderr.decode(errors="replace"))
    done = subprocess.run(
        [*COMMAND, *words],
        env=variables,
        cwd=folder,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace"))


@cache
def warm() -> WarmCli:
    """Start the one process of this worker that calls are forked from."""
    return WarmCli(Path(COMMAND[-1]), environment(Path("/nowhere")))
