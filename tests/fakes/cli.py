"""The real command line in a subprocess, in a home of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import echotrace as echotrace_package

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
    **extra: str,
) -> Result:
    """Run ``echotrace`` with these arguments to its end."""
    done = subprocess.run(
        [*COMMAND, *map(os.fspath, arguments)],
        env=environment(home, **extra),
        cwd=cwd or home,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace"))
