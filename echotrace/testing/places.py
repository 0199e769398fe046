"""What a failed assertion tells of a figure: its value, how sure it is, and where it went wrong."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

from echotrace.gates import ALIASES
from echotrace.model.measure import Measurement, Status
from echotrace.printable import printable_line
from echotrace.render.console.figures import clock, figure, note, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.expressions import Figure
    from echotrace.model.conversation import Conversation, Incident, Turn
    from echotrace.model.report import Report, Transcription

__all__ = ["told"]

_FIRST = 3
"""Places that are named; the report has all of them."""
_AROUND_S = 2.0
_SHORT_TEXT = 120
_INCIDENTS = {
    "barge_ins": "barge_in",
    "missed_responses": "missed_response",
    "early_starts": "early_start",
    "dead_airs": "dead_air",
    "dead_air_s": "dead_air",
    "dead_air_total_s": "dead_air",
    "talk_over_ms": "talk_over",
    "overlap_ratio": "talk_over",
}
"""The incidents behind a figure of the conversation's summary."""
_STAGES = {"conversation": "turns", "signal": "signal", "transcription": "transcription"}


def told(name: str, found: Figure, report: Report) -> Iterator[str]:
    """Yield a line for the value, one for each place, and the command that shows more."""
    path = ALIASES.get(name, name).split(".")
    yield _value(name, found, _node(report, path))
    places, span = _places(report, path)
    yield from places
    yield from _next(report, path, span)


def _value(name: str, found: Figure, node: Any) -> str:
    if found.value is None:
        return f"{name} does not count: {words_of(found.reason)}"
    if not isinstance(node, Measurement):
        return f"{name} is {_plain(found.value)}"
    shown = figure(node, metric=name)
    value = _plain(found.value)
    same = shown.replace(",", "").startswith(value)
    more = note(node)
    return (
        f"{name} is {shown if same else f'{value} ({shown})'}"
        + (f", {more}" if more else "")
        + (f" (at least: {found.reason})" if found.at_least else "")
    )


def words_of(reason: str | None) -> str:
    """Return why a figure does not count, its status in words."""
    status, colon, rest = (reason or "not measured").partition(": ")
    known = colon and status in {each.value for each in Status}
    return f"{words(status)}: {rest}" if known else f"{status}{colon}{rest}"


def _plain(value: float | str) -> str:
    return f"{value:.6g}" if isinstance(value, (int, float)) else str(value)


def _node(report: Report, path: Sequence[str]) -> Any:
    """Return what a path leads to, or None; ``signal.x`` is the scored channel's."""
    node: Any = report
    if path[0] == "signal" and len(path) == 2 and report.signal is not None:
        node, path = _scored(report), path[1:]
    for step in path:
        if isinstance(node, dict):
            node = node.get(step)
        elif isinstance(node, tuple) and step.isdecimal():
            node = node[int(step)] if int(step[:6]) < len(node) else None
        else:
            node = getattr(node, step, None)
    return node


def _scored(report: Report) -> Any:
    signal = report.signal
    channels = signal.channels if signal else ()
    return next((each for each in channels if signal and each.index == signal.scored_channel), None)


def _places(report: Report, path: Sequence[str]) -> tuple[list[str], tuple[float, float] | None]:
    """Return the worst places as lines, and the span of the recording to look at."""
    if path[0] == "transcription" and report.transcription is not None:
        return _words(report.transcription, path), None
    if path[:2] == ["conversation", "summary"] and report.conversation is not None:
        return _turns(report.conversation, path[2])
    if path[0] == "signal":
        return _speech(report)
    if path[0] == "score":
        deductions = sorted(report.score.deductions, key=lambda item: -item.points)
        return [f"-{item.points:g} points: {item.message}" for item in deductions[:_FIRST]], None
    return [], None


def _words(transcript: Transcription, path: Sequence[str]) -> list[str]:
    if path[1:2] == ["entities"] and transcript.entities is not None:
        wrong = [item for item in transcript.entities.items if item.outcome not in _FOUND]
        lines = [
            f"{words(item.type)} {item.outcome}: {item.gold or '-'} -> {item.actual or '-'}"
            + ("" if item.at_s is None else f" at {clock(item.at_s)}")
            for item in wrong[:_FIRST]
        ]
        return lines + _more(len(wrong), "wrong")
    if path[1:2] == ["hallucination"] and transcript.hallucination is not None:
        flags = transcript.hallucination.flags
        lines = [
            f"made up? {flag.text!r}"
            + ("" if flag.start_s is None else f" at {clock(flag.start_s)}")
            for flag in flags[:_FIRST]
        ]
        return lines + _more(len(flags), "such stretches")
    if path[1] not in _RATES:
        return []
    lines = [error.message for error in transcript.errors[:_FIRST]]
    return lines + _more(len(transcript.errors) + transcript.errors_left_out, "wrong words")


_FOUND = ("found", "heard")
_RATES = ("wer", "cer", "mer", "wil", "wer_raw", "counts", "hallucinated_words")


def _more(count: int, what: str) -> list[str]:
    return [f"and {count - _FIRST:,} more {what}"] if count > _FIRST else []


def _turns(conversation: Conversation, name: str) -> tuple[list[str], tuple[float, float] | None]:
    kind = _INCIDENTS.get(name)
    if kind is not None:
        found = [each for each in conversation.incidents if each.type == kind]
        found.sort(key=lambda each: -(each.duration_ms.value or 0.0))
        lines = [
            f"{words(kind)} at {clock(each.at_s)}: {figure(each.duration_ms)}"
            for each in found[:_FIRST]
        ]
        span = _span(found[0]) if found else None
        return lines + _more(len(found), "such"), span
    of_yield = name == "yield_ms"
    turns = conversation.turns
    if name == "greeting_ms":
        turns = tuple(turn for turn in turns if turn.kind == "greeting")
    elif name == "first_heard_gap_ms":
        turns = tuple(turn for turn in turns if turn.first)
    timed = [(value, turn) for turn in turns if (value := _wait(turn, of_yield)) is not None]
    if not timed:
        return [], None
    value, turn = max(timed, key=lambda item: item[0])
    span = turn.span_s
    at = "" if span is None else f" from {clock(span[0])} to {clock(span[1])}"
    what = "the agent fell silent after" if of_yield else "heard gap"
    if turn.kind == "greeting":
        what = "greeted after"
    return [f"worst: turn {turn.id} ({words(turn.kind)}){at}: {what} {value:,.0f} ms"], span


def _span(incident: Incident) -> tuple[float, float]:
    return incident.at_s, incident.at_s + (incident.duration_ms.value or 0.0) / 1000


def _wait(turn: Turn, of_yield: bool) -> float | None:
    if of_yield:
        return None if turn.yield_ms is None else turn.yield_ms.value
    return turn.heard_gap_ms.value


def _speech(report: Report) -> tuple[list[str], tuple[float, float] | None]:
    channel = _scored(report)
    known = [
        (each.snr_db.value, each)
        for each in (channel.segments if channel else ())
        if each.snr_db.value is not None
    ]
    if not known:
        return [], None
    snr_db, worst = min(known, key=lambda item: item[0])
    span = (worst.start_s, worst.end_s)
    return [f"lowest SNR of speech: {snr_db:.1f} dB, {clock(span[0])} to {clock(span[1])}"], span


def _next(report: Report, path: Sequence[str], span: tuple[float, float] | None) -> Iterator[str]:
    """Yield the command that shows the place, where the recording is still there."""
    stage = _STAGES.get(path[0])
    files = report.source.files
    names = [file.path for file in files] or [report.source.path]
    if stage is None or not all(map(os.path.isfile, names)):
        return
    command = ["echotrace", "analyze"]
    if len(files) == 2:
        for file in files:
            command += [f"--{file.role}", file.path]
    else:
        command += names
    command += ["--stages", stage]
    if stage == "transcription":
        command += _reference(report.transcription)
    elif span is not None:
        command += ["--start", f"{max(0.0, span[0] - _AROUND_S):.1f}"]
        end = min(span[1] + _AROUND_S, report.source.duration_s or span[1] + _AROUND_S)
        command += ["--end", f"{end:.1f}"]
    typed = shlex.join(command)
    if typed == printable_line(typed):
        yield f"look: {typed}"


def _reference(transcript: Transcription | None) -> list[str]:
    if transcript is None or transcript.gold_source != "reference" or not transcript.gold:
        return []
    if len(transcript.gold) <= _SHORT_TEXT:
        return ["--reference", printable_line(transcript.gold)]
    return ["--reference-file", "WHAT_WAS_SAID.txt"]
