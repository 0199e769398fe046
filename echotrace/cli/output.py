"""Writing a report: to a file without ever leaving half of one, or to stdout."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from echotrace.errors import StorageError, UsageError

if TYPE_CHECKING:
    from echotrace.model.report import Report

__all__ = ["check_target", "show_report", "write_text"]


def check_target(path: Path, *, force: bool) -> None:
    """Refuse before the run what would fail after it.

    Raises:
        UsageError: the file exists and ``force`` is off, or the path is a folder.
        StorageError: its folder is missing or cannot be written.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder", hint="name a file, such as report.json")
    if _is_special(path):
        return
    if path.exists() and not force:
        raise UsageError(
            f"{path} exists already", hint="pass --force to replace it", code="OUTPUT_EXISTS"
        )
    if not path.parent.is_dir():
        raise StorageError(
            f"{path} cannot be written",
            why=f"there is no folder {path.parent}",
            hint=f"mkdir -p {path.parent}",
        )
    if not os.access(path.parent, os.W_OK):
        raise StorageError(f"{path} cannot be written", why=f"{path.parent} is not writable")


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: a temporary file beside it, then a rename.

    Raises:
        StorageError: the disk is full, or the folder cannot be written.
    """
    try:
        if _is_special(path):
            path.write_text(text, encoding="utf-8")
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise StorageError(f"{path} cannot be written", why=error.strerror or str(error)) from error


def show_report(report: Report, stream: TextIO, *, as_json: bool, color: bool | None) -> None:
    """Write the report to stdout, as JSON or for a reader; one that leaves early is no error."""
    from echotrace.render.base import RenderOptions, get_renderer

    renderer = get_renderer("json" if as_json else "console")
    text = renderer.render(report, RenderOptions.for_stream(stream, color=color))
    with suppress(BrokenPipeError):
        stream.write(text)
        stream.flush()


def _is_special(path: Path) -> bool:
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
