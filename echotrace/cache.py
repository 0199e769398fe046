"""A small store for what can be computed again: keys to bytes, in one SQLite file of the user's.

It must never cost a run its result and never give back a wrong byte. So every value lies beside a
checksum of its key and itself, a file that is damaged is put aside and begun anew, and whatever
else is in the way (no home, a full disk, a read-only folder) makes the cache miss and tells why.

SQLite's rollback journal with full synchronisation is used, not its write-ahead log: that one needs
memory which the processes share, so it cannot work on a network folder. Where a network folder's
locks do not work either, the checksums still keep a wrong value from being given back.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import closing, suppress
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

from echotrace.config.paths import Folder, cache_folder, exists, make_folder

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from echotrace.config.settings import CacheSettings

__all__ = ["CACHE_FILE", "Cache", "open_cache"]

CACHE_FILE: Final = "transcripts-1.sqlite3"
"""The number is the layout's: two versions of the program never fight over one file."""

_APPLICATION_ID: Final = 0x4563_6854  # "EchT"
_VERSION: Final = 1
_READ_WAIT_S: Final = 5.0
_WRITE_WAIT_S: Final = 10.0
"""How long other processes may hold the file.

Making a transcript anew takes seconds, and a slow disk holds the file for a tenth of one per write:
SQLite asks again ten times a second and keeps no queue, so a short wait would lose to busy peers.
"""
_PAGE_BYTES: Final = 4096
_SPARE_PAGES: Final = 8  # what one new entry takes beside its value: leaves, indexes, their splits
_JOURNALS: Final = ("-journal", "-wal", "-shm")

T = TypeVar("T")


class _Broken(Exception):  # noqa: N818 - it never leaves this module
    """The file is damaged, or is none of ours."""


class Cache:
    """Keys to bytes; any thread may call its methods, and none raises because of the disk.

    Each call opens the file for itself, so nothing is held open in between: a process may be killed
    or forked at any moment, and the file may be deleted under a running program.

    Args:
        path: the file; it and its folder are made by the first ``put``.
        max_bytes: the size that the file is kept below, by dropping what was used longest ago.
        on_trouble: called with a sentence whenever something could not be read or kept.
    """

    def __init__(
        self, path: Path, *, max_bytes: int, on_trouble: Callable[[str], None] | None = None
    ) -> None:
        self.path = path
        self._max_pages = max_bytes // _PAGE_BYTES
        self._on_trouble = on_trouble
        self._lock = Lock()

    def get(self, key: str) -> bytes | None:
        """Return the value that was put under a key, or None; a wrong value is deleted."""
        if not exists(self.path):
            return None
        return self._guarded(lambda file: _get(file, _encoded(key)), create=False)

    def put(self, key: str, value: bytes) -> None:
        """Keep a value, in place of an older one; one that is larger than the cap is not kept."""
        made = make_folder(Folder(self.path.parent))
        if made.path is None:
            self._tell(made.reason)
            return
        self._guarded(lambda file: _put(file, _encoded(key), value, self._max_pages), create=True)

    def close(self) -> None:
        """Nothing is held open between calls; this is here for a store that does."""

    def _guarded(self, work: Callable[[sqlite3.Connection], T], *, create: bool) -> T | None:
        """Do one piece of work; begin the file anew, once, when it turns out to be damaged."""
        try:
            import sqlite3
        except ImportError as error:  # a Python that was built without it
            self._tell(f"the cache cannot be used: {error}")
            return None
        with self._lock:
            for attempt in range(2):
                try:
                    return self._connected(work, create=create)
                except _Broken as error:
                    reason = str(error)
                except sqlite3.Error as error:
                    if not _is_damage(error):
                        self._tell(f"the cache {self.path} cannot be used: {error}")
                        return None
                    reason = str(error)
                except (OSError, ValueError) as error:
                    why = getattr(error, "strerror", None) or str(error)
                    self._tell(f"the cache {self.path} cannot be used: {why}")
                    return None
                self._put_aside(reason)
                if attempt or not create:
                    return None
        return None

    def _connected(self, work: Callable[[sqlite3.Connection], T], *, create: bool) -> T | None:
        import sqlite3

        if not _prepare(self.path, create=create):
            return None
        with closing(
            sqlite3.connect(
                self.path,
                timeout=_WRITE_WAIT_S if create else _READ_WAIT_S,
                isolation_level=None,
                check_same_thread=False,
            )
        ) as file:
            file.execute("PRAGMA synchronous=FULL")
            file.execute("PRAGMA trusted_schema=OFF")
            if not _is_ours(file):
                if not create:
                    return None
                _lay_out(file)
            return work(file)

    def _put_aside(self, reason: str) -> None:
        """Move the damaged file away with its journal, which belongs to no other file.

        A journal left behind would be played back into the new file.
        """
        aside = _free_name(self.path)
        try:
            self.path.replace(aside)
        except OSError as error:
            self._tell(f"the damaged cache {self.path} cannot be moved: {error.strerror}")
            return
        for suffix in _JOURNALS:
            with suppress(OSError):
                self.path.with_name(self.path.name + suffix).unlink()
        self._tell(f"the cache was damaged ({reason}) and is begun anew; the old one is {aside}")

    def _tell(self, trouble: str) -> None:
        if self._on_trouble is not None:
            self._on_trouble(trouble)


def open_cache(
    settings: CacheSettings,
    environ: Mapping[str, str] | None = None,
    *,
    on_trouble: Callable[[str], None] | None = None,
) -> Cache | None:
    """Return the user's cache, or None when it is switched off or there is no place for it.

    Nothing is created or read here. ``on_trouble`` hears why there is none, now or later.
    """
    if not settings.enabled:
        return None
    folder = cache_folder(environ)
    if folder.path is None:
        if on_trouble is not None:
            on_trouble(folder.reason)
        return None
    return Cache(
        folder.path / CACHE_FILE, max_bytes=settings.max_mib * 2**20, on_trouble=on_trouble
    )


def _encoded(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def _checksum(key: bytes, value: bytes) -> bytes:
    """The key is in it: a damaged index must not give one key's value to another."""
    return hashlib.sha256(len(key).to_bytes(8, "big") + key + value).digest()


def _prepare(path: Path, *, create: bool) -> bool:
    """Make the empty file for its owner alone; return whether there is a file to open.

    Raises:
        _Broken: something else than a file has this name.
    """
    if create:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if create:  # a link that leads nowhere
            raise _Broken("its name is a link that leads nowhere") from None
        return False
    if not stat.S_ISREG(mode):
        raise _Broken("its name is taken by something that is no file")
    return True


def _is_ours(file: sqlite3.Connection) -> bool:
    """Return whether the file is laid out, or False for one that is still empty.

    Raises:
        _Broken: it is somebody else's, or of another layout.
    """
    found = (_number(file, "application_id"), _number(file, "user_version"))
    if found == (_APPLICATION_ID, _VERSION):
        return True
    if found == (0, 0) and not file.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
        return False
    raise _Broken(f"it is of another kind: {found[0]:#x} version {found[1]}")


def _lay_out(file: sqlite3.Connection) -> None:
    file.execute(f"PRAGMA page_size={_PAGE_BYTES}")
    file.execute("PRAGMA auto_vacuum=INCREMENTAL")
    file.execute("BEGIN IMMEDIATE")
    if _is_ours(file):  # another process was faster
        file.execute("ROLLBACK")
        return
    file.execute(f"PRAGMA application_id={_APPLICATION_ID}")
    file.execute(f"PRAGMA user_version={_VERSION}")
    file.execute(
        "CREATE TABLE entries (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,"
        " used INTEGER NOT NULL, checksum BLOB NOT NULL, value BLOB NOT NULL)"
    )
    file.execute("CREATE INDEX by_use ON entries (used)")
    file.execute("COMMIT")


def _get(file: sqlite3.Connection, key: bytes) -> bytes | None:
    row = file.execute(
        "SELECT id, checksum, value, used = (SELECT MAX(used) FROM entries)"
        " FROM entries WHERE key = ?",
        (key,),
    ).fetchone()
    if row is None:
        return None
    entry, checksum, value, is_newest = row
    if isinstance(value, bytes) and checksum == _checksum(key, value):
        if not is_newest:
            _try_to(file, "UPDATE entries SET used = (SELECT MAX(used) + 1 FROM entries)", entry)
        return value
    _try_to(file, "DELETE FROM entries", entry)
    return None


def _try_to(file: sqlite3.Connection, statement: str, entry: int) -> None:
    """Change one entry if that can be done at once: it is worth neither a wait nor an error."""
    import sqlite3

    with suppress(sqlite3.OperationalError):
        file.execute("PRAGMA busy_timeout=100")
        file.execute(f"{statement} WHERE id = ?", (entry,))


def _put(file: sqlite3.Connection, key: bytes, value: bytes, max_pages: int) -> None:
    wanted = (len(value) + len(key)) // (_PAGE_BYTES - 4) + _SPARE_PAGES
    if wanted > max_pages:
        return
    file.execute("BEGIN IMMEDIATE")
    file.execute("DELETE FROM entries WHERE key = ?", (key,))
    while _pages_in_use(file) + wanted > max_pages:
        gone = file.execute(
            "DELETE FROM entries WHERE id = (SELECT id FROM entries ORDER BY used LIMIT 1)"
        )
        if not gone.rowcount:
            break
    file.execute(
        "INSERT INTO entries (key, used, checksum, value)"
        " VALUES (?, (SELECT COALESCE(MAX(used), 0) + 1 FROM entries), ?, ?)",
        (key, _checksum(key, value), value),
    )
    file.execute("COMMIT")
    if _number(file, "page_count") > max_pages:  # the cap was lowered since the file was larger
        file.executescript("PRAGMA incremental_vacuum")  # execute() would free one page only


def _pages_in_use(file: sqlite3.Connection) -> int:
    return _number(file, "page_count") - _number(file, "freelist_count")


def _number(file: sqlite3.Connection, pragma: str) -> int:
    return int(file.execute(f"PRAGMA {pragma}").fetchone()[0])


def _is_damage(error: sqlite3.Error) -> bool:
    """Tell a damaged file from one that is locked, read-only or on a full disk."""
    import sqlite3

    if isinstance(error, sqlite3.OperationalError):
        return str(error).startswith(("no such table", "no such column", "malformed"))
    return isinstance(error, sqlite3.DatabaseError)


def _free_name(path: Path) -> Path:
    """Return where a damaged file goes; one such file is kept, anything else is not overwritten."""
    aside = path.with_name(f"{path.name}.broken")
    number = 1
    while exists(aside) and not (aside.is_file() and path.is_file() and not path.is_symlink()):
        number += 1
        aside = path.with_name(f"{path.name}.broken-{number}")
    return aside
