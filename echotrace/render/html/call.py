"""A call on one page: sections in the order in which a reader asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.render.console.figures import words
from echotrace.render.console.missing import has_recording
from echotrace.render.console.pipeline_trace_told import trace_of, traced_by
from echotrace.render.html.claimed import claimed_block
from echotrace.render.html.head import finding_list, gate_table, head, score_block
from echotrace.render.html.lanes import call_scale, lanes
from echotrace.render.html.markup import Markup, Part, el, join
from echotrace.render.html.page import document
from echotrace.render.html.player import player
from echotrace.render.html.quality import extras_block, missing_block, signal_block
from echotrace.render.html.services import (
    cost_block,
    pipeline_block,
    probe_block,
    waterfall_block,
)
from echotrace.render.html.talk import conversation_block, turns_block
from echotrace.render.html.texts import section
from echotrace.render.html.words import transcript_block

if TYPE_CHECKING:
    from echotrace.model.report import Report
    from echotrace.render.embed import EmbeddedAudio

__all__ = ["call_page"]

_NAME = 80


def call_page(report: Report, audio: EmbeddedAudio | None) -> str:
    """Return the document of one report, with its sound where it is given."""
    nav: list[tuple[str, str]] = []
    body: list[Part] = [head(report)]

    def add(key: str, title: str, *children: Part, aside: Part = None) -> None:
        kept = [child for child in children if child]
        if kept:
            body.append(section(key, title, *kept, aside=aside, nav=nav))

    add("findings", "Findings", finding_list(report.warnings))
    add("gates", "Gates", gate_table(report.gates))
    drawn = lanes(report)
    if drawn is not None or audio is not None:
        controls = player(call_scale(report), audio)
        add("timeline", "Timeline", controls, drawn)
    add("score", "Score", *score_block(report))
    add("conversation", "Conversation", *_or_why(report, "turns", conversation_block(report)))
    turns = report.conversation.turns if report.conversation else ()
    add("turns", "Turns", turns_block(report), aside=f"{len(turns):,}")
    add("claimed", "Claimed against heard", *claimed_block(report), aside=_traced_by(report))
    result = report.transcription
    told = transcript_block(result) if result is not None else ()
    add("transcript", "Transcript", *_or_why(report, "transcription", told))
    signal = signal_block(report.signal) if report.signal is not None else ()
    add("signal", "Signal", *_or_why(report, "signal", signal))
    probes = report.probes
    add(
        "probes",
        "Probes",
        *(probe_block(probes.llm, "llm") if probes and probes.llm else ()),
        *(probe_block(probes.tts, "tts") if probes and probes.tts else ()),
    )
    if report.pipeline is not None and report.pipeline.kind != "trace":
        add("pipeline", "Pipeline", *pipeline_block(report.pipeline))
    if report.latency is not None:
        reasons = {
            name: item.reason or "" for name, item in report.analyzers.items() if item.reason
        }
        add("waterfall", "Waterfall", *waterfall_block(report.latency, reasons))
    if report.cost is not None:
        add("cost", "Cost", *cost_block(report.cost), aside="at list prices")
    add("analyzers", "Other analyzers", extras_block(report))
    add("missing", "Not measured", *missing_block(report))
    trace = trace_of(report)
    name = "probes" if trace is None or report.probes is not None else trace.path
    name = report.source.path if has_recording(report) else name
    return document(title=f"{name} - EchoTrace", nav=nav, body=body)


def _traced_by(report: Report) -> str | None:
    trace = trace_of(report)
    return traced_by(trace)[:_NAME] if trace is not None else None


def _or_why(report: Report, stage: str, parts: object) -> list[Part]:
    """Return the parts of a section, or why the stage has none."""
    kept: list[Part] = list(parts)  # type: ignore[call-overload]
    if any(kept):
        return kept
    entry = report.analyzers.get(stage)
    if entry is None or not has_recording(report):
        return []
    return [_why(words(entry.status), entry.reason, entry.code)]


def _why(status: str, reason: str | None, code: str | None) -> Markup:
    beside = join([" ", el("code", code)]) if code else None
    return el("p", status, f": {reason}" if reason else None, beside, class_="why")
