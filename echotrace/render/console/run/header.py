"""The head of the page: what was run on what, and how far it came."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from echotrace.render.console.layout import Page, style_of
from echotrace.render.console.parts import count
from echotrace.render.verdicts import run_verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.benchmark import BenchmarkRun

__all__ = ["header"]

_OUTCOMES = {"FAIL": "fail", "REGRESSION": "fail", "FAILED": "failed", "PASS": "pass"}


def header(run: BenchmarkRun, page: Page) -> Iterator[Text]:
    """Yield the title line, the verdict, and what was run."""
    head = run.header
    name = Text.assemble((f"EchoTrace {page.data(head.tool.version, limit=12)}", "bold"))
    name.append("  benchmark", "dim")
    told = f"run {page.data(head.run_id, limit=max(8, page.width - name.cell_len - 7))}"
    gap = page.width - name.cell_len - cell_len(told)
    yield Text.assemble(name, " " * gap, (told, "dim")) if gap > 0 else name
    yield Text(page.glyphs.rule * page.width, style="dim")
    verdict = run_verdict(run)
    style = style_of(_OUTCOMES.get(verdict.word, verdict.word.lower().replace(" ", "_")))
    outcome = Text.assemble(
        (page.data(verdict.word, limit=24), style or "bold"), f"  {page.data(verdict.why)}"
    )
    rows = [("outcome", outcome), ("clips", Text(_clips(run)))]
    for kind, label in (("stt", "engines"), ("llm", "models")):
        names = [page.data(item.name, limit=60) for item in head.engines if item.kind == kind]
        if names:
            rows.append((label, Text(", ".join(names), style="bold")))
    rows.append(("items", _items(run)))
    if head.manifest:
        rows.append(("manifest", Text(page.data(head.manifest, limit=2 * (page.width - 12)))))
    settings = ", ".join(f"{key} {value}" for key, value in head.settings.items() if value)
    if settings:
        rows.append(("settings", Text(page.data(settings, limit=200), style="dim")))
    rows.append(("created", Text(page.data(head.created_at, limit=40))))
    yield from page.pairs(rows)


def _clips(run: BenchmarkRun) -> str:
    labels = {item.condition.label for item in run.items if item.kind == "clip"}
    told = count(run.header.clips, "clip")
    if len(labels) > 1:
        told += f" under {count(len(labels), 'condition')}"
    if run.header.skipped:
        told += f"; {count(len(run.header.skipped), 'file')} skipped"
    return told


def _items(run: BenchmarkRun) -> Text:
    found = Counter(item.status for item in run.items)
    cached = sum(item.cached for item in run.items)
    text = Text(f"{found['ok']:,} ok")
    if found["failed"]:
        text.append(f", {found['failed']:,} failed", style_of("failed"))
    if run.missing:
        text.append(f", {run.missing:,} missing", style_of("partial"))
    text.append(f" of {run.header.items:,}")
    if run.header.repeat > 1:
        text.append(f", each {run.header.repeat:,} times")
    if cached:
        text.append(f"; {cached:,} from the cache", "dim")
    return text
