"""Two reports beside each other: turns and stretches of words are what chance plays with.

One recording is one sample. Its turns can be resampled, and stretches of its words where both stand
against one text; what has no such parts is shown side by side and decides nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from echotrace.benchmark.figures import (
    Told,
    Values,
    of_quantile,
    of_rows,
    quantile_of,
    side_by_side,
)
from echotrace.benchmark.regression import DEFAULT_TOLERANCE, METRICS, overall
from echotrace.comparison.conditions import conditions_of, why_other_counting
from echotrace.model.benchmark import RunComparison
from echotrace.model.measure import Finding, Measurement, Severity
from echotrace.stats.ratios import ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Report, Transcription

    Row = tuple[float, float]

__all__ = ["compare_reports"]

_STRETCH: Final = 12
"""Words of a stretch, about an utterance: errors within it are not independent."""
_ONE_FIGURE: Final = "one figure of each recording says nothing of chance"


def compare_reports(
    a: Report,
    b: Report,
    *,
    a_name: str,
    b_name: str,
    tolerance: float = DEFAULT_TOLERANCE,
) -> RunComparison:
    """Compare report B with report A.

    Args:
        a: the report that B is measured by.
        b: the other.
        a_name: what A is called.
        b_name: what B is called.
        tolerance: how much worse a figure may get, as a share of A's.
    """
    told = [
        *_words(a, b, tolerance),
        *_turns(a, b, tolerance),
        *_requests(a, b, tolerance),
        *_single(a, b, tolerance),
    ]
    outcome, reason = overall([each.judged for each in told])
    same = _is_same_recording(a, b)
    return RunComparison(
        a=a_name,
        b=b_name,
        outcome=outcome,
        reason=reason,
        figures=tuple(each.figure for each in told),
        clips_in_both=int(same),
        only_in_a=int(not same),
        only_in_b=int(not same),
        warnings=tuple(
            Finding(
                code="CONDITIONS_DIFFER",
                severity=Severity.WARNING,
                message=f"{row.label}: {row.a} in A, {row.b} in B",
                hint=row.why,
            )
            for row in conditions_of(a, b)
            if row.verdict.is_difference
        ),
    )


def _is_same_recording(a: Report, b: Report) -> bool:
    return a.source.sha256 is not None and a.source.sha256 == b.source.sha256


def _words(a: Report, b: Report, tolerance: float) -> Iterator[Told]:
    one, other = a.transcription, b.transcription
    if one is None or other is None:
        return
    values = Values(
        metric=METRICS["wer"],
        subject=one.engine if one.engine == other.engine else f"{one.engine} -> {other.engine}",
        tolerance=tolerance,
        paired=True,
        n=0,
        a=one.wer,
        b=other.wer,
        why_not=why_other_counting(one, other) if one.gold and other.gold else "",
        what="word group",
    )
    rows = _stretches(one), _stretches(other)
    if len(rows[0]) != len(rows[1]):
        told = side_by_side(values, values.why_not or "the two stand against different gold texts")
    else:
        told = of_rows(replace(values, n=len(rows[0])), *rows, ratio())
    if told is not None:
        yield told


def _stretches(found: Transcription) -> list[Row]:
    """Return (edits, words) of each stretch of the gold text; the last one joins a short rest."""
    edits: Counter[int] = Counter()
    at = 0
    for op in found.diff:
        if op.op != "equal":
            for step in range(max(len(op.gold), len(op.actual))):
                edits[max(0, at + min(step, len(op.gold) - 1))] += 1
        at += len(op.gold)
    if not at:
        return []
    count = max(1, at // _STRETCH)
    bounds = [at * step // count for step in range(count + 1)]
    return [
        (float(sum(edits[place] for place in range(begin, end))), float(end - begin))
        for begin, end in pairwise(bounds)
    ]


def _turns(a: Report, b: Report, tolerance: float) -> Iterator[Told]:
    sides = [_gaps(report) for report in (a, b)]
    paired = _is_same_recording(a, b) and sides[0].keys() == sides[1].keys()
    groups = [[(gap,) for gap in side.values()] for side in sides]
    for key, q in (("heard.p50", 0.5), ("heard.p95", 0.95)):
        values = Values(
            metric=METRICS[key],
            subject="call",
            tolerance=tolerance,
            paired=paired,
            n=min(map(len, groups)),
            a=quantile_of(groups[0], q, "turn"),
            b=quantile_of(groups[1], q, "turn"),
            unpaired_why="" if paired else "the turns are not those of one recording",
            what="turn",
        )
        told = of_quantile(values, groups[0], groups[1], q)
        if told is not None:
            yield told


def _gaps(report: Report) -> dict[int, float]:
    if report.conversation is None:
        return {}
    return {
        turn.id: turn.heard_gap_ms.value
        for turn in report.conversation.turns
        if turn.heard_gap_ms.value is not None and turn.user and turn.agent
    }


def _requests(a: Report, b: Report, tolerance: float) -> Iterator[Told]:
    one, other = (report.probes.llm if report.probes else None for report in (a, b))
    if one is None or other is None:
        return
    groups = [[(time,) for time in each.samples_ms] for each in (one, other)]
    names = [":".join(filter(None, (each.provider, each.model))) for each in (one, other)]
    values = Values(
        metric=METRICS["ttft.p50"],
        subject=names[0] if names[0] == names[1] else " -> ".join(names),
        tolerance=tolerance,
        paired=False,
        n=min(map(len, groups)),
        a=one.ttft_ms,
        b=other.ttft_ms,
        what="request",
    )
    told = of_quantile(values, groups[0], groups[1], 0.5)
    if told is not None:
        yield told


def _single(a: Report, b: Report, tolerance: float) -> Iterator[Told]:
    """Show what one recording has once; none of it decides."""
    absent = Measurement.not_run("", "not part of this run")
    for key in ("entity_recall", "rtf", "cost"):
        sides = [_read(report, key) or absent for report in (a, b)]
        values = Values(
            metric=replace(METRICS[key], decides=False),
            subject="call",
            tolerance=tolerance,
            paired=False,
            n=1,
            a=sides[0],
            b=sides[1],
        )
        told = side_by_side(values, _ONE_FIGURE)
        if told is not None:
            yield told


def _read(report: Report, key: str) -> Measurement | None:
    words = report.transcription
    if key == "entity_recall":
        return words.entities.recall if words and words.entities else None
    if key == "rtf":
        return words.timing.rtf if words and words.timing else None
    return report.cost.total_usd if report.cost else None
