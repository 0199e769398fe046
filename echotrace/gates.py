"""Gates: expressions over a Report, with three outcomes.

A gate is an expression that must not hold (``wer > 0.10``). One over a figure that was not measured
ends as *not enough evidence*.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from echotrace.errors import UsageError
from echotrace.expressions import Expression, Figure
from echotrace.model.codec import to_plain
from echotrace.model.report import ChannelSignal, GateResult, Report, Signal

__all__ = ["ALIASES", "check_names", "evaluate_gates", "read_figure"]

ALIASES: Mapping[str, str] = {
    "score": "score.value",
    "wer": "transcription.wer",
    "cer": "transcription.cer",
    "hallucinated": "transcription.hallucination.words",
    "entity_recall": "transcription.entities.recall",
    "entity_precision": "transcription.entities.precision",
    "first_partial": "transcription.streaming.first_partial_ms",
    "final": "transcription.streaming.final_ms",
    "snr": "signal.snr_db",
    "silence": "signal.silence_ratio",
    "clipping": "signal.clipping_ratio",
    "heard": "conversation.summary.heard_gap_ms.worst",
    "heard.worst": "conversation.summary.heard_gap_ms.worst",
    "heard.p50": "conversation.summary.heard_gap_ms.p50",
    "heard.p95": "conversation.summary.heard_gap_ms.p95",
    "heard.p99": "conversation.summary.heard_gap_ms.p99",
    "greeting": "conversation.summary.greeting_ms",
    "yield": "conversation.summary.yield_ms.worst",
    "yield.p50": "conversation.summary.yield_ms.p50",
    "barge_ins": "conversation.summary.barge_ins",
    "missed_responses": "conversation.summary.missed_responses",
    "early_starts": "conversation.summary.early_starts",
    "dead_air": "conversation.summary.dead_air_s",
    "talk_over": "conversation.summary.talk_over_ms",
    "overlap": "conversation.summary.overlap_ratio",
    "ttft": "probes.llm.ttft_ms",
    "ttft.worst": "probes.llm.percentiles.ttft_ms.worst",
    "ttft.p50": "probes.llm.percentiles.ttft_ms.p50",
    "ttft.p95": "probes.llm.percentiles.ttft_ms.p95",
    "ttft.p99": "probes.llm.percentiles.ttft_ms.p99",
    "ttfat": "probes.llm.ttfat_ms",
    "first_sentence": "probes.llm.first_sentence_ms",
    "ttfb": "probes.tts.ttfb_ms",
    "ttfa": "probes.tts.ttfa_ms",
    "ttfa.worst": "probes.tts.percentiles.ttfa_ms.worst",
    "ttfa.p50": "probes.tts.percentiles.ttfa_ms.p50",
    "ttfa.p95": "probes.tts.percentiles.ttfa_ms.p95",
    "ttfa.p99": "probes.tts.percentiles.ttfa_ms.p99",
    "claimed": "pipeline.trace.claimed_gap_ms.worst",
    "claimed.p50": "pipeline.trace.claimed_gap_ms.p50",
    "claimed.p95": "pipeline.trace.claimed_gap_ms.p95",
    "claimed.p99": "pipeline.trace.claimed_gap_ms.p99",
    "difference": "pipeline.trace.difference_ms.worst",
    "difference.p50": "pipeline.trace.difference_ms.p50",
    "difference.p95": "pipeline.trace.difference_ms.p95",
    "difference.p99": "pipeline.trace.difference_ms.p99",
    "pipeline": "pipeline.total_ms",
    "pipeline.p50": "pipeline.percentiles.p50",
    "pipeline.p95": "pipeline.percentiles.p95",
    "pipeline.p99": "pipeline.percentiles.p99",
    "cost": "cost.total_usd",
    "rtf": "transcription.timing.rtf",
    "e2e": "latency.e2e_ms",
    "p99": "latency.p99_ms",
}
"""Short names of the figures that gates are most often about; any path of the report works too."""

_TAILS = ("p95", "p99", "worst")
"""Percentiles that a request which never came back would have made larger."""
_DOUBTED = "transcription"
"""The part of a report whose estimated figures come from a stand-in engine."""


def check_names(expression: Expression) -> Expression:
    """Refuse names that no report can have, before the run and not after it.

    Raises:
        UsageError: a name is neither an alias nor a path of the report.
    """
    for name in expression.names:
        wrong = None if name in ALIASES else _wrong_step(name)
        if wrong is None:
            continue
        step, known = wrong
        pool = [*ALIASES, *known] if step == name.partition(".")[0] else known
        near = difflib.get_close_matches(step.lower(), pool, n=1)
        raise UsageError(
            f"the gate {expression.text!r} names {name!r}, which no report has",
            hint=f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(ALIASES)}",
            code="GATE",
        )
    return expression


def _wrong_step(name: str) -> tuple[str, list[str]] | None:
    """Return the first step of a path that no report has and what could stand there, or None."""
    kinds: tuple[Any, ...] = (Report,)
    for step in name.split("."):
        known: dict[str, Any] = {}
        for kind in kinds:
            if kind is Any:
                return None
            known |= _steps(kind)
        if step not in known and not ("0" in known and step.isdecimal()):
            return step, [key for key in known if key != "0"]
        kinds = _parts(known.get(step, known.get("0")))
    return None


def _steps(kind: Any) -> dict[str, Any]:
    """What may follow a value of this type: field names, or any index (as "0") of a list."""
    if get_origin(kind) is tuple:
        return {"0": get_args(kind)[0]}
    if not is_dataclass(kind):
        return {}
    hints = get_type_hints(kind)
    if kind is Signal:  # signal.snr_db is the scored channel's
        hints = get_type_hints(ChannelSignal) | hints
    return hints


def _parts(kind: Any) -> tuple[Any, ...]:
    """The alternatives of a type, without None; a mapping's values may be anything."""
    if get_origin(kind) is dict:
        return (Any,)
    if get_origin(kind) in (Union, UnionType):
        return tuple(part for part in get_args(kind) if part is not type(None))
    return (kind,)


def evaluate_gates(report: Report, expressions: tuple[Expression, ...]) -> tuple[GateResult, ...]:
    """Evaluate each gate over a report: fail when its expression holds, pass when it does not."""
    plain = to_plain(report)
    return tuple(_gate(expression, plain) for expression in expressions)


def _gate(expression: Expression, plain: Mapping[str, Any]) -> GateResult:
    verdict = expression.verdict(lambda name: read_figure(plain, name))
    outcome = {True: "fail", False: "pass", None: "not_enough_evidence"}[verdict.holds]
    return GateResult(
        expression=expression.text,
        outcome=outcome,
        value=verdict.value,
        reason="; ".join(dict.fromkeys(verdict.reasons)) or None,
    )


def read_figure(plain: Mapping[str, Any], name: str) -> Figure:
    """Read a figure of a report (as plain dicts) by alias or path; simulated ones do not count.

    ``signal.snr_db`` means the scored channel's. A partial score is not enough evidence, and
    neither are error rates of an engine that only stood in: they say more about it than the call.
    A wait or a cost that leaves something out is a lower bound, and so is the tail of a probe that
    lost requests.
    """
    path = ALIASES.get(name, name).split(".")
    if path[0] == "score" and plain["score"]["status"] != "complete":
        listed = ", ".join(item["metric"] for item in plain["score"]["not_scored"])
        return Figure(None, f"the score is {plain['score']['status']} (not scored: {listed})")
    node: Any = plain
    if path[0] == "signal" and len(path) == 2 and isinstance(plain.get("signal"), Mapping):
        node = {"signal": _scored_channel(plain["signal"])}
    for step in path:
        node = _step(node, step)
        if node is None:
            return Figure(None, _why_missing(plain, path))
    if isinstance(node, Mapping) and "status" in node and "unit" in node:
        if node["status"] == "measured" or (node["status"] == "estimated" and path[0] != _DOUBTED):
            lacks = _lacks(plain, path)
            return Figure(node["value"], lacks or None, at_least=bool(lacks))
        return Figure(None, f"{node['status']}: {node.get('reason', 'no reason given')}")
    if isinstance(node, bool):
        return Figure(str(node).lower())
    if isinstance(node, (int, float, str)):
        return Figure(node)
    return Figure(None, "this is no single figure")


def _lacks(plain: Mapping[str, Any], path: Sequence[str]) -> str:
    """Say what makes a figure a lower bound; nothing for one that is whole."""
    if path[0] == "pipeline" and path[1:2] in (["total_ms"], ["percentiles"]):
        missing = [str(key).replace("_", " ") for key in plain["pipeline"]["missing"]]
        return f"it leaves out {', '.join(missing)}" if missing else ""
    if path == ["cost", "total_usd"]:
        left_out = "; ".join(map(str, plain["cost"]["leaves_out"]))
        return f"it leaves out {left_out}" if left_out else ""
    if path[0] == "probes" and path[2:3] == ["percentiles"] and path[-1] in _TAILS:
        spread = plain["probes"][path[1]]["percentiles"][path[3]]
        lost = spread["not_measured"]
        return f"{lost} of {lost + spread['n']} requests have none, and may be slower" * bool(lost)
    return ""


def _step(node: Any, step: str) -> Any:
    if isinstance(node, Mapping):
        return node.get(step)
    if isinstance(node, list) and step.isdecimal() and int(step[:6]) < len(node):
        return node[int(step)]
    return None


def _scored_channel(signal: Mapping[str, Any]) -> Mapping[str, Any]:
    for channel in signal["channels"]:
        if channel["index"] == signal["scored_channel"]:
            return dict(channel)
    return signal


def _why_missing(plain: Mapping[str, Any], path: Sequence[str]) -> str:
    root = path[0]
    stage = {"probes": path[1] if len(path) > 1 else root, "conversation": "turns"}.get(root, root)
    entry = plain["analyzers"].get(stage)
    if entry and entry.get("reason"):
        return str(entry["reason"])
    return "not run" if plain.get(root) is None else "no such figure in this report"
