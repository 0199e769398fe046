"""Any program of this machine that writes sound to standard output, such as ``espeak-ng --stdout``.

The command is split into words as a shell would, and no shell ever sees the text: it is one
argument (``{text}``) or goes to standard input. The program has a session and a process group of
its own, and whatever is left of that group when the sound has ended, or nobody waits any more, is
killed. A process that the program starts in yet another session (``setsid``, a daemon) is out of
reach and lives on.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from echotrace.config.describe import VENDOR_VARIABLES
from echotrace.printable import printable
from echotrace.providers.known_secrets import known_secrets
from echotrace.providers.scrub import one_line, scrub
from echotrace.providers.tts.base import AudioEvent, Exchange
from echotrace.providers.tts.command_words import split_command, worded
from echotrace.providers.tts.failures import (
    MAX_BYTES,
    command_failed,
    empty,
    no_program,
    not_started,
    too_large,
)
from echotrace.providers.tts.program import Program

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from typing_extensions import Self

    from echotrace.config.settings import Settings

__all__ = ["CommandSpeech"]

_SECRET_ENDS: Final = ("_KEY", "_TOKEN")
_END_LIMIT_S: Final = 2.0
"""How long a program may go on after it closed its output."""
_NOT_ENDED: Final = (
    "TTS_NOT_ENDED",
    "the program closed its output and did not end; it was killed, the sound is whole",
)


class CommandSpeech:
    """A local program as a synthesiser; see ``TtsProvider``.

    The keys of the services that we ask ourselves are not in its environment; others are, for it
    may need one of its own vendor. None is shown of what it writes to standard error.

    ``remark`` is a code and a sentence about the latest run that stand beside its figures: a
    program that closed its output and did not end was killed, and its sound is whole all the same.
    """

    name = "command"
    voice = None
    pcm = None
    sent_to = None

    def __init__(self, arguments: tuple[str, ...]) -> None:
        self._arguments = arguments
        self._program: Program | None = None
        self.model = printable(Path(arguments[0]).name or arguments[0])
        self.exchange: Exchange | None = None
        self.requests_sent = 0
        self.remark: tuple[str, str] | None = None

    @classmethod
    def create(cls, model: str | None, settings: Settings) -> Self:
        """Split the command into words; nothing is started.

        Raises:
            UsageError: there is no command, its quotes do not match, or the text could be run.
        """
        del settings
        return cls(split_command(model or ""))

    def check(self) -> None:
        """Raise now when there is no such program, or it may not be started."""
        program = self._arguments[0]
        if shutil.which(program) is not None:
            return
        shown = printable(program)
        if os.sep not in program:
            raise no_program(shown, "no folder of PATH has it, or none that may be executed")
        if not Path(program).exists():
            raise no_program(shown, "the file does not exist")
        raise no_program(shown, "it is no file that may be executed")

    async def synthesize(self, text: str) -> AsyncGenerator[AudioEvent, None]:
        """Run the program once and yield what it writes as it comes.

        Raises:
            ProviderError: it cannot be started, failed, wrote nothing or does not end.
        """
        words, spoken = worded(self._arguments, text)
        self.remark = None
        exchange = self.exchange = Exchange(started_ns=perf_counter_ns())
        try:
            program = self._program = Program(words, spoken, _environment())
        except (OSError, ValueError) as error:
            raise not_started(self.model, error) from None
        try:
            self.requests_sent += 1
            exchange.sent_ns = program.started_ns
            yield AudioEvent(kind="sent", at_ns=program.started_ns)
            total = 0
            while (piece := await program.read()) is not None:
                data, at_ns = piece
                exchange.uploaded_ns = program.fed_ns
                exchange.first_byte_ns = exchange.first_byte_ns or at_ns
                exchange.received_ns = at_ns
                total += len(data)
                if total > MAX_BYTES:
                    raise too_large(self.model)
                yield AudioEvent(kind="audio", at_ns=at_ns, data=data)
            exchange.uploaded_ns = program.fed_ns
            exchange.ended_ns = perf_counter_ns()
            if total:  # whatever the program does from here on, the sound is whole
                self.remark = _NOT_ENDED
                yield AudioEvent(kind="done", at_ns=exchange.ended_ns)
            status = await program.ended(_END_LIMIT_S if total else None)
            if status is None:
                return
            self.remark = None
            if status:
                raise command_failed(self.model, status, self._said(program))
            if not total:
                why = "it ended well and wrote nothing to standard output"
                said = self._said(program)
                raise empty(self.model, f"{why}; it says: {said}" if said else why)
        finally:
            self._program = None
            program.kill()

    async def close(self) -> None:
        """Kill the program if it still runs."""
        program, self._program = self._program, None
        if program is not None:
            program.kill()

    def _said(self, program: Program) -> str:
        """Return the last lines that the program wrote to standard error, as one line."""
        lines = program.complaints().decode("utf-8", "replace").splitlines()
        last = [line for line in lines if line.strip()][-3:]
        return one_line(scrub("; ".join(last), known_secrets(os.environ)))


def _environment() -> dict[str, str]:
    """Return our environment without our keys: no program of this machine needs them."""
    hidden = {name for name in VENDOR_VARIABLES if name.endswith(_SECRET_ENDS)}
    return {name: value for name, value in os.environ.items() if name not in hidden}
