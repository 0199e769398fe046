"""Downloading a model into the Hugging Face cache: resumable, checked, refused if it will not fit.

The hub's own library says what a repository holds; the bytes are fetched here. Its newer versions
throw away an unfinished file, and none of them compares what came with the hash that the hub
promised. Unfinished files are kept under the name that its older versions use, and the cache is
laid out as it documents, so any version of it reads what is written here.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from echotrace.config.privacy import forbid_telemetry
from echotrace.errors import ProviderError, StorageError, UsageError
from echotrace.printable import printable, printable_line
from echotrace.providers.stt.model_store import (
    NEEDED_FILES,
    VOCABULARIES,
    checked_repository,
    file_matches,
    is_digest,
    repository_folder,
)
from echotrace.providers.stt.whisper_models import check_installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

__all__ = ["Download", "RemoteFile", "download_model", "plan_download"]

_OPTIONAL: Final = ("preprocessor_config.json",)
_NOT_AS_EXPECTED: Final = (KeyError, TypeError, ValueError, AttributeError, IndexError)
_MOST_BYTES: Final = 2**44
_SPARE_BYTES: Final = 32 * 2**20
_TIMEOUT_S: Final = 20.0
_PAUSES_S: Final = (0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file of a repository; ``digest`` is its SHA-256 or, for a small one, git's SHA-1."""

    name: str
    bytes: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """What has to be fetched for a model.

    ``present`` are the files that are here and right, ``repaired`` those that were here and wrong
    and are fetched again; ``partial_bytes`` of the files to fetch are here from an earlier attempt.
    """

    model: str
    repository: str
    commit: str
    folder: Path
    fetch: tuple[RemoteFile, ...]
    present: tuple[RemoteFile, ...]
    repaired: tuple[str, ...]
    partial_bytes: int

    @property
    def needed_bytes(self) -> int:
        """How many bytes are still to come."""
        return sum(file.bytes for file in self.fetch) - self.partial_bytes


def plan_download(model: str, *, offline: bool) -> Download:
    """Ask the hub what a model consists of, and look what of it is here already.

    Raises:
        MissingDependencyError: faster-whisper is not installed.
        UsageError: no such model can be downloaded, or connections are forbidden.
        ProviderError: the hub cannot be reached, or does not have it.
        StorageError: the disk has too little room for it.
    """
    check_installed()
    repository = checked_repository(model)
    forbid_telemetry()
    from huggingface_hub import constants

    if offline or constants.HF_HUB_OFFLINE:
        setting = "offline is set" if offline else "HF_HUB_OFFLINE is set"
        raise UsageError(
            f"the model {printable(model)} cannot be downloaded offline",
            why=f"{setting}, which forbids every connection",
            hint=f"echotrace models download {printable(model)} without it",
            code="OFFLINE",
        )
    commit, wanted = _ask(model, repository)
    home = repository_folder(repository)
    present, fetch, repaired = [], [], []
    for file in wanted:
        blob = home / "blobs" / file.digest
        if not blob.is_file():
            fetch.append(file)
        elif blob.stat().st_size == file.bytes and file_matches(blob, file.digest):
            present.append(file)
        else:
            fetch.append(file)
            repaired.append(file.name)
    planned = Download(
        model=model,
        repository=repository,
        commit=commit,
        folder=home / "snapshots" / commit,
        fetch=tuple(fetch),
        present=tuple(present),
        repaired=tuple(repaired),
        partial_bytes=sum(min(_size(_partial(home, file)), file.bytes) for file in fetch),
    )
    _check_disk(planned)
    return planned


def download_model(plan: Download, on_bytes: Callable[[str, int], None]) -> Path:
    """Fetch what a plan names and return the model's folder; what has come stays, whatever happens.

    Args:
        plan: from ``plan_download``.
        on_bytes: called with a file's name and how many of its bytes are here by now.

    Raises:
        ProviderError: the hub failed, or sent something else than it promised.
        StorageError: the cache cannot be written.
    """
    import httpx

    home = repository_folder(plan.repository)
    try:
        (home / "blobs").mkdir(parents=True, exist_ok=True)
        with httpx.Client(follow_redirects=True, timeout=_TIMEOUT_S) as client:
            for file in plan.fetch:
                with _locked(home, file):
                    _fetch(client, plan, home, file, on_bytes)
        _lay_out(plan, home)
    except OSError as error:
        raise _unusable(plan.model, home, error) from None
    return plan.folder


def _ask(model: str, repository: str) -> tuple[str, list[RemoteFile]]:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    try:
        info = HfApi().model_info(repository, files_metadata=True, timeout=_TIMEOUT_S)
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        gated = isinstance(error, GatedRepoError) or status == 403
        if not gated and not isinstance(error, RepositoryNotFoundError) and status != 401:
            raise _failed(model, repository, f"the hub answered {status}") from None
        raise ProviderError(
            f"the hub does not give out {printable(repository)}",
            why="its owner grants access by request"
            if gated
            else "it has no such model, or it is private",
            hint="check the name; a private model needs HF_TOKEN",
            code="MODEL_NOT_FOUND",
        ) from None
    except Exception as error:
        if hasattr(error, "exit_code"):  # a signal that the command line turned into its end
            raise
        if isinstance(error, OSError) and error.filename is not None:
            raise _unusable(model, Path(os.fsdecode(error.filename)).parent, error) from None
        if isinstance(error, HFValidationError) or not isinstance(error, _NOT_AS_EXPECTED):
            raise _failed(model, repository, _first_line(error)) from None
        raise _no_hub(model, repository) from None
    try:
        return _listed(info, repository)
    except _NOT_AS_EXPECTED:
        raise _no_hub(model, repository) from None


def _listed(info: Any, repository: str) -> tuple[str, list[RemoteFile]]:
    """Read what the hub says of a repository: its revision, and the files that are wanted."""
    names = (*NEEDED_FILES, *VOCABULARIES, *_OPTIONAL)
    wanted = [
        file for item in info.siblings or () if item.rfilename in names and (file := _remote(item))
    ]
    there = {file.name for file in wanted}
    lacking = [name for name in ("config.json", "model.bin") if name not in there]
    if lacking or not info.sha:
        raise UsageError(
            f"{printable(repository)} is no faster-whisper model",
            why=f"the hub lists no {' and no '.join(lacking) or 'revision'} in it",
            hint="echotrace models download tiny",
            code="UNKNOWN_MODEL",
        )
    if not is_digest(info.sha):
        raise ValueError("the revision is no hash")
    return info.sha, sorted(wanted, key=lambda file: file.bytes)


def _remote(item: Any) -> RemoteFile | None:
    lfs = item.lfs
    digest = (lfs.sha256 if lfs else None) or item.blob_id
    if not digest or item.size is None:
        return None
    if not is_digest(digest) or not 0 <= item.size < _MOST_BYTES:
        raise ValueError("a file has no hash or no size")
    return RemoteFile(name=item.rfilename, bytes=int(item.size), digest=digest)


def _check_disk(plan: Download) -> None:
    """Refuse what would fail in the middle.

    Raises:
        StorageError: there is too little room, with both figures.
    """
    place = plan.folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        return
    wrong = sum(_size(plan.folder.parents[1] / "blobs" / f.digest) for f in plan.fetch)
    needed = plan.needed_bytes + (_SPARE_BYTES if plan.fetch else 0)
    if plan.fetch and needed > free + wrong:
        raise StorageError(
            f"the disk is too full for the model {printable(plan.model)}",
            why=f"{needed:,} bytes are needed in {place}, {free:,} are free",
            hint="free some space, or set HF_HUB_CACHE to a folder on another disk",
            code="DISK_FULL",
        )


@contextmanager
def _locked(home: Path, file: RemoteFile) -> Iterator[None]:
    """Keep other downloads of the same file waiting, by the hub's own lock."""
    from huggingface_hub.utils import WeakFileLock

    folder = home.parent / ".locks" / home.name
    folder.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(folder / f"{file.digest}.lock"):
        yield


def _fetch(
    client: httpx.Client,
    plan: Download,
    home: Path,
    file: RemoteFile,
    on_bytes: Callable[[str, int], None],
) -> None:
    """Fetch one file, going on where it broke off, until it is whole or no more bytes come."""
    import httpx

    blob, partial = home / "blobs" / file.digest, _partial(home, file)
    if file.name not in plan.repaired and blob.is_file():
        return  # another process was faster
    if _size(partial) > file.bytes:
        partial.unlink()
    failures, before = 0, _size(partial)
    while before < file.bytes or not partial.exists():
        reason = ""
        try:
            _receive(client, plan, file, partial, on_bytes)
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            reason = f"the hub answered {status} for {file.name}"
            if status < 500 and status not in (408, 429):
                raise _failed(plan.model, plan.repository, reason) from None
        except httpx.HTTPError as error:
            reason = f"{file.name}: {_first_line(error)}"
        now = _size(partial)
        if now >= file.bytes and not reason:
            break
        failures = 0 if now > before else failures + 1
        if failures == len(_PAUSES_S):
            raise _failed(plan.model, plan.repository, reason or f"{file.name} broke off early")
        time.sleep(_PAUSES_S[failures])
        before = now
    if _size(partial) != file.bytes or not file_matches(partial, file.digest):
        got = _size(partial)
        partial.unlink()
        raise ProviderError(
            f"{file.name} of {printable(plan.repository)} did not come as the hub promised it",
            why=f"{got:,} of {file.bytes:,} bytes came"
            if got != file.bytes
            else f"its content does not match its hash {file.digest[:12]}...",
            hint="try again; if it stays so, a proxy or mirror in between changes files",
            code="MODEL_CORRUPT",
        )
    partial.replace(blob)


def _receive(
    client: httpx.Client,
    plan: Download,
    file: RemoteFile,
    partial: Path,
    on_bytes: Callable[[str, int], None],
) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    have = _size(partial)
    url = hf_hub_url(plan.repository, file.name, revision=plan.commit)
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == 416:
            partial.unlink(missing_ok=True)
            return
        response.raise_for_status()
        goes_on = response.status_code == 206 and _starts_at(response, have)
        with partial.open("ab" if goes_on else "wb", buffering=0) as target:
            have = have if goes_on else 0
            on_bytes(file.name, have)
            for chunk in response.iter_raw():
                target.write(chunk)
                have += len(chunk)
                on_bytes(file.name, have)
                if have > file.bytes:
                    return


def _starts_at(response: httpx.Response, place: int) -> bool:
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {place}-")


def _lay_out(plan: Download, home: Path) -> None:
    """Link the snapshot's names to the files, and write which revision is the newest."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    for file in (*plan.present, *plan.fetch):
        name, blob = plan.folder / file.name, home / "blobs" / file.digest
        if name.is_file() and name.samefile(blob):
            continue
        name.unlink(missing_ok=True)
        try:
            name.symlink_to(os.path.relpath(blob, plan.folder))
        except OSError:  # a file system without links
            shutil.copyfile(blob, name)
    (home / "refs").mkdir(exist_ok=True)
    (home / "refs" / "main").write_text(plan.commit, "utf-8")


def _partial(home: Path, file: RemoteFile) -> Path:
    return home / "blobs" / f"{file.digest}.incomplete"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _failed(model: str, repository: str, reason: str) -> ProviderError:
    return ProviderError(
        f"the model {printable(model)} could not be downloaded from {printable(repository)}",
        why=printable_line(reason),
        hint="check the network and try again: what has come already is kept",
        code="MODEL_DOWNLOAD",
    )


def _no_hub(model: str, repository: str) -> ProviderError:
    """Say that what answered is no hub, without what it sent."""
    from huggingface_hub import constants

    endpoint = printable_line(constants.ENDPOINT.rpartition("@")[2])
    return ProviderError(
        f"the model {printable(model)} could not be downloaded from {printable(repository)}",
        why=f"{endpoint} answered something else than a hub does",
        hint="check HF_ENDPOINT, and for a proxy that asks for a login",
        code="MODEL_DOWNLOAD",
    )


def _unusable(model: str, folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"the model {printable(model)} cannot be written to {printable(str(folder))}",
        why=error.strerror or str(error),
        hint="check the folder's permissions and free space, or set HF_HOME or HF_HUB_CACHE "
        "to another",
        code="MODEL_STORAGE",
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
