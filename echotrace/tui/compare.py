"""Two reports laid side by side: what differs, which way, and what cannot be compared.

Nothing is tested for significance here. Two figures whose 95 % intervals overlap are called so,
and where a figure has no interval that is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from echotrace.model.measure import Measurement, Status
from echotrace.model.report import Deduction
from echotrace.tui.compare_conditions import Condition, conditions_of
from echotrace.tui.compare_turns import TurnChange, turn_changes
from echotrace.tui.compare_verdict import Verdict, judged
from echotrace.tui.compare_words import WordChange, WordChanges, word_changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from echotrace.model.conversation import ConversationSummary
    from echotrace.model.report import Report, Score, Transcription

__all__ = [
    "Comparison",
    "DeductionChange",
    "FigureChange",
    "Row",
    "Section",
    "Unscored",
    "compare",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureChange:
    """One figure in both reports; ``metric`` is its key, ``label`` its name on the screen."""

    label: str
    metric: str
    a: Measurement
    b: Measurement
    verdict: Verdict
    why: str = ""

    @property
    def difference(self) -> float | None:
        """The figure of B less that of A, in their unit; None where one has no value."""
        if self.a.value is None or self.b.value is None or self.a.unit != self.b.unit:
            return None
        return self.b.value - self.a.value


@dataclass(frozen=True, slots=True, kw_only=True)
class DeductionChange:
    """What one metric costs the score in each report; None where it costs nothing."""

    metric: str
    a: Deduction | None
    b: Deduction | None
    verdict: Verdict

    @property
    def difference(self) -> float:
        """The points that B gets back, negative where it loses more than A."""
        return (self.a.points if self.a else 0.0) - (self.b.points if self.b else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """A core metric that does not enter one of the scores, or neither; the reasons, None if in."""

    metric: str
    a: str | None
    b: str | None
    verdict: Verdict


Row = FigureChange | DeductionChange | Unscored | Condition | TurnChange | WordChange


class Section(str, Enum):
    """The parts of a comparison, in the order of their keys."""

    SCORE = "Score"
    FIGURES = "Figures"
    TURNS = "Turns"
    WORDS = "Words"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """All rows of two reports; compared by identity, because it is large.

    ``paired_by`` is ``time`` or ``number``; ``why_paired`` says in words why not by time.
    """

    conditions: tuple[Condition, ...]
    score: tuple[FigureChange | DeductionChange | Unscored, ...]
    figures: tuple[FigureChange, ...]
    turns: tuple[TurnChange, ...]
    why_no_turns: str
    paired_by: str
    why_paired: str
    words: WordChanges

    def rows(self, section: Section) -> tuple[Row, ...]:
        """Return the rows of a section; the score's end with the conditions."""
        if section is Section.SCORE:
            return (*self.score, *self.conditions)
        if section is Section.FIGURES:
            return self.figures
        return self.turns if section is Section.TURNS else self.words.rows

    def differences(self, section: Section) -> tuple[int, ...]:
        """Return the positions of the rows that are not alike."""
        return tuple(at for at, row in enumerate(self.rows(section)) if row.verdict.is_difference)

    def why_nothing(self, section: Section) -> str:
        """Return why a section could not be compared at all; empty where it was."""
        if section is Section.TURNS:
            return self.why_no_turns
        return self.words.reason if section is Section.WORDS else ""


def compare(a: Report, b: Report) -> Comparison:
    """Lay report B beside report A; every difference is B less A."""
    conditions = conditions_of(a, b)
    recording = conditions[0]
    turns = turn_changes(a, b, same_recording=recording.verdict is Verdict.SAME)
    return Comparison(
        conditions=conditions,
        score=tuple(_score(a, b)),
        figures=tuple(_figures(a, b)),
        turns=turns.rows,
        why_no_turns=turns.why_none,
        paired_by=turns.paired_by,
        why_paired=turns.why_paired,
        words=word_changes(a.transcription, b.transcription),
    )


def _score(a: Report, b: Report) -> Iterable[FigureChange | DeductionChange | Unscored]:
    left, right = _points(a.score), _points(b.score)
    verdict, why = judged(left, right, more_is_better=True)
    if verdict in (Verdict.BETTER, Verdict.WORSE):
        if a.score.profile != b.score.profile:
            verdict, why = Verdict.UNLIKE, "the two were scored by other thresholds"
        elif {item.metric for item in a.score.not_scored} != {
            item.metric for item in b.score.not_scored
        }:
            verdict, why = Verdict.UNLIKE, "not the same metrics entered the two scores"
        else:
            why = ""
    yield FigureChange(label="score", metric="score", a=left, b=right, verdict=verdict, why=why)
    yield from _deductions(a.score, b.score)
    missing_a = {item.metric: item.reason for item in a.score.not_scored}
    missing_b = {item.metric: item.reason for item in b.score.not_scored}
    for metric in sorted(missing_a | missing_b):
        left_out, right_out = missing_a.get(metric), missing_b.get(metric)
        yield Unscored(
            metric=metric, a=left_out, b=right_out, verdict=_scored_in(left_out, right_out)
        )


def _scored_in(a: str | None, b: str | None) -> Verdict:
    if a is not None and b is not None:
        return Verdict.SAME
    return Verdict.ONLY_A if a is None else Verdict.ONLY_B


def _points(score: Score) -> Measurement:
    if score.value is None:
        reasons = "; ".join(f"{item.metric}: {item.reason}" for item in score.not_scored)
        return Measurement.not_measurable("points", reasons or "no core metric was measured")
    return Measurement.measured(score.value, "points", band=score.grade)


def _deductions(a: Score, b: Score) -> list[DeductionChange]:
    """Return one row per metric and count, the largest change of the score first."""
    left, right = _by_metric(a.deductions), _by_metric(b.deductions)
    rows = []
    for key in left.keys() | right.keys():
        before, after = left.get(key), right.get(key)
        gained = (before.points if before else 0.0) - (after.points if after else 0.0)
        if gained:
            verdict = Verdict.BETTER if gained > 0 else Verdict.WORSE
        elif before and after and before.value == after.value:
            verdict = Verdict.SAME
        else:
            verdict = Verdict.CHANGED
        rows.append((-abs(gained), key, before, after, verdict))
    rows.sort(key=lambda row: row[:2])
    return [
        DeductionChange(metric=key[0], a=before, b=after, verdict=verdict)
        for _, key, before, after, verdict in rows
    ]


def _by_metric(deductions: Iterable[Deduction]) -> dict[tuple[str, int], Deduction]:
    found: dict[tuple[str, int], Deduction] = {}
    for item in deductions:
        at = 0
        while (item.metric, at) in found:
            at += 1
        found[item.metric, at] = item
    return found


def _figures(a: Report, b: Report) -> Iterable[FigureChange]:
    for label, metric, more_is_better, read in _READ:
        left, right = read(a), read(b)
        verdict, why = judged(left, right, more_is_better=more_is_better)
        yield FigureChange(label=label, metric=metric, a=left, b=right, verdict=verdict, why=why)


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
