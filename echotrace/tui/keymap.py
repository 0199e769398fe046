"""The user's own keys: which actions there are to name, and what a wrong name or key means."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING, cast

from textual.app import App
from textual.dom import DOMNode
from textual.keys import Keys, _character_to_key
from textual.screen import Screen

import echotrace.tui
from echotrace.config.describe import nearest
from echotrace.errors import ConfigError
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from textual.binding import Binding

__all__ = ["INTERRUPT", "SETTING", "bound_here", "key_named", "keymap_of", "owners"]

SETTING = "tui.keymap"
INTERRUPT = "app.interrupt"
"""The one action whose key stays: whatever else a keymap does, Ctrl-C leaves."""
_LONGEST_KEY = 32
_MODIFIERS = {"ctrl", "shift", "alt", "super", "meta", "hyper"}
_CHARACTERS = {_character_to_key(chr(code)) for code in range(0x21, 0x7F)}
_OVERVIEW = "OverviewScreen"
_ELSEWHERE = {
    "RowList": (_OVERVIEW, "ScoreScreen", "CompareScreen", "TranscriptScreen"),
    "AlignedText": ("TranscriptScreen",),
}
"""Where widgets are that are not on the overview alone; the app's own keys are the overview's."""


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
        ConfigError: a pair is none, nobody has the action, a key is no key, or one key would then
            stand for two actions on one screen.
    """
    keymap: dict[str, str] = {}
    if not text.strip():
        return keymap
    known = sorted(
        {binding.id for owner in owners() for binding in bound_here(owner) if binding.id}
    )
    for pair in text.split():
        name, equals, keys = pair.partition("=")
        if not equals or not keys:
            raise _wrong(f"{printable(pair)} is no pair of an action and a key")
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean {close}?" if close else "? in the app lists the actions' keys"
            raise _wrong(f"there is no action {printable(name)}", hint=hint)
        if name == INTERRUPT or name in keymap:
            why = "always is ctrl+c" if name == INTERRUPT else "is named twice"
            raise _wrong(f"{name} {why}")
        parts = [keys] if keys == "," else keys.split(",")
        keymap[name] = ",".join(_key_for(name, key) for key in parts)
    _refuse_clash(keymap)
    return keymap


def key_named(key: str) -> str:
    """Return Textual's name of a key that may be written as its character."""
    return _character_to_key(key) if len(key) == 1 else key


def _key_for(name: str, key: str) -> str:
    """Return Textual's name of a key.

    Raises:
        ConfigError: no keyboard has it.
    """
    *modifiers, last = key.split("+") if len(key) > 1 and not key.endswith("++") else [key]
    if key == "ctrl+c":
        raise _wrong(f"ctrl+c leaves the app from every screen, and cannot be {name} as well")
    known = {item.value for item in Keys}
    right = (len(last) == 1 and last.isprintable()) or last in known or key in known
    if key and right and len(set(modifiers)) == len(modifiers) and set(modifiers) <= _MODIFIERS:
        return key_named(key)
    if last in _CHARACTERS and set(modifiers) <= _MODIFIERS:
        return key
    close = nearest(last, sorted(known | _CHARACTERS))
    raise _wrong(
        f"{name} has a key that is none: {printable(key[:_LONGEST_KEY]) or 'nothing'}",
        hint=f"did you mean {'+'.join((*modifiers, close))}?" if close else "",
    )


def _refuse_clash(keymap: Mapping[str, str]) -> None:
    """Refuse a new key that another action has where both are heard.

    Two widgets never have the focus at once, so that each may have the key for itself.
    """
    entries = [
        (owner, binding.id or "", set((keymap.get(binding.id or "") or binding.key).split(",")))
        for owner in owners()
        for binding in bound_here(owner)
    ]
    for owner, name, keys in entries:
        if name not in keymap:
            continue
        for other, other_name, other_keys in entries:
            shared = sorted(keys & {key_named(key) for key in other_keys})
            if other_name == name or not shared or not _meet(owner, other):
                continue
            raise _wrong(
                f"the key {printable(shared[0])} of {name} is that of {other_name} too",
                hint=f"give {other_name} another one as well",
            )


def _meet(one: type[DOMNode], other: type[DOMNode]) -> bool:
    """Tell whether the keys of two classes can be heard at the same moment."""
    if one is not other and not any(issubclass(item, (App, Screen)) for item in (one, other)):
        return False
    return bool(_screens(one) & _screens(other))


def _screens(owner: type[DOMNode]) -> set[str]:
    """Return the names of the screens on which a class is heard."""
    if issubclass(owner, Screen):
        return {found.__name__ for found in owners() if issubclass(found, owner)}
    return set(_ELSEWHERE.get(owner.__name__, (_OVERVIEW,)))


def _wrong(what: str, *, hint: str = "") -> ConfigError:
    return ConfigError(
        f"{SETTING}: {what}",
        why='it is written like "view.turns" = "T" under [tui.keymap]',
        hint=hint or "an action may have several keys: n,space",
        code="BAD_KEYMAP",
    )
