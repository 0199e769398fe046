"""Reports for a test session: each recording is analysed once, however many tests ask for it."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from echotrace.errors import EchoTraceError, InputError, UsageError
from echotrace.printable import printable, printable_line

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from typing import NoReturn

    from echotrace.model.report import Report

__all__ = ["ReportMaker"]

T = TypeVar("T")

_MAX_REPORT_BYTES = 256 * 2**20
_MAX_TEXT_BYTES = 16 * 2**20
_OWN_VARIABLES = "ECHOTRACE_"


class ReportMaker:
    """Turns a recording, or a saved report, into a Report, and keeps it for the next who asks.

    Args:
        folders: where a relative path is looked for when the current folder has none.
        fail: is given the one line of an error and does not return; None raises the error.
    """

    def __init__(
        self, *, folders: Sequence[Path] = (), fail: Callable[[str], NoReturn] | None = None
    ) -> None:
        self._folders = tuple(folders)
        self._fail = fail
        self._made: dict[str, Report] = {}
        self._lock = threading.Lock()

    def __call__(
        self,
        path: str | os.PathLike[str],
        *,
        agent: str | os.PathLike[str] | None = None,
        agent_offset_ms: float = 0.0,
        reference: str | os.PathLike[str] | None = None,
        transcript: str | os.PathLike[str] | None = None,
        key_terms: Sequence[str] = (),
        streaming: bool = False,
        stages: Sequence[str] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Report:
        """Return the report of a recording; a saved one (``.json``) is opened.

        The options are those of ``echotrace.analyze``. ``reference`` is what was really said, or
        the ``Path`` of a text file with it; ``stages`` may be one text with commas.

        Raises:
            EchoTraceError: the recording cannot be used or an option does not fit, and this maker
                was given nothing else to do then.
        """
        __tracebackhide__ = True
        options: dict[str, Any] = {
            "agent": None if agent is None else self._find(agent),
            "agent_offset_ms": agent_offset_ms,
            "reference": reference,
            "transcript": None if transcript is None else self._find(transcript),
            "key_terms": tuple(key_terms),
            "streaming": streaming,
            "stages": _split(stages),
            "settings": dict(settings or {}),
        }
        try:
            with self._lock:
                return self._get(self._find(path), options)
        except EchoTraceError as error:
            if self._fail is None:
                raise
            fault = error
        more = self._looked_in(path) if fault.code == "NOT_FOUND" else ""
        return self._fail(_line(fault, more))

    def _get(self, path: str, options: dict[str, Any]) -> Report:
        if isinstance(options["reference"], os.PathLike):
            options["reference"] = _read_text(self._find(options["reference"]))
        key = _key(path, options)
        if key not in self._made:
            if path.lower().endswith(".json"):
                self._made[key] = _open(path, options)
            else:
                from echotrace.api import analyze_async

                self._made[key] = _run(analyze_async(path, **options))
        return self._made[key]

    def _find(self, path: str | os.PathLike[str]) -> str:
        named = os.fspath(path)
        for folder in (Path(), *self._folders):
            found = os.path.join(folder, named)  # noqa: PTH118 - keeps a name as it was given
            if named and os.path.exists(found):  # noqa: PTH110 - never raises, whatever the name
                return found if folder != Path() else named
        return named

    def _looked_in(self, path: str | os.PathLike[str]) -> str:
        if os.path.isabs(path):  # noqa: PTH117 - the name may be no path at all
            return ""
        folders = dict.fromkeys(map(str, (Path.cwd(), *self._folders)))
        return f"looked in {' and '.join(map(printable, folders))}"


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, in a thread of its own where this one runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1, thread_name_prefix="echotrace_report") as pool:
        return pool.submit(asyncio.run, work).result()


def _split(stages: Sequence[str] | None) -> tuple[str, ...] | None:
    if isinstance(stages, str):
        return tuple(part.strip() for part in stages.split(",") if part.strip())
    return None if stages is None else tuple(stages)


def _key(path: str, options: Mapping[str, Any]) -> str:
    """Return what makes two calls equal: files that were rewritten between them are others."""
    files = [name for name in (path, options["agent"], options["transcript"]) if name]
    variables = sorted(
        (name, value) for name, value in os.environ.items() if name.startswith(_OWN_VARIABLES)
    )
    settings = sorted(options["settings"].items(), key=lambda item: item[0])
    rest = sorted((name, value) for name, value in options.items() if name != "settings")
    return repr((os.getcwd(), [*map(_state, files)], rest, settings, variables))  # noqa: PTH109


def _state(path: str) -> tuple[str, int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - the name may be no path at all
    except (OSError, ValueError):
        return path, 0, 0
    return path, status.st_mtime_ns, status.st_size


def _open(path: str, options: Mapping[str, Any]) -> Report:
    from echotrace.model.report import Report

    given = [name for name, value in options.items() if value]
    if given:
        raise UsageError(
            f"{printable(path)} is a saved report, on which {given[0]}= has no effect",
            hint="leave it out, or name the recording",
        )
    return Report.from_json(_read(path, _MAX_REPORT_BYTES))


def _read_text(path: str) -> str:
    try:
        return _read(path, _MAX_TEXT_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{printable(path)} is not UTF-8 text", code="REFERENCE") from None


def _read(path: str, limit: int) -> bytes:
    from echotrace.files import read_regular

    try:
        data = read_regular(path, limit=limit)
    except FileNotFoundError:
        raise InputError(f"{printable(path)} does not exist", code="NOT_FOUND") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{printable(path)} cannot be read", why=reason) from None
    if len(data) > limit:
        raise InputError(f"{printable(path)} is larger than {limit // 2**20} MiB")
    return data


def _line(error: EchoTraceError, more: str) -> str:
    """Return an error as one line."""
    parts = (error.what, error.why, more, error.hint and f"try: {error.hint}")
    return printable_line(f"echotrace_report: {'; '.join(part for part in parts if part)}")
