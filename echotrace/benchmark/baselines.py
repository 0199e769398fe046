"""Baselines: whole runs under a name, kept in the project to be committed and compared with."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from echotrace.errors import EchoTraceError, InputError, StorageError, UsageError
from echotrace.files import write_text
from echotrace.model.benchmark import BenchmarkRun, RunHeader, RunItem
from echotrace.printable import printable

__all__ = [
    "FOLDER",
    "Baseline",
    "baseline_path",
    "check_name",
    "list_baselines",
    "read_baseline",
    "resolve_baseline",
    "set_baseline",
]

FOLDER = Path(".echotrace/baselines")
"""Beside the project's ``.echotrace.toml``, which is read where a command runs and nowhere else."""
SUFFIX = ".jsonl"

_NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}")
_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A kept run, or why it cannot be used; exactly one of ``run`` and ``problem`` is None."""

    name: str
    path: Path
    run: BenchmarkRun | None = None
    problem: EchoTraceError | None = None


def check_name(name: str) -> str:
    """Return a name that a baseline may have.

    Raises:
        UsageError: it has other signs than letters, digits, ``.``, ``_`` and ``-``, begins with a
            dot, or is empty or longer than 64 characters.
    """
    if _NAME.fullmatch(name):
        return name
    raise UsageError(
        f"a baseline cannot be called {printable(name)[:_SHOWN]!r}",
        why="a name has 1 to 64 letters, digits, '.', '_' or '-', and begins with no dot",
        hint="echotrace baseline set main run.jsonl",
        code="BASELINE_NAME",
    )


def baseline_path(name: str, cwd: Path) -> Path:
    """Return where the baseline of this name lies, whether it is there or not."""
    return cwd / FOLDER / f"{check_name(name)}{SUFFIX}"


def resolve_baseline(name_or_path: str, cwd: Path) -> Path:
    """Return the run file that a name or a path means; a file of that path comes first.

    Raises:
        UsageError: it is neither; the hint names what is near.
    """
    path = cwd / name_or_path
    if name_or_path and _is_file(path):
        return path
    if _NAME.fullmatch(name_or_path) and _is_file(kept := baseline_path(name_or_path, cwd)):
        return kept
    import difflib

    names = _names(cwd)
    stem = Path(name_or_path).name.removesuffix(SUFFIX)
    near = difflib.get_close_matches(stem[:_SHOWN], names, n=3, cutoff=0.5)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif names:
        hint = f"the baselines are {', '.join(names[:10])}"
    else:
        hint = "keep a run as one: echotrace baseline set main run.jsonl"
    raise UsageError(
        f"there is no baseline {printable(name_or_path)[:_SHOWN]!r}",
        why=f"it is neither a file nor a name in {FOLDER}",
        hint=hint,
        code="UNKNOWN_BASELINE",
    )


def set_baseline(name: str, run_path: Path, cwd: Path, *, force: bool = False) -> Path:
    """Keep a whole run under a name, and return the file; the run's own stays as it is.

    Raises:
        UsageError: the name does not fit, or is taken and ``force`` is off.
        InputError: the run cannot be read, was cut off, lacks items, or has no result at all.
        StorageError: the file cannot be written.
    """
    from echotrace.model.run_codec import header_line, item_line

    path = baseline_path(name, cwd)
    if os.path.lexists(path) and not force:
        raise UsageError(
            f"the baseline {name} exists already",
            hint="pass --force to replace it",
            code="OUTPUT_EXISTS",
        )
    header, items = _whole(run_path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or str(error)
        raise StorageError(f"{printable(path.parent)} cannot be made", why=why) from None
    write_text(path, header_line(header) + "".join(map(item_line, items)))
    return path


def read_baseline(path: Path) -> BenchmarkRun:
    """Return a kept run with the figures over it.

    Raises:
        InputError: it cannot be read, or is no whole run.
    """
    from echotrace.benchmark.summary import summarise

    return summarise(*_whole(path))


def list_baselines(cwd: Path) -> tuple[Baseline, ...]:
    """Return every baseline by name; one that cannot be used has its problem."""
    return tuple(_listed(name, cwd) for name in _names(cwd))


def _listed(name: str, cwd: Path) -> Baseline:
    path = baseline_path(name, cwd)
    try:
        return Baseline(name=name, path=path, run=read_baseline(path))
    except EchoTraceError as error:
        return Baseline(name=name, path=path, problem=error)


def _whole(path: Path) -> tuple[RunHeader, tuple[RunItem, ...]]:
    """Return header and items of a run that is whole.

    Raises:
        InputError: it cannot be read, or something of it is missing.
    """
    from echotrace.benchmark.run_file import read_run

    stored = read_run(path)
    shown = printable(path.name)
    have = len({item.key for item in stored.items})
    if stored.torn or have < stored.header.items:
        cut = ", and its last line was cut off" if stored.torn else ""
        raise InputError(
            f"{shown} is no whole run",
            why=f"{have:,} of {stored.header.items:,} results are there{cut}",
            hint="finish it with echotrace benchmark --resume",
            code="RUN_INCOMPLETE",
        )
    if not any(item.status == "ok" for item in stored.items):
        raise InputError(
            f"{shown} holds no result",
            why=f"each of its {have:,} items failed",
            hint=f"see why: echotrace open {shown}",
            code="RUN_WITHOUT_RESULT",
        )
    return stored.header, tuple(stored.items)


def _names(cwd: Path) -> list[str]:
    try:
        found = [each.name for each in (cwd / FOLDER).iterdir()]
    except (OSError, ValueError):
        return []
    stems = (name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX))
    return sorted(stem for stem in stems if _NAME.fullmatch(stem))


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - never raises, whatever the name
