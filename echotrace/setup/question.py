"""One question of the wizard, and reading what was typed in answer to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from echotrace.errors import UsageError

__all__ = ["FIRST", "NONE", "VENDOR", "Option", "Question", "pick", "refuse_key"]

FIRST = "first"
NONE = "none"
VENDOR = "vendor"

_LIKE_A_KEY = re.compile(
    r"(gsk|sk|hf|xai|pk|key)[-_][A-Za-z0-9_-]{16,}"
    r"|(?=.*[0-9])(?=.*[A-Z])(?=.*[a-z])[A-Za-z0-9_-]{40,}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A possible answer: ``value`` is what is typed or stored, ``label`` what it is."""

    value: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to ask; ``default`` is taken for an empty line, None means that something must be typed.

    ``open_ended`` allows an answer that is no option; ``hidden`` must not be echoed; ``flag`` is
    what answers the question without asking.
    """

    name: str
    title: str
    flag: str
    text: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    default: str | None = None
    open_ended: bool = False
    hidden: bool = False


def pick(question: Question, typed: str) -> str:
    """Return the answer that was meant: an option by name, number or beginning, or free text.

    Raises:
        UsageError: it fits none; the message never repeats what was typed to a hidden question.
    """
    text = typed.strip()
    values = [option.value for option in question.options]
    if not text:
        if question.default is None:
            raise UsageError("an answer is needed", hint='or type "back"', code="NO_ANSWER")
        return question.default
    if question.hidden:
        return text
    if text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= len(values) and len(values) > 2:
        return values[int(text[:4]) - 1]
    folded = text.casefold()
    for value in values:
        if value.casefold() == folded:
            return value
    refuse_key(text)
    if question.open_ended:
        return text
    beginning = [value for value in values if value.casefold().startswith(folded)]
    if len(beginning) == 1:
        return beginning[0]
    near = get_close_matches(folded, values, n=1)
    raise UsageError(
        f"{text[:40]!r} is none of the answers",
        hint=f"did you mean {near[0]}?" if near else ", ".join(values),
        code="NO_SUCH_ANSWER",
    )


def refuse_key(text: str) -> None:
    """Keep a key that was pasted in the wrong place out of messages and files.

    Raises:
        UsageError: the text looks like one; it is not repeated.
    """
    if _LIKE_A_KEY.fullmatch(text.strip()):
        raise UsageError(
            "that looks like a key",
            why="keys are asked for on their own, hidden, and never stand in config.toml",
            hint="if it is one and others could see it, replace it",
            code="KEY_IN_THE_OPEN",
        )
