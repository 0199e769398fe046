"""What the caller heard: the gap, the call's other figures, its timeline and its worst turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Measurement, Status
from echotrace.render.console.figures import figure, note, number, percent, words
from echotrace.render.console.layout import Page, style_of
from echotrace.render.console.missing import missing
from echotrace.render.console.timeline import counted, lanes, legend, named, packed, stamp
from echotrace.render.console.turns import rated, turn_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.conversation import Conversation, ConversationSummary, Percentiles
    from echotrace.model.report import Report, Source

__all__ = ["conversation", "headline", "loose", "roles", "summary_rows", "unmeasured"]

_LISTED = 8
_HOW = {"flag": "as you said", "files": "from its own file"}


def conversation(report: Report, page: Page) -> Iterator[Text]:
    """Yield the whole block, or why there is none."""
    result = report.conversation
    if result is None:
        yield from missing("Conversation", "turns", report, page)
        return
    measured = result.status == "measured"
    aside = f"{len(result.turns):,} turn{'' if len(result.turns) == 1 else 's'}"
    word = aside if measured else page.data(words(result.status), limit=page.width // 3)
    yield from page.heading("Conversation", aside=word, style="dim")
    if measured or result.turns:
        for line in headline(result.summary.heard_gap_ms, page):
            yield from page.wrapped(line)
    yield from unmeasured(result, page)
    yield from page.pairs(summary_rows(report, result, page))
    drawn = list(lanes(report, page))
    if drawn:
        yield Text()
        yield from drawn
        yield from packed(legend(result, page), page, indent=10)
    if result.turns:
        yield from turn_table(result, page)
    apart = list(loose(result, page))
    if apart:
        yield Text()
        yield from apart


def headline(gap: Percentiles, page: Page) -> Iterator[Text]:
    """Yield the number that people argue about, then what it leaves out and why."""
    yield Text.assemble(("heard ", "bold"), _spread(gap, page))
    told = []
    if gap.p50.value is None:
        told.append(f"p50 {note(gap.p50)}")
    if gap.worst.value is None and gap.worst.reason != gap.p50.reason:
        told.append(f"worst {note(gap.worst)}")
    for label, item in (("p50", gap.p50), ("worst", gap.worst)):
        if item.value is not None and item.status is not Status.MEASURED:
            told.append(f"{label} {words(item.status.value)}: {item.reason or 'no reason given'}")
    if gap.not_measured:
        some = "1 turn" if gap.not_measured == 1 else f"{gap.not_measured:,} turns"
        told.append(f"{some} could not be measured")
    for text in told:
        yield Text(page.data(text), style="dim")


def unmeasured(result: Conversation, page: Page, *, indent: int = 2) -> Iterator[Text]:
    """Yield why there are no turns and how to get a better recording."""
    if result.reason:
        yield from page.wrapped(Text(page.data(result.reason)), indent=indent)
    if result.hint:
        hint = Text.assemble(("try: ", "dim"), page.data(result.hint))
        yield from page.wrapped(hint, indent=indent)


def summary_rows(report: Report, result: Conversation, page: Page) -> list[tuple[str, Text]]:
    """Return the call's other figures, one subject a row; what was not measured is left out.

    Its reason stands in the report as JSON; the turns' own reasons stand beside them.
    """
    summary = result.summary
    rows = (
        ("opening", _opening(summary, page)),
        ("yield", _yields(summary, page)),
        ("silence", _silence(summary, page)),
        ("talk", _talk(summary, page)),
        ("pace", _pace(summary, page)),
        ("bleed", _bleed(report, result, page)),
        ("edges", Text(page.data(result.method), style="dim") if result.method else Text()),
    )
    return [(label, text) for label, text in rows if text.plain]


def loose(result: Conversation, page: Page) -> Iterator[Text]:
    """Yield the incidents that belong to no turn; backchannels, which are many, as one line."""
    small = [item for item in result.incidents if item.type == "backchannel"]
    others = [
        item for item in result.incidents if item.turn_id is None and item.type != "backchannel"
    ]
    rows = []
    for item in others[:_LISTED]:
        word = item.severity.value
        why = note(item.duration_ms) if item.duration_ms.value is None else ""
        rows.append(
            [
                Text(stamp(item.at_s), style="cyan"),
                Text(page.data(named(item.type), limit=24)),
                Text(page.data(figure(item.duration_ms))),
                Text(word, style=style_of(word)),
                Text(page.data(why), style="dim"),
            ]
        )
    yield from page.table(rows)
    if len(others) > _LISTED:
        yield from page.wrapped(Text(f"and {len(others) - _LISTED:,} more incidents", style="dim"))
    if small:
        places = ", ".join(stamp(item.at_s) for item in small[:_LISTED])
        more = len(small) - _LISTED
        places += f" and {more:,} more" if more > 0 else ""
        line = Text.assemble(counted(len(small), "backchannel"), (f" at {places}", "dim"))
        yield from page.wrapped(line)


def roles(source: Source, page: Page) -> Text:
    """Return whose side a channel is and how that is known; empty where nobody decided it.

    Of two channels that are the caller's and the agent's the caller's is told, as it says both.
    """
    told = [item for item in source.channels if item.role_source or item.role_confidence]
    pair = len(source.channels) == len({"caller", "agent"})
    if pair and {item.role for item in told} == {"caller", "agent"}:
        told = [item for item in told if item.role == "caller"]
    sides = {0: " (left)", 1: " (right)"} if pair and not source.files else {}
    parts = []
    for item in told:
        how = _HOW.get(item.role_source or "", page.data(item.role_source or "", limit=24))
        text = f"{page.data(item.role, limit=12)} = channel {item.index}"
        text += sides.get(item.index, "") + (f", {how}" if how else "")
        if item.role_confidence is not None:
            text += f", {number(100 * item.role_confidence)} % sure"
        parts.append(text)
    return Text("; ".join(parts))


def _spread(item: Percentiles, page: Page) -> Text:
    line = Text.assemble(f"p50 (n={item.n:,}) ", _ranged(item.p50, page))
    line.append(", worst ").append_text(rated(item.worst, page))
    for label, tail in (("p95", item.p95), ("p99", item.p99)):
        if tail.value is not None:
            line.append(f", {label} ").append_text(_ranged(tail, page))
    return line


def _ranged(item: Measurement, page: Page) -> Text:
    if item.value is None:
        return Text("n/a", style="bold")
    text = Text.assemble((page.data(figure(item)), "bold"))
    if item.low is not None and item.high is not None:
        text.append(f" [{number(item.low)}, {number(item.high)}]", "dim")
    if item.band:
        text.append(f" {page.data(item.band, limit=16)}", style_of(item.band))
    return text


def _joined(parts: list[Text], by: str = ", ") -> Text:
    return Text(by).join(parts)


def _opening(summary: ConversationSummary, page: Page) -> Text:
    parts = [
        Text(f"{label} ") + rated(item, page)
        for label, item in (
            ("greeting after", summary.greeting_ms),
            ("first turn", summary.first_heard_gap_ms),
        )
        if item.value is not None
    ]
    return _joined(parts)


def _yields(summary: ConversationSummary, page: Page) -> Text:
    yields = summary.yield_ms
    if not summary.barge_ins and not yields.n:
        return Text()
    told = Text(counted(summary.barge_ins, "barge_in"))
    if not yields.n:
        return told.append(f", yield n/a: {page.data(yields.worst.reason or '')}", "dim")
    return _joined([told, _spread(yields, page)], ": ")


def _silence(summary: ConversationSummary, page: Page) -> Text:
    if summary.dead_air_s.value is None:
        return Text()
    parts = [Text("no dead air")]
    if summary.dead_airs:
        parts = [
            Text(f"{summary.dead_airs:,} dead air{'' if summary.dead_airs == 1 else 's'}, longest ")
            + rated(summary.dead_air_s, page)
        ]
        if summary.dead_airs > 1 and summary.dead_air_total_s.value is not None:
            parts.append(Text(f"{page.data(figure(summary.dead_air_total_s))} in all"))
    if summary.missed_responses:
        some = counted(summary.missed_responses, "missed_response")
        parts.append(Text(some, style=style_of("critical")))
    return _joined(parts)


def _talk(summary: ConversationSummary, page: Page) -> Text:
    parts = [
        Text(f"{page.data(item.role, limit=12)} {percent(item.talk_ratio.value)}")
        for item in summary.channels
        if item.talk_ratio.value is not None
    ]
    if summary.talk_over_ms.value is not None:
        told = f"talk-over {page.data(figure(summary.talk_over_ms))}"
        if summary.overlap_ratio.value is not None:
            told += f" ({percent(summary.overlap_ratio.value)})"
        parts.append(Text(told))
    return _joined(parts)


def _pace(summary: ConversationSummary, page: Page) -> Text:
    parts = []
    for item in summary.channels:
        told = []
        if item.words_per_minute.value is not None:
            told.append(f"{number(item.words_per_minute.value)} words a minute")
        if item.pauses and item.longest_pause_ms.value is not None:
            pauses = f"{item.pauses:,} pause{'' if item.pauses == 1 else 's'}"
            told.append(f"{pauses} up to {page.data(figure(item.longest_pause_ms))}")
        if told:
            who = "" if item.role in ("mixed", "unknown") else f"{page.data(item.role, limit=12)} "
            parts.append(Text(f"{who}{', '.join(told)}"))
    return _joined(parts, "; ")


def _bleed(report: Report, result: Conversation, page: Page) -> Text:
    roles = {channel.index: channel.role for channel in report.source.channels}

    def name(index: int) -> str:
        role = roles.get(index, "unknown")
        return f"channel {index}" if role == "unknown" else page.data(role, limit=12)

    parts = []
    for item in result.bleed:
        told = f"{name(item.from_channel)} heard in {name(item.into_channel)}'s channel"
        if item.attenuation_db.value is not None:
            told += f", {number(item.attenuation_db.value, 1)} dB down"
        if item.delay_ms is not None:
            told += f", {number(item.delay_ms)} ms late"
        parts.append(Text(told))
    return _joined(parts, "; ")
