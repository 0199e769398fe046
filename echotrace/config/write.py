"""Writing the user's ``config.toml`` and ``secrets.toml``: whole or not at all.

Comments, order and every key that is not changed stay as they are, because a file belongs to its
owner. Several files are first written out beside their targets and only then renamed, so that a
full disk leaves all of them as they were.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echotrace.config.describe import setting_keys
from echotrace.config.files import NotRegularError, parse, read_regular
from echotrace.config.toml_lines import key_lines
from echotrace.config.values import BadValue, from_toml
from echotrace.errors import ConfigError, StorageError
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from echotrace.config.secrets import Secret

__all__ = [
    "FileChange",
    "change_secrets",
    "change_settings",
    "check_writable",
    "commit",
    "edited",
    "read_bytes",
]

_KeyPath = tuple[str, ...]

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_BOM = b"\xef\xbb\xbf"
_PAIR = re.compile(
    r"""(?P<key>[ \t]*[^=#\n]+?[ \t]*=[ \t]*)"""
    r"""(?P<value>"(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*'|[^\s"'\[{#,]+)(?P<rest>[ \t]*(?:\#.*)?)"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file as it was read (None when there was none) and as it will be.

    ``private`` files get mode 0600 and a folder of mode 0700 whatever was there; others keep their
    mode. The bytes stay out of ``repr``, which must show no secret.
    """

    path: Path
    before: bytes | None
    after: bytes
    private: bool = False

    def __repr__(self) -> str:
        return f"FileChange({str(self.path)!r}, private={self.private})"

    @property
    def changes(self) -> bool:
        """Whether anything would be written."""
        return self.before != self.after and not (self.before is None and not self.after)


def change_settings(path: Path, before: bytes | None, values: Mapping[_KeyPath, Any]) -> FileChange:
    """Return the change of a settings file; None removes a key.

    Raises:
        ConfigError: the file is not TOML, no setting has this name (so that no secret can get
            here), or a value does not fit it.
    """
    for key_path, value in values.items():
        key = setting_keys().get(key_path)
        name = ".".join(key_path)
        if key is None:
            raise ConfigError(f"{name} is no setting", code="UNKNOWN_KEY")
        if value is None:
            continue
        try:
            from_toml(key, value)
        except BadValue as error:
            raise ConfigError(f"{name} {error}", code="BAD_VALUE") from None
    return FileChange(path=path, before=before, after=edited(before, values, path=path))


def change_secrets(path: Path, keys: Sequence[Secret]) -> FileChange:
    """Return the change that stores ``keys``; a key of the same name in any case is replaced.

    Raises:
        ConfigError: the file can be read by others, belongs to somebody else, or is not TOML.
        StorageError: it cannot be read.
    """
    from echotrace.config.secrets import get_secret

    for key in keys:
        get_secret(key.name, {}, path)  # refuses a file that is exposed, before it is read here
    before = read_bytes(path)
    table = _table(before or b"", path, private=True)
    names = {name.upper(): name for name in reversed(list(table))}
    values: dict[_KeyPath, Any] = {
        (names.get(key.name.upper(), key.name),): key.reveal() for key in keys
    }
    after = edited(before, values, path=path, private=True)
    return FileChange(path=path, before=before, after=after, private=True)


def read_bytes(path: Path) -> bytes | None:
    """Return what a file holds, None when there is none.

    Raises:
        StorageError: it is there and cannot be read.
    """
    try:
        return read_regular(path)[0]
    except NotRegularError:
        reason = "it is a folder, a pipe or a device, not a regular file"
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "unknown"
    raise StorageError(f"{_shown(path)} cannot be read", why=reason, code="CONFIG_UNREADABLE")


def edited(
    before: bytes | None, values: Mapping[_KeyPath, Any], *, path: Path, private: bool = False
) -> bytes:
    """Return the document with these values set, and those that are None removed.

    Only the lines of these keys change. Where that cannot be done (a key inside an inline table),
    the document is written anew from its values, which costs its comments.

    Raises:
        ConfigError: the document is not TOML.
    """
    data = before or b""
    wanted = _applied(_table(data, path, private=private), values)
    mark = _BOM if data.startswith(_BOM) else b""
    text = data.decode("utf-8-sig")
    for key_path, value in values.items():
        text = _set_line(text, key_path, value)
    after = mark + text.encode()
    try:
        if _table(after, path, private=True) == wanted:
            return after
    except ConfigError:
        pass
    import tomli_w

    return mark + tomli_w.dumps(wanted).encode()


def _table(data: bytes, path: Path, *, private: bool) -> dict[str, Any]:
    return dict(parse(data, path=path, label=_shown(path), private=private).table)


def _applied(table: dict[str, Any], values: Mapping[_KeyPath, Any]) -> dict[str, Any]:
    result = deepcopy(table)
    for key_path, value in values.items():
        below = result
        for part in key_path[:-1]:
            if part not in below and value is None:
                break
            below = below.setdefault(part, {})
        else:
            if value is None:
                below.pop(key_path[-1], None)
            else:
                below[key_path[-1]] = value
    return result


def _set_line(text: str, key_path: _KeyPath, value: Any) -> str:
    """Change, add or remove one line; the caller checks that the result means what it should."""
    newline = "\r\n" if "\r\n" in text else "\n"
    rows = text.split("\n")  # TOML knows no other line break
    where = key_lines(text)
    line = where.get(key_path)
    if line is not None:
        row = rows[line - 1]
        found = _PAIR.fullmatch(row.rstrip("\r"))
        if found is None:
            return text
        if value is None:
            del rows[line - 1]
        else:
            end = row[len(row.rstrip("\r")) :]
            rows[line - 1] = found["key"] + _rendered(value) + found["rest"] + end
        return "\n".join(rows)
    if value is None:
        return text
    pair = f"{_bare(key_path[-1])} = {_rendered(value)}"
    if len(key_path) == 1:
        rows.insert(_top(rows, where), pair + newline[:-1])
        return "\n".join(rows)
    header = where.get(key_path[:-1])
    if header is not None:
        within = _plain_lines(rows, where, key_path[:-1])
        if not rows[header - 1].lstrip().startswith("["):  # llm.provider = "groq" in one line
            pair = ".".join(map(_bare, key_path[:-1])) + "." + pair
        rows.insert(max([header, *within]), pair + newline[:-1])
        return "\n".join(rows)
    body = text.rstrip("\r\n")
    gap = newline * 2 if body else ""
    return f"{body}{gap}[{'.'.join(map(_bare, key_path[:-1]))}]{newline}{pair}{newline}"


def _top(rows: list[str], where: Mapping[_KeyPath, int]) -> int:
    """Return the index of the row at which a key outside every table may be inserted."""
    plain = _plain_lines(rows, where, ())
    if plain:
        return max(plain)
    heading = 0
    while heading < len(rows) and rows[heading].startswith("#"):
        heading += 1
    return heading if heading < len(rows) and not rows[heading].strip() else 0


def _plain_lines(rows: list[str], where: Mapping[_KeyPath, int], table: _KeyPath) -> list[int]:
    """Return the lines of a table's keys whose whole value stands on the line."""
    return [
        line
        for key_path, line in where.items()
        if key_path[:-1] == table and _PAIR.fullmatch(rows[line - 1].rstrip("\r"))
    ]


def _rendered(value: Any) -> str:
    import tomli_w

    return tomli_w.dumps({"x": value}).partition(" = ")[2].rstrip("\n")


def _bare(name: str) -> str:
    import tomli_w

    return tomli_w.dumps({name: 0}).rpartition(" = ")[0]


def check_writable(folder: Path) -> None:
    """Find out before any question whether ``folder`` could be written; nothing is created.

    Raises:
        StorageError: it, or the nearest folder above it that exists, cannot be written to.
    """
    nearest = folder
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    effective = os.access in os.supports_effective_ids
    reason = ""
    try:
        if not nearest.is_dir():
            reason = f"{_shown(nearest)} is not a folder"
        elif not os.access(nearest, os.W_OK | os.X_OK, effective_ids=effective):
            reason = f"{_shown(nearest)} is not writable"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
    if reason:
        raise _unwritable(folder, reason)


def commit(changes: Sequence[FileChange]) -> tuple[Path, ...]:
    """Write the files that change and return their paths; the others are not touched.

    Raises:
        StorageError: a file or folder cannot be written, or a file is no longer what was read.
    """
    due = [change for change in changes if change.changes]
    staged: list[tuple[Path, Path]] = []
    try:
        for change in due:
            if read_bytes(change.path) != change.before:
                raise StorageError(
                    f"{_shown(change.path)} was changed by someone else meanwhile",
                    why="writing now would undo that",
                    hint="echotrace setup",
                    code="CONFIG_CHANGED",
                )
            try:
                staged.append(_stage(change))
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise _unwritable(change.path, reason) from None
        for temporary, target in staged:
            _rename(temporary, target)
    finally:
        for temporary, _ in staged:
            with suppress(OSError):
                temporary.unlink()
    return tuple(change.path for change in due)


def _rename(temporary: Path, target: Path) -> None:
    try:
        temporary.replace(target)
    except OSError as error:
        raise _unwritable(target, error.strerror or str(error)) from None


def _stage(change: FileChange) -> tuple[Path, Path]:
    """Write the new content beside its target, which a symbolic link may have moved elsewhere."""
    folder = change.path.parent
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    target = change.path.resolve() if change.path.is_symlink() else change.path
    if change.private and folder.stat().st_mode & 0o077:
        folder.chmod(PRIVATE_FOLDER)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(change.after)
            stream.flush()
            os.fsync(stream.fileno())
        if not change.private and change.before is not None:
            temporary.chmod(target.stat().st_mode & 0o777)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    return temporary, target


def _unwritable(path: Path, reason: str) -> StorageError:
    return StorageError(
        f"{_shown(path)} cannot be written",
        why=reason,
        hint="make the folder writable, or set XDG_CONFIG_HOME to one that is",
        code="CONFIG_UNWRITABLE",
    )


def _shown(path: Path) -> str:
    return printable(str(path))
