"""Everything that a report knows of one turn: the sheet that opens on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Status
from echotrace.render.console.errors import cause_name, cause_style
from echotrace.render.console.figures import MOCK, figure, milliseconds, note, number, percent
from echotrace.render.console.lane import brief_lane
from echotrace.render.console.layout import style_of
from echotrace.render.console.parts import columns, count, more, part, said_and_heard
from echotrace.render.console.pipeline_trace_turn import placed_parts, trace_lines
from echotrace.render.console.timeline import named, stamp
from echotrace.render.console.turn_clock import Wait, clock_lines, incidents_of, wait_of
from echotrace.render.console.turn_verdict import cause, heard_in, speech_in, verdict
from echotrace.render.console.turn_words import TurnWords

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.conversation import Incident, Turn
    from echotrace.model.report import ChannelSignal, Report, WordError
    from echotrace.render.console.layout import Page
    from echotrace.render.console.turn_words import SaidWord

__all__ = ["turn_sheet"]

_STYLES = {"caller": "cyan", "agent": "magenta"}
_ERRORS = 12
_SAID = 400
"""Words of one side that a sheet shows."""
_WARNINGS = 4
_WORD = 60
_LONGEST = 400
_LEAD = 2


def turn_sheet(
    turn: Turn, report: Report, page: Page, words: TurnWords | None = None
) -> Iterator[Text]:
    """Yield the verdict, the parts on one clock, the wait, the words, the signal, the incidents.

    Args:
        turn: one of the report's.
        report: all evidence is taken from it; what it cannot tell is said so.
        page: what it is written on.
        words: the words by turn, for callers that show several turns of one report.
    """
    words = words or TurnWords(report)
    incidents = incidents_of(report.conversation, turn)
    errors = words.errors(turn)
    yield from _head(turn, page)
    told = _sentence(verdict(turn, report, incidents, page))
    told.style = "bold"
    yield from page.wrapped(told, indent=0)
    for text in cause(turn, report, incidents, errors, page):
        yield from page.wrapped(_sentence(text), indent=0)
    yield Text()
    yield from clock_lines(turn, incidents, page, placed_parts(turn, report))
    yield from trace_lines(turn, report, page)
    wait = wait_of(turn, incidents)
    if wait is not None:
        yield from _wait(wait, report, page)
    yield from _incidents(incidents, page)
    if wait is not None:
        yield from _probed(wait, report, page)
    yield from _words(turn, report, words, page)
    yield from _errors(errors, page)
    yield from _signal(turn, report, page)
    yield from _hints(turn, report, page)


def _head(turn: Turn, page: Page) -> Iterator[Text]:
    span = turn.span_s
    head = Text.assemble(
        (f"turn {turn.id:,}", "bold"), f"  {page.data(named(turn.kind), limit=24)}"
    )
    head.append(f"  at {stamp(span[0])}" if span else "", "cyan")
    head.append("  the caller's first" if turn.first else "", "dim")
    yield from page.wrapped(head, indent=0)


def _sentence(text: Text) -> Text:
    """Return a sentence with its full stop, unless its data ends in one."""
    return text if text.plain.endswith((".", "!", "?")) else text.append(".")


def _wait(wait: Wait, report: Report, page: Page) -> Iterator[Text]:
    """Yield what each channel holds while the caller waits."""
    inside = wait.inside
    channels = report.signal.channels if report.signal else ()
    rows = [
        (item.role, _heard_in(item, wait, inside, report))
        for item in channels
        if item.role in _STYLES and inside is not None
    ]
    if not rows:
        return
    yield Text()
    yield from part("In the wait", Text(), page, indent=0)
    yield from page.pairs(rows, indent=_LEAD)


def _heard_in(
    channel: ChannelSignal, wait: Wait, inside: tuple[float, float], report: Report
) -> Text:
    heard = [told for told, _ in heard_in(channel, wait)]
    text = Text(f"speech {'; '.join(heard)}" if heard else "no speech")
    peak = _peak_dbfs(channel.index, inside, report)
    return text if peak is None else text.append(f", peak {number(peak)} dBFS")


def _peak_dbfs(index: int, inside: tuple[float, float], report: Report) -> float | None:
    """Return the loudest sample of the envelope's columns that lie whole in a stretch."""
    envelope = report.signal.envelope if report.signal else None
    drawn = (
        next((item for item in envelope.channels if item.index == index), None)
        if envelope
        else None
    )
    if envelope is None or drawn is None or not envelope.column_s > 0:
        return None
    begin_s = report.source.start_s
    first, last = ((at_s - begin_s) / envelope.column_s for at_s in inside)
    if not (math.isfinite(first) and math.isfinite(last)):
        return None
    whole = slice(max(0, math.ceil(first)), max(0, math.floor(last)))
    peaks = [*map(abs, drawn.min[whole]), *map(abs, drawn.max[whole])]
    loudest = max(peaks, default=0.0)
    return 20 * math.log10(loudest) if 0 < loudest < math.inf else None


def _probed(wait: Wait, report: Report, page: Page) -> Iterator[Text]:
    """Yield what an answer would take as its services were probed, beside what this one took."""
    pipeline = report.pipeline
    if pipeline is None or pipeline.kind == "trace":
        return
    yield Text()
    told = Text("probed now, not in the call", style="dim")
    yield from part("An answer's parts", told, page, indent=0)
    yield from brief_lane(pipeline, page)
    total, length = pipeline.total_ms, wait.length_ms
    if total.value is None or not wait.is_sure:
        return
    made_up = bool(pipeline.simulated) or total.status is Status.SIMULATED
    least = "at least " if pipeline.missing else ""
    shown = f"{MOCK} {milliseconds(total.value)}" if made_up else milliseconds(total.value)
    if made_up:
        line = f"{least}{shown} beside the {milliseconds(length)} of this wait: a simulated time "
        line += "explains none of it"
    elif total.value >= length:
        line = f"{least}{shown}: more than the {milliseconds(length)} of this wait, so the "
        line += "services were quicker in the call"
    else:
        rest = milliseconds(length - total.value)
        line = f"they would explain {least}{shown} of {milliseconds(length)}; "
        line += (
            f"{'at most ' if pipeline.missing else ''}{rest} are left that nothing here explains"
        )
    yield from page.wrapped(Text(line), indent=0)


def _incidents(incidents: Sequence[Incident], page: Page) -> Iterator[Text]:
    if not incidents:
        return
    yield Text()
    yield from part("Incidents", Text(), page, indent=0)
    rows = []
    for item in incidents:
        word = item.severity.value
        lasting = item.duration_ms
        plain = lasting.value is not None and lasting.status is Status.MEASURED
        rows.append(
            [
                Text(stamp(item.at_s, digits=2), style="cyan"),
                Text(page.data(named(item.type), limit=24)),
                Text(page.data(figure(lasting))),
                Text(word, style=style_of(word)),
                Text("" if plain else page.data(note(lasting)), style="dim"),
            ]
        )
    for lines in columns(rows, page, indent=_LEAD):
        yield from lines


def _words(turn: Turn, report: Report, words: TurnWords, page: Page) -> Iterator[Text]:
    """Yield what each side said in the order of time, the misheard words in brackets."""
    yield Text()
    result = report.transcription
    if result is None:
        entry = report.analyzers.get("transcription")
        why = entry.reason if entry and entry.reason else "nothing was transcribed in this run"
        yield from part("Words", Text(page.data(why), style="dim"), page, indent=0)
        return
    by = Text(f"as {page.data(result.engine, limit=40)} heard them", style="dim")
    yield from part("Words", by, page, indent=0)
    rows = []
    for channel in words.channels:
        stretch = words.stretch(turn, channel)
        if stretch is not None:
            rows.append((stretch[0], channel, words.of(turn, channel)))
    for _, channel, said in sorted(rows, key=lambda row: row[0]):
        role = words.role(channel)
        name = role if role in _STYLES else f"ch {channel}"
        text = _said(said, page) if said else Text("no word was recognised", style="dim")
        lead = Text.assemble("  ", (name, _STYLES.get(role, "")))
        yield from page.wrapped(text, indent=min(10, page.width // 3), first=lead)
    missing = {"caller", "agent"} - {words.role(channel) for channel in words.channels}
    for role in sorted(missing):
        if getattr(turn, "user" if role == "caller" else "agent") is not None:
            lead = Text.assemble("  ", (role, _STYLES[role]))
            told = Text("its channel was not transcribed", style="dim")
            yield from page.wrapped(told, indent=min(10, page.width // 3), first=lead)


def _said(said: Sequence[SaidWord], page: Page) -> Text:
    parts = []
    for item in said[:_SAID]:
        word = page.data(item.word.text, limit=_WORD) if item.word else ""
        if item.error is None:
            parts.append(Text(word))
        elif item.word is None:
            parts.append(Text(f"[-{page.data(item.error.gold or '', limit=_WORD)}-]", style="red"))
        else:
            added = item.error.gold is None
            parts.append(Text(f"[+{word}+]" if added else f"[{word}]", style="red"))
    if len(said) > _SAID:
        parts.append(Text(f"and {len(said) - _SAID:,} more words", style="dim"))
    return Text(" ").join(parts)


def _errors(errors: Sequence[WordError], page: Page) -> Iterator[Text]:
    """Yield each misheard word with the cause that is best supported."""
    if not errors:
        return
    yield Text()
    told = Text("the likeliest cause of each, a hypothesis", style="dim")
    yield from part("Misheard", told, page, indent=0)
    rows = []
    for error in errors[:_ERRORS]:
        first = error.causes[0] if error.causes else None
        why = Text(page.data(error.message, limit=_LONGEST), style="dim")
        if first is not None:
            why = Text.assemble((cause_name(first.kind, page), cause_style(first.kind)))
            why.append(f", {page.data(first.strength, limit=12)}" if first.strength else "")
            evidence = page.data(first.evidence, limit=_LONGEST)
            why.append(f": {evidence}" if evidence.strip() else "", "dim")
        at = Text(stamp(error.start_s) if error.start_s is not None else "", style="cyan")
        rows.append([at, said_and_heard(error.gold, error.actual, page), why])
    for lines in columns(rows, page, indent=_LEAD):
        yield from lines
    yield from more(len(errors) - _ERRORS, "error", page, indent=_LEAD)


def _signal(turn: Turn, report: Report, page: Page) -> Iterator[Text]:
    """Yield how each side sounds while it speaks in this turn."""
    yield Text()
    if report.signal is None:
        entry = report.analyzers.get("signal")
        why = entry.reason if entry and entry.reason else "the signal was not analysed in this run"
        yield from part("Signal", Text(page.data(why), style="dim"), page, indent=0)
        return
    told = Text()
    if turn.snr_db is not None:
        lowest = f"SNR {number(turn.snr_db, 1)} dB, the lowest under this turn's speech"
        told = Text(lowest, style="dim")
    yield from part("Signal", told, page, indent=0)
    rows = []
    for channel in report.signal.channels:
        side = {"caller": turn.user, "agent": turn.agent}.get(channel.role)
        span = (side.start_s, side.end_s) if side else None
        if channel.role not in _STYLES:
            span = turn.span_s
        name = channel.role if channel.role in _STYLES else f"ch {channel.index}"
        if span is not None:
            rows.append((name, _sounds(channel, *span, page)))
    yield from page.pairs(rows, indent=_LEAD)


def _sounds(channel: ChannelSignal, start_s: float, end_s: float, page: Page) -> Text:
    inside = [item for item in channel.segments if item.start_s < end_s and item.end_s > start_s]
    known = [item.snr_db.value for item in inside if item.snr_db.value is not None]
    text = Text("SNR n/a", style="dim")
    if known:
        low, high = number(min(known), 1), number(max(known), 1)
        text = Text.assemble(
            "SNR ", (f"{low} dB" if low == high else f"{low} to {high} dB", "bold")
        )
        band = min(inside, key=lambda item: _or_inf(item.snr_db.value)).snr_db.band
        if band:
            text.append(f" {page.data(band, limit=16)}", style_of(band))
    elif inside:
        text.append(f": {page.data(inside[0].snr_db.reason or 'no reason given')}", "dim")
    spoken = speech_in(channel, start_s, end_s)
    pieces = "1 stretch" if len(inside) == 1 else f"{len(inside):,} stretches"
    text.append(f", speech {milliseconds(spoken)} in {pieces}" if inside else ", no speech heard")
    text.append("; the channel: ", "dim")
    text.append(f"SNR {page.data(figure(channel.snr_db))}", "dim")
    clipped = channel.clipping_ratio
    if clipped.value is not None:
        told = f"{percent(clipped.value)} clipped" if clipped.value else "not clipped"
        text.append(f", {told}", "yellow" if clipped.value else "dim")
    drops = channel.dropouts
    if drops is not None:
        here = sum(start_s <= at_s <= end_s for at_s in drops.at_s)
        if here:
            text.append(f", {count(here, 'dropout')} in this turn", "yellow")
        elif drops.count > len(drops.at_s):
            text.append(f", {count(drops.count, 'dropout')}, not all with their place", "dim")
        else:
            text.append(", no dropout here", "dim")
    return text


def _or_inf(value: float | None) -> float:
    return math.inf if value is None else value


def _hints(turn: Turn, report: Report, page: Page) -> Iterator[Text]:
    """Yield the warnings that point into this turn, with what to do about them."""
    span, heard = turn.span_s, report.conversation
    lost = turn.heard_gap_ms.value is None and turn.user is not None and turn.agent is not None
    lines = [
        (item.message, item.hint)
        for item in report.warnings
        if (item.at_s is not None and span is not None and span[0] <= item.at_s <= span[1])
        or (lost and item.code == "TURNS_UNCERTAIN")
    ]
    if heard is not None and heard.hint and lost:
        lines.append((heard.reason or "", heard.hint))
    if not lines:
        return
    yield Text()
    yield from part("Warnings here", Text(), page, indent=0)
    for message, hint in lines[:_WARNINGS]:
        yield from page.wrapped(Text(page.data(message, limit=_LONGEST)), indent=_LEAD)
        if hint:
            told = Text.assemble(("try: ", "dim"), page.data(hint, limit=_LONGEST))
            yield from page.wrapped(told, indent=2 * _LEAD)
