"""Any program of this machine that writes sound to standard output, such as ``espeak-ng --stdout``.

The command is split into words as a shell would, and no shell ever sees the text: it stands in one
argument (``{text}``) or goes to standard input. The program has a process group of its own, and
whatever is left of that group when the sound has ended, or nobody waits any more, is killed.
"""

from __future__ import annotations

import os
import shlex
import shutil
from itertools import pairwise
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from echotrace.config.describe import VENDOR_VARIABLES
from echotrace.config.secrets import Secret
from echotrace.errors import UsageError
from echotrace.printable import printable
from echotrace.providers.scrub import one_line, scrub
from echotrace.providers.tts.base import AudioEvent, Exchange
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

_TEXT: Final = "{text}"
_SHELLS: Final = frozenset(("sh", "ash", "bash", "dash", "fish", "ksh", "zsh"))
_EXAMPLE: Final = "--tts 'command:espeak-ng --stdout'"
_SECRET_ENDS: Final = ("_KEY", "_TOKEN")


class CommandSpeech:
    """A local program as a synthesiser; see ``TtsProvider``.

    The keys of the services that we know are not in its environment.
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

    @classmethod
    def create(cls, model: str | None, settings: Settings) -> Self:
        """Split the command into words; nothing is started.

        Raises:
            UsageError: there is no command, its quotes do not match, or a shell would read the
                text as a part of its script.
        """
        del settings
        try:
            words = tuple(shlex.split(model or ""))
        except ValueError as error:
            raise _unusable(
                "the command cannot be split into words", str(error).lower(), "check its quotes"
            ) from None
        if not words or not words[0]:
            raise _unusable("'command:' names no program", "", _EXAMPLE)
        if any("\0" in word for word in words):
            raise _unusable("the command holds a NUL character", "", _EXAMPLE)
        if _in_script(words):
            raise _unusable(
                "{text} stands inside the script of a shell",
                "the text would be run as a part of it",
                "give it as an argument of its own: sh -c 'espeak-ng --stdout \"$1\"' sh {text}",
            )
        return cls(words)

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
        words, spoken = self._worded(text)
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
            status = await program.ended()
            said = self._said(program)
            if status:
                raise command_failed(self.model, status, said)
            if not total:
                why = "it ended well and wrote nothing to standard output"
                raise empty(self.model, f"{why}; it says: {said}" if said else why)
            yield AudioEvent(kind="done", at_ns=exchange.ended_ns)
        finally:
            self._program = None
            program.kill()

    async def close(self) -> None:
        """Kill the program if it still runs."""
        program, self._program = self._program, None
        if program is not None:
            program.kill()

    def _worded(self, text: str) -> tuple[list[str], bytes | None]:
        """Return the words to start and what goes to standard input, None for nothing."""
        if not any(_TEXT in word for word in self._arguments):
            return list(self._arguments), f"{text}\n".encode("utf-8", "replace")
        plain = "".join(sign if sign.isprintable() else " " for sign in text)
        plain = plain.encode("utf-8", "replace").decode()
        # a model wrote the text: a leading dash would make an option of it
        alone = f" {plain}" if plain.startswith("-") else plain
        return [
            alone if word == _TEXT else word.replace(_TEXT, plain) for word in self._arguments
        ], None

    def _said(self, program: Program) -> str:
        """Return the last lines that the program wrote to standard error, as one line."""
        secrets = tuple(Secret(name, value) for name, value in _secret_variables().items())
        lines = program.complaints().decode("utf-8", "replace").splitlines()
        last = [line for line in lines if line.strip()][-3:]
        return one_line(scrub("; ".join(last), secrets))


def _in_script(words: tuple[str, ...]) -> bool:
    """Whether the text would stand in what a shell runs: the word after its option -c."""
    shell = False
    for before, word in pairwise(words):
        shell = shell or Path(before).name in _SHELLS
        is_option = before.startswith("-") and not before.startswith("--") and "c" in before
        if shell and is_option and _TEXT in word:
            return True
    return False


def _secret_variables() -> dict[str, str]:
    return {
        name: value
        for name in VENDOR_VARIABLES
        if name.endswith(_SECRET_ENDS) and (value := os.environ.get(name, "").strip())
    }


def _environment() -> dict[str, str]:
    """Return our environment without the keys: a program of this machine needs none."""
    hidden = {name for name in VENDOR_VARIABLES if name.endswith(_SECRET_ENDS)}
    return {name: value for name, value in os.environ.items() if name not in hidden}


def _unusable(what: str, why: str, hint: str) -> UsageError:
    return UsageError(what, why=why, hint=hint, code="TTS_COMMAND")
