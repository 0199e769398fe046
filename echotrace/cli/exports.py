"""``--export FORMAT=PATH``: the result once more, for a reader, a pull request or a CI system.

Formats and targets are checked before the run, and each file is written whole or not at all after
it. ``github=-`` prints annotations to stdout, where a workflow's runner looks for them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from echotrace.cli.document import DOCUMENT
from echotrace.cli.streams import result_stream, tell_error
from echotrace.errors import EchoTraceError, InternalError, StorageError, UsageError
from echotrace.files import check_target, write_text
from echotrace.printable import printable
from echotrace.render.base import (
    RenderOptions,
    get_comparison_renderer,
    get_renderer,
    get_run_renderer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from echotrace.model.benchmark import BenchmarkRun, RunComparison
    from echotrace.model.report import Report

__all__ = [
    "COMPARISON_FORMATS",
    "FORMATS",
    "REPORT_FORMATS",
    "Export",
    "read_exports",
    "refuse_idle_embedding",
    "write_comparison_exports",
    "write_report_exports",
    "write_run_exports",
]

FORMATS: Final = ("html", "markdown", "junit", "csv", "json", "github")
REPORT_FORMATS: Final = (*FORMATS, "perfetto", "otlp")
COMPARISON_FORMATS: Final = ("markdown", "json")
_TO_STDOUT: Final = "github"
"""Lines that are made to be mixed into a log; of any other format stdout holds one result."""
_ENDINGS: Final = {
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".xml": "junit",
    ".csv": "csv",
    ".json": "json",
}
_SHOWN_CHARS: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One file to write after the run; ``path`` is None for stdout."""

    format: str
    path: Path | None


def read_exports(
    values: list[str],
    *,
    force: bool,
    inputs: Sequence[str],
    outputs: Sequence[Path] = (),
    formats: Sequence[str] = FORMATS,
) -> tuple[Export, ...]:
    """Return what is to be exported, once it is certain that it can be.

    Args:
        values: what stood behind each ``--export``.
        force: a file that exists may be replaced.
        inputs: files that the run reads, which no export may replace.
        outputs: files that the command writes beside them.
        formats: those that this result has.

    Raises:
        UsageError: a value is not FORMAT=PATH, or names a file that exists, is read or is written
            twice.
        StorageError: a folder is missing or cannot be written.
    """
    found: list[Export] = []
    taken = {_place(path) for path in outputs}
    for value in values:
        export = _read(value, formats)
        if export.path is None:
            if any(item.path is None for item in found):
                raise UsageError(f"--export {_TO_STDOUT}=- is asked for twice")
        else:
            check_target(export.path, force=force, inputs=inputs)
            place = _place(export.path)
            if place in taken:
                raise UsageError(
                    f"{printable(export.path)} would be written twice",
                    hint="give each output a file of its own",
                    code="OUTPUT_TWICE",
                )
            taken.add(place)
        found.append(export)
    return tuple(found)


def refuse_idle_embedding(exports: Sequence[Export], *, embed_audio: bool, why: str = "") -> None:
    """Refuse ``--embed-audio`` where there is no page to embed in, or nothing to embed.

    Raises:
        UsageError: that is so; ``why`` says it for a result without a recording.
    """
    if not embed_audio:
        return
    has_page = any(item.format == "html" for item in exports)
    if why or not has_page:
        raise UsageError(
            "--embed-audio would have no effect",
            why=why or "no HTML page is exported",
            hint="leave it out" if why else "name one: --export html=report.html",
            code="IDLE_FLAG",
        )


def write_report_exports(
    report: Report, exports: Sequence[Export], *, embed_audio: bool = False
) -> None:
    """Write each export of a report; one that fails does not keep the others from being written.

    Raises:
        EchoTraceError: the first that failed; the others that did were told.
    """

    def rendered(name: str) -> str:
        audio = None
        if embed_audio and name == "html":
            from echotrace.render.embed import embed_recording

            audio = embed_recording(report)
        return get_renderer(name).render(report, RenderOptions(audio=audio))

    _write(exports, rendered)


def write_run_exports(run: BenchmarkRun, exports: Sequence[Export]) -> None:
    """Write each export of a run; one that fails does not keep the others from being written.

    Raises:
        EchoTraceError: the first that failed; the others that did were told.
    """
    _write(exports, lambda name: get_run_renderer(name).render_run(run, RenderOptions()))


def write_comparison_exports(comparison: RunComparison, exports: Sequence[Export]) -> None:
    """Write each export of a comparison; one that fails does not keep the others from it.

    Raises:
        EchoTraceError: the first that failed; the others that did were told.
    """

    def rendered(name: str) -> str:
        return get_comparison_renderer(name).render_comparison(comparison, RenderOptions())

    _write(exports, rendered)


def _read(value: str, formats: Sequence[str]) -> Export:
    name, sign, target = value.partition("=")
    shown = printable(value[:_SHOWN_CHARS])
    if not sign:
        ending = Path(value).suffix.lower()
        likely = value if value in formats else _ENDINGS.get(ending, formats[0])
        file = "FILE" if value in formats else shown
        raise UsageError(
            f"--export takes FORMAT=PATH, not {shown or 'nothing'}",
            hint=f"--export {likely}={file}",
            code="EXPORT",
        )
    if name not in formats:
        raise UsageError(
            f"there is no export format {printable(name[:_SHOWN_CHARS]) or 'without a name'}",
            why=f"this command exports {', '.join(formats)}",
            hint=f"--export {_likely(name, target, formats)}={printable(target[:_SHOWN_CHARS])}",
            code="UNKNOWN_FORMAT",
        )
    if not target:
        raise UsageError(
            f"--export {name}= names no file", hint=f"--export {name}=FILE", code="EXPORT"
        )
    if target != "-":
        return Export(format=name, path=Path(os.path.expanduser(target)))  # noqa: PTH111 - no home folder is no error here
    if name != _TO_STDOUT:
        raise UsageError(
            f"--export {name}=- would mix with what stdout holds",
            hint=f"name a file: --export {name}=FILE; --json prints JSON alone",
            code="EXPORT_TO_STDOUT",
        )
    if DOCUMENT.owed:
        raise UsageError(
            f"--export {name}=- and --json exclude each other: stdout is one JSON document",
            hint=f"name a file: --export {name}=FILE",
            code="EXPORT_TO_STDOUT",
        )
    return Export(format=name, path=None)


def _likely(name: str, target: str, formats: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name.lower(), formats, n=1)
    by_ending = _ENDINGS.get(Path(target).suffix.lower(), "")
    if near:
        return near[0]
    return by_ending if by_ending in formats else formats[0]


def _place(path: Path) -> str:
    """Return what two names of one file have in common; a device may be written twice."""
    real = os.path.realpath(path)
    if os.path.exists(real) and not os.path.isfile(real):  # noqa: PTH110, PTH113 - never raises
        return f"{id(path)} {real}"
    return real


def _write(exports: Sequence[Export], rendered: Callable[[str], str]) -> None:
    failed: list[EchoTraceError] = []
    for item in exports:
        problem = _why_not(item, rendered)
        if problem is not None:
            failed.append(problem)
    for problem in failed[1:]:
        tell_error(problem.what, why=problem.why, hint=problem.hint)
    if failed:
        raise failed[0]


def _why_not(item: Export, rendered: Callable[[str], str]) -> EchoTraceError | None:
    """Write one export; return what kept it from that, for the others are still to be written."""
    try:
        _write_one(item, rendered)
    except EchoTraceError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a fault of one view costs that view alone
        from echotrace.providers.known_secrets import unexpected

        what = f"the {item.format} export failed inside EchoTrace"
        return InternalError(what, why=unexpected(error))
    return None


def _write_one(item: Export, rendered: Callable[[str], str]) -> None:
    text = rendered(item.format)
    if item.path is not None:
        write_text(item.path, text)
        return
    stream = result_stream()
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:  # a reader that left early is no error
        return
    except OSError as error:
        raise StorageError("stdout cannot be written", why=error.strerror or str(error)) from None
