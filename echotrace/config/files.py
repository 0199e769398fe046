"""Reading a configuration file: what it holds, and on which line each key stands.

Only a regular file of plausible size is read, so that a pipe or a device under its name cannot hang
a run; a byte order mark is tolerated.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echotrace.config.toml_lines import key_lines
from echotrace.errors import ConfigError
from echotrace.printable import printable

__all__ = ["MAX_BYTES", "ConfigFile", "NotRegularError", "parse", "read_regular"]

MAX_BYTES = 1 << 20
"""No configuration file is larger; a larger one is something else under that name."""

_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class NotRegularError(OSError):
    """The name belongs to a folder, pipe, device or socket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """A parsed file: ``table`` below ``root``, and the line of each path from the file's top."""

    path: Path
    label: str
    table: Mapping[str, Any]
    root: tuple[str, ...]
    lines: Mapping[tuple[str, ...], int]

    def line(self, path: tuple[str, ...]) -> int | None:
        """Return the line of ``path`` (below ``root``), or of the nearest table around it."""
        full = self.root + path
        for length in range(len(full), 0, -1):
            if full[:length] in self.lines:
                return self.lines[full[:length]]
        return None

    def where(self, path: tuple[str, ...]) -> str:
        """Return ``file:line`` of ``path``."""
        line = self.line(path)
        return self.label if line is None else f"{self.label}:{line}"


def read_regular(path: Path) -> tuple[bytes, os.stat_result]:
    """Return the bytes and the status of a regular file, both of the same open file.

    Raises:
        NotRegularError: for a folder, pipe, device or socket; nothing is read from it.
        OSError: when it cannot be opened or read.
    """
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise NotRegularError("not a regular file")
        parts: list[bytes] = []
        left = MAX_BYTES + 1
        while left > 0 and (part := os.read(handle, left)):
            parts.append(part)
            left -= len(part)
    finally:
        os.close(handle)
    return b"".join(parts), status


def parse(
    data: bytes, *, path: Path, label: str, root: tuple[str, ...] = (), private: bool = False
) -> ConfigFile:
    """Parse the bytes of a TOML file.

    Args:
        data: what the file holds.
        path: the file, for the origins of its values.
        label: the file as errors name it.
        root: the table that is wanted, such as ``("tool", "echotrace")``.
        private: say of a fault only where it is, because the file holds secrets.

    Raises:
        ConfigError: naming file and line.
    """
    if len(data) > MAX_BYTES:
        raise ConfigError(
            f"{label} is too large for a configuration file",
            why=f"more than {MAX_BYTES // 1024} KiB",
            code="CONFIG_TOO_LARGE",
        )
    text = _decode(data, label)
    table, problem = _loads(text)
    if table is None:
        message, line = problem
        raise ConfigError(
            f"{label}:{line}: not valid TOML",
            why="" if private else message,
            hint='a line is KEY = VALUE, texts stand in quotes: engine = "sphinx"',
            code="BAD_TOML",
        )
    below: Any = table
    for part in root:
        below = below.get(part, {}) if isinstance(below, dict) else {}
    if not isinstance(below, dict):
        raise ConfigError(
            f"{label}:{key_lines(text).get(root, 1)}: {'.'.join(root)} must be a table",
            hint=f"write [{'.'.join(root)}] on a line of its own and its keys below",
            code="WRONG_TYPE",
        )
    lines = key_lines(text) if below else {}
    return ConfigFile(path=path, label=label, table=below, root=root, lines=lines)


def _decode(data: bytes, label: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    raise ConfigError(
        f"{label}:{line}: not UTF-8 text",
        why="TOML files are UTF-8",
        hint="save the file again with the encoding UTF-8",
        code="BAD_ENCODING",
    )


def _loads(text: str) -> tuple[dict[str, Any] | None, tuple[str, int]]:
    """Return the document, or None with a message and a line.

    The parser's exception is not kept: newer ones carry the whole document.
    """
    if sys.version_info >= (3, 11):
        import tomllib as toml
    else:
        import tomli as toml
    try:
        return toml.loads(text), ("", 0)
    except RecursionError:
        return None, ("nested too deeply", 1)
    except ValueError as error:  # TOMLDecodeError, or a number too long for Python
        message = str(error)
    found = _AT_LINE.search(message)
    if found is None:
        return None, ("a number is too long", 1)
    last = text.rstrip().count("\n") + 1
    line = int(found[1]) if found[1] else last
    return None, (printable(message[: found.start()]), line)
