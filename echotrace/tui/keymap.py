"""The user's own keys: which actions there are to name, and what a wrong name or key means."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING, cast

from textual.dom import DOMNode

import echotrace.tui
from echotrace.config.describe import nearest
from echotrace.errors import ConfigError
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from textual.binding import Binding

__all__ = ["SETTING", "bound_here", "keymap_of", "owners"]

SETTING = "tui.keymap"
_LONGEST_KEY = 32


@cache
def owners() -> tuple[type[DOMNode], ...]:
    """Return every class of the app that binds keys; all of them are imported for it."""
    found = {}
    for module in walk_packages(echotrace.tui.__path__, f"{echotrace.tui.__name__}."):
        for item in vars(import_module(module.name)).values():
            ours = isinstance(item, type) and item.__module__ == module.name
            if ours and issubclass(item, DOMNode) and vars(item).get("BINDINGS"):
                found[item.__qualname__] = item
    return tuple(found.values())


def bound_here(owner: type[DOMNode]) -> Iterator[Binding]:
    """Yield the bindings that a class itself declares."""
    yield from cast("Iterable[Binding]", vars(owner).get("BINDINGS", ()))


def keymap_of(text: str) -> Mapping[str, str]:
    """Return the keys by the id of what they are bound to.

    Raises:
        ConfigError: a pair is none, nobody has the action, a key is no key, or one key is given to
            two actions.
    """
    keymap: dict[str, str] = {}
    if not text:
        return keymap
    known = sorted(
        {binding.id for owner in owners() for binding in bound_here(owner) if binding.id}
    )
    taken: dict[str, str] = {}
    for pair in text.split():
        name, equals, keys = pair.partition("=")
        if not equals or not keys:
            raise _wrong(f"{printable(pair)} is no pair of an action and a key")
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean {close}?" if close else "? in the app lists the actions' keys"
            raise _wrong(f"there is no action {printable(name)}", hint=hint)
        for key in [keys] if keys == "," else keys.split(","):
            if not key or len(key) > _LONGEST_KEY or not key.isprintable():
                raise _wrong(f"{printable(name)} has a key that is none")
            if taken.setdefault(key, name) != name and _scope(taken[key]) == _scope(name):
                raise _wrong(f"the key {printable(key)} is given to {taken[key]} and to {name}")
        keymap[name] = keys if keys != "," else "comma"
    return keymap


def _scope(name: str) -> str:
    """Return where an action's key counts: keys of two screens never meet."""
    part = name.partition(".")[0]
    return "app" if part in ("app", "view", "report", "run") else part


def _wrong(what: str, *, hint: str = "") -> ConfigError:
    return ConfigError(
        f"{SETTING}: {what}",
        why='it is written like "view.turns" = "T" under [tui.keymap]',
        hint=hint or "an action may have several keys: n,space",
        code="BAD_KEYMAP",
    )
