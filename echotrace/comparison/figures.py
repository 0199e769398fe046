"""The figures of two reports, each judged by what its interval means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.comparison.conditions import why_other_counting
from echotrace.comparison.verdict import Verdict, judged
from echotrace.model.measure import Measurement, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from echotrace.model.conversation import ConversationSummary
    from echotrace.model.report import Report, Transcription

__all__ = ["FigureChange", "figure_changes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureChange:
    """One figure in both reports; ``metric`` is its key, ``label`` its name on the screen.

    ``by_edges`` tells that a single thing was measured: its interval holds how sure its edges are.
    """

    label: str
    metric: str
    a: Measurement
    b: Measurement
    verdict: Verdict
    why: str = ""
    by_edges: bool = False

    @property
    def difference(self) -> float | None:
        """The figure of B less that of A, in their unit; None where one has no value."""
        if self.a.value is None or self.b.value is None or self.a.unit != self.b.unit:
            return None
        return self.b.value - self.a.value


def figure_changes(a: Report, b: Report) -> Iterator[FigureChange]:
    """Yield the figures that both reports could have, those that one lacks too."""
    one, other = a.transcription, b.transcription
    unlike = why_other_counting(one, other) if one and other else ""
    for label, metric, more_is_better, read in _READ:
        left, right = read(a), read(b)
        by_edges = label in _EDGES
        verdict, why = judged(left, right, more_is_better=more_is_better, by_edges=by_edges)
        if unlike and metric in _COUNTED and None not in (left.value, right.value):
            verdict, why = Verdict.UNLIKE, unlike
        yield FigureChange(
            label=label,
            metric=metric,
            a=left,
            b=right,
            verdict=verdict,
            why=why,
            by_edges=by_edges,
        )


def _absent(report: Report, stage: str, unit: str) -> Measurement:
    entry = report.analyzers.get(stage)
    reason = entry.reason if entry and entry.reason else "not part of this run"
    return Measurement.not_run(unit, reason)


def _of_call(
    unit: str, read: Callable[[ConversationSummary], Measurement]
) -> Callable[[Report], Measurement]:
    def figure(report: Report) -> Measurement:
        if report.conversation is None:
            return _absent(report, "turns", unit)
        return read(report.conversation.summary)

    return figure


def _of_words(
    read: Callable[[Transcription], Measurement | None],
) -> Callable[[Report], Measurement]:
    def figure(report: Report) -> Measurement:
        found = read(report.transcription) if report.transcription else None
        return found or _absent(report, "transcription", "ratio")

    return figure


def _missed(report: Report) -> Measurement:
    call = report.conversation
    if call is None:
        return _absent(report, "turns", "")
    if call.status != Status.MEASURED.value:
        return Measurement.not_measurable("", call.reason or "the turns could not be told apart")
    return Measurement.measured(call.summary.missed_responses, "")


def _snr(report: Report) -> Measurement:
    signal = report.signal
    channels = signal.channels if signal else ()
    found = [item for item in channels if signal and item.index == signal.scored_channel]
    return found[0].snr_db if found else _absent(report, "signal", "dB")


def _ttft(report: Report) -> Measurement:
    probe = report.probes.llm if report.probes else None
    return probe.ttft_ms if probe else _absent(report, "llm", "ms")


def _ttfa(report: Report) -> Measurement:
    probe = report.probes.tts if report.probes else None
    return probe.ttfa_ms if probe else _absent(report, "tts", "ms")


def _pipeline(report: Report) -> Measurement:
    if report.pipeline is None:
        return Measurement.not_run("ms", "no part of a pipeline was probed")
    return report.pipeline.total_ms


def _cost(report: Report) -> Measurement:
    if report.cost is None:
        return Measurement.not_run("USD", "no request was made that is charged for")
    return report.cost.total_usd


_COUNTED = frozenset({"wer", "cer", "entity_recall"})
"""Figures that stand against the gold text."""
_EDGES = frozenset({"worst gap", "first gap", "worst yield", "dead air"})
"""Figures of one stretch of the call; the others' intervals are of many values."""
_READ: tuple[tuple[str, str, bool, Callable[[Report], Measurement]], ...] = (
    ("heard gap p50", "heard_gap_ms", False, _of_call("ms", lambda item: item.heard_gap_ms.p50)),
    ("heard gap p95", "heard_gap_ms", False, _of_call("ms", lambda item: item.heard_gap_ms.p95)),
    ("worst gap", "heard_gap_ms", False, _of_call("ms", lambda item: item.heard_gap_ms.worst)),
    ("first gap", "heard_gap_ms", False, _of_call("ms", lambda item: item.first_heard_gap_ms)),
    ("yield p50", "yield_ms", False, _of_call("ms", lambda item: item.yield_ms.p50)),
    ("worst yield", "yield_ms", False, _of_call("ms", lambda item: item.yield_ms.worst)),
    ("dead air", "dead_air_s", False, _of_call("s", lambda item: item.dead_air_s)),
    ("talk-over", "talk_over_ms", False, _of_call("ms", lambda item: item.talk_over_ms)),
    ("missed answers", "missed_responses", False, _missed),
    ("WER", "wer", False, _of_words(lambda item: item.wer)),
    ("CER", "cer", False, _of_words(lambda item: item.cer)),
    (
        "entity recall",
        "entity_recall",
        True,
        _of_words(lambda item: item.entities.recall if item.entities else None),
    ),
    ("SNR", "snr_db", True, _snr),
    ("TTFT", "ttft_ms", False, _ttft),
    ("TTFA", "ttfa_ms", False, _ttfa),
    ("pipeline", "pipeline_ms", False, _pipeline),
    ("cost", "cost_usd", False, _cost),
)
"""Name on the screen, key, whether more of it is better, and where it stands in a report."""
