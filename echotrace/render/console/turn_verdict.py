"""What went wrong in a turn, in a few plain sentences, and how far the evidence goes."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.config.thresholds import Thresholds
from echotrace.model.measure import Status
from echotrace.render.console.errors import cause_name
from echotrace.render.console.figures import milliseconds, number
from echotrace.render.console.layout import style_of
from echotrace.render.console.parts import count
from echotrace.render.console.pipeline_trace_turn import told_of_wait
from echotrace.render.console.timeline import named, stamp
from echotrace.render.console.turn_clock import dead_airs, turned, wait_of
from echotrace.render.console.turns import interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.conversation import Incident, Turn
    from echotrace.model.measure import Measurement
    from echotrace.model.report import ChannelSignal, Report, WordError
    from echotrace.render.console.layout import Page
    from echotrace.render.console.turn_clock import Wait

__all__ = ["cause", "heard_in", "limit_ms", "speech_in", "verdict"]

_BAD = ("warning", "critical")
_FOUND_NOTHING = {
    "model": "the speech model, as nothing measured in the signal explains it",
    "unknown": "not known, as its place is not",
}
_EARLY_MS = -100.0
"""A gap from here on down is an early start (the metrics page)."""
_PAUSED_S = 0.3
_OVER = (("caller", "until"), ("agent", "from"))
"""Speech over an end of the wait that may be what the end was to be found by."""


def verdict(turn: Turn, report: Report, incidents: Sequence[Incident], page: Page) -> Text:
    """Return what the caller met with in a turn, as one sentence with its figures."""
    text = _met_with(turn, report, incidents, page)
    for item, lasting in dead_airs(incidents, wait_of(turn, incidents)):
        text.append(f"; nobody was heard for {milliseconds(lasting)} from ")
        text.append(f"{stamp(item.at_s, digits=2)}, ")
        text.append(item.severity.value, style_of(item.severity.value))
    return text


def _met_with(turn: Turn, report: Report, incidents: Sequence[Incident], page: Page) -> Text:
    gap, slow = turn.heard_gap_ms, turn.yield_ms
    if slow is not None or turn.kind == "barge_in":
        text = Text("the caller began while the agent spoke")
        if slow is not None and slow.value is not None:
            least = "at least " if slow.status is Status.ESTIMATED else ""
            text.append(f", and the agent talked on for {least}")
            text.append_text(_rated(slow, page))
        elif slow is not None:
            text.append(f"; how long the agent talked on: n/a, {_why(slow, page)}")
        if gap.value is not None:
            return text.append("; ").append_text(_answered(turn, report, page))
        return text.append(f"; heard gap n/a: {_why(gap, page)}")
    if turn.kind == "missed_response":
        text = Text.assemble("the agent ", ("never answered", "bold"), f": {_why(gap, page)}")
        missed = next((item for item in incidents if item.type == turn.kind), None)
        if missed is not None:
            text.append(", ").append(missed.severity.value, style_of(missed.severity.value))
        return text
    if turn.kind == "greeting" and turn.agent is not None:
        begun = stamp(turn.agent.start_s, digits=2)
        return Text(f"the agent spoke first, at {begun}: there is no gap to measure")
    if turn.kind == "follow_up":
        return Text("the agent spoke again by itself: there is no gap to measure")
    if gap.value is None:
        return Text.assemble("heard gap ", ("n/a", "bold"), f": {_why(gap, page)}")
    return _answered(turn, report, page)


def cause(
    turn: Turn,
    report: Report,
    incidents: Sequence[Incident],
    errors: Sequence[WordError],
    page: Page,
) -> Iterator[Text]:
    """Yield what the report holds of the cause, one sentence each, and what it cannot tell."""
    wait = wait_of(turn, incidents)
    gap, slow = turn.heard_gap_ms, turn.yield_ms
    is_late = gap.band in _BAD or turn.kind == "missed_response"
    if wait is not None and is_late:
        yield _in_the_wait(wait, report)
    if gap.value is not None and gap.value <= _EARLY_MS:
        paused = _paused(turn, report)
        if paused is not None:
            yield Text(
                f"the caller paused from {stamp(paused[0], digits=2)} to "
                f"{stamp(paused[1], digits=2)}: the agent began there"
            )
    if gap.value is None and turn.user and turn.agent and turn.snr_db is not None:
        yield Text(f"the SNR under this turn's speech is {number(turn.snr_db, 1)} dB")
    if errors:
        yield _misheard(errors, page)
    if wait is not None and is_late:
        told = told_of_wait(turn, report, page)
        if told is not None:
            yield told
            return
        asked = "which stage took the time" if wait.is_answered else "why the agent never answered"
        unsure = f"the recording alone cannot say {asked}"
        if report.pipeline is not None and report.pipeline.kind != "trace":
            unsure += "; what an answer takes as its services were probed is below"
        yield Text(unsure, style="dim")
    elif slow is not None and slow.band in _BAD:
        yield Text("the recording alone cannot say why the agent talked on", style="dim")


def limit_ms(report: Report) -> float | None:
    """Return up to where a heard gap is good; None where the report does not let it be known.

    A report names its profile and not its limits: the default ones count only where every band in
    it agrees with them.
    """
    if report.score.profile != "default" or report.conversation is None:
        return None
    limits = Thresholds()
    for turn in report.conversation.turns:
        value, band = turn.heard_gap_ms.value, turn.heard_gap_ms.band
        if value is None or band is None:
            continue
        good, bad = value <= limits.heard_gap_good_ms, value > limits.heard_gap_critical_ms
        if band != ("good" if good else "critical" if bad else "warning"):
            return None
    return limits.heard_gap_good_ms


def speech_in(channel: ChannelSignal, start_s: float, end_s: float) -> float:
    """Return for how many ms the speech detector hears speech on a channel in a stretch."""
    heard = (
        min(item.end_s, end_s) - max(item.start_s, start_s)
        for item in channel.segments
        if item.start_s < end_s and item.end_s > start_s
    )
    return 1e3 * sum(heard)


def _answered(turn: Turn, report: Report, page: Page) -> Text:
    gap = turn.heard_gap_ms
    value = gap.value or 0.0
    if value < 0:
        text = Text("the agent began ").append_text(_rated(turned(gap), page))
        return text.append(" before the caller had finished")
    late = gap.band in _BAD
    text = Text("the caller waited " if late else "the agent answered after ")
    text.append_text(_rated(gap, page))
    good = limit_ms(report)
    if good is None:
        return text
    still = f"the {milliseconds(good)} that are still good"
    if gap.low is not None and gap.high is not None and gap.low <= good < gap.high:
        way = "beyond" if value <= good else "below"
        return text.append(f"; not sure: the interval reaches {way} {still}")
    return text.append(f"; {milliseconds(value - good)} beyond {still}") if late else text


def _rated(item: Measurement, page: Page) -> Text:
    text = Text(milliseconds(item.value or 0.0), style="bold")
    sure = interval(item, page)
    text = Text.assemble(text, (f" {sure}" if sure else "", "dim"))
    if item.band:
        text.append(", ").append(page.data(item.band, limit=16), style_of(item.band))
    return text


def _in_the_wait(wait: Wait, report: Report) -> Text:
    """Say who is heard between the caller's last word and the answer."""
    channels = {item.role: item for item in report.signal.channels} if report.signal else {}
    if not {"caller", "agent"} <= channels.keys() or not any(
        item.segments for item in channels.values()
    ):
        return Text("whether anybody speaks in the wait is not known: no speech was looked for")
    if wait.inside is None:
        return Text("the wait is too short to look into")
    told = [
        f"the speech detector hears the {role} {heard}{_shorter(role, edge)}"
        for role in ("caller", "agent")
        for heard, edge in heard_in(channels[role], wait)
    ]
    return Text("; ".join(told) or "silence on both channels: the agent said nothing")


def _shorter(role: str, edge: str) -> str:
    """Return what follows for the wait from speech that reaches over one of its ends."""
    return ": the wait may be that much shorter" if (role, edge) in _OVER else ""


def heard_in(channel: ChannelSignal, wait: Wait) -> list[tuple[str, str]]:
    """Return what the speech detector hears on a channel within a wait, each with its edge.

    A stretch that reaches over an end of the wait counts from there: it is told as ``until`` or
    ``from``, because quiet speech beyond what was found audible leaves that end open. The others
    have the empty edge and are told by their length together.
    """
    if wait.inside is None:
        return []
    first, last = wait.inside
    found, within_ms = [], 0.0
    for item in sorted(channel.segments, key=lambda item: item.start_s):
        if item.start_s >= last or item.end_s <= first:
            continue
        if item.start_s > wait.start_s and item.end_s < wait.end_s:
            within_ms += 1e3 * (item.end_s - item.start_s)
        elif item.start_s <= wait.start_s and item.end_s >= wait.end_s:
            found.append(("all the time", ""))
        elif item.start_s <= wait.start_s:
            lasting = milliseconds(1e3 * (item.end_s - wait.start_s))
            told = f"until {stamp(item.end_s, digits=2)}, {lasting} into the wait"
            found.append((told, "until"))
        else:
            lasting = milliseconds(1e3 * (wait.end_s - item.start_s))
            told = f"from {stamp(item.start_s, digits=2)}, {lasting} before the wait ends"
            found.append((told, "from"))
    if within_ms:
        found.append((f"for {milliseconds(within_ms)} of the wait", ""))
    return found


def _paused(turn: Turn, report: Report) -> tuple[float, float] | None:
    """Return the caller's pause in which the agent began, as the speech detector heard it."""
    channels = report.signal.channels if report.signal else ()
    caller = next((item for item in channels if item.role == "caller"), None)
    if caller is None or turn.user is None or turn.agent is None:
        return None
    inside = [
        item
        for item in caller.segments
        if item.start_s < turn.user.end_s and item.end_s > turn.user.start_s
    ]
    inside.sort(key=lambda item: item.start_s)
    for before, behind in pairwise(inside):
        if before.end_s <= turn.agent.start_s <= behind.start_s + _PAUSED_S:
            return before.end_s, behind.start_s
    return None


def _misheard(errors: Sequence[WordError], page: Page) -> Text:
    firsts = Counter(error.causes[0].kind for error in errors if error.causes)
    text = Text(f"{count(len(errors), 'word')} misheard in it")
    if firsts:
        kind, often = firsts.most_common(1)[0]
        which = "" if often == len(errors) else f" of {often:,} of them"
        name = _FOUND_NOTHING.get(kind) or cause_name(kind, page)
        text.append(f"; the likeliest cause{which}: {name}")
    return text


def _why(item: Measurement, page: Page) -> str:
    return page.data(item.reason or named(item.status.value))
