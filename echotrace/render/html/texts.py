"""Texts that the console has put into words, as HTML; and the few shapes that sections share."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from echotrace.model.measure import Measurement, Status
from echotrace.render.console.figures import figure, interval, note, words
from echotrace.render.console.layout import Page, style_of
from echotrace.render.html.markup import Markup, Part, el, join

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "Notes",
    "badge",
    "console_block",
    "counted_rest",
    "figure_cell",
    "pairs",
    "rich",
    "section",
    "sheet",
    "table",
    "told",
]

WIDE = 2_000
"""Cells of the page that texts are put into words for: so many that no line is broken."""
_BLOCK = 100
_KNOWN = frozenset({"bold", "dim", "red", "green", "yellow", "cyan", "magenta"})


def sheet(width: int = WIDE) -> Page:
    """Return the page that the console's texts are made on; nothing is ever printed on it."""
    console = Console(
        file=io.StringIO(), width=width, color_system=None, legacy_windows=False, _environ={}
    )
    return Page(width=width, ascii_only=False, console=console)


def rich(text: Text) -> Markup:
    """Return a text of the console with its styles as classes."""
    plain = text.plain
    edges = {0, len(plain)}
    for span in text.spans:
        edges.update((max(0, span.start), min(len(plain), span.end)))
    cuts = sorted(edges)
    base = str(text.style).split()
    parts: list[Part] = []
    for begin, end in pairwise(cuts):
        styles = [*base]
        for span in text.spans:
            if span.start <= begin and end <= span.end:
                styles += str(span.style).split()
        names = " ".join(f"t-{word}" for word in dict.fromkeys(styles) if word in _KNOWN)
        piece = plain[begin:end]
        parts.append(el("span", piece, class_=names) if names else piece)
    return join(parts)


def told(text: Text | str) -> Markup:
    """Return a text of either kind."""
    return rich(text) if isinstance(text, Text) else join([text])


def console_block(lines: Iterable[Text]) -> Markup | None:
    """Return lines as the console sets them, for what is told in its layout."""
    kept = list(lines)
    while kept and not kept[0].plain.strip():
        kept.pop(0)
    if not kept:
        return None
    plain = [line.plain for line in kept if line.plain.strip()]
    indent = min(len(text) - len(text.lstrip(" ")) for text in plain)
    shown = [rich(line[indent:]) if line.plain.strip() else Markup() for line in kept]
    return el("pre", join(shown, Markup("\n")), class_="told", tabindex="0")


def block_page() -> Page:
    """Return the page for :func:`console_block`."""
    return sheet(_BLOCK)


def badge(word: str | None) -> Markup | None:
    """Return a status word with the colour of what it means."""
    if not word:
        return None
    style = style_of(word)
    kind = (
        "bad"
        if "red" in style or word == "regression"
        else {"yellow": "warn", "green": "good"}.get(style, "plain")
    )
    return el("span", words(word), class_=f"badge {kind}")


def section(
    key: str, title: str, *children: Part, aside: Part = None, nav: list[tuple[str, str]]
) -> Markup:
    """Return a section with its heading, and enter it in the navigation."""
    nav.append((key, title))
    head = el("header", el("h2", title), el("span", aside, class_="aside") if aside else None)
    body = el("div", *children, class_="body")
    return el("section", head, body, id=key, class_="panel")


def pairs(rows: Iterable[tuple[Part, Part]]) -> Markup | None:
    """Return labels and values; nothing where there are none."""
    kept = [join([el("dt", label), el("dd", value)]) for label, value in rows]
    return el("dl", *kept) if kept else None


def table(
    head: Sequence[str],
    rows: Iterable[Markup],
    *,
    numbers: Iterable[int] = (),
    label: str,
    class_: str = "",
) -> Markup:
    """Return a table that scrolls by itself where the screen is narrow.

    Args:
        head: the columns' names.
        rows: finished rows.
        numbers: the columns that are set to the right.
        label: what it is called by screen readers.
        class_: further classes.
    """
    right = set(numbers)
    cells = [
        el("th", name, scope="col", class_="num" if at in right else None)
        for at, name in enumerate(head)
    ]
    inner = el(
        "table",
        el("thead", el("tr", *cells)),
        el("tbody", *rows),
        aria_label=label,
        class_=class_ or None,
    )
    return el("div", inner, class_="scroll", tabindex="0", role="region", aria_label=label)


def counted_rest(left_out: int, noun: str) -> Markup | None:
    """Return how many of something are not on the page; nothing where all are."""
    if left_out <= 0:
        return None
    many = "" if left_out == 1 else "s"
    return el("p", f"and {left_out:,} more {noun}{many}, in the JSON document", class_="dim")


class Notes:
    """Reasons under a table, each told once and referred to by its number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, item: Measurement) -> Markup | None:
        """Return the number of a figure's reason; nothing for what was plainly measured."""
        if item.status is Status.MEASURED:
            return None
        status, reason = words(item.status.value), item.reason or ""
        if not reason.startswith(status):
            reason = f"{status}: {reason}" if reason else status
        number = self._numbers.setdefault(reason, len(self._numbers) + 1)
        return el("sup", f"{number}")

    def listed(self) -> Markup | None:
        """Return the reasons in the order of their numbers."""
        rows: Iterator[Markup] = (el("li", reason) for reason in self._numbers)
        return el("ol", *rows, class_="notes") if self._numbers else None


def figure_cell(
    item: Measurement | None,
    notes: Notes | None = None,
    *,
    metric: str = "",
    sure: bool = True,
    signed: bool = False,
) -> Markup:
    """Return a cell with a figure, its interval, its band, and the number of its reason."""
    if item is None:
        return el("td", class_="num")
    bounds = interval(item, metric=metric) if sure and item.value is not None else ""
    sign = "+" if signed and item.value is not None and item.value > 0 else ""
    return el(
        "td",
        el(
            "span",
            sign + figure(item, metric=metric),
            class_="value" if item.value is not None else "na",
        ),
        notes.mark(item) if notes else None,
        join([" ", el("span", bounds, class_="dim")]) if bounds else None,
        join([" ", badge(item.band)]) if item.band and item.value is not None else None,
        class_="num",
        title=note(item) or None,
    )
