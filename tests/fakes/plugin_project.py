"""Installs a plug-in's project as pip would: its wheel is built by its own backend and unpacked."""

import subprocess
import sys
import zipfile
from pathlib import Path

ACME = Path(__file__).with_name("acme_voice")
_BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


def install_project(project: Path, folder: Path) -> Path:
    """Build the wheel of ``project`` and unpack it into ``folder``, which is then for sys.path."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, str(folder)],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    wheel = folder / done.stdout.splitlines()[-1]
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    wheel.unlink()
    return folder
