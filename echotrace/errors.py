"""One exception tree and one table from class to exit code.

Every error that a user can meet is an :class:`EchoTraceError` with three sentences: what happened,
why, and what to try. The tree::

    EchoTraceError
    +-- UsageError            2   the command line or the arguments do not fit
    |   +-- ConfigError       2   a configuration file or variable does not fit
    +-- InputError            3   the recording, transcript or reference cannot be used
    |   +-- SchemaError       3   a saved report cannot be opened by this version
    +-- ProviderError         4   a provider that was named, or the network, is unavailable
    +-- MissingDependencyError 5   a model or an optional package is missing
    +-- StorageError          6   a file or folder cannot be written
    +-- InternalError        70   a fault in EchoTrace itself
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "ConfigError",
    "EchoTraceError",
    "ExitCode",
    "InputError",
    "InternalError",
    "MissingDependencyError",
    "ProviderError",
    "SchemaError",
    "StorageError",
    "UsageError",
    "worst_exit_code",
]


class ExitCode(IntEnum):
    """What a process status of EchoTrace means; CI scripts branch on these numbers."""

    PASS = 0
    """The analysis ran and every gate passed."""
    GATE_FAILED = 1
    """The analysis ran and a gate failed."""
    USAGE = 2
    """The command line or the configuration does not fit."""
    INPUT = 3
    """The recording, transcript or reference cannot be used."""
    PROVIDER = 4
    """A provider named on the command line, or the network, is unavailable."""
    MISSING = 5
    """A model or an optional package is missing."""
    STORAGE = 6
    """A file or folder cannot be written."""
    BATCH = 7
    """Some items of a batch failed."""
    EVIDENCE = 8
    """There is not enough evidence to decide a gate."""
    INTERNAL = 70
    """A fault in EchoTrace itself."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C (SIGINT)."""
    TERMINATED = 143
    """Stopped by SIGTERM."""


_PRECEDENCE = (
    ExitCode.TERMINATED,
    ExitCode.INTERRUPTED,
    ExitCode.INTERNAL,
    ExitCode.USAGE,
    ExitCode.INPUT,
    ExitCode.MISSING,
    ExitCode.STORAGE,
    ExitCode.PROVIDER,
    ExitCode.GATE_FAILED,
    ExitCode.EVIDENCE,
    ExitCode.BATCH,
    ExitCode.PASS,
)


def worst_exit_code(codes: list[ExitCode]) -> ExitCode:
    """Return the one exit code to leave with when several apply; an empty list is a pass."""
    return min(codes, key=_PRECEDENCE.index, default=ExitCode.PASS)


class EchoTraceError(Exception):
    """A problem a user can act on.

    Args:
        what: what happened, one line without a full stop.
        why: the cause, when it is known.
        hint: one thing to try; the class's own hint stands in when it is empty.
        code: a stable name in capitals for scripts and guides, such as ``EMPTY_FILE``.
    """

    exit_code = ExitCode.INTERNAL
    default_hint = ""

    def __init__(self, what: str, *, why: str = "", hint: str = "", code: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint or self.default_hint
        self.code = code or type(self).__name__


class UsageError(EchoTraceError):
    """The command line or the arguments of a call do not fit."""

    exit_code = ExitCode.USAGE
    default_hint = "echotrace --help"


class ConfigError(UsageError):
    """A configuration file or an ``ECHOTRACE_*`` variable does not fit."""

    default_hint = "correct the line that is named, or remove it"


class InputError(EchoTraceError):
    """The recording, transcript or reference cannot be used."""

    exit_code = ExitCode.INPUT
    default_hint = "check the file with another player, or export it again as WAV"


class SchemaError(InputError):
    """A saved report cannot be read, or has a schema newer than this version."""

    default_hint = "pip install --upgrade echotrace"


class ProviderError(EchoTraceError):
    """A provider that the user named, or the network, is unavailable."""

    exit_code = ExitCode.PROVIDER
    default_hint = "check the provider's address, key and status"


class MissingDependencyError(EchoTraceError):
    """A model or an optional package is missing."""

    exit_code = ExitCode.MISSING


class StorageError(EchoTraceError):
    """A file or folder cannot be written."""

    exit_code = ExitCode.STORAGE
    default_hint = "check the folder's permissions and free space"


class InternalError(EchoTraceError):
    """A fault in EchoTrace itself; never the user's."""

    default_hint = "run the same command with --debug and report what it prints"
