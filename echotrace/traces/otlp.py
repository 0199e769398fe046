"""OpenTelemetry spans as files hold them: OTLP JSON in its spellings, and the console exporter's.

Shape: opentelemetry-proto ``trace.proto`` in its JSON mapping (64-bit integers as strings, ids in
hex); protobuf's own JSON writer (ids in base64, names in snake case) and the Python SDK's
``ReadableSpan.to_json`` are understood too.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from echotrace.model.measure import JsonValue
from echotrace.traces.values import MAX_DEPTH, TOO_DEEP, bounded, mapping, number, sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.traces.document import Document

__all__ = ["RawSpan", "has_spans", "raw_spans", "span_sources"]

_HEX: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{16}|[0-9a-fA-F]{32})\Z")
_ISO_FRACTION: Final = re.compile(r"\.(\d+)")
_KNOWN: Final = frozenset(
    {
        *("traceId", "trace_id", "spanId", "span_id", "parentSpanId", "parent_span_id"),
        *("startTimeUnixNano", "start_time_unix_nano", "start_time", "parent_id", "context"),
        *("endTimeUnixNano", "end_time_unix_nano", "end_time", "attributes", "events", "links"),
        *("name", "kind", "status", "flags", "resource", "scope", "instrumentation_scope"),
    }
)
"""Fields that have a place of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSpan:
    """One span before anybody asks what it means.

    ``start_s`` and ``end_s`` are None where nothing readable stood there; ``is_lossy`` marks times
    that went through floating point numbers. What is no attribute of the span itself is kept in
    ``attributes`` under names that begin with ``otlp.``.
    """

    id: str
    name: str
    start_s: float | None
    end_s: float | None
    parent_id: str | None = None
    trace_id: str | None = None
    scope: str = ""
    status: str = "ok"
    is_lossy: bool = False
    attributes: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanSource:
    """The spans of one scope as they stand in the file, with what stands around them."""

    scope: str
    scope_attributes: dict[str, JsonValue]
    resource: JsonValue
    spans: list[dict[str, Any]]


def has_spans(document: Document) -> bool:
    """Whether a file holds OpenTelemetry spans at all."""
    return any(source.spans for source in span_sources(document))


def span_sources(document: Document) -> Iterator[SpanSource]:
    """The spans of a file, scope by scope, undecoded: cheap enough to ask every importer."""
    loose: list[dict[str, Any]] = []
    for item in document.objects:
        resources = _either(item, "resourceSpans", "resource_spans")
        if resources is not None:
            for resource in map(mapping, sequence(resources)):
                yield from _of_resource(resource)
        elif _is_span(item):
            loose.append(item)
        elif isinstance(item.get("spans"), list):
            loose.extend(span for span in item["spans"] if _is_span(span))
    if loose:
        yield SpanSource(scope="", scope_attributes={}, resource=None, spans=loose)


def raw_spans(document: Document) -> Iterator[RawSpan]:
    """Every span of a file, decoded, in the file's order."""
    for source in span_sources(document):
        for position, span in enumerate(source.spans):
            yield _decoded(span, source.scope, position)


def attributes_of(value: JsonValue, *, depth: int = MAX_DEPTH) -> dict[str, JsonValue]:
    """Attributes as a plain dictionary, from OTLP's list of keys and values or from one already."""
    if isinstance(value, dict):
        return {key: bounded(item, depth=depth - 1) for key, item in value.items()}
    found: dict[str, JsonValue] = {}
    for item in sequence(value):
        if isinstance(item, dict) and isinstance(item.get("key"), str):
            found[item["key"]] = _value(item.get("value"), depth - 1)
    return found


def _of_resource(resource: dict[str, Any]) -> Iterator[SpanSource]:
    groups = _either(resource, "scopeSpans", "scope_spans", "instrumentationLibrarySpans")
    for group in map(mapping, sequence(groups)):
        scope = mapping(_either(group, "scope", "instrumentationLibrary"))
        yield SpanSource(
            scope=str(scope.get("name") or ""),
            scope_attributes={key: bounded(item) for key, item in scope.items() if key != "name"},
            resource=resource.get("resource"),
            spans=[span for span in sequence(group.get("spans")) if isinstance(span, dict)],
        )


def _is_span(item: JsonValue) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("name"), str)
        and _either(item, "spanId", "span_id", "context") is not None
        and _either(item, "startTimeUnixNano", "start_time_unix_nano", "start_time") is not None
    )


def _decoded(span: dict[str, Any], scope: str, position: int) -> RawSpan:
    context = mapping(span.get("context"))
    start, start_lossy = _moment(span, "start")
    end, end_lossy = _moment(span, "end")
    attributes = attributes_of(span.get("attributes"))
    attributes.update(_extras(span))
    own_id = _id(_either(span, "spanId", "span_id")) or _id(context.get("span_id"))
    own_scope = mapping(_either(span, "scope", "instrumentation_scope")).get("name")
    return RawSpan(
        id=own_id or f"unnamed-{position}",
        name=str(span.get("name") or ""),
        start_s=start,
        end_s=end,
        parent_id=_id(_either(span, "parentSpanId", "parent_span_id", "parent_id")),
        trace_id=_id(_either(span, "traceId", "trace_id")) or _id(context.get("trace_id")),
        scope=scope or str(own_scope or ""),
        status=_status(span.get("status")),
        is_lossy=start_lossy or end_lossy,
        attributes=attributes,
    )


def _extras(span: dict[str, Any]) -> dict[str, JsonValue]:
    """What a span holds beside its attributes: events, links, a status message, unknown fields."""
    found: dict[str, JsonValue] = {}
    events = [_event(event) for event in sequence(span.get("events")) if isinstance(event, dict)]
    if events:
        found["otlp.events"] = events
    if span.get("links"):
        found["otlp.links"] = [
            {**bounded(link), "attributes": attributes_of(link.get("attributes"))}
            for link in sequence(span["links"])
            if isinstance(link, dict)
        ]
    status = mapping(span.get("status"))
    if message := status.get("message") or status.get("description"):
        found["otlp.status_message"] = bounded(message)
    for key, value in span.items():
        if key not in _KNOWN and value not in (0, None, "", [], {}):
            found[f"otlp.{key}"] = bounded(value)
    return found


def _event(event: dict[str, Any]) -> dict[str, JsonValue]:
    at, _ = _moment(event, "")
    return {
        "name": event.get("name"),
        "at_s": at,
        "attributes": attributes_of(event.get("attributes")),
    }


def _value(value: JsonValue, depth: int) -> JsonValue:
    """One OTLP AnyValue as plain JSON."""
    if depth <= 0:
        return TOO_DEEP
    if not isinstance(value, dict) or len(value) != 1:
        return None if value in ({}, None) else bounded(value, depth=depth)
    ((kind, held),) = value.items()
    if kind == "stringValue" and isinstance(held, str):
        return held
    if kind in ("intValue", "int_value"):
        try:
            return int(held) if isinstance(held, str) and len(held) <= 40 else held
        except ValueError:
            return held
    if kind in ("doubleValue", "double_value"):
        return number(held)  # "NaN" and "Infinity" are strings in OTLP JSON
    if kind in ("arrayValue", "array_value"):
        return [_value(item, depth - 1) for item in sequence(mapping(held).get("values"))]
    if kind in ("kvlistValue", "kvlist_value"):
        return attributes_of(sequence(mapping(held).get("values")), depth=depth)
    if kind in ("stringValue", "string_value", "boolValue", "bool_value", "bytesValue"):
        return bounded(held, depth=depth)
    return bounded(value, depth=depth)


def _moment(item: dict[str, Any], which: str) -> tuple[float | None, bool]:
    """A time in seconds, and whether nanoseconds were lost in a floating point number.

    ``which`` is start, end or empty for an event's; OTLP names are always nanoseconds, the loose
    ones (``start_time``) tell their unit by their size.
    """
    camel = f"{which}TimeUnixNano" if which else "timeUnixNano"
    snake = f"{which}_time_unix_nano" if which else "time_unix_nano"
    value = _either(item, camel, snake)
    if value is not None:
        return _nanoseconds(value)
    value = _either(item, f"{which}_time" if which else "timestamp")
    if isinstance(value, str) and "T" in value:
        return _iso(value), False
    found = number(value)
    if found is None:
        return None, False
    scale = next((unit for least, unit in _UNITS if abs(found) >= least), 1.0)
    return found / scale, False


_UNITS: Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))


def _nanoseconds(value: JsonValue) -> tuple[float | None, bool]:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 30:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return (value / 1e9, False) if abs(value) < 10**30 else (None, False)
    found = number(value)
    return (None, False) if found is None else (found / 1e9, True)


def _iso(value: str) -> float | None:
    moment = _ISO_FRACTION.sub(lambda found: "." + found.group(1)[:6].ljust(6, "0"), value)
    try:
        found = datetime.fromisoformat(moment.replace("Z", "+00:00"))
        return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None


def _id(value: JsonValue) -> str | None:
    """An id in lower-case hex, whichever way it was written; None for none and for zeros."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value:016x}"
    if not isinstance(value, str) or not value:
        return None
    if match := _HEX.match(value):
        found = match.group(1).lower()
    else:
        found = value
        try:
            plain = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            plain = b""
        if len(plain) in (8, 16):
            found = plain.hex()
    return found if found.strip("0") else None


def _status(value: JsonValue) -> str:
    code = _either(mapping(value), "code", "status_code", "statusCode")
    return "failed" if code in (2, "2", "ERROR", "STATUS_CODE_ERROR") else "ok"


def _either(item: dict[str, Any], *keys: str) -> JsonValue:
    for key in keys:
        if item.get(key) is not None:
            return item[key]
    return None
