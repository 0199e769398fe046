"""What a trace beside a recording comes to, in words: for the console, the page and the comment."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING, Final

from rich.text import Text

from echotrace.render.console.axis import drawable
from echotrace.render.console.figures import figure, milliseconds, number, words
from echotrace.render.console.lane import part_name
from echotrace.render.console.layout import style_of
from echotrace.render.console.parts import count
from echotrace.render.console.pipeline_trace_bar import added
from echotrace.render.console.timeline import stamp
from echotrace.render.console.turns import interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.conversation import Percentiles
    from echotrace.model.reconciled import ClockFit, PipelineTrace, PipelineTurn, TurnPart
    from echotrace.model.report import Report
    from echotrace.render.console.layout import Page

__all__ = [
    "clock_told",
    "headline",
    "left_out",
    "listed_turns",
    "longest_part",
    "next_step",
    "owner_of",
    "shown_turn",
    "signed",
    "spread_rows",
    "trace_of",
    "trace_turn_of",
    "traced_by",
    "turn_label",
]

_OWNER: Final = 32


def trace_of(report: Report) -> PipelineTrace | None:
    """Return the pipeline's own trace, where the report has one."""
    return report.pipeline.trace if report.pipeline is not None else None


def trace_turn_of(report: Report, turn_id: int) -> PipelineTurn | None:
    """Return what the trace knows of a turn of the recording."""
    trace = trace_of(report)
    turns = trace.turns if trace is not None else ()
    return next((turn for turn in turns if turn.turn_id == turn_id), None)


def traced_by(trace: PipelineTrace) -> str:
    """Return who wrote the trace, as it says itself, else its format."""
    named = " ".join(part for part in (trace.producer, trace.producer_version) if part)
    return named or trace.kind


def headline(trace: PipelineTrace, page: Page) -> Iterator[Text]:
    """Yield in one sentence what was claimed and what was heard, then what it stands on."""
    claimed, heard, more_ms = (
        spread.p50.value
        for spread in (trace.claimed_gap_ms, trace.heard_gap_ms, trace.difference_ms)
    )
    says = Text()
    if claimed is not None:
        says = Text.assemble("the platform says ", (milliseconds(claimed), "bold"))
    if not trace.has_recording:
        says = says if says.plain else Text("the platform's own figures are below")
        yield says.append("; what the caller heard is not known: there is no recording")
        return
    if trace.clock.status == "refused":
        yield Text("the trace could not be laid over the recording", style="bold red")
        yield Text(page.data(trace.clock.reason or "no reason given"))
        return
    if claimed is not None and heard is not None and more_ms is not None:
        line = says.append(", the caller heard ").append(milliseconds(heard), "bold")
        yield line.append(": ").append_text(_moved(more_ms))
        some = count(trace.difference_ms.n, "turn")
        yield Text(f"medians of {some}; the difference is taken turn by turn", style="dim")
        return
    pairs = trace.difference_ms
    if pairs.worst.value is None:
        why = page.data(pairs.worst.reason or "no reason given")
        yield Text(f"no turn could be compared: {why}")
        return
    line = Text(f"{count(pairs.n, 'turn')} on both sides, too few for a median; at most ")
    yield line.append_text(_moved(pairs.worst.value))


def _moved(more_ms: float) -> Text:
    if abs(more_ms) < 0.5:
        return Text("as long", style="bold green")
    word = "more" if more_ms > 0 else "less"
    style = "bold yellow" if more_ms > 0 else "bold green"
    return Text(f"{milliseconds(abs(more_ms))} {word}", style=style)


def signed(value: float, *, unit: bool = False) -> str:
    """Return a difference with its sign: ``+360``, ``-370 ms``, ``0``."""
    shown = milliseconds(value) if unit else number(value)
    return f"+{shown}" if value >= 0.5 else shown


def spread_rows(trace: PipelineTrace, page: Page) -> list[tuple[str, Text]]:
    """Return the three distributions; what was not measured is left out."""
    rows = (
        ("claimed", trace.claimed_gap_ms, False),
        ("heard", trace.heard_gap_ms, False),
        ("difference", trace.difference_ms, True),
    )
    return [(label, _spread(item, page, plus=plus)) for label, item, plus in rows if item.n]


def _spread(item: Percentiles, page: Page, *, plus: bool) -> Text:
    line = Text(f"n={item.n:,}", style="dim")
    for label, value in (
        ("p50", item.p50),
        ("p95", item.p95),
        ("p99", item.p99),
        ("worst", item.worst),
    ):
        if value.value is None:
            continue
        shown = signed(value.value, unit=True) if plus else page.data(figure(value))
        line.append(f", {label} ").append(shown, "bold")
        sure = interval(value, page) if label != "worst" else ""
        line.append(f" {sure}" if sure else "", "dim")
    return line.append(f"; {item.not_measured:,} not measured" if item.not_measured else "", "dim")


def shown_turn(trace: PipelineTrace) -> PipelineTurn | None:
    """Return the turn whose parts stand for the call: of those counted the nearest to the median.

    Its gap is the heard one, and the claimed one where nothing could be heard.
    """
    by_claim = not trace.has_recording or trace.clock.status == "refused"
    spread = trace.claimed_gap_ms if by_claim else trace.heard_gap_ms

    def gap(turn: PipelineTurn) -> float | None:
        return (turn.claimed_gap_ms if by_claim else turn.heard_gap_ms).value

    known = [turn for turn in trace.turns if turn.parts and gap(turn) is not None and turn.counted]
    if not known:
        return None
    known.sort(key=lambda turn: drawable(gap(turn) or 0.0))
    median = spread.p50.value
    if median is None:
        return known[(len(known) - 1) // 2]
    return min(known, key=lambda turn: abs(drawable(gap(turn) or 0.0) - drawable(median)))


def longest_part(parts: Sequence[TurnPart]) -> TurnPart | None:
    """Return the longest of the parts that add up, what nobody accounts for included."""
    longest = max(added(parts), key=lambda part: part.ms.value or 0.0, default=None)
    return longest if longest is not None and (longest.ms.value or 0.0) > 0 else None


def turn_label(turn: PipelineTurn) -> str:
    """Return a turn's number; that of a turn which only the trace has stands in brackets."""
    if turn.turn_id is not None:
        return f"{turn.turn_id:,}"
    return "" if turn.trace_turn_id is None else f"({turn.trace_turn_id:,})"


def owner_of(part: TurnPart, page: Page) -> str:
    """Return who makes a part so long; a setting is named as one."""
    owner = page.data(part.owner, limit=_OWNER)
    return f"setting {owner}" if part.owner_kind == "setting" else owner


def listed_turns(trace: PipelineTrace) -> list[PipelineTurn]:
    """Return the turns of the trace, the longest gap first, those that do not count last."""

    def key(turn: PipelineTurn) -> tuple[bool, bool, float]:
        gap = turn.heard_gap_ms.value
        gap = turn.claimed_gap_ms.value if gap is None else gap
        return not turn.counted, gap is None, -drawable(gap or 0.0)

    return sorted((turn for turn in trace.turns if turn.trace_turn_id is not None), key=key)


def left_out(trace: PipelineTrace, shown: Sequence[PipelineTurn]) -> str:
    """Return how many turns are not among those shown and in no percentile, by reason."""
    listed = set(map(id, shown))
    apart = (turn for turn in trace.turns if id(turn) not in listed)
    if trace.clock.status == "refused":
        apart = (turn for turn in apart if turn.trace_turn_id is not None)
    reasons = Counter(turn.why_not for turn in apart if turn.why_not)
    return ", ".join(f"{times:,} {why}" for why, times in reasons.most_common())


def clock_told(clock: ClockFit, page: Page) -> Text | None:
    """Return how the trace lies on the recording, or why it does not; None without a recording."""
    if clock.status == "none":
        return None
    word = page.data(words(clock.status), limit=16)
    text = Text.assemble((word, "red" if clock.status == "refused" else style_of(word) or "bold"))
    offset, drift = clock.offset_ms, clock.drift_ppm
    if offset is not None and offset.value is not None:
        text.append(f": its first speech event lies at {stamp(offset.value / 1e3, digits=3)}")
        text.append(f" {interval(offset, page)} ms" if interval(offset, page) else "", "dim")
    if drift is not None and drift.value is not None:
        text.append(f", drift {number(drift.value)} ppm")
        text.append(f" {interval(drift, page)}" if interval(drift, page) else "", "dim")
    if clock.status == "refused":
        text.append(f": at the best place {count(clock.matches, 'turn')} matched")
    else:
        text.append(f"; {count(clock.matches, 'turn')} matched")
    if clock.residual_ms is not None:
        text.append(f", residual {milliseconds(clock.residual_ms)}")
    if clock.status == "refused":
        return text
    if clock.unmatched_trace or clock.unmatched_recording:
        text.append(
            f"; without a match {clock.unmatched_trace:,} of the trace, "
            f"{clock.unmatched_recording:,} of the recording",
            "dim",
        )
    reasons = [item.reason for item in (offset, drift) if item is not None]
    for reason in dict.fromkeys(filter(None, (clock.reason, *reasons))):
        text.append(f"; {page.data(reason)}", "dim")
    return text


def next_step(trace: PipelineTrace, page: Page) -> Text:
    """Return what to do next, from what the trace lacks or from its longest part."""
    if not trace.has_recording:
        return Text(
            f"echotrace analyze CALL.wav --trace {page.data(shlex.quote(trace.path), limit=60)}"
        )
    if trace.clock.status == "refused":
        told = "check that both are of one call, or say where the trace's first speech event lies"
        return Text(f"{told}: --offset-ms MS")
    most = max((part.ms.n or 0 for part in trace.parts), default=0)
    usual = [part for part in trace.parts if 2 * (part.ms.n or 0) >= most]
    longest = longest_part(usual)
    if longest is None:
        return Text("trace the stages of an answer, so that its parts can be told")
    if longest.key == "unaccounted":
        return Text("trace the stage that is missing: most of the wait is in no part of the trace")
    told = f"echotrace whatif REPORT.json --scale {page.data(longest.key, limit=40)}=0.5"
    text = Text(told)
    return text.append(f"  ({part_name(longest.key, page)} is mostly the longest part)", "dim")
