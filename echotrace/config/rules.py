"""What a setting may hold, written beside its field.

The rules travel in the metadata of the dataclass fields, so that the loader, the help text and the
checks cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RULE", "Rule", "about"]

RULE = "rule"
"""The key of a field's metadata under which its :class:`Rule` is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The help text of a setting and the bounds of its value.

    ``above`` excludes its own value, ``minimum`` and ``maximum`` include theirs. ``choices`` of
    nothing allows every text. ``user_only`` keeps a setting out of project files: a folder that one
    merely enters must not redirect a key or start a command. ``only_on`` lets such a file switch a
    setting on and never off. ``pairs`` lets a text such as ``a=1 b=2`` be written as a table too.
    """

    help: str
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    is_url: bool = False
    user_only: bool = False
    only_on: bool = False
    pairs: bool = False


def about(
    text: str,
    *,
    minimum: float | None = None,
    above: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    is_url: bool = False,
    user_only: bool = False,
    only_on: bool = False,
    pairs: bool = False,
) -> dict[str, Rule]:
    """Return the ``metadata`` of a dataclass field that is a setting."""
    rule = Rule(
        help=text,
        minimum=minimum,
        above=above,
        maximum=maximum,
        choices=choices,
        is_url=is_url,
        user_only=user_only,
        only_on=only_on,
        pairs=pairs,
    )
    return {RULE: rule}
