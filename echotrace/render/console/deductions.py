"""How a score came to be: what each deduction cost and where, and what never entered."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from echotrace.config.thresholds import Thresholds
from echotrace.model.conversation import Incident, Turn
from echotrace.model.measure import Status
from echotrace.model.report import SpeechSegment, Word, WordError
from echotrace.render.console.errors import cause_name, cause_style
from echotrace.render.console.figures import figure, milliseconds, quantity, words
from echotrace.render.console.layout import style_of
from echotrace.render.console.parts import said_and_heard
from echotrace.render.console.score import metric_name, points
from echotrace.render.console.timeline import named, stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.measure import Finding, Measurement
    from echotrace.model.report import Deduction, NotScored, Report, Score
    from echotrace.render.console.layout import Page

__all__ = [
    "ScoredFigure",
    "arithmetic",
    "deduction_lines",
    "figures_of",
    "free_of_charge",
    "grades",
    "not_scored_lines",
    "place_lines",
    "request_lines",
    "why_none",
]

_DEFAULT = "default"
_BELOW = 4
"""Cells that what is below a deduction is set in."""
_TIME = 10
"""Cells of the time before a place."""
_NO_CORE = "none of the stages that ran has a figure that a score is made of"


class ScoredFigure(NamedTuple):
    """A figure that a score reads, under the name that its deduction would have."""

    metric: str
    figure: Measurement


def arithmetic(score: Score, page: Page) -> Iterator[Text]:
    """Yield the sum that the score is: 100, less each deduction."""
    if score.value is None:
        return
    line = Text("100")
    for item in score.deductions:
        line.append(" - ", "dim")
        line.append(points(item.points), "bold")
        line.append(f" {page.data(metric_name(item.metric), limit=24)}", "dim")
    off = sum(item.points for item in score.deductions)
    if off > 100:
        line.append(f" = {points(100 - off)}, which counts as 0", "dim")
    elif score.deductions:
        line.append(f" = {points(score.value)}")
    else:
        line.append(", and nothing was taken off")
    yield from page.wrapped(line, indent=0)


def deduction_lines(item: Deduction, page: Page) -> Iterator[Text]:
    """Yield the points, the metric, its value and band; below them the limit that was crossed."""
    lead = Text(f"-{points(item.points)}".rjust(4), style="bold")
    value = quantity(item.value, page.data(item.unit, limit=12), metric=item.metric)
    line = Text.assemble((page.data(metric_name(item.metric), limit=32), "bold"))
    line.append(f"  {page.data(value)}")
    line.append(f"  {page.data(item.band, limit=24)}", style_of(item.band))
    line.append(f"  {page.data(item.message)}", "dim")
    yield from page.wrapped(line, indent=_BELOW + 2, first=lead)


def place_lines(
    about: Incident | WordError | Turn | Finding | SpeechSegment | Word, at_s: float, page: Page
) -> Iterator[Text]:
    """Yield when a place is, and what the report holds there."""
    lead = Text.assemble(" " * _BELOW, (stamp(at_s, digits=2).rjust(_TIME), "cyan"))
    yield from page.wrapped(_told(about, page), indent=_BELOW + _TIME + 2, first=lead)


def _told(about: Incident | WordError | Turn | Finding | SpeechSegment | Word, page: Page) -> Text:
    if isinstance(about, Turn):
        return _turn(about, page)
    if isinstance(about, WordError):
        return _error(about, page)
    if isinstance(about, Incident):
        text = Text(page.data(named(about.type), limit=32))
        text.append(f"  {page.data(_seconds(about.duration_ms))}", "bold")
        severity = about.severity.value
        return text.append(f"  {severity}", style_of(severity))
    if isinstance(about, SpeechSegment):
        text = Text("speech  ")
        text.append(f"SNR {page.data(figure(about.snr_db))}", "bold")
        band = about.snr_db.band
        if band:
            text.append(f"  {page.data(band, limit=20)}", style_of(band))
        return text.append(f"  for {quantity(about.end_s - about.start_s, 's')}", "dim")
    return Text(page.data(about.text if isinstance(about, Word) else about.message))


def _turn(turn: Turn, page: Page) -> Text:
    gap = turn.heard_gap_ms
    text = Text(f"turn {turn.id:,}  ")
    text.append(f"gap {page.data(figure(gap))}", "bold")
    if gap.band:
        text.append(f"  {page.data(gap.band, limit=20)}", style_of(gap.band))
    if turn.kind != "response":
        text.append(f"  {page.data(named(turn.kind), limit=24)}", "dim")
    return text


def _error(error: WordError, page: Page) -> Text:
    text = said_and_heard(error.gold, error.actual, page)
    for cause in error.causes[:1]:
        text.append(f"  {cause_name(cause.kind, page)}", cause_style(cause.kind))
        if cause.evidence.strip():
            text.append(f"  {page.data(cause.evidence)}", "dim")
    return text


def _seconds(duration: Measurement) -> str:
    if duration.value is None:
        return f"n/a: {duration.reason or 'its length is not known'}"
    return quantity(duration.value / 1e3, "s")


def request_lines(index: int, ttft_ms: float, status: str, page: Page) -> Iterator[Text]:
    """Yield one request of a probe with its time to first token."""
    text = Text(f"request {index:,}  ")
    text.append(f"TTFT {milliseconds(ttft_ms)}", "bold")
    if status != "ok":
        text.append(f"  {page.data(words(status), limit=20)}", style_of(status))
    yield from page.wrapped(text, indent=_BELOW + 2)


def figures_of(report: Report) -> list[ScoredFigure]:
    """Return what a score reads and this report has, in the order of the deductions."""
    found: list[tuple[str, Measurement | None]] = []
    if report.signal is not None:
        scored = (
            item for item in report.signal.channels if item.index == report.signal.scored_channel
        )
        found += [("snr_db", item.snr_db) for item in scored]
    heard = report.conversation
    if heard is not None:
        gaps = heard.summary.heard_gap_ms
        found.append(("heard_gap_ms", gaps.p95 if gaps.n >= 20 else gaps.p50))
    text = report.transcription
    if text is not None:
        found.append(("wer", text.wer))
    if report.probes is not None and report.probes.llm is not None:
        found.append(("ttft_ms", report.probes.llm.ttft_ms))
    if text is not None and text.timing is not None:
        found.append(("rtf", text.timing.rtf))
    if heard is not None:
        found.append(("dead_air_s", heard.summary.dead_air_s))
    return [ScoredFigure(metric, item) for metric, item in found if item is not None]


def free_of_charge(report: Report) -> list[ScoredFigure]:
    """Return the figures that entered the score and cost it nothing."""
    score = report.score
    if score.value is None:
        return []
    told = {item.metric for item in score.deductions}
    told |= {item.metric for item in score.not_scored}
    return [
        item
        for item in figures_of(report)
        if item.metric not in told and item.figure.status is Status.MEASURED
    ]


def not_scored_lines(item: NotScored, report: Report, page: Page) -> Iterator[Text]:
    """Yield why a metric did not enter, and what it would have cost."""
    text = Text.assemble((page.data(metric_name(item.metric), limit=24), "bold"), "  ")
    text.append(page.data(item.reason))
    read = {entry.metric: entry.figure for entry in figures_of(report)}
    told = _would_have_cost(item.metric, read.get(item.metric), report.score.profile)
    if told:
        text.append(f"; {page.data(told)}", "dim")
    yield from page.wrapped(text, indent=2)


def _would_have_cost(metric: str, item: Measurement | None, profile: str) -> str:
    """Say what a figure costs by the built-in limits: a report does not hold its own."""
    costs = _costs().get(metric)
    if costs is None or profile != _DEFAULT:
        return ""
    if item is not None and item.value is not None and item.band:
        cost = costs.get(item.band, 0.0)
        shown = f"{quantity(item.value, item.unit, metric=metric)} {item.band}"
        taken = f"take {points(cost)} points" if cost else "take nothing"
        return f"{shown}: the built-in limits {taken} for that"
    return f"the built-in limits take up to {points(max(costs.values()))} points"


def _costs() -> dict[str, dict[str, float]]:
    limits = Thresholds()
    return {
        "snr_db": {"noisy": limits.points_snr_noisy, "critical": limits.points_snr_critical},
        "heard_gap_ms": {
            "warning": limits.points_heard_gap_warning,
            "critical": limits.points_heard_gap_critical,
        },
        "wer": {"degraded": limits.points_wer_degraded, "critical": limits.points_wer_critical},
        "ttft_ms": {"high": limits.points_ttft_high, "critical": limits.points_ttft_critical},
    }


def grades(score: Score, page: Page) -> Iterator[Text]:
    """Yield what the grades mean, as far as a report tells: it names its profile, not its limits.

    Under the default profile the built-in limits are told as such: [thresholds] may have moved
    them for this run.
    """
    line = Text()
    for at, grade in enumerate(("healthy", "warning", "critical")):
        line.append(", " if at else "").append(grade, style_of(grade))
    name = page.data(score.profile, limit=32)
    line.append(f": the limits are those of the profile {name}, the report does not hold them")
    if score.profile == _DEFAULT:
        limits = Thresholds()
        healthy, warning = points(limits.grade_healthy), points(limits.grade_warning)
        told = f"; built in are {healthy} and {warning}, unless [thresholds] moved them"
        line.append(told, "dim")
    yield from page.wrapped(line, indent=2)


def why_none(report: Report, page: Page) -> Iterator[Text]:
    """Yield why there is no score; nothing where there is one."""
    score = report.score
    if score.value is not None:
        return
    failed = report.status.value == "failed"
    told = "the run failed, so there is nothing to score" if failed else "nothing could be scored"
    yield from page.wrapped(Text(told, style="bold"), indent=2)
    graver = [item for item in report.warnings if item.severity.value == "critical"]
    for item in graver[:3] if failed else ():
        yield from page.wrapped(Text(page.data(item.message)), indent=2)
        if item.hint:
            hint = Text.assemble(("try: ", "dim"), page.data(item.hint))
            yield from page.wrapped(hint, indent=4)
    if not score.not_scored and not graver:
        yield from page.wrapped(Text(_NO_CORE), indent=2)
