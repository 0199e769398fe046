"""The head of the page: which run of which version, on which recording or services, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from echotrace.model.report import Probes
from echotrace.render.console.conversation import roles
from echotrace.render.console.figures import clock, milliseconds, number
from echotrace.render.console.layout import Page, style_of
from echotrace.render.console.missing import has_recording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Report, Source

__all__ = ["header"]


def header(report: Report, page: Page) -> Iterator[Text]:
    """Yield the title line and what was analysed."""
    source = report.source
    word = report.status.value
    ended = [
        ("status", Text(word.upper(), style=style_of(word) or "bold")),
        ("created", Text(page.data(report.created_at, limit=40))),
    ]
    name = Text.assemble((f"EchoTrace {page.data(report.tool.version, limit=12)}", "bold"))
    job = f"job {page.data(report.job_id, limit=max(8, page.width - name.cell_len - 7))}"
    yield Text.assemble(name, " " * (page.width - name.cell_len - cell_len(job)), (job, "dim"))
    yield Text(page.glyphs.rule * page.width, style="dim")
    if not has_recording(report):
        trace = report.pipeline.trace if report.pipeline else None
        rows = [] if trace is None else [("trace", Text(page.data(trace.path), style="bold"))]
        if trace is None or report.probes is not None:
            rows.append(("probed", _probed(report, page)))
        yield from page.pairs([*rows, *ended])
        return
    file = Text.assemble((page.data(source.path, limit=2 * (page.width - 12)), "bold"))
    if source.synthetic:
        file.append("  SYNTHETIC", "bold magenta")
    rows = [("file", file), ("audio", Text(page.data(_audio(source)))), *ended]
    if source.start_s or source.end_s is not None:
        end = "the end" if source.end_s is None else clock(source.end_s)
        rows.insert(2, ("cut", Text(f"from {clock(source.start_s)} to {end} of the file")))
    rows[2:2] = _sides(source, page)
    yield from page.pairs(rows)


def _probed(report: Report, page: Page) -> Text:
    """Return the services that a run without a recording asked."""
    found = report.probes or Probes()
    parts = []
    for kind, probe in (("LLM", found.llm), ("TTS", found.tts)):
        if probe is not None:
            names = (probe.provider, probe.model or "")
            named = " ".join(page.data(name, limit=60) for name in names if name)
            parts.append(f"{kind} {named}")
    return Text("; ".join(parts) or "nothing could be probed", style="bold")


def _sides(source: Source, page: Page) -> list[tuple[str, Text]]:
    """Return whose side each channel is and how that is known, and the files of a call in two."""
    rows = []
    for item in source.files:
        told = Text(page.data(item.path, limit=2 * (page.width - 12)))
        if item.offset_ms:
            when = "later" if item.offset_ms > 0 else "earlier"
            told.append(f", begins {milliseconds(abs(item.offset_ms))} {when}", "dim")
        rows.append((page.data(item.role, limit=12), told))
    known = roles(source, page)
    return [*rows, ("roles", known)] if known.plain else rows


def _audio(source: Source) -> str:
    parts = []
    if source.duration_s is not None:
        parts.append(clock(source.duration_s))
    if source.sample_rate_hz is not None:
        parts.append(f"{number(source.sample_rate_hz)} Hz")
    if source.channels:
        count = len(source.channels)
        roles = ", ".join(channel.role for channel in source.channels)
        parts.append(f"{count} channel{'' if count == 1 else 's'} ({roles})")
    kind = dict.fromkeys(word for word in (source.container, source.codec) if word)
    parts.append(" ".join(kind))
    return ", ".join(part for part in parts if part) or "unknown"
