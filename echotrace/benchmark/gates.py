"""Gates over a run: expressions that must not hold of any engine, and figures that must not worsen.

``wer > 0.10`` is asked of every engine. ``wer regression`` asks for the outcome of the comparison
with a baseline. What was not measured, is only an estimate or was simulated decides nothing.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from echotrace.benchmark.regression import METRICS, PASS, REGRESSION
from echotrace.errors import UsageError
from echotrace.expressions import Expression, Figure, parse
from echotrace.model.measure import Measurement, Status
from echotrace.model.report import GateResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from echotrace.model.benchmark import BenchmarkRun, Cell, LlmCell

    Lookup = Callable[[str], Figure]

__all__ = ["NAMES", "RunGate", "asks_for_regression", "evaluate_run_gates", "read_run_gates"]

_OF_CELLS: Final = (
    "wer",
    "entity_recall",
    "hallucinated",
    "snr_error",
    "rtf",
    "heard",
    "heard.p50",
    "heard.p95",
    "heard.p99",
    "heard.worst",
    "missed_responses",
)
_OF_MODELS: Final = ("ttft", "ttft.p50", "ttft.p95", "ttft.p99", "ttft.worst")
_OF_BOTH: Final = ("cost", "failed", "failure_rate", "clips")
NAMES: Final = (*_OF_CELLS, *_OF_MODELS, *_OF_BOTH)
"""What an expression over a run may name; ``heard`` is the worst wait, ``ttft`` the median."""
_REGRESSION: Final = re.compile(r" *(?P<metric>[A-Za-z_][\w.]*) +regression *", re.ASCII)
_SHORT: Final = {"heard": "heard.p50", "ttft": "ttft.p50"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGate:
    """One gate as it was written: an expression, or the metric that must not regress."""

    text: str
    expression: Expression | None = None
    metric: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The figures that it reads."""
        return self.expression.names if self.expression else (self.metric or "",)


def read_run_gates(texts: Sequence[str], *, has_baseline: bool) -> tuple[RunGate, ...]:
    """Read gates before the run, so that none fails after it.

    Raises:
        UsageError: one does not fit the language, names what no run has, or asks for a regression
            where there is no baseline.
    """
    return tuple(_read(text, has_baseline=has_baseline) for text in texts)


def asks_for_regression(text: str) -> bool:
    """Whether this gate is one that only a run with a baseline can answer."""
    return _REGRESSION.fullmatch(text) is not None


def _read(text: str, *, has_baseline: bool) -> RunGate:
    match = _REGRESSION.fullmatch(text)
    if match is None:
        expression = parse(text, word=partial(_no_word, text))
        for name in expression.names:
            _check(text, name, NAMES, "which no run has")
        return RunGate(text=text, expression=expression)
    metric = _SHORT.get(match["metric"], match["metric"])
    _check(text, metric, tuple(METRICS), "which two runs are not compared by")
    if not has_baseline:
        raise UsageError(
            f"the gate {text!r} needs a run to compare with",
            hint="name one with --baseline",
            code="GATE",
        )
    return RunGate(text=text, metric=metric)


def _no_word(text: str, word: str) -> str:
    """Refuse a word where only numbers have an order: every figure of a run is a number."""
    raise UsageError(
        f"the gate {text!r} compares a figure with {word!r}, which is no number",
        hint='write it like "wer > 0.10"',
        code="GATE",
    )


def _check(text: str, name: str, known: Sequence[str], why: str) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(name.lower(), known, n=1)
    raise UsageError(
        f"the gate {text!r} names {name!r}, {why}",
        hint=f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(known)}",
        code="GATE",
    )


def evaluate_run_gates(run: BenchmarkRun, gates: Sequence[RunGate]) -> tuple[GateResult, ...]:
    """Evaluate each gate for each engine that it can be asked of, in the order of the gates.

    ``run.comparison`` answers for regressions. An expression fails where it holds, and passes where
    it does not.
    """
    return tuple(result for gate in gates for result in _results(run, gate))


def _results(run: BenchmarkRun, gate: RunGate) -> Iterator[GateResult]:
    found = list(_regressions(run, gate) if gate.metric else _expressions(run, gate))
    if found:
        yield from found
        return
    what = "language model" if set(gate.names) <= set(_OF_MODELS) else "speech engine"
    reason = f"no {what} is part of this run"
    if gate.metric:
        reason = "the run and its baseline have no such figure in common"
    yield GateResult(expression=gate.text, outcome="not_enough_evidence", reason=reason)


def _regressions(run: BenchmarkRun, gate: RunGate) -> Iterator[GateResult]:
    figures = run.comparison.figures if run.comparison else ()
    for figure in figures:
        if figure.metric == gate.metric:
            outcome = {PASS: "pass", REGRESSION: "fail"}.get(figure.outcome, "not_enough_evidence")
            yield GateResult(
                expression=gate.text,
                outcome=outcome,
                value=figure.difference.value,
                reason=figure.reason,
                subject=figure.subject,
            )


def _expressions(run: BenchmarkRun, gate: RunGate) -> Iterator[GateResult]:
    expression = gate.expression
    if expression is None:
        return
    names = set(expression.names)
    if not names <= {*_OF_MODELS, *_OF_BOTH} or names <= set(_OF_BOTH):
        for cell in run.cells:
            if cell.condition is None:
                yield _result(expression, cell.engine, _of_cell(run, cell))
    if names <= {*_OF_MODELS, *_OF_BOTH}:
        for model in run.llm_cells:
            yield _result(expression, model.engine, _of_model(run, model))


def _result(expression: Expression, engine: str, lookup: Lookup) -> GateResult:
    verdict = expression.verdict(lookup)
    reasons = list(verdict.reasons)
    if verdict.holds is not None:
        figures = [lookup(name) for name in expression.names]
        reasons = [
            figure.reason for figure in figures if figure.value is not None and figure.reason
        ]
    return GateResult(
        expression=expression.text,
        outcome={True: "fail", False: "pass", None: "not_enough_evidence"}[verdict.holds],
        value=verdict.value,
        reason="; ".join(dict.fromkeys(reasons)) or None,
        subject=engine,
    )


def _of_cell(run: BenchmarkRun, cell: Cell) -> Lookup:
    lacks = _lacks(run, cell.engine, "clip")
    heard = cell.heard_gap_ms
    figures = {
        "wer": cell.wer,
        "entity_recall": cell.entity_recall,
        "hallucinated": cell.hallucinated_words,
        "snr_error": cell.snr_error_db,
        "rtf": cell.rtf,
        "heard": heard.worst,
        "heard.p50": heard.p50,
        "heard.p95": heard.p95,
        "heard.p99": heard.p99,
        "heard.worst": heard.worst,
        "missed_responses": cell.missed_responses,
        "cost": cell.cost_usd,
    }

    def lookup(name: str) -> Figure:
        if name in figures:
            why = lacks
            if name in ("heard", "heard.p95", "heard.p99", "heard.worst") and heard.not_measured:
                why = "; ".join(filter(None, (lacks, _unmeasured(heard.not_measured))))
            return _figure(name, figures[name], why)
        if name in _OF_MODELS:
            return Figure(None, "it is a figure of language models: ask for it in its own gate")
        return _count(run, name, cell.engine, "clip", cell.clips)

    return lookup


def _unmeasured(turns: int) -> str:
    return f"{turns} turns could not be measured, and may be longer"


def _of_model(run: BenchmarkRun, model: LlmCell) -> Lookup:
    lacks = _lacks(run, model.engine, "llm")
    times = model.ttft_ms
    figures = {
        "ttft": times.p50,
        "ttft.p50": times.p50,
        "ttft.p95": times.p95,
        "ttft.p99": times.p99,
        "ttft.worst": times.worst,
        "cost": model.cost_usd,
    }

    def lookup(name: str) -> Figure:
        if name in figures:
            lost = times.not_measured if name != "cost" else 0
            slower = f"{lost} requests have no answer, and may be slower" if lost else ""
            return _figure(name, figures[name], "; ".join(filter(None, (lacks, slower))))
        return _count(run, name, model.engine, "llm", 0)

    return lookup


def _figure(name: str, figure: Measurement, lacks: str) -> Figure:
    """Read a figure; one with failures behind it is a lower bound, of a recall an upper one."""
    if figure.status is Status.ESTIMATED and name == "cost":
        lacks = "; ".join(filter(None, (figure.reason, lacks)))
    elif figure.status is not Status.MEASURED:
        return Figure(None, f"{figure.status.value}: {figure.reason or 'no reason given'}")
    if lacks and name == "entity_recall":
        return Figure(None, f"at most {figure.value:.3g}: {lacks}")
    return Figure(figure.value, lacks or None, at_least=bool(lacks))


def _lacks(run: BenchmarkRun, engine: str, kind: str) -> str:
    """Say what a figure leaves out; nothing where every item has a result."""
    items, failed = _tally(run, engine, kind)
    told = f"{failed} of {items} items failed" if failed else ""
    if run.missing:
        told = "; ".join(filter(None, (told, f"{run.missing} items of the run are missing")))
    return told


def _tally(run: BenchmarkRun, engine: str, kind: str) -> tuple[int, int]:
    items = [item for item in run.items if item.engine == engine and item.kind == kind]
    return len(items), sum(item.status != "ok" for item in items)


def _count(run: BenchmarkRun, name: str, engine: str, kind: str, clips: int) -> Figure:
    items, failed = _tally(run, engine, kind)
    missing = f"{run.missing} items of the run are missing" if run.missing else None
    if name == "clips":
        return Figure(float(clips), missing, at_least=bool(missing))
    if name == "failed":
        return Figure(float(failed), missing, at_least=bool(missing))
    if not items:
        return Figure(None, "this run holds no item of it")
    if missing:
        return Figure(None, missing)
    return Figure(failed / items)
