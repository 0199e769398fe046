"""HTML built so that text cannot become markup: whatever is no Markup is escaped."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from echotrace.render.console.plain import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Markup", "Part", "el", "join", "safe"]

_VOID = frozenset({"br", "hr", "link", "meta"})


class Markup(str):
    """Finished HTML."""

    __slots__ = ()


Part = str | Markup | None
"""A child of an element: text, finished HTML, or nothing."""


def safe(text: str) -> Markup:
    """Return text escaped for a document or an attribute, its control characters made visible."""
    if isinstance(text, Markup):
        return text
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _shown(char) for char in text)
    return Markup(html.escape(text, quote=True))


def el(tag: str, *children: Part, **attributes: str | float | bool | None) -> Markup:
    """Return an element.

    A name of an attribute loses the underscore at its end, the others become hyphens. None and
    False leave an attribute out, True leaves it bare.
    """
    told = "".join(
        f" {_name(name)}" if value is True else f' {_name(name)}="{safe(_value(value))}"'
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in _VOID:
        return Markup(f"<{tag}{told}>")
    return Markup(f"<{tag}{told}>{join(children)}</{tag}>")


def join(parts: Iterable[Part], by: str = "") -> Markup:
    """Return parts one after the other, those that are nothing left out."""
    return Markup(safe(by).join(safe(part) for part in parts if part is not None))


def _shown(char: str) -> str:
    return " " if char.isspace() else clean(char)


def _name(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
