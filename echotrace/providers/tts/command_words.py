"""The words of a command, and where the text may stand among them.

A language model wrote the text, so nothing may read it as a script. It is given as one whole word,
after the script of whatever shell or interpreter there is, or to standard input.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

from echotrace.errors import UsageError
from echotrace.printable import printable

__all__ = ["TEXT", "split_command", "worded"]

TEXT: Final = "{text}"
"""The word that is replaced by the text."""
_EXAMPLE: Final = "--tts 'command:espeak-ng --stdout'"
_INTERPRETERS: Final = frozenset(
    (
        *("ash", "bash", "csh", "dash", "elvish", "fish", "ksh", "mksh", "nu", "rbash", "sh"),
        *("tcsh", "xonsh", "zsh"),
        *("bun", "deno", "groovy", "guile", "julia", "lua", "node", "nodejs", "osascript"),
        *("perl", "php", "pypy", "python", "Rscript", "ruby", "tclsh"),
    )
)
"""Programs whose first word that is no option is a script."""
_READERS: Final = frozenset(
    (
        *("adb", "autossh", "dbclient", "mosh", "plink", "rsh", "slogin", "ssh", "wsl"),
        *("cmd", "cmd.exe", "eval", "parallel", "powershell", "pwsh", "tmux", "watch"),
        *("awk", "gawk", "mawk", "nawk", "sed", "festival"),
    )
)
"""Programs that hand their words to a shell as one line, or read any of them as a script."""
_SHORT_OPTION: Final = re.compile(r"-[A-Za-z0-9]{1,3}")
_SCRIPT_OPTION: Final = re.compile(
    r"--?(command|commands|eval|exec|execute|expression|run|script|session-command)", re.IGNORECASE
)
_SPLIT_OPTION: Final = re.compile(r"-[A-Za-z0-9]*S.*|--split-string.*", re.DOTALL)


def split_command(command: str) -> tuple[str, ...]:
    """Return the words of a command, split as a shell would.

    Raises:
        UsageError: there is no command, its quotes do not match, or the text could be run.
    """
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise _unusable(
            "the command cannot be split into words", str(error).lower(), "check its quotes"
        ) from None
    if not words or not words[0]:
        raise _unusable("'command:' names no program", "", _EXAMPLE)
    if any("\0" in word for word in words):
        raise _unusable("the command holds a NUL character", "", _EXAMPLE)
    if any(TEXT in word and word != TEXT for word in words):
        raise _unusable(
            "{text} stands inside another word of the command",
            "a shell or a program could read the text as a part of a script",
            "give it as a word of its own, as in -t {text}, or leave it out: "
            "the text then goes to standard input",
        )
    reader = _reader(words)
    if reader is not None:
        raise _unusable(
            f"{{text}} stands where {printable(reader)!r} could run it",
            "a language model wrote the text, and nothing may read it as a script",
            "give it after the script, as in sh -c 'espeak-ng --stdout \"$1\"' sh {text}, "
            "or leave it out: the text then goes to standard input",
        )
    return words


def worded(words: tuple[str, ...], text: str) -> tuple[list[str], bytes | None]:
    """Return the words to start and what goes to standard input, None for nothing."""
    if TEXT not in words:
        return list(words), f"{text}\n".encode("utf-8", "replace")
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    plain = plain.encode("utf-8", "replace").decode()
    if plain.startswith("-"):  # it would be an option
        plain = f" {plain}"
    return [plain if word == TEXT else word for word in words], None


def _reader(words: tuple[str, ...]) -> str | None:
    """Return the word that could have the text run, None where none could.

    Programs are known by their names anywhere in the command, for another may start them.
    """
    if TEXT not in words:
        return None
    if words[0] == TEXT:
        return TEXT
    last = len(words) - 1 - words[::-1].index(TEXT)
    splits = interpreted = False
    for at, word in enumerate(words[:last]):
        name = Path(word).name
        if not interpreted:  # else it is a word for a script
            splits = splits or name == "env"
            if name in _READERS or (splits and _SPLIT_OPTION.fullmatch(word)):
                return word
            interpreted = name.rstrip("0123456789.") in _INTERPRETERS
            if interpreted and _first_plain(words[at + 1 :]) == TEXT:
                return word
        if _is_read_after(word, words[at + 1]):
            return word
    return None


def _first_plain(words: tuple[str, ...]) -> str | None:
    return next((word for word in words if not word.startswith(("-", "+"))), None)


def _is_read_after(option: str, following: str) -> bool:
    """Whether an option takes a script, and the text could be that; only what follows it may be.

    A shell's ``-c`` takes no word of its own: the script is the first word after all options.
    """
    if _SCRIPT_OPTION.fullmatch(option):
        return following == TEXT
    if not _SHORT_OPTION.fullmatch(option):
        return False
    letters = option[1:]
    if "c" in letters:
        return "o" in letters.lower() or following == TEXT or following.startswith(("-", "+"))
    return ("e" in letters or "E" in letters) and following == TEXT


def _unusable(what: str, why: str, hint: str) -> UsageError:
    return UsageError(what, why=why, hint=hint, code="TTS_COMMAND")
