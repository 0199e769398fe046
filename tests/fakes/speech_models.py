"""Where the small test models and recordings are: in the package, else beside the checkout."""

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"


def mini_model(name):
    """Return the folder of ``whisper-mini-fast`` or ``-gold``; skips when neither place has it."""
    for home in (REPOSITORY / "echotrace" / "demo" / "models", SHARED / "models"):
        if (home / name / "model.bin").is_file():
            return home / name
    pytest.skip(f"the test model {name} is neither in the package nor in ../shared/models")


def shared(path):
    """Return a file or folder of ../shared; skips when it is absent."""
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"../shared/{path} is not here")
    return found
