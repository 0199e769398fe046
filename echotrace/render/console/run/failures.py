"""Items without a result and files that were skipped, grouped by their reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.parts import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.benchmark import BenchmarkRun, RunItem
    from echotrace.render.console.layout import Page

__all__ = ["failures"]

_NAMED = 3
_COLUMN = 8


def failures(run: BenchmarkRun, page: Page) -> Iterator[Text]:
    """Yield a group for each kind of failure, then for each reason to skip; nothing without any."""
    groups: dict[str, list[RunItem]] = {}
    for item in run.items:
        if item.status == "failed":
            groups.setdefault(item.error.code if item.error else "UNKNOWN", []).append(item)
    skipped: dict[str, list[str]] = {}
    for file in run.header.skipped:
        skipped.setdefault(file.reason, []).append(file.path)
    if not groups and not skipped:
        return
    yield from page.heading("Failed and skipped")
    for code, items in sorted(groups.items(), key=lambda group: -len(group[1])):
        text = Text.assemble((page.data(code, limit=40), "bold"))
        if error := items[0].error:
            told = ": ".join(part for part in (error.message, error.why) if part)
            text.append(f"  {page.data(told)}")
        names = list(dict.fromkeys(f"{item.clip or 'probe'} ({item.engine})" for item in items))
        yield from _group(len(items), text, names, page)
    for reason, paths in sorted(skipped.items(), key=lambda group: -len(group[1])):
        text = Text.assemble(("skipped", "bold"), f"  {page.data(reason)}")
        yield from _group(len(paths), text, paths, page)


def _group(number: int, text: Text, names: list[str], page: Page) -> Iterator[Text]:
    yield from page.wrapped(text, indent=_COLUMN, first=Text(f"  {number:>5,}", style="red"))
    listed = ", ".join(page.data(name, limit=60) for name in names[:_NAMED])
    left = len(names) - _NAMED
    more = f", and {count(left, 'other')}" if left > 0 else ""
    yield from page.wrapped(Text(f"{listed}{more}", style="dim"), indent=_COLUMN)
