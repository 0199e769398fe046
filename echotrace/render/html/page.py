"""The frame of the document: one style, one script, and a policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from echotrace.render.html.markup import Markup, Part, el

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["document"]

_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath d='M2 8h2l2-5 3 10 2-7 1 2h2' fill='none' stroke='%232f6fdb' stroke-width='1.6'/%3E"
    "%3C/svg%3E"
)


def document(
    *, title: str, nav: Sequence[tuple[str, str]], tools: Part = None, body: Sequence[Part]
) -> str:
    """Return the whole page.

    Args:
        title: what the tab is called.
        nav: key and title of each section.
        tools: what stands in the bar beside the navigation.
        body: the sections.
    """
    style, script = _asset("style.css"), _asset("script.js")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src data:",
            "media-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("link", rel="icon", href=_ICON),
        Markup(f"<style>{style}</style>"),
    )
    links = [el("li", el("a", name, href=f"#{key}")) for key, name in nav]
    theme = el("button", "Theme", type="button", id="theme", aria_label="light or dark")
    bar = el(
        "div",
        el("nav", el("ul", *links), aria_label="sections"),
        el("div", tools, theme, class_="tools"),
        class_="bar",
    )
    main = el("main", *body, id="main")
    whole = el(
        "body",
        el("a", "to the report", href="#main", class_="skip"),
        bar,
        main,
        Markup(f"<script>{script}</script>"),
    )
    return f"<!doctype html>\n{el('html', head, whole, lang='en')}\n"


@cache
def _asset(name: str) -> str:
    return files("echotrace.render.html").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
