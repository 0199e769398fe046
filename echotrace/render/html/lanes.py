"""The call on one clock: a waveform per channel, its speech, turns, waits, marks, a play head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.render.console.axis import drawable
from echotrace.render.console.figures import figure, milliseconds
from echotrace.render.console.parts import count
from echotrace.render.console.timeline import counted, mark_of, named, stamp
from echotrace.render.html.markup import Markup, Part, el, join
from echotrace.render.html.svg import Scale, clock_ticks, rect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.conversation import Incident, Turn
    from echotrace.model.report import EnvelopeChannel, Report

__all__ = ["call_scale", "lanes"]

_AXIS, _WAVE, _SIDE, _WAIT, _MARKS, _GAP = 20, 64, 7, 16, 16, 6
_MOST = 4_000
"""Shapes of one kind that are drawn."""
_LETTER = 0.8
"""Per cent of the width that a letter takes, about."""
_LABELLED = 5.0
"""Per cent of the width from which on a wait has room for its figure."""


def call_scale(report: Report) -> Scale:
    """Return the recording's clock from the beginning of what was analysed to its end."""
    first = report.source.start_s
    last = first + (report.source.duration_s or 0.0)
    if report.source.duration_s is None and report.conversation is not None:
        spans = [turn.span_s for turn in report.conversation.turns]
        last = max((span[1] for span in spans if span), default=first)
    return Scale.of(first, max(last, first + 1e-3))


def lanes(report: Report) -> Markup | None:
    """Return the picture; nothing where the report has neither an envelope nor turns."""
    envelope = report.signal.envelope if report.signal else None
    turns = report.conversation.turns if report.conversation else ()
    if envelope is None and not turns:
        return None
    scale = call_scale(report)
    drawn: list[Part] = []
    names: list[Part] = [el("div", class_="lane-axis")]
    y = _AXIS
    for at, channel in enumerate(envelope.channels if envelope else ()):
        role = _role(report, channel.index)
        names.append(el("div", el("b", role), f" ch {channel.index}", class_=f"lane-wave {role}"))
        drawn += _channel(report, channel, role, y, scale)
        y += _WAVE + _SIDE
        if at == 0 and turns:
            drawn += _waits(turns, y + 2, scale)
            names.append(el("div", "wait", class_="lane-wait"))
            y += _WAIT + _GAP
    incidents = report.conversation.incidents if report.conversation else ()
    errors = report.transcription.errors if report.transcription else ()
    if incidents or errors:
        drawn += _marks(incidents[:_MOST], y, scale)
        names.append(el("div", "marks", class_="lane-marks"))
        y += _MARKS
    placed = [error for error in errors if error.start_s is not None]
    if placed:
        for error in placed[:_MOST]:
            told = f"{error.gold or '(nothing)'} -> {error.actual or '(nothing)'}"
            start_s = error.start_s or 0.0
            title = f"{stamp(start_s)} misheard: {told}"
            end_s = start_s if error.end_s is None else error.end_s
            drawn.append(
                rect(scale, start_s, end_s, y=y + 3, height=7, class_="misheard", title=title)
            )
        names.append(el("div", "misheard", class_="lane-marks"))
        y += _MARKS
    grid = _grid(scale, y)
    head = el("line", id="playhead", x1="0%", x2="0%", y1=_AXIS - 6, y2=y, class_="playhead")
    picture = el(
        "svg",
        *grid,
        *drawn,
        head,
        id="lanes",
        width="100%",
        height=y + 2,
        role="slider",
        tabindex="0",
        aria_label="place in the call, in seconds; arrow keys move it",
        aria_valuemin=round(scale.first, 3),
        aria_valuemax=round(scale.last, 3),
        aria_valuenow=round(scale.first, 3),
        data_first=f"{scale.first:.3f}",
        data_last=f"{scale.last:.3f}",
    )
    return join(
        [
            el(
                "div",
                el("div", *names, class_="lane-names", aria_hidden="true"),
                el("div", picture, class_="lane-scroll", id="lane-scroll"),
                class_="lanes",
            ),
            _legend(report),
        ]
    )


def _role(report: Report, index: int) -> str:
    role = next((item.role for item in report.source.channels if item.index == index), "unknown")
    return role if role in ("caller", "agent", "mixed") else "unknown"


def _grid(scale: Scale, height: float) -> Iterator[Markup]:
    for at_s, label in clock_ticks(scale):
        x = f"{scale.at(at_s):g}%"
        yield el("line", x1=x, x2=x, y1=_AXIS - 6, y2=height, class_="grid")
        yield el("text", label, x=x, y=11, dx=3, class_="tick")


def _channel(
    report: Report, channel: EnvelopeChannel, role: str, y: float, scale: Scale
) -> Iterator[Markup]:
    column_s = report.signal.envelope.column_s if report.signal and report.signal.envelope else 0.0
    speech = next(
        (item.segments for item in (report.signal.channels if report.signal else ())
         if item.index == channel.index),
        (),
    )  # fmt: skip
    for item in speech[:_MOST]:
        yield rect(scale, item.start_s, item.end_s, y=y, height=_WAVE, class_="speech")
    loudest = _loudest(report)
    columns = min(len(channel.min), len(channel.max))
    if columns:
        first = scale.at(report.source.start_s)
        width = scale.at(report.source.start_s + column_s * columns) - first
        yield el(
            "svg",
            el("path", d=_path(channel, columns, loudest), class_=f"wave {role}"),
            x=f"{first:g}%",
            y=y,
            width=f"{max(0.1, width):g}%",
            height=_WAVE,
            viewBox=f"0 0 {columns} 200",
            preserveAspectRatio="none",
        )
    for turn in (report.conversation.turns if report.conversation else ())[:_MOST]:
        side = turn.user if role == "caller" else turn.agent if role == "agent" else None
        if side is not None:
            yield rect(
                scale,
                side.start_s,
                side.end_s,
                y=y + _WAVE,
                height=_SIDE - 2,
                class_=f"side {role}",
                title=f"turn {turn.id:,}: {role}, {stamp(side.start_s)} to {stamp(side.end_s)}",
                data_at=f"{side.start_s:.3f}",
            )


def _loudest(report: Report) -> float:
    """Return the sample that the lanes' height stands for: the loudest of all channels."""
    envelope = report.signal.envelope if report.signal else None
    found = (
        max(abs(drawable(value)) for value in (*channel.min, *channel.max))
        for channel in (envelope.channels if envelope else ())
        if channel.min or channel.max
    )
    return max(0.02, min(1.0, max(found, default=1.0)))


def _path(channel: EnvelopeChannel, columns: int, loudest: float) -> str:
    def height(value: float) -> int:
        return round(100 - 98 * max(-1.0, min(1.0, drawable(value) / loudest)))

    upper = [f"{at} {height(channel.max[at])}" for at in range(columns)]
    lower = [f"{at} {height(channel.min[at]) + 1}" for at in reversed(range(columns))]
    return f"M{'L'.join(upper)}L{'L'.join(lower)}Z"


def _waits(turns: tuple[Turn, ...], y: float, scale: Scale) -> Iterator[Markup]:
    """Yield each wait of the caller between the two lanes, with its figure where there is room."""
    for turn in turns[:_MOST]:
        if turn.user is None or turn.agent is None or turn.agent.start_s <= turn.user.end_s:
            continue
        begin, end = turn.user.end_s, turn.agent.start_s
        band = turn.heard_gap_ms.band
        kind = band if band in ("good", "warning", "critical") else "plain"
        title = f"turn {turn.id:,}: heard gap {figure(turn.heard_gap_ms)}"
        yield rect(
            scale,
            begin,
            end,
            y=y,
            height=_WAIT,
            class_=f"gap {kind}",
            title=title,
            data_at=f"{begin:.3f}",
        )
        if scale.at(end) - scale.at(begin) >= _LABELLED and turn.heard_gap_ms.value is not None:
            middle = f"{(scale.at(begin) + scale.at(end)) / 2:g}%"
            label = milliseconds(turn.heard_gap_ms.value)
            yield el("text", label, x=middle, y=y + 12, class_="gap-label")


def _marks(incidents: Sequence[Incident], y: float, scale: Scale) -> Iterator[Markup]:
    """Yield the incidents; letters that would stand on each other stand side by side."""
    last, beside = -1.0, 0
    for item in sorted(incidents, key=lambda item: drawable(item.at_s)):
        place = scale.at(item.at_s)
        beside = beside + 1 if place - last < _LETTER else 0
        last = place if not beside else last
        yield _mark(item, y, scale, beside)


def _mark(item: Incident, y: float, scale: Scale, beside: int) -> Markup:
    length_s = (item.duration_ms.value or 0.0) / 1e3
    title = f"{stamp(item.at_s)} {named(item.type)} {figure(item.duration_ms)}"
    severity = item.severity.value
    drawn = rect(
        scale,
        item.at_s,
        item.at_s + length_s,
        y=y + 12,
        height=3,
        class_=f"incident {severity}",
        title=title,
    )
    letter = el(
        "text",
        el("title", title),
        mark_of(item.type),
        x=f"{scale.at(item.at_s):g}%",
        y=y + 10,
        dx=9 * beside,
        class_=f"mark {severity}",
        data_at=f"{item.at_s:.3f}",
    )
    return join([drawn, letter])


def _legend(report: Report) -> Markup | None:
    parts: list[Part] = []
    conversation = report.conversation
    if conversation is not None:
        kinds = list(dict.fromkeys(item.type for item in conversation.incidents))
        for kind in kinds:
            times = sum(item.type == kind for item in conversation.incidents)
            parts.append(el("li", el("b", mark_of(kind)), f" {counted(times, kind)}"))
        if conversation.turns:
            parts.append(el("li", el("i", class_="key gap"), " the caller waits"))
    if report.signal is not None and any(item.segments for item in report.signal.channels):
        parts.append(el("li", el("i", class_="key speech"), " speech"))
    errors = len(report.transcription.errors) if report.transcription else 0
    if errors:
        parts.append(el("li", el("i", class_="key misheard"), f" {count(errors, 'misheard word')}"))
    return el("ul", *parts, class_="legend") if parts else None
