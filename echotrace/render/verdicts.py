"""What a report or a run comes to, in words and as cases that CI systems list.

JUnit, GitHub annotations and Markdown tell the same outcomes; they are told apart here once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.comparison.figures import figure_changes
from echotrace.model.measure import Severity
from echotrace.render.console.figures import number, percent, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.benchmark import BenchmarkRun, RunComparison, RunItem
    from echotrace.model.measure import Measurement
    from echotrace.model.report import GateResult, Report

__all__ = [
    "Case",
    "Verdict",
    "comparison_verdict",
    "counted",
    "edits_of",
    "gate_text",
    "item_figures",
    "item_name",
    "key_figures",
    "report_cases",
    "report_verdict",
    "run_cases",
    "run_verdict",
]

_NOT_ENOUGH = "not_enough_evidence"
_SPANS = {
    "audio": "audio_decode",
    "signal": "signal_analysis",
    "turns": "turn_analysis",
    "transcription": "stt_audit",
    "llm": "llm_ttft",
    "tts": "tts_ttfa",
}
"""The span of each built-in stage; one of a plug-in has its stage's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One word for the whole (such as ``PASS`` or ``NOT ENOUGH EVIDENCE``) and why."""

    word: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing that CI lists; ``outcome`` is pass, fail (a gate), error or skipped.

    ``group`` is gates, or whose cases these are, such as an engine. ``seconds`` is what it took,
    ``told`` what was found where it went well.
    """

    group: str
    name: str
    outcome: str
    why: str = ""
    kind: str = ""
    seconds: float | None = None
    told: str = ""


def report_verdict(report: Report) -> Verdict:
    """Return what a report comes to: what its gates say, and without gates its grade."""
    if report.status.value == "failed":
        worst = [item for item in report.warnings if item.severity is Severity.CRITICAL]
        return Verdict(word="FAILED", why=worst[0].message if worst else "the run has no result")
    by_gates = _gate_verdict(report.gates)
    score = report.score
    if score.value is None:
        reasons = "; ".join(f"{item.metric}: {item.reason}" for item in score.not_scored[:3])
        scored = f"reliability not measurable{f' ({reasons})' if reasons else ''}"
    else:
        digits = 0 if score.value % 1 == 0 else 1
        scored = f"reliability {number(score.value, digits)} / 100"
        if score.status != "complete":
            lacking = ", ".join(item.metric for item in score.not_scored)
            scored += f", a partial score without {lacking}" if lacking else ", a partial score"
    if by_gates is not None:
        return Verdict(word=by_gates.word, why=f"{by_gates.why}; {scored}")
    return Verdict(word=words(score.grade or "not scored").upper(), why=scored)


def run_verdict(run: BenchmarkRun) -> Verdict:
    """Return what a run comes to: its gates decide, then the comparison, then what failed."""
    failed = sum(item.status == "failed" for item in run.items)
    told = [f"{failed:,} of {counted(len(run.items), 'item')} failed"] if failed else []
    if run.missing:
        told.append(f"{counted(run.missing, 'item')} missing")
    if run.header.skipped:
        told.append(f"{counted(len(run.header.skipped), 'file')} skipped")
    if run.comparison is not None:
        told.append(f"beside {run.comparison.a}: {run.comparison.reason}")
    decided = _gate_verdict(run.gates)
    if run.status.value == "failed":
        return Verdict(word="FAILED", why="; ".join(told) or "no item has a result")
    if decided is None and run.comparison is not None:
        word = words(run.comparison.outcome).upper()
        return Verdict(word=word, why="; ".join(told))
    if decided is None:
        everything = f"{counted(len(run.items), 'item')}, none failed"
        return Verdict(word=run.status.value.upper(), why="; ".join(told) or everything)
    return Verdict(word=decided.word, why="; ".join([decided.why, *told]))


def comparison_verdict(comparison: RunComparison) -> Verdict:
    """Return what a comparison comes to."""
    return Verdict(word=words(comparison.outcome).upper(), why=comparison.reason)


def report_cases(report: Report) -> Iterator[Case]:
    """Yield a case for each gate, for the recording and for each stage of the run.

    A stage that has no result is skipped with its reason; only a recording without any is an error,
    because whether a stage had to succeed is for the command's own exit code.
    """
    yield from _gate_cases(report.gates)
    failed = report.status.value == "failed"
    worst = [item for item in report.warnings if item.severity is Severity.CRITICAL]
    verdict = report_verdict(report)
    yield Case(
        group="recording",
        name=report.source.path,
        outcome="error" if failed else "pass",
        why=verdict.why if failed else "",
        kind=worst[0].code if failed and worst else "",
        told=verdict.why,
    )
    spans = {span.name: span.duration_ms for span in report.latency.spans} if report.latency else {}
    for name, result in report.analyzers.items():
        duration = spans.get(_SPANS.get(name, name))
        yield Case(
            group="stages",
            name=name,
            outcome="pass" if result.status == "ok" else "skipped",
            why="" if result.status == "ok" else f"{words(result.status)}: {result.reason or ''}",
            kind=result.code or "",
            seconds=None if duration is None else duration / 1e3,
        )


def run_cases(run: BenchmarkRun) -> Iterator[Case]:
    """Yield a case for each gate, each item and each file that was skipped."""
    yield from _gate_cases(run.gates)
    for item in run.items:
        outcome, why, kind = "pass", "", ""
        if item.status == "failed":
            outcome = "error"
            error = item.error
            why = ": ".join(part for part in (error.message, error.why) if part) if error else ""
            kind = error.code if error else ""
        elif missing := _why_nothing(item):
            outcome, why = "skipped", missing
        yield Case(
            group=item.engine,
            name=item_name(item),
            outcome=outcome,
            why=why or ("no reason given" if outcome == "error" else ""),
            kind=kind,
            seconds=None if item.wall_ms is None else item.wall_ms / 1e3,
            told=item_figures(item),
        )
    if run.missing:
        yield Case(
            group="run",
            name="completeness",
            outcome="error",
            why=f"{counted(run.missing, 'item')} of this run have no result yet",
            kind="ITEMS_MISSING",
        )
    for file in run.header.skipped:
        yield Case(group="files", name=file.path, outcome="skipped", why=file.reason)


def key_figures(report: Report) -> list[tuple[str, str, Measurement]]:
    """Return label, metric and figure of what a call is judged by, those it lacks too."""
    return [(row.label, row.metric, row.a) for row in figure_changes(report, report)]


def gate_text(gate: GateResult) -> str:
    """Return what a gate asks, and of whom."""
    return f"{gate.expression} ({gate.subject})" if gate.subject else gate.expression


def gate_reason(gate: GateResult) -> str:
    """Return what was found: the figure, then the reason."""
    value = "" if gate.value is None else f"the value is {gate.value:,.6g}"
    return "; ".join(part for part in (value, gate.reason) if part)


def item_name(item: RunItem) -> str:
    """Return what tells an item from the others of its engine."""
    name = item.clip or "probe"
    return f"{name} ({item.repeat})" if item.repeat > 1 else name


def edits_of(item: RunItem) -> int | None:
    """Return substitutions, deletions and insertions together; None without a reference."""
    found = item.counts
    if found is None:
        return None
    return found.substitutions + found.deletions + found.insertions


def item_figures(item: RunItem) -> str:
    """Return what was found of one item, in a line."""
    told = []
    edits = edits_of(item)
    if item.counts is not None and edits is not None:
        said = item.counts.reference_words
        rate = f"WER {percent(edits / said)}, " if said else ""
        told.append(f"{rate}{counted(edits, 'edit')} in {counted(said, 'word')}")
    elif item.why_no_wer:
        told.append(f"no WER: {item.why_no_wer}")
    if item.heard_gaps_ms:
        told.append(f"worst heard gap {number(max(item.heard_gaps_ms))} ms")
    if item.ttft_ms:
        mock = "[MOCK] " if item.simulated else ""
        told.append(f"{mock}{counted(len(item.ttft_ms), 'probe')}")
    if item.doubt:
        told.append(f"an estimate: {item.doubt}")
    return "; ".join(told)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 item``, ``2,000 items``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _why_nothing(item: RunItem) -> str:
    """Return why an item that did not fail has nothing to be judged by; empty where it has."""
    if item.kind == "llm":
        return "" if item.ttft_ms else "no time to the first token could be measured"
    if item.counts is not None or item.heard_gaps_ms:
        return ""
    return f"not measurable: {item.why_no_wer or 'nothing to compare with'}"


def _gate_verdict(gates: Sequence[GateResult]) -> Verdict | None:
    """Return what gates say together; None where none was set."""
    if not gates:
        return None
    total = counted(len(gates), "gate")
    failed = sum(gate.outcome == "fail" for gate in gates)
    open_ = sum(gate.outcome == _NOT_ENOUGH for gate in gates)
    undecided = f"{open_:,} not decided" if open_ else ""
    if failed:
        told = f"{failed:,} of {total} failed"
        return Verdict(word="FAIL", why=", ".join(part for part in (told, undecided) if part))
    if open_:
        return Verdict(word="NOT ENOUGH EVIDENCE", why=f"{open_:,} of {total} not decided")
    return Verdict(word="PASS", why=f"{total} passed" if len(gates) == 1 else f"all {total} passed")


def _gate_cases(gates: Sequence[GateResult]) -> Iterator[Case]:
    outcomes = {"pass": "pass", "fail": "fail"}
    for gate in gates:
        yield Case(
            group="gates",
            name=gate_text(gate),
            outcome=outcomes.get(gate.outcome, "skipped"),
            why=gate_reason(gate) or words(gate.outcome),
            kind=gate.outcome,
        )
