"""A benchmark run on one page: the verdict, the matrix, where engines break, what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.render.console.figures import figure, milliseconds, percent
from echotrace.render.console.flat import flat
from echotrace.render.html.frontier import frontier_blocks
from echotrace.render.html.head import finding_list, gate_table
from echotrace.render.html.markup import Markup, Part, el, join
from echotrace.render.html.matrix import engine_blocks, llm_block, overview
from echotrace.render.html.page import document
from echotrace.render.html.texts import badge, counted_rest, pairs, section, table
from echotrace.render.html.versus import comparison_block
from echotrace.render.html.words import diff
from echotrace.render.verdicts import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.benchmark import BenchmarkRun, RunItem, WorstClip

__all__ = ["run_page"]

_WORST = 40
_WORDS = 600
_FAILED = 60
_SKIPPED = 100
_SETTINGS = 200


def run_page(run: BenchmarkRun) -> str:
    """Return the document of one run; of its items only the worst and the failed are on it."""
    nav: list[tuple[str, str]] = []
    body: list[Part] = [_head(run)]

    def add(key: str, title: str, *children: Part, aside: Part = None) -> None:
        kept = [child for child in children if child]
        if kept:
            body.append(section(key, title, *kept, aside=aside, nav=nav))

    add("gates", "Gates", gate_table(run.gates))
    add("findings", "Findings", finding_list(run.warnings))
    if run.comparison is not None:
        add("comparison", "Against the baseline", *comparison_block(run.comparison))
    add("matrix", "Matrix", overview(run), aside="WER with its 95 % interval")
    add("frontier", "Degradation frontier", *frontier_blocks(run))
    add("engines", "Engines", *engine_blocks(run))
    add("models", "Language models", *(llm_block(run.llm_cells) if run.llm_cells else ()))
    add("worst", "Worst clips", *_worst(run))
    add("failed", "Failed", *_failures(run))
    add("skipped", "Skipped files", *_skipped(run))
    add("settings", "Settings", *_settings(run))
    title = f"{run.header.manifest or 'benchmark'} - EchoTrace"
    return document(title=title, nav=nav, body=body)


def _outcome(run: BenchmarkRun) -> str | None:
    """Return the word for all gates together: the worst of their outcomes."""
    outcomes = {gate.outcome for gate in run.gates}
    known = ("fail", "not_enough_evidence", "pass")
    return next((word for word in known if word in outcomes), None)


def _head(run: BenchmarkRun) -> Markup:
    header = run.header
    outcome = _outcome(run)
    kind = {"fail": "critical", "not_enough_evidence": "warning", "pass": "healthy"}.get(
        outcome or "", ""
    )
    dial = el(
        "div",
        el("span", "no gates" if outcome is None else outcome.replace("_", " "), class_="word"),
        class_=f"dial {kind}",
    )
    failed = sum(item.status == "failed" for item in run.items)
    facts: list[Part] = [
        counted(header.clips, "clip"),
        counted(sum(item.kind == "stt" for item in header.engines), "engine"),
        f"{header.repeat:,} repeats" if header.repeat > 1 else None,
        f"{len(run.items):,} of {header.items:,} items",
        el("span", f"{failed:,} failed", class_="t-red") if failed else None,
        el("span", f"{run.missing:,} missing", class_="t-red") if run.missing else None,
        header.created_at,
        f"run {header.run_id}",
        f"{run.tool.name} {run.tool.version}",
    ]
    names = el(
        "div",
        el("h1", header.manifest or "Benchmark"),
        el("p", badge(run.status.value), " ", join(facts, " · ")),
        class_="names",
    )
    return el("div", dial, names, el("div", *_tiles(run), class_="tiles"), class_="head")


def _tiles(run: BenchmarkRun) -> Iterator[Markup]:
    for cell in run.cells:
        if cell.condition is None:
            bounds = ""
            if cell.wer.low is not None and cell.wer.high is not None:
                bounds = f"{percent(cell.wer.low)} to {percent(cell.wer.high)}"
            yield el(
                "a",
                el("span", f"WER {cell.engine}", class_="label"),
                el("span", figure(cell.wer), class_="figure"),
                el("span", badge(cell.wer.band), " ", bounds or cell.wer.reason, class_="beside"),
                class_="tile",
                href="#engines",
            )


def _worst(run: BenchmarkRun) -> Iterator[Part]:
    found: dict[tuple[str, str], RunItem] = {}
    for item in run.items:
        if item.kind == "clip" and item.diff:
            found.setdefault((item.clip, item.engine), item)
    shown = run.worst[:_WORST]
    yield from (_clip(item, found.get((item.clip, item.engine))) for item in shown)
    yield counted_rest(len(run.worst) - len(shown), "clip")


def _clip(item: WorstClip, heard: RunItem | None) -> Markup:
    told: list[str] = []
    if item.wer is not None:
        told.append(f"WER {percent(item.wer)}")
    if item.edits is not None and item.words is not None:
        told.append(f"{item.edits:,} errors in {item.words:,} words")
    if item.worst_heard_gap_ms is not None:
        told.append(f"worst heard gap {milliseconds(item.worst_heard_gap_ms)}")
    head = el(
        "p",
        el("b", item.clip),
        " ",
        item.engine,
        el("span", f" · {item.condition.label} · ", class_="dim"),
        el("span", ", ".join(told), class_="t-red"),
        el("span", f" · {item.why}", class_="dim"),
    )
    return el("div", head, diff(heard.diff, _WORDS) if heard else None, class_="clip")


def _failures(run: BenchmarkRun) -> Iterator[Part]:
    groups: dict[tuple[str, str], list[RunItem]] = {}
    for item in run.items:
        if item.status == "failed":
            error = item.error
            key = (error.code, error.why or error.message) if error else ("UNKNOWN", "no reason")
            groups.setdefault(key, []).append(item)
    if run.missing:
        yield el("p", f"{run.missing:,} items have no line in the run file: echotrace benchmark "
                      "--resume makes them", class_="t-red")  # fmt: skip
    if not groups:
        return
    yield table(
        ("items", "code", "why", "for example"),
        [
            el(
                "tr",
                el("td", f"{len(items):,}", class_="num"),
                el("td", el("code", code)),
                el("td", why),
                el("td", f"{items[0].clip or items[0].engine}: ",
                   items[0].error.message if items[0].error else None),
            )
            for (code, why), items in list(groups.items())[:_FAILED]
        ],
        numbers=(0,),
        label="failed items",
    )  # fmt: skip
    yield counted_rest(len(groups) - _FAILED, "reason")


def _skipped(run: BenchmarkRun) -> Iterator[Part]:
    files = run.header.skipped
    if files:
        rows = [el("tr", el("td", f.path), el("td", f.reason)) for f in files[:_SKIPPED]]
        yield table(("file", "why"), rows, label="skipped files")
        yield counted_rest(len(files) - _SKIPPED, "file")


def _settings(run: BenchmarkRun) -> Iterator[Part]:
    header = run.header
    rows: list[tuple[Part, Part]] = [
        ("plan", el("code", header.plan_sha256[:16])),
        ("manifest", header.manifest),
        ("manifest sha256", el("code", (header.manifest_sha256 or "")[:16])),
    ]
    rows += [(key, value) for key, value in flat(header.settings, depth=3)]
    for item in header.engines:
        if not item.identity:
            continue
        told = ", ".join(f"{key} {value}" for key, value in flat(item.identity, depth=3))
        rows.append((f"{item.kind} {item.name}", told))
    kept = [(label, value) for label, value in rows if label and value]
    yield pairs(kept[:_SETTINGS])
    yield counted_rest(len(kept) - _SETTINGS, "setting")
