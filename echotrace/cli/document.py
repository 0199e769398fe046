"""The one JSON document that ``--export-only`` promises, whatever else happens.

A command that fails before its report is written still owes a document: a report of status failed
whose only finding is the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.errors import EchoTraceError

__all__ = ["DOCUMENT", "is_owed", "write_failed"]

_COMMANDS = ("analyze", "demo", "open", "probe")
_FLAGS = ("--export-only", "--json")


@dataclass(slots=True)
class _Document:
    """What is known of this process's document: its recording, and how far it is.

    ``owed`` says that the command line asks for one, ``begun`` that it is being written.
    """

    path: str = "unknown"
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
    """Write the failed report to stdout."""
    from echotrace.aggregator import failed_report
    from echotrace.cli.output import show_report
    from echotrace.cli.streams import result_stream

    report = failed_report(DOCUMENT.path, error, synthetic=DOCUMENT.synthetic)
    show_report(report, result_stream(), as_json=True, color=False)
