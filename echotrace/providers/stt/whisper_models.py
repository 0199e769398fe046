"""Where a faster-whisper model lies on this machine, found without loading or downloading anything.

Left to itself the library asks the network for a file that is missing, even when told not to, and
explains a damaged folder by the name of an internal file; everything is therefore looked up here
first, and only a folder that is complete is handed on.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import stat
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from echotrace.config.privacy import forbid_telemetry
from echotrace.errors import MissingDependencyError, UsageError
from echotrace.printable import printable

__all__ = [
    "NEEDED_FILES",
    "TINY_REPOSITORY",
    "VOCABULARIES",
    "cache_of_models",
    "check_installed",
    "digest_of",
    "download",
    "find_model",
    "is_cached",
    "problems_of",
    "repository_folder",
    "repository_of",
    "snapshot_of",
]

TINY_REPOSITORY = "Systran/faster-whisper-tiny"
"""The repository of ``tiny``, known here so that a look into the cache loads no library."""

NEEDED_FILES: Final = ("config.json", "model.bin", "tokenizer.json")
VOCABULARIES: Final = ("vocabulary.json", "vocabulary.txt")
_OPTIONAL = ("preprocessor_config.json",)
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def find_model(model: str) -> Path | None:
    """Return the folder of a model: a directory that was given, or one of the local cache.

    None means that the cache holds nothing of it.

    Raises:
        MissingDependencyError: the directory does not exist, or some of its files are missing.
        UsageError: no model has this name.
    """
    if os.path.isdir(model):  # noqa: PTH112 - a name with a NUL byte is False here, not an error
        folder = Path(model)
        if problems := _missing(folder):
            raise _incomplete(f"the folder {printable(model)}", problems)
        return folder
    if model.startswith((".", "~", os.sep)) or model.count("/") > 1:
        raise _no_folder(model)
    snapshot = snapshot_of(repository_folder(repository_of(model)))
    if snapshot is None:
        return None
    if problems := problems_of(snapshot):
        raise _incomplete(f"the model {printable(model)} in the local cache", problems, model=model)
    return snapshot


def is_cached(repository: str) -> bool:
    """Whether the local cache holds all files of a repository; nothing is loaded."""
    if find_spec("faster_whisper") is None or find_spec("huggingface_hub") is None:
        return False
    snapshot = snapshot_of(repository_folder(repository))
    return snapshot is not None and not problems_of(snapshot)


def cache_of_models() -> Path:
    """Return the Hugging Face cache, which HF_HUB_CACHE and HF_HOME may move."""
    forbid_telemetry()
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def repository_folder(repository: str) -> Path:
    """Return where the cache keeps a repository, whether it is there or not."""
    return cache_of_models() / f"models--{repository.replace('/', '--')}"


def snapshot_of(home: Path) -> Path | None:
    """Return the folder of the revision in use: the one of ``refs/main``, else the newest.

    Args:
        home: the folder of a repository in the cache.
    """
    try:
        named = home / "snapshots" / (home / "refs" / "main").read_text("utf-8").strip()
        if named.is_dir() and named.parent == home / "snapshots":
            return named
    except (OSError, ValueError):
        pass
    try:
        found = [path for path in (home / "snapshots").iterdir() if path.is_dir()]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)
    except OSError:
        return None


def problems_of(folder: Path) -> list[str]:
    """Say which files of a model are not there, or are there in name only."""
    names = (*NEEDED_FILES, *VOCABULARIES)
    return _missing(folder) + [f"{name} is empty" for name in names if _size(folder / name) == 0]


def repository_of(model: str) -> str:
    """Return the Hugging Face repository of a size such as ``tiny``, or of ``owner/name``.

    Raises:
        UsageError: no model has this name.
    """
    if model == "tiny":
        return TINY_REPOSITORY
    if _REPOSITORY.fullmatch(model):
        return model
    from faster_whisper.utils import _MODELS

    if model in _MODELS:
        return str(_MODELS[model])
    near = difflib.get_close_matches(model, _MODELS, n=1, cutoff=0.5)
    raise UsageError(
        f"faster-whisper has no model {printable(model)}",
        why=f"the sizes are {', '.join(_MODELS)}",
        hint=f"did you mean faster-whisper:{near[0]}?" if near else "or give a model's directory",
        code="UNKNOWN_MODEL",
    )


def digest_of(folder: Path) -> str:
    """Return a digest of a model's files, wherever they lie; a file is read once per process.

    A file that changes while the process runs is read again when its size or time changed.
    """
    names = sorted(
        name for name in (*NEEDED_FILES, *VOCABULARIES, *_OPTIONAL) if (folder / name).is_file()
    )
    parts = []
    for name in names:
        status = (folder / name).stat()
        seen = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        parts.append(f"{name} {_file_digest(folder / name, seen)}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@lru_cache(maxsize=64)
def _file_digest(path: Path, seen: tuple[int, ...]) -> str:
    del seen
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def download(model: str) -> Path:
    """Download a model into the local cache and return its folder; the user has allowed it.

    What was fetched before is kept, and every file is checked.

    Raises:
        MissingDependencyError: faster-whisper is not installed.
        ProviderError: the network or the repository cannot be reached.
        StorageError: the disk has too little room for it.
        UsageError: no such model can be downloaded, or connections are forbidden.
    """
    from echotrace.providers.stt.model_download import download_model, plan_download

    return download_model(plan_download(model, offline=False), lambda _file, _bytes: None)


def check_installed() -> None:
    """Raise if faster-whisper itself is missing; it is not imported.

    Raises:
        MissingDependencyError: it is.
    """
    if find_spec("faster_whisper") is None:
        raise MissingDependencyError(
            "faster-whisper is not installed",
            hint='pip install "faster-whisper>=1.2.1,<2"',
            code="FASTER_WHISPER_MISSING",
        )


def _missing(folder: Path) -> list[str]:
    problems = [f"{name} is missing" for name in NEEDED_FILES if _size(folder / name) is None]
    if all(_size(folder / name) is None for name in VOCABULARIES):
        problems.append(f"{' or '.join(VOCABULARIES)} is missing")
    return problems


def _size(path: Path) -> int | None:
    """Return how large a file is; None where there is none, or none that may be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _incomplete(
    what: str, problems: list[str], *, model: str | None = None
) -> MissingDependencyError:
    again = f"--stt faster-whisper:{model} --allow-download" if model else "copy the whole folder"
    return MissingDependencyError(
        f"{what} is incomplete",
        why="; ".join(problems),
        hint=again,
        code="MODEL_INCOMPLETE",
    )


def _no_folder(model: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"there is no model folder {printable(model)}",
        why=f"relative to {printable(str(Path.cwd()))}" if not model.startswith(("/", "~")) else "",
        hint="give the folder that holds model.bin, or a size: --stt faster-whisper:tiny",
        code="MODEL_FOLDER",
    )
