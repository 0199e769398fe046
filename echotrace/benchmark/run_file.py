"""The run file: a line for the header and one for each item, each there whole or not at all.

A line is one write at the end of the file and is on the disk before the next item is begun, so a
kill at any moment costs at most the items in work. One run at a time holds the file.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from echotrace.benchmark.run_lock import lock, locked
from echotrace.errors import InputError, SchemaError, StorageError, UsageError
from echotrace.files import read_regular, write_text
from echotrace.model.benchmark import RUN_SCHEMA, RunHeader, RunItem
from echotrace.model.run_codec import (
    header_line,
    item_line,
    loads_run,
    read_header,
    read_item,
)
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from typing_extensions import Self

__all__ = ["RunFile", "StoredRun", "check_unused", "read_run"]

_MAX_BYTES: Final = 2**30
_BEGIN: Final = f'{{"schema":"{RUN_SCHEMA}"'.encode()
_LINES: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"schema"\s*:\s*"echotrace\.run/')
"""How a run file begins, also a newer one, and one that another program has written again."""
Key = tuple[str, str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run as it was read: one item for each key, the last that was written.

    ``torn`` says that the last line was cut off; it is left out. ``sound_bytes`` is how much of the
    file holds whole lines.
    """

    header: RunHeader
    items: tuple[RunItem, ...]
    torn: bool = False
    sound_bytes: int = 0


def read_run(path: Path) -> StoredRun:
    """Read a run file, or the JSON document of a run.

    Raises:
        InputError: it cannot be read, is no run, is damaged, or was written by a newer version.
    """
    data = _bytes_of(path)
    try:
        stored = _read_lines(data) if _is_lines(data) else _read_document(data)
    except SchemaError as error:
        raise _about(path, error) from None
    if stored is None:
        raise InputError(
            f"{printable(path)} holds no run",
            why="it is empty" if not data else "its first line was cut off",
            hint="run the benchmark again with --resume",
            code="NOT_A_RUN",
        )
    return stored


def _bytes_of(path: Path) -> bytes:
    try:
        data = read_regular(path, limit=_MAX_BYTES)
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(
            f"{printable(path)} cannot be read",
            why=why,
            hint="check the path",
            code="RUN_UNREADABLE",
        ) from None
    if len(data) > _MAX_BYTES:
        raise InputError(f"{printable(path)} is larger than 1 GiB", code="RUN_TOO_LARGE")
    return data


def _about(path: Path, error: SchemaError) -> SchemaError:
    return SchemaError(
        f"{printable(path)}: {error.what}", why=error.why, hint=error.hint, code=error.code
    )


def _is_lines(data: bytes) -> bool:
    """Tell lines from a document, also where a part of the first line is all there is."""
    return _LINES.match(data) is not None or _BEGIN.startswith(data)


def _read_document(data: bytes) -> StoredRun:
    run = loads_run(data)
    return StoredRun(header=run.header, items=run.items)


def _read_lines(data: bytes) -> StoredRun | None:
    """Read whole lines; None where there is not even one.

    Raises:
        SchemaError: a line that is not the last one is damaged; its number is told.
    """
    whole = data[: data.rfind(b"\n") + 1]
    lines = whole.splitlines(keepends=True)
    if not lines:
        return None
    header = read_header(lines[0])
    items: dict[Key, RunItem] = {}
    sound = len(lines[0])
    for number, line in enumerate(lines[1:], 2):
        try:
            item = read_item(line)
        except SchemaError as error:
            if number == len(lines):
                break
            raise SchemaError(
                f"line {number} is damaged ({error.what})",
                why=error.why,
                hint="run the benchmark again with --force",
                code="RUN_DAMAGED",
            ) from None
        items.pop(item.key, None)
        items[item.key] = item
        sound += len(line)
    return StoredRun(
        header=header, items=tuple(items.values()), torn=sound < len(data), sound_bytes=sound
    )


def check_unused(path: Path, *, resume: bool, force: bool) -> None:
    """Refuse before any work a file that stands where the run is to be written.

    Raises:
        UsageError: it exists and is neither to be gone on with nor to be replaced.
        StorageError: its folder is missing.
    """
    try:
        exists = path.exists() or path.is_symlink()
        is_folder, in_folder = path.is_dir(), path.parent.is_dir()
        is_file = path.is_file()
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None
    if is_folder or (exists and not is_file):
        raise UsageError(
            f"{printable(path)} is no regular file", hint="name a file, such as run.jsonl"
        )
    if not in_folder:
        raise StorageError(
            f"{printable(path)} cannot be written",
            why=f"there is no folder {printable(path.parent)}",
            hint=f"mkdir -p {printable(path.parent)}",
        )
    if exists and not (resume or force):
        raise UsageError(
            f"{printable(path)} exists already",
            hint="--resume goes on with it, --force begins it anew",
            code="OUTPUT_EXISTS",
        )


class RunFile:
    """The file of a run that is on; no other run can hold it meanwhile.

    ``items`` are those that a resumed file has with a result already.
    """

    def __init__(self, path: Path, descriptor: int, header: RunHeader) -> None:
        self.path = path
        self.header = header
        self.items: dict[Key, RunItem] = {}
        self._descriptor = descriptor

    @classmethod
    def create(cls, path: Path, header: RunHeader, *, force: bool = False) -> Self:
        """Begin a file with its header.

        Raises:
            UsageError: there is a file already, and ``force`` is off.
            StorageError: it cannot be written, or another run holds it.
        """
        new = path.with_name(f".{path.name[:80]}.{token_hex(4)}.new")
        descriptor = -1
        try:
            if force and (old := locked(path)) is not None:
                os.close(old)
            descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, 0o666)
            lock(descriptor, path)
            _append(descriptor, header_line(header).encode("utf-8"))
            _put_in_place(new, path, force=force)
        except BaseException as error:
            with suppress(OSError):
                new.unlink()
            if descriptor >= 0:
                os.close(descriptor)
            if isinstance(error, FileExistsError):
                check_unused(path, resume=False, force=False)
            if isinstance(error, OSError):
                raise _unwritable(path, error) from None
            raise
        return cls(path, descriptor, header)

    @classmethod
    def resume(cls, path: Path, header: RunHeader) -> Self:
        """Go on with a file of the same plan; a file that is empty or not there is begun.

        Items that failed are left to be tried again.

        Raises:
            InputError: the file is no run, or is damaged.
            UsageError: it belongs to another plan.
            StorageError: it cannot be written, or another run holds it.
        """
        try:
            descriptor = locked(path)
        except OSError as error:
            raise _unwritable(path, error) from None
        if descriptor is None:
            return cls.create(path, header)
        try:
            data = _bytes_of(path)
            if not _is_lines(data):
                raise SchemaError(
                    f"{printable(path)} is no run file",
                    why="its first line is no header of a run",
                    hint="name the file that the interrupted run wrote with --output",
                    code="NOT_A_RUN",
                )
            try:
                stored = _read_lines(data)
            except SchemaError as error:
                raise _about(path, error) from None
            if stored is None:
                os.close(descriptor)
                descriptor = -1
                return cls.create(path, header, force=True)
            _same_plan(path, stored.header, header)
            if stored.torn:
                os.ftruncate(descriptor, stored.sound_bytes)
        except BaseException as error:
            if descriptor >= 0:
                os.close(descriptor)
            if isinstance(error, OSError):
                raise _unwritable(path, error) from None
            raise
        file = cls(path, descriptor, stored.header)
        file.items = {item.key: item for item in stored.items if item.status == "ok"}
        return file

    def append(self, item: RunItem) -> None:
        """Add one line; it is on the disk when this returns.

        Raises:
            StorageError: the disk is full, or the file is gone; nothing of the line is left in it.
        """
        try:
            _append(self._descriptor, item_line(item).encode("utf-8"))
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self.items[item.key] = item

    def finish(self, header: RunHeader, items: Sequence[RunItem]) -> None:
        """Write the file anew with one line for each item, in the order that is given.

        Raises:
            StorageError: it cannot be written; the lines that were added stay as they are.
        """
        write_text(self.path, header_line(header) + "".join(item_line(item) for item in items))

    def close(self) -> None:
        """Let the file go; may be called twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _append(descriptor: int, line: bytes) -> None:
    """Write a line whole, or take back what of it was written."""
    size = os.fstat(descriptor).st_size
    try:
        written = os.write(descriptor, line)
        while written < len(line):  # a full disk takes a part, and says so at the next write
            written += os.write(descriptor, line[written:])
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _put_in_place(new: Path, path: Path, *, force: bool) -> None:
    """Give the new file its name; one that is there already is replaced only by ``force``."""
    if force:
        new.replace(path)
        return
    try:
        os.link(new, path)  # unlike a rename it never replaces a file
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError(path) from None
        new.replace(path)
        return
    new.unlink()


def _same_plan(path: Path, then: RunHeader, now: RunHeader) -> None:
    if then.plan_sha256 == now.plan_sha256:
        return
    raise UsageError(
        f"{printable(path)} belongs to another run",
        why=_difference(then, now),
        hint="name the same clips, engines and settings, or begin anew with --force",
        code="OTHER_RUN",
    )


def _difference(then: RunHeader, now: RunHeader) -> str:
    """Say in words what differs between two plans."""
    told = []
    if then.tool.version != now.tool.version:
        told.append(f"it was written by version {then.tool.version}, this is {now.tool.version}")
    names = [", ".join(engine.name for engine in one.engines) or "none" for one in (then, now)]
    if names[0] != names[1]:
        told.append(f"its engines are {names[0]}; now {names[1]}")
    elif [one.identity for one in then.engines] != [one.identity for one in now.engines]:
        told.append("an engine, its model or its options changed")
    if then.repeat != now.repeat:
        told.append(f"it repeats {then.repeat} times; now {now.repeat}")
    for key in sorted({*then.settings, *now.settings} - {"jobs"}):
        old, new = then.settings.get(key), now.settings.get(key)
        if old != new:
            told.append(f"its {key} is {old}; now {new}")
    if then.clips != now.clips:
        told.append(f"it has {then.clips} clips; now {now.clips}")
    elif not told:
        told.append("clips, what they hold or their references changed")
    return printable("; ".join(told))


def _unwritable(path: Path, error: OSError | ValueError) -> StorageError:
    why = getattr(error, "strerror", None) or str(error)
    return StorageError(
        f"{printable(path)} cannot be written",
        why=why,
        hint="make room or check the folder, then run again with --resume",
    )
