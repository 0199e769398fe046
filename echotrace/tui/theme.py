"""The themes that a user can name."""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES

from echotrace.config.describe import nearest
from echotrace.errors import ConfigError
from echotrace.printable import printable

__all__ = ["SETTING", "theme_named"]

SETTING = "tui.theme"


def theme_named(name: str) -> str:
    """Return the name of a theme if there is one of this name.

    Raises:
        ConfigError: there is none; the nearest name is the hint.
    """
    if name.lower() in BUILTIN_THEMES:
        return name.lower()
    known = sorted(BUILTIN_THEMES)
    close = nearest(name, known)
    raise ConfigError(
        f"{SETTING}: there is no theme {printable(name)}",
        why=f"the themes are {', '.join(known)}",
        hint=f"did you mean {close}?" if close else "",
        code="UNKNOWN_THEME",
    )
