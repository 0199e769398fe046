"""A report as OpenTelemetry spans: OTLP JSON with the GenAI attribute names.

Shape: opentelemetry-proto ``trace.proto`` in its JSON mapping. The call is in the scope
``echotrace``: ``echotrace.call`` over an ``invoke_agent`` per turn (with when each side spoke and
the parts of the wait below it) and the pipeline's own spans as they were; the run that measured it
is a trace of its own in ``echotrace.run``. Names: OpenTelemetry's GenAI conventions; what those
have no name for is under ``echotrace.``. ``echotrace.traces`` reads all of it again.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from echotrace.render.json_text import dumps
from echotrace.traces.own import CALL, KIND, RUN_SCOPE, SCOPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from echotrace.model.conversation import Turn
    from echotrace.model.measure import JsonValue, Measurement
    from echotrace.model.reconciled import PipelineSpan, PipelineTurn, TurnPart
    from echotrace.model.report import Report
    from echotrace.render.base import RenderOptions

__all__ = ["OtlpRenderer"]

_UNIX_S: Final = 1e8
_FARTHEST_S: Final = 9e9
_DEPTH: Final = 32
_INT64: Final = 2**63
_INTERNAL: Final = 1
_OPERATIONS: Final = {
    "transcription": "speech_to_text",
    "llm_inference": "chat",
    "tool_call": "execute_tool",
    "speech_synthesis": "text_to_speech",
}
_FAILED: Final = 2


class OtlpRenderer:
    """Writes one ``resourceSpans`` document; options change nothing."""

    name = "otlp"
    file_suffix = ".otlp.json"

    def render(self, report: Report, options: RenderOptions) -> str:
        """Return the document, a line per span."""
        clock = _Clock(report)
        resource = {
            "service.name": "echotrace",
            "service.version": report.tool.version,
            "echotrace.job_id": report.job_id,
            "echotrace.schema": report.schema,
            "echotrace.time_base": clock.base,
        }
        scopes = [
            (SCOPE, _Call(report, clock).spans()),
            (RUN_SCOPE, _run(report, clock)),
        ]
        groups = ",\n".join(_scope(name, report.tool.version, spans) for name, spans in scopes)
        about = dumps({"attributes": _attributes(resource)})
        return f'{{"resourceSpans": [{{"resource": {about}, "scopeSpans": [\n{groups}\n]}}]}}\n'


def _scope(name: str, version: str, spans: Iterable[dict[str, Any]]) -> str:
    lines = ",\n".join(dumps(span) for span in spans)
    scope = dumps({"name": name, "version": version})
    return f'{{"scope": {scope}, "spans": [\n{lines}\n]}}'


class _Clock:
    """Unix nanoseconds of moments on the recording's clock.

    ``base`` tells where they come from: ``trace``, when the pipeline's unix times were fitted to
    the recording, else ``report``: the recording is laid to when the report was made.
    """

    def __init__(self, report: Report) -> None:
        self.run_ns = _made_ns(report.created_at)
        self.recording_ns, self.base = self.run_ns, "report"
        trace = report.pipeline.trace if report.pipeline else None
        self.has_fit = trace is None or (trace.has_recording and trace.clock.status != "refused")
        if trace is None or not self.has_fit:
            return
        if not _UNIX_S < trace.clock.origin_s < _FARTHEST_S:
            return
        offset = trace.clock.offset_ms
        offset_s = 0.0 if offset is None else (offset.value or 0.0) / 1000
        self.recording_ns = max(0, _ns(trace.clock.origin_s) - _ns(offset_s))
        self.base = "trace"

    def at(self, seconds: float) -> int:
        """A moment on the recording's clock."""
        return max(0, self.recording_ns + _ns(seconds))

    def of_span(self, seconds: float) -> int:
        """A moment of the pipeline's spans and parts, which without a fit keep their own clock."""
        is_unix = not self.has_fit and seconds > _UNIX_S
        return max(0, _ns(seconds)) if is_unix else self.at(seconds)


def _ns(seconds: float) -> int:
    return round(min(max(seconds, -_FARTHEST_S), _FARTHEST_S) * 1e9)


def _made_ns(created_at: str) -> int:
    try:
        made = datetime.fromisoformat(created_at.replace("Z", "+00:00"))
        return max(0, _ns(made.replace(tzinfo=made.tzinfo or timezone.utc).timestamp()))
    except (ValueError, OverflowError):
        return 0


class _Call:
    """The spans of the call; ids come from the job's, so that a report always gives the same."""

    def __init__(self, report: Report, clock: _Clock) -> None:
        self._report = report
        self._clock = clock
        self._trace = report.pipeline.trace if report.pipeline else None
        self._trace_id = _id(report.job_id, "call", size=32)
        self._root = _id(report.job_id, "call", "root")
        self._turns = report.conversation.turns if report.conversation else ()

    def spans(self) -> list[dict[str, Any]]:
        """Every span of the call, the one over all of them first."""
        inner = [*self._of_turns(), *self._own()]
        starts = [int(span["startTimeUnixNano"]) for span in inner]
        ends = [int(span["endTimeUnixNano"]) for span in inner]
        begin = min([self._clock.at(self._report.source.start_s), *starts])
        length_s = self._report.source.duration_s or 0.0
        end = max([self._clock.at(self._report.source.start_s + length_s), begin, *ends])
        return [self._span(CALL, self._root, None, begin, end, self._about(begin)), *inner]

    def _about(self, begin: int) -> dict[str, JsonValue]:
        report, trace = self._report, self._trace
        about: dict[str, JsonValue] = {
            KIND: "call",
            "gen_ai.conversation.id": (trace.session_id if trace else None) or report.job_id,
            "echotrace.source.path": report.source.path,
            "echotrace.source.sha256": report.source.sha256,
            "echotrace.status": report.status.value,
            "echotrace.score": report.score.value,
            "echotrace.grade": report.score.grade,
            "echotrace.recording_start_offset_s": (self._clock.recording_ns - begin) / 1e9,
        }
        if report.conversation is not None:
            figures = report.conversation.summary.heard_gap_ms
            about |= _figure("echotrace.heard_gap_ms.p50", figures.p50)
        if trace is not None:
            about |= {
                "echotrace.producer": trace.producer,
                "echotrace.producer_version": trace.producer_version,
                "echotrace.trace.kind": trace.kind,
                "echotrace.clock.status": trace.clock.status,
                "echotrace.spans_left_out": trace.spans_left_out,
            }
            about |= _figure("echotrace.claimed_gap_ms.p50", trace.claimed_gap_ms.p50)
            about |= _figure("echotrace.difference_ms.p50", trace.difference_ms.p50)
        return {key: value for key, value in about.items() if value is not None}

    def _of_turns(self) -> list[dict[str, Any]]:
        known = {turn.id: turn for turn in self._turns}
        told = self._trace.turns if self._trace is not None else ()
        taken = {turn.trace_turn_id for turn in told}
        free = (number for number in count(1) if number not in taken)
        spans = []
        for claimed in told:
            heard = None if claimed.turn_id is None else known.pop(claimed.turn_id, None)
            number = next(free) if claimed.trace_turn_id is None else claimed.trace_turn_id
            spans += self._turn(number, heard, claimed)
        for heard in known.values():
            spans += self._turn(next(free), heard, None)
        return spans

    def _turn(
        self, number: int, heard: Turn | None, claimed: PipelineTurn | None
    ) -> list[dict[str, Any]]:
        own_id = _id(self._report.job_id, "turn", str(number))
        parts = claimed.parts if claimed is not None else ()
        placed = [part for part in parts if part.start_s is not None and part.end_s is not None]
        children = self._sides(own_id, number, heard)
        children += [self._part(own_id, f"{number}.{at}", part) for at, part in enumerate(placed)]
        starts = [int(span["startTimeUnixNano"]) for span in children]
        begin = min(starts, default=self._clock.at(0.0))
        end = max((int(span["endTimeUnixNano"]) for span in children), default=begin)
        events = [
            {
                "timeUnixNano": str(begin),
                "name": "echotrace.part",
                "attributes": _attributes(_of_part(part)),
            }
            for part in parts
            if part not in placed
        ]
        attributes = self._turn_attributes(number, heard, claimed)
        turn = self._span("invoke_agent", own_id, self._root, begin, end, attributes)
        return [turn | ({"events": events} if events else {}), *children]

    def _turn_attributes(
        self, number: int, heard: Turn | None, claimed: PipelineTurn | None
    ) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {
            KIND: "turn",
            "gen_ai.operation.name": "invoke_agent",
            "echotrace.turn.number": number,
        }
        if heard is not None:
            found["echotrace.turn.id"] = heard.id
            found["echotrace.turn.kind"] = heard.kind
            found |= _figure("echotrace.heard_gap_ms", heard.heard_gap_ms)
            if heard.yield_ms is not None:
                found |= _figure("echotrace.yield_ms", heard.yield_ms)
        if claimed is not None:
            found |= _figure("echotrace.heard_gap_ms", claimed.heard_gap_ms)
            found |= _figure("echotrace.claimed_gap_ms", claimed.claimed_gap_ms)
            found |= _figure("echotrace.difference_ms", claimed.difference_ms)
            found["echotrace.bottleneck"] = claimed.bottleneck
            found["echotrace.counted"] = claimed.counted
            found["echotrace.why_not"] = claimed.why_not
            for part in claimed.parts:
                if part.key == "unaccounted":
                    found |= _figure("echotrace.unaccounted_ms", part.ms)
        is_cut = claimed is not None and "interrupt" in (claimed.why_not or "")
        found["gen_ai.agent.invocation.end_reason"] = "interrupted" if is_cut else "completed"
        return {key: value for key, value in found.items() if value is not None}

    def _sides(self, turn_id: str, number: int, heard: Turn | None) -> list[dict[str, Any]]:
        spans = []
        sides = () if heard is None else (("user", heard.user), ("agent", heard.agent))
        for role, side in sides:
            if side is not None:
                attributes = {KIND: "speech", "echotrace.side": role}
                own_id = _id(self._report.job_id, role, str(number))
                begin, end = self._clock.at(side.start_s), self._clock.at(side.end_s)
                name = f"{role}_speech"
                spans.append(self._span(name, own_id, turn_id, begin, end, attributes))
        return spans

    def _part(self, turn_id: str, place: str, part: TurnPart) -> dict[str, Any]:
        operation = _OPERATIONS.get(part.key)
        _, _, model = part.owner.partition(":")
        name = f"{operation} {model or part.owner}" if operation else part.key
        begin = self._clock.of_span(min(part.start_s or 0.0, part.end_s or 0.0))
        end = self._clock.of_span(max(part.start_s or 0.0, part.end_s or 0.0))
        own_id = _id(self._report.job_id, "part", place)
        return self._span(name, own_id, turn_id, begin, end, _of_part(part))

    def _own(self) -> list[dict[str, Any]]:
        """The pipeline's own spans; ids that are no span ids of OpenTelemetry are kept beside."""
        spans = self._trace.spans if self._trace is not None else ()
        ids = {span.id: _own_id(self._report.job_id, span.id) for span in spans}
        return [self._own_span(span, ids) for span in spans]

    def _own_span(self, span: PipelineSpan, ids: Mapping[str, str]) -> dict[str, Any]:
        parent = ids.get(span.parent_id or "")
        added: dict[str, JsonValue] = {
            KIND: "span",
            "echotrace.span_id": None if ids[span.id] == span.id else span.id,
            "echotrace.part": span.part,
            "echotrace.owner": span.owner,
            "echotrace.turn.number": span.turn,
            "echotrace.status": span.status if span.status not in ("ok", "failed") else None,
        }
        attributes = span.attributes | {k: v for k, v in added.items() if v is not None}
        begin = self._clock.of_span(span.start_s)
        end = max(begin, self._clock.of_span(span.end_s))
        found = self._span(span.name, ids[span.id], parent or self._root, begin, end, attributes)
        return found | ({"status": {"code": _FAILED}} if span.status == "failed" else {})

    def _span(
        self,
        name: str,
        own_id: str,
        parent: str | None,
        begin: int,
        end: int,
        attributes: Mapping[str, JsonValue],
    ) -> dict[str, Any]:
        return _span(self._trace_id, name, own_id, parent, begin, end, attributes)


def _of_part(part: TurnPart) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {
        KIND: "part",
        "gen_ai.operation.name": _OPERATIONS.get(part.key),
        "echotrace.part": part.key,
        "echotrace.owner": part.owner,
        "echotrace.owner_kind": part.owner_kind,
        "echotrace.inside": part.inside,
        "echotrace.taken_from": part.taken_from,
    } | _figure("echotrace.part_ms", part.ms)
    provider, sign, model = part.owner.partition(":")
    if part.owner_kind == "service" and sign:
        found |= {"gen_ai.provider.name": provider, "gen_ai.request.model": model}
    elif part.key == "tool_call":
        found["gen_ai.tool.name"] = part.owner
    return {key: value for key, value in found.items() if value is not None}


def _run(report: Report, clock: _Clock) -> list[dict[str, Any]]:
    """EchoTrace's own spans, from when the report was made."""
    spans = report.latency.spans if report.latency is not None else ()
    trace_id = _id(report.job_id, "run", size=32)
    ids = {span.id: _id(report.job_id, "run", str(span.id)) for span in spans}
    found = []
    for span in spans:
        begin = max(0, clock.run_ns + _ns(span.start_ms / 1000))
        end = max(begin, clock.run_ns + _ns((span.start_ms + span.duration_ms) / 1000))
        added = {"echotrace.cpu_ms": span.cpu_ms, "echotrace.simulated": span.simulated or None}
        attributes = span.attributes | {k: v for k, v in added.items() if v is not None}
        parent = ids.get(span.parent_id) if span.parent_id is not None else None
        made = _span(trace_id, span.name, ids[span.id], parent, begin, end, attributes)
        found.append(made | ({"status": {"code": _FAILED}} if span.status == "failed" else {}))
    return found


def _span(
    trace_id: str,
    name: str,
    own_id: str,
    parent: str | None,
    begin: int,
    end: int,
    attributes: Mapping[str, JsonValue],
) -> dict[str, Any]:
    found: dict[str, Any] = {"traceId": trace_id, "spanId": own_id}
    if parent is not None:
        found["parentSpanId"] = parent
    return found | {
        "name": name,
        "kind": _INTERNAL,
        "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(max(begin, end)),
        "attributes": _attributes(attributes),
        "status": {},
    }


def _figure(name: str, figure: Measurement) -> dict[str, JsonValue]:
    """A figure as attributes: its value, or its status and the reason why it has none."""
    if figure.value is None:
        return {f"{name}.status": figure.status.value, f"{name}.reason": figure.reason}
    found: dict[str, JsonValue] = {name: figure.value}
    if figure.status.value != "measured":
        found[f"{name}.status"] = figure.status.value
    for bound, value in (("low", figure.low), ("high", figure.high)):
        if value is not None:
            found[f"{name}.{bound}"] = value
    return found


def _attributes(values: Mapping[str, JsonValue]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value, _DEPTH)} for key, value in values.items()]


def _value(value: JsonValue, depth: int) -> dict[str, Any]:
    """One value as an OTLP AnyValue; 64-bit integers are strings there."""
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        is_long = -_INT64 <= value < _INT64
        return {"intValue": str(value)} if is_long else {"stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    if depth <= 0:
        return {"stringValue": dumps(value)}
    if isinstance(value, dict):
        items = [{"key": str(key), "value": _value(held, depth - 1)} for key, held in value.items()]
        return {"kvlistValue": {"values": items}}
    return {"arrayValue": {"values": [_value(held, depth - 1) for held in value]}}


def _own_id(job_id: str, span_id: str) -> str:
    is_one = len(span_id) == 16 and set(span_id) <= set("0123456789abcdef") and span_id.strip("0")
    return span_id if is_one else _id(job_id, "span", span_id)


def _id(*parts: str, size: int = 16) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:size]
