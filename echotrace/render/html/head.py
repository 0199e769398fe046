"""The head of a report: what it is of, the score and what it cost, the figures that matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.model.measure import Measurement, Status
from echotrace.render.console.conversation import roles
from echotrace.render.console.figures import MOCK, clock, figure, interval, note, number, quantity
from echotrace.render.console.missing import has_recording
from echotrace.render.console.score import metric_name, points
from echotrace.render.console.timeline import stamp
from echotrace.render.console.warnings import by_severity
from echotrace.render.html.markup import Markup, Part, el, join
from echotrace.render.html.texts import badge, counted_rest, pairs, rich, sheet, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echotrace.model.measure import Finding
    from echotrace.model.report import GateResult, Report

__all__ = ["at_button", "finding_list", "gate_table", "head", "score_block"]

_FINDINGS = 200


def head(report: Report) -> Markup:
    """Return title, score, key figures and what was analysed."""
    source = report.source
    title = source.path if has_recording(report) else "Probes of services"
    if not has_recording(report) and report.probes is None and report.pipeline is not None:
        title = report.pipeline.trace.path if report.pipeline.trace is not None else title
    score = report.score
    value = "n/a" if score.value is None else points(score.value)
    dial = el(
        "div",
        el("span", value, class_="number"),
        el("span", " / 100", class_="dim"),
        el("div", badge(score.grade or "not_measurable")),
        el("div", badge(score.status) if score.status != "complete" else None),
        class_=f"dial {score.grade if score.grade in ('healthy', 'warning', 'critical') else ''}",
        role="img",
        aria_label=f"reliability {value} of 100, {score.grade or 'not measurable'}",
    )
    synthetic = el("span", "SYNTHETIC", class_="badge mock") if source.synthetic else None
    names = el(
        "div",
        el("h1", title),
        el("p", badge(report.status.value), " ", synthetic, " ", join(_facts(report), " · ")),
        class_="names",
    )
    return el("div", dial, names, el("div", *_tiles(report), class_="tiles"), class_="head")


def _facts(report: Report) -> Iterator[Part]:
    source = report.source
    if source.duration_s is not None:
        yield clock(source.duration_s)
    if source.start_s or source.end_s is not None:
        end = "the end" if source.end_s is None else clock(source.end_s)
        yield f"cut from {clock(source.start_s)} to {end}"
    if source.sample_rate_hz is not None:
        yield f"{number(source.sample_rate_hz)} Hz"
    kind = dict.fromkeys(word for word in (source.container, source.codec) if word)
    if kind:
        yield " ".join(kind)
    known = roles(source, sheet())
    if known.plain:
        yield rich(known)
    for item in source.files:
        begins = f" (begins at {item.offset_ms:+,.0f} ms)" if item.offset_ms else ""
        yield f"{item.role}: {item.path}{begins}"
    yield report.created_at
    yield f"job {report.job_id}"
    yield f"{report.tool.name} {report.tool.version}"


def _tiles(report: Report) -> Iterator[Markup]:
    """Yield the key figures of the stages that ran, each with its interval and its band."""
    if report.conversation is not None:
        gaps = report.conversation.summary.heard_gap_ms
        target = "#turns" if report.conversation.turns else "#conversation"
        yield _tile("heard gap p50", gaps.p50, target)
        if gaps.worst.value is not None:
            yield _tile("heard gap worst", gaps.worst, target)
    if report.transcription is not None:
        result = report.transcription
        leads = result.cer if result.rate == "cer" else result.wer
        yield _tile(result.rate.upper()[:8], leads, "#transcript")
        if result.entities is not None:
            yield _tile("entity recall", result.entities.recall, "#transcript")
    if report.signal is not None:
        scored = report.signal.scored_channel
        found = [item for item in report.signal.channels if item.index == scored]
        for item in found[:1]:
            yield _tile(f"SNR, {item.role}", item.snr_db, "#signal")
    if report.probes is not None and report.probes.llm is not None:
        yield _tile("LLM TTFT", report.probes.llm.ttft_ms, "#probes")
    if report.probes is not None and report.probes.tts is not None:
        yield _tile("TTS TTFA", report.probes.tts.ttfa_ms, "#probes")
    trace = report.pipeline.trace if report.pipeline is not None else None
    if trace is not None:
        yield _tile("claimed gap p50", trace.claimed_gap_ms.p50, "#claimed")
        if trace.difference_ms.p50.value is not None:
            yield _tile("heard less claimed", trace.difference_ms.p50, "#claimed")
    if report.pipeline is not None and report.pipeline.kind != "trace":
        yield _tile("caller's wait", report.pipeline.total_ms, "#pipeline")
    if report.cost is not None:
        yield _tile("cost", report.cost.total_usd, "#cost")


def _tile(label: str, item: Measurement, target: str) -> Markup:
    beside = interval(item) if item.value is not None else (item.reason or "")
    mock = el("span", "MOCK", class_="badge mock") if item.status is Status.SIMULATED else None
    return el(
        "a",
        el("span", label, class_="label"),
        el(
            "span",
            figure(item).removeprefix(MOCK).strip(),
            class_="figure" if item.value is not None else "figure na",
        ),
        el("span", mock, badge(item.band), " ", el("span", beside, class_="dim"), class_="beside"),
        class_="tile",
        href=target,
        title=note(item) or None,
    )


def score_block(report: Report) -> Iterator[Part]:
    """Yield the deductions with what they cost, and what did not enter."""
    score = report.score
    if score.profile != "default":
        yield el("p", "profile ", el("b", score.profile))
    if score.deductions:
        yield table(
            ("points", "metric", "value", "band", "why"),
            [
                el(
                    "tr",
                    el("td", f"-{points(item.points)}", class_="num strong"),
                    el("td", metric_name(item.metric)),
                    el("td", quantity(item.value, item.unit, metric=item.metric), class_="num"),
                    el("td", badge(item.band)),
                    el("td", item.message),
                )
                for item in score.deductions
            ],
            numbers=(0, 2),
            label="deductions from the score",
        )
    elif score.value is not None:
        yield el("p", "Nothing was taken off.")
    if score.not_scored:
        yield el("h3", "Not scored")
        yield pairs((metric_name(item.metric), item.reason) for item in score.not_scored)


def finding_list(found: Iterable[Finding]) -> Markup | None:
    """Return findings, the worst first, each with its place and what to do."""
    ranked = by_severity(found)
    items = [
        el(
            "li",
            badge(item.severity.value),
            " ",
            el("code", item.code),
            " ",
            at_button(item.at_s) if item.at_s is not None else None,
            " ",
            item.message,
            el("div", "try: ", item.hint, class_="hint") if item.hint else None,
        )
        for item in ranked[:_FINDINGS]
    ]
    if not items:
        return None
    rest = counted_rest(len(ranked) - _FINDINGS, "finding")
    return join([el("ul", *items, class_="findings"), rest])


def at_button(at_s: float, label: str | None = None, *, digits: int = 1) -> Markup:
    """Return a time that moves the play head there."""
    shown = stamp(at_s, digits=digits)
    return el(
        "button",
        label or shown,
        type="button",
        class_="at",
        data_at=f"{at_s:.3f}",
        aria_label=f"{label + ' ' if label else ''}go to {shown}",
    )


def gate_table(gates: Iterable[GateResult]) -> Markup | None:
    """Return the gates with their outcomes."""
    kept = list(gates)
    if not kept:
        return None
    several = any(gate.subject for gate in kept)
    head = ("outcome", "gate", *(("of",) if several else ()), "value", "why")
    rows = [
        el(
            "tr",
            el("td", badge(gate.outcome)),
            el("td", el("code", gate.expression)),
            el("td", gate.subject) if several else None,
            el("td", "" if gate.value is None else f"{gate.value:,.6g}", class_="num"),
            el("td", gate.reason),
        )
        for gate in kept
    ]
    return table(head, rows, numbers=(len(head) - 2,), label="gates")
