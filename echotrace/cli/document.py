"""The one JSON document that ``--export-only`` promises, whatever else happens.

A command that fails before its report is written still owes a document: a report of status failed
whose only finding is the error.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.errors import EchoTraceError

__all__ = ["DOCUMENT", "is_owed", "write_failed"]

_COMMANDS = ("analyze", "benchmark", "compare", "demo", "open", "probe", "whatif")
_FLAGS = ("--export-only", "--json")


@dataclass(slots=True)
class _Document:
    """What is known of this process's document: its recording, and how far it is.

    ``owed`` says that the command line asks for one, ``begun`` that it is being written. That of
    the ``command`` benchmark is a run, not a report.
    """

    path: str = "unknown"
    command: str = ""
    synthetic: bool = False
    owed: bool = False
    begun: bool = False


DOCUMENT = _Document()


def is_owed(arguments: Sequence[str]) -> bool:
    """Return whether this command line asks for a document that was not begun yet."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    asked = any(flag in options for flag in _FLAGS)
    return asked and arguments[0] in _COMMANDS and not DOCUMENT.begun


def write_failed(error: EchoTraceError) -> None:
    """Write the failed report, or the failed run, to stdout."""
    if DOCUMENT.command == "benchmark":
        _write_failed_run(error)
        return
    if DOCUMENT.command == "compare":
        _write_failed_comparison(error)
        return
    if DOCUMENT.command == "whatif":
        _write_failed_what_if(error)
        return
    from echotrace.aggregator import failed_report
    from echotrace.cli.output import show_report
    from echotrace.cli.streams import result_stream

    report = failed_report(DOCUMENT.path, error, synthetic=DOCUMENT.synthetic)
    show_report(report, result_stream(), as_json=True, color=False)


def _write_failed_run(error: EchoTraceError) -> None:
    from echotrace.benchmark.run import failed_run
    from echotrace.cli.streams import result_stream
    from echotrace.model.run_codec import dumps_run

    DOCUMENT.begun = True
    stream = result_stream()
    with suppress(OSError):
        stream.write(dumps_run(failed_run(error)) + "\n")
        stream.flush()


def _write_failed_comparison(error: EchoTraceError) -> None:
    from echotrace.benchmark.compare import failed_comparison
    from echotrace.cli.streams import result_stream
    from echotrace.model.run_codec import dumps_comparison

    DOCUMENT.begun = True
    stream = result_stream()
    with suppress(OSError):
        stream.write(dumps_comparison(failed_comparison(error)) + "\n")
        stream.flush()


def _write_failed_what_if(error: EchoTraceError) -> None:
    from echotrace.cli.streams import result_stream
    from echotrace.whatif.ask import failed_what_if

    DOCUMENT.begun = True
    stream = result_stream()
    with suppress(OSError):
        stream.write(failed_what_if(error).to_json() + "\n")
        stream.flush()
