"""Which speech models are on this machine, how large, and whether they are whole.

A model of the Hugging Face cache is a folder of links (``snapshots/COMMIT``) into a folder of files
(``blobs``) that are named by their own hash: SHA-256 for large files, git's for small ones. So a
file can be checked without any network. Nothing is downloaded, changed or loaded here.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from echotrace.errors import MissingDependencyError, UsageError
from echotrace.printable import printable
from echotrace.providers.stt.whisper_models import (
    NEEDED_FILES,
    VOCABULARIES,
    cache_of_models,
    find_model,
    problems_of,
    repository_folder,
    repository_of,
    snapshot_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "NEEDED_FILES",
    "VOCABULARIES",
    "StoredModel",
    "cache_of_models",
    "checked_repository",
    "file_matches",
    "is_digest",
    "list_models",
    "model_folder",
    "repository_folder",
    "whisper_sizes",
]

_BUNDLED: Final = Path(__file__).parents[2] / "demo" / "models"
_ENGINE: Final = "faster-whisper"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_GIT: Final = re.compile(r"[0-9a-f]{40}")
_BLOCK: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """One model on this machine.

    ``name`` is what follows ``--stt``; ``source`` is bundled, cache or package. ``problems`` is
    empty when it is complete; ``left_over_bytes`` are what unfinished downloads left in the cache.
    """

    name: str
    source: str
    repository: str | None
    folder: Path
    bytes: int
    problems: tuple[str, ...] = ()
    left_over_bytes: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether it can be used."""
        return not self.problems


def list_models(*, verify: bool = False) -> tuple[StoredModel, ...]:
    """Return every model that is here; ``verify`` reads the files and checks their content too."""
    return (*_bundled(), *_sphinx(), *_cached(verify=verify))


def model_folder(name: str) -> Path:
    """Return the folder of a model that is here and complete.

    Args:
        name: a size, ``owner/name``, a folder, ``sphinx`` or a bundled model's name; the engine's
            name may stand before it (``faster-whisper:tiny``).

    Raises:
        MissingDependencyError: it is not on this machine, or not whole.
        UsageError: no model has this name.
    """
    bare = name.removeprefix(f"{_ENGINE}:")
    for model in (*_bundled(), *_sphinx()):
        if bare in (model.name, model.folder.name):
            return model.folder
    try:
        folder = find_model(bare)
    except MissingDependencyError as error:
        if error.code == "MODEL_INCOMPLETE" and not os.path.isdir(bare):  # noqa: PTH112 - any text
            error.hint = f"echotrace models download {printable(bare)}"
        raise
    if folder is None:
        raise MissingDependencyError(
            f"the model {printable(bare)} is not on this machine",
            why=_why_not_here(bare),
            hint=f"echotrace models download {printable(bare)}",
            code="MODEL_MISSING",
        )
    return folder


def _why_not_here(model: str) -> str:
    cache = cache_of_models()
    if os.path.isdir(repository_folder(repository_of(model))):  # noqa: PTH112 - never raises
        return f"nothing of it is finished in the cache {cache}"
    return f"the cache {cache} does not hold it"


def whisper_sizes() -> Mapping[str, str]:
    """Return the repository of every size that faster-whisper knows; empty without it."""
    if find_spec("faster_whisper") is None:
        return {}
    from faster_whisper.utils import _MODELS

    return {str(size): str(repository) for size, repository in _MODELS.items()}


def is_digest(text: object) -> bool:
    """Whether a hub's answer names a file or a revision as it must: nothing else is a path here."""
    return isinstance(text, str) and bool(_SHA256.fullmatch(text) or _GIT.fullmatch(text))


def file_matches(path: Path, name: str) -> bool | None:
    """Return whether a file's content is what its hash says, None where the hash is of no kind.

    Args:
        path: the file, read in blocks.
        name: its SHA-256, or git's SHA-1 of a file of this size and content.
    """
    if _SHA256.fullmatch(name):
        total = hashlib.sha256()
    elif _GIT.fullmatch(name):
        total = hashlib.sha1(usedforsecurity=False)
        total.update(b"blob %d\0" % path.stat().st_size)
    else:
        return None
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            total.update(block)
    return total.hexdigest() == name


def _bundled() -> Iterator[StoredModel]:
    for folder in sorted(_BUNDLED.glob("*/")) if _BUNDLED.is_dir() else ():
        yield StoredModel(
            name=f"{_ENGINE}:{folder}",
            source="bundled",
            repository=None,
            folder=folder,
            bytes=_size(folder),
            problems=tuple(problems_of(folder)),
        )


def _sphinx() -> Iterator[StoredModel]:
    spec = find_spec("pocketsphinx")
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "model"
    if folder.is_dir():
        yield StoredModel(
            name="sphinx", source="package", repository=None, folder=folder, bytes=_size(folder)
        )


def _cached(*, verify: bool) -> Iterator[StoredModel]:
    cache = cache_of_models()
    sizes: dict[str, str] = {}
    for size, repository in whisper_sizes().items():
        sizes.setdefault(repository, size)
    try:
        homes = sorted(path for path in cache.iterdir() if path.name.startswith("models--"))
    except OSError:
        return
    for home in homes:
        repository = home.name.removeprefix("models--").replace("--", "/", 1)
        snapshot = snapshot_of(home)
        files = {path.name for path in snapshot.iterdir()} if snapshot else set()
        if repository not in sizes and not ({"model.bin", *VOCABULARIES} & files):
            continue  # a model of another kind
        left_over = sum(map(_file_size, home.glob("blobs/*.incomplete")))
        problems = problems_of(snapshot) if snapshot else ["nothing of it is finished"]
        if left_over and problems:
            problems.append(f"a download of it is unfinished ({left_over:,} bytes are there)")
        if verify and snapshot:
            problems += _wrong(snapshot)
        yield StoredModel(
            name=f"{_ENGINE}:{sizes.get(repository, repository)}",
            source="cache",
            repository=repository,
            folder=snapshot or home,
            bytes=_size(snapshot) if snapshot else 0,
            problems=tuple(problems),
            left_over_bytes=left_over,
        )


def _wrong(snapshot: Path) -> Iterator[str]:
    """Say which files do not hold what their name in the cache promises."""
    for path in sorted(snapshot.iterdir()):
        target = path.resolve()
        if path.is_symlink() and target.is_file() and file_matches(target, target.name) is False:
            yield f"{path.name} is damaged: its content does not match its hash"


def _size(folder: Path) -> int:
    return sum(_file_size(Path(top) / name) for top, _, names in os.walk(folder) for name in names)


def _file_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def checked_repository(model: str) -> str:
    """Return the repository of a model that can be downloaded.

    Raises:
        UsageError: it is a folder, comes with this program, or no model has this name.
    """
    bare = model.removeprefix(f"{_ENGINE}:")
    bundled = {item.folder.name for item in _bundled()}
    if bare in bundled or bare == "sphinx" or bare.startswith("sphinx:"):
        raise UsageError(
            f"{printable(bare)} comes with EchoTrace",
            hint=f"echotrace models path {printable(bare)}",
            code="MODEL_BUNDLED",
        )
    if bare.startswith((".", "~", os.sep)) or bare.count("/") > 1:
        raise UsageError(
            f"{printable(bare)} is a folder, not a model's name",
            hint="echotrace models download tiny",
            code="UNKNOWN_MODEL",
        )
    return repository_of(bare)
