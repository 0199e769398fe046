"""A report as Chrome trace events, which Perfetto opens (https://ui.perfetto.dev).

Format: "Trace Event Format" (JSON object form). Times are whole microseconds of the recording and
never negative: where a trace reaches back before the recording, everything is moved by the same
amount, which ``otherData`` names. Complete events (``X``) on one thread nest; what overlaps is
written as an asynchronous pair (``b``, ``e``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from echotrace.render.json_text import dumps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echotrace.model.conversation import Turn
    from echotrace.model.measure import Measurement
    from echotrace.model.reconciled import PipelineSpan, PipelineTrace, TurnPart
    from echotrace.model.report import Report
    from echotrace.model.signal import Envelope
    from echotrace.render.base import RenderOptions

__all__ = ["ChromeTraceRenderer"]

_CHANNEL_PID: Final = 11
_PARTS_PID: Final = 101
_PIPELINE_PID: Final = 102
_RUN_PID: Final = 103
_SPEECH_TID: Final = 1
_TURN_TID: Final = 2
_INCIDENT_TID: Final = 3
_QUIETEST_DBFS: Final = -100.0
_EARLIEST_S: Final = -3600.0
_LONGEST_S: Final = 1e7
"""What a wild figure puts further away is drawn at this end: it must not hide all the rest."""
_SIDES: Final = {"caller": "user", "agent": "agent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slice:
    """One stretch of time on a thread, in seconds of that process's clock."""

    name: str
    start_s: float
    end_s: float
    args: dict[str, Any] = field(default_factory=dict)
    category: str = "echotrace"


class ChromeTraceRenderer:
    """Writes one JSON object with ``traceEvents``; options change nothing."""

    name = "perfetto"
    file_suffix = ".perfetto.json"

    def render(self, report: Report, options: RenderOptions) -> str:
        """Return the document on one line per event, so that it can be read and compared."""
        writer = _Writer(_earliest(report))
        _channels(writer, report)
        _pipeline(writer, report)
        _run(writer, report)
        other = {
            "schema": report.schema,
            "job_id": report.job_id,
            "recording": report.source.path,
            "recording_starts_at_us": writer.at(0.0),
        }
        head = dumps({"displayTimeUnit": "ms", "otherData": other})[:-1]
        events = ",\n".join(dumps(each) for each in writer.events)
        return f'{head}, "traceEvents": [\n{events}\n]}}\n'


class _Writer:
    """Collects events; ``zero_s`` is the moment that becomes 0."""

    def __init__(self, zero_s: float) -> None:
        self.zero_s = zero_s
        self.events: list[dict[str, Any]] = []
        self._ids = 0

    def at(self, seconds: float) -> int:
        """Microseconds from the moment that is 0."""
        return round(min(max(0.0, seconds - self.zero_s), _LONGEST_S) * 1e6)

    def process(self, pid: int, name: str, order: int) -> None:
        """Name a process and put it in its place."""
        self._about("process_name", pid, 0, name=name)
        self._about("process_sort_index", pid, 0, sort_index=order)

    def thread(self, pid: int, tid: int, name: str) -> None:
        """Name a thread and put it in its place."""
        self._about("thread_name", pid, tid, name=name)
        self._about("thread_sort_index", pid, tid, sort_index=tid)

    def slices(self, pid: int, tid: int, found: Iterable[_Slice]) -> None:
        """Write slices: complete events where they nest, asynchronous pairs where they overlap."""
        ordered = sorted(
            (
                (self.at(each.start_s), self.at(max(each.start_s, each.end_s)), each)
                for each in found
            ),
            key=lambda item: (item[0], -item[1]),
        )
        open_until: list[int] = []
        for start, end, each in ordered:
            while open_until and open_until[-1] <= start:
                open_until.pop()
            if open_until and end > open_until[-1]:
                self._pair(pid, tid, start, end, each)
                continue
            open_until.append(end)
            self._event("X", pid, tid, each, start, dur=end - start, args=each.args)

    def counter(
        self, pid: int, name: str, unit: str, points: Iterable[tuple[float, float]]
    ) -> None:
        """Write a counter; a value that does not change is not repeated."""
        last = None
        for seconds, value in points:
            if value != last:
                base = {"name": name, "cat": "envelope", "ph": "C", "pid": pid, "tid": 0}
                self.events.append(base | {"ts": self.at(seconds), "args": {unit: value}})
                last = value

    def flow(self, name: str, begin: tuple[int, int, float], end: tuple[int, int, float]) -> None:
        """Draw an arrow between two places: (pid, tid, seconds), each inside a complete event."""
        self._ids += 1
        shared = {"name": name, "cat": "turn", "id": self._ids}
        for sign, (pid, tid, seconds) in (("s", begin), ("f", end)):
            event = shared | {"ph": sign, "pid": pid, "tid": tid, "ts": self.at(seconds)}
            self.events.append(event | ({"bp": "e"} if sign == "f" else {}))

    def _pair(self, pid: int, tid: int, start: int, end: int, each: _Slice) -> None:
        self._ids += 1
        own_id = {"local": f"0x{self._ids:x}"}
        self._event("b", pid, tid, each, start, id2=own_id, args=each.args)
        self._event("e", pid, tid, each, end, id2=own_id)

    def _event(self, sign: str, pid: int, tid: int, each: _Slice, ts: int, **extra: Any) -> None:
        base = {"name": each.name, "cat": each.category, "ph": sign, "pid": pid, "tid": tid}
        self.events.append(base | {"ts": ts} | extra)

    def _about(self, what: str, pid: int, tid: int, **args: Any) -> None:
        self.events.append({"name": what, "ph": "M", "pid": pid, "tid": tid, "ts": 0, "args": args})


def _earliest(report: Report) -> float:
    """The first moment of anything on the recording's clock, 0 or before it."""
    moments = [0.0]
    trace = report.pipeline.trace if report.pipeline else None
    if trace is not None and _is_placed(trace):
        for turn in trace.turns:
            moments += [at for part in turn.parts for at in (part.start_s, part.end_s) if at]
        moments += [span.start_s for span in trace.spans]
    if report.conversation is not None:
        moments += [turn.span_s[0] for turn in report.conversation.turns if turn.span_s]
    return max(min(moments), _EARLIEST_S)


def _is_placed(trace: PipelineTrace) -> bool:
    """Whether the trace's own spans are on the recording's clock."""
    return trace.has_recording and trace.clock.status != "refused"


def _channels(writer: _Writer, report: Report) -> None:
    roles = {channel.index: channel.role for channel in report.source.channels}
    segments = {channel.index: channel.segments for channel in _signals(report)}
    turns = report.conversation.turns if report.conversation else ()
    places: dict[str, int] = {}
    for order, index in enumerate(sorted({*roles, *segments})):
        pid, role = _CHANNEL_PID + order, roles.get(index, "unknown")
        places[role] = pid
        writer.process(pid, f"channel {index}: {role}", order)
        writer.thread(pid, _SPEECH_TID, "speech")
        writer.slices(
            pid,
            _SPEECH_TID,
            (
                _Slice(
                    name="speech",
                    start_s=each.start_s,
                    end_s=each.end_s,
                    args=_figure("snr_db", each.snr_db),
                )
                for each in segments.get(index, ())
            ),
        )
        if role in _SIDES and turns:
            writer.thread(pid, _TURN_TID, "turns")
            writer.slices(pid, _TURN_TID, _sides(turns, role))
        if report.signal is not None and report.signal.envelope is not None:
            _envelope(writer, pid, index, report.signal.envelope, report.source.start_s)
    if {"caller", "agent"} <= places.keys():
        _flows(writer, turns, places["caller"], places["agent"])
    if report.conversation is not None and places:
        _incidents(writer, report, places.get("caller", _CHANNEL_PID))


def _signals(report: Report) -> Iterable[Any]:
    return report.signal.channels if report.signal is not None else ()


def _sides(turns: Iterable[Turn], role: str) -> Iterator[_Slice]:
    for turn in turns:
        side = turn.user if _SIDES[role] == "user" else turn.agent
        if side is None:
            continue
        args: dict[str, Any] = {"turn": turn.id, "kind": turn.kind}
        if role == "agent":
            args |= _figure("heard_gap_ms", turn.heard_gap_ms)
            if turn.yield_ms is not None:
                args |= _figure("yield_ms", turn.yield_ms)
        name = f"turn {turn.id} {turn.kind}"
        yield _Slice(name=name, start_s=side.start_s, end_s=side.end_s, args=args, category="turn")


def _flows(writer: _Writer, turns: Iterable[Turn], caller: int, agent: int) -> None:
    """An arrow over each heard gap; a slice's last microsecond is still inside it."""
    for turn in turns:
        if turn.user is None or turn.agent is None or turn.agent.start_s < turn.user.end_s:
            continue
        last_s = max(turn.user.start_s, turn.user.end_s - 1e-6)
        writer.flow(
            "heard gap",
            (caller, _TURN_TID, last_s),
            (agent, _TURN_TID, turn.agent.start_s),
        )


def _incidents(writer: _Writer, report: Report, pid: int) -> None:
    incidents = report.conversation.incidents if report.conversation else ()
    if not incidents:
        return
    writer.thread(pid, _INCIDENT_TID, "incidents")
    writer.slices(
        pid,
        _INCIDENT_TID,
        (
            _Slice(
                name=each.type,
                start_s=each.at_s,
                end_s=each.at_s + max(0.0, each.duration_ms.value or 0.0) / 1000,
                args={"turn": each.turn_id, "severity": each.severity.value}
                | _figure("duration_ms", each.duration_ms),
                category="incident",
            )
            for each in incidents
        ),
    )


def _envelope(writer: _Writer, pid: int, index: int, envelope: Envelope, begins_s: float) -> None:
    held = next((each for each in envelope.channels if each.index == index), None)
    if held is None:
        return
    peaks = (max(abs(low), abs(high)) for low, high in zip(held.min, held.max, strict=False))
    levels = (round(max(0.0, _dbfs(peak) - _QUIETEST_DBFS), 1) for peak in peaks)
    name = f"level (peak, from {_QUIETEST_DBFS:.0f} dBFS up)"
    writer.counter(pid, name, "dB", _over(levels, begins_s, envelope.column_s))
    chances = (round(chance, 3) for chance in held.speech_probability)
    writer.counter(pid, "speech", "probability", _over(chances, begins_s, envelope.column_s))


def _over(
    values: Iterable[float], begins_s: float, column_s: float
) -> Iterator[tuple[float, float]]:
    for at, value in enumerate(values):
        yield begins_s + at * column_s, value


def _dbfs(peak: float) -> float:
    return 20.0 * math.log10(peak) if peak > 0.0 else -math.inf


def _pipeline(writer: _Writer, report: Report) -> None:
    trace = report.pipeline.trace if report.pipeline else None
    if trace is None:
        return
    placed = [
        (part, turn.turn_id if turn.turn_id is not None else turn.trace_turn_id)
        for turn in trace.turns
        for part in turn.parts
        if part.start_s is not None and part.end_s is not None
    ]
    shift_s = _shift(writer, trace)
    clock = "" if _is_placed(trace) else " (on the trace's own clock)"
    if placed:
        writer.process(_PARTS_PID, f"where the gap went{clock}", 50)
        _threads(writer, _PARTS_PID, (_part(part, turn, shift_s) for part, turn in placed))
    if trace.spans:
        title = f"pipeline: {trace.producer or trace.kind}{clock}"
        if trace.spans_left_out:
            title += f" ({trace.spans_left_out:,} spans left out)"
        writer.process(_PIPELINE_PID, title, 60)
        _threads(writer, _PIPELINE_PID, (_span(span, shift_s) for span in trace.spans))


def _shift(writer: _Writer, trace: PipelineTrace) -> float:
    """How far times of the trace are moved: to the beginning where no clock fits."""
    if _is_placed(trace):
        return 0.0
    moments = [span.start_s for span in trace.spans]
    moments += [
        at
        for turn in trace.turns
        for part in turn.parts
        for at in (part.start_s, part.end_s)
        if at is not None
    ]
    return min(moments, default=0.0) - writer.zero_s


def _threads(writer: _Writer, pid: int, found: Iterable[_Slice]) -> None:
    """Write slices on a thread for each name."""
    by_name: dict[str, list[_Slice]] = {}
    for each in found:
        by_name.setdefault(each.name, []).append(each)
    for tid, (name, held) in enumerate(by_name.items(), 1):
        writer.thread(pid, tid, name)
        writer.slices(pid, tid, held)


def _part(part: TurnPart, turn: int | None, shift_s: float) -> _Slice:
    ends = ((part.start_s or 0.0) - shift_s, (part.end_s or 0.0) - shift_s)
    args: dict[str, Any] = {"turn": turn, "owner": part.owner, "owner_kind": part.owner_kind}
    args |= _figure("ms", part.ms) | {"taken_from": part.taken_from}
    if part.inside is not None:
        args["inside"] = part.inside
    return _Slice(name=part.key, start_s=min(ends), end_s=max(ends), args=args, category="part")


def _span(span: PipelineSpan, shift_s: float) -> _Slice:
    return _Slice(
        name=span.name,
        start_s=span.start_s - shift_s,
        end_s=span.end_s - shift_s,
        args={
            "id": span.id,
            "parent": span.parent_id,
            "turn": span.turn,
            "part": span.part,
            "owner": span.owner,
            "status": span.status,
            "attributes": span.attributes,
        },
        category="pipeline",
    )


def _run(writer: _Writer, report: Report) -> None:
    """How long EchoTrace itself took: beside the recording's time, not on it."""
    if report.latency is None or not report.latency.spans:
        return
    writer.process(_RUN_PID, "EchoTrace's own run (from 0, not the recording's time)", 90)
    writer.thread(_RUN_PID, 1, "stages")
    spans = report.latency.spans
    begins_ms = min(0.0, *(span.start_ms for span in spans))
    writer.slices(
        _RUN_PID,
        1,
        (
            _Slice(
                name=span.name,
                start_s=writer.zero_s + (span.start_ms - begins_ms) / 1000,
                end_s=writer.zero_s + (span.start_ms - begins_ms + span.duration_ms) / 1000,
                args={
                    "cpu_ms": span.cpu_ms,
                    "status": span.status,
                    "slow": span.slow,
                    "simulated": span.simulated,
                    "attributes": span.attributes,
                },
                category="run",
            )
            for span in spans
        ),
    )


def _figure(name: str, figure: Measurement) -> dict[str, Any]:
    """A figure for the details of a slice: its value, or why it has none."""
    if figure.value is None:
        return {name: f"{figure.status.value}: {figure.reason}"}
    held: dict[str, Any] = {name: figure.value}
    if figure.status.value != "measured":
        held[f"{name}.status"] = figure.status.value
    return held
